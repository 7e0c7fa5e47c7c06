"""Street View House Numbers (http://ufldl.stanford.edu/housenumbers)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms.functional.conversion import to_pil_image
from .matlab import load_mat
from .utils import check_integrity, download_url, verify_str_arg
from .vision import VisionDataset

__all__ = ["SVHN"]


class SVHN(VisionDataset):
    """Digits of house numbers, 32 × 32: 73,257, 26,032 for tests, 531,131 easier ones.

    Items are a PIL image and an int; the digit 0 is class 0, although the files call it 10.
    ``data`` is (N, 3, 32, 32) uint8, ``labels`` (N,) int64. The checksums are verified.

    Args:
        root: the folder of the .mat files.
        split: "train", "test" or "extra".
        transform: called with the image.
        target_transform: called with the target.
        download: get the file unless it is there.

    Raises:
        ValueError: another split.
        RuntimeError: the file is missing or damaged, or cannot be downloaded.
    """

    split_list = {
        "train": [
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
            "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ],
        "test": [
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
            "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ],
        "extra": [
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
            "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ],
    }

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not self._check_integrity():
            found = "is corrupted" if os.path.isfile(path) else "is missing"
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it. "
                f"{path} {found}"
            )
        variables = load_mat(path)
        self.labels = variables["y"].astype(np.int64).reshape(-1)
        self.labels[self.labels == 10] = 0
        self.data = variables["X"].transpose(3, 2, 0, 1)

    def _check_integrity(self) -> bool:
        return check_integrity(os.path.join(self.root, self.filename), self.file_md5)

    def download(self) -> None:
        """Get the file unless it is there."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = to_pil_image(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self._transformed(image, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
