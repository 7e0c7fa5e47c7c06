"""``torch.lstm`` and its like: recurrent layers, and steps of them, from their parameters."""

from __future__ import annotations

from typing import Any

from .functional import linear
from .modules.module import Module
from .modules.rnn import GRU, LSTM, RNN
from .utils.rnn import PackedSequence

# ------------------------------------------------------------------------------- one step


def _products(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Any]:
    return linear(input, w_ih, b_ih), linear(hx, w_hh, b_hh)


def lstm_cell(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Any, Any]:
    """The next (h, c) of ``nn.LSTMCell``; ``hx`` is the pair before."""
    h, c = hx
    inputs, states = _products(input, h, w_ih, w_hh, b_ih, b_hh)
    enter, forget, cell, out = (inputs + states).chunk(4, 1)
    c = forget.sigmoid() * c + enter.sigmoid() * cell.tanh()
    return out.sigmoid() * c.tanh(), c


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """The next state of ``nn.GRUCell``."""
    inputs, states = _products(input, hx, w_ih, w_hh, b_ih, b_hh)
    (reset, update, new), (reset_h, update_h, new_h) = inputs.chunk(3, 1), states.chunk(3, 1)
    new = (new + (reset + reset_h).sigmoid() * new_h).tanh()
    return new + (update + update_h).sigmoid() * (hx - new)


def rnn_tanh_cell(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Any:
    """The next state of ``nn.RNNCell``."""
    inputs, states = _products(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (inputs + states).tanh()


def rnn_relu_cell(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Any:
    """The next state of ``nn.RNNCell(nonlinearity="relu")``."""
    inputs, states = _products(input, hx, w_ih, w_hh, b_ih, b_hh)
    return (inputs + states).relu()


# ---------------------------------------------------------------------------- whole layers


def _layer(
    kind: Any,
    mode: str,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> Any:
    """A layer with the given tensors in the place of its parameters."""
    layer = kind.__new__(kind)
    Module.__init__(layer)
    layer.mode, layer.bias, layer.batch_first = mode, has_biases, batch_first
    layer.num_layers, layer.bidirectional = num_layers, bidirectional
    layer.dropout, layer.training = dropout, train
    names = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if has_biases else ())]
    numbers = [(i, end) for i in range(num_layers) for end in ("", "_reverse")[: 1 + bidirectional]]
    if len(params) > len(names) * len(numbers):
        names.append("weight_hr")
    layer._all_weights = [[f"{name}_l{i}{end}" for name in names] for i, end in numbers]
    for name, tensor in zip(layer._flat_weights_names, params, strict=True):
        setattr(layer, name, tensor)
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)
    layer.input_size, layer.hidden_size = params[0].shape[1], params[0].shape[0] // gates
    layer.proj_size = params[4 if has_biases else 2].shape[0] if "weight_hr" in names else 0
    return layer


def _run(kind: Any, mode: str, input: Any, hx: Any, *rest: Any) -> tuple:
    """The layer's outputs and final states; of packed data where ``hx`` are batch sizes."""
    if isinstance(rest[1], bool):
        out, state = _layer(kind, mode, *rest)(input, hx)
    else:
        packed, (hx, *rest) = PackedSequence(input, hx), rest  # type: ignore[assignment]
        out, state = _layer(kind, mode, *rest)(packed, hx)
        out = out.data
    return (out, *state) if mode == "LSTM" else (out, state)


def lstm(input: Any, hx: Any, *rest: Any) -> tuple[Any, Any, Any]:
    """The outputs, h and c of ``nn.LSTM``.

    ``lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional,
    batch_first)``, or of a packed sequence ``lstm(data, batch_sizes, (h, c), params, has_biases,
    num_layers, dropout, train, bidirectional)``.
    """
    return _run(LSTM, "LSTM", input, hx, *rest)


def gru(input: Any, hx: Any, *rest: Any) -> tuple[Any, Any]:
    """The outputs and h of ``nn.GRU``; arguments as of :func:`lstm`, with h alone."""
    return _run(GRU, "GRU", input, hx, *rest)


def rnn_tanh(input: Any, hx: Any, *rest: Any) -> tuple[Any, Any]:
    """The outputs and h of ``nn.RNN``; arguments as of :func:`lstm`, with h alone."""
    return _run(RNN, "RNN_TANH", input, hx, *rest)


def rnn_relu(input: Any, hx: Any, *rest: Any) -> tuple[Any, Any]:
    """The outputs and h of ``nn.RNN(nonlinearity="relu")``; arguments as of :func:`lstm`."""
    return _run(RNN, "RNN_RELU", input, hx, *rest)
