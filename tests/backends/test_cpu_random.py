"""The CPU's random numbers against numbers that PyTorch 2.13 drew, and their contracts.

The expected numbers are PyTorch's for `torch.manual_seed(42)` unless a test says otherwise.
"""

import hashlib
import math

import numpy as np
import pytest

from gradcore.backends.cpu import random as cpu_random
from gradcore.backends.cpu import random_discrete
from gradcore.backends.cpu.random import MT19937Stream


@pytest.fixture
def stream() -> MT19937Stream:
    return MT19937Stream(42)


def filled(fill, stream, shape, dtype, *args):
    out = np.empty(shape, dtype)
    fill(out, stream, *args)
    return out


def digest(array) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def assert_ulp(actual, expected, ulp=2):
    np.testing.assert_array_max_ulp(actual, np.array(expected, actual.dtype), ulp)


# ---- the stream ---------------------------------------------------------------------------------


def test_the_default_seed_is_pytorchs():
    assert MT19937Stream().initial_seed() == 67280421310721


@pytest.mark.parametrize(
    ("seed", "initial_seed", "numbers"),
    [
        (2**40 + 3, 2**40 + 3, [0.004263520240783691, 0.10556936264038086]),
        (-1, 2**64 - 1, [0.9937993884086609, 0.5713063478469849]),
        (0, 0, [0.49625658988952637, 0.7682217955589294]),
    ],
)
def test_seeds(seed, initial_seed, numbers):
    stream = MT19937Stream(seed)
    assert stream.initial_seed() == initial_seed
    assert filled(cpu_random.fill_uniform, stream, 2, np.float32).tolist() == numbers


def test_only_the_low_32_bits_of_a_seed_make_the_numbers():
    high, low = MT19937Stream(2**40 + 3), MT19937Stream(3)
    assert np.array_equal(high.bits32(5), low.bits32(5))
    assert not np.array_equal(high.get_state(), low.get_state())


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match="Overflow when unpacking long"):
        MT19937Stream(seed)


@pytest.mark.parametrize("seed", [1.0, True, "1", None])
def test_seeds_that_are_no_integers(seed):
    name = type(seed).__name__
    with pytest.raises(RuntimeError, match=f"manual_seed expected a long, but got {name}"):
        MT19937Stream(seed)


def test_a_numpy_integer_is_a_seed():
    assert MT19937Stream(np.int64(7)).random() == MT19937Stream(7).random()


def test_a_seed_from_the_system_restarts_the_stream(stream):
    seed = stream.seed()
    assert stream.initial_seed() == seed
    assert stream.random() == MT19937Stream(seed).random()


def test_a_64_bit_draw_is_two_32_bit_draws_high_half_first(stream):
    halves = MT19937Stream(42).bits32(2)
    assert stream.random64() == (int(halves[0]) << 32) | int(halves[1])


def test_the_state_has_pytorchs_bytes(stream):
    filled(cpu_random.fill_normal, stream, 3, np.float32)
    filled(cpu_random.fill_uniform, stream, 5, np.float32)
    state = stream.get_state()
    assert state.dtype == np.uint8 and state.shape == (5056,)
    assert digest(state) == "11bb9659b20b35e5"


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625])
def test_a_state_can_be_set_again(stream, drawn):
    stream.bits32(drawn)
    state = stream.get_state()
    expected = stream.bits32(700)
    other = MT19937Stream(1)
    other.set_state(state)
    assert np.array_equal(other.get_state(), state)
    assert np.array_equal(other.bits32(700), expected)


def test_the_cached_normal_number_is_part_of_the_state(stream):
    first = filled(cpu_random.fill_normal, stream, 1, np.float64)
    state = stream.get_state()
    second = filled(cpu_random.fill_normal, stream, 1, np.float64)
    stream.set_state(state)
    assert filled(cpu_random.fill_normal, stream, 1, np.float64) == second
    both = filled(cpu_random.fill_normal, MT19937Stream(42), 2, np.float64)
    assert both.tolist() == [first[0], second[0]]


def test_seeding_forgets_the_cached_normal_number(stream):
    filled(cpu_random.fill_normal, stream, 1, np.float64)
    stream.manual_seed(42)
    assert np.array_equal(stream.get_state(), MT19937Stream(42).get_state())


