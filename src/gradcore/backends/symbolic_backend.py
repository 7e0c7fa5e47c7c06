"""The tracer as a backend: an op called with symbols runs its body on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import symbolic
from .device import device
from .protocol import Backend


class SymbolicBackend(Backend):
    """Lets gradient rules, which call public ops, be traced into Programs."""

    device_type = "symbolic"
    xp = symbolic.xp
    array_type = symbolic.Symbol

    def compile(self, op: Any) -> Callable[..., Any]:
        def kernel(*operands: Any, **attributes: Any) -> Any:
            if not op.pointwise:
                raise symbolic.TraceError(f"op {op.name} is not pointwise")
            return op.body(symbolic.xp, *operands, **attributes)

        return kernel

    def compile_rule(self, rule: Any) -> Callable[..., Any]:
        return rule.fn

    def device_of(self, array: Any) -> device:
        return device("cpu")

    def _unsupported(self, *arguments: Any, **options: Any) -> Any:
        raise symbolic.TraceError("a symbol has no memory")

    on = from_host = to_host = copy_between = generator = random = _unsupported
    data_ptr = may_share_memory = _unsupported
