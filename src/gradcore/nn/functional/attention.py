"""Attention (Vaswani et al., 2017, arXiv 1706.03762)."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...backends.dtype import DTYPES
from ...ops.attention import attention, is_future
from ...ops.linalg import linear
from ...ops.operand import require_tensor
from ...ops.padding import pad
from ...ops.registry import FUNCTIONS
from .dropout import dropout

_BOOL = DTYPES["bool"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``softmax(query @ key.T * scale + mask) @ value``: (*, L, E), (*, S, E), (*, S, V) to
    (*, L, V), computed for blocks of queries.

    Args:
        attn_mask: bool (True where a key takes part) or added to the scores; broadcasts to
            (*, L, S).
        dropout_p: the probability with which a weight is dropped (in evaluation too).
        is_causal: query i sees the keys up to i; RuntimeError together with a mask.
        scale: 1 / sqrt(E) where it is None.
        enable_gqa: the keys and values have fewer heads (dimension -3), each for several queries.

    >>> x = torch.eye(2).unsqueeze(0)
    >>> F.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[[1.0000, 0.0000],
             [0.3302, 0.6698]]])
    """
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = _all_heads(query, key, value)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if attn_mask is not None and attn_mask.dtype == _BOOL:
        zeros = FUNCTIONS["zeros"](attn_mask.shape, dtype=query.dtype, device=query.device)
        attn_mask = zeros.masked_fill(attn_mask.logical_not(), -math.inf)
    if dropout_p > 0.0:
        return _with_dropout(query, key, value, attn_mask, dropout_p, is_causal, scale)
    lead = FUNCTIONS["broadcast_shapes"](*(x.shape[:-2] for x in (query, key, value)))
    query, key, value = (_expanded(x, lead) for x in (query, key, value))
    return attention(query, key, value, attn_mask, scale=scale, causal=bool(is_causal))


def _expanded(x: Any, lead: tuple[int, ...]) -> Any:
    return x if tuple(x.shape[:-2]) == tuple(lead) else x.expand((*lead, *x.shape[-2:]))


def _check_attention(query: Any, key: Any, value: Any, mask: Any, is_causal: bool) -> None:
    names = ("query", "key", "value")
    for position, (name, x) in enumerate(zip(names, (query, key, value), strict=True), 1):
        require_tensor("scaled_dot_product_attention", name, x, position)
    dtypes = [str(x.dtype).rpartition(".")[2] for x in (query, key, value)]
    if len(set(dtypes)) > 1:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{dtypes[0]} key.dtype: {dtypes[1]} and value.dtype: {dtypes[2]} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be at least 2 dimensional, but got query.dim: "
            f"{query.ndim}, key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if mask is not None and is_causal:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if mask is not None and mask.dtype not in (_BOOL, query.dtype) and mask.dtype.name != "float32":
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {mask.dtype} and query.dtype: {query.dtype} instead."
        )


