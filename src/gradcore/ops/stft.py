"""Short-time Fourier transforms."""

from __future__ import annotations

import warnings
from typing import Any

from . import fft as F
from .op import op
from .operand import is_tensor, require_tensor
from .padding import pad
from .promotion import category, name_of
from .registry import public
from .shape import basic_index, slice_backward
from .strided import unfold, view_as_real
from .views import transpose


@op
def overlap_add(xp, x, *, step, length):
    """Frames (*, frames, size) added up where they stood, ``step`` apart: (*, length)."""
    out = xp.zeros((*x.shape[:-2], length), dtype=x.dtype)
    for i in range(x.shape[-2]):
        out[..., i * step : i * step + x.shape[-1]] += x[..., i, :]
    return out


def _frames(g: Any, x_shape: Any, step: Any) -> Any:
    return unfold(g, axis=g.ndim - 1, size=x_shape[-1], step=step)


overlap_add.vjp(x=_frames)


def _described(name: str, x: Any, options: dict) -> str:
    kind = name_of(x._array.dtype)
    kind = f"torch.{kind}Tensor" if name == "stft" else f"{x.device.type.upper()}{kind}Type"
    shown = []
    for key, value in options.items():
        if is_tensor(value):
            value = f"torch.{name_of(value._array.dtype)}Tensor{{{list(value.shape)}}}"
        elif isinstance(value, bool):
            value = int(value)
        shown.append(f"{key}={value}")
    return f"{name}({kind}{list(x.shape)}, {', '.join(shown)}) : "


def _check_lengths(where_: str, n_fft: int, hop: int, win: int, window: Any) -> None:
    if hop <= 0:
        raise RuntimeError(f"{where_}expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{where_}expected 0 < win_length <= n_fft, but got win_length={win}")
    if window is not None and tuple(window.shape) != (win,):
        raise RuntimeError(
            f"{where_}expected a 1D window tensor of size equal to win_length={win}, but got "
            f"window with size {list(window.shape)}"
        )


def _full_window(window: Any, win: int, n_fft: int, like: Any) -> Any:
    """The window in the middle of ``n_fft`` points; ones where there is none; None for all ones."""
    if win == n_fft:
        return window
    if window is None:
        points = basic_index(like.detach().reshape((like.numel(),)), key=(slice(0, 1),))
        window = (points * 0 + 1).expand((win,))
    left = (n_fft - win) // 2
    return slice_backward(window, key=(slice(left, left + win),), shape=(n_fft,))


def _warn_of_no_window(text: str) -> None:
    warnings.warn(
        f"A window was not provided. A rectangular window will be applied{text} To suppress this "
        "warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, "
        "device=<device>)`.",
        UserWarning,
        stacklevel=3,
    )


def _centered(x: Any, n_fft: int, pad_mode: str) -> Any:
    extra = 3 - x.ndim
    half = n_fft // 2
    x = x.reshape((*(1,) * extra, *x.shape))
    x = pad(x, (half, half), mode=pad_mode)
    return x.reshape(x.shape[extra:])


def _complex_result(return_complex: Any, x: Any, window: Any) -> bool:
    complex_input = any(v is not None and v._array.dtype.kind == "c" for v in (x, window))
    if return_complex is None:
        if not complex_input:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return True
    if not return_complex:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will "
            "return complex tensors for all inputs, and return_complex=False will raise an "
            "error.\nNote: you can still call torch.view_as_real on the complex output to recover "
            "the old return format.",
            UserWarning,
            stacklevel=3,
        )
    return bool(return_complex)


@public
def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True,
         pad_mode="reflect", normalized=False, onesided=None, return_complex=None,
         align_to_window=None):  # fmt: skip
    """The Fourier transforms of the frames of a signal: (*, frequencies, frames).

    input: (L,) or (B, L). Frames of ``n_fft`` points, ``hop_length`` (n_fft // 4) apart, each
    multiplied by ``window`` of ``win_length`` (n_fft) points. With ``center`` the signal is padded
    so that frame t stands around t * hop_length. ``onesided`` keeps n_fft // 2 + 1 frequencies
    (the default for real input). Without ``return_complex`` the parts are a last dimension of 2.

    >>> x, window = torch.ones(16), torch.hann_window(8)
    >>> torch.stft(x, n_fft=8, window=window, return_complex=True).shape
    torch.Size([5, 9])
    """
    x = require_tensor("stft", "input", input)
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if window is None:
        _warn_of_no_window(
            ",which is known to cause spectral leakage. Other windows such as torch.hann_window "
            "or torch.hamming_window are recommended to reduce spectral leakage."
        )
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false.")
    if center and x.ndim in (1, 2) and category(x._array.dtype) >= 2:
        x = _centered(x, n_fft, pad_mode)
    options = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "window": window,
               "normalized": normalized, "onesided": onesided, "return_complex": return_complex,
               "align_to_window": align_to_window}  # fmt: skip
    where_ = _described("stft", x, options)
    as_complex = _complex_result(return_complex, x, window)
    if category(x._array.dtype) < 2:
        raise RuntimeError(f"{where_}expected a tensor of floating point or complex values")
    if x.ndim not in (1, 2):
        raise RuntimeError(f"{where_}expected a 1D or 2D tensor")
    if not 0 < n_fft <= x.shape[-1]:
        raise RuntimeError(f"{where_}expected 0 < n_fft < {x.shape[-1]}, but got n_fft={n_fft}")
    _check_lengths(where_, n_fft, hop, win, window)
    if align_to_window is False:
        x = _frames_around_window(x, n_fft, win)
    result = _transformed(x, n_fft, hop, _full_window(window, win, n_fft, x), onesided, normalized)
    return result if as_complex else view_as_real(result)


