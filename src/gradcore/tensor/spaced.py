"""Evenly spaced numbers, and their powers: arange, range, linspace, logspace."""

from __future__ import annotations

import itertools
import math
import warnings
from numbers import Number
from typing import Any

import numpy as np

from ..backends.cpu import sequences
from ..backends.default import default_complex_dtype, default_dtype
from ..backends.dtype import to_numpy_dtype
from ..ops.arguments import invalid_combination
from ..ops.promotion import TYPE_NAMES
from ..ops.registry import public
from .factories import check_layout, from_host
from .layout import strided
from .tensor import Tensor

_OPTIONS = (
    "*, Tensor out = None, torch.dtype dtype = None, torch.layout layout = None, "
    "torch.device device = None, bool pin_memory = False, bool requires_grad = False"
)
_ENDS = [f"{a} start, {b} end" for b, a in itertools.product(("Tensor", "Number"), repeat=2)]
_INT = (int, np.integer)
_SCALAR = (Number, np.generic)


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


# -------------------------------------------------------------------------- arange, range

_RANGE = f"Number start, Number end, Number step = 1, {_OPTIONS}"
_EXPECTED = {
    "arange": (f"Number end, {_OPTIONS}", f"Number start, Number end, {_OPTIONS}", _RANGE),
    "range": (f"Number start, Number end = None, Number step = 1, {_OPTIONS}", _RANGE),
}


def _check_range(name: str, start: Any, end: Any, step: Any) -> None:
    """TypeError for what are no real numbers, RuntimeError for a range that is none."""
    if not all(isinstance(value, (int, float)) for value in (start, end, step)):
        raise invalid_combination(name, (start, end, step), {}, _EXPECTED[name])
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


@public(method=False)
def arange(start=0, end=None, step=1, *, out=None, dtype=None, layout=strided, device=None,
           pin_memory=False, requires_grad=False):  # fmt: skip
    """``start, start + step, …`` below ``end``: int64 from ints, else the default dtype.

    Raises RuntimeError for a step of 0 or of the wrong sign.

    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    check_layout(layout)
    _check_range("arange", start, end, step)
    integral = all(isinstance(v, int) for v in (start, end, step))
    if dtype is not None:
        numpy_dtype = to_numpy_dtype(dtype)
    elif out is not None:
        numpy_dtype = out._array.dtype
    else:
        numpy_dtype = np.dtype("int64") if integral else default_dtype()
    if numpy_dtype.kind in "iu":
        start, end, step = (int(v) for v in (start, end, step))
    size = -(-(end - start) // step) if integral else math.ceil((end - start) / step)
    values = sequences.arange(start, step, size, numpy_dtype)
    return from_host(values, out, device, requires_grad, pin_memory)


@public(method=False, name="range")
def range_(start=0, end=None, step=1, *, out=None, dtype=None, layout=strided, device=None,
           pin_memory=False, requires_grad=False):  # fmt: skip
    """As arange, but with ``end`` and of the default dtype (deprecated in PyTorch).

    >>> torch.range(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000, 2.5000])
    """
    warnings.warn(
        "range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use arange, which produces values in "
        "[start, end).",
        UserWarning,
        stacklevel=2,
    )
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    _check_range("range", start, end, step)
    size = math.floor((end - start) / step) + 1
    numpy_dtype = default_dtype() if dtype is None else to_numpy_dtype(dtype)
    values = sequences.arange(start, step, size, numpy_dtype)
    return from_host(values, out, device, requires_grad, pin_memory)


# --------------------------------------------------------------------- linspace, logspace


def _check_arguments(name: str, start: Any, end: Any, steps: Any, *base: Any) -> None:
    """TypeError for what are no numbers, RuntimeError for tensors of several elements."""
    integral = isinstance(steps, _INT) and not isinstance(steps, bool)
    if isinstance(steps, Tensor):
        integral = steps.dim() == 0 and steps._array.dtype.kind in "iu"
    numeric = all(isinstance(end_, (*_SCALAR, Tensor)) for end_ in (start, end))
    if not integral or not numeric or not all(_is_real(b) for b in base):
        rest = f"int steps, {'float base = 10.0, ' if base else ''}{_OPTIONS}"
        given = (start, end, steps, *(b for b in base if b != 10.0))
        raise invalid_combination(name, given, {}, [f"{ends}, {rest}" for ends in _ENDS])
    dims = {n: t.dim() for n, t in (("start", start), ("end", end)) if isinstance(t, Tensor)}
    if any(dims.values()):
        got = " and ".join(f"{n} with {d} dimension(s)" for n, d in dims.items())
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got {got}."
        )


def _is_real(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.dim() == 0 and value._array.dtype.kind != "c"
    return isinstance(value, _SCALAR) and not isinstance(value, complex)


def _spacing(start: Any, end: Any, steps: Any, dtype: np.dtype) -> tuple[Any, Any, int]:
    """Both ends, which integers cut to integers, and the number of steps."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    return start, end, int(steps)


def _space_dtype(name: str, start: Any, end: Any, dtype: Any, out: Any) -> Any:
    inferred = default_dtype()
    if isinstance(start, complex) or isinstance(end, complex):
        inferred = default_complex_dtype()
    if dtype is None:
        return inferred if out is None else out._array.dtype
    wanted = to_numpy_dtype(dtype)
    if inferred.kind == "c" and wanted.kind != "c":
        part = "float" if inferred.itemsize == 8 else "double"
        raise RuntimeError(
            f"torch.{name}(): inferred dtype c10::complex<{part}> can't be safely cast to passed "
            f"dtype {TYPE_NAMES[wanted.name]}"
        )
    return wanted


@public(method=False)
def linspace(start, end, steps=100, *, out=None, dtype=None, layout=strided, device=None,
             pin_memory=False, requires_grad=False):  # fmt: skip
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    TypeError for ``steps`` that is no int, RuntimeError for a negative one.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    _check_arguments("linspace", start, end, steps)
    check_layout(layout)
    start, end = _number(start), _number(end)
    numpy_dtype = _space_dtype("linspace", start, end, dtype, out)
    values = sequences.linspace(*_spacing(start, end, steps, numpy_dtype), numpy_dtype)
    return from_host(values, out, device, requires_grad, pin_memory)


@public(method=False)
def logspace(start, end, steps=100, base=10.0, *, out=None, dtype=None, layout=strided,
             device=None, pin_memory=False, requires_grad=False):  # fmt: skip
    """``base ** linspace(start, end, steps)``.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    _check_arguments("logspace", start, end, steps, base)
    check_layout(layout)
    start, end, base = _number(start), _number(end), _number(base)
    numpy_dtype = _space_dtype("logspace", start, end, dtype, out)
    values = sequences.logspace(*_spacing(start, end, steps, numpy_dtype), base, numpy_dtype)
    return from_host(values, out, device, requires_grad, pin_memory)
