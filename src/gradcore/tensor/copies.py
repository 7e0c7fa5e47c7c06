"""View functions whose results are copies: ``*_copy``, and ``*_scatter``, which write into one.

A ``*_scatter`` copies the input and writes ``src`` where the view function would look, so that
gradients reach both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ops import strided, views
from ..ops.arguments import int_argument, ints_argument
from ..ops.diagonals import diagonal
from ..ops.operand import normalize_dim, require_tensor
from ..ops.outputs import takes_out
from ..ops.registry import public
from ..ops.shape import basic_index, clone, contiguous_copy, element_strides
from ..ops.strided import as_strided_view
from . import splitting
from .inplace import copy_

# ----------------------------------------------------------------------------------- copies


def _copied(x: Any) -> Any:
    """A copy in C order: ``contiguous_copy`` hands out what is in that order already."""
    return clone(x) if x._array.flags.c_contiguous else contiguous_copy(x)


def _copying(name: str, view: Callable[..., Any]) -> None:
    def function(input, *args, **kwargs):
        result = view(input, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(map(_copied, result))
        return _copied(result)

    functools.update_wrapper(function, view)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{name.removesuffix('_copy')}`` with a result that shares no memory."
    public(method=name == "narrow_copy")(takes_out(function))


def _alias(input):
    return require_tensor("alias_copy", "input", input)


def _detach(input):
    return require_tensor("detach_copy", "input", input).detach()


def _slice(input, dim=0, start=None, end=None, step=1):
    return basic_index(input, key=_slice_key("slice", input, dim, start, end, step))


def _slice_key(name: str, x: Any, dim: int, start: Any, end: Any, step: int) -> tuple:
    if require_tensor(name, "input", x).ndim == 0:
        raise RuntimeError(f"{name}() cannot be applied to a 0-dim tensor.")
    axis = normalize_dim(int_argument(name, "dim", dim, 2), x.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return (slice(None),) * axis + (slice(start, end, step), ...)


_VIEWS = {
    "alias": _alias,
    "as_strided": as_strided_view,
    "detach": _detach,
    "diagonal": diagonal,
    "expand": views.expand,
    "narrow": views.narrow,
    "permute": views.permute,
    "select": views.select,
    "slice": _slice,
    "split": splitting.split,
    "split_with_sizes": splitting.split_with_sizes,
    "squeeze": views.squeeze,
    "t": views.t,
    "transpose": views.transpose,
    "unbind": splitting.unbind,
    "unfold": strided.unfold_windows,
    "unsqueeze": views.unsqueeze,
    "view": views.view,
    "view_as_complex": strided.complex_from_pairs,
    "view_as_real": strided.real_pairs,
}
for _name, _view in _VIEWS.items():
    _copying(f"{_name}_copy", _view)


# --------------------------------------------------------------------------------- scatters


def _with_part(whole: Any, part: Any, src: Any) -> Any:
    """Write ``src`` into ``part``, a view of ``whole``, which is returned."""
    if part.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    copy_(part, src)
    return whole


@public
@takes_out
def select_scatter(input, src, dim, index):
    """A copy of ``input`` with ``src`` at ``index`` of dimension ``dim``.

    >>> torch.select_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), 0, 1)
    tensor([[0., 0.],
            [1., 2.]])
    """
    whole = clone(require_tensor("select_scatter", "input", input))
    return _with_part(whole, views.select(whole, dim, index), src)


@public
@takes_out
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of ``input`` with ``src`` at ``start:end:step`` of dimension ``dim``.

    >>> torch.slice_scatter(torch.zeros(4), torch.tensor([1.0, 2.0]), 0, 1, 3)
    tensor([0., 1., 2., 0.])
    """
    key = _slice_key("slice", input, dim, start, end, step)
    whole = clone(input)
    return _with_part(whole, basic_index(whole, key=key), src)


@public
@takes_out
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of ``input`` with ``src`` on a diagonal of dimensions ``dim1`` and ``dim2``.

    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    whole = clone(require_tensor("diagonal_scatter", "input", input))
    return _with_part(whole, diagonal(whole, offset, dim1, dim2), src)


@public
@takes_out
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of ``input`` with ``src`` at these sizes, strides and offset of its memory.

    What the copy does not show of the memory under a view can be written to, without an effect.

    >>> torch.as_strided_scatter(torch.zeros(4), torch.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    require_tensor("as_strided_scatter", "input", input)
    size = ints_argument("as_strided_scatter", "size", size, 3)
    base, start = strided.memory_of(input)
    memory = clone(base)
    shape, strides = tuple(input.shape), element_strides(input._array)
    offset = start if storage_offset is None else storage_offset
    _with_part(memory, as_strided_view(memory, size, stride, offset), src)
    return memory if base is input else as_strided_view(memory, shape, strides, start)
