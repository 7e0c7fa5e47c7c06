"""Datasets that are folders of files, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..transforms.functional.image import pillow
from .vision import VisionDataset

__all__ = ["DatasetFolder", "ImageFolder", "default_loader", "find_classes", "make_dataset"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Extensions = str | tuple[str, ...]


def has_file_allowed_extension(filename: str, extensions: Extensions) -> bool:
    """Whether the name ends in one of ``extensions``, in lower or upper case."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Whether the name ends as that of an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in ``directory``, sorted, and their numbers.

    Raises FileNotFoundError where there are none.
    """
    entries = os.scandir(os.fspath(directory))
    classes: list[str] = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: str | os.PathLike,
    class_to_idx: dict[str, int] | None = None,
    extensions: Extensions | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """The paths of the files in the classes' folders and below, with the classes' numbers.

    Args:
        directory: the folder of the folders.
        class_to_idx: the names of the folders that count, and their numbers; None: all.
        extensions: names of files end in one of these.
        is_valid_file: called with a path, instead of ``extensions``.
        allow_empty: classes may be without a file.

    Raises:
        ValueError: no classes, or not just one of ``extensions`` and ``is_valid_file``.
        FileNotFoundError: a class has no file.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    samples = []
    empty = []
    for name in sorted(class_to_idx):
        paths = _files_below(os.path.join(directory, name))
        if is_valid_file is not None:
            paths = [path for path in paths if is_valid_file(path)]
        else:
            paths = [path for path in paths if has_file_allowed_extension(path, extensions)]  # type: ignore[arg-type]
        samples += [(path, class_to_idx[name]) for path in paths]
        if not paths:
            empty.append(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(empty)}. "
        if extensions is not None:
            known = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f"Supported extensions are: {known}"
        raise FileNotFoundError(message)
    return samples


def _files_below(folder: str) -> list[str]:
    """All files, folder by folder, sorted by name."""
    return [
        os.path.join(place, name)
        for place, _, names in sorted(os.walk(folder, followlinks=True))
        for name in sorted(names)
    ]


def pil_loader(path: str | os.PathLike) -> Any:
    """The image in a file, as a PIL image of mode "RGB"."""
    with open(path, "rb") as file, pillow().open(file) as image:
        return image.convert("RGB")


default_loader = pil_loader


class DatasetFolder(VisionDataset):
    """Files in folders that are the classes: ``root/class/…/name.ext``.

    Items are what ``loader`` makes of a file, and the number of its class. ``classes``,
    ``class_to_idx``, ``samples`` (paths and numbers) and ``targets`` describe them.

    Args:
        root: the folder of the classes.
        loader: called with a path.
        extensions: the files that count end in one of these.
        transform: called with what the loader returns.
        target_transform: called with the target.
        is_valid_file: called with a path, instead of ``extensions``.
        allow_empty: classes may be without a file.

    Raises:
        FileNotFoundError: there is no class, or one without a file.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.loader = loader
        self.extensions = extensions
        self.samples = self.make_dataset(
            self.root,
            class_to_idx=self.class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | os.PathLike,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """See :func:`make_dataset`; subclasses may collect their samples otherwise."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | os.PathLike) -> tuple[list[str], dict[str, int]]:
        """See :func:`find_classes`; subclasses may find their classes otherwise."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """:class:`DatasetFolder` of images: items are a PIL image of mode "RGB" and an int.

    ``imgs`` is another name of ``samples``.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
