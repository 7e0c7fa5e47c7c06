"""Writes in place: what they count, which stale values are noticed, and which are refused."""

from __future__ import annotations

import pytest

import gradcore as torch

LEAF = r"a leaf Variable that requires grad is being used in an in-place operation\."
VIEW_OF_LEAF = (
    r"a view of a leaf Variable that requires grad is being used in an in-place operation\."
)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_history_of_a_written_tensor():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.mul_(3).add_(1)
    assert y.grad_fn.name() == "AddBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_old_value_is_used_by_the_gradient():
    x, w = leaf(2.0), leaf(3.0)
    y = x * 1
    y.mul_(w)
    y.backward()
    assert x.grad.tolist() == [3.0]


@pytest.mark.parametrize(
    ("write", "version"),
    [
        (lambda t: t.add_(1), 1),
        (lambda t: t.mul_(2).add_(1), 2),
        (lambda t: t.zero_(), 1),
        (lambda t: t.fill_(3), 1),
        (lambda t: t.copy_(torch.ones(2)), 1),
        (lambda t: t.__setitem__(0, 1.0), 1),
        (lambda t: t.exp_(), 1),
        (lambda t: t.clamp_(0, 1), 1),
        (lambda t: t.masked_fill_(t > 0, 2.0), 1),
        (lambda t: t.index_fill_(0, torch.tensor([0]), 2.0), 1),
        (lambda t: t.uniform_(), 1),
        (lambda t: t.normal_(), 1),
        (lambda t: t.t_(), 1),
        (lambda t: t.requires_grad_(), 0),
        (lambda t: t.numpy().__setitem__(0, 5.0), 0),
    ],
)
def test_versions(write, version):
    t = torch.zeros(2)
    write(t)
    assert t._version == version


def test_augmented_assignment_writes_in_place():
    x = torch.ones(2)
    kept = x
    x += 1
    x -= 3
    x *= 2
    x /= 4
    assert kept is x
    assert x.tolist() == [-0.5, -0.5]
    assert x._version == 4


def test_out_counts_as_a_write():
    out = torch.zeros(2)
    torch.add(torch.ones(2), 1, out=out)
    assert out._version == 1


def test_leaf():
    x = leaf(1.0, 2.0)
    for write in (
        lambda: x.add_(1), lambda: x.zero_(), lambda: x.exp_(), lambda: x.fill_(1.0),
        lambda: x.copy_(torch.ones(2)), lambda: x.uniform_(), lambda: x.clamp_(0, 1),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=LEAF):
            write()
    assert x.tolist() == [1.0, 2.0]
    assert x._version == 0


def test_leaf_through_an_index():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=VIEW_OF_LEAF):
        x[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


def test_view_of_a_leaf():
    x = leaf(1.0, 2.0)
    view = x[:1]
    with pytest.raises(RuntimeError, match=VIEW_OF_LEAF):
        view.add_(1)
    with pytest.raises(RuntimeError, match=VIEW_OF_LEAF):
        x.view(1, 2).t().mul_(2)


def test_leaf_in_no_grad():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        x.add_(1)
        x[0] = 7.0
    assert x.tolist() == [7.0, 3.0]
    assert x.is_leaf
    assert x.requires_grad
    assert x._version == 2


def test_leaf_through_data_or_detach():
    x = leaf(1.0, 2.0)
    x.data.add_(1)
    x.detach().mul_(2)
    assert x.tolist() == [4.0, 6.0]


def test_stale_value():
    x = leaf(1.0, 2.0, 3.0)
    y = x.sin()
    z = y * y
    y.mul_(2)
    message = (
        r"one of the variables needed for gradient computation has been modified by an inplace "
        r"operation: \[torch\.DoubleTensor \[3\]\], which is output 0 of Mul, is at "
        r"version 1; expected version 0 instead\. Hint: enable anomaly detection to find the "
        r"operation that failed to compute its gradient, with "
        r"torch\.autograd\.set_detect_anomaly\(True, check_nan=False\)\."
    )
    with pytest.raises(RuntimeError, match=message):
        z.sum().backward()


def test_stale_leaf():
    x = leaf(1.0)
    y = x * x
    with torch.no_grad():
        x.add_(1)
    message = r"\[torch\.DoubleTensor \[1\]\] is at version 1; expected version 0 instead"
    with pytest.raises(RuntimeError, match=message):
        y.backward()


def test_stale_output():
    x = leaf(1.0)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="which is output 0 of Exp, is at version 1; expected"):
        y.backward()


