"""Padding: constants around a tensor, or what mirroring, repeating and wrapping it gives."""

from __future__ import annotations

from typing import Any

from .arguments import ints_argument
from .index import fill_op
from .op import op
from .operand import require_tensor
from .outputs import takes_out
from .registry import public
from .shape import basic_index

Widths = tuple[tuple[int, int], ...]  # (before, after) of every dimension


def _center(shape: tuple[int, ...], widths: Widths) -> tuple[slice, ...]:
    return tuple(slice(b, b + n) for n, (b, _) in zip(shape, widths, strict=True))


def _padded_shape(shape: tuple[int, ...], widths: Widths) -> tuple[int, ...]:
    return tuple(n + b + a for n, (b, a) in zip(shape, widths, strict=True))


@op(name="pad", grad_name="ConstantPadNdBackward0")
def pad_constant(xp, x, *, widths, value):
    out = xp.full(_padded_shape(x.shape, widths), value, dtype=x.dtype)
    out[_center(x.shape, widths)] = x
    return out


pad_constant.vjp(x=lambda g, x_shape, widths: basic_index(g, key=_center(x_shape, widths)))


def _edges(mode: str, n: int, before: int, after: int) -> list[tuple[slice, slice]]:
    """(where the edge is, what it repeats) along one dimension of the padded array."""
    end = before + n
    first, last = slice(0, before), slice(end, end + after)
    if mode == "circular":
        pairs = [(first, slice(n, end)), (last, slice(before, before + after))]
    elif mode == "replicate":
        pairs = [(first, slice(before, before + 1)), (last, slice(end - 1, end))]
    else:
        # From the far side of the neighbouring elements back to their near one.
        stop = end - 2 - after
        pairs = [
            (first, slice(2 * before, before, -1)),
            (last, slice(end - 2, stop if stop >= 0 else None, -1)),
        ]
    return [pair for pair, width in zip(pairs, (before, after), strict=True) if width]


@op(grad_name="ReflectionPadBackward0")
def pad_edges(xp, x, *, widths, mode):
    """Dimension by dimension, so that corners are made of edges."""
    out = xp.empty(_padded_shape(x.shape, widths), dtype=x.dtype)
    out[_center(x.shape, widths)] = x
    for axis, (before, after) in enumerate(widths):
        along = xp.moveaxis(out, axis, 0)
        for edge, source in _edges(mode, x.shape[axis], before, after):
            along[edge] = along[source]
    return out


@op
def fold_edges(xp, x, padded, *, widths, mode):
    """The adjoint of pad_edges: edges are added to what they repeat.

    ``padded`` is what pad_edges was given, of which only the shape matters. It is an argument
    because PyTorch's gradients of paddings depend on it too, if only formally: a second gradient
    by it is zero, not an error.
    """
    shape = padded.shape
    out = x.copy()
    for axis in range(x.ndim - 1, -1, -1):
        along = xp.moveaxis(out, axis, 0)
        for edge, source in reversed(_edges(mode, shape[axis], *widths[axis])):
            values = along[edge]
            along[source] += values.sum(axis=0) if mode == "replicate" else values
    return xp.ascontiguousarray(out[_center(shape, widths)])


pad_edges.vjp(x=lambda g, x, widths, mode: fold_edges(g, x, widths=widths, mode=mode))
fold_edges.vjp(
    x=lambda g, widths, mode: pad_edges(g, widths=widths, mode=mode),
    padded=lambda g: fill_op(g, value=0),
)


# ------------------------------------------------------------------------------- public


