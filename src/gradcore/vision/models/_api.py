"""The register of models by name, and the tables of the weights that they can start from."""

from __future__ import annotations

import fnmatch
import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from math import nan
from types import ModuleType
from typing import Any

from ... import hub
from ...nn import Module
from ...serialization import load
from ._meta import _IMAGENET_CATEGORIES
from ._presets import ImageClassification

__all__ = [
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
    "register_model",
]

BUILTIN_MODELS: dict[str, Callable[..., Module]] = {}

_SERVER = "https://download.pytorch.org/models/"
_TORCHVISION = "https://github.com/pytorch/vision/"


@dataclass
class Weights:
    """Where a file of weights is, how its inputs are prepared, and what is known about it.

    Attributes:
        url: the file.
        transforms: makes the preprocessing that the weights were evaluated with.
        meta: "categories", "num_params", "min_size", "recipe" and more.
    """

    url: str
    transforms: Callable
    meta: dict[str, Any]

    def __eq__(self, other: Any) -> bool:
        # Two partial objects are never equal, so copies of an entry would not be the entry.
        if not isinstance(other, Weights):
            return NotImplemented
        return (self.url, self.meta, _parts(self.transforms)) == (
            other.url,
            other.meta,
            _parts(other.transforms),
        )

    __hash__ = None  # type: ignore[assignment]  # holds dictionaries


def _parts(call: Callable) -> Any:
    return (call.func, call.args, call.keywords) if isinstance(call, partial) else call


class WeightsEnum(Enum):
    """The weights of one model: ``ResNet18_Weights.IMAGENET1K_V1``, ``.DEFAULT`` for the best."""

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The entry for None, an entry, its name or its full name.

        Raises KeyError for an unknown name and TypeError for another class.
        """
        if isinstance(obj, str):
            return cls[obj.replace(cls.__name__ + ".", "")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received "
                f"{obj.__class__.__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The parameters, see ``hub.load_state_dict_from_url``: a file that is there is taken."""
        return hub.load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.{self._name_}"

    @property
    def url(self) -> str:
        return self.value.url

    @property
    def transforms(self) -> Callable:
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        return self.value.meta


def imagenet(
    file: str,
    num_params: int,
    accuracy: tuple[float, float] | None,
    cost: tuple[float, float],
    *,
    recipe: str,
    min_size: int | None = None,
    crop: int = 224,
    resize: int = 256,
    interpolation: str = "bilinear",
    normalize: dict[str, Any] | None = None,
    **meta: Any,
) -> Weights:
    """An entry for weights of ImageNet-1K that torchvision publishes.

    ``accuracy`` is the top-1 and top-5 accuracy in percent, None for weights that are no
    classifier; ``cost`` are 10⁹ multiply-adds for an image and the size of the file in 2²⁰ bytes.
    """
    top1, top5 = accuracy or (nan, nan)
    entry = {
        "categories": _IMAGENET_CATEGORIES,
        "num_params": num_params,
        "recipe": recipe if recipe.startswith("https:") else _TORCHVISION + recipe,
        "_metrics": {"ImageNet-1K": {"acc@1": top1, "acc@5": top5}},
        "_ops": cost[0],
        "_file_size": cost[1],
    }
    if min_size is not None:
        entry["min_size"] = (min_size, min_size)
    prepare = partial(
        ImageClassification,
        crop_size=crop,
        resize_size=resize,
        interpolation=interpolation,
        **(normalize or {}),
    )
    return Weights(_SERVER + file, prepare, {**entry, **meta})


def register_model(name: str | None = None) -> Callable[[Callable], Callable]:
    """Decorate a function that builds a model: ``get_model(name)`` then calls it.

    Raises ValueError where the name, which is the function's by default, is taken.
    """

    def register(build: Callable) -> Callable:
        key = name if name is not None else build.__name__
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = build
        return build

    return register


def takes_weights(entries: type[WeightsEnum]) -> Callable[[Callable], Callable]:
    """Register a function ``build(*, weights, progress, **kwargs)``, with what models take.

    The function gets None, an entry or a path. Before torchvision 0.13 it was
    ``build(pretrained, progress)``, also by position; that still works, with a warning.
    """

    def decorate(build: Callable) -> Callable:
        @functools.wraps(build)
        def builder(*args: Any, **kwargs: Any) -> Module:
            if args:
                kwargs.update(_named(build.__name__, args, kwargs))
            if "pretrained" in kwargs or isinstance(kwargs.get("weights"), bool):
                kwargs["weights"] = _legacy(kwargs, build.__name__, entries)
            kwargs["weights"] = _path_or_entry(entries, kwargs.get("weights"))
            return build(**kwargs)

        builder.weights = entries  # type: ignore[attr-defined]
        return register_model()(builder)

    return decorate


