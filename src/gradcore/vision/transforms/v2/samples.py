"""Transforms of samples: an image alone, or tuples, lists and dicts that hold one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .... import Tensor, get_rng_state, set_rng_state
from ....nn import Module
from ..functional.image import is_pil_image


def is_image(leaf: Any) -> bool:
    """Tensors and PIL images."""
    return isinstance(leaf, Tensor) or is_pil_image(leaf)


class OnSamples(Module):
    """Put before a class of the first version: what is no image in a sample passes through.

    The images of a sample are its PIL images, or its first tensor where there are none. Several
    are all transformed with the same random numbers.
    """

    def forward(self, *inputs: Any) -> Any:
        sample = inputs[0] if len(inputs) == 1 else inputs
        return map_images(super().forward, sample)


def is_image_or_array(leaf: Any) -> bool:
    """PIL images, tensors, and NumPy's arrays."""
    return isinstance(leaf, (Tensor, np.ndarray)) or is_pil_image(leaf)


def map_images(
    f: Callable[[Any], Any], sample: Any, wanted: Callable[[Any], bool] = is_image
) -> Any:
    """``sample`` with ``f`` of its images in their places."""
    images = [leaf for leaf in leaves(sample) if wanted(leaf)]
    pictures = [leaf for leaf in images if not isinstance(leaf, Tensor)]
    chosen = {id(leaf) for leaf in (pictures or images[:1])}
    start = get_rng_state() if len(chosen) > 1 else None
    done: dict[int, Any] = {}

    def place(leaf: Any) -> Any:
        if id(leaf) not in chosen:
            return leaf
        if id(leaf) not in done:
            if done:
                set_rng_state(start)
            done[id(leaf)] = f(leaf)
        return done[id(leaf)]

    return rebuilt(sample, place)


def leaves(sample: Any) -> Iterator[Any]:
    """Everything in ``sample`` that is no list, tuple or dict."""
    if isinstance(sample, (list, tuple)):
        for part in sample:
            yield from leaves(part)
    elif isinstance(sample, dict):
        for part in sample.values():
            yield from leaves(part)
    else:
        yield sample


def rebuilt(sample: Any, place: Callable[[Any], Any]) -> Any:
    """``sample`` with every leaf replaced."""
    if isinstance(sample, (list, tuple)):
        parts = [rebuilt(part, place) for part in sample]
        return type(sample)(*parts) if hasattr(sample, "_fields") else type(sample)(parts)
    if isinstance(sample, dict):
        return {key: rebuilt(part, place) for key, part in sample.items()}
    return place(sample)
