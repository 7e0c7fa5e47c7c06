"""The CPU's random numbers and states against PyTorch, draw by draw."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gradcore.backends.cpu import random as cpu_random  # noqa: E402
from gradcore.backends.cpu.random import MT19937Stream  # noqa: E402

SIZES = [0, 1, 15, 16, 17, 100, 16384 + 16, 1000003]
SEEDS = [0, 42, 2**40 + 3, -7]
FLOATING = [torch.float16, torch.float32, torch.float64]
INTEGRAL = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


def numpy_dtype(dtype):
    return torch.empty(0, dtype=dtype).numpy().dtype


class Pair:
    """A stream and PyTorch's generator that must stay in step."""

    def __init__(self, seed):
        self.stream = MT19937Stream(seed)
        torch.manual_seed(seed)

    def assert_in_step(self):
        assert np.array_equal(self.stream.get_state(), torch.get_rng_state().numpy())

    def check(self, shape, dtype, fill, method, *args, ulp=0):
        """`fill(array, stream, *args)` against `getattr(tensor, method)(*args)`."""
        expected = getattr(torch.empty(shape, dtype=dtype), method)(*args).numpy()
        actual = np.empty(shape, expected.dtype)
        fill(actual, self.stream, *args)
        assert_equal(actual, expected, ulp)


def assert_equal(actual, expected, ulp=0):
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    if ulp and actual.size:
        np.testing.assert_array_max_ulp(actual, expected, ulp)
    else:
        np.testing.assert_array_equal(actual, expected)


@pytest.fixture(params=SEEDS)
def pair(request):
    return Pair(request.param)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATING)
def test_uniform_and_normal(size, dtype):
    pair = Pair(size + 5)
    pair.check(size, dtype, cpu_random.fill_uniform, "uniform_")
    pair.check(size, dtype, cpu_random.fill_uniform, "uniform_", -0.577, 0.577)
    pair.check(size, dtype, cpu_random.fill_normal, "normal_", ulp=2)
    # Scaling may carry 2 ulp over a power of two and adds a rounding.
    pair.check(size, dtype, cpu_random.fill_normal, "normal_", 0.0, 0.02, ulp=4)
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", FLOATING)
def test_normal_with_a_mean(pair, dtype):
    # Where mean and deviation cancel, an ulp of the normal number is many of the result.
    expected = torch.empty(100003, dtype=dtype).normal_(1.5, 0.7).numpy()
    actual = np.empty(100003, expected.dtype)
    cpu_random.fill_normal(actual, pair.stream, 1.5, 0.7)
    scale = 4 * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=scale, atol=scale)
    pair.assert_in_step()


def test_bfloat16(pair):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for fill, method, args in (
        (cpu_random.fill_uniform, "uniform_", ()),
        (cpu_random.fill_uniform, "uniform_", (-2, 3)),
        (cpu_random.fill_normal, "normal_", ()),
        (cpu_random.fill_random, "random_", ()),
        (cpu_random.fill_exponential, "exponential_", ()),
    ):
        for size in (3, 17, 5000):
            expected = getattr(torch.empty(size, dtype=torch.bfloat16), method)(*args)
            actual = np.empty(size, ml_dtypes.bfloat16)
            fill(actual, pair.stream, *args)
            assert np.array_equal(actual.view(np.int16), expected.view(torch.int16).numpy())
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex(pair, dtype):
    for size in (1, 7, 8, 9, 1000):
        for fill, method in (
            (cpu_random.fill_uniform, "uniform_"),
            (cpu_random.fill_normal, "normal_"),
        ):
            expected = getattr(torch.empty(size, dtype=dtype), method)().numpy()
            actual = np.empty(size, expected.dtype)
            fill(actual, pair.stream)
            # Dividing the deviation by sqrt(2) moves the last bit's rounding.
            assert_equal(actual.view(actual.real.dtype), expected.view(actual.real.dtype), ulp=3)
    pair.assert_in_step()


