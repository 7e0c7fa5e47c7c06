"""``gradcore.vision.utils`` against torchvision, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore
from gradcore.vision import utils
from vision import torchvision_oracle

torch, torchvision = torchvision_oracle.load()

DRAWN = np.random.default_rng(0)
PHOTO = DRAWN.integers(0, 256, (3, 60, 80)).astype("uint8")


def same(name, image, *arrays, atol=0.0, **options):
    """``utils.name`` of both libraries."""

    def call(library, functions):
        tensors = [library.tensor(a) if isinstance(a, np.ndarray) else a for a in (image, *arrays)]
        return getattr(functions, name)(*tensors, **options)

    found, expected = call(gradcore, utils).numpy(), call(torch, torchvision.utils).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nrow": 3, "padding": 0},
        {"normalize": True, "pad_value": 0.3},
        {"normalize": True, "scale_each": True, "nrow": 1},
        {"normalize": True, "value_range": (-1, 0.5)},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(7, 3, 5, 6), (7, 1, 5, 6), (1, 3, 5, 6), (3, 5, 6), (5, 6)])
def test_make_grid(shape, options):
    same("make_grid", DRAWN.normal(size=shape).astype("float32"), atol=1e-6, **options)


@pytest.mark.parametrize("shape", [(2, 9, 7), (3, 2, 9, 7)])
def test_flow_to_image(shape):
    # A value that is next to an integer may be cut down to the one below.
    same("flow_to_image", DRAWN.normal(size=shape).astype("float32"), atol=1)


BOXES = np.array([[5, 6, 30, 40], [20, 10, 70, 50], [1, 1, 79, 59]])


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"colors": "red", "width": 3, "fill": True},
        {"labels": ["a", None, "long label"], "colors": ["red", "#00ff00", (1, 2, 3)]},
        {"labels": ["a", "b", "c"], "fill_labels": True},
        {"labels": ["a", "b", "c"], "fill_labels": True, "label_background_colors": "blue"},
        {"labels": ["a", "b", "c"], "label_colors": ["blue"] * 3},
    ],
    ids=str,
)
def test_draw_bounding_boxes(options, floats):
    image = PHOTO / np.float32(255) if floats else PHOTO
    same("draw_bounding_boxes", image, BOXES, **options)


def test_draw_boxes_on_grey_and_turned_boxes():
    same("draw_bounding_boxes", PHOTO[:1], BOXES)
    corners = np.array([[20, 5, 60, 15, 55, 45, 15, 35]])
    same("draw_bounding_boxes", PHOTO, corners, colors="red", fill=True)


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("colors", [None, "red", [(255, 0, 0), "blue", (1, 2, 3)]])
def test_draw_segmentation_masks(floats, colors):
    masks = DRAWN.uniform(size=(3, 60, 80)) > 0.6
    image = PHOTO / np.float32(255) if floats else PHOTO
    same("draw_segmentation_masks", image, masks, alpha=0.4, colors=colors, atol=1e-6)
    same("draw_segmentation_masks", image, masks[0], atol=1e-6)


@pytest.mark.parametrize("floats", [False, True])
def test_draw_keypoints(floats):
    points = DRAWN.uniform(0, 60, (2, 4, 2))
    seen = DRAWN.uniform(size=(2, 4, 1)) > 0.3
    image = PHOTO / np.float32(255) if floats else PHOTO
    options = {"connectivity": [(0, 1), (2, 3)], "colors": "red", "radius": 3, "width": 2}
    same("draw_keypoints", image, points, **options)
    tensors = [(gradcore, utils), (torch, torchvision.utils)]
    found, expected = (
        f.draw_keypoints(t.tensor(PHOTO), t.tensor(points), visibility=t.tensor(seen)).numpy()
        for t, f in tensors
    )
    np.testing.assert_array_equal(found, expected)
