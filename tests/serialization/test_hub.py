"""Downloads, from files of this machine."""

from __future__ import annotations

import hashlib
import os

import pytest

import gradcore
from gradcore import hub


@pytest.fixture
def source(tmp_path):
    """A state dict behind a URL whose name ends with the file's hash."""
    path = tmp_path / "plain.pth"
    gradcore.save({"w": gradcore.arange(100_000.0)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(tmp_path / f"net-{digest}.pth").as_uri()


def test_download_once_and_load(source, tmp_path, capsys, monkeypatch):
    hub.set_dir(tmp_path / "hub")
    monkeypatch.setattr(hub, "_folder", hub.get_dir())
    got = hub.load_state_dict_from_url(source, check_hash=True)
    assert got["w"].numel() == 100_000
    name = os.path.basename(source)
    assert os.listdir(tmp_path / "hub" / "checkpoints") == [name]
    shown = capsys.readouterr()
    assert f'Downloading: "{source}"' in shown.out and "100%" in shown.err
    hub.load_state_dict_from_url(source, check_hash=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(hub, "_folder", None)


def test_options(source, tmp_path, capsys):
    got = hub.load_state_dict_from_url(
        source, model_dir=str(tmp_path / "m"), progress=False, file_name="x.pth", weights_only=True
    )
    assert os.listdir(tmp_path / "m") == ["x.pth"] and got["w"][5].item() == 5
    assert capsys.readouterr().err == ""


def test_wrong_hash_keeps_nothing(source, tmp_path):
    folder = tmp_path / "m"
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "00000000", got'):
        hub.load_state_dict_from_url(
            source, str(folder), progress=False, check_hash=True, file_name="net-00000000.pth"
        )
    assert os.listdir(folder) == []


def test_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_folder", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == str(tmp_path / "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert hub.get_dir() == str(tmp_path / "cache" / "torch" / "hub")
