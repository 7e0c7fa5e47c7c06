"""Class activation maps."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore
from gradcore import nn
from gradcore.nn import functional as F
from gradcore.vision import models
from gradcore.vision.cam import CAM, GradCAM, GradCAMPlusPlus, overlay


class Net(nn.Module):
    """Convolutions, global average pooling and one linear layer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1)
        )
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = self.relu(self.norm(self.features(x)))
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def net():
    gradcore.manual_seed(1)
    model = Net()
    for _ in range(3):
        model(gradcore.randn(8, 1, 12, 16))
    return model


@pytest.fixture
def image():
    gradcore.manual_seed(2)
    return gradcore.randn(1, 1, 12, 16)


def scaled(heat, size):
    heat = F.interpolate(heat[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    return ((heat - heat.min()) / (heat.max() - heat.min())).detach().numpy()


def test_cam_is_the_weighted_sum_of_features(net, image):
    net.eval()
    features = net.relu(net.norm(net.features(image)))[0]
    for class_idx in (0, 2):
        expected = (net.fc.weight[class_idx][:, None, None] * features).sum(0)
        found = CAM(net, net.relu)(image, class_idx)
        assert found.shape == (12, 16) and not found.requires_grad
        np.testing.assert_allclose(found.numpy(), scaled(expected, (12, 16)), atol=1e-5)


@pytest.mark.parametrize("layer", ["features.0", "features", "norm", "relu"])
def test_grad_cam_by_hand(net, image, layer):
    net.eval()
    module = net.get_submodule(layer)
    kept = []
    handle = module.register_forward_hook(lambda m, i, o: kept.append(o) or o.clone())
    score = net(image)[0, 1]
    handle.remove()
    (gradient,) = gradcore.autograd.grad(score, kept[0])
    weights = gradient.mean((2, 3), keepdim=True)
    expected = F.relu((weights * kept[0]).sum(1))[0]
    found = GradCAM(net, module)(image, 1)
    np.testing.assert_allclose(found.numpy(), scaled(expected, (12, 16)), atol=1e-5)


def test_grad_cam_plus_plus_by_derivatives(net, image):
    """The weights from the derivatives of exp(score), equations 10 and 19 of the paper."""
    net.eval()
    features = net.features(image).detach().requires_grad_()
    score = net.fc(net.relu(net.norm(features)).mean((2, 3)))[0, 2]
    (slope,) = gradcore.autograd.grad(score, features)
    a, slope, e = features.detach().numpy()[0], slope.numpy()[0], np.exp(score.item())
    first, second, third = e * slope, e * slope**2, e * slope**3
    below = 2 * second + a.sum((1, 2), keepdims=True) * third
    alpha = np.divide(second, below, out=np.zeros_like(second), where=below != 0)
    weights = (alpha * np.maximum(first, 0)).sum((1, 2))
    expected = np.maximum((weights[:, None, None] * a).sum(0), 0)
    found = GradCAMPlusPlus(net, net.features)(image, 2)
    target = scaled(gradcore.from_numpy(expected), (12, 16))
    np.testing.assert_allclose(found.numpy(), target, atol=1e-4)


@pytest.mark.parametrize("kind", [CAM, GradCAM, GradCAMPlusPlus])
def test_values_and_default_class(net, image, kind):
    cam = kind(net, net.relu)
    heat = cam(image)
    assert (heat.min().item(), heat.max().item()) == (0, 1)
    best = int(net.eval()(image).argmax())
    np.testing.assert_array_equal(heat.numpy(), cam(image, best).numpy())
    with gradcore.no_grad():
        np.testing.assert_array_equal(cam(image).numpy(), heat.numpy())


@pytest.mark.parametrize("kind", [CAM, GradCAM, GradCAMPlusPlus])
def test_the_model_is_left_as_it_was(net, image, kind):
    net.train()
    net.norm.eval()
    net.fc.weight.requires_grad_(False)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    before = image.clone()
    kind(net, net.relu)(image)
    assert net.training and net.features.training and not net.norm.training
    assert not any(m._forward_hooks or m._backward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())
    assert not net.fc.weight.requires_grad and not image.requires_grad
    assert all(bool((value == state[key]).all()) for key, value in net.state_dict().items())
    assert bool((image == before).all())


def test_frozen_models_have_maps(net, image):
    target = GradCAM(net, net.relu)(image).numpy()
    models.freeze(net)
    np.testing.assert_array_equal(GradCAM(net, net.relu)(image).numpy(), target)


def test_hooks_go_when_the_model_fails(net):
    with pytest.raises(RuntimeError):
        GradCAM(net, net.relu)(gradcore.zeros(1, 5, 12, 16))
    assert not net.relu._forward_hooks and net.training


def test_maps_find_the_object():
    """A bright square decides the class; the maps are bright there."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2, 2),
    )
    with gradcore.no_grad():
        model[0].weight[0] = 1 / 9
        model[0].weight[1] = -1 / 9
        model[0].bias.zero_()
        model[4].bias.zero_()
        model[4].weight.copy_(gradcore.tensor([[1.0, 0], [0, 1]]))
    image = gradcore.zeros(1, 1, 24, 24)
    image[..., 4:10, 12:20] = 1
    for kind in (CAM, GradCAM, GradCAMPlusPlus):
        heat = kind(model, model[1])(image)
        row, column = divmod(int(heat.argmax()), 24)
        assert 4 <= row < 10 and 12 <= column < 20
        assert heat[15:].max() == 0


def test_resnet_and_overlay():
    model = models.resnet18(num_classes=5)
    x = gradcore.randn(1, 3, 40, 48)
    for kind in (CAM, GradCAM, GradCAMPlusPlus):
        assert kind(model, model.layer4)(x, 3).shape == (40, 48)
    heat = gradcore.linspace(0, 1, 40 * 48).reshape(40, 48)
    colors = overlay(x[0], heat, alpha=1.0)
    assert colors[:, 0, 0].tolist() == [0, 0, 0.5] and colors[:, -1, -1].tolist() == [0.5, 0, 0]
    assert colors[1, 20].min() > 0.9
    mixed = overlay(x[0, :1], heat)
    assert mixed.shape == (3, 40, 48) and mixed.min() >= 0 and mixed.max() <= 1
    plain = overlay(x[0], heat, alpha=0.0)
    assert (plain.min().item(), plain.max().item()) == (0, 1)
    with pytest.raises(ValueError, match="heat should have the image's size"):
        overlay(x[0], heat[1:])
    with pytest.raises(ValueError, match="image should be"):
        overlay(x, heat)


def test_arguments_are_checked(net, image):
    with pytest.raises(ValueError, match="target_layer is no module of the model"):
        CAM(net, nn.ReLU())
    with pytest.raises(ValueError, match=r"one image \(1, C, H, W\), got \(2, 1, 12, 16\)"):
        GradCAM(net, net.relu)(gradcore.zeros(2, 1, 12, 16))
    with pytest.raises(ValueError, match="does not give features"):
        GradCAM(net, net.fc)(image)
    with pytest.raises(ValueError, match="4 channels, which the model's last Linear"):
        CAM(net, net.features[0])(image)
    with pytest.raises(IndexError):
        GradCAM(net, net.relu)(image, 3)
    net.unused = nn.ReLU()
    with pytest.raises(ValueError, match="was not called"):
        GradCAM(net, net.unused)(image)


@pytest.mark.parametrize("kind", [CAM, GradCAM, GradCAMPlusPlus])
def test_maps_are_on_the_device_of_the_model(net, image, kind, device):
    net.to(device)
    heat = kind(net, net.relu)(image.to(device))
    assert str(heat.device) == device
    assert str(overlay(image[0].to(device), heat).device) == device
