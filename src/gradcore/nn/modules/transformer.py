"""The Transformer (Vaswani et al., 2017, arXiv 1706.03762)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from ...ops.registry import FUNCTIONS
from .. import functional as F
from .. import init
from ..functional.attention import canonical_mask
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Any:
    """(size, size) with -inf above the diagonal and 0 elsewhere."""
    full = FUNCTIONS["full"]((size, size), -math.inf, dtype=dtype, device=device)
    return full.triu(1)


class Transformer(Module):
    """An encoder and a decoder: sequences (S, N, E) and (T, N, E) to (T, N, E).

    Args:
        d_model: E.
        nhead: heads of each attention.
        num_encoder_layers, num_decoder_layers: how many layers.
        dim_feedforward: hidden size of the two linear layers after each attention.
        dropout: in training.
        activation: "relu", "gelu", or a function.
        custom_encoder, custom_decoder: modules to use instead.
        batch_first: tensors are (N, S, E).
        norm_first: layer norm before attention and feed-forward instead of after them.
        bias: of linear layers and norms.

    >>> source, target = torch.zeros(5, 2, 8), torch.zeros(3, 2, 8)
    >>> nn.Transformer(8, nhead=2, dim_feedforward=16)(source, target).shape
    torch.Size([3, 2, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        layer: dict[str, Any] = {
            "d_model": d_model,
            "nhead": nhead,
            "dim_feedforward": dim_feedforward,
            "dropout": dropout,
            "activation": activation,
            "layer_norm_eps": layer_norm_eps,
            "batch_first": batch_first,
            "norm_first": norm_first,
        }
        if custom_encoder is None:
            encoder = TransformerEncoderLayer(**layer, **options)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **options)
            custom_encoder = TransformerEncoder(encoder, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            decoder = TransformerDecoderLayer(**layer, **options)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **options)
            custom_decoder = TransformerDecoder(decoder, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The decoder's output for ``tgt``; masks as in :class:`MultiheadAttention`."""
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_dim) != tgt.size(batch_dim):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """The mask that hides what comes later: -inf above the diagonal, 0 elsewhere."""
        return _causal_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)


class TransformerEncoder(Module):
    """``num_layers`` copies of an encoder layer, and a norm at the end.

    ``enable_nested_tensor`` and ``mask_check`` have no effect: they choose between two ways of
    computing the same in PyTorch.

    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, batch_first=True)
    >>> nn.TransformerEncoder(layer, num_layers=2)(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    __constants__ = ["norm"]

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = False
        self.mask_check = mask_check

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Any:
        """All layers on ``src``; ``is_causal`` None: found out from the mask."""
        other = getattr(mask, "dtype", None)
        src_key_padding_mask = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", other, "mask", src.dtype
        )
        mask = canonical_mask(mask, "mask", None, "", src.dtype, check_other=False)
        batch_first = getattr(self.layers[0].self_attn, "batch_first", False)
        causal = _is_causal(mask, is_causal, _length(src, batch_first))
        output = src
        for layer in self.layers:
            output = layer(
                output,
                src_mask=mask,
                is_causal=causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        return output if self.norm is None else self.norm(output)


class TransformerDecoder(Module):
    """``num_layers`` copies of a decoder layer, and a norm at the end.

    >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, nhead=2), num_layers=2)
    >>> decoder(torch.zeros(3, 2, 8), torch.zeros(5, 2, 8)).shape
    torch.Size([3, 2, 8])
    """

    __constants__ = ["norm"]

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """All layers on ``tgt``, which attend to ``memory`` too."""
        batch_first = getattr(self.layers[0].self_attn, "batch_first", False)
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, batch_first))
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class _Layer(Module):
    """What encoder and decoder layers share: the order of their parts, and the feed-forward."""

    __constants__ = ["norm_first"]
    norm_first: bool

    def _step(self, x: Any, norm: Module, part: Callable[[Any], Any]) -> Any:
        """``x + part(norm(x))`` where the norm comes first, else ``norm(x + part(x))``."""
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))

    def _attention(
        self, attention: Module, dropout: Module, x: Any, keys: Any, **masks: Any
    ) -> Any:
        return dropout(attention(x, keys, keys, need_weights=False, **masks)[0])

    def _feed_forward(self, dropout: Module, x: Any) -> Any:
        return dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("activation", F.relu)
        super().__setstate__(state)


class TransformerEncoderLayer(_Layer):
    """Self-attention and two linear layers, each with dropout, a residual and a norm.

    >>> nn.TransformerEncoderLayer(8, nhead=2)(torch.zeros(5, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, batch_first=batch_first, **options
        )
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """``src`` (S, N, E) to the same shape; masks as in :class:`MultiheadAttention`."""
        other = getattr(src_mask, "dtype", None)
        masks = {
            "key_padding_mask": canonical_mask(
                src_key_padding_mask, "src_key_padding_mask", other, "src_mask", src.dtype
            ),
            "attn_mask": canonical_mask(
                src_mask, "src_mask", None, "", src.dtype, check_other=False
            ),
            "is_causal": is_causal,
        }
        x = self._step(
            src,
            self.norm1,
            lambda x: self._attention(self.self_attn, self.dropout1, x, x, **masks),
        )
        return self._step(x, self.norm2, lambda x: self._feed_forward(self.dropout2, x))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, and two linear layers.

    >>> nn.TransformerDecoderLayer(8, nhead=2)(torch.zeros(3, 2, 8), torch.zeros(5, 2, 8)).shape
    torch.Size([3, 2, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        heads: dict[str, Any] = {"dropout": dropout, "batch_first": batch_first}
        self.self_attn = MultiheadAttention(d_model, nhead, **heads, **options)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **heads, **options)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **options)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """``tgt`` (T, N, E), attending to ``memory`` (S, N, E), to its own shape."""
        own = {
            "attn_mask": tgt_mask,
            "key_padding_mask": tgt_key_padding_mask,
            "is_causal": tgt_is_causal,
        }
        other = {
            "attn_mask": memory_mask,
            "key_padding_mask": memory_key_padding_mask,
            "is_causal": memory_is_causal,
        }
        x = self._step(
            tgt,
            self.norm1,
            lambda x: self._attention(self.self_attn, self.dropout1, x, x, **own),
        )
        x = self._step(
            x,
            self.norm2,
            lambda x: self._attention(self.multihead_attn, self.dropout2, x, memory, **other),
        )
        return self._step(x, self.norm3, lambda x: self._feed_forward(self.dropout3, x))


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


def _activation(activation: Any) -> Callable[[Any], Any]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _length(x: Any, batch_first: bool) -> int:
    return x.size(1 if batch_first and x.dim() == 3 else 0)


def _is_causal(mask: Any, is_causal: bool | None, length: int) -> bool:
    """Whether the mask is :func:`_causal_mask`, unless the caller says."""
    if is_causal is not None or mask is None:
        return is_causal is True
    causal = _causal_mask(length, mask.device, mask.dtype) if mask.is_floating_point() else None
    if causal is None or tuple(mask.shape) != tuple(causal.shape):
        return False
    return bool((mask == causal).all())
