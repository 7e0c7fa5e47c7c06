"""The weights of the vision transformers."""

from __future__ import annotations

from functools import partial

from ._api import WeightsEnum, imagenet

# Pretrained on pictures with hashtags (arXiv:2201.08371); E2E: all of it fine-tuned on ImageNet,
# LINEAR: only the last layer.
_swag = partial(
    imagenet,
    interpolation="bicubic",
    license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
)


class ViT_B_16_Weights(WeightsEnum):
    """Weights of :func:`vit_b_16`."""

    IMAGENET1K_V1 = imagenet(
        "vit_b_16-c867db91.pth",
        86_567_656,
        (81.072, 95.318),
        (17.564, 330.285),
        min_size=224,
        recipe="tree/main/references/classification#vit_b_16",
    )
    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "vit_b_16_swag-9ac1b537.pth",
        86_859_496,
        (85.304, 97.65),
        (55.484, 331.398),
        min_size=384,
        crop=384,
        resize=384,
        recipe="https://github.com/facebookresearch/SWAG",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "vit_b_16_lc_swag-4e70ced5.pth",
        86_567_656,
        (81.886, 96.18),
        (17.564, 330.285),
        min_size=224,
        resize=224,
        recipe="pull/5793",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    """Weights of :func:`vit_b_32`."""

    IMAGENET1K_V1 = imagenet(
        "vit_b_32-d86f8d99.pth",
        88_224_232,
        (75.912, 92.466),
        (4.409, 336.604),
        min_size=224,
        recipe="tree/main/references/classification#vit_b_32",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    """Weights of :func:`vit_l_16`."""

    IMAGENET1K_V1 = imagenet(
        "vit_l_16-852ce7e3.pth",
        304_326_632,
        (79.662, 94.638),
        (61.555, 1161.023),
        min_size=224,
        resize=242,
        recipe="tree/main/references/classification#vit_l_16",
    )
    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "vit_l_16_swag-4f3808c9.pth",
        305_174_504,
        (88.064, 98.512),
        (361.986, 1164.258),
        min_size=512,
        crop=512,
        resize=512,
        recipe="https://github.com/facebookresearch/SWAG",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "vit_l_16_lc_swag-4d563306.pth",
        304_326_632,
        (85.146, 97.422),
        (61.555, 1161.023),
        min_size=224,
        resize=224,
        recipe="pull/5793",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    """Weights of :func:`vit_l_32`."""

    IMAGENET1K_V1 = imagenet(
        "vit_l_32-c7638314.pth",
        306_535_400,
        (76.972, 93.07),
        (15.378, 1169.449),
        min_size=224,
        recipe="tree/main/references/classification#vit_l_32",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    """Weights of :func:`vit_h_14`."""

    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "vit_h_14_swag-80465313.pth",
        633_470_440,
        (88.552, 98.694),
        (1016.717, 2416.643),
        min_size=518,
        crop=518,
        resize=518,
        recipe="https://github.com/facebookresearch/SWAG",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "vit_h_14_lc_swag-c1eb923e.pth",
        632_045_800,
        (85.708, 97.73),
        (167.295, 2411.209),
        min_size=224,
        resize=224,
        recipe="pull/5793",
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1
