"""The `repr` of tensors, and the options for it.

The text is PyTorch's (torch/_tensor_str.py, 2.13). Only what is shown is looked at: of a large
tensor the edges are cut out first, and everything else works on those few numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.default import default_complex_dtype, default_dtype

__all__ = [
    "format_tensor",
    "get_printoptions",
    "printoptions",
    "set_printoptions",
]


@dataclasses.dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str | None, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, as `torch.set_printoptions`.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which only the edges are shown (1000).
        edgeitems: elements shown at each end of a dimension that is cut (3).
        linewidth: characters per line (80).
        profile: `default`, `short` or `full`, set before the other arguments; PyTorch ignores any
            other name, and so does this.
        sci_mode: True or False for scientific notation always or never; None, also where the
            argument is left out, leaves it to the numbers.
    """
    chosen = dict(_PROFILES.get(profile, {}))
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen |= {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options as keyword arguments of `set_printoptions`."""
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Within the context, print with these arguments of `set_printoptions`."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(tensor: Any, *, tensor_contents: str | None = None) -> str:
    """The `repr` of a tensor.

    Args:
        tensor: any object with the tensor's `shape`, `dtype`, `device`, `requires_grad`,
            `grad_fn`, `detach()`, `cpu()` and `numpy()`.
        tensor_contents: what to show instead of the numbers.
    """
    prefix = _prefix(type(tensor))
    array = _host_array(tensor)
    if tensor_contents is None:
        tensor_contents = _contents(array, indent=len(prefix))
    suffixes = _suffixes(tensor, array)
    text = _append_suffixes(prefix + tensor_contents, suffixes, indent=len(prefix))
    if _is_subclass_of_parameter(type(tensor)):
        return f"Parameter({text})"
    return text


# ---- around the numbers -------------------------------------------------------------------------


def _host_array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _prefix(cls: type) -> str:
    # By name: Parameter belongs to nn, a layer above this one.
    return "tensor(" if cls.__name__ in ("Tensor", "Parameter") else f"{cls.__name__}("


def _is_subclass_of_parameter(cls: type) -> bool:
    return any(base.__name__ == "Parameter" for base in cls.__mro__[1:])


def _suffixes(tensor: Any, array: np.ndarray) -> list[str]:
    """What follows the numbers: `device=`, `size=`, `dtype=`, then `grad_fn=` or
    `requires_grad=`, each only where it says something new.
    """
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    empty = array.size == 0
    if (empty and array.ndim != 1) or (not empty and not _options.edgeitems):
        suffixes.append(f"size={tuple(array.shape)}")
    # Numbers show whether they are integers or complex; an empty tensor has none to show.
    understood = [default_dtype()]
    if not empty:
        understood += [default_complex_dtype(), np.dtype(np.int64), np.dtype(np.bool_)]
    if array.dtype not in understood:
        suffixes.append(f"dtype={tensor.dtype}")
    node = _grad_fn_name(tensor)
    if node is not None:
        suffixes.append(f"grad_fn=<{node}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return suffixes


def _grad_fn_name(tensor: Any) -> str | None:
    try:
        grad_fn = tensor.grad_fn
    except RuntimeError:
        # A view made without recording and changed in place since then has no history to rebase.
        return "Invalid"
    return None if grad_fn is None else grad_fn.name()


def _append_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    parts = [text]
    # PyTorch counts the line one character too long, and so must this to break lines alike.
    line_length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if line_length + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            line_length = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            line_length += len(suffix) + 2
    return "".join(parts) + ")"


# ---- the numbers --------------------------------------------------------------------------------


def _contents(array: np.ndarray, indent: int) -> str:
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems
    cut = [array.size > _options.threshold and size > 2 * edge for size in array.shape]
    if any(cut) and not edge:
        return "[...]"
    for axis, is_cut in enumerate(cut):
        if is_cut:
            ends = (_slice(array, axis, None, edge), _slice(array, axis, -edge, None))
            array = np.concatenate(ends, axis=axis)
    values = _widened(array)
    return _nested(values.tolist(), cut, indent, _formatter(values))


def _slice(array: np.ndarray, axis: int, start: int | None, stop: int | None) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _widened(array: np.ndarray) -> np.ndarray:
    """Floating and complex numbers as double, the rest as it is."""
    if array.dtype.kind in "biu":
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


class _IntegerFormatter:
    """Formats integers and booleans to one width."""

    def __init__(self, values: np.ndarray) -> None:
        self.width = max(len(str(value)) for value in values.reshape(-1).tolist())

    def __call__(self, value: int) -> str:
        return str(value).rjust(self.width)


class _FloatFormatter:
    """Formats floating numbers to one width, by one notation that suits them all.

    Attributes:
        integers: whether all finite numbers are integers, shown as `3.`.
        scientific: whether they differ by more than 1000 times, exceed 1e8 or fall below 1e-4.
        width: of the longest nonzero finite number.
    """

    def __init__(self, values: np.ndarray) -> None:
        numbers = values[np.isfinite(values) & (values != 0)]
        self.integers, self.scientific, self.width = True, False, 1
        if numbers.size == 0:
            return
        self.integers = bool((numbers == np.ceil(numbers)).all())
        if _options.sci_mode is None:
            magnitudes = np.abs(numbers)
            smallest, largest = float(magnitudes.min()), float(magnitudes.max())
            self.scientific = largest / smallest > 1000.0 or largest > 1e8 or smallest < 1e-4
        else:
            self.scientific = _options.sci_mode
        self.width = max(1, *(len(self._text(number)) for number in numbers.tolist()))

    def _text(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.integers:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: float) -> str:
        return self._text(value).rjust(self.width)


class _ComplexFormatter:
    """Formats the parts of complex numbers, each to its own width."""

    def __init__(self, values: np.ndarray) -> None:
        self.real, self.imag = _FloatFormatter(values.real), _FloatFormatter(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip() + "j"
        sign = "" if imag[0] in "+-" else "+"
        return self.real(value.real) + sign + imag


_Formatter = _IntegerFormatter | _FloatFormatter | _ComplexFormatter


def _formatter(values: np.ndarray) -> _Formatter:
    if values.dtype.kind == "c":
        return _ComplexFormatter(values)
    return _FloatFormatter(values) if values.dtype.kind == "f" else _IntegerFormatter(values)


def _nested(values: Any, cut: list[bool], indent: int, formatter: _Formatter) -> str:
    """Nested lists as text. `cut` says for each dimension whether its middle was left out."""
    if not cut:
        return formatter(values)
    if len(cut) == 1:
        return _vector([formatter(value) for value in values], cut[0], indent, formatter.width)
    items = [_nested(value, cut[1:], indent + 1, formatter) for value in values]
    if cut[0]:
        items.insert(_options.edgeitems, "...")
    return "[" + ("," + "\n" * (len(cut) - 1) + " " * (indent + 1)).join(items) + "]"


def _vector(items: list[str], cut: bool, indent: int, width: int) -> str:
    if cut:
        items.insert(_options.edgeitems, " ...")
    per_line = max(1, (_options.linewidth - indent) // (width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
