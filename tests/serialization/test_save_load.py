"""Saving and loading: containers, sharing, files of every kind, options, modules."""

from __future__ import annotations

import collections
import io
import mmap
import os
import pathlib
import pickle
import stat
import tracemalloc
import zipfile

import numpy as np
import pytest

import gradcore
from gradcore import nn, optim, serialization
from gradcore.serialization import archive_writer

DTYPES = [
    gradcore.bool, gradcore.uint8, gradcore.int8, gradcore.int16, gradcore.int32, gradcore.int64,
    gradcore.float16, gradcore.bfloat16, gradcore.float32, gradcore.float64, gradcore.complex64,
    gradcore.complex128,
]  # fmt: skip


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 3)

    def forward(self, x):
        return self.second(self.first(x).relu())


class Settings:
    def __init__(self, rate):
        self.rate = rate

    def __eq__(self, other):
        return self.rate == other.rate

    __hash__ = None


def round_trip(obj, **options):
    file = io.BytesIO()
    gradcore.save(obj, file)
    file.seek(0)
    return gradcore.load(file, **options)


# ---------------------------------------------------------------------------------- contents


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_of_every_dtype(dtype, shape, device):
    x = gradcore.arange(24)[: int(np.prod(shape))].reshape(shape).to(dtype).to(device)
    got = round_trip(x)
    assert got.dtype == dtype and got.shape == x.shape and got.device == x.device
    assert got.tolist() == x.tolist()


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:, ::2],
        lambda x: x.t(),
        lambda x: x[:, 1],
        lambda x: x[2, 3],
        lambda x: x[:1].expand(5, 4),
        lambda x: x.unfold(0, 2, 1),
        lambda x: x.diagonal(),
    ],
)
def test_views_keep_their_strides_and_memory(view, device):
    x = gradcore.arange(12.0, device=device).reshape(3, 4)
    whole, part = round_trip([x, view(x)])
    assert part.tolist() == view(x).tolist() and part.stride() == view(x).stride()
    whole.fill_(7)
    assert part.flatten().tolist() == [7] * part.numel()


def test_order_of_saving_does_not_matter_for_sharing():
    x = gradcore.zeros(10)
    part, whole = round_trip((x[3:5], x))
    part.fill_(1)
    assert whole.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_loaded_views_share_after_a_second_round():
    x = gradcore.arange(6.0).reshape(2, 3)
    part, whole = round_trip(round_trip((x.t()[1:], x)))
    whole[:, 1] = 9
    assert part[0].tolist() == [9, 9]


def test_tensors_on_numpy_arrays(device):
    array = np.arange(10, dtype=np.float32)
    got = round_trip([gradcore.from_numpy(array[2:4]), gradcore.from_numpy(array)])
    got[1].fill_(5)
    assert got[0].tolist() == [5, 5]
    from_bytes = gradcore.from_numpy(np.frombuffer(bytearray(8), np.int32))
    assert round_trip(from_bytes).tolist() == [0, 0]


def test_requires_grad_and_parameters():
    leaf = gradcore.ones(2, requires_grad=True)
    got = round_trip({"leaf": leaf, "result": leaf * 2, "p": nn.Parameter(leaf.detach())})
    assert got["leaf"].requires_grad and got["leaf"].is_leaf
    assert got["result"].requires_grad and got["result"].is_leaf
    assert type(got["p"]) is nn.Parameter and got["p"].requires_grad
    with pytest.warns(UserWarning, match="backward hook .* on tensor will not be serialized"):
        leaf.register_hook(lambda g: g)
        round_trip(leaf)


def test_attributes_of_tensors():
    x = gradcore.ones(2)
    x.note = {"a": [1]}
    assert round_trip(x).note == {"a": [1]}


def test_containers():
    obj = {
        "list": [1, [2.5, None, True]],
        ("a", 1): (1, 2, (3,)),
        "od": collections.OrderedDict(x=1),
        "set": {1, 2},
        "bytes": [b"ab", bytearray(b"c")],
        "complex": 1 + 2j,
        "big": 2**200,
        "size": gradcore.Size([1, 2]),
        "dtype": gradcore.bfloat16,
        "device": gradcore.device("cuda:1"),
        "layout": gradcore.strided,
        "same": None,
    }
    obj["same"] = obj["list"]
    got = round_trip(obj)
    assert got == obj
    assert got["same"] is got["list"] and type(got["size"]) is gradcore.Size


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_pickle_protocols(protocol):
    file = io.BytesIO()
    gradcore.save([gradcore.ones(2), gradcore.float32, {"a": 1}], file, pickle_protocol=protocol)
    file.seek(0)
    got = gradcore.load(file, weights_only=False)
    assert got[0].tolist() == [1, 1] and got[1:] == [gradcore.float32, {"a": 1}]


