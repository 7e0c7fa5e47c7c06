"""Outputs from the inside of a model, by the names of its modules."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...nn import Module

__all__ = ["create_feature_extractor", "get_graph_node_names"]

# The name of a module, then which of its calls is meant: layer1.0.relu_1
_LATER_CALL = re.compile(r"^(.*)_(\d+)$")


class _AllFound(Exception):
    """Ends a forward of which nothing more is needed."""


class FeatureExtractor(Module):
    """See :func:`create_feature_extractor`. The state dict is that of the model."""

    def __init__(
        self, model: Module, train_nodes: Mapping[str, str], eval_nodes: Mapping[str, str]
    ) -> None:
        super().__init__()
        # Sharing the model's own dictionaries lets .to(), state_dict() and parameters() see what
        # the model has, under its names.
        self._modules = model._modules
        self._parameters = model._parameters
        self._buffers = model._buffers
        self._non_persistent_buffers_set = model._non_persistent_buffers_set
        self.__dict__["model"] = model
        self.training = model.training
        self._nodes = {
            mode: [(key, *_find(model, name)) for name, key in nodes.items()]
            for mode, nodes in ((True, train_nodes), (False, eval_nodes))
        }

    def forward(self, *args: Any, **kwargs: Any) -> OrderedDict[str, Any]:
        nodes = self._nodes[self.training]
        found: dict[str, Any] = {}
        model = self.__dict__["model"]
        model.training = self.training
        modules = {path: model.get_submodule(path) for _, path, _ in nodes}
        handles = [
            module.register_forward_hook(
                _collector(found, [n for n in nodes if n[1] == path], len(nodes))
            )
            for path, module in modules.items()
        ]
        try:
            model(*args, **kwargs)
        except _AllFound:
            pass
        finally:
            for handle in handles:
                handle.remove()
        missing = [path for key, path, _ in nodes if key not in found]
        if missing:
            raise RuntimeError(f"the forward of the model did not call: {', '.join(missing)}")
        return OrderedDict((key, found[key]) for key, _, _ in nodes)


def _collector(found: dict[str, Any], nodes: list[tuple[str, str, int]], total: int) -> Callable:
    calls = 0

    def hook(module: Module, inputs: Any, output: Any) -> None:
        nonlocal calls
        for key, _, call in nodes:
            if call == calls:
                found[key] = output
        calls += 1
        if len(found) == total:
            raise _AllFound

    return hook


def _find(model: Module, name: str) -> tuple[str, int]:
    """The path of the module that ``name`` means, and which of its calls."""
    paths = {path for path, _ in model.named_modules() if path}
    if name in paths:
        return name, 0
    later = _LATER_CALL.match(name)
    if later and later[1] in paths:
        return later[1], int(later[2])
    raise ValueError(
        f"node: '{name}' is not present in model. Hint: use `get_graph_node_names` to make sure "
        "the `return_nodes` you specified are present."
    )


def create_feature_extractor(
    model: Module,
    return_nodes: Sequence[str] | Mapping[str, str] | None = None,
    train_return_nodes: Sequence[str] | Mapping[str, str] | None = None,
    eval_return_nodes: Sequence[str] | Mapping[str, str] | None = None,
) -> FeatureExtractor:
    """A module that gives the outputs of modules inside of ``model``, in an ordered dictionary.

    torchvision's function traces the model into a new one. This one runs the model itself, with
    its parameters, and stops as soon as all is found; so nodes are modules, and what a forward
    computes by functions has no name.

    Args:
        model: the model; it is not changed.
        return_nodes: names of modules, or a mapping from them to the names of the outputs.
            ``name_1`` is the output of the second call of the module ``name``.
        train_return_nodes: those in training, together with ``eval_return_nodes`` and instead of
            ``return_nodes``.
        eval_return_nodes: those in evaluation.

    Raises:
        ValueError: an unknown name, or both or neither kind of nodes.

    >>> body = create_feature_extractor(resnet18(), {"layer3": "coarse", "layer4": "fine"})
    >>> [tuple(v.shape) for v in body(zeros(1, 3, 64, 64)).values()]
    [(1, 256, 4, 4), (1, 512, 2, 2)]
    """
    if return_nodes is None and (train_return_nodes is None or eval_return_nodes is None):
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, "
            "should be specified"
        )
    if (train_return_nodes is None) != (eval_return_nodes is None):
        raise ValueError(
            "If any of `train_return_nodes` and `eval_return_nodes` are specified, then both "
            "should be specified"
        )
    if return_nodes is not None and train_return_nodes is not None:
        raise ValueError(
            "If `train_return_nodes` and `eval_return_nodes` are specified, then `return_nodes` "
            "shouldn't be specified"
        )
    if return_nodes is not None:
        train_return_nodes = eval_return_nodes = return_nodes
    return FeatureExtractor(model, _mapping(train_return_nodes), _mapping(eval_return_nodes))


def _mapping(nodes: Any) -> dict[str, str]:
    if isinstance(nodes, Mapping):
        return {str(name): str(key) for name, key in nodes.items()}
    return {str(name): str(name) for name in nodes}


def get_graph_node_names(model: Module) -> tuple[list[str], list[str]]:
    """The names that :func:`create_feature_extractor` takes, in training and in evaluation.

    These are the paths of the modules, in the order of their registration.
    """
    names = [path for path, _ in model.named_modules() if path]
    return names, list(names)
