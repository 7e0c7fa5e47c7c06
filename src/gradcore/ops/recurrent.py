"""Recurrent layers: one op runs a layer over all time steps in one direction.

Shapes: what the input gives to the gates (T, N, G), states (N, H). The product of the input with
its weights is one large matrix product and not part of the ops. ``mask`` (T, N, 1) is 1 where a
sequence has an element: where it is 0 the state stays as it is, so that padded sequences run
together. The rules compute the gates again from the states, in one matrix product for all steps;
that keeps backward's memory at one state per step, and lets the rules be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .joining import cat_op, stack_op
from .op import op
from .pointwise import where
from .sharing import is_recording, one_of
from .unary import sigmoid, tanh


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _sigmoid(xp: Any, x: Any) -> Any:
    """By tanh, which does not overflow."""
    out = xp.tanh(x * 0.5)
    out += 1
    out *= 0.5
    return out


def _kept(new: Any, old: Any, mask: Any, t: int) -> Any:
    """The new state, or the old one where the sequence has no element."""
    return new if mask is None else old + (new - old) * mask[t]


def _previous(states: Any, first: Any, reverse: bool) -> Any:
    """The state before every step (T, N, H)."""
    start = first.reshape((1, *first.shape))
    parts = (states[1:], start) if reverse else (start, states[:-1])
    return cat_op(*parts, dim=0)


def _flat(x: Any) -> Any:
    """(T, N, H) as (T * N, H)."""
    return x.reshape((x.shape[0] * x.shape[1], x.shape[2]))


def _recurrent_part(states: Any, weight: Any) -> Any:
    """What the states give to the gates: (T, N, H) to (T, N, G)."""
    product = _flat(states) @ weight.T
    return product.reshape((*states.shape[:2], weight.shape[0]))


def _weight_gradient(gates: Any, states: Any) -> Any:
    return _flat(gates).T @ _flat(states)


def _split(total: Any, mask: Any, t: int) -> tuple[Any, Any]:
    """A state's gradient: the part for the step, and the part that passes it by."""
    if mask is None:
        return total, 0
    inside = total * mask[t]
    return inside, total - inside


# --------------------------------------------------------------------------------- LSTM


@op(outputs=3, differentiable=(0, 1))
def lstm(xp, gates, weight, h, c, mask=None, projection=None, *, reverse):
    """All hidden states (T, N, H or P) and cells (T, N, H) of a long short-term memory.

    The gates are input, forget, cell and output, one after the other, as in PyTorch. The third
    output (T, 4 * H, N) are their values after sigmoid or tanh, for the backward pass: transposed,
    because a BLAS multiplies the weight by few columns twice as fast as few rows by the weight,
    and because each gate is then one run of memory.
    """
    steps = gates.shape[0]
    batch, size = c.shape
    hidden = xp.empty((steps, batch, h.shape[1]), dtype=gates.dtype)
    cells = xp.empty((steps, batch, size), dtype=gates.dtype)
    active = xp.empty((steps, 4 * size, batch), dtype=gates.dtype)
    # sigmoid(x) is tanh(x / 2) / 2 + 1 / 2: one tanh for all gates
    factor = xp.full((4 * size, 1), 0.5, dtype=gates.dtype)
    factor[2 * size : 3 * size] = 1
    for t in _order(steps, reverse):
        z = active[t]
        xp.matmul(weight, h.T, out=z)
        z += gates[t].T
        z *= factor
        xp.tanh(z, out=z)
        z *= factor
        z += 1 - factor
        new = z[:size] * z[2 * size : 3 * size]
        new += z[size : 2 * size] * c.T
        out = xp.tanh(new)
        out *= z[3 * size :]
        if projection is not None:
            out = xp.matmul(projection, out)
        hidden[t] = _kept(out.T, h, mask, t)
        cells[t] = _kept(new.T, c, mask, t)
        h, c = hidden[t], cells[t]
    return hidden, cells, active


