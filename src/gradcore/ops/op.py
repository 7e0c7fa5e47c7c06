"""What an operation is: one body, and one gradient rule per argument.

.. code-block:: python

    @op(pointwise=True)
    def tanh(xp, x):                                  # one body for all array libraries
        return xp.tanh(x)
    tanh.vjp(x=lambda g, out: g * (1 - out * out))    # its parameter names are the save list

A rule's parameters may be ``g`` (the gradient of the output; ``g0``, ``g1`` … where there are
several outputs), names of arguments, ``out`` (``out0`` …), ``<argument>_shape``,
``<argument>_dtype`` and names of attributes. Only what a rule names is kept for backward.

Rules are written with operators and public ops. They get raw arrays in an ordinary backward, and
Tensors with ``create_graph=True``, so that one rule gives the derivatives of every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backends.registry import backend_of, find_backend

# Every op by its name; the tests demand a row in the op table for each.
OPS: dict[str, Op] = {}


def identity(g: Any) -> Any:
    """The rule of an argument that passes into the result as it is."""
    return g


class Rule:
    """The gradient of one argument of an op."""

    __slots__ = ("op", "argument", "fn", "names", "kernels")

    def __init__(self, op: Op, argument: str, fn: Callable[..., Any]) -> None:
        self.op = op
        self.argument = argument
        self.fn = fn
        self.names = _parameters(fn)
        self.kernels: dict[type, Callable[..., Any]] = {}
        for name in self.names:
            op.check_saveable(name, argument)

    def kernel(self, g: Any) -> Callable[..., Any]:
        """The rule as compiled by the backend of the raw gradient ``g``."""
        try:
            return self.kernels[type(g)]
        except KeyError:
            kernel = self.kernels[type(g)] = backend_of(g).compile_rule(self)
            return kernel


def _parameters(fn: Callable[..., Any]) -> tuple[str, ...]:
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(fn, "__self__") else names


class Plan:
    """What one call keeps and computes, given which of its arguments need a gradient."""

    __slots__ = ("saves", "calls", "plain", "keeps_output", "keeps_tensors", "runners")

    def __init__(self, op: Op, needed: tuple[bool, ...]) -> None:
        saves: list[str] = []
        calls = []
        for index, need in enumerate(needed):
            if not need:
                continue
            rule = op.rule_for(index)
            for name in rule.names:
                if not _is_gradient(name) and name != "index" and name not in saves:
                    saves.append(name)
            calls.append((index, rule))
        self.saves: tuple[tuple[str, Any], ...] = tuple(op.located(name) for name in saves)
        # the arguments' positions where nothing else is kept
        self.plain: tuple[int, ...] | None = None
        if all(what == "argument" for what, _ in self.saves):
            self.plain = tuple(index for _, index in self.saves)
        self.keeps_output = self.saves == (("out", 0),)
        # Only tensors are dropped after backward, so that a graph without any can run again.
        self.keeps_tensors = any(
            what in ("argument", "out", "all argument") for what, _ in self.saves
        )
        # type of the raw gradient -> the node's backward step (autograd/straight.py)
        self.runners: dict[type, Callable[..., tuple]] = {}
        first = op.outputs
        self.calls = tuple(
            (index, rule, tuple(_source(name, saves, first) for name in rule.names))
            for index, rule in calls
        )


def _is_gradient(name: str) -> bool:
    return name == "g" or (name[0] == "g" and name[1:].isdigit())


def _source(name: str, saves: list[str], first: int) -> int:
    """Position of a rule's parameter in [gradients…, saved values…]; -1 is the index."""
    if name == "index":
        return -1
    if _is_gradient(name):
        return int(name[1:] or 0)
    return first + saves.index(name)


