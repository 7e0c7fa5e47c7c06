"""Datasets read the original formats, from small files that the tests write themselves."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import tarfile
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import gradcore
from gradcore.utils.data import DataLoader
from gradcore.vision import datasets
from gradcore.vision.datasets import matlab, utils
from gradcore.vision.datasets.idx import read_idx

DRAWN = np.random.default_rng(0)


def md5_of(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def idx_file(array) -> bytes:
    """``array`` in the IDX format."""
    codes = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
    header = bytes([0, 0, codes[array.dtype.name], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


# ------------------------------------------------------------------------------- IDX


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_idx_reads_every_type(tmp_path, kind):
    array = DRAWN.integers(0, 100, (3, 4)).astype(kind)
    path = tmp_path / "data"
    path.write_bytes(idx_file(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "damaged or incomplete: it has 27 bytes, its header asks for 28"),
        (lambda data: data + b"x", "it has 29 bytes"),
        (lambda data: data[:7], "damaged or incomplete"),
        (lambda data: b"\1" + data[1:], "no IDX file"),
        (lambda data: b"", "no IDX file"),
    ],
)
def test_idx_notices_damage(tmp_path, damage, message):
    path = tmp_path / "data"
    path.write_bytes(damage(idx_file(np.zeros((4, 4), dtype=np.uint8))))
    with pytest.raises(RuntimeError, match=message):
        read_idx(path)


def test_idx_compressed_and_truncated(tmp_path):
    path = tmp_path / "data.gz"
    packed = gzip.compress(idx_file(np.arange(6, dtype=np.uint8)))
    path.write_bytes(packed)
    np.testing.assert_array_equal(read_idx(path), np.arange(6))
    path.write_bytes(packed[:-9])
    with pytest.raises(RuntimeError, match="damaged or incomplete"):
        read_idx(path)


# ----------------------------------------------------------------------- MNIST family


def write_mnist(folder, train=5, test=3, packed=False):
    """The four files; returns images and labels by split, and the files' checksums."""
    folder.mkdir(parents=True)
    content, resources = {}, []
    for split, count in (("train", train), ("t10k", test)):
        images = DRAWN.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = DRAWN.integers(0, 10, count).astype(np.uint8)
        content[split] = images, labels
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = gzip.compress(idx_file(array), mtime=0) if packed else idx_file(array)
            path = folder / f"{split}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(data)
            resources.append((f"{split}-{name}-ubyte.gz", md5_of(data)))
    return content, resources


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("train", [True, False])
def test_mnist_reads_plain_files(tmp_path, name, train):
    content, _ = write_mnist(tmp_path / name / "raw")
    images, labels = content["train" if train else "t10k"]
    data = getattr(datasets, name)(tmp_path, train=train)
    assert data.data.dtype == gradcore.uint8 and data.targets.dtype == gradcore.int64
    np.testing.assert_array_equal(data.data.numpy(), images)
    np.testing.assert_array_equal(data.targets.numpy(), labels)
    assert len(data) == len(images) and len(data.classes) == 10
    assert data.class_to_idx[data.classes[3]] == 3


def test_mnist_items(tmp_path):
    pytest.importorskip("PIL")
    content, _ = write_mnist(tmp_path / "MNIST" / "raw")
    images, labels = content["train"]
    image, label = datasets.MNIST(tmp_path)[2]
    assert image.mode == "L" and image.size == (28, 28)
    np.testing.assert_array_equal(np.asarray(image), images[2])
    assert type(label) is int and label == labels[2]
    changed = datasets.MNIST(tmp_path, transform=lambda i: i.size, target_transform=lambda t: -t)
    assert changed[2] == ((28, 28), -int(labels[2]))


def test_mnist_repr_and_former_names(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    data = datasets.MNIST(str(tmp_path), train=False, transform=len)
    assert repr(data) == (
        "Dataset MNIST\n    Number of datapoints: 3\n"
        f"    Root location: {tmp_path}\n    Split: Test\n"
        "    StandardTransform\nTransform: <built-in function len>"
    )
    with pytest.warns(UserWarning, match="test_labels has been renamed targets"):
        assert data.test_labels is data.targets


def test_mnist_unpacks_what_was_copied(tmp_path, monkeypatch):
    content, resources = write_mnist(tmp_path / "MNIST" / "raw", packed=True)
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    data = datasets.MNIST(tmp_path)
    np.testing.assert_array_equal(data.data.numpy(), content["train"][0])
    os.remove(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte")
    broken = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-3])
    with pytest.raises(RuntimeError, match="images-idx3-ubyte.gz is corrupted: its MD5"):
        datasets.MNIST(tmp_path)


