"""Files that nobody should load: pickles that call things, damaged archives, absurd sizes."""

from __future__ import annotations

import functools
import io
import os
import pickle
import struct
import zipfile

import gradcore
from gradcore.serialization.legacy import MAGIC_NUMBER, PROTOCOL_VERSION

P = pickle
TENSOR = P.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n"
ODICT = P.GLOBAL + b"collections\nOrderedDict\n" + P.EMPTY_TUPLE + P.REDUCE


def text(value: str) -> bytes:
    data = value.encode()
    return P.BINUNICODE + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    data = pickle.encode_long(value)
    return P.LONG1 + bytes([len(data)]) + data


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return (
        P.GLOBAL
        + f"{module}\n{name}\n".encode()
        + P.MARK
        + b"".join(arguments)
        + P.TUPLE
        + P.REDUCE
    )


def storage(key="0", count=4, kind="FloatStorage", location="cpu", tag="storage") -> bytes:
    return (
        P.MARK + text(tag) + P.GLOBAL + f"torch\n{kind}\n".encode() + text(key) + text(location)
        + number(count) + P.TUPLE + P.BINPERSID
    )  # fmt: skip


def ints(*values: int) -> bytes:
    return P.MARK + b"".join(number(v) for v in values) + P.TUPLE


def tensor(memory=None, offset=0, size=(4,), stride=(1,), grad=P.NEWFALSE, extra=b"") -> bytes:
    memory = storage() if memory is None else memory
    return (
        TENSOR + P.MARK + memory + number(offset) + ints(*size) + ints(*stride) + grad + ODICT
        + extra + P.TUPLE + P.REDUCE
    )  # fmt: skip


def program(body: bytes) -> bytes:
    return P.PROTO + b"\x02" + body + P.STOP


def archive(body: bytes, records=None, *, raw=False, method=zipfile.ZIP_STORED) -> bytes:
    """A file with this pickle, and four float32 in storage 0."""
    file = io.BytesIO()
    contents = {
        "x/data.pkl": body if raw else program(body),
        "x/byteorder": b"little",
        "x/data/0": bytes(16),
        "x/version": b"3\n",
        **(records or {}),
    }
    with zipfile.ZipFile(file, "w", method) as target:
        for name, data in contents.items():
            if data is not None:
                target.writestr(name, data)
    return file.getvalue()


def old_file(body: bytes, keys=("0",), storages=None, magic=MAGIC_NUMBER) -> bytes:
    """The same in the format from before 1.6."""
    parts = [pickle.dumps(value, 2) for value in (magic, PROTOCOL_VERSION, {"little_endian": True})]
    parts += [program(body), pickle.dumps(list(keys), 2)]
    parts.append(struct.pack("<q", 4) + bytes(16) if storages is None else storages)
    return b"".join(parts)


def old_storage(count=4, view=P.NONE, key="0") -> bytes:
    return (
        P.MARK + text("storage") + P.GLOBAL + b"torch\nFloatStorage\n" + text(key) + text("cpu")
        + number(count) + view + P.TUPLE + P.BINPERSID
    )  # fmt: skip


