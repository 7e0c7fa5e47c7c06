"""Transforms between images and tensors, and on a tensor's values."""

from __future__ import annotations

from typing import Any

from ... import Tensor, mm
from ...nn import Module
from . import functional as F


class ToTensor:
    """A PIL image or an array (H, W[, C]) to a tensor (C, H, W); bytes to floats in [0, 1]."""

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image to a tensor (C, H, W) of the same type, its values as they are."""

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) to a PIL image.

    Args:
        mode: of Pillow; by default that of the number of channels and the dtype.
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(Module):
    """A tensor image to another dtype, its values scaled to that dtype's range."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Module):
    """``(image - mean) / std``, channel by channel, of float tensors (..., C, H, W).

    Args:
        mean, std: one number for each channel.
        inplace: write into the image.
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class LinearTransformation(Module):
    """``(image.flatten() - mean_vector) @ transformation_matrix`` in the image's shape.

    With the matrix of a whitening transform the pixels become uncorrelated.

    Args:
        transformation_matrix: (D, D), D = C * H * W.
        mean_vector: (D,).

    Raises:
        ValueError: for shapes, devices or dtypes that do not go together.
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        matrix, mean = transformation_matrix, mean_vector
        size = tuple(matrix.size())
        if size[0] != size[1]:
            raise ValueError(
                f"transformation_matrix should be square. Got {size} rectangular matrix."
            )
        if mean.size(0) != size[0]:
            raise ValueError(
                f"mean_vector should have the same length {mean.size(0)} as any one of the "
                f"dimensions of the transformation_matrix [{size}]"
            )
        if matrix.device != mean.device:
            raise ValueError(
                f"Input tensors should be on the same device. Got {matrix.device} and {mean.device}"
            )
        if matrix.dtype != mean.dtype:
            raise ValueError(
                f"Input tensors should have the same dtype. Got {matrix.dtype} and {mean.dtype}"
            )
        self.transformation_matrix = matrix
        self.mean_vector = mean

    def forward(self, tensor: Tensor) -> Tensor:
        c, h, w = shape = tensor.shape[-3:]
        matrix = self.transformation_matrix
        if c * h * w != matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{c} x {h} x {w}] != {matrix.shape[0]}"
            )
        if tensor.device.type != self.mean_vector.device.type:
            raise ValueError(
                "Input tensor should be on the same device as transformation matrix and mean "
                f"vector. Got {tensor.device} vs {self.mean_vector.device}"
            )
        flat = tensor.view(-1, c * h * w) - self.mean_vector
        return mm(flat, matrix.to(flat.dtype)).view(*tensor.shape[:-3], *shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


__all__ = [
    "ConvertImageDtype",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "ToPILImage",
    "ToTensor",
]
