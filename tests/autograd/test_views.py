"""Views: shared memory, shared versions, and histories that follow writes."""

from __future__ import annotations

import pytest

import gradcore as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def weights(n):
    return torch.tensor([10.0**i for i in range(n)], dtype=torch.float64)


def gradient(x, y):
    (y.reshape(-1) * weights(y.numel())).sum().backward()
    return x.grad.tolist()


def test_a_view_shares_its_bases_version():
    base = torch.zeros(4)
    view = base[1:]
    view.add_(1)
    assert base._version == view._version == 1
    base.add_(1)
    assert view._version == 2
    assert base.view(2, 2)._version == 2


def test_detached_tensors_share_the_version_and_data_does_not():
    x = torch.zeros(2)
    detached, data = x.detach(), x.data
    x.add_(1)
    assert detached._version == 1
    assert data._version == 0
    data.add_(1)
    assert x._version == 1


def test_base_of_views():
    base = torch.zeros(4)
    view = base.view(2, 2)[0]
    assert view._is_view()
    assert view._base is base
    assert not base._is_view()
    assert base._base is None


def test_write_into_a_view_reaches_the_base():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    base[1:].mul_(5)
    assert base.tolist() == [1.0, 10.0, 15.0]
    assert base.grad_fn.name() == "torch::autograd::CopySlices"
    assert gradient(x, base) == [1.0, 50.0, 500.0]


def test_write_into_the_base_reaches_a_view():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    base.mul_(5)
    assert view.tolist() == [10.0, 15.0]
    assert gradient(x, view) == [0.0, 5.0, 50.0]


def test_write_into_one_view_reaches_another():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    first, second = base[:2], base[1:]
    first.mul_(5)
    assert second.tolist() == [10.0, 3.0]
    assert gradient(x, second) == [0.0, 5.0, 10.0]


def test_writes_through_a_chain_of_views():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1
    base.view(2, 2).t()[0].mul_(7)
    assert base.tolist() == [7.0, 2.0, 21.0, 4.0]
    assert gradient(x, base) == [7.0, 10.0, 700.0, 1000.0]


def test_writes_one_after_the_other():
    x = leaf(1.0, 2.0)
    base = x * 1
    view = base[:1]
    view.mul_(3)
    base.mul_(2)
    view.add_(x[1:])
    assert base.tolist() == [8.0, 4.0]
    assert gradient(x, base) == [6.0, 21.0]


def test_a_view_gets_the_history_of_what_is_written():
    x = leaf(1.0, 2.0)
    base = torch.zeros(3, dtype=torch.float64)
    view = base[1:]
    view.copy_(x)
    assert base.requires_grad
    assert view.requires_grad
    assert gradient(x, base) == [10.0, 100.0]


def test_setitem():
    x = leaf(1.0, 2.0)
    base = torch.zeros(2, 2, dtype=torch.float64)
    base[0] = x
    base[:, 1] = x * 3
    assert base.tolist() == [[1.0, 3.0], [0.0, 6.0]]
    assert gradient(x, base) == [1.0 + 30.0, 3000.0]


def test_overwritten_values_get_no_gradient():
    x, w = leaf(1.0, 2.0), leaf(5.0)
    y = x * 1
    y[0] = w[0]
    assert gradient(x, y) == [0.0, 10.0]
    assert w.grad.tolist() == [1.0]


