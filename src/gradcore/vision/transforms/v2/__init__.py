"""``torchvision.transforms.v2`` where it means the same as the first version, and what it adds.

The transforms take whole samples: an image, or tuples, lists and dicts with an image in them; the
rest passes through. Arguments, random numbers and ``repr`` are those of the first version.
"""

from __future__ import annotations

from .. import autoaugment as _autoaugment
from .. import color as _color
from .. import conversion as _conversion
from .. import cropping as _cropping
from .. import erasing as _erasing
from .. import warping as _warping
from ..functional.image import InterpolationMode
from ..policies import AutoAugmentPolicy
from . import functional
from .conversion import (
    RGB,
    Compose,
    ConvertImageDtype,
    Identity,
    Lambda,
    PILToTensor,
    RandomApply,
    RandomChoice,
    RandomOrder,
    ToDtype,
    ToImage,
    ToPILImage,
    ToTensor,
)
from .mixing import CutMix, MixUp
from .samples import OnSamples

__all__ = [
    "RGB",
    "AugMix",
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "CutMix",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "Identity",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "MixUp",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToTensor",
    "TrivialAugmentWide",
    "functional",
]


class CenterCrop(OnSamples, _cropping.CenterCrop):
    __doc__ = _cropping.CenterCrop.__doc__


class FiveCrop(OnSamples, _cropping.FiveCrop):
    __doc__ = _cropping.FiveCrop.__doc__


class Pad(OnSamples, _cropping.Pad):
    __doc__ = _cropping.Pad.__doc__


class RandomCrop(OnSamples, _cropping.RandomCrop):
    __doc__ = _cropping.RandomCrop.__doc__


class RandomHorizontalFlip(OnSamples, _cropping.RandomHorizontalFlip):
    __doc__ = _cropping.RandomHorizontalFlip.__doc__


class RandomResizedCrop(OnSamples, _cropping.RandomResizedCrop):
    __doc__ = _cropping.RandomResizedCrop.__doc__


class RandomVerticalFlip(OnSamples, _cropping.RandomVerticalFlip):
    __doc__ = _cropping.RandomVerticalFlip.__doc__


class Resize(OnSamples, _cropping.Resize):
    __doc__ = _cropping.Resize.__doc__


class TenCrop(OnSamples, _cropping.TenCrop):
    __doc__ = _cropping.TenCrop.__doc__


class ElasticTransform(OnSamples, _warping.ElasticTransform):
    __doc__ = _warping.ElasticTransform.__doc__


class RandomAffine(OnSamples, _warping.RandomAffine):
    __doc__ = _warping.RandomAffine.__doc__


class RandomPerspective(OnSamples, _warping.RandomPerspective):
    __doc__ = _warping.RandomPerspective.__doc__


class RandomRotation(OnSamples, _warping.RandomRotation):
    __doc__ = _warping.RandomRotation.__doc__


class ColorJitter(OnSamples, _color.ColorJitter):
    __doc__ = _color.ColorJitter.__doc__

    def __init__(
        self,
        brightness: float | tuple[float, float] | None = None,
        contrast: float | tuple[float, float] | None = None,
        saturation: float | tuple[float, float] | None = None,
        hue: float | tuple[float, float] | None = None,
    ) -> None:
        super().__init__(brightness or 0, contrast or 0, saturation or 0, hue or 0)


class Grayscale(OnSamples, _color.Grayscale):
    __doc__ = _color.Grayscale.__doc__


class RandomAdjustSharpness(OnSamples, _color.RandomAdjustSharpness):
    __doc__ = _color.RandomAdjustSharpness.__doc__


class RandomAutocontrast(OnSamples, _color.RandomAutocontrast):
    __doc__ = _color.RandomAutocontrast.__doc__


class RandomEqualize(OnSamples, _color.RandomEqualize):
    __doc__ = _color.RandomEqualize.__doc__


class RandomGrayscale(OnSamples, _color.RandomGrayscale):
    __doc__ = _color.RandomGrayscale.__doc__


class RandomInvert(OnSamples, _color.RandomInvert):
    __doc__ = _color.RandomInvert.__doc__


class RandomPosterize(OnSamples, _color.RandomPosterize):
    __doc__ = _color.RandomPosterize.__doc__


class RandomSolarize(OnSamples, _color.RandomSolarize):
    __doc__ = _color.RandomSolarize.__doc__


class GaussianBlur(OnSamples, _erasing.GaussianBlur):
    __doc__ = _erasing.GaussianBlur.__doc__


class RandomErasing(OnSamples, _erasing.RandomErasing):
    __doc__ = _erasing.RandomErasing.__doc__


class LinearTransformation(OnSamples, _conversion.LinearTransformation):
    __doc__ = _conversion.LinearTransformation.__doc__


class Normalize(OnSamples, _conversion.Normalize):
    __doc__ = _conversion.Normalize.__doc__


class AugMix(OnSamples, _autoaugment.AugMix):
    __doc__ = _autoaugment.AugMix.__doc__


class AutoAugment(OnSamples, _autoaugment.AutoAugment):
    __doc__ = _autoaugment.AutoAugment.__doc__


class RandAugment(OnSamples, _autoaugment.RandAugment):
    __doc__ = _autoaugment.RandAugment.__doc__


class TrivialAugmentWide(OnSamples, _autoaugment.TrivialAugmentWide):
    __doc__ = _autoaugment.TrivialAugmentWide.__doc__
