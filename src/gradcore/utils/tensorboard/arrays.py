"""NumPy arrays of what users pass to ``add_…``, and images out of arrays of any layout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...autograd.variable import TensorBase


def to_numpy(x: Any) -> np.ndarray:
    """A tensor, array or number as a NumPy array; NotImplementedError for anything else.

    bfloat16, which NumPy does not have, becomes float32.
    """
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, TensorBase):
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Values from 0 to 255 as uint8; what is not uint8 already counts from 0 to 1."""
    if image.dtype == np.uint8:
        return image
    return (image.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)


def to_hwc(images: np.ndarray, dataformats: str) -> np.ndarray:
    """An image (H, W, channels), of several a grid, of an array whose axes ``dataformats`` names.

    One channel is tripled. Raises AssertionError where the letters do not fit the array.
    """
    if len(set(dataformats)) != len(dataformats):
        raise AssertionError(
            "You can not use the same dimension shorthand twice. "
            f"            input_format: {dataformats}"
        )
    if images.ndim != len(dataformats):
        raise AssertionError(
            "size of input tensor and input format are different. "
            f"        tensor shape: {images.shape}, input_format: {dataformats}"
        )
    letters = dataformats.upper()
    wanted = {4: "NCHW", 3: "HWC", 2: "HW"}.get(len(letters), "")
    if set(letters) != set(wanted):
        raise ValueError(f"dataformats should be an order of NCHW, HWC or HW, got {dataformats!r}")
    images = images.transpose([letters.index(letter) for letter in wanted])
    if images.ndim == 4:
        return grid(images).transpose(1, 2, 0)
    if images.ndim == 2:
        images = images[:, :, np.newaxis]
    return images.repeat(3, axis=2) if images.shape[2] == 1 else images


def grid(images: np.ndarray, columns: int = 8) -> np.ndarray:
    """Images (N, 1 or 3, H, W) side by side in rows of ``columns``: (3, rows · H, columns · W)."""
    if images.shape[1] == 1:
        images = images.repeat(3, axis=1)
    if images.ndim != 4 or images.shape[1] != 3:
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    count, _, height, width = images.shape
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    canvas = np.zeros((3, height * rows, width * columns), images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def video_frames(videos: np.ndarray) -> np.ndarray:
    """Videos (N, T, C, H, W) in a grid: frames (T, rows · H, columns · W, C).

    Their number is filled up to a power of two with black ones.
    """
    if videos.ndim != 5:
        raise ValueError(f"vid_tensor should have the shape (N, T, C, H, W), got {videos.shape}")
    count, frames, channels, height, width = videos.shape
    full = 1 << (count - 1).bit_length()
    black = np.zeros((full - count, *videos.shape[1:]), videos.dtype)
    rows = 2 ** ((count.bit_length() - 1) // 2)
    tiles = np.concatenate([videos, black]).reshape(rows, -1, frames, channels, height, width)
    # (row, column, frame, channel, y, x) -> (frame, row, y, column, x, channel)
    return tiles.transpose(2, 0, 4, 1, 5, 3).reshape(frames, rows * height, -1, channels)


def figure_to_image(figures: Any, close: bool = True) -> np.ndarray:
    """A matplotlib figure as a uint8 array (3, H, W); of a list of figures (N, 3, H, W)."""
    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    try:
        import matplotlib.pyplot as plt
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise ImportError(
            'add_figure() needs matplotlib: pip install "gradcore[plot]"', name="matplotlib"
        ) from error
    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    image = np.array(canvas.buffer_rgba())[:, :, :3].transpose(2, 0, 1)
    if close:
        plt.close(figures)
    return image
