"""``vmap``: a function of single examples applied to batches."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.variable import TensorBase
from ..ops.registry import FUNCTIONS
from .randomness import check_randomness, watched
from .tree import Structure, spread, take_apart


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """``func`` applied along a dimension of its arguments, with the results stacked.

    It runs once for each index, so it is no faster than a loop, and ``func`` may do what a loop
    may: read values with ``item()``, branch on them, write into its arguments.

    Args:
        in_dims: the mapped dimension of each argument, None for what is the same for all: one
            for all of them, or a tuple that may be nested as the arguments are.
        out_dims: where the mapped dimension goes in the results, nested as they are; None for a
            result that is the same for all.
        randomness: "error" forbids drawing random numbers, "different" lets each run draw its
            own, "same" gives each run the same ones.
        chunk_size: how many indices PyTorch takes at once; here each comes alone.

    >>> vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
    tensor([2., 2., 2.])
    """
    check_randomness(randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = take_apart(args)
        dims = _in_dims(func, in_dims, args, leaves, structure)
        count = _batch_size(leaves, dims)
        runs = []
        random_numbers = _RandomNumbers(randomness, args)
        for i in range(count):
            values = [x if d is None else x.select(d, i) for x, d in zip(leaves, dims, strict=True)]
            with random_numbers.of_run(i):
                runs.append(func(*structure.put(values), **kwargs))
        return _stacked(func, runs, out_dims)

    return mapped


class _RandomNumbers:
    """The random numbers of the runs of one call."""

    def __init__(self, randomness: str, args: tuple) -> None:
        self.randomness, self.args = randomness, args
        self.states: Any = None

    def of_run(self, index: int) -> Any:
        """The context of one run: the first one is watched, or its numbers are given again."""
        if self.randomness == "error":
            return watched("error", self.args) if index == 0 else contextlib.nullcontext()
        if self.randomness == "different":
            return contextlib.nullcontext()
        if index == 0:
            from ..utils.rng_states import RandomStates

            self.states = RandomStates(self.args)
            return contextlib.nullcontext()
        return self.states.restored()


def _name_of(func: Callable) -> str:
    return getattr(func, "__name__", None) or repr(func)


def _in_dims(
    func: Callable, in_dims: Any, args: tuple, leaves: Sequence[Any], structure: Structure
) -> list:
    """The mapped dimension of every leaf of the arguments; PyTorch's ValueErrors."""
    name = f"vmap({_name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{name}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
            "you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    dims = spread(in_dims, structure)
    if dims is None:
        raise ValueError(
            f"{name}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {take_apart(in_dims)[1]} but inputs has structure {structure}."
        )
    for x, dim in zip(leaves, dims, strict=True):
        _check_in_dim(name, x, dim)
    return dims


def _check_in_dim(name: str, x: Any, dim: Any) -> None:
    if dim is None:
        return
    if not isinstance(dim, int):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if not isinstance(x, TensorBase):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = x._array.ndim
    if not -rank <= dim < rank:
        raise ValueError(
            f"{name}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )


def _batch_size(leaves: Sequence[Any], dims: Sequence[Any]) -> int:
    sizes = [x._array.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    if sizes[0] == 0:
        raise ValueError(
            "vmap: got a mapped dimension of size 0, which leaves the shapes of the results unknown"
        )
    return sizes[0]


def _stacked(func: Callable, runs: Sequence[Any], out_dims: Any) -> Any:
    """The results of all runs, leaf by leaf."""
    structure = take_apart(runs[0])[1]
    if structure.kind is None and isinstance(out_dims, tuple) and len(out_dims) == 1:
        out_dims = out_dims[0]
    dims = spread(out_dims, structure)
    if dims is None or (structure.kind is None and isinstance(out_dims, tuple)):
        raise ValueError(
            f"vmap({_name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not "
            f"compatible with the structure of `outputs`. out_dims has structure "
            f"{take_apart(out_dims)[1]} but outputs has structure {structure}."
        )
    columns = zip(*(take_apart(run)[0] for run in runs), strict=True)
    return structure.put(
        [_joined(func, column, dim, out_dims) for column, dim in zip(columns, dims, strict=True)]
    )


def _joined(func: Callable, values: Sequence[Any], dim: Any, out_dims: Any) -> Any:
    name = _name_of(func)
    if dim is None:
        if isinstance(values[0], TensorBase) and any(v is not values[0] for v in values):
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return values[0]
    if not isinstance(dim, int):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            "appear."
        )
    if not all(isinstance(v, TensorBase) for v in values):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(values[0])}. "
            "Did you mean to set out_dims= to None for output?"
        )
    return FUNCTIONS["stack"](list(values), dim)
