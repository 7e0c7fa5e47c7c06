"""What autograd needs to know of a tensor: its array and its place in the graph."""

from __future__ import annotations

from typing import Any

from .state import state

_new = object.__new__


class TensorBase:
    """An array with autograd bookkeeping. ``gradcore.Tensor`` adds everything users see.

    All slots are set whenever one is made (:func:`wrap`), so no access needs a default:

    ``_array``  the raw array
    ``_rg``     whether it requires grad
    ``_node``   the Node that made it (None for leaves), ``_nr`` which of its outputs it is
    ``_grad``   the gradient, a Tensor or None
    ``_base``   the tensor whose memory this view shares (None for others), ``_view`` how it was
                made of it
    ``_vc``     the version counter ``[n]`` shared by all that share the memory; None while
                nothing was ever shared or written in place, which means version 0; an
                :class:`InferenceCounter` for what was made in inference mode
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_array",
        "_base",
        "_grad",
        "_node",
        "_nr",
        "_rg",
        "_vc",
        "_view"
    )  # fmt: skip

    _array: Any
    _rg: bool
    _node: Any
    _nr: int
    _grad: Any
    _base: Any
    _view: Any
    _vc: list[int] | None


class InferenceCounter(list):
    """The counter of memory that was made in inference mode, which makes it inference memory.

    Views take over their base's counter and so are inference tensors exactly if it is one.
    """


INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
    "inference mode in computation tracked by autograd. To work around this, you can make a clone "
    "to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
    "`torch.inference_mode()`."
)
INFERENCE_WRITTEN = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone "
    "to get a normal tensor before doing inplace update."
    "See https://github.com/pytorch/rfcs/pull/17 for more details."
)


class ViewInfo:
    """How a view was made: ``steps`` are the (op, attributes) that lead from the base to it.

    ``version`` is the version of the memory at which ``_node`` was right; ``creation`` names what
    forbids writing into it in place ("no_grad", "multi_output", "inference") or is None.
    """

    __slots__ = ("creation", "steps", "version")

    def __init__(self, steps: tuple, version: int, creation: str | None = None) -> None:
        self.steps = steps
        self.version = version
        self.creation = creation


class _Classes:
    """What :func:`wrap` makes.

    ``tensor`` is the class of op results, set by the tensor package, which is above this one;
    ``inference`` counts the inference modes entered in all threads, so that wrapping pays for
    looking at the thread's own mode (25 ns) only while there is one.
    """

    tensor: type[TensorBase] = TensorBase
    inference: int = 0


classes = _Classes()


def wrap(array: Any) -> Any:
    """A new leaf Tensor that requires no gradient, around a raw array."""
    t = _new(classes.tensor)
    t._array = array
    t._rg = False
    t._node = t._grad = t._base = t._view = t._vc = None
    t._nr = 0
    if classes.inference and state.inference:
        t._vc = InferenceCounter((0,))
    return t


def unwrap(value: Any) -> Any:
    """The raw array of a tensor; anything else as it is."""
    return value._array if isinstance(value, TensorBase) else value


def version_counter(tensor: TensorBase) -> list[int]:
    """The counter of the tensor's memory, made now if it had none."""
    if tensor._vc is None:
        tensor._vc = [0]
    return tensor._vc


def version_of(tensor: TensorBase) -> int:
    """The version to remember for a tensor that is saved; RuntimeError for an inference tensor."""
    counter = tensor._vc
    if counter is None:
        return 0
    if type(counter) is InferenceCounter:
        raise RuntimeError(INFERENCE_SAVED)
    return counter[0]


def tracked_version(tensor: TensorBase) -> int:
    """``Tensor._version``; RuntimeError for an inference tensor."""
    if is_inference(tensor):
        raise RuntimeError("Inference tensors do not track version counter.")
    return version_of(tensor)


def is_inference(tensor: TensorBase) -> bool:
    """Whether the tensor's memory was made in inference mode."""
    return type(tensor._vc) is InferenceCounter
