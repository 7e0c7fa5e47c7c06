"""nn.utils against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("f")


def fill(lib, net):
    """Give a module's parameters and buffers fixed values."""
    for i, tensor in enumerate(net.state_dict().values()):
        if tensor.is_floating_point():
            values = np.random.default_rng(i).uniform(0.5, 1.5, tuple(tensor.shape))
            tensor.copy_(lib.tensor(values))
    return net


def arrays(values):
    return [v.detach().numpy() if hasattr(v, "detach") else v for v in values]


def assert_same(run, tolerance=1e-5):
    """``run(library)`` gives a list of tensors and other values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = arrays(run(gradcore)), arrays(run(torch))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        else:
            assert a == b


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_clipping(norm_type):
    def run(lib):
        net = fill(lib, lib.nn.Linear(3, 2))
        net(lib.tensor(drawn(4, 3))).square().sum().backward()
        norm = lib.nn.utils.clip_grad_norm_(net.parameters(), 0.5, norm_type)
        grads = [p.grad.clone() for p in net.parameters()]
        lib.nn.utils.clip_grad_value_(net.parameters(), 0.1)
        return [norm, *grads, *(p.grad for p in net.parameters())]

    assert_same(run)


def test_vectors():
    def run(lib):
        net = fill(lib, lib.nn.Linear(3, 2))
        vector = lib.nn.utils.parameters_to_vector(net.parameters())
        lib.nn.utils.vector_to_parameters(vector * 2, net.parameters())
        return [vector, *net.parameters()]

    assert_same(run)


def test_fusion():
    def run(lib):
        utils = lib.nn.utils
        conv, norm = fill(lib, lib.nn.Conv2d(3, 4, 2)), fill(lib, lib.nn.BatchNorm2d(4))
        fused = utils.fuse_conv_bn_eval(conv.eval(), norm.eval())
        x = lib.tensor(drawn(2, 3, 5, 5))
        linear, line = fill(lib, lib.nn.Linear(3, 4)), fill(lib, lib.nn.BatchNorm1d(4))
        joined = utils.fuse_linear_bn_eval(linear.eval(), line.eval())
        return [fused(x), fused(x) - norm(conv(x)), joined(lib.tensor(drawn(2, 3)))]

    assert_same(run, 1e-4)


def test_weight_norm():
    def run(lib):
        net = lib.nn.utils.weight_norm(fill(lib, lib.nn.Conv1d(3, 4, 2)), dim=0)
        net.weight_g.data.mul_(2)
        out = net(lib.tensor(drawn(2, 3, 5)))
        out.sum().backward()
        keys = list(net.state_dict())
        grads = [net.weight_g.grad, net.weight_v.grad]
        lib.nn.utils.remove_weight_norm(net)
        return [out, *grads, keys, list(net.state_dict()), net.weight]

    assert_same(run)


def test_weight_norm_as_a_parametrization():
    def run(lib):
        net = fill(lib, lib.nn.Linear(3, 4))
        lib.nn.utils.parametrizations.weight_norm(net)
        out = net(lib.tensor(drawn(2, 3)))
        out.sum().backward()
        originals = net.parametrizations.weight
        return [
            out, list(net.state_dict()), type(net).__name__,
            originals.original0.grad, originals.original1.grad,
        ]  # fmt: skip

    assert_same(run)


@pytest.mark.parametrize("parametrized", [False, True])
def test_spectral_norm(parametrized):
    def run(lib):
        utils = lib.nn.utils
        lib.manual_seed(0)
        apply = utils.parametrizations.spectral_norm if parametrized else utils.spectral_norm
        net = apply(fill(lib, lib.nn.Conv2d(3, 4, 2)), n_power_iterations=2)
        x = lib.tensor(drawn(1, 3, 4, 4))
        outs = [net(x), net(x), net.eval()(x)]
        outs[-1].sum().backward()
        if parametrized:
            grad = net.parametrizations.weight.original.grad
        else:
            grad = net.weight_orig.grad
        return [*outs, grad, list(net.state_dict())]

    assert_same(run, 1e-4)


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal(kind, trivial):
    def run(lib):
        net = lib.nn.Linear(4, 4, bias=False)
        square = np.linalg.qr(drawn(4, 4))[0]
        with lib.no_grad():
            net.weight.copy_(lib.tensor(square))
        apply = lib.nn.utils.parametrizations.orthogonal
        if not trivial and kind != "householder":
            apply(net, "weight", kind, use_trivialization=False)
            with pytest.raises(NotImplementedError):
                net.weight = lib.tensor(square)
            return [net.weight]
        apply(net, "weight", kind, use_trivialization=trivial)
        first = net.weight.clone()
        original = net.parametrizations.weight.original
        (first * lib.tensor(drawn(4, 4))).sum().backward()
        gradient = original.grad.clone()
        with lib.no_grad():
            original.add_(lib.tensor(drawn(4, 4)).tril(-1) * 0.1)
        return [first, gradient, net.weight, net.weight @ net.weight.T]

    assert_same(run, 1e-4)


def test_parametrizations_of_ones_own():
    def run(lib):
        class Symmetric(lib.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).transpose(-1, -2)

            def right_inverse(self, x):
                return x.triu()

        parametrize = lib.nn.utils.parametrize
        net = fill(lib, lib.nn.Linear(3, 3))
        parametrize.register_parametrization(net, "weight", Symmetric())
        symmetric = net.weight.clone()
        with parametrize.cached():
            same = net.weight is net.weight
        net.weight = lib.tensor(drawn(3, 3))
        results = [symmetric, same, net.weight, net.parametrizations.weight.original]
        names = [repr(net), list(net.state_dict()), parametrize.is_parametrized(net, "bias")]
        parametrize.remove_parametrizations(net, "weight")
        return [*results, *names, net.weight, type(net).__name__]

    assert_same(run)


def test_pruning():
    def run(lib):
        prune = lib.nn.utils.prune
        net = fill(lib, lib.nn.Linear(4, 3))
        with lib.no_grad():
            net.weight.copy_(lib.tensor(drawn(3, 4)))
        prune.l1_unstructured(net, "weight", amount=3)
        first = net.weight.clone()
        prune.ln_structured(net, "weight", amount=1, n=2, dim=0)
        x = lib.tensor(drawn(2, 4))
        results = [first, net.weight, net(x), list(net.state_dict()), prune.is_pruned(net)]
        prune.remove(net, "weight")
        other = fill(lib, lib.nn.Linear(3, 2))
        pairs = [(net, "weight"), (other, "weight")]
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.4)
        return [*results, list(net.state_dict()), net.weight, other.weight]

    assert_same(run)


def test_functional_call():
    def run(lib):
        net = fill(lib, lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2)))
        weight = lib.tensor(drawn(2, 3)).requires_grad_()
        call = lib.nn.utils.stateless.functional_call
        out = call(net.eval(), {"0.weight": weight}, lib.tensor(drawn(4, 3)))
        out.sum().backward()
        return [out, weight.grad, net[0].weight]

    assert_same(run)


def test_skip_init_draws_nothing():
    gradcore.manual_seed(0)
    expected = gradcore.rand(1)
    gradcore.manual_seed(0)
    net = gradcore.nn.utils.skip_init(gradcore.nn.Linear, 5, 6)
    assert net.weight.shape == (6, 5)
    assert float(gradcore.rand(1)) == float(expected)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        gradcore.nn.utils.skip_init(int)
