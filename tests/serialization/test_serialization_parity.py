"""Files go both ways between gradcore and PyTorch, and are the same bytes."""

from __future__ import annotations

import collections
import io
import pickle
import re
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402

DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


def shared(p):
    x = p.arange(12.0).reshape(3, 4)
    return {"whole": x, "part": x[1:, 1:], "column": x[:, 2], "turned": x.t(), "again": x}


def with_attribute(p):
    x = p.ones(2)
    x.note = "mine"
    return x


def parameter_with_attribute(p):
    x = p.nn.Parameter(p.ones(2))
    x.note = {"lr": 0.1}
    return x


def module_state(p):
    p.manual_seed(0)
    return p.nn.Sequential(p.nn.Linear(3, 4), p.nn.BatchNorm1d(4), p.nn.Linear(4, 2)).state_dict()


def optimizer_state(p, kind, **options):
    p.manual_seed(0)
    model = p.nn.Linear(3, 2)
    optimizer = getattr(p.optim, kind)(model.parameters(), **options)
    model(p.ones(2, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


# What to make with either package. 30 kinds of object and more.
KINDS = {
    "tensor": lambda p: p.arange(6.0).reshape(2, 3),
    "scalar tensor": lambda p: p.tensor(3.5),
    "empty tensor": lambda p: p.zeros(0, 3),
    "view": lambda p: p.arange(10.0)[2:8:2],
    "transposed": lambda p: p.arange(6.0).reshape(2, 3).t(),
    "expanded": lambda p: p.ones(3, 1).expand(3, 4),
    "channels last": lambda p: p.ones(1, 2, 3, 4).to(memory_format=p.channels_last),
    "requires grad": lambda p: p.ones(2, requires_grad=True),
    "result of an operation": lambda p: p.ones(2, requires_grad=True) * 2,
    "parameter": lambda p: p.nn.Parameter(p.ones(2)),
    "frozen parameter": lambda p: p.nn.Parameter(p.ones(2), requires_grad=False),
    "parameter with attribute": parameter_with_attribute,
    "tensor with attribute": with_attribute,
    "buffer": lambda p: p.nn.Buffer(p.ones(2)),
    "shared memory": shared,
    "same tensor twice": lambda p: [p.ones(3)] * 2,
    "state dict": module_state,
    "SGD state": lambda p: optimizer_state(p, "SGD", lr=0.1, momentum=0.9),
    "Adam state": lambda p: optimizer_state(p, "Adam"),
    "many tensors": lambda p: many_tensors(p),
    "list": lambda p: [1, p.ones(1), [2, [3]]],
    "tuple": lambda p: (1, (p.ones(1), ()), "x"),
    "dict": lambda p: {"a": {"b": p.ones(1)}, 3: None, (1, "k"): 2.5},
    "ordered dict": lambda p: collections.OrderedDict(b=p.ones(1), a=2),
    "counter": lambda p: collections.Counter("abca"),
    "set": lambda p: {1, 2, "x"},
    "numbers": lambda p: [0, -1, 255, 65536, -(2**31), 2**40, -(2**100), 1.5, float("inf"), 2j],
    "constants": lambda p: [None, True, False],
    "text": lambda p: ["", "abc", "üñí€😀", "a" * 300],
    "bytes": lambda p: [b"abc\xff", bytearray(b"xyz")],
    "size": lambda p: p.Size([2, 3]),
    "device": lambda p: [p.device("cpu"), p.device("cuda", 1)],
    "dtypes": lambda p: [getattr(p, name) for name in DTYPES],
    "layout": lambda p: p.strided,
    "nothing": lambda p: None,
    "cyclic list": lambda p: cyclic(),
    **{f"tensor of {name}": lambda p, n=name: p.ones(3).to(getattr(p, n)) for name in DTYPES},
}


def many_tensors(p):
    """More than 256 things to remember, and numbers of one, two and more bytes."""
    views = [p.arange(70_000.0)[offset:] for offset in (0, 1, 255, 256, 65_535, 65_536)]
    shapes = [(), (300,), (2, 300), (1, 2, 3), (1, 2, 1, 2), (0, 5), (1, 1, 1, 1, 1, 2)]
    parts = [p.ones(shape) for shape in shapes for _ in range(6)]
    return [*views, *parts, *(p.ones(2, dtype=p.int64) for _ in range(20)), parts[0], views[0]]


def cyclic():
    items = [1]
    items.append(items)
    return items


def described(value, seen=()):
    """A value in terms that both packages share."""
    if isinstance(value, (torch.Tensor, gradcore.Tensor)):
        kind = type(value).__name__
        own = {k: v for k, v in value.__dict__.items() if k == "note" or k == "persistent"}
        place = (tuple(value.shape), value.stride())
        if 0 in value.shape:
            place = tuple(value.shape)
        return (kind, name_of(value.dtype), place, value.requires_grad, value.tolist(), own)
    if isinstance(value, dict):
        return (type(value), [(k, described(v)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        if id(value) in seen:
            return "cycle"
        return (type(value).__name__, [described(v, (*seen, id(value))) for v in value])
    if isinstance(value, (torch.dtype, gradcore.dtype, torch.layout, gradcore.layout)):
        return name_of(value)
    if isinstance(value, (torch.device, gradcore.device)):
        return str(value)
    return value


def name_of(thing):
    return str(thing).rpartition(".")[2]


def saved(package, obj, **options):
    file = io.BytesIO()
    package.save(obj, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_gradcore_reads_what_pytorch_wrote(kind):
    expected = KINDS[kind](torch)
    got = gradcore.load(io.BytesIO(saved(torch, expected)))
    assert described(got) == described(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_pytorch_reads_what_gradcore_wrote(kind):
    obj = KINDS[kind](gradcore)
    got = torch.load(io.BytesIO(saved(gradcore, obj)))
    again = gradcore.load(io.BytesIO(saved(gradcore, obj)))
    assert described(got) == described(again) == described(KINDS[kind](torch))


SAME_BYTES = sorted(KINDS.keys() - {"device", "buffer", "SGD state", "Adam state", "set"})


@pytest.mark.parametrize("kind", SAME_BYTES)
def test_files_are_the_same_bytes(kind):
    ours, theirs = saved(gradcore, KINDS[kind](gradcore)), saved(torch, KINDS[kind](torch))
    assert without_identity(ours) == without_identity(theirs)


def without_identity(data):
    """The file without the digits of ``.data/serialization_id`` and their checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo("archive/.data/serialization_id")
        digits = archive.read(entry)
        assert re.fullmatch(rb"\d{40}", digits)
        assert archive.testzip() is None
    return data.replace(digits, b"").replace(entry.CRC.to_bytes(4, "little"), b"")


def test_path_gives_the_same_names(tmp_path):
    for package, name in ((gradcore, "ours"), (torch, "theirs")):
        for suffix in ("model.pt", "model.tar.gz", "model"):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            package.save({"a": package.ones(2)}, folder / suffix)
    for suffix in ("model.pt", "model.tar.gz", "model"):
        ours, theirs = (zipfile.ZipFile(tmp_path / n / suffix) for n in ("ours", "theirs"))
        assert ours.namelist() == theirs.namelist()
        ours.close(), theirs.close()


@pytest.mark.parametrize("map_location", [None, "cpu", {"cpu": "cpu"}, lambda storage, _: storage])
@pytest.mark.parametrize("mmap", [False, True])
def test_options_of_load(tmp_path, map_location, mmap):
    path = tmp_path / "x.pt"
    torch.save(shared(torch), path)
    got = gradcore.load(path, map_location=map_location, mmap=mmap)
    assert described(got) == described(shared(torch))
    got["whole"][1, 2] = 100
    assert got["part"][0, 1].item() == got["column"][1].item() == 100
    assert torch.load(path)["whole"][1, 2].item() == 6


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"layout"}))
def test_files_from_before_1_6(kind):
    expected = KINDS[kind](torch)
    data = saved(torch, expected, _use_new_zipfile_serialization=False)
    for trusted in (False, True):
        got = gradcore.load(io.BytesIO(data), weights_only=not trusted)
        assert described(got) == described(expected)


def test_old_files_one_after_the_other():
    file = io.BytesIO()
    for n in range(3):
        torch.save({"n": torch.full((n + 1,), n)}, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [gradcore.load(file)["n"].tolist() for _ in range(3)] == [[0], [1, 1], [2, 2, 2]]


def test_lazily_conjugated_and_negated_tensors():
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert z.conj().is_conj() and z.conj().imag.is_neg()
    assert gradcore.load(io.BytesIO(saved(torch, z.conj()))).tolist() == [1 - 2j, 3 + 1j]
    assert gradcore.load(io.BytesIO(saved(torch, z.conj().imag))).tolist() == [-2, 1]


def test_whole_module_of_pytorch():
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    ).eval()
    data = saved(torch, theirs)
    with pytest.raises(pickle.UnpicklingError, match="torch.nn.modules.container.Sequential"):
        gradcore.load(io.BytesIO(data))
    ours = gradcore.load(io.BytesIO(data), weights_only=False)
    assert type(ours) is gradcore.nn.Sequential and type(ours[2]) is gradcore.nn.BatchNorm1d
    x = torch.arange(6.0).reshape(2, 3)
    got = ours(gradcore.from_numpy(x.numpy())).detach().numpy()
    np.testing.assert_allclose(got, theirs(x).detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: {"x": p.arange(4.0), "y": p.arange(4.0).view(p.int32)},
        lambda p: [(x := p.ones(2, dtype=p.complex64)), p.view_as_real(x)],
        lambda p: [(x := p.ones(2)), x.view(p.int32)],
    ],
)
def test_one_memory_as_two_types(make):
    outcomes = []
    for package in (gradcore, torch):
        try:
            saved(package, make(package))
            outcomes.append(None)
        except RuntimeError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((3,), {}),
        ((None,), {}),
        (("no_such_file.pt",), {}),
        ((io.BytesIO(b""),), {}),
        ((io.BytesIO(b"PK\x03\x04 nothing else"),), {}),
        ((io.BytesIO(saved(torch, 1)),), {"mmap": True}),
        ((io.BytesIO(saved(torch, 1, _use_new_zipfile_serialization=False)),), {"mmap": True}),
        ((io.BytesIO(b""),), {"weights_only": True, "pickle_module": pickle}),
        ((io.BytesIO(saved(torch, torch.ones(1))), "nowhere"), {}),
        ((io.BytesIO(saved(torch, torch.ones(1))), "cuda:0"), {}),
    ],
)
def test_load_raises_pytorchs_errors(arguments, options):
    if torch.cuda.is_available() or gradcore.cuda.is_available():
        pytest.skip("places exist here")
    ours, theirs = (error_of(p.load, arguments, options) for p in (gradcore, torch))
    assert type(ours) is type(theirs)
    assert same_words(ours, theirs), (str(ours), str(theirs))


@pytest.mark.parametrize("arguments", [(1, 3), (1, None), (1, "no_such_folder/x.pt")])
def test_save_raises_pytorchs_errors(arguments):
    ours, theirs = (error_of(p.save, arguments, {}) for p in (gradcore, torch))
    assert type(ours) is type(theirs)
    assert same_words(ours, theirs), (str(ours), str(theirs))


def same_words(ours, theirs):
    return str(theirs)[:40] in str(ours)


def error_of(function, arguments, options):
    for argument in arguments:
        if isinstance(argument, io.BytesIO):
            argument.seek(0)
    with pytest.raises(Exception) as caught:
        function(*arguments, **options)
    return caught.value