def gadgets(canary: str) -> dict[str, bytes]:
    """Pickles that would make the file ``canary`` if they were believed."""
    touch = f"open({canary!r}, 'w').close()"
    shell = f"touch {canary}"
    evaluate = P.GLOBAL + b"builtins\neval\n"
    return {
        "os.system": call("os", "system", text(shell)),
        "posix.system": call("posix", "system", text(shell)),
        "eval": call("builtins", "eval", text(touch)),
        "exec": call("builtins", "exec", text(touch)),
        "eval of Python 2": call("__builtin__", "eval", text(touch)),
        "apply": call("__builtin__", "apply", evaluate),
        "import": call("builtins", "__import__", text("antigravity")),
        "getattr": call("builtins", "getattr", text("x"), text("__class__")),
        "subprocess": call("subprocess", "call", P.MARK + text("touch") + text(canary) + P.LIST),
        "Popen": call("subprocess", "Popen", text(shell)),
        "open": call("io", "open", text(canary), text("w")),
        "runpy": call("runpy", "run_path", text(canary)),
        "code in torch": call("torch._inductor.codecache", "exec", text(touch)),
        "torch.load": call("torch", "load", text(canary)),
        "torch.save": call("torch", "save", P.NONE, text(canary)),
        "gradcore.save": call("gradcore", "save", P.NONE, text(canary)),
        "numpy.load": call("numpy", "load", text(canary)),
        "numpy scalar": call("numpy.core.multiarray", "scalar", text("O"), text("x")),
        "sys.exit": call("sys", "exit"),
        "copyreg": call("copyreg", "_reconstructor", evaluate, evaluate, P.NONE),
        "operator": call("operator", "attrgetter", text("__class__")),
        "functools": call("functools", "partial", evaluate, text(touch)),
        "timeit": call("timeit", "timeit", text(touch)),
        "codecs.decode": call("_codecs", "decode", text("x"), text("zlib")),
        "dotted name": call("torch", "Tensor.__init__.__globals__", text("x")),
        "dunder of an allowed module": call("collections", "_sys.modules.clear"),
        "REDUCE of a tensor": tensor() + P.EMPTY_TUPLE + P.REDUCE,
        "REDUCE of a class that may be named": P.GLOBAL + b"torch\nTensor\n" + ints(5) + P.REDUCE,
        "INST": P.MARK + text(shell) + P.INST + b"os\nsystem\n",
        "OBJ": P.MARK + evaluate + text(touch) + P.OBJ,
        "NEWOBJ": evaluate + ints() + P.NEWOBJ,
        "NEWOBJ of an allowed class": P.GLOBAL + b"torch\nTensor\n" + ints(5) + P.NEWOBJ,
        "NEWOBJ_EX": evaluate + ints() + P.EMPTY_DICT + P.NEWOBJ_EX,
        "STACK_GLOBAL": text("os") + text("system") + P.STACK_GLOBAL + P.MARK + text(shell)
        + P.TUPLE + P.REDUCE,
        "EXT1": P.EXT1 + b"\x01",
        "EXT2": P.EXT2 + b"\x01\x00",
        "EXT4": P.EXT4 + b"\x01\x00\x00\x00",
        "PERSID": P.PERSID + b"storage\n",
        "BUILD of a list": P.EMPTY_LIST + P.EMPTY_DICT + P.BUILD,
        "BUILD of a tensor": tensor() + P.MARK + evaluate + P.TUPLE + P.BUILD,
        "BUILD with setstate": P.GLOBAL + b"torch\nSize\n" + P.EMPTY_DICT + P.BUILD,
        "function as subclass": call(
            "torch._tensor", "_rebuild_from_type_v2", P.GLOBAL + b"builtins\neval\n"
        ),
        "rebuild by an allowed function": call(
            "torch._tensor", "_rebuild_from_type_v2", P.GLOBAL + b"torch._utils\n_rebuild_tensor\n",
            P.GLOBAL + b"collections\nOrderedDict\n", ints(), P.EMPTY_DICT,
        ),
        "module in a storage": P.MARK + text("module") + evaluate + P.NONE + P.NONE + P.TUPLE
        + P.BINPERSID + P.MARK + text(touch) + P.TUPLE + P.REDUCE,
        "set item of a tensor": tensor() + number(0) + number(1) + P.SETITEM,
        "append to a tensor": tensor() + number(0) + P.APPEND,
    }  # fmt: skip


HUGE = 2**60


