"""Recurrent layers."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from ...ops import recurrent as R
from ...ops.registry import FUNCTIONS
from ...tensor.creation import tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence, packed_rows, padded_data
from .module import Module

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

# How many gates each kind has.
_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters, layers, directions, packed sequences.

    The parameters are ``weight_ih_l0`` (gates * hidden, input), ``weight_hh_l0``, ``bias_ih_l0``,
    ``bias_hh_l0`` and so on for each layer, with the suffix ``_reverse`` for the other direction.

    >>> nn.RNNBase("GRU", 3, 4).weight_ih_l0.shape
    torch.Size([12, 3])
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_sizes(bias, batch_first, input_size, hidden_size, num_layers, proj_size)
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_layer(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def _add_layer(self, layer: int, suffix: str, options: dict[str, Any]) -> None:
        gates = _GATES[self.mode] * self.hidden_size
        width = self._output_size * self._directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, width),
            "weight_hh": (gates, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for kind, shape in shapes.items():
            names.append(f"{kind}_l{layer}{suffix}")
            setattr(self, names[-1], Parameter(FUNCTIONS["empty"](shape, **options)))
        self._all_weights.append(names)

    def flatten_parameters(self) -> None:
        """Nothing: there is no library that wants the parameters in one piece of memory."""

    def reset_parameters(self) -> None:
        """Draw new initial values, uniform in ±1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ------------------------------------------------------------------------ checks

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raise unless ``input`` has the layer's dtype and size."""
        dtype = self.weight_ih_l0.dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert "
                f"input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        ndim = 2 if batch_sizes is not None else 3
        if input.dim() != ndim:
            raise RuntimeError(f"input must have {ndim} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.size(-1)}"
            )

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: tuple, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise unless ``hx`` has that size."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def _state_sizes(self, batch: int) -> list[tuple[int, int, int]]:
        """The shapes of the states: of hx, or of hx and cx."""
        count = self.num_layers * self._directions
        sizes = [(count, batch, self._output_size)]
        if self.mode == "LSTM":
            sizes.append((count, batch, self.hidden_size))
        return sizes

    # ----------------------------------------------------------------------- forward

    def _run(self, input: Any, states: list[Any], mask: Any) -> tuple[Any, list[Any]]:
        """All layers over (T, N, input): the last one's outputs, and the final states."""
        if input.size(0) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        finals: list[list[Any]] = [[] for _ in states]
        number = 0
        for layer in range(self.num_layers):
            outputs = []
            for reverse in (False, True)[: self._directions]:
                start = [s[number] for s in states]
                out, final = self._run_layer(number, input, start, mask, reverse)
                outputs.append(out)
                for held, state in zip(finals, final, strict=True):
                    held.append(state)
                number += 1
            input = outputs[0] if len(outputs) == 1 else FUNCTIONS["cat"](outputs, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                input = F.dropout(input, self.dropout)
        return input, [FUNCTIONS["stack"](held) for held in finals]

    def _run_layer(
        self, number: int, input: Any, states: list[Any], mask: Any, reverse: bool
    ) -> tuple[Any, list[Any]]:
        """One layer in one direction: outputs, and the states after the last step."""
        weights = [getattr(self, name) for name in self._all_weights[number]]
        w_ih, w_hh = weights[:2]
        b_ih: Any = weights[2] if self.bias else None
        b_hh: Any = weights[3] if self.bias else None
        last = 0 if reverse else -1
        if self.mode == "GRU":
            gates = F.linear(input, w_ih, b_ih)
            out = R.gru(gates, w_hh, states[0], b_hh, mask, reverse=reverse)
            return out, [out[last]]
        gates = F.linear(input, w_ih, b_ih + b_hh if self.bias else None)
        if self.mode == "LSTM":
            projection = weights[-1] if self.proj_size else None
            out, cells, _ = R.lstm(gates, w_hh, *states, mask, projection, reverse=reverse)
            return out, [out[last], cells[last]]
        out = R.rnn(gates, w_hh, states[0], mask, relu=self.mode == "RNN_RELU", reverse=reverse)
        return out, [out[last]]

    def _run_packed(self, packed: PackedSequence, states: list[Any] | None) -> tuple[Any, list]:
        data, batch_sizes, order, original = packed
        self.check_input(data, batch_sizes)
        sizes = batch_sizes.tolist()
        states = self._initial(states, data, sizes[0], order)
        rows = packed_rows(sizes, sizes[0])
        mask = None
        if sizes[-1] != sizes[0]:
            flags = data.detach().new_zeros((len(sizes) * sizes[0],))
            flags = flags.index_fill(0, tensor(rows, device=data.device), 1.0)
            mask = flags.reshape((len(sizes), sizes[0], 1))
        out, finals = self._run(padded_data(data, sizes, len(sizes)), states, mask)
        flat = out.reshape((len(sizes) * sizes[0], out.size(2)))
        kept = flat.index_select(0, tensor(rows, device=data.device))
        if original is not None:
            finals = [s.index_select(1, original) for s in finals]
        return PackedSequence(kept, batch_sizes, order, original), finals

    def _initial(self, states: list[Any] | None, data: Any, batch: int, order: Any) -> list[Any]:
        """The states to start with: zeros unless they are given."""
        sizes = self._state_sizes(batch)
        if states is None:
            return [data.detach().new_zeros(size) for size in sizes]
        messages = ["Expected hidden size {}, got {}"]
        if self.mode == "LSTM":
            messages = ["Expected hidden[0] size {}, got {}", "Expected hidden[1] size {}, got {}"]
        for state, size, message in zip(states, sizes, messages, strict=True):
            self.check_hidden_size(state, size, message)
        return states if order is None else [s.index_select(1, order) for s in states]

    def _run_padded(self, input: Any, states: list[Any] | None) -> tuple[Any, list[Any]]:
        name = "RNN" if self.mode.startswith("RNN") else self.mode
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{name}: Expected input to be 2D or 3D, got {input.dim()}D "
                f"{'tensor ' if name == 'RNN' else ''}instead"
            )
        batched = input.dim() == 3
        if states is not None:
            self._check_state_ranks(states, batched)
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
            states = None if states is None else [s.unsqueeze(1) for s in states]
        self.check_input(input, None)
        if self.batch_first:
            input = input.transpose(0, 1)
        states = self._initial(states, input, input.size(1), None)
        out, finals = self._run(input, states, None)
        if self.batch_first:
            out = out.transpose(0, 1)
        if not batched:
            return out.squeeze(0 if self.batch_first else 1), [s.squeeze(1) for s in finals]
        return out, finals

    def _check_state_ranks(self, states: list[Any], batched: bool) -> None:
        wanted = 3 if batched else 2
        ranks = [s.dim() for s in states]
        if all(rank == wanted for rank in ranks):
            return
        kind = "batched 3-D" if batched else "unbatched 2-D"
        if self.mode == "LSTM":
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {wanted}-D but got "
                f"({ranks[0]}-D, {ranks[1]}-D) tensors"
            )
        raise RuntimeError(
            f"For {kind} input, hx should also be {wanted}-D but got {ranks[0]}-D tensor"
        )

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs (T, N, directions * H) and the final state (layers * directions, N, H).

        ``input`` may also be (N, T, input) with ``batch_first``, (T, input), or packed.
        """
        states = None if hx is None else list(hx) if self.mode == "LSTM" else [hx]
        run = self._run_packed if isinstance(input, PackedSequence) else self._run_padded
        output, finals = run(input, states)
        return output, tuple(finals) if self.mode == "LSTM" else finals[0]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)


def _check_dropout(dropout: Any, num_layers: int) -> None:
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_sizes(
    bias: Any, batch_first: Any, input_size: Any, hidden_size: Any, num_layers: int, proj_size: int
) -> None:
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """Elman's recurrent layers: ``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Args:
        input_size, hidden_size: of the input and of the state.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bias: whether there are b_ih and b_hh.
        batch_first: input and output are (N, T, *) instead of (T, N, *); the states are not.
        dropout: of the outputs of all layers but the last, in training.
        bidirectional: a second direction, whose outputs are joined to the first one's.

    >>> output, h = nn.RNN(3, 4, batch_first=True)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: states are pairs (h, c); arguments as in :class:`RNN`.

    ``proj_size``: h is projected to that size, if it is above 0 (arXiv 1402.1128).

    >>> output, (h, c) = nn.LSTM(3, 4, num_layers=2)(torch.zeros(5, 2, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units (arXiv 1406.1078); arguments as in :class:`RNN`.

    >>> output, h = nn.GRU(3, 4, batch_first=True)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)
