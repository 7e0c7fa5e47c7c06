"""Vision transformer: Dosovitskiy et al., "An image is worth 16x16 words" (arXiv:2010.11929)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ... import cat, empty, nn, zeros
from ...nn import functional as F
from ..ops.misc import MLP, Conv2dNormActivation
from ._api import WeightsEnum, build_model, fix_argument, takes_weights
from ._vit_weights import (
    ViT_B_16_Weights,
    ViT_B_32_Weights,
    ViT_H_14_Weights,
    ViT_L_16_Weights,
    ViT_L_32_Weights,
)

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

_LayerNorm = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution before the transformer (arXiv:2106.14881)."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d
    activation_layer: Callable[..., nn.Module] = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(
            in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, *others: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2:
            # Version 1 had linear_1 and linear_2 where a Sequential has 0 and 3.
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for kind in ("weight", "bias"):
                    if f"{prefix}{old}.{kind}" in state_dict:
                        value = state_dict.pop(f"{prefix}{old}.{kind}")
                        state_dict[f"{prefix}{new}.{kind}"] = value
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


class EncoderBlock(nn.Module):
    """Self-attention and two linear layers, each after a normalization and beside a shortcut."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LayerNorm,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Any) -> Any:
        _check_sequence(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Adds the embedding of the positions, runs the blocks: (N, L, E) to (N, L, E)."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LayerNorm,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        sizes = (num_heads, hidden_dim, mlp_dim, dropout, attention_dropout)
        layers = OrderedDict(
            (f"encoder_layer_{i}", EncoderBlock(*sizes, norm_layer)) for i in range(num_layers)
        )
        self.layers = nn.Sequential(layers)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Any) -> Any:
        _check_sequence(input)
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


def _check_sequence(input: Any) -> None:
    assert input.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}"


