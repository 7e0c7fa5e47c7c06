"""Models for images: torchvision's, with its names of parameters, so that its weights load.

>>> net = resnet18(weights="IMAGENET1K_V1")        # downloaded once into hub.get_dir()
>>> net = get_model("vit_b_16", num_classes=10)
>>> net = resnet50(weights="my_resnet50.pth")      # a file of one's own
"""
# ruff: noqa: F403, PLE0604

from __future__ import annotations

from . import (
    _api,
    feature_extraction,
    finetuning,
    inception,
    mobilenet,
    resnet,
    squeezenet,
    vgg,
    vision_transformer,
)
from . import (
    alexnet as _alexnet,
)
from . import (
    densenet as _densenet,
)
from . import (
    efficientnet as _efficientnet,
)
from . import (
    googlenet as _googlenet,
)
from . import (
    lenet as _lenet,
)
from ._api import *
from .alexnet import *
from .densenet import *
from .efficientnet import *
from .finetuning import *
from .googlenet import *
from .inception import *
from .lenet import *
from .mobilenet import *
from .resnet import *
from .squeezenet import *
from .vgg import *
from .vision_transformer import *

# The functions alexnet, googlenet and lenet hide the modules of these names, as in torchvision.
__all__ = [
    "feature_extraction",
    *_api.__all__,
    *_alexnet.__all__,
    *_densenet.__all__,
    *_efficientnet.__all__,
    *finetuning.__all__,
    *_googlenet.__all__,
    *inception.__all__,
    *_lenet.__all__,
    *mobilenet.__all__,
    *resnet.__all__,
    *squeezenet.__all__,
    *vgg.__all__,
    *vision_transformer.__all__,
]
