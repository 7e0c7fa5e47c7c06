"""The frequencies of ``fft``'s results."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.inplace import write_out
from ..backends.default import default_dtype
from ..backends.dtype import from_numpy_dtype
from ..ops.joining import cat
from .factories import check_layout
from .spaced import arange


def _frequencies(first: Any, n: int, d: float, options: dict) -> Any:
    out = options.pop("out")
    requires_grad = options.pop("requires_grad")
    check_layout(options.pop("layout"))
    if options["dtype"] is None:
        options["dtype"] = from_numpy_dtype(default_dtype())
    result = first(options) * (1.0 / (n * d) if n * d else math.inf)
    if out is not None:
        return write_out(lambda: result, out)
    return result.requires_grad_(requires_grad)


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of ``fft`` of n points that are ``d`` apart: 0, 1, … -1 over n d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """

    def numbers(options: dict) -> Any:
        return cat([arange(0, (n + 1) // 2, **options), arange(-(n // 2), 0, **options)])

    options = {"out": out, "requires_grad": requires_grad, "dtype": dtype, "device": device,
               "layout": layout}  # fmt: skip
    return _frequencies(numbers, n, d, options)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of ``rfft`` of n points that are ``d`` apart.

    >>> torch.fft.rfftfreq(4, d=0.5)
    tensor([0.0000, 0.5000, 1.0000])
    """
    options = {"out": out, "requires_grad": requires_grad, "dtype": dtype, "device": device,
               "layout": layout}  # fmt: skip
    return _frequencies(lambda options: arange(0, n // 2 + 1, **options), n, d, options)