class Op:
    """A primitive operation. Calling it with arrays runs it; with Tensors also records it.

    ``outputs`` is the number of results; ``promotion`` says what happens to the arguments' dtypes
    before the body runs ("same", "float", "compare", or None: nothing); ``view`` that the result
    shares the first argument's memory; ``differentiable`` lists the outputs that have gradients;
    ``tied`` that gradients depend on all arguments in PyTorch's eyes, whatever the rules name.
    """

    def __init__(self, body: Callable[..., Any], **flags: Any) -> None:
        self.body = body
        self.name: str = flags.pop("name", None) or body.__name__.lstrip("_")
        self.pointwise: bool = flags.pop("pointwise", False)
        self.promotion: str | None = flags.pop("promotion", "same" if self.pointwise else None)
        self.view: bool = flags.pop("view", False)
        self.tied: bool = flags.pop("tied", False)
        self.outputs: int = flags.pop("outputs", 1)
        self.differentiable: tuple[int, ...] = flags.pop(
            "differentiable", tuple(range(self.outputs))
        )
        self.grad_name: str = flags.pop("grad_name", None) or _camel(self.name) + "Backward0"
        if flags:
            raise TypeError(f"op {self.name}: unknown flags {sorted(flags)}")
        code = body.__code__
        self.arguments = code.co_varnames[1 : code.co_argcount]
        self.attributes = code.co_varnames[
            code.co_argcount : code.co_argcount + code.co_kwonlyargcount
        ]
        self.default_attributes = body.__kwdefaults__ or {}
        self.variadic = bool(code.co_flags & 0x04)
        if self.variadic:
            self.arguments += (code.co_varnames[code.co_argcount + code.co_kwonlyargcount],)
        self.arity = len(self.arguments)
        self.rules: dict[str, Rule] = {}
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.kernels: dict[type, Callable[..., Any]] = {}
        OPS[self.name] = self

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def vjp(self, **rules: Callable[..., Any]) -> Op:
        """Register the gradient rule of each named argument."""
        for argument, fn in rules.items():
            if argument not in self.arguments:
                raise TypeError(f"op {self.name} has no argument '{argument}'")
            self.rules[argument] = Rule(self, argument, fn)
        return self

    def rule_for(self, index: int) -> Rule:
        """The rule of argument ``index``; one that raises RuntimeError where there is none."""
        if self.variadic and index >= self.arity - 1:
            index = self.arity - 1
        argument = self.arguments[index]
        return self.rules.get(argument) or Rule(self, argument, self.raise_not_implemented)

    def raise_not_implemented(self, g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{self.name} is not implemented")

    def plan(self, needed: tuple[bool, ...]) -> Plan:
        try:
            return self.plans[needed]
        except KeyError:
            plan = self.plans[needed] = Plan(self, needed)
            return plan

    def check_saveable(self, name: str, argument: str) -> None:
        if name != "index" and not _is_gradient(name) and self.locate(name) is None:
            raise TypeError(f"op {self.name}: the rule of '{argument}' names unknown '{name}'")

    def locate(self, name: str) -> tuple[str, Any] | None:
        """Where a saved value comes from: ("argument", 1), ("out", 0), ("shape", 0) …"""
        if name in self.arguments:
            return self._of_argument("argument", name)
        if name == "out" or (name[:3] == "out" and name[3:].isdigit()):
            return ("out", int(name[3:] or 0))
        if name in self.attributes:
            return ("attribute", name)
        argument, _, what = name.rpartition("_")
        if what in ("shape", "dtype") and argument in self.arguments:
            return self._of_argument(what, argument)
        return None

    def located(self, name: str) -> tuple[str, Any]:
        """:meth:`locate` of a name that is known to be there."""
        found = self.locate(name)
        assert found is not None
        return found

    def _of_argument(self, what: str, argument: str) -> tuple[str, Any]:
        index = self.arguments.index(argument)
        if self.variadic and index == self.arity - 1:
            return ("all " + what, index)
        return (what, index)

    def kernel(self, arrays: Any) -> Callable[..., Any]:
        """The body as compiled by the backend of the first array among ``arrays``."""
        for x in arrays:
            kernel = self.kernels.get(type(x))
            if kernel is None and (backend := find_backend(x)) is not None:
                kernel = self.kernels[type(x)] = backend.compile(self)
            if kernel is not None:
                return kernel
        raise TypeError(f"{self.name}(): expected a tensor or an array among the arguments")

    def __call__(self, *args: Any, **attributes: Any) -> Any:
        # autograd.dispatch replaces this by the version that also knows Tensors; the layers
        # below it only ever see arrays.
        return self.kernel(args)(*args, **attributes)


def op(body: Callable[..., Any] | None = None, **flags: Any) -> Any:
    """Make an :class:`Op` of a body; see there for the flags."""
    if body is None:
        return lambda body: Op(body, **flags)
    return Op(body, **flags)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
