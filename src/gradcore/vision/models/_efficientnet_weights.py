"""The weights of EfficientNet."""

from __future__ import annotations

from ._api import WeightsEnum, imagenet


class EfficientNet_B0_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b0`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b0_rwightman-7f5810bc.pth",
        5_288_548,
        (77.692, 93.532),
        (0.386, 20.451),
        min_size=1,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b1`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b1_rwightman-bac287d4.pth",
        7_794_184,
        (78.642, 94.186),
        (0.687, 30.134),
        min_size=1,
        crop=240,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    IMAGENET1K_V2 = imagenet(
        "efficientnet_b1-c27df63c.pth",
        7_794_184,
        (79.838, 94.934),
        (0.687, 30.136),
        min_size=1,
        crop=240,
        resize=255,
        recipe="issues/3995#new-recipe-with-lr-wd-crop-tuning",
    )
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b2`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b2_rwightman-c35c1473.pth",
        9_109_994,
        (80.608, 95.31),
        (1.088, 35.174),
        min_size=1,
        crop=288,
        resize=288,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b3`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b3_rwightman-b3899882.pth",
        12_233_232,
        (82.008, 96.054),
        (1.827, 47.184),
        min_size=1,
        crop=300,
        resize=320,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b4`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b4_rwightman-23ab8bcd.pth",
        19_341_616,
        (83.384, 96.594),
        (4.394, 74.489),
        min_size=1,
        crop=380,
        resize=384,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b5`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b5_lukemelas-1a07897c.pth",
        30_389_784,
        (83.444, 96.628),
        (10.266, 116.864),
        min_size=1,
        crop=456,
        resize=456,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b6`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b6_lukemelas-24a108a5.pth",
        43_040_704,
        (84.008, 96.916),
        (19.068, 165.362),
        min_size=1,
        crop=528,
        resize=528,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_b7`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_b7_lukemelas-c5b4e57e.pth",
        66_347_960,
        (84.122, 96.908),
        (37.746, 254.675),
        min_size=1,
        crop=600,
        resize=600,
        interpolation="bicubic",
        recipe="tree/main/references/classification#efficientnet-v1",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_s`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_s-dd5fe13b.pth",
        21_458_488,
        (84.228, 96.878),
        (8.366, 82.704),
        min_size=33,
        crop=384,
        resize=384,
        recipe="tree/main/references/classification#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_m`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_m-dc08266a.pth",
        54_139_356,
        (85.112, 97.156),
        (24.582, 208.01),
        min_size=33,
        crop=480,
        resize=480,
        recipe="tree/main/references/classification#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    """Weights of :func:`efficientnet_v2_l`."""

    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_l-59c71312.pth",
        118_515_272,
        (85.808, 97.788),
        (56.08, 454.573),
        min_size=33,
        crop=480,
        resize=480,
        interpolation="bicubic",
        normalize={"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        recipe="tree/main/references/classification#efficientnet-v2",
    )
    DEFAULT = IMAGENET1K_V1