def test_a_clone_goes_its_own_way(stream):
    filled(cpu_random.fill_normal, stream, 1, np.float64)
    clone = stream.clone()
    assert np.array_equal(clone.get_state(), stream.get_state())
    stream.random()
    assert not np.array_equal(clone.get_state(), stream.get_state())


def test_states_that_are_none(stream):
    state = stream.get_state()
    with pytest.raises(TypeError, match=r"RNG state must be a torch\.ByteTensor"):
        stream.set_state(state.astype(np.float32))
    with pytest.raises(RuntimeError, match="of size 5056 but found .* to be 5055"):
        stream.set_state(state[:-1])
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        stream.set_state(np.zeros(5056, np.uint8))
    assert np.array_equal(stream.get_state(), state)


# ---- uniform and normal numbers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "bounds", "expected"),
    [
        (
            np.float32,
            (0, 1),
            [0.8822692632675171, 0.9150039553642273, 0.38286375999450684, 0.9593056440353394],
        ),
        (np.float64, (0, 1), [0.05815448596142969, 0.06291016742457756, 0.12358607277440903]),
        (np.float16, (0, 1), [0.88232421875, 0.9150390625, 0.3828125, 0.95947265625]),
        (
            np.float32,
            (-0.3, 0.7),
            [0.5822692513465881, 0.6150039434432983, 0.08286374807357788, 0.6593056321144104],
        ),
        (
            np.float64,
            (-0.3, 0.7),
            [-0.2418455140385703, -0.23708983257542243, -0.17641392722559096],
        ),
    ],
)
def test_uniform(stream, dtype, bounds, expected):
    out = filled(cpu_random.fill_uniform, stream, len(expected), dtype, *bounds)
    assert out.tolist() == expected


def test_long_runs_are_equal_bit_for_bit(stream):
    uniform = cpu_random.fill_uniform
    assert digest(filled(uniform, stream, 1000003, np.float32)) == "d0cfd301eaaf91fd"
    assert digest(filled(uniform, stream, 100003, np.float64)) == "ab75bc3c2e828a53"
    integers = filled(cpu_random.fill_random_from_to, stream, 100003, np.int64, 0, 10)
    assert digest(integers) == "142ec7e986688b8c"


def test_rounding_to_half_never_reaches_the_upper_bound(stream):
    out = filled(cpu_random.fill_uniform, stream, 100000, np.float16)
    assert out.min() == 0 and out.max() < 1


def test_transposed_arrays_are_filled_in_the_order_of_memory(stream):
    base = np.empty((3, 2), np.float32)
    cpu_random.fill_uniform(base.T, stream)
    assert base.tolist() == [
        [0.8822692632675171, 0.9150039553642273],
        [0.38286375999450684, 0.9593056440353394],
        [0.3904482126235962, 0.600895345211029],
    ]


def test_strided_arrays_keep_what_lies_between(stream):
    base = np.full((4, 6), -1.0)
    cpu_random.fill_uniform(base[::2, 1::2], stream)
    expected = filled(cpu_random.fill_uniform, MT19937Stream(42), (2, 3), np.float64)
    assert np.array_equal(base[::2, 1::2], expected)
    assert np.count_nonzero(base == -1.0) == 18


def test_scalar_normals_share_pairs_across_dtypes(stream):
    single = filled(cpu_random.fill_normal, stream, 3, np.float32)
    double = filled(cpu_random.fill_normal, stream, 3, np.float64)
    assert_ulp(single, [0.33669036626815796, 0.12880940735340118, 0.23446236550807953])
    assert_ulp(double, [0.2303330279146119, -1.1228563767381703, -0.18632829929177447])


# fmt: off
SEVENTEEN_NORMALS = [
    1.9269152879714966, -0.1595974713563919, -0.4973975419998169, 0.439589262008667,
    -0.7581311464309692, 1.078317642211914, 0.8008005619049072, 1.680620551109314,
    0.3558599054813385, 1.2964228391647339, 0.610466480255127, 1.334737777709961,
    -0.2316243201494217, 0.041759490966796875, -0.2515752911567688, 0.859858512878418,
    -0.3097267746925354,
]
SEVENTEEN_HALF_NORMALS = [
    1.9267578125, 1.642578125, -0.1595458984375, -0.497314453125, 0.439697265625, -0.75830078125,
    1.078125, 0.80078125, 1.6806640625, 1.279296875, 1.296875, 0.6103515625, 1.3349609375,
    -0.2315673828125, 0.041748046875, -0.25146484375, 0.85986328125,
]
# fmt: on


