"""safetensors files."""

from __future__ import annotations

import pytest

pytest.importorskip("safetensors", minversion="0.5")

import gradcore
from gradcore.utils import safetensors

DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64",
]  # fmt: skip


def tensors():
    found = {n: gradcore.arange(6).reshape(2, 3).to(getattr(gradcore, n)) for n in DTYPES}
    return {
        **found,
        "empty": gradcore.zeros(0, 2),
        "scalar": gradcore.tensor(2.5),
        "turned": gradcore.arange(6.0).reshape(2, 3).t(),
    }


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert got[name].dtype == tensor.dtype, name
        assert got[name].tolist() == tensor.tolist(), name


def test_file_and_bytes(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.save_file(tensors(), path, metadata={"format": "pt"})
    assert_equal(safetensors.load_file(path), tensors())
    assert_equal(safetensors.load(safetensors.save(tensors())), tensors())
    assert_equal(gradcore.load(path), tensors())
    with pytest.raises(RuntimeError, match="with dict map_location is not supported"):
        gradcore.load(path, map_location={})


def test_devices(tmp_path, device):
    path = tmp_path / "x.safetensors"
    safetensors.save_file({"a": gradcore.ones(2, device=device)}, path)
    assert (
        safetensors.load_file(path, device=device)["a"].device
        == gradcore.ones(1, device=device).device
    )


def test_loaded_tensors_can_be_written():
    got = safetensors.load(safetensors.save({"a": gradcore.zeros(2)}))
    got["a"].fill_(1)
    assert got["a"].tolist() == [1, 1]


def test_errors():
    x = gradcore.zeros(4)
    with pytest.raises(RuntimeError, match=r"Some tensors share memory.*\['a', 'b'\]"):
        safetensors.save({"a": x, "b": x[2:]})
    with pytest.raises(ValueError, match="Key `a` is invalid, expected Tensor but received"):
        safetensors.save({"a": [1]})


def test_files_of_safetensors_for_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    of_torch = pytest.importorskip("safetensors.torch")
    path = tmp_path / "x.safetensors"
    of_torch.save_file({n: torch.arange(6).to(getattr(torch, n)) for n in DTYPES}, path)
    got = safetensors.load_file(path)
    assert all(
        got[n].flatten().tolist() == gradcore.arange(6).to(got[n].dtype).tolist() for n in got
    )
    safetensors.save_file(tensors(), path)
    back = of_torch.load_file(path)
    assert {n: t.tolist() for n, t in back.items()} == {n: t.tolist() for n, t in tensors().items()}
