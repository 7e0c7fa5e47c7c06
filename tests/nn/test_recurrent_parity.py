"""Recurrent layers, packed sequences, attention and lazy layers as modules, against PyTorch."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")


def pair(build):
    """The same module in both libraries, in float64, with PyTorch's values."""
    theirs, ours = build(torch.nn).double(), build(gradcore.nn).double()
    state = {k: gradcore.tensor(v.numpy()) for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state)
    return ours, theirs


def values(result):
    """All tensors in nested tuples, as arrays."""
    if isinstance(result, (tuple, list)):
        return list(itertools.chain.from_iterable(map(values, result)))
    return [] if result is None else [result.detach().numpy()]


def total(library, result):
    if isinstance(result, (tuple, list)):
        parts = [total(library, r) for r in result if r is not None]
        return sum(p for p in parts if p is not None)
    if not result.requires_grad:
        return None
    weights = library.tensor(np.cos(np.arange(result.numel())).reshape(result.shape))
    return (result * weights).sum()


def assert_same(ours, theirs, call):
    found, expected = call(gradcore, ours), call(torch, theirs)
    for a, b in zip(values(found), values(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    total(gradcore, found).backward()
    total(torch, expected).backward()
    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), 1e-7, 1e-9, err_msg=name)


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape)


KINDS = ("RNN", "LSTM", "GRU")
OPTIONS = [
    {"num_layers": 2, "bidirectional": True},
    {"batch_first": True, "bias": False},
    {"bidirectional": True, "batch_first": True},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_layers(kind, options):
    ours, theirs = pair(lambda nn: getattr(nn, kind)(3, 4, **options))
    assert_same(ours, theirs, lambda lib, net: net(lib.tensor(drawn(5, 2, 3))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", [False, True])
def test_packed_sequences(kind, sort):
    ours, theirs = pair(lambda nn: getattr(nn, kind)(3, 4, 2, bidirectional=True))
    lengths = [5, 3, 1] if sort else [3, 5, 1]

    def run(lib, net):
        utils = lib.nn.utils.rnn
        x = lib.tensor(drawn(5, 3, 3))
        packed = utils.pack_padded_sequence(x, lengths, enforce_sorted=sort)
        output, state = net(packed)
        padded, sizes = utils.pad_packed_sequence(output)
        return padded, sizes, state, output.data, output.batch_sizes

    assert_same(ours, theirs, run)


def test_projections_and_given_states():
    ours, theirs = pair(lambda nn: nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True))

    def run(lib, net):
        states = lib.tensor(drawn(4, 2, 2)), lib.tensor(drawn(4, 2, 5))
        return net(lib.tensor(drawn(3, 2, 3)), states)

    assert_same(ours, theirs, run)


@pytest.mark.parametrize("kind", KINDS)
def test_cells(kind):
    ours, theirs = pair(lambda nn: getattr(nn, f"{kind}Cell")(3, 4))
    assert_same(ours, theirs, lambda lib, net: net(lib.tensor(drawn(2, 3))))


def test_padding_and_packing_lists():
    def run(lib):
        utils = lib.nn.utils.rnn
        sequences = [lib.tensor(drawn(n, 2)) for n in (2, 4, 3)]
        packed = utils.pack_sequence(sequences, enforce_sorted=False)
        left = utils.pad_sequence(sequences, True, -1.0, padding_side="left")
        return [*utils.unpack_sequence(packed), left, packed.data, packed.sorted_indices]

    for a, b in zip(values(run(gradcore)), values(run(torch)), strict=True):
        np.testing.assert_array_equal(a, b)


# -------------------------------------------------------------------------- attention


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"kdim": 3, "vdim": 5}, {"add_bias_kv": True, "add_zero_attn": True}], ids=str
)
def test_multihead_attention(need_weights, options):
    ours, theirs = pair(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True, **options))
    hidden = np.array([[False, False, True], [False, False, False]])

    def run(lib, net):
        q = lib.tensor(drawn(2, 4, 8))
        k = lib.tensor(drawn(2, 3, options.get("kdim", 8)))
        v = lib.tensor(drawn(2, 3, options.get("vdim", 8)))
        mask = lib.tensor(hidden)
        return net(q, k, v, key_padding_mask=mask, need_weights=need_weights)

    assert_same(ours, theirs, run)


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer(norm_first):
    ours, theirs = pair(
        lambda nn: nn.Transformer(
            8, 2, 1, 2, 16, dropout=0.0, activation="gelu", norm_first=norm_first,
            custom_encoder=nn.TransformerEncoder(
                nn.TransformerEncoderLayer(8, 2, 16, 0.0, norm_first=norm_first), 2,
                enable_nested_tensor=False,
            ),
        )
    )  # fmt: skip

    def run(lib, net):
        mask = lib.nn.Transformer.generate_square_subsequent_mask(4, dtype=lib.float64)
        return net(lib.tensor(drawn(5, 2, 8)), lib.tensor(drawn(4, 2, 8)), tgt_mask=mask)

    assert_same(ours, theirs, run)


# ------------------------------------------------------------------------ lazy layers

LAZY = {
    "LazyLinear": ((5,), (2, 3)),
    "LazyConv2d": ((4, 3), (2, 3, 6, 5)),
    "LazyConvTranspose1d": ((4, 3), (2, 3, 6)),
    "LazyBatchNorm2d": ((), (4, 3, 2, 2)),
    "LazyInstanceNorm1d": ((), (2, 3, 5)),
}


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers(name):
    args, shape = LAZY[name]

    def run(lib):
        lib.manual_seed(0)
        net = getattr(lib.nn, name)(*args)
        before = repr(net), type(net).__name__
        out = net(lib.tensor(drawn(*shape).astype("f")))
        return (*before, repr(net), type(net).__name__, list(net.state_dict())), out

    found, out = run(gradcore)
    expected, theirs = run(torch)
    assert found == expected
    np.testing.assert_allclose(out.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_lazy_parameters_refuse_to_be_used():
    net = gradcore.nn.LazyLinear(3)
    assert copy.deepcopy(net).has_uninitialized_params()
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        net.weight + 1
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = net.weight.shape
    assert net.double().weight.dtype == gradcore.float64
    loaded = gradcore.nn.LazyLinear(3)
    loaded.load_state_dict(gradcore.nn.Linear(2, 3).state_dict())
    assert loaded(gradcore.ones(1, 2)).shape == (1, 3)