def test_storages_on_their_own():
    memory = serialization.UntypedStorage(np.arange(8, dtype=np.uint8))
    typed = serialization.TypedStorage(memory, gradcore.int16)
    got = round_trip([memory])
    assert got[0].untyped().tolist() == list(range(8))
    assert round_trip(typed).tolist() == typed.tolist() and typed.size() == 4


# -------------------------------------------------------------------- modules and optimizers


def test_training_goes_on_exactly(device):
    def start():
        gradcore.manual_seed(0)
        net = Net().to(device)
        return net, optim.Adam(net.parameters(), lr=0.1)

    def step(net, optimizer):
        optimizer.zero_grad()
        net(gradcore.ones(2, 3, device=device)).square().sum().backward()
        optimizer.step()

    net, optimizer = start()
    step(net, optimizer)
    saved = round_trip({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1})
    step(net, optimizer)
    again, its_optimizer = start()
    again.load_state_dict(saved["net"])
    its_optimizer.load_state_dict(saved["optimizer"])
    step(again, its_optimizer)
    for ours, theirs in zip(net.parameters(), again.parameters(), strict=True):
        assert ours.tolist() == theirs.tolist()
    assert saved["net"]._metadata == net.state_dict()._metadata


def test_whole_modules_need_trust():
    net = Net()
    with pytest.raises(pickle.UnpicklingError, match="(?s)Weights only.*Net was not an allowed"):
        round_trip(net)
    got = round_trip(net, weights_only=False)
    x = gradcore.ones(1, 3)
    assert type(got) is Net and got(x).tolist() == net(x).tolist()


def test_tied_parameters_stay_tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    got = round_trip(net, weights_only=False)
    assert got[0].weight is got[1].weight
    state = round_trip(net.state_dict())
    state["0.weight"].fill_(3)
    assert state["1.weight"].tolist() == [[3, 3], [3, 3]]


# -------------------------------------------------------------------------------- allow-list


def test_allow_list():
    serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[.*Settings\]\)"):
        round_trip(Settings(1))
    with serialization.safe_globals([Settings]):
        assert serialization.get_safe_globals() == [Settings]
        assert round_trip(Settings(0.1)) == Settings(0.1)
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([Settings])
    assert round_trip([Settings(2)]) == [Settings(2)]
    serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        round_trip(Settings(1))


def test_allow_list_by_name():
    name = f"{Settings.__module__}.Settings"
    with serialization.safe_globals([(Settings, name)]):
        assert round_trip(Settings(3)) == Settings(3)
    with serialization.safe_globals([(Settings,)]), pytest.raises(ValueError, match="length 2"):
        round_trip(Settings(3))
    with serialization.safe_globals([(Settings, 3)]), pytest.raises(TypeError, match="to be str"):
        round_trip(Settings(3))


def test_names_that_would_be_refused(tmp_path):
    path = tmp_path / "x.pt"
    gradcore.save({"a": gradcore.ones(1), "s": Settings(1)}, path)
    names = serialization.get_unsafe_globals_in_checkpoint(path)
    assert f"{Settings.__module__}.Settings" in names
    assert not any(name.startswith(("torch", "collections")) for name in names)
    with serialization.safe_globals([Settings]):
        assert f"{Settings.__module__}.Settings" not in (
            serialization.get_unsafe_globals_in_checkpoint(path)
        )
    with pytest.raises(ValueError, match="Expected input to be a checkpoint returned by"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"something else"))


# ------------------------------------------------------------------------------ map_location


@pytest.mark.parametrize(
    "where", ["cpu", gradcore.device("cpu"), b"cpu", {"cpu": "cpu"}, {}, lambda storage, tag: None]
)
def test_map_location_forms(where):
    assert round_trip(gradcore.ones(2), map_location=where).device.type == "cpu"


def test_map_location_between_devices(device):
    x = gradcore.arange(3.0, device=device)
    assert round_trip(x, map_location="cpu").device.type == "cpu"
    back = round_trip(gradcore.arange(3.0), map_location=device)
    assert back.device == x.device and back.tolist() == [0, 1, 2]
    moved = round_trip(x, map_location=lambda storage, tag: storage.cpu())
    assert moved.device.type == "cpu"
    tags = []
    round_trip([x, x * 1], map_location=lambda storage, tag: tags.append(tag))
    assert tags == [str(device)] * 2


