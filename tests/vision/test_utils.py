"""Grids, files and drawing."""

from __future__ import annotations

import io as python_io

import numpy as np
import pytest

import gradcore
from gradcore.vision import io, utils


def test_grid_of_a_batch():
    images = gradcore.arange(5.0)[:, None, None, None].expand(5, 3, 2, 4) + 1
    grid = utils.make_grid(images, nrow=3, padding=1, pad_value=-1)
    assert grid.shape == (3, 7, 16)
    row = [-1, 1, 1, 1, 1, -1, 2, 2, 2, 2, -1, 3, 3, 3, 3, -1]
    assert grid[1, 1].tolist() == row and grid[1, 2].tolist() == row
    assert grid[0, 3].tolist() == [-1] * 16
    assert grid[2, 5].tolist() == [-1, 4, 4, 4, 4, -1, 5, 5, 5, 5, *[-1] * 6]


def test_grid_of_other_inputs():
    image = gradcore.rand(3, 4, 5)
    assert utils.make_grid(image).tolist() == image.tolist()
    assert utils.make_grid([image, image]).shape == (3, 8, 16)
    for single in (gradcore.rand(4, 5), gradcore.rand(1, 4, 5)):
        grid = utils.make_grid(single)
        assert grid.shape == (3, 4, 5) and bool((grid == single).all())
    assert utils.make_grid(gradcore.rand(7, 1, 4, 5), nrow=2).shape == (3, 26, 16)
    assert utils.make_grid(gradcore.rand(2, 5, 4, 4)).shape == (5, 8, 14)
    assert utils.make_grid(gradcore.zeros(2, 3, 4, 4, dtype=gradcore.uint8)).dtype == gradcore.uint8
    with pytest.raises(TypeError, match="got a list containing <class 'int'>"):
        utils.make_grid([image, 1])
    with pytest.raises(TypeError, match="tensor or list of tensors expected, got <class 'tuple'>"):
        utils.make_grid((image, image))


def test_grid_normalizes_a_copy():
    images = gradcore.stack([gradcore.full((3, 2, 2), 2.0), gradcore.full((3, 2, 2), 6.0)])
    images[0, 0, 0, 0] = 0
    before = images.clone()
    grid = utils.make_grid(images, normalize=True, padding=0)
    assert (grid[1].max().item(), grid[1].min().item()) == (1.0, pytest.approx(1 / 3))
    each = utils.make_grid(images, normalize=True, scale_each=True, padding=0)
    assert each[1, 0, 0] == 1 and not each[:, :, 2:].any()
    fixed = utils.make_grid(images, normalize=True, value_range=(0, 4), padding=0)
    assert fixed[1, 0].tolist() == [0.5, 0.5, 1, 1]
    former = utils.make_grid(images, normalize=True, range=(0, 4), padding=0)
    assert former.tolist() == fixed.tolist()
    assert images.tolist() == before.tolist()
    with pytest.raises(TypeError, match="value_range has to be a tuple"):
        utils.make_grid(images, normalize=True, value_range=4)