def test_mnist_says_what_is_missing(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    os.remove(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte")
    with pytest.raises(RuntimeError, match=r"download=True .*raw: t10k-labels-idx1-ubyte"):
        datasets.MNIST(tmp_path)


def test_mnist_notices_truncated_and_unequal_files(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    write_mnist(raw)
    (raw / "train-labels-idx1-ubyte").write_bytes(idx_file(np.zeros(4, dtype=np.uint8)))
    with pytest.raises(RuntimeError, match="5 images but 4 labels"):
        datasets.MNIST(tmp_path)
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(RuntimeError, match="train-images-idx3-ubyte is damaged or incomplete"):
        datasets.MNIST(tmp_path)


def test_mnist_reads_the_files_of_old_versions(tmp_path):
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    images, labels = gradcore.zeros(2, 28, 28, dtype=gradcore.uint8), gradcore.tensor([1, 2])
    for name in ("training.pt", "test.pt"):
        gradcore.save((images, labels), folder / name)
    assert datasets.MNIST(tmp_path).targets.tolist() == [1, 2]


def test_mnist_in_a_loader(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    pytest.importorskip("PIL")
    data = datasets.MNIST(tmp_path, transform=lambda image: gradcore.tensor(np.asarray(image)))
    images, labels = next(iter(DataLoader(data, batch_size=4)))
    assert images.shape == (4, 28, 28) and labels.dtype == gradcore.int64


def test_emnist_splits(tmp_path):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for kind, count in (("train", 4), ("test", 2)):
        prefix = raw / f"emnist-letters-{kind}"
        images = np.full((count, 28, 28), count, dtype=np.uint8)
        Path(f"{prefix}-images-idx3-ubyte").write_bytes(idx_file(images))
        labels = np.full(count, 7, dtype=np.uint8)
        Path(f"{prefix}-labels-idx1-ubyte").write_bytes(idx_file(labels))
    data = datasets.EMNIST(tmp_path, "letters", train=False)
    assert len(data) == 2 and data.classes[data.targets[0]] == "g"
    assert len(datasets.EMNIST.classes_split_dict["balanced"]) == 47
    with pytest.raises(ValueError, match="Unknown value 'words' for argument split"):
        datasets.EMNIST(tmp_path, "words")
    with pytest.raises(RuntimeError, match="emnist-digits-train-images-idx3-ubyte"):
        datasets.EMNIST(tmp_path, "digits")


def test_qmnist(tmp_path):
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    images = DRAWN.integers(0, 256, (10003, 2, 2)).astype(np.uint8)
    labels = DRAWN.integers(0, 10, (10003, 8)).astype(np.int32)
    (raw / "qmnist-test-images-idx3-ubyte").write_bytes(idx_file(images))
    (raw / "qmnist-test-labels-idx2-int").write_bytes(idx_file(labels))
    rest = datasets.QMNIST(tmp_path, "test50k")
    np.testing.assert_array_equal(rest.data.numpy(), images[10000:])
    assert len(datasets.QMNIST(tmp_path, "test10k")) == 10000
    pytest.importorskip("PIL")
    assert datasets.QMNIST(tmp_path, train=False)[5][1] == labels[5, 0]
    full = datasets.QMNIST(tmp_path, train=False, compat=False)[5][1]
    assert full.tolist() == labels[5].tolist()


# --------------------------------------------------------------------- CIFAR and others


def old_pickle(value) -> bytes:
    """As CIFAR was written: NumPy was ``numpy.core`` then."""
    return pickle.dumps(value, protocol=2).replace(b"numpy._core", b"numpy.core")


def cifar_class(base, folder, labels_key):
    """A subclass of ``base`` for files that are written here, with their checksums."""
    folder.mkdir(parents=True)
    rows = {}

    def write(name, content):
        data = old_pickle(content)
        (folder / name).write_bytes(data)
        return [name, md5_of(data)]

    def batch(name, count):
        rows[name] = DRAWN.integers(0, 256, (count, 3072)).astype(np.uint8)
        labels = DRAWN.integers(0, 10, count).tolist()
        return write(name, {"data": rows[name], labels_key: labels})

    names = [f"class {i}" for i in range(10)]
    meta_name, meta_md5 = write(base.meta["filename"], {base.meta["key"]: names})
    kind = type(
        base.__name__,
        (base,),
        {
            "train_list": [batch(name, 3) for name, _ in base.train_list],
            "test_list": [batch(name, 2) for name, _ in base.test_list],
            "meta": {**base.meta, "filename": meta_name, "md5": meta_md5},
        },
    )
    return kind, rows


@pytest.mark.parametrize(
    ("base", "labels_key"),
    [(datasets.CIFAR10, "labels"), (datasets.CIFAR100, "fine_labels")],
)
def test_cifar(tmp_path, base, labels_key):
    kind, rows = cifar_class(base, tmp_path / base.base_folder, labels_key)
    data = kind(tmp_path)
    expected = np.concatenate([rows[name] for name, _ in kind.train_list])
    assert data.data.shape == (len(expected), 32, 32, 3) and data.data.dtype == np.uint8
    # A row is all of red, then green, then blue.
    np.testing.assert_array_equal(data.data[1, 0, 0], expected[1][[0, 1024, 2048]])
    assert len(data.targets) == len(data) and data.class_to_idx["class 4"] == 4
    assert len(kind(tmp_path, train=False)) == 2
    pytest.importorskip("PIL")
    image, label = data[1]
    assert image.mode == "RGB" and label == data.targets[1]
    np.testing.assert_array_equal(np.asarray(image), data.data[1])


def test_cifar_checks_the_files(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    kind, _ = cifar_class(datasets.CIFAR10, folder, "labels")
    os.remove(folder / "data_batch_3")
    (folder / "test_batch").write_bytes(b"something else")
    with pytest.raises(
        RuntimeError, match=r"data_batch_3 \(missing\), test_batch \(corrupted\)"
    ) as error:
        kind(tmp_path)
    assert "Dataset not found or corrupted" in str(error.value)


def test_cifar_does_not_run_what_a_pickle_says(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    kind, _ = cifar_class(datasets.CIFAR10, folder, "labels")
    evil = b"cos\nsystem\n(S'exit 1'\ntR."
    (folder / "test_batch").write_bytes(evil)
    kind.test_list = [["test_batch", md5_of(evil)]]
    with pytest.raises(pickle.UnpicklingError, match=r"os\.system"):
        kind(tmp_path, train=False)


def mat_element(kind, content, compress=False):
    content = zlib.compress(content) if compress else content
    return (
        struct.pack("<II", kind, len(content))
        + content
        + b"\0" * (0 if compress else -len(content) % 8)
    )


def mat_matrix(name, array):
    flags = {"uint8": 9, "float64": 6}[array.dtype.name]
    numbers = {"uint8": 2, "float64": 9}[array.dtype.name]
    content = mat_element(6, struct.pack("<II", flags, 0))
    content += mat_element(5, struct.pack(f"<{array.ndim}i", *array.shape))
    content += mat_element(1, name.encode())
    return content + mat_element(numbers, array.tobytes(order="F"))


def mat_text(name, text):
    content = mat_element(6, struct.pack("<II", 4, 0))
    content += mat_element(5, struct.pack("<2i", 1, len(text)))
    # Four bytes or less stand beside the type.
    content += struct.pack("<HH4s", 1, len(name), name.encode())
    return content + mat_element(17, text.encode("utf-16-le"))


def mat_file(*matrices, compress=True):
    text = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    for matrix in matrices:
        element = mat_element(14, matrix)
        text += mat_element(15, element, True) if compress else element
    return text


def svhn_class(tmp_path):
    images = DRAWN.integers(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    labels = np.array([[1], [10], [3], [9]], dtype=np.uint8)
    data = mat_file(mat_matrix("X", images), mat_matrix("y", labels))
    (tmp_path / "test_32x32.mat").write_bytes(data)
    lists = {**datasets.SVHN.split_list, "test": ["", "test_32x32.mat", md5_of(data)]}
    return type("SVHN", (datasets.SVHN,), {"split_list": lists}), images


def test_svhn(tmp_path):
    kind, images = svhn_class(tmp_path)
    data = kind(tmp_path, split="test")
    np.testing.assert_array_equal(data.data, images.transpose(3, 2, 0, 1))
    assert data.labels.tolist() == [1, 0, 3, 9] and data.labels.dtype == np.int64
    pytest.importorskip("PIL")
    image, label = data[3]
    np.testing.assert_array_equal(np.asarray(image), images[:, :, :, 3])
    assert label == 9
    with pytest.raises(RuntimeError, match="train_32x32.mat is missing"):
        kind(tmp_path)
    with pytest.raises(ValueError, match="split"):
        kind(tmp_path, split="validation")


def test_matlab_files(tmp_path):
    path = tmp_path / "data.mat"
    numbers = np.arange(6.0).reshape(2, 3)
    structure = mat_element(6, struct.pack("<II", 2, 0)) + mat_element(5, struct.pack("<2i", 2, 1))
    structure += mat_element(1, b"s") + struct.pack("<HHi", 5, 4, 8)
    structure += mat_element(1, b"id\0\0\0\0\0\0" + b"name\0\0\0\0")
    for i, name in enumerate(("one", "two")):
        structure += mat_element(14, mat_matrix("", np.array([[i]], dtype=np.uint8)))
        structure += mat_element(14, mat_text("", name))
    path.write_bytes(
        mat_file(mat_matrix("a", numbers), mat_text("t", "héllo"), structure, compress=False)
    )
    found = matlab.load_mat(path)
    np.testing.assert_array_equal(found["a"], numbers)
    assert found["t"] == "héllo"
    assert [(int(s["id"][0, 0]), s["name"]) for s in found["s"]] == [(0, "one"), (1, "two")]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RuntimeError, match="damaged, incomplete"):
        matlab.load_mat(path)
    path.write_bytes(b"no matrices")
    with pytest.raises(RuntimeError, match="no MATLAB file of version 5"):
        matlab.load_mat(path)


def stl10_class(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    content, lists = {}, {}
    for name, count in (("train", 4), ("test", 2), ("unlabeled", 3)):
        content[name] = DRAWN.integers(0, 256, (count, 3, 96, 96)).astype(np.uint8)
        (folder / f"{name}_X.bin").write_bytes(content[name].tobytes())
        (folder / f"{name}_y.bin").write_bytes(bytes(range(1, count + 1)))
    for kind, base in (
        ("train_list", datasets.STL10.train_list),
        ("test_list", datasets.STL10.test_list),
    ):
        lists[kind] = [[name, md5_of((folder / name).read_bytes())] for name, _ in base]
    (folder / "fold_indices.txt").write_text("0 2\n1 3\n")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    return type("STL10", (datasets.STL10,), lists), content


def test_stl10(tmp_path):
    kind, content = stl10_class(tmp_path)
    data = kind(tmp_path)
    np.testing.assert_array_equal(data.data, content["train"].transpose(0, 1, 3, 2))
    assert data.labels.tolist() == [0, 1, 2, 3] and data.classes == ["airplane", "bird"]
    assert kind(tmp_path, folds=1).labels.tolist() == [1, 3]
    both = kind(tmp_path, split="train+unlabeled")
    assert both.labels.tolist() == [0, 1, 2, 3, -1, -1, -1] and len(both) == 7
    assert kind(tmp_path, split="unlabeled").labels.tolist() == [-1] * 3
    with pytest.raises(ValueError, match="range"):
        kind(tmp_path, folds=10)
    pytest.importorskip("PIL")
    image, label = kind(tmp_path, split="test")[1]
    np.testing.assert_array_equal(np.asarray(image), content["test"][1].transpose(2, 1, 0))
    assert label == 1
    os.remove(tmp_path / "stl10_binary" / "test_X.bin")
    with pytest.raises(RuntimeError, match=r"test_X.bin \(missing\)"):
        kind(tmp_path)


def test_fake_data_is_the_same_every_time():
    pytest.importorskip("PIL")
    data = datasets.FakeData(size=3, image_size=(3, 4, 5), num_classes=7)
    gradcore.manual_seed(1)
    first, label = data[2]
    after = gradcore.rand(1)
    gradcore.manual_seed(1)
    assert gradcore.rand(1) == after  # the generator is left alone
    second, again = data[2]
    assert first.size == (5, 4) and first.tobytes() == second.tobytes()
    assert label == again and 0 <= label < 7 and type(label) is int
    assert data[1][0].tobytes() != first.tobytes()
    with pytest.raises(IndexError, match="FakeData index out of range"):
        data[3]


# ------------------------------------------------------------------------------ folders


def image_tree(root, names):
    image = pytest.importorskip("PIL.Image")
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.new("L" if i % 2 else "RGB", (4, 3), 40 * i).save(path)


def test_image_folder(tmp_path):
    names = ["dog/b.png", "dog/deep/a.JPEG", "cat/z.bmp", "cat/a.png"]
    image_tree(tmp_path, names)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "a file").write_text("no class")
    data = datasets.ImageFolder(tmp_path)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    found = [(Path(path).relative_to(tmp_path).as_posix(), i) for path, i in data.samples]
    assert found == [("cat/a.png", 0), ("cat/z.bmp", 0), ("dog/b.png", 1), ("dog/deep/a.JPEG", 1)]
    assert data.targets == [0, 0, 1, 1] and data.imgs is data.samples
    image, label = data[0]
    assert image.mode == "RGB" and image.size == (4, 3) and label == 0
    only = datasets.ImageFolder(tmp_path, is_valid_file=lambda path: "a" in Path(path).stem)
    assert len(only) == 2


def test_dataset_folder_and_its_errors(tmp_path):
    for name in ("x/1.num", "x/2.num", "y/3.num"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(Path(name).stem)
    data = datasets.DatasetFolder(tmp_path, lambda p: int(Path(p).read_text()), (".num",))
    assert [data[i] for i in range(3)] == [(1, 0), (2, 0), (3, 1)]
    (tmp_path / "z").mkdir()
    with pytest.raises(FileNotFoundError, match=r"classes z\. Supported extensions are: \.num"):
        datasets.DatasetFolder(tmp_path, str, (".num",))
    assert len(datasets.DatasetFolder(tmp_path, str, (".num",), allow_empty=True)) == 3
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        datasets.DatasetFolder(tmp_path / "z", str, (".num",))
    with pytest.raises(ValueError, match="extensions and is_valid_file"):
        datasets.DatasetFolder(tmp_path, str)


def test_vision_dataset_takes_one_kind_of_transforms():
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset("here", transforms=max, transform=min)


def test_imagenet(tmp_path):
    image_tree(tmp_path / "val", ["n01/a.jpg", "n02/b.jpg"])
    names = {"n01": ("tench", "Tinca tinca"), "n02": ("goldfish",)}
    gradcore.save((names, ["n01", "n02"]), tmp_path / "meta.bin")
    data = datasets.ImageNet(tmp_path, split="val")
    assert data.wnids == ["n01", "n02"] and data.wnid_to_idx == {"n01": 0, "n02": 1}
    assert data.classes == [("tench", "Tinca tinca"), ("goldfish",)]
    assert data.class_to_idx == {"tench": 0, "Tinca tinca": 0, "goldfish": 1}
    assert data[1][1] == 1
    with pytest.raises(ValueError, match="Unknown value 'test' for argument split"):
        datasets.ImageNet(tmp_path, split="test")
    with pytest.raises(RuntimeError, match="ILSVRC2012_img_train.tar is not present"):
        datasets.ImageNet(tmp_path)
    os.remove(tmp_path / "meta.bin")
    with pytest.raises(RuntimeError, match="ILSVRC2012_devkit_t12.tar.gz is not present"):
        datasets.ImageNet(tmp_path, split="val")


# ------------------------------------------------------------------------------ downloads


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and the rest of a file from a place on."""

    requests: list = []

    def do_GET(self):
        self.requests.append((self.path, self.headers.get("Range")))
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            self.send_error(404)
            return
        data = Path(path).read_bytes()
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """A folder, and the URL at which a server on this machine offers it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(RangeHandler, directory=str(folder))
    RangeHandler.requests.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        finally:
            httpd.shutdown()
            thread.join()


def test_download_and_what_is_there_already(server, tmp_path, capsys):
    folder, url = server
    (folder / "data.bin").write_bytes(b"content" * 50_000)
    md5 = utils.calculate_md5(folder / "data.bin")
    utils.download_url(url + "data.bin", tmp_path / "here", md5=md5)
    assert (tmp_path / "here" / "data.bin").read_bytes() == b"content" * 50_000
    assert "data.bin" in capsys.readouterr().err
    utils.download_url(url + "data.bin", tmp_path / "here", md5=md5)
    assert len(RangeHandler.requests) == 1


def test_download_continues(server, tmp_path):
    folder, url = server
    (folder / "data.bin").write_bytes(bytes(range(250)))
    md5 = utils.calculate_md5(folder / "data.bin")
    for have in (100, 250):
        target = tmp_path / f"have{have}"
        target.mkdir()
        (target / "data.bin.part").write_bytes(bytes(range(have)))
        utils.download_url(url + "data.bin", target, md5=md5, progress=False)
        assert (target / "data.bin").read_bytes() == bytes(range(250))
        assert RangeHandler.requests[-1][1] == f"bytes={have}-"


def test_download_of_other_content(server, tmp_path):
    folder, url = server
    (folder / "data.bin").write_bytes(b"not what it should be")
    with pytest.raises(RuntimeError, match="corrupted: MD5") as error:
        utils.download_url(url + "data.bin", tmp_path, md5="0" * 32, progress=False)
    assert f"put the file data.bin (MD5 {'0' * 32}) into {tmp_path} yourself" in str(error.value)
    assert not list(tmp_path.glob("data.bin*"))


def test_mirrors_one_after_the_other(server, tmp_path, monkeypatch):
    folder, url = server
    content, resources = write_mnist(folder / "mnist", packed=True)
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [url + "gone/", url + "mnist/"])
    data = datasets.MNIST(tmp_path / "root", train=False, download=True)
    np.testing.assert_array_equal(data.data.numpy(), content["t10k"][0])
    count = len(RangeHandler.requests)
    datasets.MNIST(tmp_path / "root", download=True)
    assert len(RangeHandler.requests) == count


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/", "http://[::1]:9/"])
    with pytest.raises(RuntimeError, match="Error downloading train-images-idx3-ubyte.gz") as error:
        datasets.MNIST(tmp_path, download=True)
    message = str(error.value)
    assert "http://127.0.0.1:9/train" in message and "http://[::1]:9/train" in message
    assert str(tmp_path / "MNIST" / "raw") in message


def test_archives(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("a")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as tar:
        tar.add(source / "a.txt", "inside/a.txt")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("inside/a.txt", "a")
    (tmp_path / "one.txt.gz").write_bytes(gzip.compress(b"a"))
    for name in ("t.tar.gz", "z.zip"):
        target = str(tmp_path / name.replace(".", "_"))
        assert utils.extract_archive(str(tmp_path / name), target) == target
        assert (Path(target) / "inside" / "a.txt").read_text() == "a"
    out = utils.extract_archive(tmp_path / "one.txt.gz", remove_finished=True)
    assert out == tmp_path / "one.txt" and out.read_text() == "a"
    assert not (tmp_path / "one.txt.gz").exists()
    for name in ("t.tar.gz", "z.zip"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:30])
        with pytest.raises(RuntimeError, match="is damaged or incomplete"):
            utils.extract_archive(tmp_path / name, tmp_path / "broken")
    with pytest.raises(RuntimeError, match=r"Unknown compression or archive type: '\.rar'"):
        utils.extract_archive("x.rar")


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="Python without the filter")
def test_archives_stay_in_their_folder(tmp_path):
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        entry = tarfile.TarInfo("../outside.txt")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    with contextlib.suppress(FileNotFoundError):
        os.remove(tmp_path.parent / "outside.txt")
    with pytest.raises(RuntimeError):
        utils.extract_archive(tmp_path / "t.tar", tmp_path / "target")
    assert not (tmp_path / "outside.txt").exists()


def test_lists_and_arguments(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.png").touch()
    (tmp_path / "b.txt").touch()
    assert utils.list_dir(tmp_path) == ["folder"]
    assert utils.list_files(tmp_path, ".png", prefix=True) == [str(tmp_path / "a.png")]
    assert utils.verify_str_arg("a", "arg", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="Expected type str for argument arg"):
        utils.verify_str_arg(1, "arg")