def _all_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Grouped heads of keys and values, each repeated for its queries (arXiv 2305.13245)."""
    heads = query.shape[-3]
    if heads % key.shape[-3] or heads % value.shape[-3]:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query"
        )
    return tuple(x.repeat_interleave(heads // x.shape[-3], -3) for x in (key, value))


def _with_dropout(
    query: Any, key: Any, value: Any, mask: Any, p: float, is_causal: bool, scale: float
) -> Any:
    """The weights as a whole, for the dropped ones must be remembered anyway."""
    scores = (query * scale) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores + mask
    if is_causal:
        rows, columns = scores.shape[-2:]
        hidden = is_future(scores.detach(), start=0, rows=rows, columns=columns)
        scores = scores.masked_fill(hidden, -math.inf)
    if mask is None:
        return dropout(scores.softmax(-1), p) @ value
    # a query that may see no key gets zeros
    empty = scores == -math.inf
    weights = scores.masked_fill(empty.all(-1, keepdim=True), 0.0).softmax(-1)
    return dropout(weights.masked_fill(empty, 0.0), p) @ value


# ------------------------------------------------------------------------ several heads


def canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any,
    check_other: bool = True,
) -> Any:  # fmt: skip
    """A mask as what is added to the scores: -inf where a bool mask is True."""
    if mask is None:
        return None
    if mask.dtype != _BOOL and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    zeros = FUNCTIONS["zeros"](mask.shape, dtype=target_type, device=mask.device)
    return zeros.masked_fill(mask, -math.inf)


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention of several heads: (L, N, E), (S, N, E), (S, N, E) to (L, N, E) and weights.

    See ``nn.MultiheadAttention``. Shapes without N are taken too. The weights are None unless
    ``need_weights``, (N, L, S), or (N, heads, L, S) unless ``average_attn_weights``.

    >>> x, project = torch.zeros(3, 1, 4), (torch.zeros(12, 4), None, None, None, False)
    >>> F.multi_head_attention_forward(x, x, x, 4, 2, *project, 0.0, torch.eye(4), None)[0].shape
    torch.Size([3, 1, 4])
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    mask, padding, is_causal = _masks(query, attn_mask, key_padding_mask, is_causal, need_weights)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight:
        weights = in_proj_weight
    q, k, v = _projected((query, key, value), weights, in_proj_bias)
    mask = _checked_mask(mask, (length, key.shape[0]), batch * num_heads)
    if _has_bias(bias_k, bias_v, static_k, static_v):
        k, v = (_longer(x, b.expand((1, batch, -1)), 0) for x, b in ((k, bias_k), (v, bias_v)))
        mask, padding = _one_key_more(mask), _one_key_more(padding)
    sizes = (batch * num_heads, embed_dim // num_heads)
    q = _heads(q, *sizes)
    k = _static_or_heads(static_k, "static_k", k, *sizes)
    v = _static_or_heads(static_v, "static_v", v, *sizes)
    if add_zero_attn:
        zeros = k.detach().new_zeros((sizes[0], 1, sizes[1]))
        k, v = _longer(k, zeros, 1), _longer(v, zeros, 1)
        mask, padding = _one_key_more(mask), _one_key_more(padding)
    mask = _merged(mask, padding, batch, num_heads, k.shape[1])
    p = dropout_p if training else 0.0
    out, shares = _attend(q, k, v, mask, p, is_causal, need_weights)
    out = out.transpose(0, 1).reshape((length, batch, embed_dim))
    out = linear(out, out_proj_weight, out_proj_bias)
    if shares is not None:
        shares = shares.reshape((batch, num_heads, length, -1))
        shares = shares.mean(1) if average_attn_weights else shares
    if not batched:
        return out.squeeze(1), None if shares is None else shares.squeeze(0)
    return out, shares


def _masks(
    query: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool, need_weights: bool
) -> tuple[Any, Any, bool]:
    """Both masks as what is added to the scores, and whether the causal hint may be followed."""
    padding = canonical_mask(
        key_padding_mask,
        "key_padding_mask",
        getattr(attn_mask, "dtype", None),
        "attn_mask",
        query.dtype,
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        return None, None, True
    mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
    return mask, padding, is_causal and padding is None


def _has_bias(bias_k: Any, bias_v: Any, static_k: Any, static_v: Any) -> bool:
    if bias_k is None and bias_v is None:
        return False
    if bias_k is None or bias_v is None:
        held, missing = ("bias_k", "bias_v") if bias_v is None else ("bias_v", "bias_k")
        raise AssertionError(f"{held} is set but {missing} is None")
    for name, static in (("key", static_k), ("value", static_v)):
        if static is not None:
            raise AssertionError(f"bias cannot be added to static {name}.")
    return True


def _longer(x: Any, more: Any, dim: int) -> Any:
    return FUNCTIONS["cat"]((x, more), dim)


def _attend(
    q: Any, k: Any, v: Any, mask: Any, p: float, is_causal: bool, need_weights: bool
) -> tuple[Any, Any]:
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, p, is_causal and mask is None), None
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.transpose(1, 2)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    weights = dropout(weights, p) if p > 0.0 else weights
    return weights @ v, weights


def _heads(x: Any, count: int, head_dim: int) -> Any:
    """(L, N, E) as (N * heads, L, head_dim)."""
    return x.reshape((x.shape[0], count, head_dim)).transpose(0, 1)


def _projected(inputs: tuple, weights: Any, bias: Any) -> list[Any]:
    """Queries, keys and values: one product where all three are the same tensor."""
    query, key, value = inputs
    if isinstance(weights, tuple):
        biases = (None, None, None) if bias is None else bias.chunk(3)
        triples = zip(inputs, weights, biases, strict=True)
        return [linear(x, weight, b) for x, weight, b in triples]
    if query is key and key is value:
        return list(linear(query, weights, bias).chunk(3, -1))
    parts = weights.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [linear(x, w, b) for x, w, b in zip(inputs, parts, biases, strict=True)]


def _one_key_more(mask: Any) -> Any:
    return None if mask is None else pad(mask, (0, 1))


def _static_or_heads(static: Any, name: str, x: Any, count: int, head_dim: int) -> Any:
    if static is None:
        return _heads(x, count, head_dim)
    for axis, size in ((0, count), (2, head_dim)):
        if static.size(axis) != size:
            raise AssertionError(
                f"expecting {name}.size({axis}) of {size}, but got {static.size(axis)}"
            )
    return static


def _checked_mask(mask: Any, size: tuple[int, int], count: int) -> Any:
    """The mask as (1, L, S) or (N * heads, L, S)."""
    if mask is None:
        return None
    if mask.dim() == 2 and tuple(mask.shape) != size:
        raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {size}.")
    if mask.dim() == 3 and tuple(mask.shape) != (count, *size):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, but should be {(count, *size)}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _merged(mask: Any, padding: Any, batch: int, num_heads: int, keys: int) -> Any:
    if padding is None:
        return mask
    if tuple(padding.shape) != (batch, keys):
        raise AssertionError(
            f"Expected key_padded_mask.shape[{int(padding.shape[0] == batch)}] to be "
            f"{keys if padding.shape[0] == batch else batch}, but got "
            f"{padding.shape[int(padding.shape[0] == batch)]}"
        )
    spread = padding.reshape((batch, 1, 1, keys)).expand((-1, num_heads, -1, -1))
    spread = spread.reshape((batch * num_heads, 1, keys))
    return spread if mask is None else mask + spread


def _check_shapes(
    query: Any, key: Any, value: Any, padding: Any, mask: Any, num_heads: int
) -> bool:
    """Whether the tensors have a batch dimension; AssertionError for ranks that do not fit."""
    ndim = query.dim()
    if ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor"
        )
    kind = "batched (3-D)" if ndim == 3 else "unbatched (2-D)"
    if key.dim() != ndim or value.dim() != ndim:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {ndim}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != ndim - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but "
            f"found {padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{mask.dim()}-D tensor instead"
        )
    if ndim == 2 and mask is not None and mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {mask.shape}"
            )
    return ndim == 3


def _check_sizes(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, separate: bool
) -> None:
    embed_dim = query.shape[2]
    if embed_dim != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}"
        )
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
