"""One step of a recurrent layer."""

from __future__ import annotations

import math
from typing import Any

from ...ops.registry import FUNCTIONS
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """The parameters of a cell: weight_ih, weight_hh, bias_ih and bias_hh.

    >>> nn.RNNCellBase(3, 4, bias=True, num_chunks=3).weight_ih.shape
    torch.Size([12, 3])
    """

    __constants__ = ["input_size", "hidden_size", "bias"]
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        empty, options = FUNCTIONS["empty"], {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((gates, input_size), **options))
        self.weight_hh = Parameter(empty((gates, hidden_size), **options))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(gates, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values, uniform in ±1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _products(self, input: Any, h: Any) -> tuple[Any, Any]:
        """What input and state give to the gates."""
        return (
            F.linear(input, self.weight_ih, self.bias_ih),
            F.linear(h, self.weight_hh, self.bias_hh),
        )

    def _check(self, input: Any, *states: tuple[str, Any]) -> None:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for label, state in states:
            if state.dim() not in (1, 2):
                raise ValueError(
                    f"{name}: Expected {label} to be 1D or 2D, got {state.dim()}D instead"
                )
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(-1)} expected "
                f"{self.input_size}"
            )
        for number, (_, state) in enumerate(states):
            if input.dim() == state.dim() == 2 and input.size(0) != state.size(0):
                raise RuntimeError(
                    f"Input batch size {input.size(0)} doesn't match hidden{number} batch size "
                    f"{state.size(0)}"
                )
            if state.size(-1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{number} has inconsistent hidden_size: got {state.size(-1)}, expected "
                    f"{self.hidden_size}"
                )

    def _zeros(self, input: Any) -> Any:
        return input.detach().new_zeros((*input.shape[:-1], self.hidden_size))

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """``tanh(W_ih x + b_ih + W_hh h + b_hh)``: (N, input) and (N, hidden) to (N, hidden).

    ``nonlinearity`` is "tanh" or "relu"; h starts at zero if it is not given.

    >>> nn.RNNCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        self._check(input, *([] if hx is None else [("hidden", hx)]))
        x, h = self._products(input, self._zeros(input) if hx is None else hx)
        if self.nonlinearity == "tanh":
            return (x + h).tanh()
        if self.nonlinearity == "relu":
            return (x + h).relu()
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of :class:`LSTM`: (N, input) and (h, c) of (N, hidden) to (h, c).

    >>> h, c = nn.LSTMCell(3, 4)(torch.zeros(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
        states = [] if hx is None else [(f"hx[{i}]", state) for i, state in enumerate(hx)]
        self._check(input, *states)
        h, c = (self._zeros(input),) * 2 if hx is None else hx
        from_x, from_h = self._products(input, h)
        entry, forget, new, out = (from_x + from_h).chunk(4, -1)
        c = forget.sigmoid() * c + entry.sigmoid() * new.tanh()
        return out.sigmoid() * c.tanh(), c


class GRUCell(RNNCellBase):
    """One step of :class:`GRU`: (N, input) and (N, hidden) to (N, hidden).

    >>> nn.GRUCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        self._check(input, *([] if hx is None else [("hidden", hx)]))
        h = self._zeros(input) if hx is None else hx
        from_x, from_h = self._products(input, h)
        reset_x, update_x, new_x = from_x.chunk(3, -1)
        reset_h, update_h, new_h = from_h.chunk(3, -1)
        new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
        return new + (update_x + update_h).sigmoid() * (h - new)
