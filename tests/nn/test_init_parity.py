"""Initial values equal PyTorch's for the same seed, to 2 units in the last place."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

LAYERS = {
    "Linear": (5, 7),
    "Bilinear": (3, 4, 5),
    "Conv1d": (3, 4, 3),
    "Conv2d": (3, 4, (3, 2)),
    "Conv3d": (2, 3, 2),
    "ConvTranspose1d": (3, 4, 3),
    "ConvTranspose2d": (3, 4, 3),
    "ConvTranspose3d": (2, 3, 2),
    "BatchNorm1d": (3,),
    "BatchNorm2d": (3,),
    "BatchNorm3d": (3,),
    "GroupNorm": (2, 4),
    "LayerNorm": ((3, 4),),
    "RMSNorm": (4,),
    "PReLU": (3,),
    "Embedding": (10, 5, 2),
    "EmbeddingBag": (10, 5),
    "RNN": (3, 4, 2),
    "LSTM": (3, 4, 2),
    "GRU": (3, 4, 2),
    "RNNCell": (3, 4),
    "LSTMCell": (3, 4),
    "GRUCell": (3, 4),
    "MultiheadAttention": (8, 2),
    "TransformerEncoderLayer": (8, 2, 16),
    "TransformerDecoderLayer": (8, 2, 16),
    "Transformer": (8, 2, 1, 1, 16),
}


def drawn(library, build, seed=0):
    """The state_dict of what ``build`` makes, and the next random number."""
    library.manual_seed(seed)
    state = build(library.nn).state_dict()
    return {k: v.numpy() for k, v in state.items()}, library.rand(1).numpy()


def assert_same(build, seed=0):
    found, found_next = drawn(gradcore, build, seed)
    expected, expected_next = drawn(torch, build, seed)
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype
        if value.dtype.kind == "f":
            np.testing.assert_array_max_ulp(found[key], value, 2)
        else:
            np.testing.assert_array_equal(found[key], value)
    np.testing.assert_array_equal(found_next, expected_next)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    assert_same(lambda nn: getattr(nn, name)(*LAYERS[name]))


def test_a_network():
    assert_same(
        lambda nn: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(72, 10, bias=False)
        ),
        seed=42,
    )


FUNCTIONS = {
    "uniform_": {"a": -1.0, "b": 2.0},
    "normal_": {"mean": 1.0, "std": 0.5},
    "constant_": {"val": 0.3},
    "ones_": {},
    "zeros_": {},
    "eye_": {},
    "xavier_uniform_": {"gain": 2.0},
    "xavier_normal_": {},
    "kaiming_uniform_": {"mode": "fan_out", "nonlinearity": "relu"},
    "kaiming_normal_": {"a": 0.1},
    "trunc_normal_": {"std": 1.5},
    "sparse_": {"sparsity": 0.4},
}


def filled(library, name, options):
    library.manual_seed(3)
    tensor = library.empty(9, 7)
    assert getattr(library.nn.init, name)(tensor, **options) is tensor
    return tensor.numpy()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    found = filled(gradcore, name, FUNCTIONS[name])
    np.testing.assert_array_max_ulp(found, filled(torch, name, FUNCTIONS[name]), 2)


def test_orthogonal():
    """The factorisation is LAPACK's in both, but not the same build of it."""
    found, expected = filled(gradcore, "orthogonal_", {}), filled(torch, "orthogonal_", {})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.T @ found, np.eye(7), atol=1e-5)


def test_dirac():
    for groups in (1, 2):
        found, expected = gradcore.empty(4, 3, 3, 3), torch.empty(4, 3, 3, 3)
        gradcore.nn.init.dirac_(found, groups)
        torch.nn.init.dirac_(expected, groups)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("name", "param"),
    [("linear", None), ("conv2d", None), ("tanh", None), ("relu", None), ("selu", None),
     ("leaky_relu", None), ("leaky_relu", 0.2), ("sigmoid", None)],
)  # fmt: skip
def test_gains(name, param):
    expected = torch.nn.init.calculate_gain(name, param)
    assert gradcore.nn.init.calculate_gain(name, param) == expected


def test_errors():
    init = gradcore.nn.init
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.xavier_uniform_(gradcore.empty(3))
    with pytest.warns(FutureWarning, match="`nn.init.xavier_normal` is now deprecated"):
        init.xavier_normal(gradcore.empty(3, 3))
