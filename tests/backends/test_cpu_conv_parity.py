"""The CPU convolution and pooling kernels against PyTorch's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gradcore.backends.cpu import conv as kernels  # noqa: E402
from gradcore.backends.cpu import pool  # noqa: E402

F = torch.nn.functional

CONVOLUTIONS = [
    # x, w, stride, padding, dilation, groups
    ((8, 1, 28, 28), (6, 1, 5, 5), 1, 2, 1, 1),
    ((8, 6, 14, 14), (16, 6, 5, 5), 1, 0, 1, 1),
    ((4, 3, 32, 32), (32, 3, 3, 3), 1, 1, 1, 1),
    ((8, 64, 16, 16), (64, 64, 3, 3), 1, 1, 1, 1),
    ((4, 96, 13, 13), (64, 96, 3, 3), 1, 0, 1, 1),
    ((16, 128, 4, 4), (128, 128, 3, 3), 1, 1, 1, 1),
    ((4, 32, 16, 16), (48, 32, 3, 3), 2, 1, 1, 1),
    ((4, 64, 14, 14), (128, 64, 1, 1), 1, 0, 1, 1),
    ((2, 3, 64, 64), (16, 3, 7, 7), 2, 3, 1, 1),
    ((4, 32, 16, 16), (32, 1, 3, 3), 1, 1, 1, 32),
    ((4, 32, 16, 16), (64, 8, 3, 3), 2, 2, 2, 4),
    ((4, 8, 50), (16, 8, 5), 2, 4, 2, 1),
    ((2, 4, 8, 9, 7), (8, 4, 3, 3, 3), 1, 1, 1, 1),
]


def _relative(got, want):
    want = want.numpy()
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    return np.abs(got - want).max() / np.abs(want).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_gradients(case, dtype):
    x_shape, w_shape, *scalars, groups = case
    dims = len(x_shape) - 2
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(x_shape, dtype=dtype, generator=generator)
    w = torch.randn(w_shape, dtype=dtype, generator=generator)
    b = torch.randn(w_shape[0], dtype=dtype, generator=generator)
    stride, padding, dilation = ((value,) * dims for value in scalars)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    want = getattr(F, f"conv{dims}d")(x, w, b, *scalars, groups)
    g = torch.randn(want.shape, dtype=dtype, generator=generator)
    for_input, for_weight, _ = torch.ops.aten.convolution_backward(
        g, x, w, None, stride, padding, dilation, False, [0] * dims, groups, [True, True, False]
    )
    tolerance = 3e-5 if dtype == torch.float32 else 1e-13
    nx, nw, nb, ng = (tensor.numpy() for tensor in (x, w, b, g))
    assert _relative(kernels.conv(np, nx, nw, nb, **options), want) < tolerance
    got = kernels.conv_input(np, ng, nw, input_size=x_shape[2:], **options)
    assert _relative(got, for_input) < tolerance
    got = kernels.conv_weight(np, nx, ng, kernel_size=w_shape[2:], **options)
    assert _relative(got, for_weight) < tolerance


@pytest.mark.parametrize("output_padding", [0, 1])
def test_transposed_convolution(output_padding):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 8, 7, 9, generator=generator)
    w = torch.randn(8, 5, 3, 3, generator=generator)
    b = torch.randn(5, generator=generator)
    want = F.conv_transpose2d(x, w, b, 2, 1, output_padding)
    got = kernels.conv_input(
        np, x.numpy(), w.numpy(), b.numpy(), input_size=tuple(want.shape[2:]),
        stride=(2, 2), padding=(1, 1), dilation=(1, 1), groups=1,
    )  # fmt: skip
    assert _relative(got, want) < 1e-5


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_with_more_output_padding_than_stride(groups):
    """Its dilation allows it; the last outputs of the adjoint are then missing."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 8, 5, 6, generator=generator)
    w = torch.randn(8, 5, 3, 3, generator=generator)
    want = F.conv_transpose2d(x, w, None, 1, 1, 2, groups, 3)
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (3, 3), "groups": groups}
    got = kernels.conv_input(np, x.numpy(), w.numpy(), input_size=tuple(want.shape[2:]), **options)
    assert _relative(got, want) < 1e-5
    g = torch.randn(want.shape, generator=generator)
    w.requires_grad_()
    F.conv_transpose2d(x, w, None, 1, 1, 2, groups, 3).backward(g)
    got = kernels.conv_weight(np, g.numpy(), x.numpy(), kernel_size=(3, 3), **options)
    assert _relative(got, w.grad) < 1e-5


