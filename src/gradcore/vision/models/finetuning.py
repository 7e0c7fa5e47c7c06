"""Training a pretrained model on: freeze it, give it another head, learn parts at other rates.

>>> net = resnet18(weights="IMAGENET1K_V1")
>>> freeze(net)
>>> replace_head(net, 10)
Linear(in_features=512, out_features=10, bias=True)
>>> unfreeze(net, "layer4")
>>> optimizer = SGD(parameter_groups(net, {"fc": 0.01}, lr=0.001), momentum=0.9)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import nn
from .googlenet import InceptionAux as _GoogLeNetAux
from .inception import InceptionAux as _Inception3Aux

__all__ = ["freeze", "parameter_groups", "replace_head", "unfreeze"]


def freeze(model: nn.Module, *names: str) -> nn.Module:
    """Let the parameters of the modules ``names``, or all, require no gradient.

    Batch normalizations still follow the statistics of their inputs in training; ``.eval()`` of
    them stops that. Returns the model.
    """
    return _set_requires_grad(model, names, False)


def unfreeze(model: nn.Module, *names: str) -> nn.Module:
    """Undo :func:`freeze` for the modules ``names``, or for all. Returns the model."""
    return _set_requires_grad(model, names, True)


def _set_requires_grad(model: nn.Module, names: tuple[str, ...], value: bool) -> nn.Module:
    for name in names or ("",):
        model.get_submodule(name).requires_grad_(value)
    return model


def replace_head(model: nn.Module, num_classes: int) -> nn.Module:
    """Put a new last layer with ``num_classes`` outputs into the model, and return that layer.

    The last layer is the last ``Linear`` of the model; SqueezeNet's is a 1×1 convolution. The
    auxiliary heads of GoogLeNet and Inception v3 are replaced as well. The new parameters require
    gradients, on the old ones' device and of their type.

    Raises:
        ValueError: the model has neither.
    """
    for module in model.modules():
        if isinstance(module, _GoogLeNetAux):
            module.fc2 = _like(module.fc2, num_classes)
        elif isinstance(module, _Inception3Aux):
            module.fc = _like(module.fc, num_classes)
    path, old = _last_layer(model)
    new = _like(old, num_classes)
    parent, _, name = path.rpartition(".")
    owner = model.get_submodule(parent)
    owner._modules[name] = new
    if hasattr(model, "num_classes"):
        model.num_classes = num_classes
    return new


def _last_layer(model: nn.Module) -> tuple[str, nn.Module]:
    for kind in (nn.Linear, nn.Conv2d):
        found = [(path, m) for path, m in model.named_modules() if path and isinstance(m, kind)]
        if found:
            return found[-1]
    raise ValueError("model has no Linear or Conv2d layer inside that could be its head")


def _like(old: Any, outputs: int) -> Any:
    options = {"device": old.weight.device, "dtype": old.weight.dtype}
    bias = old.bias is not None
    if isinstance(old, nn.Linear):
        return nn.Linear(old.in_features, outputs, bias=bias, **options)
    return nn.Conv2d(
        old.in_channels,
        outputs,
        old.kernel_size,
        old.stride,
        old.padding,
        old.dilation,
        old.groups,
        bias,
        old.padding_mode,
        **options,
    )


def parameter_groups(
    model: nn.Module, rates: Mapping[str, float], lr: float | None = None
) -> list[dict[str, Any]]:
    """Groups of the trainable parameters for an optimizer, with learning rates of their own.

    Args:
        model: its parameters that require gradients are taken.
        rates: from the names of modules or parameters to rates; the longest name that fits counts.
        lr: the rate of all the others; None leaves them to the optimizer's default.

    Raises:
        ValueError: a name fits no parameter.
    """
    groups: dict[str | None, dict[str, Any]] = {}
    unused = set(rates)
    for name, parameter in model.named_parameters():
        fitting = [key for key in rates if name == key or name.startswith(key + ".")]
        unused.difference_update(fitting)
        if not parameter.requires_grad:
            continue
        key = max(fitting, key=len, default=None)
        if key not in groups:
            rate = lr if key is None else rates[key]
            groups[key] = {"params": [], **({} if rate is None else {"lr": rate})}
        groups[key]["params"].append(parameter)
    if unused:
        raise ValueError(f"rates: no parameter is called, or is in, {sorted(unused)}")
    return list(groups.values())
