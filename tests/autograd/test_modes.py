"""Grad mode: as context managers, decorators, on generators, and apart in each thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

import gradcore as torch


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


def test_no_grad(x):
    with torch.no_grad():
        assert not torch.is_grad_enabled()
        y = x * 2
    assert torch.is_grad_enabled()
    assert not y.requires_grad
    assert y.grad_fn is None
    assert y.is_leaf


def test_enable_grad_inside_no_grad(x):
    with torch.no_grad(), torch.enable_grad():
        y = x * 2
    assert y.requires_grad


def test_modes_return_after_an_error(x):
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        raise ZeroDivisionError
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("mode", [True, False])
def test_set_grad_enabled_as_context(x, mode):
    with torch.set_grad_enabled(mode):
        assert torch.is_grad_enabled() is mode
        assert (x * 2).requires_grad is mode
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_function(x):
    torch.set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_set_grad_enabled_as_decorator_leaves_the_mode_alone(x):
    @torch.set_grad_enabled(False)
    def double(x):
        return x * 2

    assert torch.is_grad_enabled()
    assert not double(x).requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("decorate", [lambda: torch.no_grad, lambda: torch.no_grad()])
def test_no_grad_as_decorator(x, decorate):
    @decorate()
    def double(x):
        """Twice x."""
        assert not torch.is_grad_enabled()
        return x * 2

    assert not double(x).requires_grad
    assert torch.is_grad_enabled()
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice x."


def test_enable_grad_as_decorator(x):
    @torch.enable_grad
    def double(x):
        return x * 2

    with torch.no_grad():
        assert double(x).requires_grad
        assert not torch.is_grad_enabled()


def test_decorated_function_may_call_itself(x):
    @torch.no_grad()
    def factorial(n):
        assert not torch.is_grad_enabled()
        return 1 if n == 0 else n * factorial(n - 1)

    assert factorial(5) == 120
    assert torch.is_grad_enabled()


def test_decorated_method(x):
    class Model:
        @torch.no_grad()
        def double(self, x):
            return x * 2

    assert not Model().double(x).requires_grad


def test_decorated_class_warns(x):
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class Model:
            def __init__(self):
                self.enabled = torch.is_grad_enabled()

    assert not Model().enabled


def test_generator_runs_in_its_mode_and_the_caller_in_its_own(x):
    @torch.no_grad()
    def produce():
        for _ in range(3):
            assert not torch.is_grad_enabled()
            yield torch.is_grad_enabled()

    for inside in produce():
        assert inside is False
        assert torch.is_grad_enabled()


def test_generator_in_the_callers_no_grad(x):
    @torch.enable_grad()
    def produce():
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    with torch.no_grad():
        for inside in produce():
            assert inside is True
            assert not torch.is_grad_enabled()


def test_generator_gets_what_is_sent_and_thrown():
    log = []

    @torch.no_grad()
    def echo():
        received = yield "first"
        log.append((received, torch.is_grad_enabled()))
        try:
            yield "second"
        except ValueError:
            log.append(("thrown", torch.is_grad_enabled()))
            yield "caught"
        return "done"

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("hello") == "second"
    assert generator.throw(ValueError()) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "done"
    assert log == [("hello", False), ("thrown", False)]
    assert torch.is_grad_enabled()


def test_generator_is_closed_in_its_mode():
    log = []

    @torch.no_grad()
    def produce():
        try:
            yield 1
        finally:
            log.append(torch.is_grad_enabled())

    generator = produce()
    next(generator)
    generator.close()
    assert log == [False]
    assert torch.is_grad_enabled()


def test_modes_belong_to_their_thread(x):
    seen = {}

    def work():
        seen["at start"] = torch.is_grad_enabled()
        with torch.no_grad():
            entered.set()
            leave.wait(10)

    entered, leave = threading.Event(), threading.Event()
    with torch.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        entered.wait(10)
    seen["meanwhile"] = torch.is_grad_enabled()
    leave.set()
    thread.join()
    assert seen == {"at start": True, "meanwhile": True}


def test_set_grad_enabled_wants_a_bool():
    with pytest.raises(TypeError, match="must be bool"):
        torch.set_grad_enabled("yes")
    assert torch.is_grad_enabled()


def test_set_grad_enabled_repr():
    mode = torch.set_grad_enabled(True)
    assert repr(mode).endswith("set_grad_enabled(mode=True)")


def test_one_instance_can_be_entered_again(x):
    mode = torch.no_grad()
    for _ in range(2):
        with mode:
            assert not torch.is_grad_enabled()
        assert torch.is_grad_enabled()


def test_requires_grad_can_be_set_in_no_grad(x):
    with torch.no_grad():
        y = (x * 2).requires_grad_()
        assert y.requires_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


def test_factories_in_no_grad_may_require_grad():
    with torch.no_grad():
        assert torch.ones(2, requires_grad=True).requires_grad


def test_coroutines_run_undisturbed():
    @torch.no_grad()
    def plain():
        return torch.is_grad_enabled()

    async def main():
        await asyncio.sleep(0)
        return plain()

    assert asyncio.run(main()) is False
    assert torch.is_grad_enabled()
