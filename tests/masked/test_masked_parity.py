"""Masked functions against PyTorch's: values, dtypes and gradients."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

REDUCTIONS = ["sum", "prod", "mean", "amax", "amin", "logsumexp", "norm", "var", "std"]
POSITIONS = ["argmax", "argmin", "median"]
NORMALIZATIONS = ["cumsum", "cumprod", "softmax", "log_softmax", "softmin"]
DTYPES = ["float32", "float64", "float16", "int64", "int8", "uint8", "bool", "complex64"]
INTEGERS = ("int64", "int8", "uint8", "bool")
SHAPES = [((), ()), ((5,), (5,)), ((3, 4), (3, 4)), ((2, 3, 4), (3, 1)), ((0, 3), (3,))]


def values(shape, dtype):
    x = np.random.default_rng(7).uniform(-3, 3, shape)
    if dtype == "complex64":
        x = x + 1j * x[..., ::-1] if x.ndim else x + 1j
    return np.asarray(abs(x) if dtype in ("uint8", "bool") else x).astype(dtype)


def mask_of(shape):
    return np.asarray(np.random.default_rng(3).uniform(size=shape) < 0.6)


def outcome(package, name, args, x, mask, grad, **options):
    """What the call gives (an array, and the gradient), or the error's type."""
    input = package.tensor(x, requires_grad=grad)
    if mask is not None:
        options["mask"] = package.tensor(mask)
    if "dtype" in options:
        options["dtype"] = getattr(package, options["dtype"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(package.masked, name)(input, *args, **options)
            if grad and result.requires_grad:
                result.sum().backward()
    except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as error:
        return type(error)
    return [result.detach().numpy(), input.grad.numpy() if input.grad is not None else None]


def compare(name, args, x, mask, grad=False, **options):
    expected, got = (
        outcome(package, name, args, x, mask, grad, **options) for package in (torch, gradcore)
    )
    if isinstance(expected, type):
        assert got is expected
        return
    tolerance = 2e-3 if expected[0].dtype == np.float16 else 1e-5
    assert got[0].dtype == expected[0].dtype
    np.testing.assert_allclose(got[0], expected[0], rtol=tolerance, atol=tolerance)
    if grad:
        assert (got[1] is None) == (expected[1] is None)
    if grad and got[1] is not None:
        np.testing.assert_allclose(got[1], expected[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype):
    for shape, mask_shape in SHAPES:
        for dim in (None, 0, -1, (), tuple(range(len(shape)))):
            for keepdim in (False, True):
                args = (2.0, dim) if name == "norm" else (dim,)
                mask = mask_of(mask_shape)
                compare(name, args, values(shape, dtype), mask, keepdim=keepdim)


@pytest.mark.parametrize("name", POSITIONS + NORMALIZATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int8"])
def test_along_one_dimension(name, dtype):
    for shape, mask_shape in SHAPES[1:4]:
        for dim in range(-1, len(shape)):
            for mask in (mask_of(mask_shape), None):
                compare(name, (dim,), values(shape, dtype), mask)


@pytest.mark.parametrize("name", REDUCTIONS + NORMALIZATIONS)
def test_gradients(name):
    for shape, mask_shape in SHAPES[1:4]:
        for mask in (mask_of(mask_shape), np.asarray(False), None):
            args = (1.5, 0) if name == "norm" else (0,)
            compare(name, args, values(shape, "float64"), mask, grad=True)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, float("inf"), -float("inf"), -1])
def test_orders_of_norms(ord):
    x, mask = values((3, 4), "float64"), mask_of((3, 4))
    # PyTorch leaves the gradient of a count out, where it is zero here.
    compare("norm", (ord, 1), x, mask, grad=ord != 0)
    compare("normalize", (ord, 1), x, mask, grad=ord != 0)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "amax", "var", "cumsum", "softmax"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_dtype_argument(name, dtype):
    for given in ("float32", "int64"):
        compare(name, (0,), values((3, 4), given), mask_of((3, 4)), dtype=dtype)


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("options", [{"unbiased": False}, {"correction": 0}, {"correction": 9}])
def test_corrections(name, options):
    compare(name, (1,), values((3, 4), "float64"), mask_of((3, 4)), grad=True, **options)


@pytest.mark.parametrize("package", [torch, gradcore], ids=["torch", "gradcore"])
def test_logaddexp_of_masked_terms(package):
    x, y = package.tensor([0.0, 1.0, 2.0, 3.0]), package.tensor([1.0, 1.0, 1.0, 1.0])
    first = package.tensor([True, False, True, False])
    second = package.tensor([True, True, False, False])
    result = package.masked.logaddexp(x, y, input_mask=first, other_mask=second)
    assert result.tolist() == pytest.approx([np.log(1 + np.e), 1.0, 2.0, -np.inf])
