"""Both ways an optimizer can go: the backend's kernels, and public tensor operations."""

from __future__ import annotations

import pytest

from gradcore.backends import cpu, cuda
from gradcore.backends.cpu import optim as cpu_optim


@pytest.fixture(params=["kernels", "operations"])
def path(request, monkeypatch):
    """Steps with the kernels of every backend, then with none."""
    kernels = {"sgd": cpu_optim.sgd, "adam": cpu_optim.adam}
    if request.param == "kernels":
        for name, kernel in kernels.items():
            monkeypatch.setitem(cpu.UPDATES, name, kernel)
    else:
        for updates in (cpu.UPDATES, cuda.UPDATES):
            for name in kernels:
                monkeypatch.delitem(updates, name, raising=False)
    return request.param