def pad(input, pad, mode="constant", value=None):
    """``input`` with ``pad`` = (last dim before, last dim after, second to last before, …).

    Args:
        input: any shape for "constant"; for the other modes the padded dimensions are the last
            1, 2 or 3 after one or two others (channels, batch).
        pad: an even number of widths; negative ones cut off.
        mode: "constant", "reflect" (the edge itself is not repeated), "replicate" or "circular".
        value: what "constant" fills with, 0 where it is None.

    Raises:
        RuntimeError: widths that do not fit the input.
        NotImplementedError: an unknown mode, or a rank that the mode does not support.

    >>> F.pad(torch.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    amounts = _amounts("pad", input, pad)
    widths = _widths(amounts, input.ndim)
    if mode == "constant":
        return _constant(input, widths, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check_rank(input.ndim, len(amounts))
    _check_sizes(tuple(input.shape), widths, mode, amounts)
    if mode == "circular":
        # What is cut off is not there to wrap around; the other modes pad first.
        input, widths = _cut(input, widths)
    return _cut(_edged(input, widths, mode), widths)[0]


@public(method=False)
@takes_out
def constant_pad_nd(input, pad, value=0):
    """``input`` with ``value`` around it; ``pad`` as in ``nn.functional.pad``.

    >>> torch.constant_pad_nd(torch.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    amounts = _amounts("constant_pad_nd", input, pad)
    return _constant(input, _widths(amounts, input.ndim), value)


def _amounts(function: str, input: Any, pad: Any) -> tuple[int, ...]:
    require_tensor(function, "input", input)
    amounts = ints_argument(function, "pad", pad, 2)
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but "
            f"got padding length {len(amounts)} and input of dimension {input.ndim}"
        )
    return amounts


def _edged(x: Any, widths: Widths, mode: str) -> Any:
    added = tuple((max(0, b), max(0, a)) for b, a in widths)
    return pad_edges(x, widths=added, mode=mode)


def _widths(amounts: tuple[int, ...], ndim: int) -> Widths:
    pairs = [(amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)]
    return ((0, 0),) * (ndim - len(pairs)) + tuple(reversed(pairs))


def _any(widths: Widths) -> bool:
    return any(b or a for b, a in widths)


def _constant(x: Any, widths: Widths, value: Any) -> Any:
    for n, (b, a) in zip(x.shape, widths, strict=True):
        if n + b + a < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
    x, widths = _cut(x, widths)
    if not _any(widths):
        return x.clone()
    if x._array.dtype.kind in "iub":
        value = bool(value) if x._array.dtype.kind == "b" else int(value)
    return pad_constant(x, widths=widths, value=value)


def _cut(x: Any, widths: Widths) -> tuple[Any, Widths]:
    """Apply the negative widths: a slice, and what is left to pad."""
    if all(b >= 0 and a >= 0 for b, a in widths):
        return x, widths
    index = tuple(
        slice(max(0, -b), n - max(0, -a)) for n, (b, a) in zip(x.shape, widths, strict=True)
    )
    return basic_index(x, key=index), tuple((max(0, b), max(0, a)) for b, a in widths)


def _check_rank(ndim: int, count: int) -> None:
    if count in (2, 4, 6) and ndim in (count // 2 + 1, count // 2 + 2):
        return
    raise NotImplementedError(
        f"Padding size {count} is not supported for {ndim}D input tensor.\n"
        "Supported combinations for non-constant padding:\n"
        "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
        "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
        "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
    )


def _check_sizes(shape: tuple[int, ...], widths: Widths, mode: str, amounts: tuple) -> None:
    padded = len(amounts) // 2
    if mode != "circular" and 0 in shape[len(shape) - padded - 1 :]:
        raise RuntimeError(
            f"Expected {padded + 1}D or {padded + 2}D (batch mode) tensor with possibly 0 batch "
            f"size and other non-zero dimensions for input, but got: {list(shape)}"
        )
    for axis, (n, (b, a)) in enumerate(zip(shape, widths, strict=True)):
        if mode == "reflect" and (b >= n or a >= n) and (b or a):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({b}, {a}) at dimension {axis} of input "
                f"{list(shape)}"
            )
        if mode == "circular" and (b > n or a > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if mode == "circular" and n + b + a < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if mode != "circular" and (b or a) and n + b + a < 1:
            raise RuntimeError(
                f"input ({', '.join(map(str, shape))}) is too small: padding ({b}, {a}) leaves "
                f"nothing of dimension {axis}"
            )
