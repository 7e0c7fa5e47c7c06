"""Inference mode: what its tensors may be used for, inside and outside."""

from __future__ import annotations

import pytest

import gradcore as torch


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


@pytest.fixture
def made():
    with torch.inference_mode():
        return torch.ones(2)


def test_mode_is_entered_and_left(x):
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()
        with torch.inference_mode(False):
            assert not torch.is_inference_mode_enabled()
            assert torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def test_results_are_inference_tensors(x):
    with torch.inference_mode():
        y = x * 2
        assert y.is_inference()
        assert not y.requires_grad
    assert y.is_inference()
    assert not x.is_inference()
    assert not (y + 1).is_inference()


def test_enable_grad_inside_does_not_record(x):
    with torch.inference_mode(), torch.enable_grad():
        y = x * 2
    assert not y.requires_grad
    assert y.is_inference()


@pytest.mark.parametrize("decorate", [lambda: torch.inference_mode, lambda: torch.inference_mode()])
def test_as_decorator(x, decorate):
    @decorate()
    def double(x):
        return x * 2

    assert double(x).is_inference()
    assert not torch.is_inference_mode_enabled()


def test_generator_as_decorated(x):
    @torch.inference_mode()
    def produce():
        yield torch.is_inference_mode_enabled()

    for inside in produce():
        assert inside
        assert not torch.is_inference_mode_enabled()


def test_tensors_from_before_stay_normal_and_keep_counting(x):
    y = torch.ones(2)
    with torch.inference_mode():
        y.add_(1)
        assert not y.is_inference()
    assert y._version == 1


def test_version_is_not_tracked(made):
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = made._version


def test_cannot_be_saved_for_backward(x, made):
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * made


def test_may_take_part_where_nothing_is_saved(x, made):
    (x + made).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_clone_outside_is_a_normal_tensor(x, made):
    copy = made.clone()
    assert not copy.is_inference()
    (x * copy).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_in_place_outside(made):
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside Inference"):
        made.add_(1)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside Inference"):
        made.zero_()
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside Inference"):
        made[0] = 3.0


def test_in_place_inside(made):
    with torch.inference_mode():
        made.add_(1)
    assert made.tolist() == [2.0, 2.0]


def test_requires_grad_outside(made):
    with pytest.raises(
        RuntimeError, match="Setting requires_grad=True on inference tensor outside"
    ):
        made.requires_grad_()


def test_requires_grad_inside():
    with torch.inference_mode():
        y = torch.ones(2, requires_grad=True)
        assert y.requires_grad
        assert not (y * 2).requires_grad


def test_backward_outside_of_a_graph_with_normal_tensors_only(x):
    y = x * 2
    with torch.inference_mode():
        z = y.detach() * 3
    assert z.is_inference()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_view_of_an_inference_tensor_is_one(made):
    assert made.view(1, 2).is_inference()
    assert made[0].is_inference()


def test_view_made_inside_of_a_normal_tensor_is_normal(x):
    base = torch.ones(4)
    with torch.inference_mode():
        view = base[:2]
        assert not view.is_inference()
    view.add_(1)
    assert base.tolist() == [2.0, 2.0, 1.0, 1.0]


def test_writing_outside_through_a_view_made_inside(x):
    y = x * 2
    with torch.inference_mode():
        view = y[:1]
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being"):
        view.add_(1)