def absurd() -> dict[str, bytes]:
    """Pickles that are no attack on anything but memory and sense."""
    long = text("x" * 50_000) + P.BINPUT + b"\x07"
    encode = P.GLOBAL + b"_codecs\nencode\n"
    copy = encode + P.BINGET + b"\x07" + P.TUPLE1 + P.REDUCE + P.BINPUT + b"\x08"
    return {
        "storage of 2**60 elements": tensor(storage(count=HUGE)),
        "storage of -1 elements": tensor(storage(count=-1)),
        "storage without a record": tensor(storage(key="1")),
        "storage named with dots": tensor(storage(key="../../../etc/passwd")),
        "storage key is a number": P.MARK + text("storage") + P.GLOBAL + b"torch\nFloatStorage\n"
        + number(0) + text("cpu") + number(4) + P.TUPLE + P.BINPERSID,
        "storage type is a string": P.MARK + text("storage") + text("FloatStorage") + text("0")
        + text("cpu") + number(4) + P.TUPLE + P.BINPERSID,
        "storage of an unknown place": tensor(storage(location="hal:9000")),
        "storage of quantized numbers": tensor(storage(kind="QInt8Storage")),
        "storage id of one entry": text("storage") + P.TUPLE1 + P.BINPERSID,
        "persistent id of another kind": tensor(storage(tag="module")),
        "persistent id that is no tuple": text("0") + P.BINPERSID,
        "tensor larger than its storage": tensor(size=(5,)),
        "tensor past its storage": tensor(offset=1),
        "tensor of 2**60 elements": tensor(size=(HUGE,)),
        "tensor with a huge stride": tensor(size=(2, 2), stride=(HUGE, 1)),
        "sizes that overflow": tensor(size=(2**31, 2**31, 2**31), stride=(0, 0, 0)),
        "tensor with a negative size": tensor(size=(-1,)),
        "tensor with a negative stride": tensor(stride=(-1,)),
        "tensor with a negative offset": tensor(offset=-1),
        "more strides than sizes": tensor(stride=(4, 1)),
        "a thousand dimensions": tensor(size=(1,) * 1000, stride=(1,) * 1000),
        "size that is a string": TENSOR + P.MARK + storage() + number(0) + text("ab") + text("ab")
        + P.NEWFALSE + ODICT + P.TUPLE + P.REDUCE,
        "tensor without a storage": tensor(text("0")),
        "tensor of a tensor": tensor(tensor()),
        "conjugate of repeated elements": tensor(
            size=(2**40,), stride=(0,),
            extra=P.EMPTY_DICT + text("conj") + P.NEWTRUE + P.SETITEM,
        ),
        "unknown metadata": tensor(extra=P.EMPTY_DICT + text("eval") + P.NEWTRUE + P.SETITEM),
        "requires_grad that is a number": tensor(grad=number(1)),
        "sparse tensor": call("torch._utils", "_rebuild_sparse_tensor", P.NONE),
        "dtype that gradcore lacks": P.GLOBAL + b"torch\nfloat8_e4m3fn\n",
        "parameter of a list": call(
            "torch._utils", "_rebuild_parameter", P.EMPTY_LIST, P.NEWTRUE, ODICT
        ),
        "bytearray of 2**60": call("builtins", "bytearray", number(HUGE)),
        "set of a number": call("builtins", "set", number(HUGE)),
        "copies of a long text": long + copy * 400,
        "other codecs": call("_codecs", "encode", text("x"), text("punycode")),
        "cycle as a size": P.EMPTY_LIST + P.BINPUT + b"\x01" + P.BINGET + b"\x01" + P.APPEND
        + P.BINPUT + b"\x02" + TENSOR + P.MARK + storage() + number(0) + P.BINGET + b"\x02"
        + P.BINGET + b"\x02" + P.NEWFALSE + ODICT + P.TUPLE + P.REDUCE,
        "key nested 100,000 times": P.EMPTY_DICT + P.EMPTY_TUPLE + P.TUPLE1 * 100_000 + P.NONE
        + P.SETITEM,
        "key that cannot be hashed": P.EMPTY_DICT + P.EMPTY_LIST + P.NONE + P.SETITEM,
        "value that was never stored": P.BINGET + b"\x05",
        "memo at 2**32": P.LONG_BINGET + b"\xff\xff\xff\xff",
        "empty stack": P.TUPLE,
        "REDUCE of nothing": P.REDUCE,
        "SETITEMS of three": P.EMPTY_DICT + P.MARK + P.NONE * 3 + P.SETITEMS,
        "text of 4 GB": P.BINUNICODE + b"\xff\xff\xff\xff" + b"x",
        "text that is no UTF-8": P.BINUNICODE + b"\x02\x00\x00\x00\xff\xfe",
        "opcode of later protocols": P.FRAME + bytes(8),
        "no opcode": b"\xff",
        "name without an end": P.GLOBAL + b"torch",
        "name of a megabyte": P.GLOBAL + b"x" * (1 << 20) + b"\ny\n",
    }  # fmt: skip


def good() -> bytes:
    """A file as it should be, to damage."""
    file = io.BytesIO()
    gradcore.save({"a": gradcore.arange(64.0), "b": [1, "x"]}, file)
    return file.getvalue()


