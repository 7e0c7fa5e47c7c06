"""ImageNet, the 1000 classes of the challenge of 2012 (https://image-net.org)."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from ...serialization import load, save
from .folder import ImageFolder
from .matlab import load_mat
from .utils import check_integrity, extract_archive, verify_str_arg

__all__ = ["ImageNet"]

ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}
META_FILE = "meta.bin"


class ImageNet(ImageFolder):
    """1.28 million images of 1000 classes, and 50,000 for validation.

    Items are a PIL image of mode "RGB" and an int. ``wnids`` are the names of the folders,
    ``wnid_to_idx`` their numbers, ``classes`` tuples of names, ``class_to_idx`` maps each of them.
    The images are in ``root/train/<wnid>`` and ``root/val/<wnid>``. They are not for download:
    where the folders are missing, the archives from image-net.org in ``root`` are unpacked.

    Args:
        root: the folder of the archives, or of the folders and meta.bin.
        split: "train" or "val".
        kwargs: those of :class:`ImageFolder`.

    Raises:
        ValueError: another split.
        RuntimeError: neither meta.bin and the folder nor the archives are there.
    """

    def __init__(self, root: str | os.PathLike, split: str = "train", **kwargs: Any) -> None:
        self.root = root = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        names = load_meta_file(root)[0]
        super().__init__(self.split_folder, **kwargs)
        self.root = root
        self.wnids = self.classes
        self.wnid_to_idx = self.class_to_idx
        self.classes: Any = [names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, group in enumerate(self.classes) for name in group}

    def parse_archives(self) -> None:
        """Unpack what is not there yet."""
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            (parse_train_archive if self.split == "train" else parse_val_archive)(self.root)

    @property
    def split_folder(self) -> str:
        """The folder of the classes' folders."""
        return os.path.join(self.root, self.split)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def load_meta_file(root: str | os.PathLike, file: str | None = None) -> tuple[dict, list]:
    """What meta.bin holds: the classes' names by wnid, and the wnids of the validation images."""
    path = os.path.join(root, file or META_FILE)
    if not check_integrity(path):
        raise RuntimeError(
            f"The meta file {os.path.basename(path)} is not present in the root directory {root} "
            "or is corrupted. This file is automatically created by the ImageNet dataset."
        )
    return load(path, weights_only=True)


def _archive(root: str | os.PathLike, kind: str, file: str | None) -> str:
    name, md5 = ARCHIVE_META[kind]
    path = os.path.join(root, file or name)
    if not check_integrity(path, md5):
        raise RuntimeError(
            f"The archive {file or name} is not present in the root directory or is corrupted. "
            f"You need to download it externally and place it in {root}."
        )
    return path


def parse_devkit_archive(root: str | os.PathLike, file: str | None = None) -> None:
    """Write meta.bin from the development kit's archive."""
    archive = _archive(root, "devkit", file)
    with tempfile.TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        data = os.path.join(folder, "ILSVRC2012_devkit_t12", "data")
        synsets = load_mat(os.path.join(data, "meta.mat"))["synsets"]
        with open(os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")) as text:
            numbers = [int(line) for line in text]
    # Those with children are not among the 1000.
    leaves = [s for s in synsets if int(s["num_children"].item()) == 0]
    names = {s["WNID"]: tuple(s["words"].split(", ")) for s in leaves}
    by_number = {int(s["ILSVRC2012_ID"].item()): s["WNID"] for s in leaves}
    save((names, [by_number[i] for i in numbers]), os.path.join(root, META_FILE))


def parse_train_archive(
    root: str | os.PathLike, file: str | None = None, folder: str = "train"
) -> None:
    """Unpack the archive of the images for training, and the archives of the classes in it."""
    archive = _archive(root, "train", file)
    target = os.path.join(root, folder)
    extract_archive(archive, target)
    for name in os.listdir(target):
        path = os.path.join(target, name)
        extract_archive(path, os.path.splitext(path)[0], remove_finished=True)


def parse_val_archive(
    root: str | os.PathLike,
    file: str | None = None,
    wnids: list[str] | None = None,
    folder: str = "val",
) -> None:
    """Unpack the archive of the images for validation, and sort them into folders."""
    wnids = load_meta_file(root)[1] if wnids is None else wnids
    archive = _archive(root, "val", file)
    target = os.path.join(root, folder)
    extract_archive(archive, target)
    images = sorted(os.listdir(target))
    for wnid in set(wnids):
        os.mkdir(os.path.join(target, wnid))
    for wnid, name in zip(wnids, images, strict=True):
        shutil.move(os.path.join(target, name), os.path.join(target, wnid, name))
