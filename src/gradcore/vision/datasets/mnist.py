"""MNIST and the datasets in its format."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from collections.abc import Callable
from typing import Any

from ... import from_numpy, load, uint8
from ..transforms.functional.conversion import to_pil_image
from .idx import read_idx, read_image_file, read_label_file
from .utils import (
    check_integrity,
    download_and_extract_archive,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "QMNIST", "FashionMNIST"]

_DIGITS = "zero one two three four five six seven eight nine".split()


class MNIST(VisionDataset):
    """Handwritten digits, 28 × 28 (http://yann.lecun.com/exdb/mnist): 60,000, 10,000 for tests.

    Items are a PIL image of mode "L" and an int. ``data`` is (N, 28, 28) uint8, ``targets`` (N,)
    int64. The files are in ``root/MNIST/raw``, unpacked or as .gz, whose checksums are verified.

    Args:
        root: the folder above.
        train: the images for training, otherwise those for testing.
        transform: called with the image.
        target_transform: called with the target.
        download: get the files unless they are there.

    Raises:
        RuntimeError: files are missing or damaged, or cannot be downloaded.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: Any = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = [f"{i} - {name}" for i, name in enumerate(_DIGITS)]

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
        if self._check_legacy_exist():
            name = self.training_file if train else self.test_file
            self.data, self.targets = load(os.path.join(self.processed_folder, name))
            return
        if download:
            self.download()
        self._unpack()
        missing = [name for name in self._files() if not self._is_there(name)]
        if missing:
            raise RuntimeError(
                "Dataset not found. You can use download=True to download it. "
                f"Missing in {self.raw_folder}: {', '.join(missing)} (or the same with .gz)"
            )
        self.data, self.targets = self._load_data()

    def _check_legacy_exist(self) -> bool:
        """Whether there are the .pt files that torchvision wrote before version 0.10."""
        return all(
            os.path.isfile(os.path.join(self.processed_folder, name))
            for name in (self.training_file, self.test_file)
        )

    def _files(self) -> list[str]:
        """The names of the unpacked files that have to be there."""
        return [os.path.splitext(os.path.basename(url))[0] for url, _ in self.resources]

    def _is_there(self, name: str) -> bool:
        return os.path.isfile(os.path.join(self.raw_folder, name))

    def _check_exists(self) -> bool:
        return all(self._is_there(name) for name in self._files())

    def _packed(self) -> list[tuple[str, str]]:
        """The names and checksums of the files as they are distributed."""
        return [(os.path.basename(url), md5) for url, md5 in self.resources]

    def _unpack(self) -> None:
        """Unpack the files that are there as .gz only."""
        for name, md5 in self._packed():
            path = os.path.join(self.raw_folder, name)
            if os.path.isfile(path) and not self._is_there(os.path.splitext(name)[0]):
                if not check_integrity(path, md5):
                    raise RuntimeError(f"{path} is corrupted: its MD5 checksum should be {md5}")
                extract_archive(path)

    def _load_data(self) -> tuple[Any, Any]:
        kind = "train" if self.train else "t10k"
        data = read_image_file(os.path.join(self.raw_folder, f"{kind}-images-idx3-ubyte"))
        targets = read_label_file(os.path.join(self.raw_folder, f"{kind}-labels-idx1-ubyte"))
        if len(data) != len(targets):
            raise RuntimeError(
                f"{self.raw_folder} has {len(data)} images but {len(targets)} labels"
            )
        return data, targets

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = to_pil_image(self.data[index].numpy(), mode="L")
        return self._transformed(image, int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """The folder of the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """The folder of the files of old versions."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """From the names of the classes to their numbers."""
        return {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Get and unpack the files unless they are there."""
        if self._check_exists():
            return
        for name, md5 in self.resources:
            urls = [mirror + name for mirror in self.mirrors]
            download_and_extract_archive(urls, self.raw_folder, md5=md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _renamed(self, old: str, new: str) -> Any:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)

    @property
    def train_labels(self) -> Any:
        """The former name of ``targets``."""
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> Any:
        """The former name of ``targets``."""
        return self._renamed("test_labels", "targets")

    @property
    def train_data(self) -> Any:
        """The former name of ``data``."""
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> Any:
        """The former name of ``data``."""
        return self._renamed("test_data", "data")


class FashionMNIST(MNIST):
    """Clothes in MNIST's format (https://github.com/zalandoresearch/fashion-mnist).

    The arguments are those of :class:`MNIST`; the files are in ``root/FashionMNIST/raw``.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Japanese characters in MNIST's format (https://github.com/rois-codh/kmnist).

    The arguments are those of :class:`MNIST`; the files are in ``root/KMNIST/raw``.
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = "o ki su tsu na ha ma ya re wo".split()


class EMNIST(MNIST):
    """Handwritten letters and digits (https://www.nist.gov/itl/products-and-services/emnist).

    The images are transposed, as they are distributed. The files are in ``root/EMNIST/raw``.

    Args:
        root: the folder above.
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        kwargs: those of :class:`MNIST`.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    # Letters whose lower and upper case look the same.
    _merged_classes = set("cijklmopsuvwxyz")
    _all_classes = set(string.digits + string.ascii_letters)
    classes_split_dict = {
        "byclass": sorted(_all_classes),
        "bymerge": sorted(_all_classes - _merged_classes),
        "balanced": sorted(_all_classes - _merged_classes),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | os.PathLike, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file = f"training_{split}.pt"
        self.test_file = f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]

    @property
    def _prefix(self) -> str:
        return f"emnist-{self.split}-{'train' if self.train else 'test'}"

    @property
    def images_file(self) -> str:
        """The path of the images."""
        return os.path.join(self.raw_folder, f"{self._prefix}-images-idx3-ubyte")

    @property
    def labels_file(self) -> str:
        """The path of the labels."""
        return os.path.join(self.raw_folder, f"{self._prefix}-labels-idx1-ubyte")

    def _files(self) -> list[str]:
        return [os.path.basename(self.images_file), os.path.basename(self.labels_file)]

    def _packed(self) -> list[tuple[str, str]]:
        return []

    def _load_data(self) -> tuple[Any, Any]:
        return read_image_file(self.images_file), read_label_file(self.labels_file)

    def download(self) -> None:
        """Get and unpack the files of all splits unless they are there."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)


class QMNIST(MNIST):
    """MNIST with 60,000 images for tests and where each comes from (arXiv:1905.10498).

    Args:
        root: the files are in ``root/QMNIST/raw``.
        what: "train", "test", "test10k" (MNIST's), "test50k" (the others) or "nist" (all that
            NIST has); by default after ``train``.
        compat: targets are ints; otherwise tensors (8,) of which the first entry is the digit.
        train: decides where ``what`` is None.
        kwargs: those of :class:`MNIST`.
    """

    subsets = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    _base = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    resources = {
        "train": [
            (_base + "qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (_base + "qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (_base + "qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (_base + "qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (_base + "xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (_base + "xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(
        self,
        root: str | os.PathLike,
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        what = ("train" if train else "test") if what is None else what
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        self.data_file = self.training_file = self.test_file = what + ".pt"
        super().__init__(root, train, **kwargs)

    def _packed(self) -> list[tuple[str, str]]:
        subset = self.resources[self.subsets[self.what]]
        return [(os.path.basename(url), md5) for url, md5 in subset]

    def _files(self) -> list[str]:
        return [os.path.splitext(name)[0] for name, _ in self._packed()]

    @property
    def images_file(self) -> str:
        """The path of the images."""
        return os.path.join(self.raw_folder, self._files()[0])

    @property
    def labels_file(self) -> str:
        """The path of the labels."""
        return os.path.join(self.raw_folder, self._files()[1])

    def _load_data(self) -> tuple[Any, Any]:
        data = from_numpy(read_idx(self.images_file))
        targets = from_numpy(read_idx(self.labels_file)).long()
        if data.dtype != uint8 or data.ndim != 3 or targets.ndim != 2:
            raise RuntimeError(f"{self.raw_folder}: these are no files of QMNIST")
        if self.what == "test10k":
            return data[:10000].clone(), targets[:10000].clone()
        if self.what == "test50k":
            return data[10000:].clone(), targets[10000:].clone()
        return data, targets

    def download(self) -> None:
        """Get and unpack the files unless they are there."""
        if self._check_exists():
            return
        for url, md5 in self.resources[self.subsets[self.what]]:
            download_and_extract_archive(url, self.raw_folder, md5=md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = to_pil_image(self.data[index].numpy(), mode="L")
        target = self.targets[index]
        return self._transformed(image, int(target[0]) if self.compat else target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
