"""Modules as functions of their parameters."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore import nn
from gradcore.func import functional_call, grad, stack_module_state, vmap


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.ones(()))
        self.second = self.first

    def forward(self, x):
        return x * self.first + self.second


def layer():
    torch.manual_seed(0)
    return nn.Linear(2, 3)


def test_other_parameters():
    module, x = layer(), torch.ones(1, 2)
    kept = module.weight
    zeros = {"weight": torch.zeros(3, 2), "bias": torch.full((3,), 7.0)}
    assert functional_call(module, zeros, x).tolist() == [[7.0, 7.0, 7.0]]
    assert functional_call(module, zeros, (x,)).tolist() == [[7.0, 7.0, 7.0]]
    assert module.weight is kept


def test_some_parameters():
    module, x = layer(), torch.zeros(1, 2)
    result = functional_call(module, {"bias": torch.full((3,), 7.0)}, x)
    assert result.tolist() == [[7.0, 7.0, 7.0]]


def test_several_dicts_and_keyword_arguments():
    module, x = layer(), torch.ones(1, 2)
    dicts = ({"weight": torch.zeros(3, 2)}, {"bias": torch.ones(3)})
    assert functional_call(module, dicts, kwargs={"input": x}).tolist() == [[1.0, 1.0, 1.0]]
    with pytest.raises(ValueError, match=r"\['bias'\] appeared in multiple dictionaries"):
        functional_call(module, ({"bias": torch.ones(3)}, {"bias": torch.ones(3)}), x)
    with pytest.raises(ValueError, match="Expected parameter_and_buffer_dicts to be a dict, or a"):
        functional_call(module, 3, x)


def test_names_in_submodules():
    model = nn.Sequential(layer(), nn.ReLU())
    found = functional_call(model, {"0.bias": torch.full((3,), -9.0)}, torch.zeros(1, 2))
    assert found.tolist() == [[0.0, 0.0, 0.0]]


def test_names_that_do_not_exist():
    module = layer()
    functional_call(module, {"other": torch.ones(1)}, torch.ones(1, 2))
    assert not hasattr(module, "other")
    with pytest.raises(AttributeError, match="has no attribute `nothing`"):
        functional_call(module, {"nothing.weight": torch.ones(1)}, torch.ones(1, 2))
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'other'"):
        functional_call(layer(), {"other": torch.ones(1)}, torch.ones(1, 2), strict=True)
    with pytest.raises(RuntimeError, match=r"Missing key\(s\): 'bias'"):
        functional_call(layer(), {"weight": torch.ones(3, 2)}, torch.ones(1, 2), strict=True)


def test_values_that_are_no_tensors():
    with pytest.raises(TypeError, match="is not an instance of torch.Tensor"):
        functional_call(layer(), {"bias": 3}, torch.ones(1, 2))


def test_parameters_return_after_an_error():
    module = layer()
    kept = module.bias
    with pytest.raises(RuntimeError):
        functional_call(module, {"bias": torch.ones(3)}, torch.ones(1, 77))
    assert module.bias is kept


def test_gradients_go_to_the_given_parameters():
    module, x = layer(), torch.ones(1, 2)
    given = {"weight": torch.zeros(3, 2, requires_grad=True)}
    functional_call(module, given, x).sum().backward()
    assert given["weight"].grad.tolist() == [[1.0, 1.0]] * 3
    assert module.weight.grad is None


def test_grad_of_a_module():
    module, x = layer(), torch.ones(1, 2)
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    found = grad(lambda p: functional_call(module, p, x).sum())(parameters)
    assert sorted(found) == ["bias", "weight"]
    assert found["bias"].tolist() == [1.0, 1.0, 1.0]


def test_tied_weights():
    module, x = Tied(), torch.tensor(10.0)
    five = torch.tensor(5.0)
    assert functional_call(module, {"first": five}, x).item() == 55.0
    assert functional_call(module, {"first": five}, x, tie_weights=False).item() == 51.0
    with pytest.raises(ValueError, match="functional_call got multiple values for keys"):
        functional_call(module, {"first": five, "second": torch.tensor(2.0)}, x)


def test_buffers_that_the_module_sets():
    norm = nn.BatchNorm1d(2)
    buffers = {name: b.clone() for name, b in norm.named_buffers()}
    functional_call(norm, buffers, torch.tensor([[0.0, 2.0], [4.0, 6.0]]))
    assert buffers["num_batches_tracked"].item() == 1
    assert norm.num_batches_tracked.item() == 0
    assert norm.running_mean.tolist() == [0.0, 0.0]


def test_stacked_models():
    models = [layer() for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    assert parameters["weight"].shape == (3, 3, 2)
    assert parameters["weight"].is_leaf
    assert parameters["weight"].requires_grad
    assert buffers == {}
    x = torch.ones(4, 2)
    found = vmap(lambda p, x: functional_call(models[0], p, x), in_dims=(0, None))(parameters, x)
    assert found.shape == (3, 4, 3)
    assert torch.allclose(found[1], models[1](x))


def test_models_that_do_not_fit():
    with pytest.raises(RuntimeError, match="Expected at least one model, got 0"):
        stack_module_state([])
    with pytest.raises(RuntimeError, match="same training/eval mode"):
        stack_module_state([layer(), layer().eval()])
    with pytest.raises(RuntimeError, match="to be of the same class"):
        stack_module_state([layer(), nn.ReLU()])
    frozen = layer()
    frozen.bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match=r"Expected bias from each model to have the same"):
        stack_module_state([layer(), frozen])
