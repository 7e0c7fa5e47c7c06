"""Models against torchvision: initial values, outputs with the same parameters, the tables.

``GRADCORE_ALL_MODELS=1`` compares every model, not one of each family: minutes and 10 GB.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import gradcore
from gradcore.vision import models
from vision import torchvision_oracle

torch, torchvision = torchvision_oracle.load()
# Threads that wait for each other on busy processors take ten times as long.
torch.set_num_threads(1)

# One of each family, and what they need to be small.
FAMILIES = {
    "resnet18": {},
    "resnet50": {"replace_stride_with_dilation": [False, True, True], "zero_init_residual": True},
    "resnext50_32x4d": {},
    "googlenet": {"init_weights": True, "transform_input": True},
    "inception_v3": {"init_weights": True},
    "densenet121": {},
    "squeezenet1_0": {},
    "mobilenet_v2": {"width_mult": 0.5},
    "mobilenet_v3_small": {"reduced_tail": True, "dilated": True},
    "efficientnet_b0": {},
    "efficientnet_v2_s": {},
    "alexnet": {},
}
if os.environ.get("GRADCORE_ALL_MODELS"):
    FAMILIES = {name: {} for name in models.list_models() if name != "lenet"} | FAMILIES
IMAGE = {"inception_v3": 80, "alexnet": 96}
IMAGE |= {name: 224 for name in FAMILIES if name.startswith("vit")}


def vit(library):
    sizes = {"num_layers": 2, "num_heads": 4, "hidden_dim": 32, "mlp_dim": 64, "num_classes": 11}
    return library.VisionTransformer(32, 8, representation_size=16, **sizes)


def vgg_features(library):
    return library.vgg.make_layers([8, "M", 16, 16, "M", 32], batch_norm=True)


BUILDERS = {
    name: lambda library, name=name: library.get_model(name, num_classes=11, **FAMILIES[name])
    for name in FAMILIES
}
BUILDERS |= {"vit": vit, "vgg": vgg_features}


def trained_like(state):
    """Values that make every parameter count, statistics of normalizations included."""
    rng = np.random.default_rng(0)
    changed = {}
    for key, value in state.items():
        value = value.numpy().copy()
        if key.endswith("running_var"):
            value = rng.uniform(0.5, 2, value.shape).astype("float32")
        elif value.dtype == np.float32 and value.ndim < 2:
            value = value + rng.normal(0, 0.2, value.shape).astype("float32")
        elif value.dtype == np.float32 and not value.any():
            value = value + rng.normal(0, 0.05, value.shape).astype("float32")
        changed[key] = value
    return changed


@pytest.mark.parametrize("name", BUILDERS)
def test_initial_values_and_outputs(name):
    torch.manual_seed(3)
    expected = BUILDERS[name](torchvision.models).eval()
    gradcore.manual_seed(3)
    found = BUILDERS[name](models).eval()
    state = expected.state_dict()
    assert list(found.state_dict()) == list(state)
    for key, value in found.state_dict().items():
        pair = [t.numpy().reshape(-1)[:500_000] for t in (value, state[key])]
        np.testing.assert_allclose(*pair, rtol=1e-6, atol=1e-6)
    values = trained_like(state)
    expected.load_state_dict({key: torch.from_numpy(value) for key, value in values.items()})
    found.load_state_dict({key: gradcore.from_numpy(value) for key, value in values.items()})
    size = IMAGE.get(name, 32)
    x = np.random.default_rng(1).normal(size=(2, 3, size, size)).astype("float32")
    with torch.no_grad(), gradcore.no_grad():
        y, target = found(gradcore.tensor(x)).numpy(), expected(torch.tensor(x)).numpy()
    np.testing.assert_allclose(y, target, rtol=1e-4, atol=1e-4 * np.abs(target).max())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_0"])
def test_gradients_in_training(name):
    torch.manual_seed(3)
    expected = BUILDERS[name](torchvision.models).double()
    found = BUILDERS[name](models).double()
    state = {key: gradcore.from_numpy(v.numpy().copy()) for key, v in expected.state_dict().items()}
    found.load_state_dict(state)
    for model in (expected, found):
        for module in model.modules():
            if type(module).__name__ == "Dropout":
                module.p = 0.0
    x = np.random.default_rng(1).normal(size=(6, 3, 40, 40))
    for library, model in ((torch, expected), (gradcore, found)):
        library.nn.functional.cross_entropy(model(library.tensor(x)), library.arange(6)).backward()
    gradients = dict(found.named_parameters())
    for key, parameter in expected.named_parameters():
        target = parameter.grad.numpy()
        error = np.abs(gradients[key].grad.numpy() - target).max()
        assert error <= 1e-8 * np.abs(target).max() + 1e-12, key


def test_tables_of_weights():
    for name in set(models.list_models()) - {"lenet"}:
        found = models.get_model_weights(name)
        expected = torchvision.models.get_model_weights(name)
        assert found.__name__ == expected.__name__
        assert list(found.__members__) == list(expected.__members__)
        for key, entry in expected.__members__.items():
            own = found[key]
            assert (own.name, own.url) == (entry.name, entry.url)
            meta = {k: v for k, v in entry.meta.items() if k != "_docs"}
            assert str(sorted(own.meta.items())) == str(sorted(meta.items()))
            options = {"resize_size": 256, "interpolation": "bilinear", **entry.transforms.keywords}
            options["interpolation"] = getattr(options["interpolation"], "value", "bilinear")
            assert own.transforms.keywords == options


def test_names():
    """What this library has under the names of torchvision.models is torchvision's."""
    own = {"LeNet", "lenet", "freeze", "unfreeze", "replace_head", "parameter_groups"}
    extra = set(models.__all__) - set(dir(torchvision.models)) - own
    assert extra == {"feature_extraction", "register_model"}


def test_features_by_name():
    torch.manual_seed(0)
    create = __import__("torchvision.models.feature_extraction", fromlist=["_"])
    nodes = {"layer1.0.relu": "a", "layer1.0.relu_1": "b", "layer3": "c", "avgpool": "d"}
    expected = torchvision.models.resnet18(num_classes=3).eval()
    found = models.resnet18(num_classes=3).eval()
    state = {key: gradcore.from_numpy(v.numpy().copy()) for key, v in expected.state_dict().items()}
    found.load_state_dict(state)
    x = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype("float32")
    with torch.no_grad(), gradcore.no_grad():
        targets = create.create_feature_extractor(expected, nodes)(torch.tensor(x))
        outputs = models.feature_extraction.create_feature_extractor(found, nodes)(
            gradcore.tensor(x)
        )
    assert list(outputs) == list(targets)
    for key, target in targets.items():
        np.testing.assert_allclose(outputs[key].numpy(), target.numpy(), rtol=1e-4, atol=1e-4)


def test_preparation_of_images():
    x = np.random.default_rng(0).integers(0, 256, (3, 70, 90)).astype("uint8")
    options = {"crop_size": 32, "resize_size": 40}
    presets = __import__("torchvision.transforms._presets", fromlist=["_"])
    own = __import__("gradcore.vision.models._presets", fromlist=["_"])
    target = presets.ImageClassification(**options)
    found = own.ImageClassification(**options)
    np.testing.assert_allclose(
        found(gradcore.tensor(x)).numpy(), target(torch.tensor(x)).numpy(), atol=2.5 / 255 / 0.22
    )
