"""``tensor[index]`` and ``tensor[index] = value`` against PyTorch: values, views, errors."""

import random
import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

SHAPE = (3, 4, 5)

KEYS = [
    "0", "-1", "()", "...", "None", "1:", ":, ::2", "..., 1", "None, 1, :, None", "1, 2, 3",
    ":, -1, 1:4:2", "True", "False", "T.tensor(2)", "T.tensor([0, 2, 2])", "[0, -1]", "[[0, 1]]",
    "T.tensor([[0, 1], [2, 2]])", ":, T.tensor([3, 0])", "T.tensor([0, 2]), :, T.tensor([1, 4])",
    "T.tensor([0, 2]), T.tensor([1, 3])", "0, T.tensor([1, 3])", "T.tensor([1, 0]), 0, 2:",
    "T.tensor([[0], [2]]), T.tensor([1, 3])", "..., T.tensor([0, 0, 1])", "range(2)",
    "T.tensor([True, False, True])", "T.ones(3, 4, dtype=T.bool)", "T.ones(3, 4, 5) > 0",
    "T.zeros(3, 4, 5) > 0", ":, T.tensor([True, False, False, True])", "T.tensor(True)",
    "1, T.ones(4, 5, dtype=T.bool)", "None, T.tensor([1])", "T.tensor([2], dtype=T.int32), None",
    "T.zeros(0, dtype=T.int64)", "slice(None), [], 0", "np.array([0, 1])", "np.int64(1)",
]  # fmt: skip

WRONG = [
    "3", "-4", "0, 0, 0, 0", "1.5", "'a'", "T.tensor([3])", "T.tensor([1.0])", "::-1", "::0",
    "T.tensor([True, False])", "T.ones(3, 3) > 0", "T.tensor([0, 1]), T.tensor([0, 1, 2])",
    "T.tensor([0]), 0, 0, 0", "T.tensor([0], dtype=T.int16)", "..., 0, 0, 0, 0",
]  # fmt: skip


class Keyed:
    """``Keyed()[...]`` is the key itself, so that slices can be written as in an index."""

    def __getitem__(self, key):
        return key


def parse(text, T):
    return eval(f"k[{text}]", {"T": T, "np": np, "k": Keyed()})


def base(T):
    return T.arange(60, dtype=T.float32).reshape(SHAPE)


def outcome(action, T):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return action(T), None
        except Exception as error:
            return None, error


def assert_same(action):
    expected, expected_error = outcome(action, torch)
    found, error = outcome(action, gradcore)
    assert type(error) is type(expected_error), error
    if error is None:
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("text", KEYS + WRONG)
def test_reading(text):
    def read(T):
        x = base(T)
        found = x[parse(text, T)]
        return found.numpy(), found.shape, found._base is not None, found.is_contiguous()

    assert_same(read)


@pytest.mark.parametrize("text", WRONG)
def test_messages(text):
    """The first line of what PyTorch says, where indexing itself refuses the index."""
    _, expected = outcome(lambda T: base(T)[parse(text, T)], torch)
    _, found = outcome(lambda T: base(T)[parse(text, T)], gradcore)
    assert str(found).splitlines()[0] == str(expected).splitlines()[0]


@pytest.mark.parametrize("text", KEYS + WRONG)
def test_writing_a_number(text):
    def write(T):
        x = base(T)
        x[parse(text, T)] = 7
        return [x.numpy()]

    assert_same(write)


@pytest.mark.parametrize("text", KEYS)
def test_writing_a_tensor(text):
    """Where positions repeat, which value wins is not defined: all are the same there."""

    def write(T):
        x = base(T)
        key = parse(text, T)
        x[key] = x[key] * 2 + 1
        return [x.numpy()]

    assert_same(write)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (1, 5), (), (1, 1, 4, 5), (3,), (2, 4, 5)])
def test_written_values_broadcast(shape):
    def write(T):
        x = base(T)
        x[1] = T.full(shape, -1.0)
        y = base(T)
        y[T.tensor([0, 2])] = T.full(shape, -1.0)
        return x.numpy(), y.numpy()

    assert_same(write)


@pytest.mark.parametrize("text", [k for k in KEYS if k != "False"])  # torch: no gradient at all
def test_gradients_of_reading_and_writing(text):
    def gradients(T):
        x = base(T).requires_grad_()
        key = parse(text, T)
        read = x[key]
        weight = T.arange(read.numel(), dtype=T.float32).reshape(read.shape)
        (read * weight).sum().backward()
        values = T.ones(()).requires_grad_()
        y = base(T).requires_grad_()
        written = y * 1
        written[key] = values * 3
        (written * base(T)).sum().backward()
        return x.grad.numpy(), y.grad.numpy(), values.grad.numpy()

    assert_same(gradients)


def test_views_share_memory_and_history():
    x = base(gradcore).requires_grad_()
    y = x * 1
    y[0, 1:3].mul_(2)
    y[:, 0] = 0
    y.sum().backward()
    expected = np.ones(SHAPE, np.float32)
    expected[0, 1:3] = 2
    expected[:, 0] = 0
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def random_item(choose, size):
    """One part of a random index for a dimension of ``size``, as text."""
    bound = choose.choice(["", str(choose.randint(-size - 1, size + 1))])
    numbers = [choose.randint(-size, size - 1) for _ in range(choose.choice([1, 2, 2]))]
    return choose.choice([
        str(choose.randint(-size, size - 1)), f"{bound}:", f":{bound}:2", "None", "...",
        f"T.tensor({numbers})", f"T.tensor([{numbers}])", f"T.tensor({numbers[0]})",
        f"T.tensor({[choose.random() < 0.5 for _ in range(size)]})", "True",
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_random_indices(seed):
    choose = random.Random(seed)
    items = [random_item(choose, n) for n in SHAPE[: choose.randint(1, 3)]]
    if items.count("...") > 1:
        items = [item for item in items if item != "..."] or ["0"]
    text = ", ".join(items)

    def read_and_write(T):
        x = base(T)
        read = x[parse(text, T)]
        y = base(T)
        y[parse(text, T)] += 1
        return read.numpy(), read.shape, read._base is not None, y.numpy()

    assert_same(read_and_write)
