"""Window functions: ``hann_window`` … and those of ``signal.windows``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..backends.default import default_dtype
from ..backends.dtype import from_numpy_dtype, to_numpy_dtype
from ..ops.promotion import is_differentiable_dtype
from ..ops.registry import FUNCTIONS, public
from .creation import tensor
from .factories import check_layout, from_host
from .layout import strided
from .spaced import linspace

# Each shape gives its values in float64 from the points, the number of steps between the first
# and the last maximum's ends, and options.


def _cosine_sum(n: int, steps: int, a: Iterable[float]) -> np.ndarray:
    angle = 2 * math.pi * np.arange(n) / steps
    return sum((-1) ** i * weight * np.cos(i * angle) for i, weight in enumerate(a)) + np.zeros(n)  # type: ignore[return-value]


def _triangle(n: int, steps: int) -> np.ndarray:
    return 1 - np.abs(2 * np.arange(n) / steps - 1)


def _kaiser(n: int, steps: int, beta: float) -> np.ndarray:
    from ..ops.bessel import i0

    position = 2 * np.arange(n) / steps - 1
    root = np.sqrt(np.maximum(1 - position * position, 0.0))
    return i0(beta * root) / i0(np.asarray(float(beta)))


# ------------------------------------------------------------------------- gradcore.*_window


def _window(name: str, length: int, periodic: bool, values: Callable, options: dict) -> Any:
    dtype = options["dtype"]
    numpy_dtype = default_dtype() if dtype is None else to_numpy_dtype(dtype)
    check_layout(options["layout"])
    if not is_differentiable_dtype(numpy_dtype):
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    if length < 2:
        array = np.ones(length)
    else:
        array = values(length, length if periodic else length - 1)
    return from_host(array.astype(numpy_dtype), None, options["device"],
                      options["requires_grad"], options["pin_memory"])  # fmt: skip


def _options(values: dict) -> dict:
    return {k: values[k] for k in ("dtype", "layout", "device", "pin_memory", "requires_grad")}


@public(method=False)
def hann_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None,
                pin_memory=False, requires_grad=False):  # fmt: skip
    """Hann's window, ``0.5 - 0.5 cos(2 pi n / N)``; N is one less unless ``periodic``.

    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic,
                   lambda n, steps: _cosine_sum(n, steps, (0.5, 0.5)),
                   _options(locals()))  # fmt: skip


@public(method=False)
def hamming_window(window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None,
                   layout=strided, device=None, pin_memory=False, requires_grad=False):  # fmt: skip
    """Hamming's window, ``alpha - beta cos(2 pi n / N)``.

    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", window_length, periodic,
                   lambda n, steps: _cosine_sum(n, steps, (alpha, beta)),
                   _options(locals()))  # fmt: skip


@public(method=False)
def bartlett_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None,
                    pin_memory=False, requires_grad=False):  # fmt: skip
    """Bartlett's window, a triangle that begins and ends at 0.

    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", window_length, periodic, _triangle, _options(locals()))


@public(method=False)
def blackman_window(window_length, periodic=True, *, dtype=None, layout=strided, device=None,
                    pin_memory=False, requires_grad=False):  # fmt: skip
    """Blackman's window, ``0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)``.

    >>> torch.blackman_window(5)[1:]
    tensor([0.2008, 0.8492, 0.8492, 0.2008])
    """
    return _window("blackman_window", window_length, periodic,
                   lambda n, steps: _cosine_sum(n, steps, (0.42, 0.5, 0.08)),
                   _options(locals()))  # fmt: skip


@public(method=False)
def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None, layout=strided,
                  device=None, pin_memory=False, requires_grad=False):  # fmt: skip
    """Kaiser's window, ``I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta)``.

    >>> torch.kaiser_window(4)
    tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])
    """
    return _window("kaiser_window", window_length, periodic,
                   lambda n, steps: _kaiser(n, steps, beta), _options(locals()))  # fmt: skip


# ---------------------------------------------------------------------------- signal.windows


class _Request:
    """The arguments that all functions of ``signal.windows`` share, checked."""

    def __init__(self, name: str, M: int, sym: bool, options: dict) -> None:
        dtype = options["dtype"]
        self.dtype = from_numpy_dtype(default_dtype()) if dtype is None else dtype
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if options["layout"] is not strided:
            raise ValueError(
                f"{name} is implemented for strided tensors only, got: {options['layout']}"
            )
        if self.dtype.name not in ("float32", "float64"):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {self.dtype}")
        self.size = M
        self.steps = M - 1 if sym else M
        self.options = {"dtype": self.dtype, "device": options["device"],
                        "requires_grad": options["requires_grad"]}  # fmt: skip

    def points(self, start: Any, end: Any) -> Any:
        return linspace(start, end, self.size, **self.options)

    def constant(self, value: float) -> Any:
        return FUNCTIONS["full"]((self.size,), value, **self.options)

    def ends(self, start: float, step: float) -> Any:
        return self.points(start * step, (start + self.size - 1) * step)