@pytest.mark.parametrize("fill, method", [("fill_uniform", "uniform_"), ("fill_normal", "normal_")])
def test_strided_arrays(pair, fill, method):
    def views(base):
        yield base.T if isinstance(base, np.ndarray) else base.t()
        yield base[:, ::2]
        yield base[1::3]

    expected, actual = torch.zeros(12, 10), np.zeros((12, 10), np.float32)
    for theirs, ours in zip(views(expected), views(actual), strict=True):
        getattr(theirs, method)()
        getattr(cpu_random, fill)(ours, pair.stream)
        assert_equal(actual, expected.numpy(), ulp=2 if fill == "fill_normal" else 0)
    expected, actual = torch.zeros(4, 5, 6), np.zeros((4, 5, 6))
    expected = expected.double()
    getattr(expected.permute(2, 0, 1)[1:4], method)()
    getattr(cpu_random, fill)(actual.transpose(2, 0, 1)[1:4], pair.stream)
    assert_equal(actual, expected.numpy(), ulp=2)


RANGES = [(0, 1), (0, 2), (-3, 100), (0, 127), (-128, 127), (0, 2**15 - 1), (0, 2**28 - 1)]
RANGES += [(0, 2**28), (-(2**31), 2**31 - 1), (5, 2**32 + 6), (-(2**62), 2**62), (3, 2**63 - 1)]
RANGES += [(-(2**63) + 1, 2**63 - 1), (7, None), (-5, None), (-(2**63), None)]


@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.parametrize(
    "dtype",
    [torch.bool, *INTEGRAL, torch.uint16, torch.uint32, torch.uint64, *FLOATING],
    ids=str,
)
def test_random_from_to(dtype, bounds):
    pair = Pair(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            expected = torch.empty(333, dtype=dtype).random_(*bounds).numpy()
        except RuntimeError as error:
            with pytest.raises(type(error)) as caught:
                cpu_random.fill_random_from_to(
                    np.empty(333, numpy_dtype(dtype)), pair.stream, *bounds
                )
            assert str(caught.value) == str(error)
            return
        actual = np.empty(333, expected.dtype)
        cpu_random.fill_random_from_to(actual, pair.stream, *bounds)
    assert_equal(actual, expected)
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [torch.bool, *INTEGRAL, *FLOATING], ids=str)
def test_random_without_bounds(pair, dtype):
    pair.check(1000, dtype, cpu_random.fill_random, "random_")
    pair.assert_in_step()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 4095, 4097, 5000, 60000, 300007])
def test_randperm(pair, n):
    assert_equal(cpu_random.randperm(n, pair.stream), torch.randperm(n).numpy())
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [*INTEGRAL, *FLOATING], ids=str)
def test_randperm_dtypes(pair, dtype):
    expected = torch.randperm(100, dtype=dtype).numpy()
    assert_equal(cpu_random.randperm(100, pair.stream, expected.dtype), expected)


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("dtype", FLOATING)
def test_other_continuous_distributions(size, dtype):
    pair = Pair(size)
    pair.check(size, dtype, cpu_random.fill_exponential, "exponential_", 1.7, ulp=2)
    # Overflow to infinity and back is the half type's, the rest of the tail the tangent's.
    expected = torch.empty(size, dtype=dtype).cauchy_(0.3, 2.0).numpy()
    actual = np.empty(size, expected.dtype)
    cpu_random.fill_cauchy(actual, pair.stream, 0.3, 2.0)
    np.testing.assert_allclose(actual, expected, rtol=1e-12 if dtype == torch.float64 else 1e-6)
    pair.check(size, dtype, cpu_random.fill_log_normal, "log_normal_", 0.2, 0.5, ulp=4)
    pair.check(size, dtype, cpu_random.fill_bernoulli, "bernoulli_", 0.3)


