"""Fourier transforms and windows against PyTorch: values, gradients and errors."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

REAL_INPUT = ("rfft", "ihfft", "rfft2", "ihfft2", "rfftn", "ihfftn")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn", "fft2", "ifft2", "rfft2", "irfft2",
        "hfft2", "ihfft2")  # fmt: skip
CASES = [
    (name, options)
    for name in ONE
    for options in ({}, {"n": 3}, {"n": 9, "dim": 0}, {"norm": "ortho"}, {"norm": "forward"})
]
CASES += [
    (name, options)
    for name in MANY
    for options in ({}, {"s": (3, 6)}, {"norm": "ortho"}, {"s": (5, -1), "dim": (0, 1)})
]


def signal(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 5))
    return x if name in REAL_INPUT else x + 1j * rng.standard_normal((4, 5))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_transforms(name, options):
    results = []
    for t in (torch, gradcore):
        x = t.tensor(signal(name)).requires_grad_()
        out = getattr(t.fft, name)(x, **options)
        weights = np.random.default_rng(1).standard_normal(tuple(out.shape))
        (out.abs() ** 2 * t.tensor(weights)).sum().backward()
        results.append((out.detach().resolve_conj().numpy(), x.grad.resolve_conj().numpy()))
    for a, b in zip(*results, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-11)


def test_float32_stays_narrow():
    x = gradcore.ones(4)
    assert gradcore.fft.fft(x).dtype == gradcore.complex64
    assert gradcore.fft.irfft(gradcore.fft.rfft(x)).dtype == gradcore.float32
    assert gradcore.fft.fft(gradcore.arange(4)).dtype == gradcore.complex64


REFUSED = (
    """
t.fft.fft(x, n=0)|t.fft.fft(x, dim=3)|t.fft.fft(x, norm="no")|t.fft.rfft(x + 1j)
t.fft.fft(t.tensor(1.0))|t.fft.fftn(x, s=(1, 2, 3))|t.fft.fftn(x, dim=(0, 0))
t.fft.fftn(x, s=(1, 2), dim=(0,))|t.fft.irfft(x[:, :1])|t.fft.fft(x.half())
t.fft.fft(t.ones(0))|t.fft.irfftn(x, dim=())
t.stft(x[0], 4, window=t.ones(4))
t.stft(x[0], 4, window=t.ones(3), return_complex=True)
t.stft(x[0], 4, 0, window=t.ones(4), return_complex=True)
t.istft(x, 4, window=t.ones(4))|t.istft(x + 0j, 20, window=t.ones(20))
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals_read_the_same(expression):
    raised = []
    for t in (torch, gradcore):
        with pytest.raises((RuntimeError, IndexError, TypeError)) as caught:
            eval(expression, {"t": t, "x": t.ones(2, 5)})
        raised.append(caught.value)
    assert type(raised[1]) is type(raised[0])
    assert str(raised[1]) == str(raised[0])


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_stft_and_back(center, onesided, normalized):
    x = np.random.default_rng(0).standard_normal((2, 40))
    results = []
    for t in (torch, gradcore):
        signal = t.tensor(x).requires_grad_()
        window = t.hamming_window(8, dtype=t.float64).requires_grad_()
        options = {"hop_length": 2, "win_length": 8, "window": window, "center": center,
                   "normalized": normalized, "onesided": onesided}  # fmt: skip
        spectrum = t.stft(signal, 10, return_complex=True, **options)
        (spectrum.abs() ** 2).sum().backward()
        back = spectrum.detach()
        if center:
            back = t.istft(back, 10, **{**options, "window": window.detach()})
        results.append([spectrum.detach().numpy(), signal.grad.numpy(), window.grad.numpy(),
                        back.numpy()])  # fmt: skip
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)


WINDOWS = (
    """
t.hann_window(6)|t.hann_window(6, False)|t.hamming_window(5, True, 0.5, 0.5)
t.bartlett_window(7)|t.blackman_window(6, periodic=False)|t.kaiser_window(6, True, 5.0)
t.hann_window(1)|t.hann_window(0)|t.signal.windows.kaiser(7, beta=3.0)
t.signal.windows.exponential(6, tau=2.0)|t.signal.windows.gaussian(6, std=1.5, sym=False)
t.signal.windows.cosine(6)|t.signal.windows.nuttall(8)|t.signal.windows.bartlett(5, sym=False)
t.signal.windows.general_cosine(6, a=[0.4, 0.3, 0.2])|t.fft.fftfreq(5, 0.5)|t.fft.rfftfreq(6)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("expression", WINDOWS)
def test_windows_and_frequencies(expression):
    wanted, got = (eval(expression, {"t": t}) for t in (torch, gradcore))
    assert (
        str(got.dtype).rsplit(".", maxsplit=1)[-1] == str(wanted.dtype).rsplit(".", maxsplit=1)[-1]
    )
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=2e-6, atol=2e-7)
