"""CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms.functional.conversion import to_pil_image
from .utils import check_integrity, download_and_extract_archive
from .vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]


class CIFAR10(VisionDataset):
    """Images of ten kinds of things, 32 × 32: 50,000, and 10,000 for tests.

    Items are a PIL image and an int. ``data`` is (N, 32, 32, 3) uint8, ``targets`` a list. The
    files are in ``root/cifar-10-batches-py``; their checksums are verified.

    Args:
        root: the folder above.
        train: the images for training, otherwise those for testing.
        transform: called with the image.
        target_transform: called with the target.
        download: get the files unless they are there.

    Raises:
        RuntimeError: files are missing or damaged, or cannot be downloaded.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(
        self,
        root: str | os.PathLike,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        broken = self._broken_files()
        if broken:
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it. "
                f"In {self._folder}: {', '.join(broken)}"
            )
        batches = [self._read(name) for name, _ in (self.train_list if train else self.test_list)]
        pixels = np.concatenate([batch["data"] for batch in batches])
        self.data = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.targets: list[int] = []
        for batch in batches:
            self.targets += batch["labels"] if "labels" in batch else batch["fine_labels"]
        self.classes = self._read(self.meta["filename"])[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    @property
    def _folder(self) -> str:
        return os.path.join(self.root, self.base_folder)

    def _read(self, name: str) -> dict[str, Any]:
        with open(os.path.join(self._folder, name), "rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()

    def _broken_files(self) -> list[str]:
        """The files that are missing or have another checksum, with which of the two."""
        broken = []
        for name, md5 in [
            *self.train_list,
            *self.test_list,
            [self.meta["filename"], self.meta["md5"]],
        ]:
            path = os.path.join(self._folder, name)
            if not check_integrity(path, md5):
                broken.append(f"{name} ({'corrupted' if os.path.isfile(path) else 'missing'})")
        return broken

    def _check_integrity(self) -> bool:
        return not self._broken_files()

    def download(self) -> None:
        """Get and unpack the archive unless its files are there."""
        if not self._check_integrity():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(to_pil_image(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Images of 100 kinds of things; the files are in ``root/cifar-100-python``.

    The arguments are those of :class:`CIFAR10`; the targets are the fine labels.
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }


class _ArrayUnpickler(pickle.Unpickler):
    """Reads dictionaries of arrays and nothing else, for a pickle can call any function."""

    _ALLOWED = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> Any:
        # The files were written when NumPy still called this numpy.core.
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"a file of CIFAR does not need {module}.{name}")
        return super().find_class(module, name)