@pytest.mark.parametrize("dtype", [*INTEGRAL, *FLOATING], ids=str)
def test_geometric(pair, dtype):
    pair.check(1000, dtype, cpu_random.fill_geometric, "geometric_", 0.3)
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [torch.bool, *INTEGRAL, *FLOATING], ids=str)
def test_bernoulli(pair, dtype):
    pair.check(1000, dtype, cpu_random.fill_bernoulli, "bernoulli_", 0.35)
    for p_dtype in FLOATING:
        p = torch.rand(20, 1).to(p_dtype)
        pair.stream.set_state(torch.get_rng_state().numpy())
        expected = torch.empty(20, 30, dtype=dtype).bernoulli_(p).numpy()
        actual = np.empty((20, 30), expected.dtype)
        cpu_random.fill_bernoulli(actual, pair.stream, p.numpy())
        assert_equal(actual, expected)
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(50,), (7, 50), (3, 1)])
def test_multinomial(pair, shape, dtype):
    weights = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape).to(dtype).sqrt()
    for samples, replacement in ((1, False), (1, True), (40, False), (2, True), (300, True)):
        if samples > shape[-1] and not replacement:
            continue
        expected = torch.multinomial(weights, samples, replacement).numpy()
        actual = cpu_random.multinomial(weights.numpy(), pair.stream, samples, replacement)
        assert_equal(actual, expected)
    pair.assert_in_step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rejection_samplers(pair, dtype):
    rates = torch.tensor([0.0, 0.1, 5.0, 9.99, 10.0, 33.3, 1e5], dtype=dtype).repeat(100)
    assert_equal(cpu_random.poisson(rates.numpy(), pair.stream), torch.poisson(rates).numpy())
    count = torch.tensor([5.0, 40.0, 1000.0, 7.0, 0.0], dtype=dtype).repeat(100)
    prob = torch.tensor([0.3, 0.5, 0.123, 0.99, 0.4, 0.8], dtype=dtype).repeat_interleave(500)[:500]
    actual = cpu_random.binomial(count.numpy(), prob.numpy(), pair.stream)
    assert_equal(actual, torch.binomial(count, prob).numpy())
    alpha = torch.tensor([0.0, 0.3, 1.0, 2.5, 100.0], dtype=dtype).repeat(100)
    actual = cpu_random.standard_gamma(alpha.numpy(), pair.stream)
    assert_equal(actual, torch._standard_gamma(alpha).numpy(), ulp=2)
    pair.assert_in_step()


def test_mixed_calls_stay_in_step(pair):
    choice = np.random.default_rng(1)
    for _ in range(200):
        size = int(choice.choice([1, 2, 3, 15, 16, 17, 33]))
        dtype = FLOATING[choice.integers(3)]
        fill, method = [
            (cpu_random.fill_normal, "normal_"),
            (cpu_random.fill_uniform, "uniform_"),
            (cpu_random.fill_log_normal, "log_normal_"),
            (cpu_random.fill_random, "random_"),
            (cpu_random.fill_exponential, "exponential_"),
        ][choice.integers(5)]
        # The exponential of log_normal_ triples the relative error of a number near 3.
        pair.check(size, dtype, fill, method, ulp=8)
        if choice.random() < 0.2:
            pair.stream.set_state(torch.get_rng_state().numpy().copy())
        if choice.random() < 0.2:
            torch.set_rng_state(torch.from_numpy(pair.stream.get_state()))
        assert np.array_equal(pair.stream.get_state()[:5016], torch.get_rng_state().numpy()[:5016])


def test_states_travel_both_ways(pair):
    torch.randn(3)
    pair.stream.set_state(torch.get_rng_state().numpy())
    pair.check(5, torch.float64, cpu_random.fill_normal, "normal_")
    pair.check(700, torch.float64, cpu_random.fill_uniform, "uniform_")
    pair.stream.random()
    torch.set_rng_state(torch.from_numpy(pair.stream.get_state()))
    pair.check(3, torch.float64, cpu_random.fill_normal, "normal_")
    pair.assert_in_step()


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 2**40 + 3])
def test_seeds(seed):
    pair = Pair(seed)
    assert pair.stream.initial_seed() == torch.initial_seed()
    pair.assert_in_step()
    pair.check(5, torch.float32, cpu_random.fill_uniform, "uniform_")
