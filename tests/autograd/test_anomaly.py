"""Anomaly detection: which forward line a failing backward came from."""

from __future__ import annotations

import warnings

import pytest

import gradcore as torch

pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise LookupError("some error in backward")


def failing_forward_line(x):
    return (x - 1).sqrt() * 0.0


def test_detect_anomaly_warns_that_it_is_slow():
    with (
        pytest.warns(UserWarning, match="Anomaly Detection has been enabled"),
        torch.autograd.detect_anomaly(),
    ):
        pass


def test_nan_names_the_node_and_the_line():
    x = leaf(1.0)
    with torch.autograd.detect_anomaly():
        y = failing_forward_line(x)
        with (
            pytest.warns(UserWarning, match="Error detected in SqrtBackward0") as caught,
            pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th out"),
        ):
            y.backward()
    text = str(caught[0].message)
    assert "Traceback of forward call that caused the error" in text
    assert "return (x - 1).sqrt() * 0.0" in text
    assert "in failing_forward_line" in text


def test_error_names_the_node():
    x = leaf(1.0)
    with torch.autograd.detect_anomaly():
        y = Fails.apply(x)
        with (
            pytest.warns(UserWarning, match="Error detected in FailsBackward"),
            pytest.raises(LookupError, match="some error in backward"),
        ):
            y.backward()


def test_forward_outside_of_the_mode():
    x = leaf(1.0)
    y = failing_forward_line(x)
    with (
        torch.autograd.detect_anomaly(),
        pytest.warns(UserWarning, match="No forward pass information available"),
        pytest.raises(RuntimeError, match="returned nan values"),
    ):
        y.backward()


def test_nan_may_be_allowed():
    x = leaf(1.0)
    with torch.autograd.detect_anomaly(check_nan=False):
        failing_forward_line(x).backward()
    assert x.grad.isnan().all()


def test_without_the_mode_nan_passes_silently():
    x = leaf(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failing_forward_line(x).backward()
    assert x.grad.isnan().all()


def test_set_detect_anomaly_as_function_and_context():
    assert not torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(True)
    try:
        assert torch.is_anomaly_enabled()
        assert torch.is_anomaly_check_nan_enabled()
    finally:
        torch.autograd.set_detect_anomaly(False)
    assert not torch.is_anomaly_enabled()
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        assert torch.is_anomaly_enabled()
        assert not torch.is_anomaly_check_nan_enabled()
    assert not torch.is_anomaly_enabled()


def test_double_backward_shows_both_places():
    class Outer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return Fails.apply(g * x)

    x = leaf(1.0)
    with torch.autograd.detect_anomaly():
        y = Outer.apply(x)
        (first,) = torch.autograd.grad(y, x, create_graph=True)
        with (
            warnings.catch_warnings(record=True) as caught,
            pytest.raises(LookupError, match="some error in backward"),
        ):
            warnings.simplefilter("always")
            first.backward()
    texts = [str(w.message) for w in caught]
    assert any("Error detected in FailsBackward" in t for t in texts)
    assert any("Previous calculation was induced by OuterBackward" in t for t in texts)


def test_stale_value_points_at_the_traceback():
    x = leaf(1.0)
    with torch.autograd.detect_anomaly():
        y = x * 2
        z = y * y
        y.add_(1)
        with (
            pytest.warns(UserWarning, match="Error detected in MulBackward0"),
            pytest.raises(RuntimeError, match="the backtrace further above shows the operation"),
        ):
            z.backward()


def test_mode_is_left_after_an_error():
    with pytest.raises(ZeroDivisionError), torch.autograd.detect_anomaly():
        raise ZeroDivisionError
    assert not torch.is_anomaly_enabled()