@op(outputs=4, differentiable=())
def lstm_backward(xp, y, y_cells, weight, h, c, hidden, cells, active, *, reverse):
    """The gradients of gates, weight, h and c of :func:`lstm` without mask and projection.

    From those of the states and cells, ``y`` and ``y_cells``. It cannot be differentiated itself.
    """
    steps, batch, size = cells.shape
    to_gates = xp.empty((steps, batch, 4 * size), dtype=active.dtype)
    before = xp.empty(hidden.shape, dtype=hidden.dtype)
    to_h, to_c = xp.zeros((size, batch), dtype=h.dtype), xp.zeros((size, batch), dtype=c.dtype)
    slopes = xp.empty(active.shape[1:], dtype=active.dtype)
    for t in _order(steps, not reverse):
        previous = t + 1 if reverse else t - 1
        first = not 0 <= previous < steps
        before[t] = h if first else hidden[previous]
        past = (c if first else cells[previous]).T
        i, f, new, o = (active[t, k * size : (k + 1) * size] for k in range(4))
        squashed = xp.tanh(cells[t].T)
        to_h += y[t].T
        to_c += y_cells[t].T
        to_c += to_h * o * (1 - squashed * squashed)
        # sigmoid's slope at its value s is s * (1 - s), tanh's 1 - s * s
        xp.subtract(active[t], active[t] * active[t], out=slopes)
        slopes[:size] *= to_c * new
        slopes[size : 2 * size] *= to_c * past
        xp.multiply(to_c * i, 1 - new * new, out=slopes[2 * size : 3 * size])
        slopes[3 * size :] *= to_h * squashed
        to_gates[t] = slopes.T
        to_h = xp.matmul(weight.T, slopes)
        to_c *= f
    flat = to_gates.reshape(steps * batch, 4 * size)
    to_weight = xp.matmul(flat.T, before.reshape(steps * batch, size))
    return to_gates, to_weight, to_h.T, to_c.T


def _lstm_gradients(g0, g1, gates, weight, h, c, mask, projection, hidden, cells, reverse):
    size = c.shape[1]
    before, cells_before = _previous(hidden, h, reverse), _previous(cells, c, reverse)
    z = gates + _recurrent_part(before, weight)
    entry, forget = sigmoid(z[:, :, :size]), sigmoid(z[:, :, size : 2 * size])
    new, exit_ = tanh(z[:, :, 2 * size : 3 * size]), sigmoid(z[:, :, 3 * size :])
    squashed = tanh(cells)
    to_gates, to_outputs = [None] * len(gates), [None] * len(gates)
    h_grad = c_grad = 0
    for t in _order(len(gates), not reverse):
        to_h, h_past = _split(g0[t] + h_grad, mask, t)
        to_c, c_past = _split(g1[t] + c_grad, mask, t)
        to_outputs[t] = to_h
        to_out = to_h if projection is None else to_h @ projection
        to_c = to_c + to_out * exit_[t] * (1 - squashed[t] * squashed[t])
        to_gates[t] = cat_op(
            to_c * new[t] * entry[t] * (1 - entry[t]),
            to_c * cells_before[t] * forget[t] * (1 - forget[t]),
            to_c * entry[t] * (1 - new[t] * new[t]),
            to_out * squashed[t] * exit_[t] * (1 - exit_[t]),
            dim=1,
        )
        h_grad = to_gates[t] @ weight + h_past
        c_grad = to_c * forget[t] + c_past
    stacked = stack_op(*to_gates, dim=0)
    results = {
        "gates": stacked,
        "weight": _weight_gradient(stacked, before),
        "h": h_grad,
        "c": c_grad,
    }
    if projection is not None:
        outputs = exit_ * squashed
        results["projection"] = _weight_gradient(stack_op(*to_outputs, dim=0), outputs)
    return results


def _lstm_all(g0, g1, gates, weight, h, c, mask, projection, out0, out1, out2, reverse):
    if mask is None and projection is None and not is_recording():
        names = ("gates", "weight", "h", "c")
        results = lstm_backward(g0, g1, weight, h, c, out0, out1, out2, reverse=reverse)
        return dict(zip(names, results, strict=True))
    return _lstm_gradients(g0, g1, gates, weight, h, c, mask, projection, out0, out1, reverse)


def _lstm_rule(name: str) -> Callable[..., Any]:
    def rule(g0, g1, gates, weight, h, c, mask, projection, out0, out1, out2, reverse):
        values = (g0, g1, gates, weight, h, c, mask, projection, out0, out1, out2, reverse)
        return one_of(name, (g0, out0), lambda: _lstm_all(*values))

    return rule


lstm.vjp(**{name: _lstm_rule(name) for name in ("gates", "weight", "h", "c", "projection")})


