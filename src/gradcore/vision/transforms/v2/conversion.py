"""Compositions and conversions as the second version has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .... import Tensor, float32, multinomial, randperm, tensor
from .... import dtype as torch_dtype
from ....nn import Module, ModuleList
from .. import functional as F
from ..draws import uniform
from ..functional.image import is_pil_image
from . import functional as F2
from .samples import is_image, is_image_or_array, map_images, rebuilt


def _sequence(transforms: Any, kinds: tuple[type, ...] = (Sequence,), more: str = "") -> Any:
    if not isinstance(transforms, kinds):
        raise TypeError(f"Argument transforms should be a sequence of callables{more}")
    if not transforms:
        raise ValueError("Pass at least one transform")
    return transforms


def _in_a_row(transforms: Any, inputs: tuple) -> Any:
    """One after the other, each called with as many arguments as the first."""
    outputs: Any = inputs if len(inputs) > 1 else inputs[0]
    for t in transforms:
        outputs = t(*outputs) if len(inputs) > 1 else t(outputs)
    return outputs


class _OfTransforms(Module):
    """A transform made of others; shows them one below the other."""

    transforms: Any

    def extra_repr(self) -> str:
        return "\n".join(f"    {t}" for t in self.transforms)


class Compose(_OfTransforms):
    """One transform after the other, on one sample or on several arguments."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms = _sequence(transforms)

    def forward(self, *inputs: Any) -> Any:
        return _in_a_row(self.transforms, inputs)


class RandomApply(_OfTransforms):
    """All of the transforms in a row with probability ``p``, otherwise none."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: float = 0.5) -> None:
        super().__init__()
        self.transforms = _sequence(transforms, (Sequence, ModuleList), " or a `nn.ModuleList`")
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        return _in_a_row(self.transforms if uniform() < self.p else (), inputs)


class RandomChoice(Module):
    """One of the transforms, drawn with weights ``p`` from gradcore's generator."""

    def __init__(
        self, transforms: Sequence[Callable[..., Any]], p: list[float] | None = None
    ) -> None:
        super().__init__()
        self.transforms = _sequence(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        self.p = [x / sum(p) for x in p]

    def forward(self, *inputs: Any) -> Any:
        return self.transforms[int(multinomial(tensor(self.p), 1))](*inputs)


class RandomOrder(Module):
    """All of the transforms, in an order drawn from gradcore's generator."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms = _sequence(transforms)

    def forward(self, *inputs: Any) -> Any:
        order = randperm(len(self.transforms)).tolist()
        return _in_a_row([self.transforms[i] for i in order], inputs)


class Identity(Module):
    """Its input."""

    def forward(self, *inputs: Any) -> Any:
        return inputs[0] if len(inputs) == 1 else inputs


class _OfImages(Module):
    """A transform of the images of a sample by a function of one image."""

    wanted: Callable[[Any], bool] = staticmethod(is_image_or_array)

    def transform(self, inpt: Any) -> Any:
        """What becomes of an image."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        sample = inputs[0] if len(inputs) == 1 else inputs
        return map_images(self.transform, sample, self.wanted)


class Lambda(_OfImages):
    """A function of the user's on every part of a sample of the given types (default: all)."""

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs[0] if len(inputs) == 1 else inputs
        return rebuilt(sample, lambda x: self.lambd(x) if isinstance(x, self.types) else x)

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", "")
        types = f"types={[t.__name__ for t in self.types]}"
        return f"{name}, {types}" if name else types


class ToImage(_OfImages):
    """PIL images and arrays (H, W[, C]) to tensors (C, H, W), their values as they are."""

    def transform(self, inpt: Any) -> Tensor:
        return F2.to_image(inpt)


class ToDtype(_OfImages):
    """A tensor image to another dtype, its values scaled to that dtype's range if ``scale``.

    Raises:
        ValueError: ``dtype`` is no dtype; torchvision's dictionaries are for kinds of tensors
            that gradcore does not have.
    """

    wanted = staticmethod(is_image)

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, torch_dtype):
            raise ValueError(f"dtype must be a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any) -> Any:
        return F2.to_dtype(inpt, self.dtype, self.scale) if isinstance(inpt, Tensor) else inpt

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


class ConvertImageDtype(ToDtype):
    """A tensor image to another dtype, its values scaled to that dtype's range."""

    def __init__(self, dtype: Any = float32) -> None:
        super().__init__(dtype, scale=True)

    def extra_repr(self) -> str:
        return ""


class RGB(_OfImages):
    """Images of one channel with three equal ones."""

    wanted = staticmethod(is_image)

    def transform(self, inpt: Any) -> Any:
        return F2.grayscale_to_rgb(inpt)


class PILToTensor(_OfImages):
    """PIL images to tensors (C, H, W) of the same type, their values as they are."""

    wanted = staticmethod(is_pil_image)

    def transform(self, inpt: Any) -> Tensor:
        return F.pil_to_tensor(inpt)


class ToPILImage(_OfImages):
    """Tensors (C, H, W) or arrays (H, W, C) to PIL images of ``mode``."""

    wanted = staticmethod(lambda leaf: is_image_or_array(leaf) and not is_pil_image(leaf))

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any) -> Any:
        return F.to_pil_image(inpt, mode=self.mode)


class ToTensor(_OfImages):
    """The first version's ToTensor; torchvision advises against it."""

    wanted = staticmethod(lambda leaf: is_image_or_array(leaf) and not isinstance(leaf, Tensor))

    def __init__(self) -> None:
        super().__init__()
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. "
            "Instead, please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, "
            "scale=True)])`.Output is equivalent up to float precision.",
            stacklevel=2,
        )

    def transform(self, inpt: Any) -> Tensor:
        return F.to_tensor(inpt)
