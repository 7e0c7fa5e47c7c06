"""Rows of ops/fft.py and ops/stft.py."""

from __future__ import annotations

import numpy as np

from op_table import Row

SCALES = {"none": "backward", "root": "ortho", "full": "forward"}


def signal(*shape):
    """Complex numbers, whose dtype is kept."""
    return lambda rng: rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)


def c2c(x, axes, scale, inverse):
    if not inverse:
        return np.fft.fftn(x, axes=axes, norm=SCALES[scale])
    swapped = {"none": "forward", "root": "ortho", "full": "backward"}
    return np.fft.ifftn(x, axes=axes, norm=swapped[scale])


def r2c(x, axes, scale, inverse):
    result = np.fft.rfftn(x, axes=axes, norm=SCALES[scale])
    result = result.conj() if inverse else result
    return result.astype("complex64" if x.dtype == np.float32 else "complex128")


def c2r(x, axes, scale, inverse, size):
    sizes = [x.shape[a] for a in axes[:-1]] + [size]
    swapped = {"none": "forward", "root": "ortho", "full": "backward"}
    return np.fft.irfftn(x if inverse else x.conj(), sizes, axes, norm=swapped[scale])


def overlap_add(x, step, length):
    out = np.zeros(length, x.dtype)
    for i, frame in enumerate(x):
        out[i * step : i * step + len(frame)] += frame
    return out


def round_trip(gc, x):
    """A signal through stft and back."""
    window = gc.hann_window(6, dtype=x.dtype, device=x.device)
    frames = gc.stft(x, 6, 2, window=window, return_complex=True)
    return gc.istft(frames, 6, 2, window=window, length=x.shape[-1])


WAYS = [
    {"axes": a, "scale": s, "inverse": i}
    for a, s, i in (((1,), "none", False), ((0, 1), "root", True), ((1, 0), "full", False))
]

ROWS = [
    Row(op="fft_c2c", inputs=(signal(3, 4),), params=WAYS, reference=c2c),
    Row(op="fft_r2c", inputs=((3, 4),), params=WAYS, reference=r2c),
    Row(op="fft_r2c", inputs=((5,),), params=[{"axes": (0,), "scale": "full", "inverse": True}],
        reference=r2c),
    Row(op="fft_c2r", inputs=(signal(3, 4),), reference=c2r,
        params=[{"axes": (1,), "scale": "none", "inverse": True, "size": 6},
                {"axes": (1,), "scale": "full", "inverse": False, "size": 7},
                {"axes": (0, 1), "scale": "root", "inverse": True, "size": 7}]),
    Row(op="overlap_add", inputs=((3, 4),), params=[{"step": 2, "length": 8}],
        reference=overlap_add),
    Row(op="fftshift", inputs=((4, 3),), reference=np.fft.fftshift,
        call=lambda gc, x: gc.fft.fftshift(x)),
    Row(op="ifftshift", inputs=((4, 3),), reference=np.fft.ifftshift,
        call=lambda gc, x: gc.fft.ifftshift(x)),
    Row(op="istft", inputs=((2, 15),), reference=lambda x: x, call=round_trip),
]  # fmt: skip