def _named(function: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    names = ("weights", "progress")[: len(args)]
    if len(args) > 2:
        raise TypeError(
            f"{function}() takes from 0 to 2 positional arguments but {len(args)} were given"
        )
    for name in names:
        if name in kwargs:
            raise TypeError(f"{function}() got multiple values for argument '{name}'")
    warnings.warn(
        f"Using {' and '.join(repr(n) for n in names)} as positional parameter(s) is deprecated "
        "since 0.13 and may be removed in the future. Please use keyword parameter(s) instead.",
        stacklevel=3,
    )
    return dict(zip(names, args, strict=True))


def _legacy(kwargs: dict[str, Any], function: str, entries: type[WeightsEnum]) -> Any:
    """What ``pretrained=True`` or ``weights=True`` stands for; takes them out of ``kwargs``."""
    if "pretrained" in kwargs:
        wanted = kwargs.pop("pretrained")
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, "
            "please use 'weights' instead.",
            stacklevel=3,
        )
    else:
        wanted = kwargs["weights"]
    entry = entries.__members__.get("IMAGENET1K_V1") if wanted else None
    if wanted and entry is None:
        raise ValueError(f"No weights available for model {function}")
    warnings.warn(
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and "
        f"may be removed in the future. The current behavior is equivalent to passing "
        f"`weights={entry}`.",
        stacklevel=3,
    )
    return entry


def _path_or_entry(entries: type[WeightsEnum], weights: Any) -> Any:
    if isinstance(weights, os.PathLike):
        return weights
    if isinstance(weights, str) and weights.replace(f"{entries.__name__}.", "") not in (
        entries.__members__
    ):
        if os.path.splitext(weights)[1] in (".pth", ".pt", ".safetensors") or os.path.isfile(
            weights
        ):
            return weights
    return entries.verify(weights)


def read_weights(weights: Any, progress: bool) -> dict[str, Any]:
    """The state dict of an entry, or of a file: .safetensors, or what ``gradcore.save`` writes."""
    if isinstance(weights, WeightsEnum):
        return weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    if os.fspath(weights).endswith(".safetensors"):
        from ...utils.safetensors import load_file

        return load_file(weights)
    return load(weights, map_location="cpu", weights_only=True)


def build_model(
    model_class: Callable[..., Module], weights: Any, progress: bool, *args: Any, **kwargs: Any
) -> Any:
    """``model_class(*args, **kwargs)``, with the parameters of ``weights`` unless it is None."""
    if isinstance(weights, WeightsEnum) and weights.meta["categories"] is not None:
        fix_argument(kwargs, "num_classes", len(weights.meta["categories"]))
    model = model_class(*args, **kwargs)
    if weights is not None:
        model.load_state_dict(read_weights(weights, progress))
    return model


def fix_argument(kwargs: dict[str, Any], name: str, value: Any) -> None:
    """Set an argument that the weights decide; ValueError where the caller gave another value."""
    if kwargs.setdefault(name, value) != value:
        raise ValueError(
            f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead."
        )


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of the models, sorted.

    Args:
        module: only those that are defined in this package.
        include: patterns for the shell, such as "resnet*"; a model has to match one of them.
        exclude: patterns; a model must not match any of them.
    """
    names = {
        name
        for name, build in BUILTIN_MODELS.items()
        if module is None or build.__module__.rpartition(".")[0] == module.__name__
    }
    if include:
        names = _matching(names, include)
    if exclude:
        names -= _matching(names, exclude)
    return sorted(names)


def _matching(names: set[str], patterns: Iterable[str] | str) -> set[str]:
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return {name for pattern in patterns for name in fnmatch.filter(names, pattern)}


def get_model_builder(name: str) -> Callable[..., Module]:
    """The function that builds the model ``name``; ValueError where there is none."""
    try:
        return BUILTIN_MODELS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name.lower()}") from None


def get_model(name: str, **config: Any) -> Module:
    """The model ``name``, built with the arguments ``config``.

    >>> net = get_model("resnet18", num_classes=10)
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: Callable | str) -> type[WeightsEnum]:
    """The table of weights of a model, which is given by name or by the function that builds it."""
    build = get_model_builder(name) if isinstance(name, str) else name
    if "weights" not in inspect.signature(build).parameters:
        raise ValueError("The method is missing the 'weights' argument.")
    if not hasattr(build, "weights"):
        raise ValueError(
            "The WeightsEnum class for the specific method couldn't be retrieved. "
            "Make sure the typing info is correct."
        )
    return build.weights


def get_weight(name: str) -> WeightsEnum:
    """The entry with the full name ``name``, such as "ResNet50_Weights.IMAGENET1K_V1"."""
    table, dot, entry = name.partition(".")
    if not dot or "." in entry:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    found = getattr(sys.modules[__package__], table, None)
    if not (isinstance(found, type) and issubclass(found, WeightsEnum)):
        raise ValueError(
            f"The weight enum '{table}' for the specific method couldn't be retrieved."
        )
    return found[entry]
