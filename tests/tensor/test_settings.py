"""Process-wide settings."""

from __future__ import annotations

import pytest

import gradcore as torch


@pytest.fixture(autouse=True)
def restore():
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    torch.set_default_dtype(torch.float32)
    torch.set_num_interop_threads(1)


def add_at_index(device):
    x = torch.zeros(3, device=device)
    index = torch.tensor([0, 0, 2], device=device)
    return x.index_add(0, index, torch.ones(3, device=device))


def test_deterministic_mode_refuses_atomic_sums_on_cuda(device):
    torch.use_deterministic_algorithms(True)
    assert torch.are_deterministic_algorithms_enabled()
    if device == "cpu":
        assert add_at_index(device).tolist() == [2.0, 0.0, 1.0]
    else:
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            add_at_index(device)


def test_deterministic_mode_may_only_warn(device):
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    if device != "cpu":
        with pytest.warns(UserWarning, match="does not have a deterministic implementation"):
            assert add_at_index(device).tolist() == [2.0, 0.0, 1.0]


@pytest.mark.parametrize(("name", "number"), [("default", 0), ("warn", 1), ("error", 2)])
def test_deterministic_debug_mode(name, number):
    torch.set_deterministic_debug_mode(name)
    assert torch.get_deterministic_debug_mode() == number
    torch.set_deterministic_debug_mode(number)
    assert torch.get_deterministic_debug_mode() == number


@pytest.mark.parametrize(
    ("mode", "error"), [("on", RuntimeError), (5, RuntimeError), (0.5, TypeError)]
)
def test_unknown_debug_mode(mode, error):
    with pytest.raises(error, match="debug_mode"):
        torch.set_deterministic_debug_mode(mode)


def test_matmul_precision_is_the_tf32_switch():
    torch.set_float32_matmul_precision("high")
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"
    with pytest.warns(UserWarning, match="not one of"):
        torch.set_float32_matmul_precision("low")
    assert torch.get_float32_matmul_precision() == "high"


def test_default_tensor_type():
    torch.set_default_tensor_type("torch.DoubleTensor")
    assert torch.tensor(1.0).dtype == torch.float64
    torch.set_default_tensor_type(torch.FloatTensor)
    assert torch.tensor(1.0).dtype == torch.float32
    with pytest.raises(TypeError, match="only floating-point types"):
        torch.set_default_tensor_type(torch.LongTensor)


def test_interop_threads():
    torch.set_num_interop_threads(3)
    assert torch.get_num_interop_threads() == 3
    with pytest.raises(RuntimeError, match="positive"):
        torch.set_num_interop_threads(0)


def test_typename():
    assert torch.typename(torch.ones(1)) == torch.ones(1).type()
    assert torch.typename(3) == "int"
    assert torch.typename(torch.Generator()).endswith(".Generator")


def test_questions():
    x = torch.ones(2, dtype=torch.int32)
    assert torch.is_signed(x) and not torch.is_signed(x.to(torch.uint8))
    assert torch.is_same_size(x, torch.zeros(2)) and not torch.is_same_size(x, torch.zeros(3))
    assert torch.get_device(x) == -1
    assert not torch.is_inference(x)


def test_in_place_methods_are_functions_too():
    x = torch.tensor([4.0, 9.0])
    assert torch.sqrt_(x) is x and x.tolist() == [2.0, 3.0]
    assert torch.clamp_(x, max=2.5).tolist() == [2.0, 2.5]