@pytest.mark.parametrize("channels", [64, 128])
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_values_that_are_not_finite_stay_local(special, channels):
    """The transforms of the 3x3 kernel would spread them over the plane."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, channels, 16, 16, generator=generator)
    x[1, 3, 5, 6] = special
    w = torch.randn(channels, channels, 3, 3, generator=generator)
    want = F.conv2d(x, w, None, 1, 1)
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    got = kernels.conv(np, x.numpy(), w.numpy(), **options)
    np.testing.assert_allclose(got, want.numpy(), 1e-4, 1e-3)
    got = kernels.conv_input(np, x.numpy(), w.numpy(), input_size=(16, 16), **options)
    want = F.conv_transpose2d(x, w, None, 1, 1)
    np.testing.assert_allclose(got, want.numpy(), 1e-4, 1e-3)


@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_values_that_are_not_finite_stay_local_in_banded_products(special):
    """A banded weight has zeros beside it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, 14, 14, generator=generator)
    x[1, 3, 5, 6] = special
    w = torch.randn(16, 6, 5, 5, generator=generator)
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    want = F.conv2d(x, w)
    got = kernels.conv(np, x.numpy(), w.numpy(), **options)
    np.testing.assert_allclose(got, want.numpy(), 1e-4, 1e-3)
    g = torch.randn(4, 16, 10, 10, generator=generator)
    g[2, 7, 3, 4] = special
    want_weight = torch.nn.grad.conv2d_weight(x, w.shape, g)
    got = kernels.conv_weight(np, x.numpy(), g.numpy(), kernel_size=(5, 5), **options)
    np.testing.assert_allclose(got, want_weight.numpy(), 1e-4, 1e-3)
    want = F.conv_transpose2d(g, w)
    got = kernels.conv_input(np, g.numpy(), w.numpy(), input_size=(14, 14), **options)
    np.testing.assert_allclose(got, want.numpy(), 1e-4, 1e-3)


POOLS = [
    # size, kernel, stride, padding, dilation, ceil_mode
    ((12, 14), 2, 2, 0, 1, False),
    ((13, 11), 2, 2, 0, 1, True),
    ((28, 28), 3, 2, 1, 1, False),
    ((15, 18), 3, 2, 1, 2, True),
    ((10, 9), 4, 5, 2, 1, True),
    ((30,), 3, 2, 1, 1, True),
    ((7, 8, 9), 3, 2, 1, 1, True),
]


@pytest.mark.parametrize("values", ["random", "ties", "special"])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool(case, values):
    size, kernel, stride, padding, dilation, ceil_mode = case
    dims = len(size)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, *size, generator=generator)
    if values == "ties":
        x = x.round()
    elif values == "special":
        x[x > 1] = torch.nan
        x[x < 0] = -torch.inf
    x.requires_grad_()
    want, want_indices = getattr(F, f"max_pool{dims}d")(
        x, kernel, stride, padding, dilation, ceil_mode, return_indices=True
    )
    g = torch.randn(want.shape, generator=generator)
    want.backward(g)
    got, indices = pool.max_pool(
        np, x.detach().numpy(), kernel=(kernel,) * dims, stride=(stride,) * dims,
        padding=(padding,) * dims, dilation=(dilation,) * dims, ceil_mode=ceil_mode,
    )  # fmt: skip
    np.testing.assert_array_equal(got, want.detach().numpy())
    np.testing.assert_array_equal(indices, want_indices.numpy())
    back = pool.max_pool_backward(np, g.numpy(), indices, spatial=size)
    np.testing.assert_allclose(back, x.grad.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("divisor", [None, 3])
@pytest.mark.parametrize("case", [case for case in POOLS if case[4] == 1], ids=str)
def test_avg_pool(case, count_include_pad, divisor):
    size, kernel, stride, padding, _, ceil_mode = case
    dims = len(size)
    extra = () if dims == 1 else (divisor,)
    if dims == 1 and divisor is not None:
        pytest.skip("avg_pool1d has no divisor_override")
    x = torch.randn(3, 5, *size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    want = getattr(F, f"avg_pool{dims}d")(
        x, kernel, stride, padding, ceil_mode, count_include_pad, *extra
    )
    g = torch.randn(want.shape, generator=torch.Generator().manual_seed(1))
    want.backward(g)
    options = {
        "kernel": (kernel,) * dims, "stride": (stride,) * dims, "padding": (padding,) * dims,
        "ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "divisor": divisor,
    }  # fmt: skip
    got = pool.avg_pool(np, x.detach().numpy(), **options)
    np.testing.assert_allclose(got, want.detach().numpy(), 1e-5, 1e-6)
    back = pool.avg_pool_backward(np, g.numpy(), spatial=size, **options)
    np.testing.assert_allclose(back, x.grad.numpy(), 1e-5, 1e-6)
