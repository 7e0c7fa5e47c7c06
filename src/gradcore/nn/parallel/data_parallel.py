"""Splitting batches over several devices of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from ..modules.module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import device_of, gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _all_devices() -> list[int]:
    """The numbers of the CUDA devices that there are."""
    from ... import cuda  # above this layer: only needed here

    return list(range(cuda.device_count())) if cuda.is_available() else []


def _number(device: Any) -> int:
    if isinstance(device, int):
        return device
    return int(str(device).partition(":")[2] or 0)


class DataParallel(Module):
    """Runs ``module`` with the batch split over ``device_ids``.

    The outputs are joined on ``output_device`` (the first one if it is None), and the gradients
    are added up in the parameters of ``module``, which must be on ``device_ids[0]``. Without a
    GPU the module itself runs.

    Args:
        device_ids: numbers or names of CUDA devices; all of them where it is None.
        dim: the dimension of the batch.

    >>> nn.DataParallel(nn.Linear(3, 2))(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        devices = _all_devices()
        if not devices:
            self.module = module
            self.device_ids: list[int] = []
            return
        ids = devices if device_ids is None else [_number(d) for d in device_ids]
        if not ids:
            raise RuntimeError("no available devices were found")
        self.dim = dim
        self.module = module
        self.device_ids = ids
        self.output_device = ids[0] if output_device is None else _number(output_device)
        self.src_device_obj = device_of(ids[0])
        if len(ids) == 1:
            module.to(self.src_device_obj)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        return _run(self.module, inputs, kwargs, self.device_ids, self.output_device, self.dim)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """``module(*inputs)`` with the batch split over ``device_ids``; see :class:`DataParallel`."""
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    devices = _all_devices()
    if not devices:
        return module(*inputs, **(module_kwargs or {}))
    ids = devices if device_ids is None else [_number(d) for d in device_ids]
    output = ids[0] if output_device is None else _number(output_device)
    return _run(module, inputs, module_kwargs or {}, ids, output, dim)


def _run(
    module: Module, inputs: tuple, kwargs: dict, ids: list[int], output_device: int, dim: int
) -> Any:
    home = device_of(ids[0])
    for tensor in chain(module.parameters(), module.buffers()):
        if str(tensor.device) != home:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {home} (device_ids[0]) but "
                f"found one of them on device: {tensor.device}"
            )
    args, named = scatter_kwargs(inputs, kwargs, ids, dim)
    if not args and not named:
        args, named = ((),), ({},)
    if len(ids) == 1:
        return module(*args[0], **named[0])
    used = ids[: len(args)]
    outputs = parallel_apply(replicate(module, used), args, named, used)
    return gather(outputs, output_device, dim)
