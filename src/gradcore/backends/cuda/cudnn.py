"""Convolution through cuDNN, where ``nvidia-cudnn-frontend`` is installed.

CuPy 14 has no cuDNN; its documentation names this package instead. One graph is planned per
(operation, shapes, strides, dtype, window, groups, device) and kept. Each function returns
NotImplemented where the package, the library or a plan for the shapes is missing: `conv.py` then
goes by matrix products.
"""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

from .compile import Array
from .window import Window

_DTYPES = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT"}
# cuDNN resolves these with dlopen at run time and aborts the process where one is missing.
_NEEDED = ("cublasLt", "nvrtc", "cudnn")
_enabled = True
_allow_tf32 = True
_deterministic = False


def enable(enabled: bool) -> None:
    """Whether convolutions may use cuDNN at all, as ``torch.backends.cudnn.enabled``."""
    global _enabled
    _enabled = bool(enabled)


def is_enabled() -> bool:
    """The state of :func:`enable`; on at first."""
    return _enabled


def allow_tf32(enabled: bool) -> None:
    """Whether float32 convolutions may use TF32, as ``torch.backends.cudnn.allow_tf32``."""
    global _allow_tf32
    _allow_tf32 = bool(enabled)


def tf32_allowed() -> bool:
    """The state of :func:`allow_tf32`; on at first, as in PyTorch."""
    return _allow_tf32


def make_deterministic(enabled: bool) -> None:
    """Leave out engines whose results vary, as ``torch.backends.cudnn.deterministic``."""
    global _deterministic
    _deterministic = bool(enabled)


def is_deterministic() -> bool:
    """The state of :func:`make_deterministic`; off at first."""
    return _deterministic


def version() -> int | None:
    """The version number of the cuDNN that is used; None where there is none."""
    frontend = _frontend.find()
    return None if frontend is None else int(frontend.backend_version())


class _Frontend(threading.local):
    """The package, and this thread's handles and plans by device."""

    def __init__(self) -> None:
        self.module: ModuleType | None = None
        self.missing = False
        self.handles: dict[int, tuple[Any, int]] = {}
        self.plans: dict[tuple[Any, ...], _Plan | None] = {}

    def find(self) -> ModuleType | None:
        """The imported package, or None; looks for it once."""
        if self.module is None and not self.missing:
            try:
                from cuda import pathfinder

                for name in _NEEDED:
                    pathfinder.load_nvidia_dynamic_lib(name)
                import cudnn

                self.module = cudnn
            except (ImportError, RuntimeError):
                self.missing = True
        return self.module

    def handle(self, xp: ModuleType) -> Any:
        """The handle of the current device, on the current stream (setting it costs 5 us)."""
        frontend: Any = self.module
        device, stream = xp.cuda.runtime.getDevice(), xp.cuda.get_current_stream().ptr
        handle, on = self.handles.get(device, (None, -1))
        if handle is None:
            handle = frontend.create_handle()
        if on != stream:
            frontend.set_stream(handle=handle, stream=stream)
            self.handles[device] = (handle, stream)
        return handle


_frontend = _Frontend()


class _Plan:
    """One built graph with its tensors in the order of the arrays it is run on."""

    def __init__(self, graph: Any, tensors: tuple[Any, ...]) -> None:
        self.graph, self.tensors = graph, tensors
        self.workspace_size = graph.get_workspace_size()

    def run(self, xp: ModuleType, handle: Any, arrays: tuple[Array, ...]) -> None:
        pointers = {t: array.data.ptr for t, array in zip(self.tensors, arrays, strict=True)}
        workspace = xp.empty(max(self.workspace_size, 1), "uint8")
        self.graph.execute(pointers, workspace.data.ptr, handle=handle)


def conv(xp: ModuleType, x: Array, w: Array, seen: Window, groups: int) -> Any:
    """``x`` (N, C, *size) with ``w`` (O, C/groups, *kernel) to (N, O, *out)."""
    shape = (x.shape[0], w.shape[0], *seen.out)
    return _run(xp, "conv_fprop", (x, w), ("image", "weight"), shape, seen, groups)


