"""gradcore under the name torch, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def run(code, *command):
    """Standard output of a program that sees gradcore as torch."""
    program = ["-c", "import gradcore.as_torch\n" + textwrap.dedent(code)]
    done = subprocess.run(
        [sys.executable, *(command or program)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SCRIPT = """
    import sys
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch import optim
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    data = TensorDataset(torch.randn(32, 4), torch.zeros(32, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        for x, y in DataLoader(data, batch_size=8, shuffle=True):
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    print(losses[-1] < 0.01, *sys.argv[1:])
"""


def test_program_trains():
    assert run(SCRIPT).split()[0] == "True"


def test_script_with_arguments(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    out = run("", "-m", "gradcore.as_torch", str(script), "--epochs", "3")
    assert out.split() == ["True", "--epochs", "3"]


def test_module_with_arguments(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(textwrap.dedent(SCRIPT))
    monkeypatch.chdir(tmp_path)
    assert run("", "-m", "gradcore.as_torch", "-m", "package", "x").split() == ["True", "x"]


def test_submodules_are_gradcores_own():
    out = run("""
        import torch.nn.functional, torch.utils.data, torch.optim, gradcore
        print(torch.nn.functional is gradcore.nn.functional, torch.Tensor is gradcore.Tensor)
        print(gradcore.nn.__spec__.name, torch.optim.__name__)
    """)
    assert out.split() == ["True", "True", "gradcore.nn", "gradcore.optim"]


def test_what_is_missing_says_so():
    out = run("""
        import torch
        try:
            torch.no_such_function
        except AttributeError as error:
            print(error)
        try:
            import torch.no_such_module
        except ModuleNotFoundError as error:
            print(error, error.name)
    """)
    assert "gradcore does not have 'torch.no_such_function'" in out
    assert "gradcore does not have 'torch.no_such_module' torch.no_such_module" in out


def test_version_is_found_in_every_way():
    out = run("""
        import importlib.metadata, importlib.util, torch
        print(torch.__version__, importlib.metadata.version("torch"))
        print(importlib.util.find_spec("torch") is not None)
    """)
    assert out.split() == ["2.13.0", "2.13.0", "True"]


def test_a_torch_that_was_imported_before_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['torch'] = sys; import gradcore.as_torch"],
        capture_output=True,
        text=True,
    )
    assert "ImportError: 'torch' is imported already" in done.stderr


@pytest.mark.parametrize(
    "name", ["nn.Module", "optim.Adam", "utils.data.DataLoader", "cuda.is_available"]
)
def test_names_reach_through_the_root(name):
    assert run(f"import torch; print(callable(torch.{name}))").strip() == "True"
