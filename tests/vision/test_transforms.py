"""Transforms that move pixels, and those that put others together, on known answers."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import gradcore
import gradcore.vision.transforms as T
import gradcore.vision.transforms.functional as F

Image = pytest.importorskip("PIL.Image")


def picture(rows):
    """A grey PIL image."""
    return Image.fromarray(np.array(rows, np.uint8))


def image(rows):
    """A tensor image of one channel."""
    return gradcore.tensor([rows], dtype=gradcore.uint8)


def rows(x):
    return np.asarray(x).tolist() if isinstance(x, Image.Image) else x[0].tolist()


BOTH = pytest.mark.parametrize("make", [picture, image])
LINE = [[1, 2, 3, 4]]
SQUARE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


# --------------------------------------------------------------------------- padding


@BOTH
@pytest.mark.parametrize(
    "mode, expected",
    [
        ("constant", [0, 0, 1, 2, 3, 4, 0, 0]),
        ("edge", [1, 1, 1, 2, 3, 4, 4, 4]),
        ("reflect", [3, 2, 1, 2, 3, 4, 3, 2]),
        ("symmetric", [2, 1, 1, 2, 3, 4, 4, 3]),
    ],
)
def test_padding_modes(make, mode, expected):
    assert rows(T.Pad((2, 0), padding_mode=mode)(make(LINE))) == [expected]


@BOTH
def test_pad_sides(make):
    assert rows(F.pad(make([[5]]), [1, 2, 0, 1], fill=9)) == [[9, 9], [9, 9], [9, 5], [9, 9]]
    assert rows(F.pad(make(LINE), (-1, 0), padding_mode="edge")) == [[2, 3]]
    assert rows(F.pad(make(LINE), [-1, 0, 1, 0])) == [[2, 3, 4, 0]]
    assert rows(F.pad(make(LINE), [-1, 0, 2, 0], padding_mode="symmetric")) == [[2, 3, 4, 4, 3]]


def test_pad_color():
    out = F.pad(Image.new("RGB", (1, 1)), [1, 0, 0, 0], fill=(10, 20, 30))
    assert np.asarray(out).tolist() == [[[10, 20, 30], [0, 0, 0]]]


def test_pad_keeps_the_palette():
    indexed = Image.new("P", (1, 1), 1)
    indexed.putpalette([0, 0, 0, 7, 8, 9])
    for mode in ("constant", "edge"):
        out = F.pad(indexed, 1, fill=1, padding_mode=mode)
        assert out.convert("RGB").getpixel((0, 0)) == (7, 8, 9)


# ----------------------------------------------------------------------------- crops


@BOTH
def test_crops(make):
    x = make(SQUARE)
    assert rows(F.crop(x, 1, 0, 2, 2)) == [[4, 5], [7, 8]]
    assert rows(F.crop(x, -1, 2, 2, 2)) == [[0, 0], [3, 0]]
    assert rows(F.center_crop(x, 1)) == [[5]]
    assert rows(T.CenterCrop((1, 5))(x)) == [[0, 4, 5, 6, 0]]
    corners = [rows(c) for c in T.FiveCrop(1)(x)]
    assert corners == [[[1]], [[3]], [[7]], [[9]], [[5]]]
    mirrored = [rows(c)[0][0] for c in T.TenCrop(1)(x)][5:]
    assert mirrored == [3, 1, 9, 7, 5]
    assert [rows(c)[0][0] for c in T.TenCrop(1, vertical_flip=True)(x)][5:] == [7, 9, 1, 3, 5]


@BOTH
def test_flips(make):
    assert rows(F.hflip(make(SQUARE))) == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert rows(F.vflip(make(SQUARE))) == [[7, 8, 9], [4, 5, 6], [1, 2, 3]]
    assert rows(T.RandomHorizontalFlip(p=1)(make(LINE))) == [[4, 3, 2, 1]]
    assert rows(T.RandomVerticalFlip(p=0)(make(SQUARE))) == SQUARE


@BOTH
def test_random_crop_follows_the_seed(make):
    crop = T.RandomCrop(2, padding=1)
    gradcore.manual_seed(3)
    first = [rows(crop(make(SQUARE))) for _ in range(8)]
    gradcore.manual_seed(3)
    assert [rows(crop(make(SQUARE))) for _ in range(8)] == first
    assert len({str(f) for f in first}) > 1


def test_random_crop_reaches_every_place():
    gradcore.manual_seed(0)
    crop = T.RandomCrop(2)
    places = {rows(crop(image(SQUARE)))[0][0] for _ in range(100)}
    assert places == {1, 2, 4, 5}


def test_random_crop_too_large():
    with pytest.raises(ValueError, match="larger than input image size"):
        T.RandomCrop(4)(image(SQUARE))
    out = T.RandomCrop(4, pad_if_needed=True)(image(SQUARE))
    assert tuple(out.shape) == (1, 4, 4)


# ------------------------------------------------------------------- sizes and values


@BOTH
@pytest.mark.parametrize(
    "size, max_size, expected",
    [(10, None, [10, 20]), ((7, 5), None, [7, 5]), ([30], 40, [20, 40]), (20, None, [20, 40])],
)
def test_resize_sizes(make, size, max_size, expected):
    out = T.Resize(size, max_size=max_size)(make(np.zeros((20, 40)).tolist()))
    assert F.get_dimensions(out) == [1, *expected]


def test_resize_values():
    x = gradcore.tensor([[[0.0, 1.0]]])
    assert F.resize(x, [1, 4]).tolist() == [[[0.0, 0.25, 0.75, 1.0]]]
    assert F.resize(x, [1, 4], T.InterpolationMode.NEAREST).tolist() == [[[0, 0, 1, 1]]]
    assert F.resize(image([[0, 255]]), [1, 4]).tolist() == [[[0, 64, 191, 255]]]


def test_resize_has_a_gradient(device):
    x = gradcore.zeros(1, 4, 4, device=device, requires_grad=True)
    T.Resize(2)(x).sum().backward()
    assert abs(x.grad.sum().item() - 4) < 1e-5


def test_random_resized_crop_stays_inside():
    gradcore.manual_seed(0)
    for _ in range(50):
        i, j, h, w = T.RandomResizedCrop.get_params(image(np.zeros((20, 30))), (0.1, 1), (0.5, 2))
        assert 0 <= i <= 20 - h
        assert 0 <= j <= 30 - w
        assert h > 0 < w


@BOTH
def test_quarter_turns(make):
    assert rows(F.rotate(make(SQUARE), 90)) == [[3, 6, 9], [2, 5, 8], [1, 4, 7]]
    assert rows(F.rotate(make(SQUARE), 180)) == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    out = F.rotate(make([[1, 2, 3, 4], [5, 6, 7, 8]]), 90, expand=True)
    assert rows(out) == [[4, 8], [3, 7], [2, 6], [1, 5]]


@BOTH
def test_shift(make):
    out = F.affine(make(SQUARE), 0, [1, 1], 1, 0, fill=7)
    assert rows(out) == [[7, 7, 7], [7, 1, 2], [7, 4, 5]]


def test_perspective():
    corners = [[0, 0], [2, 0], [2, 2], [0, 2]]
    assert rows(F.perspective(image(SQUARE), corners, corners)) == SQUARE
    moved = [[x + 1, y] for x, y in corners]
    out = F.perspective(image(SQUARE), corners, moved, fill=9)
    assert rows(out) == [[9, 1, 2], [9, 4, 5], [9, 7, 8]]
    with pytest.raises(RuntimeError, match="singular"):
        F.perspective(image(SQUARE), corners, [[0, 0], [1, 0], [2, 0], [0, 2]])


def test_elastic_without_displacement(device):
    x = gradcore.arange(20.0, device=device).view(1, 4, 5)
    out = F.elastic_transform(x, gradcore.zeros(1, 4, 5, 2, device=device))
    assert gradcore.allclose(out, x, atol=1e-4)


def test_erase(device):
    x = gradcore.ones(2, 3, 3, device=device)
    out = F.erase(x, 1, 0, 2, 1, gradcore.tensor([5.0, 6.0], device=device)[:, None, None])
    assert out[:, :, 0].tolist() == [[1, 5, 5], [1, 6, 6]]
    assert x.sum().item() == 18
    T.RandomErasing(p=1, value=0.0, inplace=True)(x)
    assert x.sum().item() < 18


# ----------------------------------------------------------------------- composition


def test_compose_and_lambda():
    double = T.Lambda(lambda x: 2 * x)
    chain = T.Compose([double, double])
    assert chain(3) == 12
    assert repr(chain) == "Compose(\n    Lambda()\n    Lambda()\n)"
    with pytest.raises(TypeError, match="should be callable, got 'int'"):
        T.Lambda(3)


def test_users_own_transform():
    class Pepper:
        def __init__(self, share):
            self.share = share

        def __call__(self, img):
            pixels = np.array(img)
            pixels[np.random.default_rng(0).random(pixels.shape) < self.share] = 0
            return Image.fromarray(pixels)

    out = T.Compose([Pepper(0.5), T.ToTensor()])(picture(np.full((20, 20), 255)))
    assert 0.3 < out.mean().item() < 0.7


def test_random_apply_choice_and_order():
    add, triple = (lambda x: x + 1), (lambda x: 3 * x)
    assert T.RandomApply([add, triple], p=1)(1) == 6
    assert T.RandomApply([add, triple], p=0)(1) == 1
    assert {T.RandomChoice([add, triple])(5) for _ in range(50)} == {6, 15}
    assert {T.RandomChoice([add, triple], p=[0, 1])(5) for _ in range(20)} == {15}
    assert {T.RandomOrder([add, triple])(1) for _ in range(50)} == {4, 6}


def test_module_list_in_random_apply():
    layers = gradcore.nn.ModuleList([T.RandomHorizontalFlip(p=1)])
    assert rows(T.RandomApply(layers, p=1)(image(LINE))) == [[4, 3, 2, 1]]


def test_pickle():
    chain = T.Compose([T.RandomCrop(2, padding=1), T.Normalize([0.5], [0.2]), T.AutoAugment()])
    assert repr(pickle.loads(pickle.dumps(chain))) == repr(chain)


def test_cuda_tensors(device):
    gradcore.manual_seed(0)
    x = gradcore.rand(3, 8, 8).to(device)
    chain = T.Compose(
        [
            T.RandomCrop(6, padding=2, padding_mode="reflect"),
            T.RandomRotation(30, fill=0.5),
            T.ColorJitter(0.2, 0.2, 0.2, 0.1),
            T.GaussianBlur(3),
            T.Normalize((0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
            T.RandomErasing(p=1),
        ]
    )
    out = chain(x)
    assert str(out.device).startswith(device.partition(":")[0])
    assert tuple(out.shape) == (3, 6, 6)
    assert out.isfinite().all()


def test_without_pillow():
    """Tensors need no Pillow, and what needs it names the extra."""
    code = """
import sys
sys.modules["PIL"] = None
import gradcore, gradcore.vision.transforms as T
x = T.Compose([T.RandomCrop(3), T.RandomHorizontalFlip(), T.Resize(5)])(gradcore.rand(3, 4, 4))
assert tuple(x.shape) == (3, 5, 5)
try:
    T.ToPILImage()(x)
except ImportError as error:
    assert 'pip install "gradcore[vision]"' in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_does_not_load_pillow():
    code = "import gradcore.vision.transforms, sys; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