def conv_input(xp: ModuleType, g: Array, w: Array, seen: Window, groups: int) -> Any:
    """The adjoint in the input: (N, C, *size)."""
    shape = (g.shape[0], w.shape[1] * groups, *seen.size)
    return _run(xp, "conv_dgrad", (g, w), ("loss", "filter"), shape, seen, groups)


def conv_weight(xp: ModuleType, x: Array, g: Array, seen: Window, groups: int) -> Any:
    """The adjoint in the weight: (O, C/groups, *kernel)."""
    shape = (g.shape[1], x.shape[1] // groups, *seen.kernel)
    return _run(xp, "conv_wgrad", (x, g), ("image", "loss"), shape, seen, groups)


def _run(
    xp: ModuleType,
    name: str,
    arrays: tuple[Array, Array],
    keywords: tuple[str, str],
    shape: tuple[int, ...],
    seen: Window,
    groups: int,
) -> Any:
    spatial = len(seen.size)
    frontend = _frontend.find() if _enabled else None
    if frontend is None or spatial not in (2, 3) or arrays[0].dtype.name not in _DTYPES:
        return NotImplemented
    handle = _frontend.handle(xp)
    arrays = tuple(a if _is_dense(a) else xp.ascontiguousarray(a) for a in arrays)
    layouts = tuple((a.shape, tuple(s // a.itemsize for s in a.strides)) for a in arrays)
    out = xp.empty(shape, arrays[0].dtype)
    dtype, device = arrays[0].dtype.name, xp.cuda.runtime.getDevice()
    key = (name, layouts, shape, dtype, seen, groups, device, _allow_tf32, _deterministic)
    if key not in _frontend.plans:
        strides = tuple(s // out.itemsize for s in out.strides)
        described = (*layouts, (shape, strides))
        _frontend.plans[key] = _build(frontend, handle, name, keywords, described, dtype, seen)
    plan = _frontend.plans[key]
    if plan is None:
        return NotImplemented
    plan.run(xp, handle, (*arrays, out))
    return out


def _is_dense(array: Array) -> bool:
    """Whether memory is in the order of NCHW or NHWC without gaps, which cuDNN has engines for."""
    last = array.transpose(0, *range(2, array.ndim), 1)
    return array.flags.c_contiguous or last.flags.c_contiguous


def _build(
    frontend: ModuleType,
    handle: Any,
    name: str,
    keywords: tuple[str, str],
    layouts: tuple[Any, ...],
    dtype: str,
    seen: Window,
) -> _Plan | None:
    """Plan the graph; None where cuDNN has no engine for it."""
    kind = getattr(frontend.data_type, _DTYPES[dtype])
    graph = frontend.pygraph(
        io_data_type=kind,
        intermediate_data_type=frontend.data_type.FLOAT,
        compute_data_type=frontend.data_type.FLOAT,
        handle=handle,
    )
    inputs = [
        graph.tensor(name=keyword, dim=list(shape), stride=list(strides), data_type=kind)
        for keyword, (shape, strides) in zip(keywords, layouts, strict=False)
    ]
    result = getattr(graph, name)(
        **dict(zip(keywords, inputs, strict=True)),
        padding=list(seen.padding),
        stride=list(seen.stride),
        dilation=list(seen.dilation),
    )
    shape, strides = layouts[2]
    result.set_output(True).set_dim(list(shape)).set_stride(list(strides)).set_data_type(kind)
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([frontend.heur_mode.A, frontend.heur_mode.FALLBACK])
        if dtype == "float32" and not _allow_tf32:
            graph.deselect_numeric_notes([frontend.numerical_note.TENSOR_CORE])
        if _deterministic:
            graph.deselect_numeric_notes([frontend.numerical_note.NONDETERMINISTIC])
        graph.check_support()
        graph.build_plans()
    except frontend.cudnnGraphNotSupportedError:
        return None
    return _Plan(graph, (*inputs, result))
