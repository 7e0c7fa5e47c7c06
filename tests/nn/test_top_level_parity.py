"""What PyTorch has as ``torch.f`` beside ``torch.nn.functional.f``, and ``torch.nn.grad``."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

CALLS = [

    "T.convolution(T.ones(1, 1, 3), T.ones(1, 1, 2), None, (1,), (0,), (1,), False, (0,), 1)",
    "T.convolution(T.ones(1, 2, 3), T.ones(2, 1, 2), None, (2,), (0,), (1,), True, (1,), 2)",
    "T.kl_div(x.log(), y + .1)", "T.kl_div(x.log(), y + .1, 1)", "T.kl_div(x.log(), y + .1, 2)",
    "T.kl_div(x.log(), y + .1, 0, log_target=True)", "T.kl_div(x.log(), y, 7)",
    "T.binary_cross_entropy_with_logits(x, y)",
    "T.binary_cross_entropy_with_logits(x, y, x, T.tensor([1., 2, 3]), 1)",
    "T.cosine_embedding_loss(x, y, T.tensor([1., -1]), .1)",
    "T.hinge_embedding_loss(x, y * 2 - 1, .5, 2)", "T.margin_ranking_loss(x, y, y * 2 - 1, .1, 1)",
    "T.poisson_nll_loss(x, y, True, False, 1e-8, 1)",
    "T.poisson_nll_loss(x, y, False, True, 1e-8, 0)", "T.triplet_margin_loss(x, y, x + 1)",
    "T.triplet_margin_loss(x, y, x + 1, 1., 2., 1e-6, True, 2)",
    "T.ctc_loss(p, T.tensor([[1, 2], [2, 1]]), (4, 4), (2, 2))",
    "T.ctc_loss(p, T.tensor([[1, 2], [2, 1]]), T.tensor([4, 4]), T.tensor([2, 2]), 0, 1)",
    "T.affine_grid_generator(T.tensor([[[1., 0, 0], [0, 1, 0]]]), (1, 1, 2, 2), False)",
    "T.grid_sampler(x.reshape(1, 1, 2, 3), T.zeros(1, 1, 1, 2), 0, 0, False)",
    "T.grid_sampler_2d(x.reshape(1, 1, 2, 3), T.zeros(1, 1, 1, 2) + .3, 1, 2, True)",
    "T.embedding_renorm_(w, T.tensor([1, 3]), 5., 2.)",
    "T.conv_tbc(T.ones(3, 2, 3), w.reshape(2, 3, 2), T.zeros(2), 1)",
    "T.nn.functional.conv_tbc(T.ones(3, 2, 3), w.reshape(2, 3, 2), T.ones(2))",
    "T.lstm_cell(x, (h, h), w8, v8, w8[:, 0], v8[:, 0])", "T.lstm_cell(x, (h, h), w8, v8)",
    "T.gru_cell(x, h, w8[:6], v8[:6], w8[:6, 0], v8[:6, 1])", "T.gru_cell(x, h, w8[:6], v8[:6])",
    "T.rnn_tanh_cell(x, h, w8[:2], v8[:2])",
    "T.rnn_relu_cell(x, h, w8[:2], v8[:2], w8[:2, 0], v8[:2, 0])", "T.dropout_(x, .5, False)",
    "T.alpha_dropout_(x, .5, False)", "T.feature_dropout_(x, .5, False)", "T.dropout_(x, 1., True)",
    "T.feature_alpha_dropout_(x, .5, False)",
]  # fmt: skip

REFUSED = [
    "T.conv_tbc(T.ones(5, 2), T.ones(2, 3, 4), T.zeros(4))",
    "T.conv_tbc(T.ones(5, 2, 3), T.ones(2, 3), T.zeros(4))",
    "T.conv_tbc(T.ones(5, 2, 3), T.ones(2, 3, 4), T.zeros(4, 1))",
    "T.conv_tbc(T.ones(5, 2, 3), T.ones(2, 2, 4), T.zeros(4))",
    "T.conv_tbc(T.ones(5, 2, 3), T.ones(2, 3, 4), T.zeros(3))",
]


LAYERS = [
    ("LSTM", "lstm", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", "lstm", {"proj_size": 2, "batch_first": True}),
    ("LSTM", "lstm", {"bias": False}),
    ("GRU", "gru", {"num_layers": 2}),
    ("RNN", "rnn_tanh", {"bidirectional": True, "batch_first": True}),
    ("RNN", "rnn_relu", {"nonlinearity": "relu"}),
]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("kind", "name", "options"), LAYERS)
@pytest.mark.parametrize("packed", [False, True])
def test_recurrent_layers(kind, name, options, packed):
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(3, 4, **options)
    directions = layer.num_layers * (1 + layer.bidirectional)
    x = np.random.default_rng(0).standard_normal((6, 3) if packed else (2, 2, 3))
    sizes = [layer.proj_size or 4, 4][: 2 if kind == "LSTM" else 1]
    states = [np.full((directions, 2, n), 0.1, np.float32) for n in sizes]
    rest = (layer.bias, layer.num_layers, 0.0, True, layer.bidirectional)
    results = []
    for package in (torch, gradcore):
        params = [package.tensor(p.detach().numpy()) for p in layer._flat_weights]
        hx = tuple(package.tensor(s) for s in states)
        hx = hx if kind == "LSTM" else hx[0]
        data = package.tensor(x.astype(np.float32))
        if packed:
            out = getattr(package, name)(data, package.tensor([2, 2, 1, 1]), hx, params, *rest)
        else:
            out = getattr(package, name)(data, hx, params, *rest, layer.batch_first)
        results.append([r.numpy() for r in out])
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def evaluate(package, expression):
    def linspace(*shape):
        return package.linspace(-1, 1, int(np.prod(shape))).reshape(shape)

    names = {
        "T": package,
        "x": package.tensor([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4]]),
        "y": package.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        "w": package.arange(12.0).reshape(4, 3),
        "p": linspace(4, 2, 3).log_softmax(-1),
        "h": package.tensor([[0.5, -0.5], [0.25, 0.0]]),
        "w8": linspace(8, 3),
        "v8": linspace(8, 2),
    }
    result = eval(expression, names)
    return [r.numpy() for r in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("expression", CALLS)
def test_values(expression):
    pairs = zip(evaluate(gradcore, expression), evaluate(torch, expression), strict=True)
    for got, expected in pairs:
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals(expression):
    with pytest.raises(RuntimeError) as expected:
        evaluate(torch, expression)
    with pytest.raises(RuntimeError) as got:
        evaluate(gradcore, expression)
    assert str(got.value) == str(expected.value)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)]
)
def test_gradients_of_convolutions(n, stride, padding, dilation, groups):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, *[7] * n)), rng.standard_normal((2, 4 // groups, *[3] * n))
    how = (stride, padding, dilation, groups)
    results = []
    for package in (torch, gradcore):
        images, weight = package.tensor(x), package.tensor(w)
        out = getattr(package, f"conv{n}d")(images, weight, None, *how)
        grad = package.arange(float(out.numel()), dtype=package.float64).reshape(out.shape)
        by_input = getattr(package.nn.grad, f"conv{n}d_input")(x.shape, weight, grad, *how)
        by_weight = getattr(package.nn.grad, f"conv{n}d_weight")(images, w.shape, grad, *how)
        results.append((by_input.numpy(), by_weight.numpy()))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9)
