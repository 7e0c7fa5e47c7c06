"""Grad mode and inference mode: context managers that also decorate functions."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Generator
from typing import Any

from .state import state
from .variable import classes

_counting = threading.Lock()


def is_grad_enabled() -> bool:
    """Whether grad mode is on in this thread."""
    return state.grad_enabled


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on in this thread."""
    return state.inference


class DecoratorContextManager:
    """A context manager whose instances also decorate functions and generator functions."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *error: object) -> None:
        raise NotImplementedError

    def clone(self) -> Any:
        """A fresh context manager for one call of a decorated function."""
        return type(self)()

    def __call__(self, function: Callable) -> Callable:
        return decorate(self.clone, function)


class _NoParameters(DecoratorContextManager):
    """A mode without arguments, which therefore also works as ``@mode``."""

    def __new__(cls, function: Callable | None = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)


def decorate(make: Callable[[], Any], function: Any) -> Any:
    """``function`` (or the construction of a class) run inside the context ``make()``."""
    if inspect.isclass(function):
        warnings.warn(
            "Decorating classes is deprecated and will be disabled in future versions. You should "
            "only decorate functions or methods. To preserve the current behavior of class "
            "decoration, you can directly decorate the `__init__` method and nothing else.",
            FutureWarning,
            stacklevel=3,
        )
        function.__init__ = decorate(make, function.__init__)  # type: ignore[method-assign, misc]
        return function
    if inspect.isgeneratorfunction(function):
        return _decorate_generator(make, function)

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return inside


def _decorate_generator(make: Callable[[], Any], function: Callable) -> Callable:
    """The context is entered whenever the generator runs, and left whenever it yields."""

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        advance: Callable[[], Any] = functools.partial(generator.send, None)
        try:
            while True:
                with make():
                    value = advance()
                advance = yield from _passed_on(generator, value, make)
        except StopIteration as stop:
            return stop.value

    return inside


def _passed_on(
    generator: Generator, value: Any, make: Callable[[], Any]
) -> Generator[Any, Any, Callable[[], Any]]:
    """Yield ``value``; how to go on with ``generator`` after what the caller did with it."""
    try:
        sent = yield value
    except GeneratorExit:
        with make():
            generator.close()
        raise
    except BaseException as error:
        return functools.partial(generator.throw, error)
    return functools.partial(generator.send, sent)


class no_grad(_NoParameters):
    """Operations inside are not recorded; their results have ``requires_grad=False``.

    A context manager (``with no_grad():``) and a decorator (``@no_grad()`` or ``@no_grad``) that
    holds for the current thread.
    """

    def __enter__(self) -> None:
        self.previous = state.grad_enabled
        state.set_grad(False)

    def __exit__(self, *error: object) -> None:
        state.set_grad(self.previous)


class enable_grad(_NoParameters):
    """Operations inside are recorded again, also within ``no_grad``; not in inference mode."""

    def __enter__(self) -> None:
        self.previous = state.grad_enabled
        state.set_grad(True)

    def __exit__(self, *error: object) -> None:
        state.set_grad(self.previous)


class set_grad_enabled(DecoratorContextManager):
    """Switch grad mode to ``mode``: from this call on, or for a ``with`` block or a function.

    TypeError if ``mode`` is not a bool.
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type(mode).__name__}"
            )
        self.mode = mode
        self.previous = state.grad_enabled
        state.set_grad(mode)

    def __enter__(self) -> None:
        state.set_grad(self.mode)

    def __exit__(self, *error: object) -> None:
        state.set_grad(self.previous)

    def clone(self) -> set_grad_enabled:
        return type(self)(self.mode)

    def __call__(self, function: Callable) -> Callable:
        # Constructing it switched the mode, which decorating must not.
        state.set_grad(self.previous)
        return super().__call__(function)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mode={self.mode})"


class inference_mode(DecoratorContextManager):
    """``no_grad`` whose results can never take part in recorded operations.

    Tensors made inside are inference tensors: they have no version counter, cannot be saved for
    backward and cannot be written in place outside. ``mode=False`` leaves inference mode for a
    while. A context manager and a decorator, also as ``@inference_mode``.
    """

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.previous = (state.inference, state.grad_enabled)
        with _counting:
            classes.inference += self.mode
        state.update(inference=self.mode, grad_enabled=not self.mode)

    def __exit__(self, *error: object) -> None:
        inference, grad_enabled = self.previous
        with _counting:
            classes.inference -= self.mode
        state.update(inference=inference, grad_enabled=grad_enabled)

    def clone(self) -> inference_mode:
        return type(self)(self.mode)
