"""An unpickler for files that nobody has to trust: ``load(weights_only=True)``.

It knows the opcodes that pickles of tensors, containers and numbers consist of, and the names of
an allow-list. Nothing in a file is imported; what a file can call checks its arguments and
allocates no more than the file is long.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from ..backends import dtype as dtype_names
from .names import CALLABLE, check_key, constants
from .safe import allowed_names

_BLOCKED_MODULES = ("sys", "os", "posix", "nt")
_MAPPINGS = (dict, OrderedDict, Counter)
_COPIES = (bytes, bytearray, set, tuple, OrderedDict, Counter)
# Above this a read is checked against the file's length before it allocates.
_SMALL = 1 << 16
# What broken or hostile arguments raise in VM instructions and in the functions of the list.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def read_name(file: Any) -> tuple[str, str]:
    """The (module, name) after a GLOBAL opcode, with Python 2's names translated."""
    module, name = (_line(file) for _ in range(2))
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _line(file: Any) -> str:
    line = file.readline(_SMALL)
    if not line.endswith(b"\n"):
        raise UnpicklingError("pickle data was truncated")
    return line[:-1].decode("utf-8")


class _NotTheFile(Exception):
    """Carries an error of the user's ``map_location`` past those who suspect the file."""


class RestrictedUnpickler:
    """Reads one pickle from ``file``, which has ``length`` bytes.

    ``persistent_load(("storage", …))`` gives a tensor's memory. UnpicklingError for anything
    that is not allowed or damaged.
    """

    def __init__(
        self,
        file: Any,
        length: int,
        persistent_load: Callable | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self._file = file
        self._length = length
        self._persistent_load = persistent_load
        self._encoding = encoding
        self._memo: dict[int, Any] = {}
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._made = 0
        self._user = allowed_names()
        self._called = {id(f) for f in (*CALLABLE.values(), *self._user.values())}

    def load(self) -> Any:
        """The object in the pickle."""
        opcodes = _OPCODES
        read = self._file.read
        try:
            while True:
                code = read(1)
                if not code:
                    raise EOFError("Ran out of input")
                if code == pickle.STOP:
                    return self._stack.pop()
                run = opcodes.get(code)
                if run is None:
                    raise UnpicklingError(f"Unsupported operand {code[0]}")
                run(self)
        except _NotTheFile as carrier:
            raise carrier.args[0] from None
        except _BROKEN as error:
            reason = f"{type(error).__name__}: {error}"
            raise UnpicklingError(f"the pickle is damaged ({reason})") from error

    # ------------------------------------------------------------------ reading

    def _take(self, count: int) -> bytes:
        if count > _SMALL and count > self._length - self._file.tell():
            raise UnpicklingError("pickle data was truncated")
        data = self._file.read(count)
        if len(data) < count:
            raise UnpicklingError("pickle data was truncated")
        return data

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _pop_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._outer.pop()
        return items

    # ------------------------------------------------------------------ values

    def _proto(self) -> None:
        protocol = self._number("B")
        if protocol != 2:
            warnings.warn(
                f"Detected pickle protocol {protocol} in the checkpoint, which was not the default "
                f"pickle protocol used by `{dtype_names.PACKAGE_NAME}.load` (2). The weights_only "
                "Unpickler might not support all instructions implemented by this protocol, please "
                "file an issue for adding support if you encounter this.",
                stacklevel=6,
            )

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _text(self) -> None:
        self._push(str(self._take(self._number("<I")), "utf-8", "surrogatepass"))

    def _old_text(self) -> None:
        data = self._take(self._number("B"))
        self._push(data if self._encoding == "bytes" else data.decode(self._encoding))

    def _long(self) -> None:
        self._push(int.from_bytes(self._take(self._number("B")), "little", signed=True))

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _tuple(self) -> None:
        items = self._pop_mark()
        self._push(tuple(items))

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise UnpicklingError("the pickle is damaged (its stack is empty)")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _append(self) -> None:
        item = self._stack.pop()
        self._the_list("append to").append(item)

    def _appends(self) -> None:
        items = self._pop_mark()
        self._the_list("extend").extend(items)

    def _the_list(self, verb: str) -> list:
        target = self._stack[-1]
        if type(target) is not list:
            raise UnpicklingError(f"Can only {verb} lists, but got {type(target)}")
        return target

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._mapping("SETITEM")[check_key(key)] = value

    def _set_items(self) -> None:
        items = self._pop_mark()
        target = self._mapping("SETITEMS")
        if len(items) % 2:
            raise UnpicklingError("odd number of items for SETITEMS")
        # Not update(): a Counter would add.
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check_key(key)] = value

    def _mapping(self, opcode: str) -> Any:
        target = self._stack[-1]
        if type(target) not in _MAPPINGS:
            raise UnpicklingError(
                f"Can only {opcode} for dict, collections.OrderedDict, collections.Counter, but "
                f"got {type(target)}"
            )
        return target

    # ------------------------------------------------------------------ memo

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise UnpicklingError(f"Memo value not found at index {index}")
        self._push(self._memo[index])

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    # ------------------------------------------------------------------ names and calls

    def _global(self) -> None:
        module, name = read_name(self._file)
        full = f"{module}.{name}"
        if module in _BLOCKED_MODULES:
            raise UnpicklingError(
                f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked."
            )
        if full in CALLABLE:
            self._push(CALLABLE[full])
        elif full in constants():
            self._push(constants()[full]())
        elif full in self._user:
            self._push(self._user[full])
        else:
            short = full.removeprefix("builtins.")
            package = dtype_names.PACKAGE_NAME
            raise UnpicklingError(
                f"Unsupported global: GLOBAL {short} was not an allowed global by default. Please "
                f"use `{package}.serialization.add_safe_globals([{short}])` or the "
                f"`{package}.serialization.safe_globals([{short}])` context manager to allowlist "
                "this global if you trust this class/function."
            )

    def _new_object(self) -> None:
        arguments, cls = self._stack.pop(), self._stack.pop()
        if type(arguments) is not tuple:
            raise UnpicklingError("the pickle is damaged (arguments are no tuple)")
        if cls is CALLABLE["torch.nn.parameter.Parameter"]:
            self._push(cls(*arguments))
        elif isinstance(cls, type) and any(cls is allowed for allowed in self._user.values()):
            self._push(cls.__new__(cls, *arguments))
        else:
            raise UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via "
                f"`add_safe_globals` but got {cls!r:.80}"
            )

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if id(function) not in self._called:
            raise UnpicklingError(
                f"Trying to call reduce for unrecognized function {function!r:.80}"
            )
        if type(arguments) is not tuple:
            raise UnpicklingError("the pickle is damaged (arguments are no tuple)")
        made = function(*arguments)
        if isinstance(made, _COPIES):
            # One long text, copied by every second instruction, would fill any memory.
            self._made += len(made)
            if self._made > 2 * self._length:
                raise UnpicklingError("the pickle makes more data than it holds")
        self._push(made)

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if type(target) is OrderedDict:
            target.__dict__.update(state)
        elif any(type(target) is allowed for allowed in self._user.values()):
            set_state(target, state)
        else:
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {type(target)}"
            )

    def _persistent(self) -> None:
        identity = self._stack.pop()
        if type(identity) is not tuple:
            raise UnpicklingError(
                f"persistent_load id must be tuple or int, but got {type(identity)}"
            )
        if not identity or identity[0] not in ("storage", b"storage"):
            raise UnpicklingError(
                f"Only persistent_load of storage is allowed, but got {identity!r:.80}"
            )
        if self._persistent_load is None:
            raise UnpicklingError("unsupported persistent id encountered")
        try:
            self._push(self._persistent_load(identity))
        except _BROKEN as error:
            raise _NotTheFile(error) from None