class VisionTransformer(nn.Module):
    """Patches of an image as a sequence: (N, 3, image_size, image_size) to (N, num_classes).

    Args:
        image_size: height and width of the images, a multiple of ``patch_size``.
        patch_size: height and width of a patch.
        num_layers: number of blocks.
        num_heads: of the attention.
        hidden_dim: size of the embeddings.
        mlp_dim: width of the linear layers.
        dropout: probability after the attention and in the linear layers.
        attention_dropout: probability in the attention.
        num_classes: number of outputs.
        representation_size: width of one more layer with tanh before the last one.
        norm_layer: makes a normalization, LayerNorm with eps 1e-6 by default.
        conv_stem_configs: convolutions in the place of cutting into patches.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Callable[..., nn.Module] = _LayerNorm,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        assert image_size % patch_size == 0, "Input shape indivisible by patch size!"
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        if conv_stem_configs is None:
            self.conv_proj: Any = nn.Conv2d(3, hidden_dim, patch_size, stride=patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        sizes = (num_layers, num_heads, hidden_dim, mlp_dim)
        self.encoder = Encoder(self.seq_length, *sizes, dropout, attention_dropout, norm_layer)
        self.heads = nn.Sequential(_heads(hidden_dim, num_classes, representation_size))
        self._initialize()

    def _initialize(self) -> None:
        if isinstance(self.conv_proj, nn.Conv2d):
            fan_in = self.conv_proj.in_channels * self.patch_size**2
            nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
            nn.init.zeros_(self.conv_proj.bias)
        else:
            last = self.conv_proj.conv_last
            nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
            nn.init.zeros_(last.bias)
        if hasattr(self.heads, "pre_logits"):
            fan_in = self.heads.pre_logits.in_features
            nn.init.trunc_normal_(self.heads.pre_logits.weight, std=math.sqrt(1 / fan_in))
            nn.init.zeros_(self.heads.pre_logits.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x: Any) -> Any:
        """The images as sequences of embedded patches, (N, patches, hidden_dim)."""
        n, _, height, width = x.shape
        size = self.image_size
        assert height == size, f"Wrong image height! Expected {size} but got {height}!"
        assert width == size, f"Wrong image width! Expected {size} but got {width}!"
        return self.conv_proj(x).reshape(n, self.hidden_dim, -1).permute(0, 2, 1)

    def forward(self, x: Any) -> Any:
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(cat([token, x], dim=1))
        return self.heads(x[:, 0])


def _stem(configs: Sequence[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    stem = nn.Sequential()
    channels = 3
    for i, config in enumerate(configs):
        layer = Conv2dNormActivation(
            in_channels=channels,
            out_channels=config.out_channels,
            kernel_size=config.kernel_size,
            stride=config.stride,
            norm_layer=config.norm_layer,
            activation_layer=config.activation_layer,
        )
        stem.add_module(f"conv_bn_relu_{i}", layer)
        channels = config.out_channels
    stem.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
    return stem


def _heads(hidden_dim: int, num_classes: int, width: int | None) -> OrderedDict[str, nn.Module]:
    if width is None:
        return OrderedDict(head=nn.Linear(hidden_dim, num_classes))
    return OrderedDict(
        pre_logits=nn.Linear(hidden_dim, width), act=nn.Tanh(), head=nn.Linear(width, num_classes)
    )


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: OrderedDict[str, Any],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> OrderedDict[str, Any]:
    """A state dict for images of another size: the embeddings of the positions are resampled.

    Args:
        image_size: the new size.
        patch_size: that of the model.
        model_state: the state dict; it is changed.
        interpolation_mode: see ``nn.functional.interpolate``.
        reset_heads: leave the entries of the head out, where the size did change.

    Raises:
        ValueError: the embeddings are not those of a square image.
    """
    embedding = model_state["encoder.pos_embedding"]
    n, length, hidden_dim = embedding.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {embedding.shape}")
    side = image_size // patch_size
    if side**2 + 1 == length:
        return model_state
    old_side = math.isqrt(length - 1)
    if old_side**2 != length - 1:
        raise ValueError(
            "seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = "
            f"{old_side**2} and seq_length = {length - 1}"
        )
    # The first one belongs to the class token, which has no place in the image.
    image = embedding[:, 1:].permute(0, 2, 1).reshape(1, hidden_dim, old_side, old_side)
    image = F.interpolate(image, size=side, mode=interpolation_mode, align_corners=True)
    image = image.reshape(1, hidden_dim, side**2).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = cat([embedding[:, :1], image], dim=1)
    if reset_heads:
        kept = [(key, value) for key, value in model_state.items() if not key.startswith("heads")]
        return OrderedDict(kept)
    return model_state


def _vision_transformer(
    sizes: tuple[int, int, int, int, int], weights: Any, progress: bool, kwargs: dict[str, Any]
) -> VisionTransformer:
    if isinstance(weights, WeightsEnum):
        fix_argument(kwargs, "image_size", weights.meta["min_size"][0])
    names = ("patch_size", "num_layers", "num_heads", "hidden_dim", "mlp_dim")
    kwargs.setdefault("image_size", 224)
    return build_model(
        VisionTransformer, weights, progress, **dict(zip(names, sizes, strict=True)), **kwargs
    )


@takes_weights(ViT_B_16_Weights)
def vit_b_16(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """The base transformer, patches of 16 pixels; ``kwargs``: :class:`VisionTransformer`'s."""
    return _vision_transformer((16, 12, 12, 768, 3072), weights, progress, kwargs)


@takes_weights(ViT_B_32_Weights)
def vit_b_32(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """The base transformer, patches of 32 pixels; ``kwargs``: :class:`VisionTransformer`'s."""
    return _vision_transformer((32, 12, 12, 768, 3072), weights, progress, kwargs)


@takes_weights(ViT_L_16_Weights)
def vit_l_16(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """The large transformer, patches of 16 pixels; ``kwargs``: :class:`VisionTransformer`'s."""
    return _vision_transformer((16, 24, 16, 1024, 4096), weights, progress, kwargs)


@takes_weights(ViT_L_32_Weights)
def vit_l_32(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """The large transformer, patches of 32 pixels; ``kwargs``: :class:`VisionTransformer`'s."""
    return _vision_transformer((32, 24, 16, 1024, 4096), weights, progress, kwargs)


@takes_weights(ViT_H_14_Weights)
def vit_h_14(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """The huge transformer, patches of 14 pixels; ``kwargs``: :class:`VisionTransformer`'s."""
    return _vision_transformer((14, 32, 16, 1280, 5120), weights, progress, kwargs)