def test_normals_in_blocks_draw_the_last_block_again(stream):
    assert_ulp(filled(cpu_random.fill_normal, stream, 17, np.float32), SEVENTEEN_NORMALS)
    stream.manual_seed(42)
    out = filled(cpu_random.fill_normal, stream, 17, np.float64)
    assert_ulp(out[-3:], [0.8651734647119074, 0.855215961472287, 0.2494118796915765])
    stream.manual_seed(42)
    assert_ulp(filled(cpu_random.fill_normal, stream, 17, np.float16), SEVENTEEN_HALF_NORMALS, 1)


def test_normal_numbers_have_their_mean_and_deviation(stream):
    for dtype in (np.float32, np.float64):
        out = filled(cpu_random.fill_normal, stream, 200001, dtype, 3.0, 2.0)
        assert abs(out.mean() - 3.0) < 0.03 and abs(out.std() - 2.0) < 0.03


def test_the_parts_of_complex_normals_share_the_variance(stream):
    out = filled(cpu_random.fill_normal, stream, (3, 5), np.complex64)
    parts = filled(cpu_random.fill_normal, MT19937Stream(42), (3, 5, 2), np.float32)
    expected = parts / math.sqrt(2.0)
    np.testing.assert_allclose(out.view(np.float32).reshape(3, 5, 2), expected, rtol=1e-6)
    strided = np.zeros((4, 4), np.complex128)
    cpu_random.fill_uniform(strided[:, ::2], stream)
    assert strided[:, ::2].real.all() and strided[:, ::2].imag.all() and not strided[:, 1::2].any()


def test_multiply_add_rounds_doubles_once():
    from fractions import Fraction

    from gradcore.backends.cpu.box_muller import multiply_add

    values = filled(cpu_random.fill_uniform, MT19937Stream(1), 200, np.float64)
    expected = [float(Fraction(v) * Fraction(0.7) + Fraction(-0.3)) for v in values.tolist()]
    assert multiply_add(values.copy(), 0.7, -0.3).tolist() == expected
    assert multiply_add(np.array([1e300]), 1e300, 1.0).tolist() == [math.inf]


# ---- integers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-5, 17, [1, 2, 15, 9, -3, 16, 9, -5]),
        (0, 2**40, [441507790259, 395924837646, 458615280711]),
        (0, 2**28, [199900595, 250975502, 127521863]),
    ],
)
def test_random_from_to(stream, low, high, expected):
    out = filled(cpu_random.fill_random_from_to, stream, len(expected), np.int64, low, high)
    assert out.tolist() == expected


def test_below_2_to_28_values_take_32_bits(stream):
    stream.bits32(6)
    out = filled(cpu_random.fill_random_from_to, stream, 3, np.int64, 0, 2**28 - 1)
    assert out.tolist() == [155299525, 147532829, 133224040]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.bool_, [False, True, False]),
        (np.uint8, [102, 179, 92]),
        (np.int8, [102, 51, 92]),
        (np.int16, [23654, 15795, 860]),
        (np.int32, [1608637542, 1273642419, 1935803228]),
        (np.int64, [6909045637428952499, 8314211556539077902, 4279532810384561223]),
        (np.float16, [426, 923, 745]),
        (np.float32, [14801927, 15351016, 6423145]),
        (np.float64, [523809042610868, 566644413140339, 1113164382588524]),
    ],
)
def test_random(stream, dtype, expected):
    assert filled(cpu_random.fill_random, stream, 3, dtype).tolist() == expected


@pytest.mark.parametrize("size", [1, 7, 16, 2**20, 2**32, 3 * 2**40, 2**64 - 1, 2**64])
def test_remainders_by_multiplication(stream, size):
    from gradcore.backends.cpu.random_integers import _remainder

    bits = stream.bits64(1000)
    assert _remainder(bits, size).tolist() == [value % size for value in bits.tolist()]


