"""Networks: parameters, modules, layers, losses, initial values (``torch.nn``)."""

from . import functional as functional
from . import init as init
from . import modules as modules
from . import parameter as parameter
from .modules import *  # noqa: F403
from .modules import __all__ as _layers
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter", *_layers]
