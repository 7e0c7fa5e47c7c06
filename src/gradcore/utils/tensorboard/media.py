"""Summaries of images, videos and sound."""

from __future__ import annotations

import io
import math
import warnings
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import to_bytes, to_hwc, to_numpy, video_frames
from .protobufs import Summary


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'images need Pillow: pip install "gradcore[vision]"', name="PIL"
        ) from error
    return Image


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Summary:
    """An image as PNG; floating point from 0 to 1, uint8 from 0 to 255.

    Several images (four letters in ``dataformats``) become a grid of eight columns. Raises
    AssertionError or ValueError where ``dataformats`` does not fit, TypeError for other than
    3 or 4 colours.
    """
    pixels = to_bytes(to_hwc(to_numpy(tensor), dataformats))
    return Summary(value=[Summary.Value(tag=tag, image=make_image(pixels, rescale))])


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Sequence[str] | None = None,
) -> Summary:
    """An image with rectangles (N, 4), rows of xmin, ymin, xmax, ymax, and their labels."""
    pixels = to_bytes(to_hwc(to_numpy(tensor_image), dataformats))
    png = make_image(pixels, rescale, to_numpy(tensor_boxes), labels)
    return Summary(value=[Summary.Value(tag=tag, image=png)])


def make_image(
    tensor: np.ndarray,
    rescale: float = 1,
    rois: np.ndarray | None = None,
    labels: Sequence[str] | None = None,
) -> Summary.Image:
    """A uint8 array (H, W, channels) as a PNG file in a protocol buffer."""
    pillow = _pillow()
    height, width, channels = tensor.shape
    picture = pillow.fromarray(np.ascontiguousarray(tensor))
    for i, box in enumerate(() if rois is None else rois):
        _draw_box(picture, box.tolist(), None if labels is None else labels[i])
    size = int(width * rescale), int(height * rescale)
    if size != picture.size:
        picture = picture.resize(size, pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=buffer.getvalue()
    )


def _draw_box(picture: Any, box: Sequence[float], label: str | None) -> None:
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = box
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    draw.line(corners, width=2, fill="Red")
    if not label:
        return
    font = ImageFont.load_default()
    x0, y0, x1, y1 = font.getbbox(label)
    width, height = x1 - x0, y1 - y0
    margin = math.ceil(0.05 * height)
    draw.rectangle([(left, bottom - height - 2 * margin), (left + width, bottom)], fill="Red")
    draw.text((left + margin, bottom - height - margin), label, fill="black", font=font)


def video(tag: str, tensor: Any, fps: float = 4) -> Summary:
    """Videos (N, T, C, H, W), side by side, as a GIF; values as those of images.

    One channel is grey, three are colours. Raises ValueError for other shapes.
    """
    frames = to_bytes(video_frames(to_numpy(tensor)))
    return Summary(value=[Summary.Value(tag=tag, image=make_video(frames, fps))])


def make_video(tensor: np.ndarray, fps: float) -> Summary.Image:
    """uint8 frames (T, H, W, channels) as a GIF file, made by Pillow, in a protocol buffer."""
    pillow = _pillow()
    _, height, width, channels = tensor.shape
    if channels not in (1, 3):
        raise ValueError(f"vid_tensor should have 1 or 3 channels, got {channels}")
    first, *others = (pillow.fromarray(f[:, :, 0] if channels == 1 else f) for f in tensor)
    buffer = io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=1000 / fps, loop=0
    )
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=buffer.getvalue()
    )


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Summary:
    """One channel of sound, values from -1 to 1, as a WAV file of 16 bits.

    Louder values are clipped, with a warning. Raises AssertionError for several channels.
    """
    samples = to_numpy(tensor).squeeze()
    if samples.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    if samples.size and abs(samples).max() > 1:
        warnings.warn("audio amplitude out of range, auto clipped.", stacklevel=3)
        samples = samples.clip(-1, 1)
    samples = (samples * np.iinfo(np.int16).max).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    sound = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(samples),
        encoded_audio_string=buffer.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=sound)])