def test_stale_value_of_another_dtype():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(
        RuntimeError, match=r"\[torch\.FloatTensor \[2, 3\]\], which is output 0 of"
    ):
        z.sum().backward()


def test_stale_through_a_view_of_the_saved_value():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y[0] = 9.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_write_before_saving_is_fine():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.add_(1)
    (y * y).sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_write_after_backward_is_fine():
    x = leaf(1.0, 2.0)
    y = x * 1
    (y * y).sum().backward()
    y.add_(1)
    assert x.grad.tolist() == [2.0, 4.0]


def test_values_that_are_not_saved_may_be_written():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y + 3
    y.add_(1)
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_data_is_not_watched():
    x = leaf(2.0)
    y = x * 1
    z = y * y
    y.data.mul_(10)
    z.backward()
    assert x.grad.tolist() == [40.0]


@pytest.mark.parametrize(
    ("cut", "name", "index"),
    [
        (lambda t: t.unbind(0), "Unbind", 0),
        (lambda t: t.chunk(2), "Split", 1),
        (lambda t: t.split(2), "Split", 0),
        (lambda t: t.split([1, 3]), "SplitWithSizes", 1),
    ],
)
def test_multi_output_views(cut, name, index):
    x = leaf(1.0, 2.0, 3.0, 4.0)
    pieces = cut(x * 1)
    message = (
        f"Output {index} of {name} is a view and is being modified inplace. This view is the "
        "output of a function that returns multiple views. Such functions do not allow the output "
        "views to be modified inplace. You should replace the inplace operation by an out-of-place "
        "one."
    )
    with pytest.raises(RuntimeError, match=message):
        pieces[index].add_(1)


def test_multi_output_views_that_need_no_gradient():
    base = torch.zeros(4)
    for piece in base.chunk(2):
        piece.add_(1)
    assert base.tolist() == [1.0] * 4


def test_multi_output_views_in_no_grad():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    pieces = y.chunk(2)
    with torch.no_grad():
        pieces[0].add_(1)
    assert y.tolist() == [2.0, 3.0, 3.0, 4.0]


def test_view_made_in_no_grad_and_written_outside():
    x = leaf(1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        view = y[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modif"):
        view.add_(1)


def test_history_of_a_base_written_after_a_no_grad_view():
    x = leaf(1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        view = y[:1]
        view.add_(5)
    assert y.tolist() == [6.0, 2.0]
    assert y.grad_fn.name() == "MulBackward0"


def test_expanded_memory():
    x = torch.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers"):
        x.add_(1)


def test_result_that_does_not_fit():
    x = torch.zeros(2)
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast"):
        x.add_(torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output"):
        torch.zeros(2, dtype=torch.int64).add_(0.5)


def test_writing_something_that_needs_a_gradient_into_a_plain_tensor():
    x = leaf(1.0, 2.0)
    target = torch.zeros(2, dtype=torch.float64)
    target.add_(x)
    assert target.requires_grad
    target.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_out_refuses_gradients():
    x = leaf(1.0, 2.0)
    message = "functions with out=... arguments don't support automatic differentiation"
    with pytest.raises(RuntimeError, match=message):
        torch.add(x, 1, out=torch.zeros(2, dtype=torch.float64))
    with torch.no_grad():
        assert torch.add(x, 1, out=torch.zeros(2, dtype=torch.float64)).tolist() == [2.0, 3.0]


def test_hooks_of_the_old_value_stay_with_it():
    x = leaf(1.0, 2.0)
    y = x * 1
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(3)
    y.sum().backward()
    assert seen == [[3.0, 3.0]]


def test_retained_gradient_moves_to_the_new_value():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]


def test_shape_changes_in_place():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y.unsqueeze_(0)
    assert y.shape == (1, 3)
    (y * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "use",
    [
        lambda x, i: x[i],
        lambda x, i: x[i, i],
        lambda x, i: x.gather(0, i.unsqueeze(0)),
        lambda x, i: x.index_select(0, i),
        lambda x, i: torch.zeros(3, 3, dtype=torch.float64).index_add(0, i, x[:2]),
        lambda x, i: x.take(i),
    ],
)
def test_stale_index(use):
    x = torch.ones(3, 3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([0, 1])
    y = use(x, index)
    index.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
