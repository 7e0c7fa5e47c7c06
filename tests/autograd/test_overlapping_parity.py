"""In-place operations through views whose elements share memory, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

VIEWS = {
    "windows": lambda y: y.unfold(0, 3, 1),
    "sparser windows": lambda y: y.unfold(0, 4, 2),
    "strided": lambda y: y.as_strided((3, 3), (1, 1), 2),
    "flat windows": lambda y: y.reshape(3, 4).unfold(1, 2, 1),
    "no overlap": lambda y: y.as_strided((3, 3), (1, 3)),
}
WRITES = {
    "mul_": lambda v: v.mul_(3),
    "add_": lambda v: v.add_(1.5),
    "neg_": lambda v: v.neg_(),
    "pow_": lambda v: v.pow_(2),
    "sigmoid_": lambda v: v.sigmoid_(),
    "zero_": lambda v: v.zero_(),
}


def written(package, view, write, dtype, grad):
    x = package.arange(1.0, 13.0, dtype=getattr(package, dtype), requires_grad=grad)
    base = x / 8
    write(view(base))
    if not grad:
        return [base.numpy()]
    (base * package.arange(12.0)).sum().backward()
    return [base.detach().numpy(), x.grad.numpy()]


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("grad", [False, True], ids=["plain", "recorded"])
def test_elements_are_written_one_after_the_other(view, write, grad):
    for dtype in ("float32", "float64"):
        expected = written(torch, view, write, dtype, grad)
        got = written(gradcore, view, write, dtype, grad)
        for a, b in zip(got[:1], expected[:1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("write", [WRITES["mul_"], WRITES["add_"], WRITES["neg_"]])
def test_gradients_are_those_of_one_write(view, write):
    expected = written(torch, view, write, "float64", True)
    np.testing.assert_allclose(written(gradcore, view, write, "float64", True)[1], expected[1])


@pytest.mark.parametrize("package", [torch, gradcore], ids=["torch", "gradcore"])
def test_operands_are_taken_in_order(package):
    base = package.ones(4, dtype=package.float64)
    base.unfold(0, 2, 1).sub_(package.tensor([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]))
    assert base.tolist() == [0.0, -5.0, -23.0, -31.0]


def test_windows_are_written_on_every_device(device):
    x = gradcore.ones(5, device=device, requires_grad=True)
    base = x * 1
    base.unfold(0, 3, 1).mul_(2)
    base.sum().backward()
    assert base.tolist() == [2.0, 4.0, 8.0, 4.0, 2.0]
    assert x.grad.tolist() == [2.0] * 5


@pytest.mark.parametrize("package", [torch, gradcore], ids=["torch", "gradcore"])
def test_one_element_for_a_whole_dimension_is_refused(package):
    view = package.arange(9.0).as_strided((3, 3), (0, 3))
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        view.mul_(2)
