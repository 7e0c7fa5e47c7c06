"""Draws of indices and of counts: multinomial, poisson, binomial."""

from __future__ import annotations

import numpy as np

from ..autograd.inplace import write_out
from ..autograd.variable import wrap
from ..backends.registry import backend_of
from ..ops.operand import require_tensor
from ..ops.promotion import name_of
from ..ops.registry import public
from .random import stream_of


@public
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices (int64) drawn with the weights in each row of ``input`` (n,) or (m, n)."""
    require_tensor("multinomial", "input", input)
    if out is not None and out._array.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {name_of(out._array.dtype)}")
    backend, where = backend_of(input._array), input.device
    stream = stream_of(generator, where)
    with backend.on(where):
        chosen = backend.random("multinomial")(input._array, stream, num_samples, replacement)
    result = wrap(chosen)
    if out is None:
        return result
    return write_out(lambda: result, out)


@public
def poisson(input, generator=None):
    """Poisson numbers with the rates of ``input``."""
    backend, where = backend_of(input._array), input.device
    stream = stream_of(generator, where)
    with backend.on(where):
        return wrap(backend.random("poisson")(input._array, stream))


@public(method=False)
def binomial(count, prob, generator=None):
    """How many of ``count`` trials succeed, each with probability ``prob``; they broadcast.

    Both are floating point tensors of one dtype, which is that of the result.

    >>> torch.binomial(torch.tensor([10.0, 20.0]), torch.tensor([0.0, 1.0]))
    tensor([ 0., 20.])
    """
    require_tensor("binomial", "count", count)
    require_tensor("binomial", "prob", prob, 2)
    backend, where = backend_of(count._array), count.device
    stream = stream_of(generator, where)
    with backend.on(where):
        return wrap(backend.random("binomial")(count._array, prob._array, stream))
