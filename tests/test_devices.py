"""Devices: names, moving, mixing, and what is said where CUDA is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gradcore
from gradcore.backends import cupy_backend


def test_device_names():
    assert str(gradcore.device("cuda", 1)) == "cuda:1"
    assert repr(gradcore.device("cpu")) == "device(type='cpu')"
    assert gradcore.device("cuda:0") == gradcore.device(0)
    assert gradcore.device("cuda") != gradcore.device("cuda:0")
    assert hash(gradcore.device("cuda:1")) == hash(gradcore.device("cuda", 1))


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:", "", "cuda:-1"])
def test_unknown_device(name):
    with pytest.raises(RuntimeError, match="at start of device string"):
        gradcore.device(name)


def test_index_twice():
    with pytest.raises(RuntimeError, match="must not include an index"):
        gradcore.device("cuda:1", 1)


def test_tensor_stays_on_its_device(device):
    x = gradcore.ones(2, 3, device=device)
    assert str((x * 2 + 1).device) == device
    assert x.to(device) is x
    assert str(x.cpu().device) == "cpu"


def test_gradient_comes_back_through_a_move(device):
    x = gradcore.ones(3, requires_grad=True)
    (x.to(device) * 2).sum().backward()
    assert str(x.grad.device) == "cpu"
    assert x.grad.tolist() == [2, 2, 2]


def test_mixing_devices(device):
    if device == "cpu":
        pytest.skip("needs a second device")
    x, y = gradcore.ones(3, device=device), gradcore.ones(3)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        x + y
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        gradcore.ones(3, 3, device=device) @ gradcore.ones(3, 3)


def test_scalar_tensor_of_the_cpu_mixes(device):
    x = gradcore.ones(3, device=device)
    out = x * gradcore.tensor(3.0)
    assert str(out.device) == device
    assert out.tolist() == [3, 3, 3]


def test_default_device(device):
    with gradcore.device(device):
        assert str(gradcore.zeros(2).device) == device
    assert str(gradcore.zeros(2).device) == "cpu"


def test_training_step_makes_no_host_sync(device):
    """One forward, backward and in-place update on the device never waits for it."""
    if device == "cpu":
        pytest.skip("a matter of devices")
    fakecupy = pytest.importorskip("fakecupy")
    gradcore.manual_seed(0)
    x = gradcore.randn(8, 4).to(device)
    w = gradcore.randn(3, 4).to(device).requires_grad_(True)
    with fakecupy.forbid_syncs():
        loss = (gradcore.tanh(x @ w.t()) ** 2).mean()
        loss.backward()
        with gradcore.no_grad():
            w -= 0.1 * w.grad
    assert w.grad.shape == (3, 4)


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    return result.stderr


def test_no_cupy():
    code = (
        "import sys; sys.modules['cupy'] = None; import gradcore;"
        "assert not gradcore.cuda.is_available(); gradcore.ones(2).cuda()"
    )
    assert "CuPy is not installed: pip install 'gradcore[cuda12]'" in run_python(code)


FAKE = """
import sys, types
cupy = types.ModuleType("cupy")
class runtime:
    @staticmethod
    def getDeviceCount():
        {body}
cupy.cuda = types.SimpleNamespace(runtime=runtime)
cupy.ndarray = type("ndarray", (), {{}})
sys.modules["cupy"] = cupy
import gradcore
gradcore.ones(2, device="cuda")
"""


def test_no_driver():
    error = run_python(FAKE.format(body="raise RuntimeError('cudaErrorInsufficientDriver')"))
    assert "Found no NVIDIA driver" in error
    assert "cudaErrorInsufficientDriver" in error


def test_no_device():
    assert "No CUDA GPUs are available" in run_python(FAKE.format(body="return 0"))


def test_device_that_is_not_there(device):
    if device == "cpu":
        pytest.skip("needs CUDA")
    count = gradcore.cuda.device_count()
    with pytest.raises(RuntimeError, match=f"cuda:{count} was asked for"):
        gradcore.ones(2).to(f"cuda:{count}")


def test_cuda_namespace(device):
    if device == "cpu":
        pytest.skip("needs CUDA")
    cuda = gradcore.cuda
    assert cuda.is_available()
    assert cuda.device_count() >= 1
    with cuda.device(device):
        assert cuda.current_device() == int(device[-1])
        x = gradcore.ones(1000, device="cuda")
        assert str(x.device) == device
    assert cuda.memory_allocated(device) >= 4000
    assert cuda.max_memory_allocated(device) >= 4000
    stream = cuda.Stream(device)
    event = stream.record_event()
    event.synchronize()
    assert stream.query()
    cuda.synchronize(device)
    cuda.empty_cache()
    assert cuda.get_device_name(device)


def test_cuda_namespace_without_cuda():
    if cupy_backend._backend is not None:
        pytest.skip("CUDA is there")
    assert gradcore.cuda.is_available() is False
    assert gradcore.cuda.device_count() == 0
    gradcore.cuda.empty_cache()
    gradcore.cuda.manual_seed(3)
