"""The files of TensorBoard's projector: vectors, labels, pictures, and their list."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import grid, to_bytes, to_numpy
from .media import _pillow
from .protobufs import EmbeddingInfo, ProjectorConfig, text_format, tf


def encode(tag: str) -> str:
    """``tag`` as the name of a folder."""
    for letter in "%/\\":
        tag = tag.replace(letter, f"%{ord(letter):02x}")
    return tag


def write_embedding(
    folder: str,
    vectors: np.ndarray,
    metadata: Sequence[Any] | None,
    label_img: Any,
    metadata_header: Sequence[str] | None,
) -> None:
    """Write ``tensors.tsv``, and ``metadata.tsv`` and ``sprite.png`` where given."""
    if vectors.ndim != 2:
        raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
    if metadata is not None and len(vectors) != len(metadata):
        raise AssertionError("#labels should equal with #data points")
    if label_img is not None and len(vectors) != label_img.shape[0]:
        raise AssertionError("#images should equal with #data points")
    _make_folder(folder)
    if metadata is not None:
        _write(folder, "metadata.tsv", _table(metadata, metadata_header))
    if label_img is not None:
        _write(folder, "sprite.png", _sprite(to_numpy(label_img)))
    rows = ["\t".join(map(str, row)) for row in vectors.tolist()]
    _write(folder, "tensors.tsv", "".join(row + "\n" for row in rows))


def _make_folder(folder: str) -> None:
    files = tf.io.gfile
    if files.exists(folder) and not files.isdir(folder):
        raise NotADirectoryError(f"Path: `{folder}` exists, but is a file. Cannot proceed.")
    files.makedirs(folder)


def _write(folder: str, name: str, data: str | bytes) -> None:
    # Through tensorboard's file system, as the event files: a log_dir may be an s3:// address.
    with tf.io.gfile.GFile(os.path.join(folder, name), "wb") as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)


def _table(metadata: Sequence[Any], header: Sequence[str] | None) -> str:
    if not header:
        return "".join(f"{label}\n" for label in metadata)
    if len(header) != len(metadata[0]):
        raise AssertionError("len of header must be equal to the number of columns in metadata")
    return "".join("\t".join(map(str, row)) + "\n" for row in [header, *metadata])


def _sprite(images: np.ndarray) -> bytes:
    """All images (N, C, H, W) in one PNG, which the projector wants to be square."""
    tiles = to_bytes(grid(images, math.ceil(len(images) ** 0.5))).transpose(1, 2, 0)
    height, width, _ = tiles.shape
    square = np.zeros((max(height, width),) * 2 + (3,), np.uint8)
    square[:height, :width] = tiles
    buffer = io.BytesIO()
    _pillow().fromarray(square).save(buffer, format="PNG")
    return buffer.getvalue()


def embedding_info(
    subdir: str, tag: str, step: int, has_metadata: bool, label_img: Any
) -> EmbeddingInfo:
    """The projector's entry for the files in ``subdir``."""
    info = EmbeddingInfo(
        tensor_name=f"{tag}:{step:05d}", tensor_path=os.path.join(subdir, "tensors.tsv")
    )
    if has_metadata:
        info.metadata_path = os.path.join(subdir, "metadata.tsv")
    if label_img is not None:
        info.sprite.image_path = os.path.join(subdir, "sprite.png")
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    return info


def write_config(folder: str, config: ProjectorConfig) -> None:
    """Write the list of all embeddings, ``projector_config.pbtxt``."""
    _write(folder, "projector_config.pbtxt", text_format.MessageToString(config))
