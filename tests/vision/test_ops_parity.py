"""``gradcore.vision.ops`` against torchvision, as far as it runs without its compiled part."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore
from gradcore.vision import ops
from vision import torchvision_oracle

torch, torchvision = torchvision_oracle.load()


def boxes_of(n, seed, kind="float32"):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 30, (n, 2))], 1).astype(kind)


def both(name, *arrays, **options):
    """The result of ``ops.name`` in gradcore and in torchvision."""
    found = getattr(ops, name)(*[gradcore.tensor(a) for a in arrays], **options)
    expected = getattr(torchvision.ops, name)(*[torch.tensor(a) for a in arrays], **options)
    assert str(found.dtype).split(".")[1] == str(expected.dtype).split(".")[1]
    return found.numpy(), expected.numpy()


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
@pytest.mark.parametrize(
    "name", ["box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"]
)
def test_overlaps(name, kind):
    found, expected = both(name, boxes_of(6, 0, kind), boxes_of(4, 1, kind))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("fmt", ["xywh", "cxcywh"])
def test_overlap_of_formats(fmt):
    a, b = boxes_of(6, 0), boxes_of(4, 1)
    np.testing.assert_allclose(*both("box_iou", a, b, fmt=fmt), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(*both("box_area", a, fmt=fmt), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("kind", ["generalized", "distance", "complete"])
def test_losses(kind, reduction):
    a, b = boxes_of(8, 0), boxes_of(8, 1)
    found, expected = both(f"{kind}_box_iou_loss", a, b, reduction=reduction)
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-6)
    gradients = []
    for library, functions in ((gradcore, ops), (torch, torchvision.ops)):
        x = library.tensor(a, requires_grad=True)
        getattr(functions, f"{kind}_box_iou_loss")(x, library.tensor(b)).sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "int64"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("xyxy", "xywh"),
        ("xyxy", "cxcywh"),
        ("xywh", "cxcywh"),
        ("cxcywh", "xyxy"),
        ("cxcywh", "xywh"),
        ("xywhr", "cxcywhr"),
        ("cxcywhr", "xywhr"),
        ("xywhr", "xyxyxyxy"),
        ("cxcywhr", "xyxyxyxy"),
        ("xyxyxyxy", "xywhr"),
        ("xyxyxyxy", "cxcywhr"),
    ],
)
def test_box_convert(start, end, kind):
    columns = 8 if len(start) == 8 else len(start.replace("cx", "c").replace("cy", "c"))
    boxes = np.random.default_rng(4).uniform(10, 60, (5, columns)).astype(kind)
    found, expected = both("box_convert", boxes, in_fmt=start, out_fmt=end)
    # Of a result that is nearly half-way between two integers either may be taken.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 if kind == "float32" else 1)


@pytest.mark.parametrize("alpha", [0.25, -1])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_focal_loss(alpha, reduction):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 3)).astype("float32")
    targets = rng.integers(0, 2, (4, 3)).astype("float32")
    options = {"alpha": alpha, "gamma": 1.5, "reduction": reduction}
    np.testing.assert_allclose(
        *both("sigmoid_focal_loss", scores, targets, **options), rtol=1e-5, atol=1e-7
    )


def test_masks_to_boxes_and_clipping():
    masks = np.random.default_rng(0).uniform(size=(4, 9, 7)) > 0.93
    np.testing.assert_array_equal(*both("masks_to_boxes", masks))
    boxes = boxes_of(5, 2) - 10
    np.testing.assert_array_equal(*both("clip_boxes_to_image", boxes, size=(20, 30)))
    np.testing.assert_array_equal(*both("remove_small_boxes", boxes, min_size=12))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align(ratio, aligned):
    """torchvision has roi_align in Python too, for deterministic runs."""
    reference = __import__("torchvision.ops.roi_align", fromlist=["_"])._roi_align.__wrapped__
    x = np.random.default_rng(0).normal(size=(2, 3, 20, 30)).astype("float32")
    rois = np.concatenate([[[0], [1], [1], [0]], boxes_of(4, 3) * 0.7 - 3], 1).astype("float32")
    expected = reference(torch.tensor(x), torch.tensor(rois), 0.5, 3, 4, ratio, aligned)
    found = ops.roi_align(gradcore.tensor(x), gradcore.tensor(rois), (3, 4), 0.5, ratio, aligned)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda o: o.Conv2dNormActivation(3, 8, 5, stride=2),
        lambda o: o.SqueezeExcitation(8, 2),
        lambda o: o.MLP(4, [8, 3], dropout=0.1),
        lambda o: o.StochasticDepth(0.1, "row"),
        lambda o: o.FrozenBatchNorm2d(4),
        lambda o: o.RoIAlign(7, 0.5, 2),
        lambda o: o.RoIPool((7, 5), 0.5),
        lambda o: o.Permute([0, 1]),
    ],
)
def test_layers_print_and_save_the_same(build):
    found, expected = build(ops), build(torchvision.ops)
    assert repr(found) == repr(expected)
    assert list(found.state_dict()) == list(expected.state_dict())
