"""Softmax over many classes, the rare ones in clusters."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...ops.registry import FUNCTIONS
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Efficient softmax for unevenly distributed classes (Grave et al., arXiv 1609.04309).

    Args:
        in_features: the input's size.
        n_classes: classes, the most frequent ones first.
        cutoffs: where clusters start; the classes below the first are in the head.
        div_value: cluster i is projected to in_features / div_value ** (i + 1).
        head_bias: whether the head has a bias.

    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs=[2])
    >>> layer(torch.zeros(3, 4), torch.tensor([0, 5, 9])).output.shape
    torch.Size([3])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        increasing = all(a < b for a, b in pairwise(cutoffs))
        integral = all(int(c) == c for c in cutoffs)
        if not (increasing and integral and cutoffs[0] > 0 and cutoffs[-1] <= n_classes - 1):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            size = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, size, bias=False, **options),
                    Linear(size, high - low, bias=False, **options),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _ASMoutput:
        """The targets' log-probabilities (N,), and minus their mean: (output, loss).

        Shapes: input (N, in_features) with target (N,), or (in_features,) with a scalar.
        """
        batched = _check_shapes(input_, target_)
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{low}, {high}] were found. "
            )
        in_head = target
        output = input.new_zeros((target.size(0),))
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            rows = ((target >= start) & (target < stop)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            in_head = in_head.index_fill(0, rows, self.shortlist_size + i)
            scores = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
            inside = target.index_select(0, rows) - start
            picked = scores.gather(1, inside.unsqueeze(1)).squeeze(1)
            output = output.index_copy(0, rows, picked)
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, in_head.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Any) -> Any:
        """The log-probabilities of all classes: (N, in_features) to (N, n_classes)."""
        return self._all_classes(input, self.head(input))

    def _all_classes(self, input: Any, head_output: Any) -> Any:
        head = F.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            of_cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), 1) + of_cluster)
        return FUNCTIONS["cat"](parts, 1)

    def predict(self, input: Any) -> Any:
        """The likeliest class of each row, without the clusters where the head decides."""
        head_output = self.head(input)
        output = head_output.argmax(1)
        rare = (output >= self.shortlist_size).nonzero().squeeze(1)
        if rare.numel() == 0:
            return output
        scores = self._all_classes(input.index_select(0, rare), head_output.index_select(0, rare))
        return output.index_copy(0, rare, scores.argmax(1))


def _check_shapes(input: Any, target: Any) -> bool:
    """Whether there is a batch dimension; RuntimeError for shapes that do not fit."""
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input.size(0) != target.size(0):
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
            f"inputs with size {input.size()}"
        )
    return target.dim() == 1