@functools.cache
def damaged_archives() -> dict[str, bytes]:
    """Zip files that are not what they should be."""
    whole = good()
    fine = tensor()
    end = whole.rindex(b"PK\x05\x06")
    end64 = whole.index(b"PK\x06\x06")
    directory = whole.index(b"PK\x01\x02")
    at = whole.index(b"archive/data/0", directory) - 46
    return {
        "cut in the data": whole[: len(whole) // 2],
        "cut in the directory": whole[: directory + 30],
        "cut before the end": whole[:end],
        "cut by one byte": whole[:-1],
        "only a signature": b"PK\x03\x04",
        "signature and noise": b"PK\x03\x04" + bytes(range(256)) * 4,
        "directory far away": patched(whole, end64 + 48, struct.pack("<Q", 2**62)),
        "directory of 2**62 bytes": patched(whole, end64 + 40, struct.pack("<Q", 2**62)),
        "a record that claims 2 GB": patched(whole, at + 20, struct.pack("<2I", 2**31, 2**31)),
        "a record that is elsewhere": patched(whole, at + 42, struct.pack("<I", 1)),
        "a record past the end": patched(whole, at + 42, struct.pack("<I", len(whole) - 8)),
        "an encrypted record": patched(whole, at + 8, b"\x09"),
        "an unknown compression": patched(whole, at + 10, b"\x63"),
        "a changed pickle": whole.replace(b"X\x01\x00\x00\x00a", b"X\x01\x00\x00\x00c"),
        "no pickle": archive(fine, {"x/data.pkl": None}),
        "no version": archive(fine, {"x/version": None}),
        "version that is no number": archive(fine, {"x/version": b"three"}),
        "version of the future": archive(fine, {"x/version": b"999"}),
        "unknown byte order": archive(fine, {"x/byteorder": b"middle"}),
        "storage too short": archive(fine, {"x/data/0": bytes(15)}),
        "storage too long": archive(fine, {"x/data/0": bytes(17)}),
        "TorchScript": archive(fine, {"x/constants.pkl": b""}),
        "names outside the folder": archive(
            tensor(storage(key="../../evil")), {"x/../../evil": bytes(16), "/etc/passwd": b"x"}
        ),
        "no folder": renamed(archive(fine)),
        "zip bomb": archive(
            tensor(storage(count=2**25), size=(2**25,)), {"x/data/0": bytes(2**27)},
            method=zipfile.ZIP_DEFLATED,
        ),
        "records on one another": overlapping(),
        "empty pickle": archive(b"", raw=True),
        "pickle without an end": archive(P.PROTO + b"\x02" + P.NONE, raw=True),
    }  # fmt: skip


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def renamed(data: bytes) -> bytes:
    return data.replace(b"x/", b"x_")


def overlapping() -> bytes:
    """40 storages of 256 KB that are all the same place in the file."""
    tensors = b"".join(
        tensor(storage(key=str(i), count=2**16), size=(2**16,)) + P.APPEND for i in range(40)
    )
    records = {"x/data/0": bytes(2**18), **{f"x/data/{i}": b"" for i in range(1, 40)}}
    data = bytearray(archive(P.EMPTY_LIST + tensors, records))
    directory = data.index(b"PK\x01\x02")
    first = data.index(b"x/data/0", directory) - 46
    for i in range(1, 40):
        at = data.index(f"x/data/{i}".encode(), first + 47) - 46
        data[at + 16 : at + 28] = data[first + 16 : first + 28]
        data[at + 42 : at + 46] = data[first + 42 : first + 46]
    return bytes(data)


def damaged_old_files() -> dict[str, bytes]:
    """Files of the old format that are not what they should be."""
    fine = tensor(old_storage())
    whole = old_file(fine)
    return {
        "nothing": b"",
        "noise": bytes(range(256)),
        "another magic number": old_file(fine, magic=42),
        "magic number that is a list": old_file(fine, magic=[1]),
        "cut in the storage": whole[:-1],
        "cut in the size": whole[:-17],
        "cut in the keys": whole[:-26],
        "storage of 2**60": old_file(tensor(old_storage(HUGE), size=(HUGE,))),
        "storages that add up": old_file(
            b"".join(tensor(old_storage(100, key=str(i)), size=(100,)) + P.TUPLE1 for i in range(9))
        ),
        "another size in the data": old_file(fine, storages=struct.pack("<q", 5) + bytes(20)),
        "negative size in the data": old_file(fine, storages=struct.pack("<q", -4) + bytes(16)),
        "unknown key": old_file(fine, keys=("1",)),
        "keys that are no strings": old_file(fine, keys=([],)),
        "view past the storage": old_file(
            tensor(old_storage(view=P.MARK + text("v") + number(2) + number(3) + P.TUPLE))
        ),
        "view of the wrong kind": old_file(tensor(old_storage(view=text("v")))),
        "tar file": bytes(257) + b"ustar" + bytes(250),
        "a path": os.fsencode(os.sep),
    }
