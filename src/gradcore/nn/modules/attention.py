"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from ...ops.registry import FUNCTIONS
from .. import functional as F
from .. import init
from ..functional.attention import canonical_mask
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads of size embed_dim / num_heads (arXiv 1706.03762).

    Args:
        embed_dim, num_heads: the second must divide the first (AssertionError).
        dropout: of the attention weights, in training.
        bias: of the projections.
        add_bias_kv: add a learned key and value to the sequences.
        add_zero_attn: add a key and value of zeros.
        kdim, vdim: the sizes of the keys and values where they are not embed_dim.
        batch_first: tensors are (N, L, E) instead of (L, N, E).

    >>> x = torch.zeros(2, 5, 8)
    >>> output, weights = nn.MultiheadAttention(8, num_heads=2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 5, 5]))
    """

    __constants__ = ["batch_first"]
    in_proj_weight: Any
    in_proj_bias: Any
    bias_k: Any
    bias_v: Any

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        options = {"device": device, "dtype": dtype}
        self._add_projections(bias, options)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **options)
        if add_bias_kv:
            empty = FUNCTIONS["empty"]
            self.bias_k = Parameter(empty((1, 1, embed_dim), **options))
            self.bias_v = Parameter(empty((1, 1, embed_dim), **options))
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add_projections(self, bias: bool, options: dict[str, Any]) -> None:
        size = self.embed_dim
        shapes = {"in_proj_weight": (3 * size, size)}
        if not self._qkv_same_embed_dim:
            widths = {"q": size, "k": self.kdim, "v": self.vdim}
            shapes = {f"{name}_proj_weight": (size, width) for name, width in widths.items()}
        empty = FUNCTIONS["empty"]
        for name in (*shapes, "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if name in self._parameters:
                continue
            wanted = name in shapes
            parameter = Parameter(empty(shapes[name], **options)) if wanted else None
            self.register_parameter(name, parameter)
        parameter = Parameter(empty(3 * size, **options)) if bias else None
        self.register_parameter("in_proj_bias", parameter)

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """The output (L, N, E) and the weights (N, L, S), or None unless ``need_weights``.

        Args:
            key_padding_mask: (N, S), True (or -inf) for keys to leave out.
            attn_mask: (L, S) or (N * heads, L, S), True for pairs to leave out, or added.
            average_attn_weights: weights are means over the heads, else (N, heads, L, S).
            is_causal: a hint that ``attn_mask`` hides what comes later.
        """
        batched = query.dim() == 3
        other = getattr(attn_mask, "dtype", None)
        key_padding_mask = canonical_mask(
            key_padding_mask, "key_padding_mask", other, "attn_mask", query.dtype
        )
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        if self.batch_first and batched:
            query, key, value = _transposed(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        if self.batch_first and batched:
            output = output.transpose(1, 0)
        return output, weights


def _transposed(*inputs: Any) -> list[Any]:
    """Each tensor with batch and sequence swapped; the same tensor stays the same one."""
    swapped = {id(x): x.transpose(1, 0) for x in inputs}
    return [swapped[id(x)] for x in inputs]
