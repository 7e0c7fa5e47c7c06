"""The examples in the docstrings print what they say, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gradcore
from gradcore.ops.registry import FUNCTIONS, METHODS

MODULES = """
    fft func linalg masked nn nn.functional nn.grad nn.init nn.utils nn.utils.rnn optim
    optim.lr_scheduler optim.swa_utils signal.windows special utils.data
""".split()
# Of these every function has an example, and of NAMED also every class.
COMPLETE = ["fft", "linalg", "masked", "nn.functional", "nn.grad", "signal.windows", "special"]
NAMED = ["nn", "nn.utils.rnn", "optim", "optim.lr_scheduler", "optim.swa_utils", "utils.data"]
# A GPU or a package beyond NumPy, which need not be there, is all that these are about.
WITHOUT_EXAMPLE = {"cuda", "pin_memory", "bfloat16"}


def named() -> dict[int, list[str]]:
    """The registered names of each function, by the function's id."""
    names: dict[int, list[str]] = {}
    for table in (FUNCTIONS, METHODS):
        for name, function in table.items():
            names.setdefault(id(function), []).append(name)
    return names


NAMES = named()


def is_inplace_twin(function: Callable[..., Any]) -> bool:
    """Whether it is the ``f_`` that registering ``f`` made, with a docstring that points there."""
    return (function.__doc__ or "").startswith("In-place version of ``")


def in_modules() -> Iterator[tuple[str, Any]]:
    """What the submodules offer, with ``module.name``."""
    for path in MODULES:
        module = importlib.import_module(f"gradcore.{path}")
        for name in getattr(module, "__all__", None) or sorted(vars(module)):
            thing = getattr(module, name)
            if callable(thing) and not name.startswith("_"):
                yield f"{path}.{name}", thing


def with_examples() -> list[Any]:
    """Everything whose docstring has an example, once, as parameters of a test."""
    everything = [*FUNCTIONS.items(), *((f"Tensor.{n}", f) for n, f in METHODS.items())]
    first: dict[int, tuple[str, Any]] = {}
    for name, thing in (*everything, *in_modules()):
        if ">>>" in (thing.__doc__ or ""):
            first.setdefault(id(thing), (name, thing))
    return [pytest.param(name, thing, id=name) for name, thing in first.values()]


def examples(name: str, thing: Any) -> doctest.DocTest:
    func = gradcore.func
    names = {
        "torch": gradcore,
        "gradcore": gradcore,
        "nn": gradcore.nn,
        "F": gradcore.nn.functional,
    }
    names |= {"grad": func.grad, "vmap": func.vmap}
    return doctest.DocTestParser().get_doctest(thing.__doc__ or "", names, name, None, None)


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize(("name", "thing"), with_examples())
def test_example(name, thing):
    gradcore.manual_seed(0)
    gradcore.set_printoptions(profile="default")
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    result = runner.run(examples(name, thing), out=report.append)
    assert result.failed == 0, "".join(report)


def test_every_public_function_has_an_example():
    without = {
        name
        for table in (FUNCTIONS, METHODS)
        for name, function in table.items()
        if ">>>" not in (function.__doc__ or "") and not is_inplace_twin(function)
    }
    assert without == WITHOUT_EXAMPLE


@pytest.mark.parametrize("path", COMPLETE + NAMED)
def test_everything_in_a_submodule_has_an_example(path):
    public = [(name, thing) for name, thing in in_modules() if name.rpartition(".")[0] == path]
    if path in COMPLETE:
        public = [(name, thing) for name, thing in public if not isinstance(thing, type)]
    assert public
    assert [name for name, thing in public if ">>>" not in (thing.__doc__ or "")] == []


def test_inplace_twins_belong_to_functions_with_examples():
    for name, function in FUNCTIONS.items():
        if is_inplace_twin(function):
            assert ">>>" in METHODS[name.removesuffix("_")].__doc__, name


def test_examples_call_their_function():
    for name, function in (*FUNCTIONS.items(), *METHODS.items()):
        source = "".join(example.source for example in examples(name, function).examples)
        if source:
            assert any(f".{known}(" in source for known in NAMES[id(function)]), name


def test_help_starts_with_one_line():
    for name, function in (*FUNCTIONS.items(), *METHODS.items()):
        summary, *rest = (function.__doc__ or "").split("\n")
        assert summary.strip(), name
        assert not rest or not rest[0].strip(), f"{name}: no blank line after the summary"
