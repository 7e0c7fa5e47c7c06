"""Stochastic depth: Huang et al., "Deep networks with stochastic depth" (arXiv:1603.09382)."""

from __future__ import annotations

from typing import Any

from ... import empty, nn

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Any, p: float, mode: str, training: bool = True) -> Any:
    """Zero the input with probability ``p`` and divide it by ``1 - p`` otherwise.

    Args:
        input: (N, …).
        p: the probability.
        mode: "batch" decides for all samples at once, "row" for each of them.
        training: otherwise the input is returned.

    Raises:
        ValueError: for other modes, and probabilities outside [0, 1].
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    noise = empty(size, dtype=input.dtype, device=input.device).bernoulli_(survival)
    if survival > 0.0:
        noise.div_(survival)
    return input * noise


class StochasticDepth(nn.Module):
    """See :func:`stochastic_depth`; does nothing in evaluation."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Any) -> Any:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"
