"""Between optimizers and the backends' kernels: raw arrays, step counters, packed state."""

from __future__ import annotations

from itertools import repeat
from operator import is_
from typing import Any

from ..autograd.variable import wrap
from ..backends.default import default_dtype
from ..backends.dtype import DTYPES, from_numpy_dtype
from ..backends.registry import backend_of
from ..ops.registry import FUNCTIONS

# Elements of an array that is small: a NumPy call on it costs more than its arithmetic.
_SMALL = 2048


def packed(tensors: list[Any]) -> list[Any]:
    """The same values; small contiguous tensors become parts of one array.

    Kernels treat what lies side by side as one array. The parts are tensors of their own, not
    views: nothing but the memory is shared.
    """
    small = [i for i, t in enumerate(tensors) if t.numel() < _SMALL and t.is_contiguous()]
    kinds = {(tensors[i]._array.dtype, tensors[i].device) for i in small}
    if len(small) < 2 or len(kinds) > 1:
        return tensors
    flat = FUNCTIONS["cat"]([tensors[i].detach().reshape(-1) for i in small])
    pieces = flat.split([tensors[i].numel() for i in small])
    result = list(tensors)
    for i, piece in zip(small, pieces, strict=True):
        result[i] = wrap(piece._array.reshape(tensors[i]._array.shape))
    return result


def zeros_like(params: list[Any]) -> list[Any]:
    """New state for each parameter, packed."""
    return packed([FUNCTIONS["zeros_like"](p.detach()) for p in params])


def new_step(param: Any, group: dict[str, Any]) -> Any:
    """A counter of steps: 0, on the host unless the step is captured on the device."""
    zeros = FUNCTIONS["zeros"]
    if group.get("capturable"):
        return zeros((), dtype=DTYPES["float32"], device=param.device)
    dtype = DTYPES["float32"] if group.get("fused") else from_numpy_dtype(default_dtype())
    return zeros((), dtype=dtype, device="cpu")


def advance(steps: list[Any]) -> list[float]:
    """Count one step in each of these counters on the host; the new counts."""
    arrays = [step._array for step in steps]
    base = arrays[0].base
    if (
        base is not None
        and base.size == len(arrays)
        and all(map(is_, [a.base for a in arrays], repeat(base)))
    ):
        base += 1
    else:
        for array in arrays:
            array += 1
    return [array.item() for array in arrays]


def run_kernel(
    name: str, params: list[Any], columns: list[Any], options: dict[str, Any], memory: dict | None
) -> bool:
    """Run the kernel ``name`` over parameters, their gradients and state; False where none fits.

    ``columns`` are lists of the arrays of state, one for each parameter, or None; ``memory`` is a
    dict that stays the same from step to step.
    """
    arrays = [p._array for p in params]
    grads = [p._grad._array for p in params]
    update = backend_of(arrays[0]).update
    if not update(name, arrays, grads, *columns, memory=memory, **options):
        return False
    for param in params:
        counter = param._vc
        if counter is None:
            param._vc = [1]
        else:
            counter[0] += 1
    return True