def test_second_derivative_through_a_write():
    x = leaf(2.0, 3.0)
    base = x**2
    base[:1].mul_(x[:1])
    (first,) = torch.autograd.grad(base.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert first.tolist() == [12.0, 6.0]
    assert second.tolist() == [12.0, 2.0]


def test_writing_a_view_into_its_own_base():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1
    base[:2].add_(base[2:])
    assert base.tolist() == [4.0, 6.0, 3.0, 4.0]
    assert gradient(x, base) == [1.0, 10.0, 101.0, 1010.0]


def test_grad_fn_of_a_view_is_made_anew_after_a_write():
    x = leaf(1.0, 2.0)
    base = x * 1
    view = base[:1]
    before = view.grad_fn
    base.mul_(2)
    assert view.grad_fn is not before
    assert view.grad_fn is view.grad_fn


@pytest.mark.parametrize(
    "take",
    [
        lambda t: t.view(2, 2)[1],
        lambda t: t.reshape(2, 2).t()[1],
        lambda t: t[::2],
        lambda t: t.unsqueeze(0).squeeze(0)[1:],
        lambda t: t.narrow(0, 1, 2),
        lambda t: t.view(2, 2).diagonal(),
        lambda t: t.unfold(0, 2, 2)[1],
        lambda t: t.as_strided((2,), (2,), 1),
        lambda t: t.select(0, 2),
        lambda t: t.view(2, 2).transpose(0, 1)[0],
        lambda t: t.view(2, 2).permute(1, 0)[1],
        lambda t: t.expand(1, 4)[0],
        lambda t: t.view(2, 2).movedim(0, 1)[0],
        lambda t: t.view_as(t)[1:],
    ],
)
def test_writes_through_every_kind_of_view(take):
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1
    base_of_reference = (x.detach() * 1).requires_grad_(False)
    take(base).mul_(5)
    take(base_of_reference).mul_(5)
    assert base.tolist() == base_of_reference.tolist()
    factors = [a / b for a, b in zip(base.tolist(), x.tolist(), strict=True)]
    assert gradient(x, base) == [f * 10.0**i for i, f in enumerate(factors)]


def test_view_of_a_leaf_may_be_written_in_no_grad():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        x[:1].mul_(5)
    assert x.tolist() == [5.0, 2.0]
    assert x.is_leaf
    (x * x).sum().backward()
    assert x.grad.tolist() == [10.0, 4.0]


def test_views_made_in_no_grad_have_no_history():
    x = leaf(1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        view = y[:1]
    assert view.grad_fn is None
    assert view._base is y
    (y + view).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_views_made_in_no_grad_are_of_no_use_after_a_recorded_write():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        view = y[:1]
    y.mul_(2)
    message = "A view was created in no_grad mode and its base or another view of its base has been"
    with pytest.raises(RuntimeError, match=message):
        _ = view.grad_fn
    with pytest.raises(RuntimeError, match=message):
        view * 3


def test_multi_output_views_are_of_no_use_after_a_write():
    y = leaf(1.0, 2.0) * 1
    pieces = y.unbind(0)
    y.mul_(2)
    message = "Output 1 of Unbind is a view and its base or another view of its base has been mod"
    with pytest.raises(RuntimeError, match=message):
        pieces[1] * 3


def test_complex_views():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1
    torch.view_as_complex(base.view(2, 2))[0].mul_(2)
    assert base.tolist() == [2.0, 4.0, 3.0, 4.0]
    assert gradient(x, base) == [2.0, 20.0, 100.0, 1000.0]


def test_detach_shares_memory_and_has_no_history():
    x = leaf(1.0, 2.0)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert y.is_leaf


def test_detach_in_place():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        (x * 2)[:1].detach_()


def view_of_what_got_a_history():
    """A leaf, and a view that was made before its base got the leaf's history."""
    x = leaf(2.0, 3.0)
    base = torch.zeros(2, dtype=torch.float64)
    view = base[:1]
    base.add_(x)
    return x, base, view


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda z, v: z.mul_(v), 5.0),
        (lambda z, v: z.mul_(other=v), 5.0),
        (lambda z, v: z.copy_(v), 1.0),
        (lambda z, v: z.__setitem__(slice(0, 1), v), 1.0),
        (lambda z, v: z.__setitem__(0, v[0]), 1.0),
        (lambda z, v: z.index_add_(0, torch.tensor([0]), v), 1.0),
        (lambda z, v: z.addcmul_(v, v), 4.0),
    ],
)
def test_writing_such_a_view_into_another_tensor(write, expected):
    x, _, view = view_of_what_got_a_history()
    z = torch.full((1,), 5.0, dtype=torch.float64)
    write(z, view)
    z.backward()
    assert x.grad.tolist() == [expected, 0.0]


def test_writing_into_such_a_view():
    """PyTorch takes the view for a leaf until somebody reads its ``grad_fn``."""
    x, base, view = view_of_what_got_a_history()
    view.zero_()
    assert gradient(x, base) == [0.0, 10.0]


def test_such_a_view_as_argument():
    x, _, view = view_of_what_got_a_history()
    assert torch.cat([view, view]).requires_grad
    assert (2.0 * view).requires_grad
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.add(torch.ones(1, dtype=torch.float64), view, out=torch.zeros(1, dtype=torch.float64))
    view.backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_written_argument_by_keyword():
    x, w = leaf(2.0), leaf(3.0)
    y = x * 1
    y.mul_(other=w)
    y.backward()
    assert x.grad.tolist() == [3.0]
    assert w.grad.tolist() == [2.0]
