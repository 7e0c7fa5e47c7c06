"""The `repr` of tensors against PyTorch's, character by character."""

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gradcore.backends.default import default_dtype, set_default_dtype  # noqa: E402
from gradcore.tensor import printing  # noqa: E402

DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
    torch.complex128,
]  # fmt: skip


class Tensor:
    """What `format_tensor` uses of a tensor, over one of PyTorch."""

    def __init__(self, theirs):
        self.theirs = theirs

    def __getattr__(self, name):
        return getattr(self.theirs, name)

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        theirs = self.theirs.detach()
        if theirs.dtype == torch.bfloat16:
            ml_dtypes = pytest.importorskip("ml_dtypes")
            return theirs.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return theirs.numpy()


class Parameter(Tensor):
    pass


class Tagged(Tensor):
    pass


class OwnParameter(Parameter):
    pass


def assert_same(theirs, tensor_contents=None):
    expected = theirs.__repr__(tensor_contents=tensor_contents)
    assert printing.format_tensor(Tensor(theirs), tensor_contents=tensor_contents) == expected


@pytest.fixture(autouse=True)
def _restore_options():
    before = printing.get_printoptions()
    yield
    set_both(**before)


def set_both(**options):
    torch.set_printoptions(**options)
    printing.set_printoptions(**options)


def random_tensor(rng, dtype):
    shape = tuple(
        rng.choice([0, 1, 2, 3, 6, 7, 8, 15], size=rng.integers(0, 5), p=[0.02] + [0.14] * 7)
    )
    kind = rng.integers(7)
    values = rng.standard_normal(shape)
    if kind == 0:
        values = values * 10.0 ** rng.integers(-9, 10)
    elif kind == 1:
        values = np.round(values * 10.0 ** rng.integers(0, 7))
    elif kind == 2:
        values = values * 10.0 ** rng.integers(-6, 7, shape)
    elif kind == 3:
        special = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 2.5, 1e-5], shape)
        values = np.where(rng.random(shape) < 0.5, special, values)
    elif kind == 4:
        values = rng.choice([0.0, -0.0, math.nan, math.inf], shape)
    elif kind == 5:
        values = np.round(values) * 10.0 ** rng.integers(3, 11)
    if dtype.is_complex:
        real = torch.as_tensor(values)
        return torch.complex(real, real.flatten().roll(1).reshape(shape)).to(dtype)
    if not dtype.is_floating_point:
        values = np.nan_to_num(values, nan=0, posinf=99, neginf=-99)
        limit = {torch.uint8: 255, torch.uint16: 60000, torch.int8: 127, torch.int16: 32767}
        values = np.clip(values, -(2.0**31) + 1, 2.0**31 - 1)
        values = np.asarray(values).astype(np.int64) % limit.get(dtype, 2**31)
        if rng.random() < 0.5 and dtype.is_signed:
            values = -values
    return torch.as_tensor(values).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_random_tensors(dtype):
    rng = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(60):
        assert_same(random_tensor(rng, dtype))


OPTIONS = [
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "default"},
    {"precision": 0},
    {"precision": 8, "linewidth": 40},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 5},
    {"threshold": 0, "edgeitems": 1},
    {"edgeitems": 0, "threshold": 2},
    {"edgeitems": 0},
    {"linewidth": 10},
    {"linewidth": 1},
    {"profile": "short", "precision": 6, "sci_mode": True},
    {"profile": "unknown"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options):
    set_both(**options)
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    rng = np.random.default_rng(1)
    for dtype in DTYPES:
        for _ in range(8):
            assert_same(random_tensor(rng, dtype))


def test_sci_mode_is_forgotten_by_the_next_call():
    set_both(sci_mode=True)
    set_both(precision=2)
    assert_same(torch.tensor([1.5, 2.25]))


def test_printoptions_are_restored():
    with pytest.raises(KeyError), printing.printoptions(precision=1, sci_mode=True):
        assert printing.format_tensor(Tensor(torch.tensor([1.25]))) == "tensor([1.2e+00])"
        raise KeyError
    assert_same(torch.tensor([1.25]))


def test_summaries_of_large_tensors():
    for shape in [(1001,), (10, 101), (2, 600), (600, 2), (7, 7, 30), (3, 3, 200), (7, 7, 7, 7)]:
        rng = np.random.default_rng(sum(shape))
        base = torch.from_numpy(rng.standard_normal(shape))
        # A number in the middle must change neither notation nor width.
        for hidden in (1.0, 1e20, math.nan):
            base[tuple(size // 2 for size in shape)] = hidden
            assert_same(base)
            assert_same((base * 1000).nan_to_num(0).clamp(-9e5, 9e5).long())
            assert_same(torch.complex(base, -base))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 2), ()])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_empty_and_zero_dimensional(shape, dtype):
    assert_same(torch.zeros(shape, dtype=dtype))
    assert_same(torch.ones(shape, dtype=dtype))


def test_gradients():
    leaf = torch.tensor([[1.5, -2.0]], requires_grad=True)
    for theirs in (leaf, leaf + 1, leaf.sum(), (leaf * 2).relu(), leaf[0, 0].double(), leaf[:0]):
        assert_same(theirs)


def test_suffixes_move_to_a_new_line():
    for width in range(1, 40):
        base = torch.ones(width, dtype=torch.float64, requires_grad=True)
        for theirs in (base, base.exp(), base.half(), base.detach().reshape(1, -1)):
            assert_same(theirs)


def test_contents_can_be_replaced():
    for theirs in (torch.ones(3), torch.ones(0, 2), torch.ones(2, dtype=torch.int32)):
        assert_same(theirs, tensor_contents="...")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_default_dtype_is_not_printed(dtype):
    before, numpy_before = torch.get_default_dtype(), default_dtype()
    try:
        torch.set_default_dtype(dtype)
        set_default_dtype(torch.empty(0).numpy().dtype)
        for other, size in itertools.product(DTYPES, (0, 2)):
            assert_same(torch.ones(size, dtype=other))
    finally:
        torch.set_default_dtype(before)
        set_default_dtype(numpy_before)


def test_devices_other_than_the_cpu_are_named():
    tensor = Tensor(torch.ones(2, dtype=torch.float64))
    tensor.device = torch.device("cuda:1")
    expected = "tensor([1., 1.], device='cuda:1', dtype=torch.float64)"
    assert printing.format_tensor(tensor) == expected


def test_subclasses_are_named():
    leaf = torch.ones(2, requires_grad=True)
    assert printing.format_tensor(Parameter(leaf)) == repr(leaf)
    assert printing.format_tensor(Tagged(leaf)) == "Tagged([1., 1.], requires_grad=True)"
    expected = "Parameter(OwnParameter([1., 1.], requires_grad=True))"
    assert printing.format_tensor(OwnParameter(leaf)) == expected


def test_an_unusable_history_is_said_to_be_invalid():
    class Broken(Tensor):
        @property
        def grad_fn(self):
            raise RuntimeError("no history")

    Broken.__name__ = "Tensor"
    text = printing.format_tensor(Broken(torch.ones(1)))
    assert text == "tensor([1.], grad_fn=<Invalid>)"