def test_map_location_errors():
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        round_trip(gradcore.ones(1), map_location="elsewhere")
    with pytest.raises(TypeError, match="map_location must return a storage or None, not int"):
        round_trip(gradcore.ones(1), map_location=lambda storage, tag: 3)
    if not gradcore.cuda.is_available():
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            round_trip(gradcore.ones(1), map_location="cuda")


def test_register_package():
    package = (5, lambda storage: None, lambda storage, tag: storage if tag == "moon" else None)
    serialization.register_package(*package)
    try:
        assert round_trip(gradcore.ones(1), map_location="moon").item() == 1
    finally:
        serialization.locations._packages.remove(package)
    assert serialization.location_tag(serialization.UntypedStorage(np.zeros(1, np.uint8))) == "cpu"


# ------------------------------------------------------------------------------------- files


def test_paths_of_every_kind(tmp_path):
    for path in (str(tmp_path / "a.pt"), tmp_path / "b", pathlib.Path(tmp_path, "ü.x.pth")):
        gradcore.save({"x": 1}, path)
        assert gradcore.load(path) == {"x": 1}
    with open(tmp_path / "open", "wb") as file:
        gradcore.save(2, file)
    with open(tmp_path / "open", "rb") as file:
        assert gradcore.load(file) == 2
    with open(tmp_path / "open", "wb", buffering=0) as file:
        gradcore.save(3, file)
    assert gradcore.load(tmp_path / "open") == 3


def test_records_are_aligned_and_named_as_in_pytorch(tmp_path):
    path = tmp_path / "model.pt"
    gradcore.save([gradcore.ones(3), gradcore.ones(100)], path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"model/{name}"
            for name in (
                "data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0",
                "data/1", "version", ".data/serialization_id",
            )
        ]  # fmt: skip
        for entry in archive.infolist():
            head = entry.header_offset
            lengths = data[head + 26 : head + 30]
            start = head + 30 + int.from_bytes(lengths[:2], "little")
            assert (start + int.from_bytes(lengths[2:], "little")) % 64 == 0


def test_large_archives_use_zip64(monkeypatch):
    monkeypatch.setattr(archive_writer, "_ZIP64_FROM", 1500)
    file = io.BytesIO()
    gradcore.save([gradcore.ones(10), gradcore.ones(500), gradcore.ones(4)], file)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert any(entry.extra for entry in archive.infolist())
    file.seek(0)
    assert [x.numel() for x in gradcore.load(file)] == [10, 500, 4]


def test_checksums_are_optional():
    serialization.set_crc32_options(False)
    try:
        assert serialization.get_crc32_options() is False
        file = io.BytesIO()
        gradcore.save({"x": gradcore.ones(2)}, file)
    finally:
        serialization.set_crc32_options(True)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() == "archive/data.pkl"


def test_byte_order():
    big = io.BytesIO()
    with (
        zipfile.ZipFile(big, "w") as archive,
        zipfile.ZipFile(io.BytesIO(saved_little())) as source,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            if name.endswith("data/0"):
                data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
            archive.writestr(name, data)
    big.seek(0)
    assert gradcore.load(big).tolist() == [0, 1, 2]


def saved_little():
    file = io.BytesIO()
    gradcore.save(gradcore.arange(3.0), file)
    return file.getvalue()


def test_files_without_a_byte_order():
    file = io.BytesIO()
    gradcore.save(gradcore.arange(3.0), file, _disable_byteorder_record=True)
    for order, expected in (
        (None, [0, 1, 2]),
        (serialization.LoadEndianness.LITTLE, [0, 1, 2]),
        (serialization.LoadEndianness.BIG, np.arange(3, dtype="<f4").view(">f4").tolist()),
    ):
        serialization.set_default_load_endianness(order)
        try:
            assert serialization.get_default_load_endianness() is order
            file.seek(0)
            assert gradcore.load(file).tolist() == expected
        finally:
            serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="Invalid argument type"):
        serialization.set_default_load_endianness("little")


def test_compressed_archives_load():
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved_little())) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in source.namelist():
            archive.writestr(name, source.read(name))
    file.seek(0)
    assert gradcore.load(file).tolist() == [0, 1, 2]


# --------------------------------------------------------------------------------- memory map


