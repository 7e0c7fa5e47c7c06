"""Optimizers (``torch.optim``)."""

from . import adam as adam
from . import optimizer as optimizer
from . import sgd as sgd
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