def set_state(target: Any, state: Any) -> None:
    """Give an object of a class that the user trusts its state, as pickle's BUILD does."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


_R = RestrictedUnpickler
_OPCODES: dict[bytes, Callable[[RestrictedUnpickler], None]] = {
    pickle.PROTO: _R._proto,
    pickle.NONE: lambda vm: vm._push(None),
    pickle.NEWTRUE: lambda vm: vm._push(True),
    pickle.NEWFALSE: lambda vm: vm._push(False),
    pickle.EMPTY_TUPLE: lambda vm: vm._push(()),
    pickle.EMPTY_LIST: lambda vm: vm._push([]),
    pickle.EMPTY_DICT: lambda vm: vm._push({}),
    pickle.EMPTY_SET: lambda vm: vm._push(set()),
    pickle.BININT: lambda vm: vm._push(vm._number("<i")),
    pickle.BININT1: lambda vm: vm._push(vm._number("B")),
    pickle.BININT2: lambda vm: vm._push(vm._number("<H")),
    pickle.BINFLOAT: lambda vm: vm._push(vm._number(">d")),
    pickle.BINUNICODE: _R._text,
    pickle.SHORT_BINSTRING: _R._old_text,
    pickle.LONG1: _R._long,
    pickle.MARK: _R._mark,
    pickle.TUPLE: _R._tuple,
    pickle.TUPLE1: lambda vm: vm._tuple_of(1),
    pickle.TUPLE2: lambda vm: vm._tuple_of(2),
    pickle.TUPLE3: lambda vm: vm._tuple_of(3),
    pickle.APPEND: _R._append,
    pickle.APPENDS: _R._appends,
    pickle.SETITEM: _R._set_item,
    pickle.SETITEMS: _R._set_items,
    pickle.BINGET: lambda vm: vm._get(vm._number("B")),
    pickle.LONG_BINGET: lambda vm: vm._get(vm._number("<I")),
    pickle.BINPUT: lambda vm: vm._put(vm._number("B")),
    pickle.LONG_BINPUT: lambda vm: vm._put(vm._number("<I")),
    pickle.GLOBAL: _R._global,
    pickle.NEWOBJ: _R._new_object,
    pickle.REDUCE: _R._reduce,
    pickle.BUILD: _R._build,
    pickle.BINPERSID: _R._persistent,
}


def names_in_pickle(data: bytes) -> set[str]:
    """The full names of all globals in a pickle, which is not run."""
    names = set()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                module, name = NAME_MAPPING.get(
                    (module, name), (IMPORT_MAPPING.get(module, module), name)
                )
                names.add(f"{module}.{name}")
            elif opcode.code.encode("latin1") not in {*_OPCODES, pickle.STOP}:
                raise UnpicklingError(f"Unsupported operand {ord(opcode.code)}")
    except ValueError as error:
        raise UnpicklingError(f"the pickle is damaged ({error})") from error
    return names
