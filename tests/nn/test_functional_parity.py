"""Functions of nn.functional against PyTorch: values and gradients of the same inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")


def drawn(*shape, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape)


def outputs(library, arrays, call):
    """The results of ``call(F, *tensors)`` and the gradients of their weighted sum."""
    tensors = [library.tensor(a) for a in arrays]
    inputs = [t.requires_grad_() for t in tensors if t.is_floating_point()]
    results = call(library.nn.functional, *tensors)
    results = results if isinstance(results, tuple) else (results,)
    results = [r for r in results if r is not None]
    total = 0
    for r in results:
        if r.requires_grad:
            weights = library.tensor(np.cos(np.arange(r.numel())).reshape(r.shape))
            total = total + (r * weights).sum()
    if inputs and not isinstance(total, int):
        total.backward()
    gradients = [t.grad for t in inputs]
    return [r.detach().numpy() for r in results], [
        None if g is None else g.numpy() for g in gradients
    ]


def assert_same(call, *arrays, tolerance=1e-9):
    found, found_grads = outputs(gradcore, arrays, call)
    expected, expected_grads = outputs(torch, arrays, call)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    for a, b in zip(found_grads, expected_grads, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------------- resampling

SIZES = [{"size": (7, 3)}, {"scale_factor": 1.7}, {"scale_factor": (0.6, 2.0)}]


@pytest.mark.parametrize("options", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("align", [False, True])
def test_interpolate(mode, options, align):
    extra = dict(options)
    if mode in ("bilinear", "bicubic"):
        extra["align_corners"] = align
    assert_same(lambda F, x: F.interpolate(x, mode=mode, **extra), drawn(2, 3, 5, 6))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 2), (9, 11), (5, 3)])
def test_interpolate_with_antialias(mode, size):
    assert_same(lambda F, x: F.interpolate(x, size, mode=mode, antialias=True), drawn(1, 2, 9, 8))


@pytest.mark.parametrize("recompute", [False, True])
def test_interpolate_of_lines_and_volumes(recompute):
    options = {"scale_factor": 1.3, "recompute_scale_factor": recompute}
    assert_same(lambda F, x: F.interpolate(x, mode="linear", **options), drawn(2, 3, 7))
    assert_same(lambda F, x: F.interpolate(x, mode="trilinear", **options), drawn(1, 2, 4, 5, 3))


GRIDS = list(
    itertools.product(
        ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
    )
)


@pytest.mark.parametrize(("mode", "padding", "align"), GRIDS)
def test_grid_sample(mode, padding, align):
    options = {"mode": mode, "padding_mode": padding, "align_corners": align}
    grid = drawn(2, 4, 3, 2, seed=1, low=-1.6, high=1.6)
    assert_same(lambda F, x, g: F.grid_sample(x, g, **options), drawn(2, 3, 5, 6), grid)
    if mode != "bicubic":
        volume, points = drawn(1, 2, 3, 4, 5), drawn(1, 2, 3, 2, 3, seed=1, low=-1.4, high=1.4)
        assert_same(lambda F, x, g: F.grid_sample(x, g, **options), volume, points)


@pytest.mark.parametrize("align", [False, True])
def test_affine_grid(align):
    assert_same(lambda F, t: F.affine_grid(t, (2, 3, 4, 5), align), drawn(2, 2, 3))
    assert_same(lambda F, t: F.affine_grid(t, (1, 3, 2, 4, 5), align), drawn(1, 3, 4))


# ---------------------------------------------------------------------------- windows


def test_fold_and_unfold():
    options = {"dilation": (2, 1), "padding": (1, 2), "stride": (2, 1)}
    assert_same(lambda F, x: F.unfold(x, (3, 2), **options), drawn(2, 3, 7, 6))
    assert_same(lambda F, x: F.unfold(x, 2), drawn(3, 7, 6))
    assert_same(lambda F, x: F.fold(x, (5, 4), (2, 3), stride=(1, 1)), drawn(2, 12, 8))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_max_pool_and_unpool(n):
    def there_and_back(F, x):
        pooled, where = getattr(F, f"max_pool{n}d")(x, 2, return_indices=True)
        return getattr(F, f"max_unpool{n}d")(pooled, where, 2, output_size=x.shape), pooled

    assert_same(there_and_back, drawn(*(2, 3, 7, 5, 4)[: n + 2]))


def test_adaptive_and_norm_pooling():
    x = drawn(2, 3, 7, 5)
    assert_same(lambda F, x: F.adaptive_max_pool2d(x, (3, 2)), x)
    assert_same(lambda F, x: F.adaptive_avg_pool2d(x, (3, 8)), x)
    assert_same(lambda F, x: F.lp_pool2d(x, 2.5, 2, stride=1), np.abs(x) + 0.1)
    samples = drawn(2, 3, 2, seed=3, low=0)
    assert_same(
        lambda F, x, s: F.fractional_max_pool2d(
            x, (2, 3), output_size=(4, 2), _random_samples=s.detach()
        ),
        x,
        samples,
    )


# -------------------------------------------------------------------------- attention


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal):
    q, k, v = drawn(2, 3, 4, 6), drawn(2, 3, 5, 6, seed=1), drawn(2, 3, 5, 7, seed=2)
    assert_same(
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal), q, k, v
    )


def test_attention_with_masks():
    q, k, v = drawn(2, 3, 4, 6), drawn(2, 3, 5, 6, seed=1), drawn(2, 3, 5, 7, seed=2)
    allowed = drawn(4, 5, seed=3) > -0.3
    allowed[2] = False  # a query that may see nothing gets zeros
    assert_same(lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), q, k, v, allowed)
    assert_same(
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
        q,
        k,
        v,
        drawn(2, 1, 4, 5, seed=4),
    )


def test_attention_of_grouped_heads():
    q, k, v = drawn(2, 4, 3, 5), drawn(2, 2, 6, 5, seed=1), drawn(2, 2, 6, 5, seed=2)
    assert_same(
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), q, k, v
    )


# ----------------------------------------------------------------------------- losses


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc(reduction, zero_infinity):
    targets = np.array([[1, 2, 2], [3, 1, 0], [1, 1, 1]])

    def loss(F, scores, targets):
        lengths = ([6, 5, 4], [3, 2, 3])
        return F.ctc_loss(
            scores.log_softmax(2), targets, *lengths,
            reduction=reduction, zero_infinity=zero_infinity,
        )  # fmt: skip

    scores = drawn(6, 3, 4)
    if not zero_infinity:
        targets[2] = [1, 2, 3]  # 4 steps are too few for three times the same label
    assert_same(loss, scores, targets)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_cross_entropy(smoothing, reduction):
    options = {"label_smoothing": smoothing, "reduction": reduction}
    scores, weight = drawn(3, 4, 5), drawn(4, seed=1, low=0.5, high=2)
    classes = np.random.default_rng(2).integers(0, 4, (3, 5))
    classes[0, 0] = -100
    assert_same(
        lambda F, x, t, w: F.cross_entropy(x, t, w.detach(), **options), scores, classes, weight
    )
    shares = drawn(3, 4, 5, seed=3, low=0)
    assert_same(lambda F, x, t: F.cross_entropy(x, t, **options), scores, shares)


@pytest.mark.parametrize("p", [1, 2])
def test_margins(p):
    x, classes = drawn(4, 5), np.array([0, 3, 4, 1])
    assert_same(lambda F, x, t: F.multi_margin_loss(x, t, p=p, margin=0.7), x, classes)
    listed = np.array([[0, 3, -1, 1, 2], [4, -1, 0, 0, 0], [-1, 0, 0, 0, 0], [1, 2, 3, 4, 0]])
    assert_same(lambda F, x, t: F.multilabel_margin_loss(x, t, reduction="none"), x, listed)
    triplet = [drawn(4, 3, seed=i) for i in range(3)]
    assert_same(lambda F, a, b, c: F.triplet_margin_loss(a, b, c, p=p, swap=True), *triplet)


# --------------------------------------------------------------------------- embedding


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_embedding_bag(mode, padding_idx):
    table, flat = drawn(6, 3), np.array([1, 2, 4, 2, 2, 5, 0])
    starts = np.array([0, 2, 2, 3, 5])

    def bags(F, table, flat, starts):
        return F.embedding_bag(flat, table, starts, mode=mode, padding_idx=padding_idx)

    assert_same(bags, table, flat, starts)
    square = np.array([[1, 2], [2, 2], [0, 5]])
    assert_same(
        lambda F, t, i: F.embedding_bag(i, t, mode=mode, padding_idx=padding_idx), table, square
    )


def test_embedding_bag_with_weights():
    def bags(F, table, flat, weights):
        return F.embedding_bag(flat, table, mode="sum", per_sample_weights=weights)

    assert_same(bags, drawn(6, 3), np.array([[1, 2], [2, 2], [0, 5]]), drawn(3, 2, seed=1))


# ------------------------------------------------------------------------- the others


def test_distances():
    pair = drawn(4, 3), drawn(4, 3, seed=1)
    assert_same(lambda F, x: F.pdist(x, 3.0), pair[0])
    assert_same(lambda F, a, b: F.pairwise_distance(a, b, 1.0, keepdim=True), *pair)
    assert_same(lambda F, a, b: F.cosine_similarity(a, b, 0), *pair)
    assert_same(lambda F, x: F.normalize(x, 3.0, -1), pair[0])


def test_bilinear():
    arrays = drawn(2, 4, 3), drawn(2, 4, 5, seed=1), drawn(6, 3, 5, seed=2), drawn(6, seed=3)
    assert_same(lambda F, *tensors: F.bilinear(*tensors), *arrays)


def test_norms():
    x, weight, bias = drawn(3, 6, 4), drawn(6, seed=1), drawn(6, seed=2)
    assert_same(lambda F, x, w, b: F.group_norm(x, 3, w, b), x, weight, bias)
    assert_same(lambda F, x, w, b: F.instance_norm(x, weight=w, bias=b), x, weight, bias)
    assert_same(lambda F, x, w: F.rms_norm(x, (4,), w), x, drawn(4, seed=1))
    assert_same(lambda F, x: F.local_response_norm(x, 3, 0.1, 0.6, 2.0), x)


def test_gumbel_softmax_is_one_hot_where_hard():
    gradcore.manual_seed(0)
    scores = gradcore.tensor(drawn(50, 4), requires_grad=True)
    hard = gradcore.nn.functional.gumbel_softmax(scores, hard=True)
    assert set(hard.detach().numpy().round(6).ravel().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(hard.detach().sum(1), 1.0)
    (hard * gradcore.tensor(drawn(50, 4, seed=1))).sum().backward()
    assert float(scores.grad.abs().sum()) > 0


def test_alpha_dropout_keeps_mean_and_variance():
    gradcore.manual_seed(0)
    x = gradcore.randn(200, 500)
    for drop in (
        gradcore.nn.functional.alpha_dropout,
        gradcore.nn.functional.feature_alpha_dropout,
    ):
        out = drop(x, 0.3, training=True)
        assert abs(float(out.mean())) < 0.02
        assert abs(float(out.std()) - 1) < 0.02
        assert drop(x, 0.3, training=False) is x
