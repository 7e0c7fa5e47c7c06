"""Boxes, regions of interest and the layers of ``gradcore.vision.ops``."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradcore
from gradcore import nn
from gradcore.autograd import gradcheck
from gradcore.vision import ops


def random_boxes(n, seed=0, size=60.0):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, size, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(2, size / 2, (n, 2))], 1)


def iou_of(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return shared / (sum(areas) - shared)


def nms_by_pairs(boxes, scores, classes, threshold):
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        rivals = [j for j in kept if classes[i] == classes[j]]
        if all(iou_of(boxes[i], boxes[j]) <= threshold for j in rivals):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_nms_keeps_what_no_better_box_covers(threshold):
    boxes = random_boxes(80)
    scores = np.random.default_rng(1).uniform(size=80)
    kept = ops.nms(gradcore.tensor(boxes), gradcore.tensor(scores), threshold)
    assert kept.dtype == gradcore.int64
    assert kept.tolist() == nms_by_pairs(boxes, scores, [0] * 80, threshold)


def test_batched_nms_separates_the_classes():
    boxes, rng = random_boxes(60), np.random.default_rng(2)
    scores, classes = rng.uniform(size=60), rng.integers(0, 3, 60)
    kept = ops.batched_nms(
        gradcore.tensor(boxes), gradcore.tensor(scores), gradcore.tensor(classes), 0.3
    )
    assert kept.tolist() == nms_by_pairs(boxes, scores, classes, 0.3)


def test_nms_of_equal_scores_takes_the_first():
    boxes = gradcore.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]])
    assert ops.nms(boxes, gradcore.ones(3), 0.5).tolist() == [0, 2]


def test_nms_of_nothing():
    kept = ops.nms(gradcore.zeros(0, 4), gradcore.zeros(0), 0.5)
    assert kept.shape == (0,) and kept.dtype == gradcore.int64


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ((4,), (1,), "boxes should be a 2d tensor"),
        ((2, 5), (2,), "boxes should have 4 elements in dimension 1, got 5"),
        ((2, 4), (2, 1), "scores should be a 1d tensor"),
        ((2, 4), (3,), "same number of elements in dimension 0, got 2 and 3"),
    ],
)
def test_nms_checks_shapes(boxes, scores, message):
    with pytest.raises(RuntimeError, match=message):
        ops.nms(gradcore.zeros(boxes), gradcore.zeros(scores), 0.5)


def test_box_iou_of_known_boxes():
    a = gradcore.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1]])
    b = gradcore.tensor([[1.0, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]])
    assert np.allclose(ops.box_iou(a, b).numpy(), [[1 / 7, 1, 0], [0, 1 / 4, 0]])
    centres = (ops.box_convert(x, "xyxy", "cxcywh") for x in (a, b))
    assert np.allclose(ops.box_iou(*centres, fmt="cxcywh").numpy(), ops.box_iou(a, b).numpy())
    with pytest.raises(NotImplementedError, match="fmt"):
        ops.box_iou(a, b, fmt="xywhr")


def test_overlaps_order():
    """Every refinement only takes away, and a box agrees with itself."""
    a = gradcore.tensor(random_boxes(7))
    b = gradcore.tensor(random_boxes(5, seed=1))
    iou = ops.box_iou(a, b).numpy()
    distance = ops.distance_box_iou(a, b).numpy()
    assert (ops.generalized_box_iou(a, b).numpy() <= iou + 1e-12).all()
    assert (distance <= iou + 1e-12).all()
    assert (ops.complete_box_iou(a, b).numpy() <= distance + 1e-12).all()
    for overlap in (ops.box_iou, ops.generalized_box_iou, ops.distance_box_iou):
        assert np.allclose(np.diag(overlap(a, a).numpy()), 1)


@pytest.mark.parametrize(
    "loss",
    [
        ops.generalized_box_iou_loss,
        ops.distance_box_iou_loss,
        ops.complete_box_iou_loss,
    ],
)
def test_box_losses(loss):
    a = gradcore.tensor(random_boxes(6))
    b = gradcore.tensor(random_boxes(6) + 1.5)
    pairs = loss(a, b)
    assert np.allclose(loss(a, a).numpy(), 0, atol=1e-6)
    assert np.isclose(loss(a, b, "mean").item(), pairs.numpy().mean())
    assert np.isclose(loss(a, b, "sum").item(), pairs.numpy().sum())
    assert loss(a[:0], b[:0], "mean").item() == 0
    with pytest.raises(ValueError, match="reduction"):
        loss(a, b, "average")
    if loss is not ops.complete_box_iou_loss:  # alpha counts as a constant there
        assert gradcheck(lambda x: loss(x, b), (a.clone().requires_grad_(),))


def test_box_convert_there_and_back():
    boxes = gradcore.tensor(random_boxes(5))
    for other in ("xywh", "cxcywh"):
        back = ops.box_convert(ops.box_convert(boxes, "xyxy", other), other, "xyxy")
        assert np.allclose(back.numpy(), boxes.numpy())
    turned = gradcore.cat(
        [ops.box_convert(boxes, "xyxy", "cxcywh"), gradcore.full((5, 1), 30.0)], 1
    )
    for other in ("xywhr", "xyxyxyxy"):
        back = ops.box_convert(ops.box_convert(turned, "cxcywhr", other), other, "cxcywhr")
        assert np.allclose(back.numpy(), turned.numpy())
    with pytest.raises(ValueError, match="Unsupported"):
        ops.box_convert(boxes, "xyxy", "polar")
    with pytest.raises(NotImplementedError, match="in_fmt xyxy and out_fmt xywhr"):
        ops.box_convert(boxes, "xyxy", "xywhr")


def test_small_boxes_and_clipping():
    boxes = gradcore.tensor([[-5.0, 2, 20, 30], [1, 1, 2, 9], [3, 3, 9, 9]])
    clipped = ops.clip_boxes_to_image(boxes, (10, 15))
    assert clipped.tolist() == [[0, 2, 15, 10], [1, 1, 2, 9], [3, 3, 9, 9]]
    assert ops.remove_small_boxes(boxes, 2).tolist() == [0, 2]
    assert ops.box_area(boxes.to(gradcore.int8)).dtype == gradcore.int32


def test_masks_to_boxes():
    masks = gradcore.zeros(3, 6, 8, dtype=gradcore.bool)
    masks[0, 2:5, 3:7] = True
    masks[2, 1, 1] = True
    assert ops.masks_to_boxes(masks).tolist() == [[3, 2, 6, 4], [0, 0, 0, 0], [1, 1, 1, 1]]


REGIONS = [
    [0, 1.3, 2.1, 9.7, 11.2],
    [1, -3.0, -2.0, 6.0, 5.0],
    [0, 4.2, 4.4, 4.9, 4.6],
    [1, 8.0, 3.0, 30.0, 25.0],
]


def align_by_samples(x, roi, size, scale, ratio, aligned):
    """roi_align as in its definition: every sample of every bin by itself."""
    image = x[int(roi[0])]
    shift = 0.5 if aligned else 0
    x1, y1, x2, y2 = (v * scale - shift for v in roi[1:])
    w, h = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    ny = ratio if ratio > 0 else math.ceil(h / size[0])
    nx = ratio if ratio > 0 else math.ceil(w / size[1])
    out = np.zeros((image.shape[0], *size))
    for i, j in np.ndindex(*size):
        for a, b in np.ndindex(ny, nx):
            py = y1 + (i + (a + 0.5) / ny) * h / size[0]
            px = x1 + (j + (b + 0.5) / nx) * w / size[1]
            out[:, i, j] += bilinear(image, py, px) / (ny * nx)
    return out


def bilinear(image, y, x):
    height, width = image.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = image[:, top, left] * (1 - (x - left)) + image[:, top, right] * (x - left)
    lower = image[:, bottom, left] * (1 - (x - left)) + image[:, bottom, right] * (x - left)
    return upper * (1 - (y - top)) + lower * (y - top)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
def test_roi_align(ratio, aligned):
    x = np.random.default_rng(0).normal(size=(2, 3, 14, 12))
    found = ops.roi_align(
        gradcore.tensor(x),
        gradcore.tensor(REGIONS, dtype=gradcore.float64),
        (4, 3),
        0.8,
        ratio,
        aligned,
    )
    expected = [align_by_samples(x, roi, (4, 3), 0.8, ratio, aligned) for roi in REGIONS]
    np.testing.assert_allclose(found.numpy(), np.stack(expected), rtol=1e-9, atol=1e-9)


def pool_by_bins(x, roi, size, scale):
    image = x[int(roi[0])]
    height, width = image.shape[1:]
    x1, y1, x2, y2 = (int(np.trunc(v * scale + np.copysign(0.5, v))) for v in roi[1:])
    h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    out = np.zeros((image.shape[0], *size))
    for i, j in np.ndindex(*size):
        rows = np.clip([i * h // size[0] + y1, -(-(i + 1) * h // size[0]) + y1], 0, height)
        columns = np.clip([j * w // size[1] + x1, -(-(j + 1) * w // size[1]) + x1], 0, width)
        if rows[1] > rows[0] and columns[1] > columns[0]:
            out[:, i, j] = image[:, rows[0] : rows[1], columns[0] : columns[1]].max((1, 2))
    return out


def test_roi_pool():
    x = np.random.default_rng(0).normal(size=(2, 3, 14, 12))
    found = ops.roi_pool(
        gradcore.tensor(x), gradcore.tensor(REGIONS, dtype=gradcore.float64), (4, 3), 0.8
    )
    expected = [pool_by_bins(x, roi, (4, 3), 0.8) for roi in REGIONS]
    np.testing.assert_array_equal(found.numpy(), np.stack(expected))


@pytest.mark.parametrize("pool", [ops.roi_align, ops.roi_pool])
def test_gradients_of_regions(pool):
    x = gradcore.tensor(np.random.default_rng(3).normal(size=(2, 2, 7, 6)), requires_grad=True)
    rois = gradcore.tensor(REGIONS, dtype=gradcore.float64)
    assert gradcheck(lambda x: pool(x, rois, (2, 2), 0.5), (x,))
    lists = [rois[[0, 2], 1:], rois[[1, 3], 1:]]
    by_lists = pool(x, lists, 2, 0.5).detach().numpy()
    np.testing.assert_allclose(by_lists, pool(x, rois, 2, 0.5).detach().numpy()[[0, 2, 1, 3]])
    assert pool(x, rois[:0], 2).shape == (0, 2, 2, 2)


def test_regions_check_shapes():
    with pytest.raises(AssertionError, match=r"Tensor\[K, 5\]"):
        ops.roi_align(gradcore.zeros(1, 1, 4, 4), gradcore.zeros(2, 4), 2)
    with pytest.raises(AssertionError, match=r"List\[Tensor\[L, 4\]\]"):
        ops.roi_pool(gradcore.zeros(1, 1, 4, 4), [gradcore.zeros(2, 5)], 2)


def test_sigmoid_focal_loss():
    scores = gradcore.tensor([3.0, -2.0, 0.5], dtype=gradcore.float64)
    targets = gradcore.tensor([1.0, 1.0, 0.0], dtype=gradcore.float64)
    p = 1 / (1 + np.exp(-scores.numpy()))
    right = np.where(targets.numpy() == 1, p, 1 - p)
    weight = np.where(targets.numpy() == 1, 0.25, 0.75)
    expected = -weight * (1 - right) ** 2 * np.log(right)
    np.testing.assert_allclose(ops.sigmoid_focal_loss(scores, targets).numpy(), expected)
    plain = ops.sigmoid_focal_loss(scores, targets, alpha=-1, gamma=0, reduction="sum")
    assert np.isclose(plain.item(), -np.log(right).sum())
    with pytest.raises(ValueError, match="alpha"):
        ops.sigmoid_focal_loss(scores, targets, alpha=2)


def test_frozen_batch_norm_loads_a_batch_norm():
    norm = nn.BatchNorm2d(3)
    norm.running_mean.copy_(gradcore.tensor([1.0, -1.0, 0.5]))
    norm.running_var.copy_(gradcore.tensor([0.5, 2.0, 1.0]))
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = gradcore.randn(2, 3, 4, 4)
    np.testing.assert_allclose(frozen(x).numpy(), norm.eval()(x).detach().numpy(), atol=1e-6)
    assert list(frozen.parameters()) == []
    assert repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"


def test_stochastic_depth():
    x = gradcore.ones(2000, 2, 2)
    rows = ops.stochastic_depth(x, 0.25, "row").numpy()
    assert ((rows == 0) | np.isclose(rows, 4 / 3)).all()
    assert (rows == rows[:, :1, :1]).all() and 0.2 < (rows[:, 0, 0] == 0).mean() < 0.3
    batch = ops.StochasticDepth(0.5, "batch")
    assert len(np.unique(batch(x).numpy())) == 1
    assert batch.eval()(x) is x
    assert not ops.stochastic_depth(x, 1.0, "batch").any()
    with pytest.raises(ValueError, match="mode"):
        ops.stochastic_depth(x, 0.5, "column")
    with pytest.raises(ValueError, match="probability"):
        ops.stochastic_depth(x, 1.5, "row")


def test_conv_norm_activation():
    layer = ops.Conv2dNormActivation(3, 8, kernel_size=5, dilation=2)
    assert [type(m) for m in layer] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert layer[0].padding == (4, 4) and layer[0].bias is None and layer[2].inplace
    assert layer(gradcore.zeros(2, 3, 9, 9)).shape == (2, 8, 9, 9)
    bare = ops.Conv2dNormActivation(3, 8, (3, 5), norm_layer=None, activation_layer=None)
    assert len(bare) == 1 and bare[0].padding == (1, 2) and bare[0].bias is not None
    assert ops.Conv3dNormActivation(2, 4)(gradcore.zeros(2, 2, 3, 3, 3)).shape == (2, 4, 3, 3, 3)


def test_squeeze_excitation_and_mlp():
    x = gradcore.randn(2, 4, 3, 3)
    layer = ops.SqueezeExcitation(4, 2)
    weights = gradcore.sigmoid(layer.fc2(gradcore.relu(layer.fc1(x.mean((2, 3), keepdim=True)))))
    np.testing.assert_allclose(layer(x).detach().numpy(), (x * weights).detach().numpy(), atol=1e-6)
    mlp = ops.MLP(4, [8, 3], norm_layer=nn.LayerNorm, dropout=0.1)
    kinds = [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Dropout, nn.Linear, nn.Dropout]
    assert [type(m) for m in mlp] == kinds
    assert ops.Permute([0, 2, 3, 1])(x).shape == (2, 3, 3, 4)


def test_results_are_on_the_device_of_the_boxes(device):
    boxes = gradcore.tensor(random_boxes(5), dtype=gradcore.float32).to(device)
    scores = gradcore.arange(5.0).to(device)
    x = gradcore.zeros(1, 2, 9, 9).to(device)
    rois = gradcore.cat([boxes.new_zeros(5, 1), boxes], 1)
    results = [
        ops.nms(boxes, scores, 0.5),
        ops.batched_nms(boxes, scores, scores, 0.5),
        ops.box_iou(boxes, boxes),
        ops.complete_box_iou(boxes, boxes),
        ops.distance_box_iou_loss(boxes, boxes),
        ops.roi_align(x, rois, 2, 0.1),
        ops.roi_pool(x, rois, 2, 0.1),
        ops.masks_to_boxes(x[0] == 0),
    ]
    assert {str(result.device) for result in results} == {device}
