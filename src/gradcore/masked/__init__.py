"""Reductions and normalisations that leave elements out: ``gradcore.masked.sum(x, mask=m)``.

``mask`` is a boolean tensor that broadcasts to the input and is True where an element counts; None
counts all. A result for which nothing counts is the reduction's identity (0 for a sum, -inf for
amax), or NaN where there is none (mean, median, var, std). ``dtype`` is that of the result.
"""

from __future__ import annotations

from .extremes import amax, amin, argmax, argmin, median
from .masks import input_mask as _input_mask  # noqa: F401  (PyTorch's names for them)
from .masks import output_mask as _output_mask  # noqa: F401
from .normalizations import cumprod, cumsum, log_softmax, normalize, softmax, softmin
from .reductions import logaddexp, logsumexp, mean, norm, prod, std, sum, var

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