def test_save_image(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = gradcore.tensor([[[0.0, 0.5, 1.0, 2.0]]]).expand(3, 2, 4)
    utils.save_image(pixels, tmp_path / "a.png")
    with image.open(tmp_path / "a.png") as saved:
        assert np.asarray(saved)[0, :, 0].tolist() == [0, 128, 255, 255]
    buffer = python_io.BytesIO()
    utils.save_image([pixels, pixels], buffer, format="bmp", padding=1)
    with image.open(buffer) as saved:
        assert saved.size == (11, 4)


def test_flow_to_image():
    flow = gradcore.zeros(2, 2, 2)
    flow[:, 0, 0] = gradcore.tensor([1.0, 0.0])
    flow[:, 1, 1] = gradcore.tensor([-1.0, 0.0])
    image = utils.flow_to_image(flow)
    assert image.dtype == gradcore.uint8 and image.shape == (3, 2, 2)
    assert image[:, 0, 1].tolist() == [255, 255, 255]
    assert image[0, 0, 0] == 255 and image[2, 0, 0] == 0  # to the right: red
    assert image[0, 1, 1] == 0  # to the left: without red
    assert utils.flow_to_image(flow[None]).shape == (1, 3, 2, 2)
    with pytest.raises(ValueError, match="dtype"):
        utils.flow_to_image(flow.double())
    with pytest.raises(ValueError, match="Input flow should have shape"):
        utils.flow_to_image(gradcore.zeros(3, 2, 2))


# ------------------------------------------------------------------------------ drawing


@pytest.fixture
def canvas():
    pytest.importorskip("PIL")
    return gradcore.zeros(3, 20, 30, dtype=gradcore.uint8)


def test_boxes(canvas):
    boxes = gradcore.tensor([[2, 3, 10, 12], [15, 5, 25, 15]])
    image = utils.draw_bounding_boxes(canvas, boxes, colors=["red", (0, 0, 255)])
    assert image[:, 3, 5].tolist() == [255, 0, 0] and image[:, 15, 20].tolist() == [0, 0, 255]
    assert not image[:, 7, 5].any() and not canvas.any()
    filled = utils.draw_bounding_boxes(canvas, boxes, colors="lime", fill=True, width=2)
    assert filled[:, 4, 5].tolist() == [0, 255, 0] and filled[:, 7, 6].tolist() == [0, 100, 0]
    labelled = utils.draw_bounding_boxes(canvas, boxes, labels=["a", None], colors="white")
    assert bool((labelled != utils.draw_bounding_boxes(canvas, boxes, colors="white")).any())
    plates = utils.draw_bounding_boxes(
        canvas, boxes, ["a", "b"], "white", fill_labels=True, label_background_colors="blue"
    )
    assert bool(((plates[2] == 255) & (plates[0] == 0)).any())


def test_boxes_of_floats_grey_images_and_turned(canvas):
    grey = gradcore.full((1, 20, 30), 0.5)
    image = utils.draw_bounding_boxes(grey, gradcore.tensor([[1.0, 1, 8, 8]]), colors="red")
    assert image.shape == (3, 20, 30) and image.dtype == gradcore.float32
    assert image[:, 1, 4].tolist() == [1, 0, 0] and abs(image[0, 15, 15].item() - 0.5) < 0.01
    corners = gradcore.tensor([[15, 2, 25, 8, 20, 16, 10, 10]])
    turned = utils.draw_bounding_boxes(canvas, corners, colors="red")
    assert turned[0, 16, 20] == 255 and turned[0, 10, 10] == 255 and not turned[:, 9, 17].any()


def test_boxes_check_their_arguments(canvas):
    box = gradcore.tensor([[1, 1, 5, 5]])
    with pytest.raises(TypeError, match="The image must be a tensor"):
        utils.draw_bounding_boxes("image", box)
    with pytest.raises(ValueError, match="dtype must be uint8 or float"):
        utils.draw_bounding_boxes(canvas.int(), box)
    with pytest.raises(ValueError, match="individual images"):
        utils.draw_bounding_boxes(canvas[None], box)
    with pytest.raises(ValueError, match="grayscale and RGB"):
        utils.draw_bounding_boxes(canvas[:2], box)
    with pytest.raises(ValueError, match="xmin, ymin, xmax, ymax"):
        utils.draw_bounding_boxes(canvas, box.flip([1]))
    with pytest.raises(ValueError, match=r"Number of boxes \(1\) and labels \(2\) mismatch"):
        utils.draw_bounding_boxes(canvas, box, labels=["a", "b"])
    with pytest.raises(ValueError, match="Number of colors must be equal or larger"):
        utils.draw_bounding_boxes(canvas, box, colors=[])
    with pytest.raises(ValueError, match="RGB triplet"):
        utils.draw_bounding_boxes(canvas, box, colors=(1, 2))
    with pytest.warns(UserWarning, match="No box was drawn"):
        assert utils.draw_bounding_boxes(canvas, box[:0]) is canvas
    with pytest.warns(UserWarning, match="'font_size' will be ignored"):
        utils.draw_bounding_boxes(canvas, box, font_size=10)


def test_masks():
    image = gradcore.full((3, 4, 4), 100, dtype=gradcore.uint8)
    masks = gradcore.zeros(2, 4, 4, dtype=gradcore.bool)
    masks[0, :2] = True
    masks[1, 1:3] = True
    out = utils.draw_segmentation_masks(image, masks, 0.5, [(255, 0, 0), (0, 0, 255)])
    assert out[:, 0, 0].tolist() == [177, 50, 50] and out[:, 2, 0].tolist() == [50, 50, 177]
    assert out[:, 1, 0].tolist() == [50, 50, 50] and out[:, 3, 0].tolist() == [100, 100, 100]
    light = utils.draw_segmentation_masks(image / 255, masks[0], 1.0, (255, 0, 0))
    assert light[:, 0, 0].tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="dtype bool"):
        utils.draw_segmentation_masks(image, masks.int())
    with pytest.raises(ValueError, match="same height and width"):
        utils.draw_segmentation_masks(image, masks[:, :2])
    with pytest.raises(ValueError, match="Pass an RGB image"):
        utils.draw_segmentation_masks(image[:1], masks)
    with pytest.warns(UserWarning, match="No mask was drawn"):
        assert utils.draw_segmentation_masks(image, masks[:0]) is image


