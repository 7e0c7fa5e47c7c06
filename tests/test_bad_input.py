"""Wrong use gets PyTorch's exception type and a message with the shapes, names or devices in it."""

from __future__ import annotations

import math

import pytest

import gradcore as torch


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x + torch.ones(4), RuntimeError,
         r"size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dim"),
        (lambda x: x @ torch.ones(4, 5), RuntimeError, r"cannot be multiplied \(2x3 and 4x5\)"),
        (lambda x: x.view(7), RuntimeError, r"shape '\[7\]' is invalid for input of size 6"),
        (lambda x: x.t().view(6), RuntimeError, "view size is not compatible"),
        (lambda x: x[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        (lambda x: x[0, torch.tensor([3])], IndexError, "out of bounds|out of range"),
        (lambda x: x[1.0], IndexError, "indices"),
        (lambda x: x.sum(2), IndexError, r"Dimension out of range \(expected to be in range"),
        (lambda x: torch.cat([x, torch.ones(2, 2, 2)]), RuntimeError, "same number of dimensions"),
        (lambda x: torch.bitwise_and(x, x), RuntimeError, "not implemented for 'Float'"),
        (lambda x: x.long() ** -1, RuntimeError, "negative integer powers"),
        (lambda x: torch.ones(2, dtype=torch.int64).mean(), RuntimeError, "Long"),
        (lambda x: torch.mm(x, x.t().double()), RuntimeError, "float != double"),
        (lambda x: torch.conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 1, 2, 2)), RuntimeError,
         "expected input.* to have 1 channels, but got 2 channels"),
        (lambda x: torch.tensor([[1, 2], [3]]), ValueError, "expected sequence of length 2 at"),
        (lambda x: torch.tensor("a"), TypeError, "str"),
        (lambda x: torch.zeros(-1), RuntimeError, "negative dimension -1"),
        (lambda x: x.item(), RuntimeError, "6 elements cannot be converted to Scalar"),
        (lambda x: bool(x), RuntimeError, "Boolean value of Tensor with more than one value"),
        (lambda x: torch.ones(2).to("gpu"), RuntimeError, "device string: gpu"),
        (lambda x: torch.exp("x"), TypeError, "must be Tensor, not str"),
        (lambda x: torch.from_numpy([1]), TypeError, r"expected np.ndarray \(got list\)"),
        (lambda x: x.gather(0, torch.tensor([[0.0]])), RuntimeError, "int64|int32"),
    ],
)  # fmt: skip
def test_wrong_call(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))


def test_backward_of_several_values_needs_a_gradient():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="implicitly created only for scalar outputs"):
        (x * 2).backward()


def test_backward_twice():
    x = torch.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_backward_without_a_graph():
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        torch.ones(()).backward()


def test_gradient_of_the_wrong_shape():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(torch.ones(3))


def test_in_place_on_a_leaf():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with torch.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 2]


def test_stale_saved_value():
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*is at version 1"):
        z.backward()


def test_integers_need_no_gradient():
    with pytest.raises(RuntimeError, match="floating point and complex dtype"):
        torch.ones(2, dtype=torch.int64).requires_grad_(True)


def test_nan_and_inf_pass_through():
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.0])
    assert str((x + 1).tolist()) == "[nan, inf, -inf, 1.0]"
    assert torch.log(torch.tensor([0.0, -1.0])).tolist()[0] == -math.inf
    assert math.isnan(torch.maximum(x, torch.zeros(4)).tolist()[0])
    assert math.isnan(x.max().item())
    assert (torch.ones(2) / torch.zeros(2)).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 3)])
def test_zero_sizes(shape):
    x = torch.ones(*shape, requires_grad=True)
    y = (torch.tanh(x) * 2 + x).sum()
    y.backward()
    assert y.item() == 0
    assert x.grad.shape == shape
    assert torch.cat([x, x]).shape == (2 * shape[0], *shape[1:])
    assert (
        x.reshape(-1, *shape[1:] or (1,)).numel() == 0
        if shape[0] == 0 and len(shape) == 1
        else True
    )


def test_zero_batch_through_a_network():
    x = torch.ones(0, 1, 8, 8, requires_grad=True)
    w = torch.ones(2, 1, 3, 3, requires_grad=True)
    out = torch.max_pool2d(torch.relu(torch.conv2d(x, w)), 2)
    assert out.shape == (0, 2, 3, 3)
    out.sum().backward()
    assert w.grad.shape == w.shape
    assert torch.linear(torch.ones(0, 3), torch.ones(2, 3)).shape == (0, 2)


@pytest.mark.parametrize(
    "use",
    [
        lambda x, i: x[i],
        lambda x, i: x.index_select(0, i),
        lambda x, i: x.gather(0, i),
        lambda x, i: x.take(i),
        lambda x, i: torch.nn.functional.embedding(i, x.view(5, 1)),
        lambda x, i: torch.zeros_like(x).index_add_(0, i, x[:1]),
        lambda x, i: torch.zeros_like(x).scatter_(0, i, 1.0),
    ],
)
@pytest.mark.parametrize("index", [5, -6])
def test_index_out_of_range_on_every_device(device, use, index):
    """CuPy itself would wrap around."""
    x = torch.arange(5.0, device=device)
    with pytest.raises((IndexError, RuntimeError), match=r"out of (range|bounds)"):
        use(x, torch.tensor([index], device=device))
