"""What :mod:`gradcore.autograd.gradcheck` compares.

Everything is compared as NumPy matrices with a row per input element and a column per output
element. A complex output is checked through its real and its imaginary part; a complex input has
the derivatives along both axes, as real and imaginary part of its entry.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from ..backends.registry import backend_of
from .backward import grad
from .function import Function
from .gradcheck import GradcheckError
from .gradcheck_messages import FAST_FAILED, NONDETERMINISTIC, STRIDE_ZERO, mismatch
from .numerical import (
    adjusted_tolerance,
    as_tuple,
    directional_difference,
    host,
    is_inexact,
    numerical_jacobian,
    one_hot,
    random_direction,
)
from .variable import TensorBase, wrap

__all__ = ["Check", "compare", "gradient_of"]


class Check:
    """One function to check, and how.

    ``complex_outputs`` are positions of complex outputs, ``imaginary`` which part of them is
    looked at.
    """

    complex_outputs: tuple[int, ...] = ()
    imaginary = False

    def __init__(
        self,
        func: Callable,
        inputs: Any,
        eps: float,
        atol: float,
        rtol: float,
        nondet_tol: float,
        check_grad_dtypes: bool,
    ) -> None:
        self.func = func
        self.inputs = as_tuple(inputs)
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.nondet_tol = nondet_tol
        self.check_grad_dtypes = check_grad_dtypes

    @property
    def wanted(self) -> list[int]:
        """Positions of the inputs whose gradients are checked."""
        return [i for i, x in enumerate(self.inputs) if isinstance(x, TensorBase) and x._rg]

    def call(self) -> tuple:
        return as_tuple(self.func(*self.inputs))

    def of_part(self, places: tuple[int, ...], imaginary: bool) -> Check:
        """The check of the real or the imaginary part of complex outputs."""
        part = copy(self)
        part.func = _part_of(self.func, imaginary)
        part.complex_outputs, part.imaginary = places, imaginary
        return part


def compare(check: Check, fast: bool, masked: bool, undefined: bool) -> None:
    """Run all checks; GradcheckError for the first that fails."""
    _check_inputs(check.inputs)
    _run(check, fast)
    outputs = _differentiable(check.call())
    _check_multiplied_by_gradient(check, outputs, masked)
    if undefined:
        _check_undefined_gradients(check, len(outputs))


def gradient_of(
    func: Callable, inputs: Any, vectors: Any, noncontiguous: bool
) -> tuple[Callable, tuple]:
    """The function from inputs and vectors to the gradients of ``func``, and its arguments.

    The vectors are random where none are given.
    """
    inputs = as_tuple(inputs)
    if vectors is None:
        outputs = _differentiable(as_tuple(func(*inputs)))
        vectors = tuple(_random_like(y, noncontiguous) for y in outputs)
    vectors = as_tuple(vectors)
    wanted = {i for i, x in enumerate(inputs) if isinstance(x, TensorBase) and x._rg}
    variable = {i for i, v in enumerate(vectors) if v._rg}
    count = len(vectors)

    def gradients(*args: Any) -> tuple:
        xs = [x.requires_grad_() if i in wanted else x for i, x in enumerate(args[:-count])]
        vs = [v.requires_grad_() if i in variable else v for i, v in enumerate(args[-count:])]
        outputs = _differentiable(as_tuple(func(*xs)))
        targets = [x for i, x in enumerate(xs) if i in wanted]
        found = grad(outputs, targets, vs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradients, inputs + vectors


def _check_inputs(inputs: tuple) -> None:
    checked = False
    for i, x in enumerate(inputs):
        if not (isinstance(x, TensorBase) and x._rg):
            continue
        checked = True
        array = x._array
        if array.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=4,
            )
        if any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
            raise RuntimeError(STRIDE_ZERO.format(i))
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _run(check: Check, fast: bool) -> None:
    """Check a function; the parts of complex outputs one after the other."""
    outputs = check.call()
    compare_parts = _compare_directions if fast else _compare_entries
    if not any(y._array.dtype.kind == "c" for y in outputs):
        compare_parts(check)
        return
    places = tuple(i for i, y in enumerate(_differentiable(outputs)) if y._array.dtype.kind == "c")
    for imaginary in (True, False):
        compare_parts(check.of_part(places, imaginary))


def _part_of(func: Callable, imaginary: bool) -> Callable:
    def part(*inputs: Any) -> tuple:
        outputs = as_tuple(func(*inputs))
        return tuple(
            y if y._array.dtype.kind != "c" else (y.imag if imaginary else y.real) for y in outputs
        )

    return part


def _differentiable(outputs: tuple) -> tuple:
    return tuple(y for y in outputs if y.requires_grad)


def _compare_entries(check: Check) -> None:
    """Compare every entry of the Jacobians."""
    outputs = check.call()
    numerical = [numerical_jacobian(check.func, check.inputs, i, check.eps) for i in check.wanted]
    tested = [k for k, y in enumerate(outputs) if y.requires_grad]
    if not tested:
        _expect_zero([block for blocks in numerical for block in blocks], 0.0)
        return
    for position, k in enumerate(tested):
        analytical = _analytical_jacobian(check, outputs[k])
        for j, found in enumerate(analytical):
            expected = numerical[j][k]
            if not _close(found, expected, check.rtol, check.atol):
                raise GradcheckError(_mismatch(check, found, expected, position, j))


def _expect_zero(blocks: list, tolerance: float) -> None:
    if any(block.size and np.abs(block).max() > tolerance for block in blocks):
        raise GradcheckError("Numerical gradient for function expected to be zero")


def _close(found: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> bool:
    return bool(np.allclose(found, expected, rtol=rtol, atol=atol))


def _mismatch(check: Check, found: Any, expected: Any, output: int, index: int) -> str:
    part = None
    if output in check.complex_outputs:
        part = "imaginary" if check.imaginary else "real"
    return mismatch(wrap(np.asarray(found)), wrap(np.asarray(expected)), output, index, part)


def _analytical_jacobian(check: Check, output: Any) -> list[np.ndarray]:
    """The Jacobian of one output for every wanted input, by a backward pass per element."""
    first, second = (_jacobian_once(check, output) for _ in range(2))
    _check_reentrant(check, first, second)
    return first


def _jacobian_once(check: Check, output: Any) -> list[np.ndarray]:
    size = output._array.size
    columns = [_backward(check, output, one_hot(output, j)) for j in range(size)]
    if not columns:
        return [np.zeros((check.inputs[i]._array.size, 0)) for i in check.wanted]
    return [np.stack(block, 1) for block in zip(*columns, strict=True)]


def _check_reentrant(check: Check, first: list, second: list) -> None:
    for a, b in zip(first, second, strict=True):
        if a.size and np.abs(a - b).max() > check.nondet_tol:
            raise GradcheckError(NONDETERMINISTIC.format(check.nondet_tol))


def _backward(check: Check, output: Any, vector: Any) -> list[np.ndarray]:
    """The gradients of the wanted inputs for one vector, flat."""
    targets = [check.inputs[i] for i in check.wanted]
    found = grad(output, targets, vector, retain_graph=True, allow_unused=True)
    flat = []
    for gradient, x in zip(found, targets, strict=True):
        if gradient is None:
            flat.append(np.zeros(x._array.size, x._array.dtype))
            continue
        if gradient._array.shape != x._array.shape:
            raise GradcheckError("Analytical gradient has incorrect size")
        if check.check_grad_dtypes and gradient._array.dtype != x._array.dtype:
            raise GradcheckError("Gradient has dtype mismatch")
        flat.append(host(gradient).reshape(-1).copy())
    return flat


def _compare_directions(check: Check) -> None:
    """Compare a random combination of the entries of each Jacobian."""
    outputs = check.call()
    generator = np.random.default_rng(0)
    directions = [random_direction(check.inputs[i], generator) for i in check.wanted]
    numerical = [
        directional_difference(check.func, check.inputs, i, u, check.eps)
        for i, u in zip(check.wanted, directions, strict=True)
    ]
    tested = [k for k, y in enumerate(outputs) if y.requires_grad]
    if not tested:
        _expect_zero([d for differences in numerical for d in differences], check.nondet_tol)
        return
    for position, k in enumerate(tested):
        (v,) = random_direction(outputs[k], generator, real=True)
        vector = one_hot(outputs[k], None, v)
        first, second = (_backward(check, outputs[k], vector) for _ in range(2))
        _check_reentrant(check, first, second)
        for j, (row, u) in enumerate(zip(first, directions, strict=True)):
            found = row.real @ u[0] + (1j * (row.imag @ u[1]) if len(u) == 2 else 0)
            expected = v @ numerical[j][k]
            if not _close(found, expected, check.rtol, adjusted_tolerance(check.atol, u, v)):
                message = _mismatch(check, found, expected, position, j)
                raise GradcheckError(message + _in_slow_mode(check, outputs[k], j, k))


def _in_slow_mode(check: Check, output: Any, j: int, k: int) -> str:
    """What a failure of the fast comparison looks like entry by entry."""
    numerical = numerical_jacobian(check.func, check.inputs, check.wanted[j], check.eps)[k]
    analytical = _analytical_jacobian(check, output)[j]
    difference = float(np.abs(numerical - analytical).max())
    return FAST_FAILED.format(wrap(numerical), wrap(analytical), difference)


def _check_multiplied_by_gradient(check: Check, outputs: tuple, masked: bool) -> None:
    """A backward with zeros must give zeros, of the inputs' dtypes and sizes."""
    if not outputs:
        return
    targets = [check.inputs[i] for i in check.wanted]
    zeros = [one_hot(y, None) for y in outputs]
    for found, x in zip(grad(outputs, targets, zeros, allow_unused=True), targets, strict=True):
        if found is None:
            continue
        values = host(found)
        if not (np.allclose(values, 0) if masked else (values == 0).all()):
            raise GradcheckError("backward not multiplied by grad_output")
        if found._array.dtype != x._array.dtype:
            raise GradcheckError("grad is incorrect type")
        if backend_of(found._array).device_of(found._array) != x.device:
            raise GradcheckError("grad is incorrect device")
        if found._array.shape != x._array.shape:
            raise GradcheckError("grad is incorrect size")