# ---------------------------------------------------------------------------------- GRU


@op
def gru(xp, gates, weight, h, bias=None, mask=None, *, reverse):
    """All states (T, N, H) of a gated recurrent unit: gates reset, update, new."""
    steps, size = gates.shape[0], h.shape[1]
    hidden = xp.empty((*gates.shape[:2], size), dtype=gates.dtype)
    for t in _order(steps, reverse):
        z, x = xp.matmul(weight, h.T).T, gates[t]
        if bias is not None:
            z += bias
        both = _sigmoid(xp, z[:, : 2 * size] + x[:, : 2 * size])
        new = both[:, :size] * z[:, 2 * size :]
        new += x[:, 2 * size :]
        new = xp.tanh(new)
        out = new + both[:, size:] * (h - new)
        hidden[t] = h = _kept(out, h, mask, t)
    return hidden


def _gru_gradients(g, gates, weight, h, bias, mask, hidden, reverse):
    size = h.shape[1]
    before = _previous(hidden, h, reverse)
    z = _recurrent_part(before, weight)
    if bias is not None:
        z = z + bias
    reset = sigmoid(gates[:, :, :size] + z[:, :, :size])
    update = sigmoid(gates[:, :, size : 2 * size] + z[:, :, size : 2 * size])
    candidate = z[:, :, 2 * size :]
    new = tanh(gates[:, :, 2 * size :] + reset * candidate)
    to_gates, to_states = [None] * len(gates), [None] * len(gates)
    h_grad = 0
    for t in _order(len(gates), not reverse):
        to_h, past = _split(g[t] + h_grad, mask, t)
        to_new = to_h * (1 - update[t]) * (1 - new[t] * new[t])
        to_update = to_h * (before[t] - new[t]) * update[t] * (1 - update[t])
        to_reset = to_new * candidate[t] * reset[t] * (1 - reset[t])
        to_gates[t] = cat_op(to_reset, to_update, to_new, dim=1)
        to_states[t] = cat_op(to_reset, to_update, to_new * reset[t], dim=1)
        h_grad = to_states[t] @ weight + to_h * update[t] + past
    states = stack_op(*to_states, dim=0)
    return {
        "gates": stack_op(*to_gates, dim=0),
        "weight": _weight_gradient(states, before),
        "h": h_grad,
        "bias": _flat(states).sum(0),
    }


def _gru_rule(name: str) -> Callable[..., Any]:
    def rule(g, gates, weight, h, bias, mask, out, reverse):
        return one_of(
            name,
            (g, out),
            lambda: _gru_gradients(g, gates, weight, h, bias, mask, out, reverse),
        )

    return rule


gru.vjp(**{name: _gru_rule(name) for name in ("gates", "weight", "h", "bias")})


# ------------------------------------------------------------------------------ Elman RNN


@op
def rnn(xp, gates, weight, h, mask=None, *, relu, reverse):
    """All states (T, N, H) of ``tanh`` (or ``relu``) of the sum of both products."""
    hidden = xp.empty(gates.shape, dtype=gates.dtype)
    for t in _order(gates.shape[0], reverse):
        z = xp.matmul(weight, h.T).T + gates[t]
        out = xp.maximum(z, 0) if relu else xp.tanh(z)
        hidden[t] = h = _kept(out, h, mask, t)
    return hidden


def _rnn_gradients(g, weight, h, mask, hidden, relu, reverse):
    before = _previous(hidden, h, reverse)
    to_gates = [None] * len(hidden)
    h_grad = 0
    for t in _order(len(hidden), not reverse):
        to_h, past = _split(g[t] + h_grad, mask, t)
        out = hidden[t]
        to_gates[t] = where(out > 0, to_h, 0.0) if relu else to_h * (1 - out * out)
        h_grad = to_gates[t] @ weight + past
    stacked = stack_op(*to_gates, dim=0)
    return {"gates": stacked, "weight": _weight_gradient(stacked, before), "h": h_grad}


def _rnn_rule(name: str) -> Callable[..., Any]:
    def rule(g, weight, h, mask, out, relu, reverse):
        return one_of(
            name, (g, out), lambda: _rnn_gradients(g, weight, h, mask, out, relu, reverse)
        )

    return rule


rnn.vjp(**{name: _rnn_rule(name) for name in ("gates", "weight", "h")})
