"""Connectionist temporal classification (Graves et al., 2006).

The targets are stretched by blanks: (blank, t1, blank, t2, …, blank), 2 * S + 1 states, and the
paths through them are summed up in log space, one time step after the other.
"""

from __future__ import annotations

from typing import Any

from .op import op

_NEVER = -float("inf")


def _states(xp: Any, targets: Any, blank: int) -> tuple[Any, Any]:
    """The label of every state (N, 2 * S + 1), and where it may be entered past a blank."""
    batch, count = targets.shape
    labels = xp.full((batch, 2 * count + 1), blank, dtype="int64")
    labels[:, 1::2] = targets
    skips = xp.zeros(labels.shape, dtype="bool")
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return labels, skips


def _shifted(xp: Any, x: Any, steps: int) -> Any:
    """x moved to the right along the states, -inf moving in."""
    out = xp.full(x.shape, _NEVER, dtype=x.dtype)
    out[:, steps:] = x[:, : x.shape[1] - steps]
    return out


def _advance(xp: Any, x: Any, skips: Any) -> Any:
    """Log-probabilities of arriving in each state: by staying, by one step, or past a blank."""
    arriving = xp.logaddexp(x, _shifted(xp, x, 1))
    return xp.logaddexp(arriving, xp.where(skips, _shifted(xp, x, 2), _NEVER))


def _emissions(xp: Any, log_probs: Any, labels: Any) -> Any:
    """(T, N, states): the log-probability of every state's label."""
    spread = xp.broadcast_to(labels[None], (log_probs.shape[0], *labels.shape))
    return xp.take_along_axis(log_probs, spread, axis=2)


def _forward(xp: Any, emissions: Any, skips: Any) -> Any:
    """alpha (T, N, states): the paths of the first t steps that end in each state."""
    alpha = xp.full(emissions.shape, _NEVER, dtype=emissions.dtype)
    alpha[0, :, :2] = emissions[0, :, :2]
    for t in range(1, len(emissions)):
        alpha[t] = _advance(xp, alpha[t - 1], skips) + emissions[t]
    return alpha


@op(outputs=2, differentiable=(0,), grad_name="CtcLossBackward0")
def ctc_loss(xp, log_probs, targets, input_lengths, target_lengths, *, blank, zero_infinity):
    """The negative log-likelihoods (N,) of ``targets``, and alpha (T, N, 2 * S + 1).

    log_probs is (T, N, C), targets (N, S) and both lengths (N,).
    """
    labels, skips = _states(xp, targets, blank)
    alpha = _forward(xp, _emissions(xp, log_probs, labels), skips)
    rows = xp.arange(alpha.shape[1])
    last = xp.maximum(input_lengths - 1, 0)
    end = alpha[last, rows, 2 * target_lengths]
    before = alpha[last, rows, xp.maximum(2 * target_lengths - 1, 0)]
    found = xp.where(target_lengths > 0, xp.logaddexp(end, before), end)
    # no step at all spells the empty target only
    found = xp.where(input_lengths > 0, found, xp.where(target_lengths > 0, _NEVER, 0.0))
    return (-found).astype(log_probs.dtype), alpha


@op
def ctc_loss_backward(
    xp, y, log_probs, targets, input_lengths, target_lengths, loss, alpha, *, blank, zero_infinity
):
    """PyTorch's gradient: ``exp(log_probs)`` minus the labels' posteriors, times ``y`` (N,).

    It is the gradient of the scores before log_softmax, whose own rule leaves it as it is.
    """
    labels, skips = _states(xp, targets, blank)
    emissions = _emissions(xp, log_probs, labels)
    rows = xp.arange(len(labels))
    out = xp.exp(log_probs)
    # from the last state back: the same recursion with the states in reverse
    beta = xp.full(labels.shape, _NEVER, dtype=log_probs.dtype)
    backwards = _reversed_skips(xp, skips)
    for t in range(len(emissions) - 1, -1, -1):
        beta = _advance(xp, beta[:, ::-1], backwards)[:, ::-1]
        start = _last_states(xp, labels, target_lengths, beta.dtype)
        beta = xp.where((input_lengths - 1 == t)[:, None], start, beta) + emissions[t]
        posterior = xp.exp(alpha[t] + beta + loss[:, None] - emissions[t])
        posterior = xp.where(emissions[t] == _NEVER, 0, posterior)
        xp.add.at(out[t], (rows[:, None], labels), -posterior)
    steps = xp.arange(len(emissions))[:, None, None]
    out *= y[:, None]
    used = steps < input_lengths[:, None]
    if zero_infinity:
        used = used & (loss != -_NEVER)[:, None]
    return xp.where(used, out, 0).astype(log_probs.dtype)


def _reversed_skips(xp: Any, skips: Any) -> Any:
    """Going back, state s is entered from s + 2 where forward s + 2 is entered from s."""
    moved = xp.zeros(skips.shape, dtype="bool")
    moved[:, :-2] = skips[:, 2:]
    return moved[:, ::-1]


def _last_states(xp: Any, labels: Any, target_lengths: Any, dtype: Any) -> Any:
    """0 in the two states in which a path may end, -inf elsewhere."""
    at = xp.arange(labels.shape[1])
    end = 2 * target_lengths[:, None]
    return xp.where((at == end) | ((at == end - 1) & (end > 0)), 0.0, _NEVER).astype(dtype)


def _gradient(
    g0, log_probs, targets, input_lengths, target_lengths, out0, out1, blank, zero_infinity
):
    return ctc_loss_backward(
        g0,
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        out0,
        out1,
        blank=blank,
        zero_infinity=zero_infinity,
    )


def _not_twice(g):
    raise RuntimeError("derivative for ctc_loss_backward is not implemented")


ctc_loss.vjp(log_probs=_gradient)
ctc_loss_backward.vjp(y=_not_twice, log_probs=_not_twice)
