"""From PIL images and arrays to tensors and back, between dtypes, and normalisation."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from .... import Tensor, as_tensor, div, float32, float64, from_numpy, int32, int64
from ....backends.default import default_dtype
from ....backends.dtype import from_numpy_dtype, to_numpy_dtype
from .image import check_image, is_pil_image, max_value, pillow

_NATIVE_16 = "I;16" if sys.byteorder == "little" else "I;16B"
# Modes whose pixels are not bytes.
_PIL_DTYPES = {"I": np.int32, _NATIVE_16: np.int16, "F": np.float32}
_ONE_CHANNEL_MODES = {"uint8": "L", "int16": _NATIVE_16, "int32": "I", "float32": "F"}
# channels: modes that may be asked for, the first one being that of uint8 arrays
_MODES = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (H, W[, C]) as a tensor (C, H, W).

    Bytes become numbers of the default dtype in [0, 1]; other dtypes stay as they are.

    Raises:
        TypeError: ``pic`` is neither; ValueError: an array of another rank.
    """
    if is_pil_image(pic):
        pixels = np.asarray(pic, _PIL_DTYPES.get(pic.mode, np.uint8))
        if pic.mode == "1":
            pixels = pixels * np.uint8(255)
        channels_first = _channels_first(pixels)
        if channels_first.dtype != np.uint8:
            return from_numpy(np.array(channels_first, order="C"))
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    elif pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    else:
        channels_first = _channels_first(pic)
        if channels_first.dtype != np.uint8:
            return from_numpy(channels_first).contiguous()
    scaled = np.empty(channels_first.shape, default_dtype())
    scaled[...] = channels_first
    scaled /= scaled.dtype.type(255)
    return from_numpy(scaled)


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor (C, H, W) of the pixels' own type (TypeError for anything else)."""
    if not is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    pixels = from_numpy(np.array(pic, copy=True))
    return pixels.unsqueeze(0) if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C), or either without C, as a PIL image.

    Floating-point pixels are scaled by 255 unless ``mode`` is "F".

    Args:
        mode: of Pillow; without it, that of the number of channels and the dtype.

    Raises:
        TypeError: ``pic`` is neither, or there is no mode for its dtype.
        ValueError: more than four channels, or a ``mode`` that does not fit.
    """
    if isinstance(pic, Tensor):
        pic = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if pic.ndim == 2:
        pic = pic[:, :, None]
    if pic.shape[-1] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {pic.shape[-1]} channels.")
    if pic.dtype.kind == "f" and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    mode = _pil_mode(pic, mode)
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    return pil_from_array(pic[:, :, 0] if pic.shape[2] == 1 else pic, mode)


def _pil_mode(pic: np.ndarray, mode: str | None) -> str | None:
    channels = pic.shape[2]
    if channels == 1:
        expected = _ONE_CHANNEL_MODES.get(pic.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {np.dtype}. Should be {expected}"
            )
        return expected
    permitted = _MODES.get(channels, _MODES[3])
    if mode is not None and mode not in permitted:
        raise ValueError(f"Only modes {permitted} are supported for {channels}D inputs")
    return permitted[0] if mode is None and pic.dtype == np.uint8 else mode


def pil_from_array(pixels: np.ndarray, mode: str) -> Any:
    """The image whose memory is ``pixels`` (H, W[, C]).

    Not ``Image.fromarray(pixels, mode)``: Pillow 11.3 to 12 warn about its argument ``mode``.
    """
    height, width = pixels.shape[:2]
    return pillow().frombuffer(mode, (width, height), pixels.tobytes(), "raw", mode, 0, 1)


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """``image`` in another dtype, its values scaled to that dtype's range.

    Between integers a step of the wider type is a power of two, so that a round trip is exact.

    Raises:
        TypeError: ``image`` is no tensor.
        RuntimeError: float32 to int32 or int64, float64 to int64, which would overflow.
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        too_wide = {float32: (int32, int64), float64: (int64,)}.get(image.dtype, ())
        if dtype in too_wide:
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        # A little less than the number of steps, so that 1.0 stays inside: all steps equally wide.
        return image.mul(max_value(dtype) + 1.0 - 1e-3).to(dtype)
    largest = max_value(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / largest
    if largest > max_value(dtype):
        factor = (largest + 1) // (max_value(dtype) + 1)
        return div(image, factor, rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((max_value(dtype) + 1) // (largest + 1))


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """``(tensor - mean) / std``, channel by channel, of a float tensor (..., C, H, W).

    Args:
        mean, std: one number for each channel, or tensors.
        inplace: write into ``tensor``.

    Raises:
        TypeError: no tensor, or not of floating point.
        ValueError: fewer than three dimensions, or a standard deviation of zero.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    check_image(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    if _are_numbers(mean) and _are_numbers(std):
        dtype = to_numpy_dtype(tensor.dtype)
        mean, std = (
            as_tensor(x, device=tensor.device) for x in _columns(tuple(mean), tuple(std), dtype)
        )
    else:
        mean, std = _column(mean, tensor), _column(std, tensor)
        if not std.all():
            raise _zero_std(tensor.dtype)
    if inplace:
        return tensor.sub_(mean).div_(std)
    out = tensor.sub(mean).div(std)
    if out.shape != tensor.shape:
        raise RuntimeError(
            f"output with shape {list(tensor.shape)} doesn't match the broadcast shape "
            f"{list(out.shape)}"
        )
    return out


def _are_numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(type(v) in (int, float) for v in values)


# Most programs have one mean and one standard deviation: making two tensors of them for each image
# takes twice as long as normalising 32 x 32 pixels.
@functools.lru_cache(maxsize=64)
def _columns(mean: tuple, std: tuple, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays (C, 1, 1)."""
    means, stds = (np.array(x, dtype).reshape(-1, 1, 1) for x in (mean, std))
    if not stds.all():
        raise _zero_std(from_numpy_dtype(dtype))
    return means, stds


def _column(values: Any, like: Tensor) -> Tensor:
    values = as_tensor(values, dtype=like.dtype, device=like.device)
    return values.view(-1, 1, 1) if values.ndim == 1 else values


def _zero_std(dtype: Any) -> ValueError:
    return ValueError(
        f"std evaluated to zero after conversion to {dtype}, leading to division by zero."
    )