def test_permutations(stream):
    assert cpu_random.randperm(10, stream).tolist() == [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]
    large = cpu_random.randperm(100003, stream)
    assert large.dtype == np.int64 and digest(large) == "b11532e1e37857e2"


def test_large_permutations_take_64_bits_and_go_inside_out(stream, monkeypatch):
    monkeypatch.setattr(random_discrete, "_LARGE_PERMUTATION", 100)
    draws = MT19937Stream(42).bits64(1000).tolist()
    expected = []
    for last, draw in enumerate(draws):
        goal = draw % (last + 1)
        expected.append(last)
        expected[last], expected[goal] = expected[goal], last
    assert cpu_random.randperm(1000, stream).tolist() == expected


# ---- other distributions ------------------------------------------------------------------------


def test_continuous_distributions():
    def draw(fill, *args):
        return filled(fill, MT19937Stream(42), 3, np.float32, *args)

    exponential = draw(cpu_random.fill_exponential, 1.5)
    assert_ulp(exponential, [0.039942678064107895, 0.04331741854548454, 0.08794452250003815])
    log_normal = draw(cpu_random.fill_log_normal, 0.2, 0.5)
    assert_ulp(log_normal, [1.445340871810913, 1.3026552200317383, 1.3733199834823608])
    cauchy = draw(cpu_random.fill_cauchy, 0.3, 2.0)
    assert_ulp(cauchy, [-10.524974822998047, -9.68740177154541, -4.589748859405518])
    gamma = cpu_random.standard_gamma(np.array([0.3, 1, 7.5], np.float32), MT19937Stream(42))
    assert_ulp(gamma, [1.2379944324493408, 0.8415495753288269, 2.3845369815826416])


def test_counts():
    def stream():
        return MT19937Stream(42)

    geometric = filled(cpu_random.fill_geometric, stream(), 6, np.int64, 0.2)
    assert geometric.tolist() == [13, 13, 10, 14, 3, 4]
    rates = np.array([0.5, 3, 9.5, 10, 40, 1e3], np.float32)
    assert cpu_random.poisson(rates, stream()).tolist() == [0, 1, 7, 9, 48, 1010]
    count = np.array([5, 40, 100], np.float32)
    prob = np.array([0.3, 0.5, 0.9], np.float32)
    assert cpu_random.binomial(count, prob, stream()).tolist() == [0, 14, 96]


def test_bernoulli(stream):
    out = filled(cpu_random.fill_bernoulli, stream, 12, np.float32, 0.4)
    assert out.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]
    stream.manual_seed(42)
    p = np.linspace(0, 1, 12, dtype=np.float32)
    out = filled(cpu_random.fill_bernoulli, stream, 12, np.int64, p)
    assert out.tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1]


def test_bernoulli_broadcasts_probabilities(stream):
    p = np.array([[0.0], [1.0]])
    out = filled(cpu_random.fill_bernoulli, stream, (2, 3), np.float64, p)
    assert out.tolist() == [[0, 0, 0], [1, 1, 1]]
    out = np.empty((3, 2)).T
    cpu_random.fill_bernoulli(out, stream, p)
    assert out.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_multinomial(stream):
    weights = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    assert cpu_random.multinomial(weights, stream, 6, True).tolist() == [0, 0, 1, 0, 2, 2]
    rows = np.array([[0.1, 0.2, 0.3, 0.4], [4, 3, 2, 1]], np.float32)
    assert cpu_random.multinomial(rows, stream, 3).tolist() == [[2, 3, 1], [0, 1, 2]]


def test_multinomial_never_takes_a_weight_of_zero(stream):
    weights = np.array([0.0, 1.0, 0.0, 2.0], np.float32)
    assert set(cpu_random.multinomial(weights, stream, 1000, True).tolist()) == {1, 3}
    assert set(cpu_random.multinomial(weights, stream, 2).tolist()) == {1, 3}


def test_rejection_samplers_give_back_what_they_drew_ahead(stream):
    cpu_random.poisson(np.array([0.5], np.float32), stream)
    other = MT19937Stream(42)
    drawn = 1
    while other.random64() % 2**53 * 2.0**-53 > math.exp(-0.5):
        drawn += 1
    assert drawn == 1
    assert stream.random() == other.random()
