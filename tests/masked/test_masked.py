"""Masked reductions: what counts, what a result of nothing is, and what is refused."""

from __future__ import annotations

import math

import pytest

import gradcore as torch
from gradcore import masked

INF = math.inf
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
# The second row is left out as a whole.
MASK = [[True, False, True], [False, False, False]]

OF_NOTHING = {
    "sum": 0.0, "prod": 1.0, "amax": -INF, "amin": INF, "logsumexp": -INF, "norm": 0.0,
    "mean": math.nan, "median": math.nan, "var": math.nan, "std": math.nan,
}  # fmt: skip
OF_ONE_AND_THREE = {
    "sum": 4.0, "prod": 3.0, "amax": 3.0, "amin": 1.0, "norm": math.sqrt(10), "mean": 2.0,
    "logsumexp": math.log(math.e + math.e**3), "median": 1.0, "var": 2.0, "std": math.sqrt(2),
}  # fmt: skip


def reduce_rows(name, input, mask, **options):
    return getattr(masked, name)(input, dim=1, mask=mask, **options)


@pytest.mark.parametrize("name", sorted(OF_NOTHING))
def test_a_row_without_elements_gives_the_identity(name, device):
    x, mask = torch.tensor(ROWS, device=device), torch.tensor(MASK, device=device)
    result = reduce_rows(name, x, mask)
    assert str(result.device) == device
    assert result[0].item() == pytest.approx(OF_ONE_AND_THREE[name], rel=1e-6)
    assert result[1].item() == pytest.approx(OF_NOTHING[name], nan_ok=True)


@pytest.mark.parametrize("name", sorted(OF_NOTHING))
def test_what_is_masked_gets_no_gradient(name):
    x = torch.tensor(ROWS, requires_grad=True)
    reduce_rows(name, x, torch.tensor(MASK))[0].backward()
    left_out = ~torch.tensor(MASK)
    assert (x.grad[left_out].nan_to_num() == 0).all()
    assert x.grad[0].isfinite().all() or name in ("var", "std")


@pytest.mark.parametrize("name", sorted(OF_NOTHING))
def test_a_mask_broadcasts(name):
    x, row = torch.tensor(ROWS), torch.tensor([True, False, True])
    assert reduce_rows(name, x, row).allclose(reduce_rows(name, x, row.expand(2, 3)))


@pytest.mark.parametrize("name", sorted(OF_NOTHING))
def test_no_mask_is_a_mask_of_all(name):
    x = torch.tensor(ROWS)
    assert reduce_rows(name, x, None).equal(reduce_rows(name, x, torch.ones(2, 3).bool()))


@pytest.mark.parametrize(("name", "position"), [("argmax", 2), ("argmin", 0)])
def test_positions_skip_what_is_masked(name, position):
    x = torch.tensor([5, 0, 7, 9, 2])
    mask = torch.tensor([True, False, True, False, False])
    assert getattr(masked, name)(x, mask=mask).item() == position
    assert getattr(masked, name)(x.float(), mask=mask).dtype is torch.float32
    assert getattr(masked, name)(x.float(), mask=mask, dtype=torch.int64).dtype is torch.int64


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_integer_extremes_of_nothing_are_the_limits(dtype):
    x, nothing = torch.tensor([3, 4], dtype=dtype), torch.tensor(False)
    assert masked.amax(x, mask=nothing).item() == torch.iinfo(dtype).min
    assert masked.amin(x, mask=nothing).item() == torch.iinfo(dtype).max


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_softmax_gives_all_to_what_is_kept(name):
    x = torch.tensor(ROWS, requires_grad=True)
    kept = torch.tensor([[True, False, True], [False, True, False]])
    result = getattr(masked, name)(x, 1, mask=kept)
    shares = result.exp() if name == "log_softmax" else result
    assert shares.sum(1).allclose(torch.ones(2))
    assert (shares[~kept] == 0).all()
    result[0, 0].backward()
    assert x.grad[0, 1].item() == 0
    assert (x.grad[1] == 0).all()


def test_dtype_is_that_of_the_result():
    x, mask = torch.tensor([1, 2, 4], dtype=torch.int8), torch.tensor([True, False, True])
    assert masked.sum(x, mask=mask).dtype is torch.int64
    assert masked.prod(x, mask=mask).dtype is torch.int64
    assert masked.cumsum(x, 0, mask=mask).dtype is torch.int8
    assert masked.mean(x, mask=mask, dtype=torch.float64).dtype is torch.float64
    assert masked.var(x, mask=mask).dtype is torch.float32
    assert masked.sum(x, mask=mask, dtype=torch.float16).dtype is torch.float16


def test_median_of_integers_needs_an_element():
    x = torch.tensor([[3, 1, 2]])
    assert masked.median(x, mask=torch.tensor([True, False, True])).tolist() == [2]
    with pytest.raises(ValueError, match="no fully masked out rows"):
        masked.median(x, mask=torch.tensor(False))


def test_refusals():
    x = torch.ones(3)
    with pytest.raises(IndexError, match="mask dimensionality higher"):
        masked.sum(x, mask=torch.ones(1, 3).bool())
    with pytest.raises(IndexError, match="Dimension out of range"):
        masked.sum(x, 1)
    with pytest.raises(RuntimeError, match="appears multiple times"):
        masked.sum(x, (0, 0))
    with pytest.raises(ValueError, match="Input dtype must be either a floating point"):
        masked.mean(x.long())
    with pytest.raises(ValueError, match="Optional dtype must be either a floating point"):
        masked.mean(x, dtype=torch.int64)
    with pytest.raises(NotImplementedError, match="identity of amax on"):
        masked.amax(x.bool(), mask=x.bool())
    with pytest.raises(AssertionError, match="Only one of unbiased and correction"):
        masked.var(x, unbiased=True, correction=1)


def test_which_results_anything_counts_for():
    x, mask = torch.tensor(ROWS), torch.tensor(MASK)
    assert masked._output_mask(masked.sum, x, 1, mask=mask).tolist() == [True, False]
    assert masked._output_mask(masked.norm, x, 2, 1, mask=mask).tolist() == [True, False]
    assert masked._output_mask(masked.softmax, x, 1, mask=mask).equal(mask)
    assert masked._input_mask(x, mask=torch.tensor([1, 0, 2])).equal(
        torch.tensor([True, False, True]).expand(2, 3)
    )
    with pytest.raises(ValueError, match="expected masked operation"):
        masked._output_mask(torch.sin, x, mask=mask)
    with pytest.raises(ValueError, match="requires explicit mask"):
        masked._input_mask(x)