class _UndefinedGrad(Function):
    """Passes its input on, and no gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return None


def _check_undefined_gradients(check: Check, count: int) -> None:
    """Without gradients of outputs, those of inputs must be zero or None too."""
    everything = range(count)
    subsets: list[Sequence[int]] = [everything]
    if count > 1:
        subsets += [[i] for i in everything]
    targets = [check.inputs[i] for i in check.wanted]
    for undefined in subsets if count else ():
        outputs = [
            _UndefinedGrad.apply(y) if i in undefined else y
            for i, y in enumerate(_differentiable(check.call()))
        ]
        try:
            found = grad(outputs, targets, [one_hot(y, None) for y in outputs], allow_unused=True)
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at "
                '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
            ) from error
        if any(g is not None and (host(g) != 0).any() for g in found):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are "
                'undefined or zero. Please look at "Notes about undefined output gradients" in '
                '"tools/autograd/derivatives.yaml"'
            )


def _random_like(output: Any, noncontiguous: bool) -> Any:
    """A random vector for an output; every second element of a buffer if not contiguous."""
    generator = np.random.default_rng(1)
    array = output._array
    dtype = array.dtype if is_inexact(output) else np.dtype("float64")
    shape = (*array.shape, 2) if noncontiguous else array.shape
    values = generator.uniform(-1, 1, shape)
    if dtype.kind == "c":
        values = values + 1j * generator.uniform(-1, 1, shape)
    values = values.astype(dtype)
    backend = backend_of(array)
    moved = backend.from_host(values, backend.device_of(array))
    return wrap(moved[..., 0] if noncontiguous else moved).requires_grad_()