def _signal_options(values: dict) -> dict:
    return {name: values[name] for name in ("dtype", "layout", "device", "requires_grad")}


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None,
                requires_grad=False):  # fmt: skip
    """``exp(-|n - center| / tau)``; the center is the middle unless given (``sym=False``).

    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    request = _Request("exponential", M, sym, _signal_options(locals()))
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return request.constant(0.0)
    if center is None:
        center = (M if not sym and M > 1 else M - 1) / 2.0
    return (-request.ends(-center, 1 / tau).abs()).exp()


def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Half a period of a sine: ``sin(pi (n + 0.5) / M)``.

    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    request = _Request("cosine", M, sym, _signal_options(locals()))
    if M == 0:
        return request.constant(0.0)
    return request.ends(0.5, math.pi / (M + 1 if not sym and M > 1 else M)).sin()


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None,
             requires_grad=False):  # fmt: skip
    """``exp(-(n / (sqrt(2) std))^2)`` around the middle.

    >>> torch.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    request = _Request("gaussian", M, sym, _signal_options(locals()))
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return request.constant(0.0)
    start = -(M if not sym and M > 1 else M - 1) / 2.0
    points = request.ends(start, 1 / (std * math.sqrt(2)))
    return (-(points * points)).exp()


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None,
           requires_grad=False):  # fmt: skip
    """Kaiser's window, ``I0(beta sqrt(1 - x^2)) / I0(beta)`` for x from -1 to 1.

    >>> torch.signal.windows.kaiser(3)
    tensor([5.2773e-05, 1.0000e+00, 5.2773e-05])
    """
    request = _Request("kaiser", M, sym, _signal_options(locals()))
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return request.constant(1.0)
    i0 = FUNCTIONS["i0"]
    limit = tensor(float(beta), dtype=request.dtype, device=device)
    step = 2.0 * limit / request.steps
    end = FUNCTIONS["minimum"](limit, (M - 1) * step - limit)
    points = request.points(-limit, end)
    return i0((limit * limit - points * points).sqrt()) / i0(limit)


def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Hamming's window, ``0.54 - 0.46 cos(2 pi n / (M - 1))``.

    >>> torch.signal.windows.hamming(4)
    tensor([0.0800, 0.7700, 0.7700, 0.0800])
    """
    return general_hamming(M, sym=sym, **_signal_options(locals()))


def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Hann's window, ``0.5 - 0.5 cos(2 pi n / (M - 1))``.

    >>> torch.signal.windows.hann(4)
    tensor([0.0000, 0.7500, 0.7500, 0.0000])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **_signal_options(locals()))


def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Blackman's window, a sum of three cosines.

    >>> torch.signal.windows.blackman(6)[1:]
    tensor([ 2.0077e-01,  8.4923e-01,  8.4923e-01,  2.0077e-01, -1.4901e-08])
    """
    _Request("blackman", M, sym, _signal_options(locals()))
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **_signal_options(locals()))


def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Bartlett's window, a triangle that begins at 0.

    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    request = _Request("bartlett", M, sym, _signal_options(locals()))
    if M < 2:
        return request.constant(1.0)
    return 1 - request.points(-1, -1 + (M - 1) * (2 / request.steps)).abs()


def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None,
                   requires_grad=False):  # fmt: skip
    """``a[0] - a[1] cos(x) + a[2] cos(2 x) - …`` over one period.

    >>> torch.signal.windows.general_cosine(4, a=[0.5, 0.3])
    tensor([0.2000, 0.6500, 0.6500, 0.2000])
    """
    request = _Request("general_cosine", M, sym, _signal_options(locals()))
    if M < 2:
        return request.constant(1.0)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    a = list(a)
    if not a:
        raise ValueError("Coefficients cannot be empty")
    angle = request.ends(0.0, 2 * math.pi / request.steps)
    total = angle * 0 + a[0]
    for i, weight in enumerate(a[1:], 1):
        total = total + (-1) ** i * weight * (angle * i).cos()
    return total


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None,
                    requires_grad=False):  # fmt: skip
    """``alpha - (1 - alpha) cos(x)`` over one period.

    >>> torch.signal.windows.general_hamming(4)
    tensor([0.0800, 0.7700, 0.7700, 0.0800])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **_signal_options(locals()))


def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Nuttall's window, a sum of four cosines.

    >>> torch.signal.windows.nuttall(5)[1:]
    tensor([2.2698e-01, 1.0000e+00, 2.2698e-01, 3.6280e-04])
    """
    weights = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=weights, sym=sym, **_signal_options(locals()))
