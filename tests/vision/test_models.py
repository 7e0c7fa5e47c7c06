"""Models: layers and names as in torchvision, weights from files, fine-tuning, features inside."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import gradcore
from gradcore import hub, nn
from gradcore.optim import SGD
from gradcore.utils.safetensors import save_file
from gradcore.vision import models
from gradcore.vision.models import feature_extraction
from gradcore.vision.models._utils import IntermediateLayerGetter

# Number of entries of torchvision's state dict, the hash of their names and shapes, and the
# number of parameters.
STATE_DICTS = {
    "alexnet": (16, "9c198ebdae18", 61100840),
    "densenet121": (727, "aa0fd9923b00", 7978856),
    "densenet161": (967, "82d337d48f91", 28681000),
    "densenet169": (1015, "e2d0f02d9c0c", 14149480),
    "densenet201": (1207, "0d234ad7e9a3", 20013928),
    "efficientnet_b0": (360, "a04d0792ee39", 5288548),
    "efficientnet_b1": (508, "9aaba0741e04", 7794184),
    "efficientnet_b2": (508, "a6d3677e95ef", 9109994),
    "efficientnet_b3": (574, "495111442d67", 12233232),
    "efficientnet_b4": (706, "2974b9d3c055", 19341616),
    "efficientnet_b5": (854, "281af15aa414", 30389784),
    "efficientnet_b6": (986, "c32e05b40510", 43040704),
    "efficientnet_b7": (1200, "3d2a7737a3d8", 66347960),
    "efficientnet_v2_l": (1548, "d77db9d94fce", 118515272),
    "efficientnet_v2_m": (1120, "5049b2b40578", 54139356),
    "efficientnet_v2_s": (782, "1d905bff391f", 21458488),
    "googlenet": (364, "7f541ca29410", 13004888),
    "inception_v3": (580, "aab0ac2cbaf8", 27161264),
    "mobilenet_v2": (314, "37bbbce8932f", 3504872),
    "mobilenet_v3_large": (312, "efe98e40831b", 5483032),
    "mobilenet_v3_small": (244, "5f0efaf3ff4a", 2542856),
    "resnet101": (626, "02c0f34f4842", 44549160),
    "resnet152": (932, "685c66205bc8", 60192808),
    "resnet18": (122, "84fb10d9c690", 11689512),
    "resnet34": (218, "28f9096d5130", 21797672),
    "resnet50": (320, "d7e4f8bb0a53", 25557032),
    "resnext101_32x8d": (626, "da7dd7525807", 88791336),
    "resnext101_64x4d": (626, "90caac80ae24", 83455272),
    "resnext50_32x4d": (320, "e3bad165c034", 25028904),
    "squeezenet1_0": (52, "4654d26ad581", 1248424),
    "squeezenet1_1": (52, "1d365589393f", 1235496),
    "vgg11": (22, "cb3dc23f2a13", 132863336),
    "vgg11_bn": (62, "8b6717e727c0", 132868840),
    "vgg13": (26, "67c1dc8b57fd", 133047848),
    "vgg13_bn": (76, "f6b0597d18a7", 133053736),
    "vgg16": (32, "35c4623e0cd4", 138357544),
    "vgg16_bn": (97, "347371586a8e", 138365992),
    "vgg19": (38, "4723255af8f6", 143667240),
    "vgg19_bn": (118, "fc3ff6fab2b5", 143678248),
    "vit_b_16": (152, "b124b34d9346", 86567656),
    "vit_b_32": (152, "f8bc3a1f2fd0", 88224232),
    "vit_h_14": (392, "05e3d14dfbc1", 632045800),
    "vit_l_16": (296, "0fd5127fe79b", 304326632),
    "vit_l_32": (296, "8b7397ee7b87", 306535400),
    "wide_resnet101_2": (626, "4f088c0a152b", 126886696),
    "wide_resnet50_2": (320, "41203d1d536c", 68883240),
}


@pytest.fixture
def no_initial_values(monkeypatch):
    """Models of any size are made at once, with whatever the memory holds."""
    for name in ("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
    for name in ("trunc_normal_", "uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)


@pytest.mark.parametrize("name", STATE_DICTS)
def test_state_dict_is_torchvisions(name, no_initial_values):
    model = models.get_model(name)
    state = model.state_dict()
    text = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    found = len(state), hashlib.sha256(text.encode()).hexdigest()[:12]
    assert (*found, sum(p.numel() for p in model.parameters())) == STATE_DICTS[name]


def test_every_model_is_in_the_table():
    assert set(models.list_models()) == {*STATE_DICTS, "lenet"}


# ------------------------------------------------------------------------ names and weights


def test_names_of_models():
    assert models.list_models(include="resnet*", exclude="*101") == [
        "resnet152",
        "resnet18",
        "resnet34",
        "resnet50",
    ]
    assert models.list_models(include=["alexnet", "vgg1?"]) == [
        "alexnet",
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
    ]
    assert models.list_models(module=models) == models.list_models()
    assert models.get_model_builder("LeNet") is models.lenet
    assert models.get_model("lenet", num_classes=3).classifier[-1].out_features == 3
    with pytest.raises(ValueError, match="Unknown model resnet19"):
        models.get_model("resnet19")


def test_register_model_keeps_names_apart():
    with pytest.raises(ValueError, match="already registered under the name 'lenet'"):
        models.register_model("lenet")(lambda: None)


def test_tables_of_weights():
    entry = models.ResNet50_Weights.IMAGENET1K_V2
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V2") is entry
    assert models.ResNet50_Weights.DEFAULT is entry
    assert models.get_model_weights("resnet50") is models.get_model_weights(models.resnet50)
    assert repr(entry) == "ResNet50_Weights.IMAGENET1K_V2"
    assert entry.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert entry.meta["categories"][:2] == ["tench", "goldfish"]
    assert len(entry.meta["categories"]) == 1000
    assert entry.meta["num_params"] == STATE_DICTS["resnet50"][2]
    with pytest.raises(ValueError, match="Invalid weight name provided: 'resnet50'"):
        models.get_weight("resnet50")
    with pytest.raises(ValueError, match="'Resnet_Weights'.*couldn't be retrieved"):
        models.get_weight("Resnet_Weights.DEFAULT")
    with pytest.raises(KeyError, match="V3"):
        models.get_weight("ResNet50_Weights.V3")


def checkpoint_of(name, tmp_path, monkeypatch, **kwargs):
    """A model, and its parameters in a file where the published ones would be."""
    gradcore.manual_seed(5)
    model = models.get_model(name, **kwargs)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setattr(hub, "_folder", str(tmp_path))
    file = models.get_model_weights(name).IMAGENET1K_V1.url.rpartition("/")[2]
    gradcore.save(model.state_dict(), folder / file)
    return model


def same_values(a, b):
    return all(bool((x == y).all()) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("how", ["entry", "name", "full name"])
def test_published_weights_come_from_the_folder_of_downloads(tmp_path, monkeypatch, how):
    model = checkpoint_of("squeezenet1_1", tmp_path, monkeypatch)
    entry = models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    weights = {"entry": entry, "name": entry.name, "full name": repr(entry)}[how]
    assert same_values(models.squeezenet1_1(weights=weights), model)
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 10"):
        models.squeezenet1_1(weights=weights, num_classes=10)


def test_pretrained_still_works(tmp_path, monkeypatch):
    model = checkpoint_of("squeezenet1_1", tmp_path, monkeypatch)
    with pytest.warns(UserWarning) as warned:
        assert same_values(models.squeezenet1_1(pretrained=True), model)
    assert "The parameter 'pretrained' is deprecated" in str(warned[0].message)
    assert "weights=SqueezeNet1_1_Weights.IMAGENET1K_V1" in str(warned[1].message)
    with pytest.warns(UserWarning) as warned:
        assert same_values(models.squeezenet1_1(True), model)
    assert "Using 'weights' as positional parameter(s) is deprecated" in str(warned[0].message)
    with pytest.warns(UserWarning) as warned:
        models.squeezenet1_1(pretrained=False)
    assert "equivalent to passing `weights=None`" in str(warned[1].message)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="No weights available"):
        models.vit_h_14(pretrained=True)


def test_googlenets_weights_bring_their_settings(tmp_path, monkeypatch):
    checkpoint_of("googlenet", tmp_path, monkeypatch)
    model = models.googlenet(weights="DEFAULT")
    assert model.transform_input and model.aux1 is None and not model.aux_logits
    with pytest.warns(UserWarning, match="auxiliary heads"):
        assert models.googlenet(weights="DEFAULT", aux_logits=True).aux2 is not None


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_from_a_path(tmp_path, suffix):
    model = models.lenet(num_classes=4)
    path = tmp_path / f"own.{suffix}"
    (gradcore.save if suffix == "pth" else save_file)(model.state_dict(), path)
    for weights in (path, str(path)):
        assert same_values(models.lenet(weights=weights, num_classes=4), model)
    with pytest.raises(RuntimeError, match="size mismatch"):
        models.lenet(weights=path)


def test_weights_that_are_none():
    with pytest.raises(KeyError, match="IMAGENET"):
        models.squeezenet1_1(weights="IMAGENET")
    with pytest.raises(FileNotFoundError):
        models.squeezenet1_1(weights="no_such_file.pth")
    with pytest.raises(TypeError, match="expected SqueezeNet1_1_Weights but received ResNet18"):
        models.squeezenet1_1(weights=models.ResNet18_Weights.DEFAULT)


def test_densenet_takes_the_names_of_the_published_file(tmp_path):
    model = models.DenseNet(4, (1, 1), 8, num_classes=3)
    sizes = {"growth_rate": 4, "block_config": (1, 1), "num_init_features": 8}
    state = {}
    for key, value in model.state_dict().items():
        if "denselayer" in key:
            key = key.replace("norm1", "norm.1").replace("norm2", "norm.2")
            key = key.replace("conv1", "conv.1").replace("conv2", "conv.2")
        # Normalizations did not count their batches yet.
        if "num_batches_tracked" not in key:
            state[key] = value
    gradcore.save(state, tmp_path / "old.pth")
    module = __import__("gradcore.vision.models.densenet", fromlist=["_"])
    loaded = module._densenet(*sizes.values(), tmp_path / "old.pth", True, {"num_classes": 3})
    assert same_values(loaded, model)


def test_images_for_the_weights():
    prepare = models.ResNet50_Weights.IMAGENET1K_V2.transforms()
    assert prepare.crop_size == [224] and prepare.resize_size == [232]
    image = gradcore.randint(0, 256, (3, 300, 260), dtype=gradcore.uint8)
    out = prepare(image)
    assert out.shape == (3, 224, 224) and out.dtype == gradcore.float32
    assert abs(out.mean().item()) < 1


# --------------------------------------------------------------------------------- forward


def test_alexnet_and_lenet():
    model = models.alexnet(num_classes=7).eval()
    assert model(gradcore.zeros(2, 3, 63, 70)).shape == (2, 7)
    for size in (28, 32):
        model = models.LeNet(image_size=size)
        assert model(gradcore.zeros(2, 1, size, size)).shape == (2, 10)
    with pytest.raises(ValueError, match="image_size should be 28 or 32, got 30"):
        models.LeNet(image_size=30)


def test_gradients_in_training():
    gradcore.manual_seed(0)
    model = models.resnet18(num_classes=5)
    before = model.bn1.running_mean.clone()
    loss = nn.functional.cross_entropy(model(gradcore.randn(4, 3, 32, 32)), gradcore.arange(4))
    loss.backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    assert bool((model.bn1.running_mean != before).any())


def test_googlenet_has_three_outputs_in_training():
    model = models.googlenet(num_classes=6, init_weights=False)
    x = gradcore.randn(2, 3, 64, 64)
    out = model(x)
    assert type(out).__name__ == "GoogLeNetOutputs"
    assert out._fields == ("logits", "aux_logits2", "aux_logits1")
    assert [t.shape for t in out] == [(2, 6)] * 3
    assert model.eval()(x).shape == (2, 6)
    assert models.googlenet(aux_logits=False, init_weights=False)(x).shape == (2, 1000)


def test_inception_has_two_outputs_in_training():
    model = models.inception_v3(num_classes=6, init_weights=False)
    with gradcore.no_grad():
        out = model(gradcore.randn(2, 3, 299, 299))
    assert out._fields == ("logits", "aux_logits") and out.aux_logits.shape == (2, 6)


def test_densenet_saves_memory_with_the_same_gradients():
    gradients = []
    for efficient in (False, True):
        gradcore.manual_seed(2)
        model = models.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=efficient)
        model(gradcore.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)).sum().backward()
        gradients.append(model.features.conv0.weight.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)


def test_vision_transformer():
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32, "num_classes": 5}
    model = models.VisionTransformer(16, 4, representation_size=8, **sizes)
    assert model(gradcore.randn(2, 3, 16, 16)).shape == (2, 5)
    with pytest.raises(AssertionError, match="Wrong image height! Expected 16 but got 20!"):
        model(gradcore.zeros(1, 3, 20, 16))
    module = models.vision_transformer
    state = module.interpolate_embeddings(24, 4, model.state_dict(), reset_heads=True)
    assert state["encoder.pos_embedding"].shape == (1, 37, 16)
    assert not any(key.startswith("heads") for key in state)
    larger = models.VisionTransformer(24, 4, representation_size=8, **sizes)
    result = larger.load_state_dict(state, strict=False)
    assert all(key.startswith("heads") for key in result.missing_keys)
    stem = [module.ConvStemConfig(8, 3, 2), module.ConvStemConfig(12, 3, 2)]
    model = models.VisionTransformer(16, 4, conv_stem_configs=stem, **sizes)
    assert model(gradcore.randn(2, 3, 16, 16)).shape == (2, 5)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="3-element tuple"):
        models.resnet18(replace_stride_with_dilation=[True])
    with pytest.raises(NotImplementedError, match="Dilation > 1"):
        models.resnet18(replace_stride_with_dilation=[False, True, True])
    with pytest.raises(ValueError, match="Unsupported SqueezeNet version 2"):
        models.SqueezeNet("2")
    with pytest.raises(ValueError, match="should not be empty"):
        models.EfficientNet([], 0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'classes'"):
        models.mobilenet_v3_small(classes=3)


# ---------------------------------------------------------------------------- fine-tuning


def test_freeze_and_replace_the_head():
    model = models.resnet18()
    assert models.freeze(model) is model
    head = models.replace_head(model, 4)
    assert head is model.fc and head.out_features == 4
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trainable == ["fc.weight", "fc.bias"]
    models.unfreeze(model, "layer4", "bn1")
    trainable = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"bn1", "layer4", "fc"}
    assert model(gradcore.zeros(2, 3, 32, 32)).shape == (2, 4)


@pytest.mark.parametrize(
    ("name", "path"),
    [("squeezenet1_1", "classifier.1"), ("vit_b_32", "heads.head"), ("googlenet", "fc")],
)
def test_heads_of_other_models(name, path, no_initial_values):
    model = models.get_model(name)
    head = models.replace_head(model, 9)
    assert model.get_submodule(path) is head and head.weight.shape[0] == 9
    if name == "googlenet":
        assert model.aux1.fc2.out_features == model.aux2.fc2.out_features == 9
    with pytest.raises(ValueError, match="no Linear or Conv2d layer"):
        models.replace_head(nn.Sequential(nn.ReLU()), 9)


def test_parameter_groups():
    model = models.lenet()
    rates = {"classifier": 0.1, "classifier.4": 0.5}
    groups = models.parameter_groups(model, rates, lr=0.01)
    assert [(len(g["params"]), g["lr"]) for g in groups] == [(4, 0.01), (4, 0.1), (2, 0.5)]
    optimizer = SGD(groups, lr=1.0)
    assert [g["lr"] for g in optimizer.param_groups] == [0.01, 0.1, 0.5]
    assert "lr" not in models.parameter_groups(model, {"features": 0.1})[1]
    models.freeze(model, "features")
    assert [len(g["params"]) for g in models.parameter_groups(model, {"features": 0.1})] == [6]
    with pytest.raises(ValueError, match=r"rates: no parameter .*\['head'\]"):
        models.parameter_groups(model, {"head": 0.1})


# ------------------------------------------------------------------------ features inside


def test_features_by_name():
    model = models.resnet18(num_classes=3)
    nodes = {"layer1.0.relu": "first", "layer1.0.relu_1": "second", "layer2": "stage"}
    body = feature_extraction.create_feature_extractor(model, nodes)
    x = gradcore.randn(2, 3, 32, 32)
    found = body.eval()(x)
    assert not model.training
    stem = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    first = model.layer1[0].relu(model.layer1[0].bn1(model.layer1[0].conv1(stem)))
    assert list(found) == ["first", "second", "stage"]
    np.testing.assert_array_equal(found["first"].detach().numpy(), first.detach().numpy())
    second = model.layer1[0](stem).detach().numpy()
    np.testing.assert_array_equal(found["second"].detach().numpy(), second)
    assert found["stage"].shape == (2, 128, 4, 4)
    assert list(body.state_dict()) == list(model.state_dict())
    assert not any(m._forward_hooks for m in model.modules())


def test_features_end_the_forward():
    model = models.lenet()
    body = feature_extraction.create_feature_extractor(model, ["features.3"])
    calls = []
    model.classifier.register_forward_hook(lambda *args: calls.append(1))
    body(gradcore.zeros(1, 1, 28, 28))["features.3"].sum().backward()
    assert not calls
    assert model.features[0].weight.grad is not None and model.classifier[0].weight.grad is None


def test_features_of_training_and_evaluation():
    model = models.lenet()
    create = feature_extraction.create_feature_extractor
    body = create(model, train_return_nodes=["features"], eval_return_nodes={"classifier": "y"})
    x = gradcore.zeros(1, 1, 28, 28)
    assert list(body(x)) == ["features"] and list(body.eval()(x)) == ["y"]
    with pytest.raises(ValueError, match="node: 'layer1' is not present in model"):
        create(model, ["layer1"])
    with pytest.raises(ValueError, match="Either `return_nodes`"):
        create(model)
    with pytest.raises(ValueError, match="`return_nodes` shouldn't be specified"):
        create(model, ["features"], ["features"], ["features"])
    names, _ = feature_extraction.get_graph_node_names(model)
    assert names[:3] == ["features", "features.0", "features.1"]
    with pytest.raises(RuntimeError, match=r"did not call: features\.0"):
        create(model, ["features.0_1"])(x)


def test_children_one_after_the_other():
    model = models.resnet18(num_classes=3).eval()
    body = IntermediateLayerGetter(model, {"layer1": "a", "layer3": "b"})
    assert list(body)[-1] == "layer3"
    shapes = [(key, tuple(t.shape)) for key, t in body(gradcore.zeros(1, 3, 64, 64)).items()]
    assert shapes == [("a", (1, 64, 16, 16)), ("b", (1, 256, 4, 4))]
    with pytest.raises(ValueError, match="return_layers are not present in model"):
        IntermediateLayerGetter(model, {"layer9": "a"})
