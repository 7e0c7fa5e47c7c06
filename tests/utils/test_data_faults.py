"""What goes wrong while data are loaded ends in a clear error, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import struct
from pathlib import Path

import pytest

import gradcore
from gradcore.utils.data import DataLoader, Dataset, TensorDataset

DESCRIPTORS = Path("/proc/self/fd")


class Ragged(Dataset):
    """Sample number 5 has another length than the others."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return gradcore.zeros(3 if index == 5 else 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_ragged_samples(workers):
    loader = DataLoader(Ragged(), batch_size=4, num_workers=workers)
    message = r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[3\] at"
    with pytest.raises(RuntimeError, match=message):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: b"no picture at all", "cannot identify image file"),
        (lambda data: b"", "cannot identify image file"),
    ],
)
def test_corrupt_image(tmp_path, workers, damage, message):
    image = pytest.importorskip("PIL.Image")
    from gradcore.vision.datasets import ImageFolder
    from gradcore.vision.transforms import ToTensor

    folder = tmp_path / "cats"
    folder.mkdir()
    image.effect_noise((40, 40), 80).convert("RGB").save(folder / "a.png")
    (folder / "b.png").write_bytes(damage((folder / "a.png").read_bytes()))
    loader = DataLoader(ImageFolder(tmp_path, ToTensor()), batch_size=2, num_workers=workers)
    with pytest.raises(OSError, match=message):
        list(loader)


def test_truncated_idx_file(tmp_path):
    from gradcore.vision.datasets import MNIST

    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for kind in ("train", "t10k"):
        header = struct.pack(">4B3I", 0, 0, 8, 3, 10, 28, 28)
        (folder / f"{kind}-images-idx3-ubyte").write_bytes(header + bytes(5000))
        labels = struct.pack(">4BI", 0, 0, 8, 1, 10) + bytes(10)
        (folder / f"{kind}-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises((RuntimeError, ValueError), match="train-images-idx3-ubyte"):
        MNIST(tmp_path)


def resident():
    """The memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="needs /proc")
@pytest.mark.parametrize("persistent", [False, True])
def test_nothing_grows_over_20_epochs(persistent):
    """A batch is 0.8 MB and an epoch 6 MB: to keep either of each epoch would show."""
    data = TensorDataset(gradcore.zeros(240, 25_000 // 4), gradcore.arange(240))
    loader = DataLoader(data, batch_size=32, num_workers=2, persistent_workers=persistent)
    sizes = []
    for _ in range(20):
        total = sum(len(labels) for _, labels in loader)
        assert total == 240
        gc.collect()
        sizes.append((resident(), len(list(DESCRIPTORS.iterdir()))))
    # The first epochs start the pool and fill buffers that are used again.
    assert sizes[-1][1] <= sizes[2][1]
    assert sizes[-1][0] - sizes[2][0] < 8 << 20
