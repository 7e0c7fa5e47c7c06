"""The second version's transforms: whole samples, and what it adds."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import gradcore
import gradcore.vision.transforms as T
from gradcore.vision.transforms import v2

Image = pytest.importorskip("PIL.Image")


def picture(seed=0, side=8):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_same_as_the_first_version():
    first = T.Compose([T.RandomCrop(6, padding=1), T.ToTensor(), T.Normalize([0.5] * 3, [0.2] * 3)])
    second = v2.Compose(
        [
            v2.RandomCrop(6, padding=1),
            v2.ToImage(),
            v2.ToDtype(gradcore.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.2] * 3),
        ]
    )
    gradcore.manual_seed(1)
    expected = first(picture())
    gradcore.manual_seed(1)
    assert gradcore.allclose(second(picture()), expected)


def test_the_rest_of_a_sample_passes_through():
    flip = v2.RandomHorizontalFlip(p=1)
    mirrored = np.asarray(picture())[:, ::-1]
    target = gradcore.tensor([1, 2])
    image, label = flip(picture(), 3)
    np.testing.assert_array_equal(np.asarray(image), mirrored)
    assert label == 3
    sample = flip({"image": picture(), "target": [target, "name"]})
    np.testing.assert_array_equal(np.asarray(sample["image"]), mirrored)
    assert sample["target"][0] is target
    Pair = namedtuple("Pair", "image target")
    assert flip(Pair(picture(), 1)).target == 1


def test_first_tensor_is_the_image_where_there_is_no_picture():
    image, mask = gradcore.arange(3).view(1, 1, 3), gradcore.arange(3).view(1, 1, 3)
    flipped, same = v2.RandomHorizontalFlip(p=1)(image, mask)
    assert flipped.flatten().tolist() == [2, 1, 0]
    assert same is mask


def test_images_of_a_sample_get_the_same_numbers():
    gradcore.manual_seed(0)
    crop = v2.RandomCrop(3)
    for _ in range(5):
        a, b = crop(picture(), picture())
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert len({np.asarray(crop(picture(), picture())[0]).tobytes() for _ in range(10)}) > 1


def test_choosing():
    add, triple = (lambda x: x + 1), (lambda x: 3 * x)
    assert {v2.RandomChoice([add, triple])(5) for _ in range(50)} == {6, 15}
    assert {v2.RandomOrder([add, triple])(1) for _ in range(50)} == {4, 6}
    assert v2.RandomApply([add, triple], p=1.0)(1) == 6
    assert v2.RandomApply([add, triple], p=0.0)(1) == 1
    assert v2.Identity()(1, 2) == (1, 2)
    assert v2.Lambda(add, int)((1, "a")) == (2, "a")


@pytest.mark.parametrize("cls", [v2.Compose, v2.RandomApply, v2.RandomChoice, v2.RandomOrder])
def test_compositions_need_transforms(cls):
    with pytest.raises(TypeError, match="should be a sequence of callables"):
        cls(3)
    with pytest.raises(ValueError, match="at least one transform"):
        cls([])


def test_conversions():
    pixels = np.asarray(picture())
    chw = pixels.transpose(2, 0, 1)
    for source in (picture(), pixels):
        np.testing.assert_array_equal(v2.ToImage()(source).numpy(), chw)
    assert v2.ToDtype(gradcore.float32)(gradcore.tensor([[200]])).item() == 200
    assert v2.ConvertImageDtype()(v2.ToImage()(pixels)).max() <= 1
    np.testing.assert_array_equal(np.asarray(v2.ToPILImage()(v2.PILToTensor()(picture()))), pixels)
    assert tuple(v2.RGB()(gradcore.zeros(1, 2, 2)).shape) == (3, 2, 2)
    with pytest.warns(UserWarning, match="deprecated"):
        assert v2.ToTensor()(picture()).dtype == gradcore.float32
    with pytest.raises(ValueError, match="dtype must be a torch.dtype"):
        v2.ToDtype({})


def test_color_jitter_takes_none():
    assert v2.ColorJitter(hue=0.1).brightness is None


def test_functional():
    x = gradcore.arange(4).view(1, 2, 2)
    assert v2.functional.horizontal_flip(x).flatten().tolist() == [1, 0, 3, 2]
    assert v2.functional.get_size(picture(side=5)) == [5, 5]
    with pytest.raises(TypeError, match="PIL image"):
        v2.functional.to_image(3)


def test_mixup(device):
    gradcore.manual_seed(0)
    images = gradcore.tensor([[0.0], [1.0]], device=device).view(2, 1, 1, 1)
    labels = gradcore.tensor([0, 2], device=device)
    mixed, shares = v2.MixUp(num_classes=3)(images, labels)
    first, second = mixed.flatten().tolist()
    assert 0 < first < 1
    assert abs(first + second - 1) < 1e-6
    assert gradcore.allclose(
        shares.cpu(), gradcore.tensor([[second, 0, first], [first, 0, second]])
    )


def test_cutmix(device):
    gradcore.manual_seed(0)
    images = gradcore.arange(2.0, device=device).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    batch = {"images": images, "labels": gradcore.eye(2, device=device), "name": "a"}
    for _ in range(5):
        out = v2.CutMix(alpha=0.5)(batch)
        replaced = out["images"][0, 0].mean().item()
        assert abs(out["labels"][0, 1].item() - replaced) < 1e-6
        assert out["name"] == "a"


@pytest.mark.parametrize(
    "sample, message",
    [
        ((gradcore.zeros(2, 3, 4, 4), gradcore.zeros(2).long()), "num_classes must be passed"),
        ((gradcore.zeros(3, 4, 4), gradcore.zeros(3, 2)), "4 dims, but got 3"),
        ((gradcore.zeros(3, 1, 4, 4), gradcore.zeros(2, 2)), "does not match the batch size"),
        ((gradcore.zeros(2, 1, 4, 4), 3), "labels_getter"),
        ({"images": gradcore.zeros(2, 1, 4, 4)}, "where the labels are"),
        ((Image.new("L", (1, 1)), gradcore.zeros(1, 2)), "does not support PIL images"),
    ],
)
def test_mixing_errors(sample, message):
    with pytest.raises(ValueError, match=message):
        v2.CutMix()(sample)
