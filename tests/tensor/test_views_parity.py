"""Views, their copies and scatters, and in-place writes against PyTorch."""

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

VIEWS = [
    "x.view(6, 4)", "x.view((2, -1))", "x.view(-1)", "x.reshape(4, 3, 2)", "x.flatten(1)",
    "x.unflatten(2, (2, -1))", "x.ravel()", "x.squeeze()", "o.squeeze(1)", "o.squeeze((0, 1))",
    "x.unsqueeze(-1)", "x.transpose(0, -1)", "x.swapaxes(0, 1)", "x[0].t()", "x[0].T", "x.mT",
    "x.permute(2, 0, 1)", "x.movedim(0, -1)", "x.moveaxis((0, 1), (2, 0))", "o.expand(2, 5, 3)",
    "o.expand(-1, 4, -1)", "o.expand_as(T.ones(2, 2, 3))", "o.broadcast_to((7, 2, 1, 3))",
    "x.select(1, -1)", "x.narrow(2, 1, 2)", "x.narrow(0, -1, 1)", "x.diagonal(1, 1, 2)",
    "x.unfold(2, 2, 1)", "x.split(2, 1)", "x.split([1, 2], 1)", "x.chunk(3, 2)", "x.unbind(1)",
    "x.tensor_split(3, 2)", "x.tensor_split((1, 3), 2)", "x.hsplit(3)", "x.vsplit(2)",
    "x.dsplit([1, 2])", "x.view_as(T.ones(4, 6))", "x.as_strided((2, 2), (1, 2), 3)",
    "x.unsafe_split(2, 1)", "x.unsafe_chunk(2, 2)", "x.unsafe_split_with_sizes([1, 3], 2)",
    "x.view(T.int32)", "T.view_as_real(c)", "T.view_as_complex(x.view(3, 4, 2))", "c.real",
]  # fmt: skip

COPIES = [
    "T.alias_copy(x)", "T.as_strided_copy(x, (2, 2), (1, 2))", "T.detach_copy(x)",
    "T.diagonal_copy(x, 1)", "T.expand_copy(o, (2, 4, 3))", "T.narrow_copy(x, 1, 0, 2)",
    "x.narrow_copy(2, 1, 2)", "T.permute_copy(x, (2, 0, 1))", "T.select_copy(x, 1, 1)",
    "T.slice_copy(x, 2, 1, None, 2)", "T.split_copy(x, 2, 1)",
    "T.split_with_sizes_copy(x, [1, 2], 1)", "T.squeeze_copy(o)", "T.squeeze_copy(o, 1)",
    "T.t_copy(x[0])", "T.transpose_copy(x, 0, 1)", "T.unbind_copy(x, 1)",
    "T.unfold_copy(x, 2, 2, 1)", "T.unsqueeze_copy(x, 0)", "T.view_copy(x, (6, 4))",
    "T.view_as_real_copy(c)", "T.select_scatter(x, T.zeros(2, 4), 1, 0)",
    "x.slice_scatter(T.zeros(2, 3, 2), 2, 0, 4, 2)", "x.diagonal_scatter(T.zeros(4, 2))",
    "T.as_strided_scatter(x, T.zeros(2, 2), (2, 2), (5, 3), 1)",
]  # fmt: skip

WRITES = [
    "x.zero_()", "x.fill_(3)", "x.fill_(T.tensor(2.5))", "x.copy_(o[:, 0, :1].reshape(2, 1, 1))",
    "x.transpose(0, 1).mul_(2)", "x[:, 1].add_(1)", "x[0].fill_diagonal_(7)",
    "x.diagonal().zero_()", "x.masked_fill_(x > 0, 1)", "x.index_fill_(1, T.tensor([0]), 5)",
    "x.view(-1)[3:5].copy_(T.tensor([8., 9.]))", "x.unfold(2, 2, 2).add_(1)", "x.squeeze_()",
    "x.transpose_(0, 1)", "x.unsqueeze_(0)", "x.swapdims_(1, 2)", "x.tril_()",
    "x.scatter_(2, T.zeros(2, 3, 1, dtype=T.int64), 4)", "x.clamp_(0, 1)",
    "x.put_(T.tensor([0, -1]), T.tensor([1., 2.]))", "x.unsafe_split(1, 0)[0].mul_(3)",
    "x.expand(2, 3, 4).mul_(2)", "x.set_(o)", "x.set_(o, 1, (2, 2))",
    "x.set_(o, 0, (2, 2), (1, 2))", "x.set_()", "x.set_(c)", "x.resize_(2, 2)",
    "x.resize_as_(o)", "x.resize_(-1)",
]  # fmt: skip

WRONG = [
    "x.view(5, 5)", "x.view(-1, -1)", "x.view(-2, 12)", "x.transpose(0, 1).view(-1)",
    "x.reshape(7)", "x.squeeze(3)", "x.unsqueeze(5)", "x.transpose(0, 3)", "x.t()",
    "x.permute(0, 1)", "x.permute(0, 0, 1)", "x.movedim(0, (1, 2))", "x.movedim((0, 0), (1, 2))",
    "x.expand(3, 3, 4)", "x.expand(3, 4)", "x.expand(-1, 2, 3, 4)", "x.select(0, 2)",
    "x.select(3, 0)", "x.narrow(0, 1, 2)", "x.narrow(0, 0, -1)", "x.narrow(0, 5, 1)",
    "x.diagonal(0, 1, 1)", "x.unfold(0, 3, 1)", "x.unfold(0, 1, 0)", "x.split(-1)",
    "x.split([1, 2])", "x.chunk(0)", "x.unbind(3)", "x.tensor_split(0)", "x.hsplit(2)",
    "x.as_strided((9, 9), (9, 1))", "x.as_strided((2,), (1, 1))", "x.as_strided((2,), (-1,))",
    "x.unflatten(2, (3, -1))", "x.flatten(2, 1)", "x.fill_(x)", "x.copy_(T.ones(5))",
    "T.view_as_complex(x[..., :3])", "T.view_as_real(x)", "x.narrow_copy(0, 1, 2)",
    "T.select_scatter(x, T.zeros(3), 0, 0)", "x.diagonal_scatter(T.zeros(2))",
    "T.slice_scatter(x, T.zeros(1), 0, 0, 1)", "o.expand(2, 5, 3).add_(1)", "x.squeeze(0, 1)",
    "x.view('a')", "x.permute('a')", "x.transpose(0)", "x[0, 0].fill_diagonal_(1)",
]  # fmt: skip

