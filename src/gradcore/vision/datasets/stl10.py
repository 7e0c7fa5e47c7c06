"""STL-10 (https://cs.stanford.edu/~acoates/stl10)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms.functional.conversion import to_pil_image
from .utils import check_integrity, download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["STL10"]


class STL10(VisionDataset):
    """Images of ten kinds of things, 96 × 96: 5000, 8000 for tests, 100,000 without labels.

    Items are a PIL image and an int, -1 without a label. ``data`` is (N, 3, 96, 96) uint8,
    ``labels`` an array. The files are in ``root/stl10_binary``; their checksums are verified.

    Args:
        root: the folder above.
        split: "train", "test", "unlabeled" or "train+unlabeled".
        folds: one of the ten subsets (0 to 9) of 1000 images for training.
        transform: called with the image.
        target_transform: called with the target.
        download: get the files unless they are there.

    Raises:
        ValueError: another split or fold.
        RuntimeError: files are missing or damaged, or cannot be downloaded.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        folds: int | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        self.folds = _verify_folds(folds)
        if download:
            self.download()
        broken = self._broken_files()
        if broken:
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it. "
                f"In {self._folder}: {', '.join(broken)}"
            )
        parts = [self._part(name) for name in split.split("+")]
        self.data, self.labels = parts[0]
        if len(parts) > 1:
            self.data = np.concatenate([images for images, _ in parts])
            self.labels = np.concatenate([labels for _, labels in parts])
        names = os.path.join(self._folder, self.class_names_file)
        if os.path.isfile(names):
            with open(names) as file:
                self.classes = file.read().splitlines()

    @property
    def _folder(self) -> str:
        return os.path.join(self.root, self.base_folder)

    def _part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.fromfile(os.path.join(self._folder, f"{name}_X.bin"), dtype=np.uint8)
        # Columns come before rows in the file.
        images = pixels.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        if name == "unlabeled":
            return images, np.full(len(images), -1)
        labels = np.fromfile(os.path.join(self._folder, f"{name}_y.bin"), dtype=np.uint8) - 1
        if name == "train" and self.folds is not None:
            with open(os.path.join(self._folder, self.folds_list_file)) as file:
                chosen = [int(i) for i in file.read().splitlines()[self.folds].split()]
            return images[chosen], labels[chosen]
        return images, labels

    def _broken_files(self) -> list[str]:
        broken = []
        for name, md5 in [*self.train_list, *self.test_list]:
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
        image = to_pil_image(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self._transformed(image, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def _verify_folds(folds: Any) -> int | None:
    if folds is None:
        return None
    if not isinstance(folds, int):
        raise ValueError(
            f"Expected type None or int for argument folds, but got type {type(folds)}."
        )
    if folds not in range(10):
        raise ValueError(
            f"Value for argument folds should be in the range [0, 10), but got {folds}."
        )
    return folds