def _frames_around_window(x: Any, n_fft: int, win: int) -> Any:
    """The signal padded so that the window, not the frame, begins at its start."""
    extra = (n_fft - win) // 2
    return pad(x, (extra, n_fft - win - extra)) if n_fft > win else x


def _transformed(x: Any, n_fft: int, hop: int, window: Any, onesided: Any, normalized: Any) -> Any:
    frames = unfold(x, axis=x.ndim - 1, size=n_fft, step=hop)
    if window is not None:
        frames = frames * window
    is_complex = frames._array.dtype.kind == "c"
    if onesided is None:
        onesided = not is_complex
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else None
    transform = F.rfft if onesided else F.fft
    return transpose(transform(frames, n_fft, -1, norm), -2, -1)


def _check_inverse(where_: str, x: Any, n_fft: int, hop: int, onesided: bool) -> None:
    if x.ndim not in (2, 3):
        raise RuntimeError(f"{where_}expected a tensor with 2 or 3 dimensions, but got {x.ndim}")
    if x.numel() == 0:
        raise RuntimeError("istft input tensor cannot be empty.")
    bins = x.shape[-2]
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if bins != wanted:
        how = "expected the frequency dimension (3rd to the last) of the input tensor to match " + (
            "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        )
        raise RuntimeError(f"{where_}{how}, but got {bins}")
    if not hop > 0:
        raise RuntimeError(f"{where_}expected 0 < hop_length <= win_length")


@public
def istft(input, n_fft, hop_length=None, win_length=None, window=None, center=True,
          normalized=False, onesided=None, length=None, return_complex=False):  # fmt: skip
    """The signal of which :func:`stft` gave ``input``: (L,) or (B, L), of ``length`` if given.

    The windows must not add up to 0 anywhere.

    >>> x, window = torch.ones(16), torch.hann_window(8)
    >>> z = torch.stft(x, 8, window=window, return_complex=True)
    >>> torch.istft(z, 8, window=window).shape
    torch.Size([16])
    """
    x = require_tensor("istft", "input", input)
    if x._array.dtype.kind != "c":
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if window is None:
        _warn_of_no_window(
            ".Please provide the same window used by stft to make the inversion lossless."
        )
    options = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "window": window,
               "center": center, "normalized": normalized, "onesided": onesided,
               "length": length, "return_complex": return_complex}  # fmt: skip
    where_ = _described("istft", x, options)
    onesided = x.shape[-2] != n_fft if onesided is None else onesided
    _check_inverse(where_, x, n_fft, hop, onesided)
    _check_lengths(where_, n_fft, hop, win, window)
    if return_complex and onesided:
        raise RuntimeError("cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else None
    spectrum = transpose(x, -2, -1)
    if return_complex:
        frames = F.ifft(spectrum, None, -1, norm)
    else:
        half = spectrum if onesided else basic_index(spectrum, key=(..., slice(0, n_fft // 2 + 1)))
        frames = F.irfft(half, n_fft, -1, norm)
    return _added_up(where_, frames, _full_window(window, win, n_fft, frames.real), hop, center,
                     length)  # fmt: skip


def _added_up(where_: str, frames: Any, window: Any, hop: int, center: bool, length: Any) -> Any:
    count, n_fft = frames.shape[-2:]
    total = n_fft + hop * (count - 1)
    if window is None:
        window = (frames.detach().real * 0 + 1)[(0,) * (frames.ndim - 1)]
    signal = overlap_add(frames * window, step=hop, length=total)
    weight = (window * window).expand((count, n_fft))
    envelope = overlap_add(weight, step=hop, length=total)
    start = n_fft // 2 if center else 0
    if length is not None:
        end = start + length
    else:
        end = total - n_fft // 2 if center else total
    part = (..., slice(start, min(end, total)))
    signal, envelope = basic_index(signal, key=part), basic_index(envelope, key=part)
    if bool((abs(envelope.detach()) < 1e-11).any().item()):
        raise RuntimeError(f"{where_}window overlap add min: 1")
    result = signal / envelope
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded "
            "with zeros in the tail. Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=3,
        )
        shape = (*result.shape[:-1], end - start)
        key = (..., slice(0, result.shape[-1]))
        result = slice_backward(result, key=key, shape=shape)
    return result