def test_keypoints(canvas):
    points = gradcore.tensor([[[5, 5], [15, 5], [5, 15]]])
    seen = gradcore.tensor([[True, True, False]])
    image = utils.draw_keypoints(
        canvas, points, [(0, 1), (0, 2)], colors="red", radius=1, width=1, visibility=seen
    )
    assert image[:, 4, 15].tolist() == [255, 0, 0] and image[:, 5, 10].tolist() == [255] * 3
    assert not image[:, 10:].any()
    with pytest.raises(ValueError, match=r"keypoints must be of shape \(num_instances, K, 2\)"):
        utils.draw_keypoints(canvas, points[0])
    with pytest.raises(ValueError, match="same dimensionality"):
        utils.draw_keypoints(canvas, points, visibility=seen[:, :2])


# --------------------------------------------------------------------------------- files


def test_png_there_and_back(tmp_path):
    pytest.importorskip("PIL")
    for channels in (1, 3):
        image = gradcore.randint(0, 256, (channels, 6, 5), dtype=gradcore.uint8)
        io.write_png(image, tmp_path / "a.png", compression_level=9)
        found = io.read_image(tmp_path / "a.png")
        assert found.dtype == gradcore.uint8 and found.tolist() == image.tolist()
    grey = io.read_image(str(tmp_path / "a.png"), io.ImageReadMode.GRAY)
    assert grey.shape == (1, 6, 5)
    assert io.read_image(tmp_path / "a.png", "rgb_alpha")[3].tolist() == [[255] * 5] * 6
    assert io.decode_png(io.encode_png(image)).tolist() == image.tolist()
    assert io.decode_image(io.read_file(tmp_path / "a.png")).tolist() == image.tolist()


def test_jpeg(tmp_path):
    pytest.importorskip("PIL")
    image = (gradcore.arange(3 * 32 * 32).reshape(3, 32, 32) / 16).to(gradcore.uint8)
    io.write_jpeg(image, tmp_path / "a.jpg", quality=95)
    found = io.decode_jpeg(io.read_file(tmp_path / "a.jpg"))
    assert (found.float() - image.float()).abs().mean() < 5
    assert len(io.encode_jpeg(image, quality=5)) < len(io.encode_jpeg(image, quality=95))


def test_palettes_become_colours(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "p.png")
    assert io.read_image(tmp_path / "p.png")[:, 0].T.tolist() == [[10, 20, 30], [40, 50, 60]]
    pillow.new("I;16", (2, 2)).save(tmp_path / "deep.png")
    with pytest.raises(RuntimeError, match="do not fit into uint8"):
        io.read_image(tmp_path / "deep.png")


def test_files_that_are_no_images(tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(RuntimeError, match="cannot decode an image from .*a.png"):
        io.read_image(tmp_path / "a.png")
    data = io.encode_png(gradcore.zeros(3, 50, 50, dtype=gradcore.uint8))
    with pytest.raises(RuntimeError, match="cannot decode an image from the bytes given"):
        io.decode_image(data[:60])
    with pytest.raises(FileNotFoundError):
        io.read_image(tmp_path / "none.png")
    with pytest.raises(RuntimeError, match="Content is not png"):
        io.decode_png(io.encode_jpeg(gradcore.zeros(3, 5, 5, dtype=gradcore.uint8)))
    with pytest.raises(RuntimeError, match="Content is not jpeg"):
        io.decode_jpeg(data)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(RuntimeError, match="dtype should be uint8"):
        io.encode_png(gradcore.zeros(3, 4, 4))
    with pytest.raises(RuntimeError, match="3-dimensional"):
        io.encode_jpeg(gradcore.zeros(4, 4, dtype=gradcore.uint8))
    with pytest.raises(RuntimeError, match="number of channels should be 1 or 3, got: 2"):
        io.encode_png(gradcore.zeros(2, 4, 4, dtype=gradcore.uint8))
    with pytest.raises(RuntimeError, match="Compression level"):
        io.encode_png(gradcore.zeros(3, 4, 4, dtype=gradcore.uint8), 10)
    with pytest.raises(ValueError, match="quality"):
        io.encode_jpeg(gradcore.zeros(3, 4, 4, dtype=gradcore.uint8), 0)
    with pytest.raises(RuntimeError, match="1-dimensional"):
        io.write_file(tmp_path / "f", gradcore.zeros(2, 2, dtype=gradcore.uint8))
