"""Reading the pickle of a file, with or without trust in it."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from ..backends import dtype as dtype_names
from .names import find_torch_name
from .restricted import RestrictedUnpickler
from .storage import StorageType

_UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `{0}.load` "
    "from `False` to `True`. Re-running `{0}.load` with `weights_only` set to `False` will likely "
    "succeed, but it can result in arbitrary code execution. Do it only if you got the file from a "
    "trusted source."
)
_OPTIONS = (
    "Weights only load failed. This file can still be loaded, to do so you have two options, "
    "\033[1mdo those steps only if you trust the source of the checkpoint\033[0m. \n\t(1) {1}\n\t"
    "(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the "
    "following error message.\n\tWeightsUnpickler error: {2}"
)
_DOCS = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with "
    "weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
)


def unsafe_message() -> str:
    """What PyTorch says about ``weights_only=False``."""
    return _UNSAFE.format(dtype_names.PACKAGE_NAME)


def explain(message: str) -> str:
    """PyTorch's advice around the message of an UnpicklingError."""
    unsafe = unsafe_message()
    if "was not an allowed global by default" in message:
        return _OPTIONS.format("", unsafe, message) + _DOCS
    advice = "" if "is blocked" in message else "WeightsUnpickler error: "
    return f"Weights only load failed. {unsafe}\n{advice}\n\n{message}{_DOCS}"


Reader = Callable[[Any, int, Callable | None], Any]


def restricted_reader(encoding: str) -> Reader:
    """``read(file, length, persistent_load)`` for files that nobody trusts."""

    def read(file: Any, length: int, persistent_load: Callable | None = None) -> Any:
        return RestrictedUnpickler(file, length, persistent_load, encoding).load()

    return read


def trusting_reader(pickle_module: Any, arguments: dict[str, Any]) -> Reader:
    """The same for files that may run code: PyTorch's names mean gradcore's things."""

    class TorchUnpickler(pickle_module.Unpickler):  # type: ignore[name-defined]
        def find_class(self, module: str, name: str) -> Any:
            if module == "torch" or module.startswith("torch."):
                return find_torch_name(module, name)
            return super().find_class(module, name)

    def read(file: Any, length: int, persistent_load: Callable | None = None) -> Any:
        unpickler = TorchUnpickler(file, **arguments)
        if persistent_load is not None:
            unpickler.persistent_load = persistent_load
        return unpickler.load()

    return read


def reader(weights_only: bool, pickle_module: Any, arguments: dict[str, Any]) -> Reader:
    """The reader that ``load``'s arguments ask for."""
    arguments = {"encoding": "utf-8", **arguments}
    if weights_only:
        unknown = arguments.keys() - {"encoding"}
        if unknown:
            raise TypeError(f"load() got an unexpected keyword argument '{min(unknown)}'")
        return restricted_reader(arguments["encoding"])
    return trusting_reader(pickle if pickle_module is None else pickle_module, arguments)


def from_bytes(read: Reader, data: bytes, persistent_load: Callable | None = None) -> Any:
    """The object in a pickle that is in memory."""
    return read(io.BytesIO(data), len(data), persistent_load)


def storage_identity(identity: Any, fields: int) -> tuple:
    """The fields after "storage" of a persistent id: (type, key, location, elements, …).

    RuntimeError where they are of other types than PyTorch writes.
    """
    if not isinstance(identity, tuple) or _text(identity[0]) != "storage":
        raise RuntimeError(f"Unknown saved id type: {identity!r:.80}")
    if len(identity) != fields + 1:
        raise RuntimeError(f"a storage's id must have {fields + 1} entries, not {len(identity)}")
    kind, key, location, count = identity[1:5]
    if not isinstance(kind, StorageType):
        raise RuntimeError(f"a storage's type must be a storage class, not {kind!r:.80}")
    if type(count) is not int or count < 0:
        raise RuntimeError("a storage's size must be a non-negative int")
    if not isinstance(key, (str, bytes)) or not isinstance(location, (str, bytes)):
        raise RuntimeError("a storage's key and location must be str")
    return (kind, _text(key), _text(location), count, *identity[5:])


def _text(value: Any) -> Any:
    """PyTorch's own strings are bytes in files that are read with ``encoding='bytes'``."""
    return value.decode("ascii") if isinstance(value, bytes) else value
