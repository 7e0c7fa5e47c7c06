"""``Variable``, as old programs use it."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import Variable


def test_variable_is_a_tensor_of_the_same_memory():
    data = torch.ones(2)
    x = Variable(data, requires_grad=True)
    assert isinstance(x, torch.Tensor)
    assert x.requires_grad
    assert not data.requires_grad
    x.data[0] = 5
    assert data.tolist() == [5.0, 1.0]


def test_tensors_are_variables():
    assert isinstance(torch.ones(1), Variable)
    assert not isinstance(3, Variable)


def test_backward():
    x = Variable(torch.ones(2), requires_grad=True)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_empty():
    assert Variable().shape == (0,)


def test_data_that_is_no_tensor():
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        Variable([1.0])
