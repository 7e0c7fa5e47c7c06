"""One call of every common operation on a million elements (bench/ops_vs_torch.py times them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import Inputs, Workload

SIDE = 1000  # the operands are SIDE x SIDE

UNARY = """
    abs acos acosh asin asinh atan atanh ceil clone cos cosh deg2rad digamma erf erfc erfinv exp
    exp2 expm1 fliplr flipud floor frac isfinite isinf isnan isneginf isposinf lgamma log
    log10 log1p log2 logical_not logit nan_to_num neg positive rad2deg reciprocal round rsqrt
    sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc zeros_like ones_like empty_like
    sum mean prod std var amax:1 amin:1 argmax:1 argmin:1 all any max min aminmax median nanmedian
    count_nonzero nansum nanmean norm logsumexp:1 softmax:1 log_softmax:1 cumsum:1 cumprod:1
    cummax:1 cummin:1 logcumsumexp:1 diff sort argsort msort topk:10 kthvalue:10 mode unique ravel
    trace tril triu rot90 t diagonal nonzero argwhere std_mean var_mean
    rand_like randn_like bernoulli
""".split()
BINARY = """
    add sub mul div true_divide floor_divide remainder fmod pow float_power atan2 copysign dist
    eq ne lt le gt ge equal allclose isclose fmax fmin maximum minimum max min heaviside hypot
    logaddexp logaddexp2 logical_and logical_or logical_xor xlogy matmul mm inner
""".split()
ACTIVATIONS = """
    relu relu6 elu celu selu gelu silu mish hardswish hardsigmoid hardtanh leaky_relu logsigmoid
    softplus softshrink hardshrink tanhshrink softsign threshold:0.5:0.0 softmin:1 glu dropout
    normalize
""".split()
LOSSES = """
    mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy
    binary_cross_entropy_with_logits soft_margin_loss poisson_nll_loss cosine_similarity
    pairwise_distance
