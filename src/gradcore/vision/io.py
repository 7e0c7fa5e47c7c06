"""Images in files as tensors, read and written by Pillow (``torchvision.io``)."""

from __future__ import annotations

import io
import os
from enum import Enum
from typing import Any

import numpy as np

from .. import from_numpy, uint8
from ..tensor.tensor import Tensor
from .transforms.functional.image import pillow

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(Enum):
    """What a file is converted to: UNCHANGED keeps its channels, but not a palette."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: str | os.PathLike) -> Tensor:
    """The bytes of a file, (N,) uint8."""
    with open(path, "rb") as file:
        return from_numpy(np.frombuffer(file.read(), dtype=np.uint8).copy())


def write_file(filename: str | os.PathLike, data: Tensor) -> None:
    """Write the bytes ``data``, (N,) uint8, into a file."""
    if data.dtype != uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {data.dtype}")
    if data.dim() != 1:
        raise RuntimeError(f"Input data should be a 1-dimensional tensor, got {data.dim()}D")
    with open(filename, "wb") as file:
        file.write(data.cpu().numpy().tobytes())


def decode_image(
    input: Tensor | str | os.PathLike,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in a file, or in its bytes.

    Args:
        input: a path or (N,) uint8, of any format that Pillow reads.
        mode: an :class:`ImageReadMode` or the name of one.
        apply_exif_orientation: turn the image as its EXIF data say.

    Returns:
        (C, H, W) uint8.

    Raises:
        RuntimeError: this is no image, it is damaged, or has 16 bits for a channel.
    """
    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    source: Any = input
    if isinstance(input, Tensor):
        source = io.BytesIO(input.cpu().numpy().tobytes())
    name = "the bytes given" if isinstance(input, Tensor) else os.fspath(input)
    try:
        with pillow().open(source) as image:
            image.load()
            if apply_exif_orientation:
                image = pillow("ImageOps").exif_transpose(image)
            image = image.convert(_PIL_MODES.get(mode) or _own_mode(image))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:
        raise RuntimeError(f"input: cannot decode an image from {name}: {error}") from error
    pixels = np.array(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return from_numpy(np.ascontiguousarray(pixels))


def _own_mode(image: Any) -> str:
    """The mode with the image's own channels, 8 bits each."""
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    if image.mode == "1":
        return "L"
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image.mode
    raise RuntimeError(
        f"input: images of mode {image.mode} do not fit into uint8; ask for mode=RGB or GRAY"
    )


def read_image(
    path: str | os.PathLike,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in a file, (C, H, W) uint8; see :func:`decode_image`."""
    return decode_image(path, mode, apply_exif_orientation)


def decode_png(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in the bytes of a PNG file; see :func:`decode_image`."""
    if input[:8].tolist() != [137, 80, 78, 71, 13, 10, 26, 10]:
        raise RuntimeError("Content is not png. Please ensure that input is a png image.")
    return decode_image(input, mode, apply_exif_orientation)


def decode_jpeg(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in the bytes of a JPEG file; see :func:`decode_image`."""
    if input[:2].tolist() != [255, 216]:
        raise RuntimeError("Content is not jpeg. Please ensure that input is a jpeg image.")
    return decode_image(input, mode, apply_exif_orientation)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes (N,) of a PNG file with the image ``input``, (1 or 3, H, W) uint8.

    ``compression_level`` is from 0, fast, to 9, small.
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encoded(input, "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes (N,) of a JPEG file with the image ``input``, (1 or 3, H, W) uint8.

    ``quality`` is from 1, small, to 100.
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    return _encoded(input, "JPEG", quality=quality)


def write_png(input: Tensor, filename: str | os.PathLike, compression_level: int = 6) -> None:
    """Write an image as a PNG file; see :func:`encode_png`."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike, quality: int = 75) -> None:
    """Write an image as a JPEG file; see :func:`encode_jpeg`."""
    write_file(filename, encode_jpeg(input, quality))


def _encoded(image: Tensor, format: str, **options: Any) -> Tensor:
    if image.dtype != uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {image.dtype}")
    if image.dim() != 3:
        raise RuntimeError(f"Input data should be a 3-dimensional tensor, got {image.dim()}D")
    if image.size(0) not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {image.size(0)}")
    from .transforms.functional.conversion import to_pil_image

    buffer = io.BytesIO()
    to_pil_image(image).save(buffer, format, **options)
    return from_numpy(np.frombuffer(buffer.getvalue(), dtype=np.uint8).copy())