ARRAYS = {
    "x": np.random.default_rng(0).uniform(-2, 2, (2, 3, 4)).astype(np.float32),
    "o": np.random.default_rng(1).uniform(-2, 2, (2, 1, 3)).astype(np.float32),
    "c": np.array([1 + 2j, 3 - 1j], np.complex64),
}


def run(text, T, after=None):
    """What an expression gives, and then ``after(names, results)``; or the error."""
    names = {name: T.tensor(array) for name, array in ARRAYS.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = eval(text, {"T": T, **names})
            results = list(result) if isinstance(result, (tuple, list)) else [result]
            return after(names, results)
        except Exception as error:
            return error


def check(text, after):
    expected, found = run(text, torch, after), run(text, gradcore, after)
    assert type(found) is type(expected), found
    assert not isinstance(expected, Exception) or text in (*WRONG, *WRITES), expected
    if not isinstance(expected, Exception):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def described(names, results):
    """Values, sizes, offsets, and the strides of dimensions that have more than one place."""
    facts = []
    for r in results:
        steps = [step for n, step in zip(r.shape, r.stride(), strict=True) if n > 1]
        facts += [r.numpy(), r.shape, r.storage_offset(), steps]
    return facts


@pytest.mark.parametrize("text", [v for v in VIEWS if "unsafe" not in v])
def test_views(text):
    check(text, described)


# Where elements share memory PyTorch leaves open what a write does.
SHARED = ("T.int32", ".expand", "broadcast", "unfold(2, 2, 1)")


@pytest.mark.parametrize("text", [v for v in VIEWS if not any(name in v for name in SHARED)])
def test_writing_into_views_reaches_the_base(text):
    def write(names, results):
        results[0].mul_(3)
        return [names[name].numpy() for name in ARRAYS]

    check(text, write)


@pytest.mark.parametrize("text", COPIES)
def test_copies_share_nothing(text):
    def write(names, results):
        values = [r.numpy().copy() for r in results]
        for r in results:
            r.zero_()
        return [*values, *(names[name].numpy() for name in ARRAYS)]

    check(text, write)


@pytest.mark.parametrize("text", WRITES)
def test_writes(text):
    check(text, lambda names, results: [names["x"].numpy(), names["x"].stride(), *results])


@pytest.mark.parametrize("text", WRONG)
def test_errors(text):
    check(text, lambda names, results: results)


@pytest.mark.parametrize("text", [t for t in VIEWS + COPIES if t[0] != "c" and "detach" not in t
                                  and "int32" not in t and "(c)" not in t])  # fmt: skip
def test_gradients(text):
    def gradients(T):
        names = {name: T.tensor(array) for name, array in ARRAYS.items() if name != "c"}
        leaves = [leaf.requires_grad_() for leaf in names.values()]
        result = eval(text, {"T": T, **names})
        parts = result if isinstance(result, (tuple, list)) else [result]
        total = 0
        for k, part in enumerate(parts):
            part = T.view_as_real(part) if part.is_complex() else part
            weight = T.arange(part.numel(), dtype=T.float32).reshape(part.shape) + k
            total = total + (part * part * weight).sum()
        total.backward()
        return [leaf.grad if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]

    for a, b in zip(gradients(gradcore), gradients(torch), strict=True):
        assert (a is None) == (b is None)
        if a is not None and "as_strided_scatter" not in text:  # PyTorch's is wrong there
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_unsafe_pieces_may_be_written():
    x = gradcore.ones(4, requires_grad=True)
    y = x * 1
    with pytest.raises(RuntimeError, match="multiple views"):
        y.split(2)[0].mul_(2)
    y.unsafe_split(2)[0].mul_(2)


def test_nested_views_catch_up_after_a_write_to_the_base():
    x = gradcore.ones(3, 4, requires_grad=True)
    y = x * 1
    row = y[1].view(2, 2)
    y.mul_(3)
    row.t()[0].mul_(2)
    y.sum().backward()
    expected = np.full((3, 4), 3, np.float32)
    expected[1, [0, 2]] = 6
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_copies_between_overlapping_parts():
    x = gradcore.arange(10)
    with pytest.raises(RuntimeError, match="single memory location"):
        x[1:].copy_(x[:-1])
    x[:5].copy_(x[5:])
    assert x.tolist() == [5, 6, 7, 8, 9, 5, 6, 7, 8, 9]


def test_large_copies_between_interleaved_parts():
    """Threads would each see half of the overlap."""
    x = gradcore.arange(800_000).view(2, -1)
    x[:, 1:].copy_(x[:, :-1])
    assert x[0, :3].tolist() == [0, 0, 1]
    assert x[0, -1].item() == 399_998
