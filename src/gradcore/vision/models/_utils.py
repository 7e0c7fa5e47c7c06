"""What several models need."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ... import nn

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """The first children of a model, giving the outputs of some of them.

    Runs the children one after the other in the order of their registration, which has to be that
    of the model's forward. Returns an ordered dictionary of the outputs under their new names.

    Args:
        model: only its direct children can be asked for.
        return_layers: from the names of children to the names of outputs.

    Raises:
        ValueError: a name is not that of a child.
    """

    _version = 2

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        if not set(return_layers) <= {name for name, _ in model.named_children()}:
            raise ValueError("return_layers are not present in model")
        missing = set(return_layers)
        layers = OrderedDict()
        for name, module in model.named_children():
            layers[name] = module
            missing.discard(name)
            if not missing:
                break
        super().__init__(layers)
        self.return_layers = dict(return_layers)

    def forward(self, x: Any) -> OrderedDict[str, Any]:
        outputs = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The multiple of ``divisor`` nearest to ``v``, but not below 90 % of it nor ``min_value``."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded
