"""``gradcore.backends.cudnn`` and the other names of ``torch.backends``."""

from __future__ import annotations

import pytest

from gradcore import backends


@pytest.fixture(autouse=True)
def restore():
    cudnn = backends.cudnn
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")
    before = {name: getattr(cudnn, name) for name in names}
    yield
    for name, value in before.items():
        setattr(cudnn, name, value)


def test_switches_reach_the_kernels():
    from gradcore.backends.cuda import cublas, cudnn

    backends.cudnn.allow_tf32 = False
    assert not cudnn.tf32_allowed()
    backends.cudnn.deterministic = True
    assert cudnn.is_deterministic()
    assert backends.cuda.matmul.allow_tf32 is cublas.tf32_allowed() is False
    backends.cuda.matmul.allow_tf32 = True
    assert cublas.tf32_allowed()
    backends.cuda.matmul.allow_tf32 = False


def test_flags_are_restored():
    backends.cudnn.enabled = True
    with backends.cudnn.flags(enabled=False, deterministic=True):
        assert not backends.cudnn.enabled and backends.cudnn.deterministic
    assert backends.cudnn.enabled and not backends.cudnn.deterministic


def test_a_switch_takes_a_bool():
    with pytest.raises(RuntimeError, match="expects a bool"):
        backends.cudnn.enabled = 1


def test_what_is_not_there_says_so():
    assert not backends.mps.is_available() and not backends.mps.is_built()
    assert not backends.mkldnn.is_available()
    assert backends.cuda.is_built()