def test_mmap_reads_nothing_and_keeps_the_file(tmp_path):
    path = tmp_path / "x.pt"
    gradcore.save({"x": gradcore.zeros(1_000_000), "y": gradcore.ones(3)}, path)
    before = path.read_bytes()
    tracemalloc.start()
    got = gradcore.load(path, mmap=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    got["y"].fill_(5)
    assert got["y"].tolist() == [5, 5, 5] and path.read_bytes() == before


def test_mmap_can_write_to_the_file(tmp_path):
    path = tmp_path / "x.pt"
    gradcore.save(gradcore.zeros(3), path)
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
        gradcore.load(path, mmap=True).fill_(4)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert gradcore.load(path).tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match="expected mmap.MAP_PRIVATE or mmap.MAP_SHARED"):
        serialization.set_default_mmap_options(12345)


def test_loading_takes_the_memory_of_the_tensors(tmp_path):
    path = tmp_path / "x.pt"
    gradcore.save([gradcore.zeros(500_000), gradcore.zeros(500_000)], path)
    gradcore.load(path)
    tracemalloc.start()
    got = gradcore.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 1.1 * path.stat().st_size and len(got) == 2


# ------------------------------------------------------------------------------------- errors


def test_failed_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.pt"
    gradcore.save(1, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        gradcore.save([gradcore.ones(3), lambda: None], path)
    assert gradcore.load(path) == 1 and os.listdir(tmp_path) == ["x.pt"]


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    gradcore.save(1, path)

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_writer.ArchiveWriter, "finish", full)
    with pytest.raises(OSError, match="No space left"):
        gradcore.save(2, path)
    assert gradcore.load(path) == 1 and os.listdir(tmp_path) == ["x.pt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_and_links(tmp_path):
    path, link = tmp_path / "x.pt", tmp_path / "link.pt"
    old = os.umask(0o022)
    try:
        gradcore.save(1, path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    link.symlink_to(path)
    gradcore.save(2, link)
    assert link.is_symlink() and gradcore.load(path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_writing_into_a_pipe_or_device():
    gradcore.save(gradcore.ones(1000), os.devnull)
    assert os.path.exists(os.devnull) and not os.path.isfile(os.devnull)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3,), {}, AttributeError, "expected 'f' to be string, path, or a file-like object"),
        (("no_such_folder/x",), {}, RuntimeError, "Parent directory no_such_folder does not exist"),
        (("/",), {}, RuntimeError, "File / cannot be opened"),
        (
            (io.BytesIO(),),
            {"_use_new_zipfile_serialization": False},
            ValueError,
            "_use_new_zipfile_serialization=False",
        ),
        ((io.BytesIO(),), {"pickle_protocol": 0}, ValueError, "pickle_protocol"),
    ],
)
def test_errors_of_save(arguments, options, error, message):
    with pytest.raises(error, match=message):
        gradcore.save(1, *arguments, **options)


def test_pickle_module():
    class Module:
        __name__ = "mine"
        Pickler = pickle._Pickler
        Unpickler = pickle.Unpickler

    file = io.BytesIO()
    gradcore.save(Settings(4), file, pickle_module=Module)
    file.seek(0)
    assert gradcore.load(file, pickle_module=Module) == Settings(4)
    file.seek(0)
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit"):
        gradcore.load(file, pickle_module=pickle, weights_only=True)
    Module.Pickler = type("Compiled", (pickle.Pickler,), {})
    with pytest.raises(ValueError, match="pickle_module: .*must be written in Python"):
        gradcore.save(1, io.BytesIO(), pickle_module=Module)


def test_files_that_cannot_seek():
    class Stream(io.RawIOBase):
        def seekable(self):
            return False

    with pytest.raises(io.UnsupportedOperation, match="You can only torch.load from a file that"):
        gradcore.load(Stream())
    with pytest.raises(AttributeError, match="has no attribute 'seek'"):
        gradcore.load(object())
    with pytest.raises(FileNotFoundError):
        gradcore.load("no_such_file.pt")


def test_arguments_of_the_unpickler():
    data = pickle.dumps({"name": b"x"}, 2)
    old = pickle.PROTO + b"\x02" + pickle.SHORT_BINSTRING + b"\x02\xe9a" + pickle.STOP
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", old)
        archive.writestr("x/version", b"3")
    for trusted in (True, False):
        file.seek(0)
        if trusted:
            assert gradcore.load(file, weights_only=False, encoding="latin1") == "éa"
            continue
        with pytest.warns(UserWarning, match="pickle_load_args only works if"):
            assert gradcore.load(file, encoding="bytes") == b"\xe9a"
    with pytest.warns(UserWarning), pytest.raises(TypeError, match="unexpected keyword .*'errors'"):
        gradcore.load(io.BytesIO(data), errors="ignore")
