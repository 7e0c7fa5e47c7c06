"""One row per op: what to call, on what, and what should come out.

``tests/op_rows/<family>.py`` export ``ROWS``; ``tests/test_ops.py`` turns every row into tests of
values, gradients of first and second order, strides, sizes, devices and kernels.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcore.ops.op import OPS

Input = Any  # a shape (tuple of ints), or a function (rng) -> ndarray

FLOATS = ("float64", "float32")
NUMBERS = ("float64", "float32", "int64")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the generic tests know of one op (or of one public function built from ops).

    Args:
        op: the op's name in ``gradcore.ops.op.OPS``; any name where ``call`` is given.
        inputs: one entry per array: a shape, filled from ``domain`` in the tested dtype, or a
            function ``(rng) -> ndarray`` whose dtype is kept (indices, masks).
        reference: the expected result, from NumPy arrays and ``params``; None where the result is
            only compared between devices and kernels.
        call: ``call(gradcore, *tensors, **params)``; the op itself where it is None.
        params: the attributes to test with, one dict per case.
        domain: ``(low, high)`` for all inputs, or one pair per input.
        edges: further ``inputs``, tested for values alone (0-d, empty). Pointwise ops need none.
        extremes: values that pointwise ops must treat as the reference does.
        dtypes: the dtypes of the generated inputs in the forward test.
        differentiable: which inputs have a gradient; None for all floating point ones.
        order: how often the op can be differentiated (0, 1 or 2).
        big: inputs above the size where kernels use threads. Pointwise ops need none.
        exact: whether results must equal the reference to the last bit.
        complex: whether gradients are also tested in complex128.
    """

    op: str
    inputs: Sequence[Input]
    reference: Callable[..., Any] | None
    call: Callable[..., Any] | None = None
    params: Sequence[dict[str, Any]] = field(default_factory=lambda: [{}])
    domain: Any = (-2.0, 2.0)
    edges: Sequence[Sequence[Input]] = ()
    extremes: Sequence[float] = ()
    dtypes: Sequence[str] = FLOATS
    differentiable: Sequence[bool] | None = None
    order: int = 2
    big: Sequence[Input] = ()
    exact: bool = False
    complex: bool = False

    @property
    def pointwise(self) -> bool:
        return self.call is None and OPS[self.op].pointwise

    def run(self, gradcore: Any, *tensors: Any, **params: Any) -> Any:
        if self.call is not None:
            return self.call(gradcore, *tensors, **params)
        return OPS[self.op](*tensors, **params)

    def arrays(self, dtype: str, inputs: Sequence[Input] | None = None, seed: int = 0) -> list:
        """The input arrays, the same for the same seed."""
        rng = np.random.default_rng(seed)
        specs = self.inputs if inputs is None else inputs
        return [self._fill(rng, spec, i, np.dtype(dtype)) for i, spec in enumerate(specs)]

    def _fill(self, rng: Any, spec: Input, position: int, dtype: np.dtype) -> np.ndarray:
        if callable(spec):
            return np.asarray(spec(rng))
        domain = self.domain if np.isscalar(self.domain[0]) else self.domain[position]
        low, high = domain
        if dtype.kind == "b":
            return np.asarray(rng.random(spec) < 0.5)
        if dtype.kind in "iu":
            return np.asarray(rng.integers(int(np.ceil(low)), int(high) + 1, spec, dtype=dtype))
        values = np.asarray(rng.uniform(low, high, spec))
        if dtype.kind == "c":
            values = values + 1j * np.asarray(rng.uniform(low, high, spec))
        return values.astype(dtype)

    def has_gradient(self, arrays: Sequence[np.ndarray]) -> list[bool]:
        """Which of the inputs the gradient tests differentiate by."""
        floating = [a.dtype.kind in "fc" for a in arrays]
        if self.differentiable is None:
            return floating
        return [f and d for f, d in zip(floating, self.differentiable, strict=True)]


def collect() -> list[Row]:
    """All rows of ``tests/op_rows``."""
    import op_rows

    rows: list[Row] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(op_rows.__path__)):
        rows += importlib.import_module(f"{op_rows.__name__}.{module}").ROWS
    return rows