""".split()
OTHERS: dict[str, str] = {
    "addcmul": "T.addcmul(x, y, z)",
    "addcdiv": "T.addcdiv(x, y, z)",
    "flip": "x.flip(0, 1)",
    "roll": "x.roll(3, 1)",
    "addmm": "T.addmm(x, y, z)",
    "bmm": "T.bmm(x.view(10, 100, 1000), y.view(10, 1000, 100))",
    "mv": "T.mv(x, y[0])",
    "dot": "T.dot(x.view(-1), y.view(-1))",
    "outer": "T.outer(x[0], y[0])",
    "einsum": "T.einsum('ij,kj->ik', x, y)",
    "tensordot": "T.tensordot(x, y, 1)",
    "lerp": "T.lerp(x, y, 0.3)",
    "where": "T.where(mask, x, y)",
    "clamp": "T.clamp(x, 0.2, 0.8)",
    "clamp_min": "T.clamp_min(x, 0.2)",
    "masked_fill": "x.masked_fill(mask, 0.5)",
    "masked_select": "x.masked_select(mask)",
    "masked_scatter": "x.masked_scatter(mask, y)",
    "gather": "x.gather(1, index)",
    "take_along_dim": "T.take_along_dim(x, index, 1)",
    "scatter": "x.scatter(1, index, y)",
    "scatter_add": "x.scatter_add(1, index, y)",
    "index_select": "x.index_select(0, rows)",
    "index_add": "x.index_add(0, rows, y)",
    "index_copy": "x.index_copy(0, rows, y)",
    "index_fill": "x.index_fill(0, rows, 1.0)",
    "getitem_slice": "x[1:, ::2].contiguous()",
    "getitem_index": "x[rows]",
    "getitem_mask": "x[mask]",
    "take": "x.take(index)",
    "cat": "T.cat([x, y], 1)",
    "stack": "T.stack([x, y])",
    "hstack": "T.hstack([x, y])",
    "chunk": "x.chunk(4)",
    "split": "x.split(100)",
    "unbind": "x.unbind()",
    "transpose": "x.transpose(0, 1).contiguous()",
    "permute": "x.view(100, 10, 1000).permute(2, 0, 1).contiguous()",
    "expand": "x[:1].expand(1000, 1000).contiguous()",
    "repeat": "x[:100].repeat(10, 1)",
    "tile": "T.tile(x[:100], (10, 1))",
    "repeat_interleave": "x[:100].repeat_interleave(10, 0)",
    "unfold": "x.unfold(1, 10, 10).contiguous()",
    "to_double": "x.double()",
    "to_half": "x.half()",
    "to_int": "x.int()",
    "to_bool": "x.bool()",
    "arange": "T.arange(1000000)",
    "linspace": "T.linspace(0, 1, 1000000)",
    "full": "T.full((1000, 1000), 2.0)",
    "rand": "T.rand(1000, 1000)",
    "randn": "T.randn(1000, 1000)",
    "randint": "T.randint(0, 100, (1000, 1000))",
    "bincount": "T.bincount(flat)",
    "bucketize": "T.bucketize(x, edges)",
    "searchsorted": "T.searchsorted(edges, x)",
    "isin": "T.isin(index, rows)",
    "quantile": "T.quantile(x, 0.3, dim=1)",
    "meshgrid": "T.meshgrid(x[0], y[0], indexing='ij')",
    "nll_loss": "F.nll_loss(x, rows)",
    "cross_entropy": "F.cross_entropy(x, rows)",
    "one_hot": "F.one_hot(rows, 1000)",
    "embedding": "F.embedding(rows, x)",
    "linear": "F.linear(x, y, z[0])",
    "layer_norm": "F.layer_norm(x, (1000,), y[0], z[0])",
    "group_norm": "F.group_norm(x.view(10, 100, 1000), 10)",
    "batch_norm": "F.batch_norm(x, y[0], z[0])",
    "instance_norm": "F.instance_norm(x.view(10, 100, 1000))",
    "local_response_norm": "F.local_response_norm(x.view(10, 100, 1000), 5)",
    "prelu": "F.prelu(x, y[0])",
    "pad_constant": "F.pad(x, (1, 1, 1, 1))",
    "pad_reflect": "F.pad(x.view(1, 1000, 1000), (1, 1), mode='reflect')",
    "pad_circular": "F.pad(x.view(1, 1000, 1000), (1, 1), mode='circular')",
    "avg_pool2d": "F.avg_pool2d(image, 2)",
    "max_pool2d": "F.max_pool2d(image, 2)",
    "adaptive_avg_pool2d": "F.adaptive_avg_pool2d(image, 8)",
    "adaptive_max_pool2d": "F.adaptive_max_pool2d(image, 8)",
    "conv1d": "F.conv1d(x.view(10, 100, 1000), filters1, padding=1)",
    "conv2d": "F.conv2d(image, filters2, padding=1)",
    "conv_transpose2d": "F.conv_transpose2d(image, filters2, padding=1)",
    "interpolate_nearest": "F.interpolate(image, scale_factor=2)",
    "interpolate_bilinear": "F.interpolate(image, scale_factor=2, mode='bilinear')",
    "pixel_shuffle": "F.pixel_shuffle(image, 4)",
    "im2col": "F.unfold(image, 3, padding=1)",
    "grid_sample": "F.grid_sample(image, grid, align_corners=False)",
    "attention": "F.scaled_dot_product_attention(heads, heads, heads)",
}  # fmt: skip


def _arguments(name: str) -> tuple[str, list]:
    """``kthvalue:10`` is ``kthvalue`` with a further argument 10."""
    name, *values = name.split(":")
    return name, [float(v) if "." in v else int(v) for v in values]


def _operands(T: Any, make: Inputs) -> dict[str, Any]:
    """Values of (0.05, 0.95), indices and masks, for every expression of ``OTHERS``."""
    random = make.random

    def uniform(*shape: int) -> Any:
        return T.tensor(random.uniform(0.05, 0.95, shape).astype(np.float32)).to(make.device)

    def integers(*shape: int) -> Any:
        return T.tensor(random.integers(0, SIDE, shape)).to(make.device)

    x = uniform(SIDE, SIDE)
    return {
        "T": T, "F": T.nn.functional, "x": x, "y": uniform(SIDE, SIDE), "z": uniform(SIDE, SIDE),
        "mask": x > 0.5, "index": integers(SIDE, SIDE), "rows": integers(SIDE),
        "flat": integers(SIDE * SIDE), "edges": T.linspace(0, 1, 100).to(make.device),
        "image": uniform(4, 64, 64, 64), "filters1": uniform(100, 100, 3),
        "filters2": uniform(64, 64, 3, 3), "grid": uniform(4, 64, 64, 2) * 2 - 1,
        "heads": uniform(4, 8, 256, 128),
    }  # fmt: skip


def _workloads() -> dict[str, Workload]:
    found: dict[str, Workload] = {}

    def register(name: str, setup: Callable) -> None:
        found[f"ops/{name}"] = Workload(f"ops/{name}", "ops", setup)

    def call(where: str, name: str, operands: tuple[str, ...]) -> None:
        name, values = _arguments(name)

        def setup(T: Any, make: Inputs) -> Callable:
            function = getattr(T if where == "T" else T.nn.functional, name)
            held = _operands(T, make)
            arguments = [held[o] for o in operands] + values
            if name == "acosh":
                arguments[0] = arguments[0] + 1
            return lambda: function(*arguments)

        key = name if operands == ("x",) or where == "F" else f"{name}2"
        register(key, setup)

    for name in UNARY:
        call("T", name, ("x",))
    for name in BINARY:
        call("T", name, ("x", "y"))
    for name in ACTIVATIONS:
        call("F", name, ("x",))
    for name in LOSSES:
        call("F", name, ("x", "y"))
    for name, expression in OTHERS.items():

        def setup(T: Any, make: Inputs, expression: str = expression) -> Callable:
            return eval(f"lambda: {expression}", _operands(T, make))

        register(name, setup)
    return found


OP_WORKLOADS = _workloads()
