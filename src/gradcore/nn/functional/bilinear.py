"""The bilinear map."""

from __future__ import annotations

import math
from typing import Any

from ...ops.operand import require_tensor
from ...ops.registry import FUNCTIONS


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``input1 @ weight[k] @ input2 + bias[k]`` for each k: (*, A), (*, B) to (*, K).

    weight is (K, A, B) and bias (K,). RuntimeError for sizes that do not fit.

    >>> F.bilinear(torch.tensor([1.0, 2.0]), torch.tensor([3.0]), torch.ones(1, 2, 1))
    tensor([9.])
    """
    for position, (name, x) in enumerate(
        (("input1", input1), ("input2", input2), ("weight", weight)), 1
    ):
        require_tensor("bilinear", name, x, position)
    if input1.ndim != input2.ndim:
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}"
        )
    for axis in range(input1.ndim - 1):
        if input1.shape[axis] != input2.shape[axis]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {axis}: got "
                f"{input1.shape[axis]} and {input2.shape[axis]}"
            )
    for i, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[i]:
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {x.shape[-1]} but "
                f"expected {weight.shape[i]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected "
            f"{weight.shape[0]}"
        )
    lead, (outputs, first, second) = tuple(input1.shape[:-1]), weight.shape
    rows = math.prod(lead)
    # (rows, A) @ (A, K * B), then each row's (K, B) with its vector (B, 1)
    columns = weight.permute((1, 0, 2)).reshape((first, outputs * second))
    product = input1.reshape((rows, first)) @ columns
    product = product.reshape((rows, outputs, second))
    out = FUNCTIONS["matmul"](product, input2.reshape((rows, second, 1)))
    out = out.reshape((*lead, outputs))
    return out if bias is None else out + bias
