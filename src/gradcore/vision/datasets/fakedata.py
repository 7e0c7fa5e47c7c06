"""Images of noise, to try programs with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import get_rng_state, int64, manual_seed, randint, randn, set_rng_state
from ..transforms.functional.conversion import to_pil_image
from .vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """Random images and classes, the same for the same index every time.

    Args:
        size: number of items.
        image_size: (channels, height, width).
        num_classes: number of classes.
        transform: called with the PIL image.
        target_transform: called with the target, an integer tensor without dimensions.
        random_offset: added to the index for the seed.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = get_rng_state()
        manual_seed(index + self.random_offset)
        pixels = randn(*self.image_size)
        target = randint(0, self.num_classes, size=(1,), dtype=int64)[0]
        set_rng_state(state)
        image, target = self._transformed(to_pil_image(pixels), target)
        return image, target.item()

    def __len__(self) -> int:
        return self.size
