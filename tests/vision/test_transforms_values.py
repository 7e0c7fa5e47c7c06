"""Conversions, normalisation, colours and filters, on known answers."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

import gradcore
import gradcore.vision.transforms as T
import gradcore.vision.transforms.functional as F

Image = pytest.importorskip("PIL.Image")


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# ----------------------------------------------------------------------- conversions


def test_to_tensor_scales_bytes():
    pixels = noise(0, 4, 5, 3)
    for source in (pixels, Image.fromarray(pixels)):
        out = T.ToTensor()(source)
        assert out.dtype == gradcore.float32
        expected = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(out.numpy(), expected)


def test_to_tensor_leaves_other_types():
    values = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert T.ToTensor()(values).dtype == gradcore.int32
    assert T.ToTensor()(Image.fromarray(values)).tolist() == [values.tolist()]
    floats = values.astype(np.float64)
    assert T.ToTensor()(floats).tolist() == [floats.tolist()]


def test_to_tensor_of_a_bitmap():
    bitmap = Image.fromarray(np.array([[True, False]]))
    assert T.ToTensor()(bitmap).tolist() == [[[1.0, 0.0]]]


def test_to_tensor_copies():
    picture = Image.new("L", (2, 2))
    T.ToTensor()(picture).add_(1)
    T.PILToTensor()(picture).add_(1)
    assert picture.getextrema() == (0, 0)


def test_default_dtype():
    gradcore.set_default_dtype(gradcore.float64)
    try:
        assert T.ToTensor()(Image.new("L", (1, 1), 255)).dtype == gradcore.float64
    finally:
        gradcore.set_default_dtype(gradcore.float32)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_round_trip(mode):
    picture = Image.fromarray(noise(1, 5, 6, 3)).convert(mode)
    back = T.ToPILImage(mode)(T.PILToTensor()(picture))
    assert back.mode == mode
    np.testing.assert_array_equal(np.asarray(back), np.asarray(picture))


def test_to_pil_image_scales_floats():
    out = T.ToPILImage()(gradcore.tensor([[[0.0, 0.5, 1.0]]]))
    assert (out.mode, np.asarray(out).tolist()) == ("L", [[0, 127, 255]])


@pytest.mark.parametrize(
    "pic, mode",
    [
        (np.zeros((2, 2, 5)), None),
        (np.zeros((2,)), None),
        (np.zeros((2, 2, 3), np.uint8), "L"),
        (np.zeros((2, 2), np.uint8), "F"),
    ],
)
def test_to_pil_image_errors(pic, mode):
    with pytest.raises(ValueError, match="channels|dimensional|mode"):
        T.ToPILImage(mode)(pic)


def test_convert_image_dtype():
    x = gradcore.tensor([0, 127, 255], dtype=gradcore.uint8)
    assert T.ConvertImageDtype(gradcore.float32)(x)[2] == 1
    assert F.convert_image_dtype(x, gradcore.int16).tolist() == [0, 127 * 128, 255 * 128]
    back = F.convert_image_dtype(F.convert_image_dtype(x, gradcore.int32), gradcore.uint8)
    assert back.tolist() == x.tolist()
    unit = gradcore.tensor([0.0, 0.5, 1.0])
    assert F.convert_image_dtype(unit, gradcore.uint8).tolist() == [0, 127, 255]
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(unit, gradcore.int32)


# --------------------------------------------------------------------- normalisation


@pytest.mark.parametrize("shape", [(3, 2, 2), (5, 3, 2, 2)])
def test_normalize(device, shape):
    x = gradcore.rand(*shape).to(device)
    mean, std = [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    expected = x.clone()
    for c in range(3):
        expected[..., c, :, :] = (x[..., c, :, :] - mean[c]) / std[c]
    for given in (
        (mean, std),
        (np.array(mean), np.array(std)),
        tuple(map(gradcore.tensor, (mean, std))),
    ):
        assert gradcore.allclose(T.Normalize(*given)(x), expected)
    T.Normalize(mean, std, inplace=True)(x)
    assert gradcore.allclose(x, expected)


def test_normalize_has_a_gradient():
    x = gradcore.zeros(1, 2, 2, requires_grad=True)
    with gradcore.inference_mode():
        T.Normalize([0.25], [0.75])(x)
    T.Normalize([0.25], [0.75])(x).sum().backward()
    assert gradcore.allclose(x.grad, gradcore.full((1, 2, 2), 1 / 0.75))


@pytest.mark.parametrize("std", [[0.0], [1.0, 0.0], gradcore.tensor([0.0])])
def test_normalize_by_zero(std):
    with pytest.raises(ValueError, match="std evaluated to zero"):
        F.normalize(gradcore.zeros(1, 2, 2), [0.0], std)


def test_normalize_of_another_number_of_channels():
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        F.normalize(gradcore.zeros(1, 2, 2), [0.0] * 3, [1.0] * 3)


def test_linear_transformation():
    matrix = gradcore.eye(4) * 2
    out = T.LinearTransformation(matrix, gradcore.ones(4))(gradcore.arange(4.0).view(1, 2, 2))
    assert out.tolist() == [[[-2.0, 0.0], [2.0, 4.0]]]
    with pytest.raises(ValueError, match="should be square"):
        T.LinearTransformation(gradcore.zeros(2, 3), gradcore.zeros(2))


# --------------------------------------------------------------------------- colours


def test_factors_of_one_and_zero():
    x = gradcore.tensor(noise(2, 3, 6, 7))
    for adjust in (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_sharpness):
        assert adjust(x, 1.0).tolist() == x.tolist()
    assert F.adjust_brightness(x, 0.0).sum() == 0
    assert F.adjust_contrast(x, 0.0).unique().numel() == 1
    gray = F.adjust_saturation(x, 0.0)
    assert gray[0].tolist() == gray[1].tolist() == F.rgb_to_grayscale(x)[0].tolist()


def test_hue_turns_the_circle():
    red = gradcore.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    assert gradcore.allclose(F.adjust_hue(red, 1 / 3).flatten(), gradcore.tensor([0.0, 1.0, 0.0]))
    x = gradcore.rand(3, 5, 5)
    assert gradcore.allclose(F.adjust_hue(F.adjust_hue(x, 0.3), -0.3), x, atol=1e-5)
    r, g, b = F.adjust_hue(x, 0.2)[:, 2, 3].tolist()
    h, s, v = colorsys.rgb_to_hsv(*x[:, 2, 3].tolist())
    assert np.allclose(colorsys.hsv_to_rgb((h + 0.2) % 1, s, v), (r, g, b), atol=1e-5)


def test_grayscale():
    x = gradcore.tensor([100, 200, 50], dtype=gradcore.uint8).view(3, 1, 1)
    assert T.Grayscale()(x).flatten().tolist() == [int(0.2989 * 100 + 0.587 * 200 + 0.114 * 50)]
    assert tuple(T.Grayscale(3)(x).shape) == (3, 1, 1)
    assert T.RandomGrayscale(p=1)(Image.new("RGB", (1, 1))).mode == "RGB"
    assert T.RandomGrayscale(p=1)(Image.new("L", (1, 1))).mode == "L"


def test_tones():
    x = gradcore.tensor([0, 100, 200, 255], dtype=gradcore.uint8).view(1, 2, 2)
    assert F.invert(x).flatten().tolist() == [255, 155, 55, 0]
    assert F.posterize(x, 1).flatten().tolist() == [0, 0, 128, 128]
    assert F.posterize(x, 0).sum() == 0
    assert F.solarize(x, 200).flatten().tolist() == [0, 100, 55, 0]
    assert F.autocontrast(x // 2 + 10).flatten().tolist() == [0, 100, 200, 255]
    assert F.autocontrast(x * 0 + 9).flatten().tolist() == [9] * 4


def test_equalize_is_pillows():
    pixels = (noise(3, 40, 50, 3) // 4).astype(np.uint8)
    ours = F.equalize(gradcore.tensor(pixels.transpose(2, 0, 1).copy()))
    theirs = F.equalize(Image.fromarray(pixels))
    np.testing.assert_array_equal(ours.numpy().transpose(1, 2, 0), np.asarray(theirs))


def test_jitter_draws_within_its_ranges():
    gradcore.manual_seed(0)
    jitter = T.ColorJitter(0.5, (0.9, 1.1), 2, 0.1)
    assert jitter.brightness == (0.5, 1.5)
    assert jitter.saturation == (0.0, 3.0)
    orders = set()
    for _ in range(100):
        order, b, c, s, h = jitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
        )
        orders.add(tuple(order.tolist()))
        assert 0.5 <= b <= 1.5
        assert 0.9 <= c <= 1.1
        assert 0 <= s <= 3
        assert -0.1 <= h <= 0.1
    assert len(orders) == 24
    assert T.ColorJitter().brightness is None
    with pytest.raises(ValueError, match="hue values should be between"):
        T.ColorJitter(hue=0.6)


# --------------------------------------------------------------------------- filters


def test_blur_keeps_the_mean():
    x = gradcore.zeros(1, 9, 9)
    x[0, 4, 4] = 1
    out = F.gaussian_blur(x, [5, 3], [1.0, 0.5])
    assert abs(out.sum().item() - 1) < 1e-5
    row = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    np.testing.assert_allclose(out[0].sum(0)[2:7].numpy(), row / row.sum(), rtol=1e-5)
    assert out[0, 2].abs().sum() == 0
    assert T.GaussianBlur(3)(Image.new("L", (5, 5), 77)).getextrema() == (77, 77)


def test_sharpness():
    x = gradcore.zeros(1, 5, 5)
    x[0, 2, 2] = 1
    smooth = F.adjust_sharpness(x, 0.0)
    assert abs(smooth[0, 2, 2].item() - 5 / 13) < 1e-6
    assert abs(smooth[0, 1, 1].item() - 1 / 13) < 1e-6
    tiny = gradcore.rand(1, 2, 2)
    assert F.adjust_sharpness(tiny, 0.0) is tiny


# ---------------------------------------------------------------------- augmentation


@pytest.mark.parametrize(
    "augment",
    [T.AutoAugment(), T.RandAugment(), T.TrivialAugmentWide(), T.AugMix(), T.AugMix(10, alpha=0.2)],
    ids=repr,
)
def test_augmentation_keeps_type_and_size(augment):
    gradcore.manual_seed(0)
    pixels = noise(4, 12, 15, 3)
    for _ in range(20):
        picture = augment(Image.fromarray(pixels))
        assert (picture.mode, picture.size) == ("RGB", (15, 12))
    batch = gradcore.tensor(noise(5, 2, 3, 12, 15))
    out = augment(batch)
    assert (out.dtype, out.shape) == (batch.dtype, batch.shape)


def test_policies_have_25_pairs():
    for policy in T.AutoAugmentPolicy:
        assert len(T.AutoAugment(policy).policies) == 25
    with pytest.raises(ValueError, match="is not recognized"):
        T.AutoAugment("imagenet")
