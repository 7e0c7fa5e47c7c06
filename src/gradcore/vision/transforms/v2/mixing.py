"""Batches mixed with themselves: MixUp and CutMix."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .... import Tensor
from ....nn import Module
from ....nn.functional import one_hot
from ..draws import dirichlet, integer
from ..functional.image import is_pil_image
from .samples import leaves, rebuilt


def _find_labels(sample: Any) -> Any:
    """The second of a tuple, or what a dict holds under "labels" or a name like it."""
    found = sample[1] if isinstance(sample, (tuple, list)) else sample
    if isinstance(found, Tensor):
        return found
    if not isinstance(found, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a "
            "dictionary or a two-tuple whose second item is a dictionary or a tensor, but got "
            f"{found} instead."
        )
    names = [key for key in found if key.lower() == "labels"]
    names += [key for key in found if "label" in key.lower()]
    if not names:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the "
            "labels_getter parameter?If there are no labels in the sample by design, pass "
            "labels_getter=None."
        )
    return found[names[0]]


class _Mixing(Module):
    """Each image of a batch mixed with the one before it, and their labels in the same shares."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: str | Callable[[Any], Any] = "default",
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        if labels_getter != "default" and not callable(labels_getter):
            raise ValueError(
                "labels_getter should either be 'default', a callable, or None, but got "
                f"{labels_getter}."
            )
        self._labels_getter = labels_getter if callable(labels_getter) else _find_labels

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        """The mixed images, and the share that ``images`` have in them."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        sample = inputs[0] if len(inputs) == 1 else inputs
        parts = list(leaves(sample))
        if any(map(is_pil_image, parts)):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints "
                "and masks."
            )
        labels = self._labels_getter(sample)
        self._check_labels(labels)
        images = next(x for x in parts if isinstance(x, Tensor) and x is not labels)
        _check_images(images, labels.shape[0])
        # A Beta distribution is a Dirichlet distribution of two.
        share = float(dirichlet(1, [self.alpha, self.alpha])[0, 0])
        mixed, share = self.mix(images, images.roll(1, 0), share)
        new = {id(images): mixed, id(labels): self._mixed_labels(labels, share)}
        return rebuilt(sample, lambda x: new.get(id(x), x))

    def _check_labels(self, labels: Any) -> None:
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with "
                f"shape (batch_size, num_classes), but got a tensor of shape {labels.shape} "
                "instead."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[-1]):
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match "
                f"num_classes: {labels.shape[-1]} != {self.num_classes}. You can Leave "
                "num_classes to None."
            )

    def _mixed_labels(self, labels: Tensor, share: float) -> Tensor:
        if labels.ndim == 1 and self.num_classes is not None:
            labels = one_hot(labels, self.num_classes)
        if not labels.is_floating_point():
            labels = labels.float()
        return labels.roll(1, 0) * (1.0 - share) + labels * share

    def extra_repr(self) -> str:
        classes = "" if self.num_classes is None else f", num_classes={self.num_classes}"
        return f"alpha={self.alpha}{classes}"


def _check_images(images: Tensor, batch_size: int) -> None:
    if images.ndim != 4:
        raise ValueError(
            f"Expected a batched input with 4 dims, but got {images.ndim} dimensions instead."
        )
    if images.shape[0] != batch_size:
        raise ValueError(
            "The batch size of the image or video does not match the batch size of the labels: "
            f"{images.shape[0]} != {batch_size}."
        )


class MixUp(_Mixing):
    """Each image of a batch averaged with the one before it.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018).

    Args:
        alpha: the weights are drawn from Beta(alpha, alpha).
        num_classes: needed for labels (N,); labels may also be (N, num_classes).
        labels_getter: finds the labels in a sample; by default the second of a tuple, or what a
            dict has under "labels".

    Shapes: images (N, C, H, W); the labels become (N, num_classes).
    """

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        return others * (1.0 - share) + images * share, share


class CutMix(_Mixing):
    """A rectangle of each image of a batch replaced by that of the one before it.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features" (2019). Arguments and shapes as for :class:`MixUp`; the labels' shares
    are those of the areas.
    """

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        height, width = images.shape[-2:]
        x, y = integer(0, width), integer(0, height)
        half = 0.5 * math.sqrt(1.0 - share)
        half_width, half_height = int(half * width), int(half * height)
        left, right = max(x - half_width, 0), min(x + half_width, width)
        top, bottom = max(y - half_height, 0), min(y + half_height, height)
        mixed = images.clone()
        mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
        return mixed, 1.0 - (right - left) * (bottom - top) / (width * height)
