"""Random tensors and the generators behind them.

On the CPU the numbers are PyTorch's for the same seed (see ``backends/cpu/random.py``); on CUDA
they come from a Philox stream whose state is in device memory.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..autograd.engine import gradient_edge
from ..autograd.inplace import bump, check_writable, writable
from ..autograd.node import Constant
from ..autograd.state import state
from ..autograd.variable import TensorBase, wrap
from ..backends.default import default_dtype
from ..backends.device import device as Device
from ..backends.dtype import to_numpy_dtype
from ..backends.registry import backend_for, backend_of, new
from ..ops.operand import require_tensor, size_tuple
from ..ops.registry import public
from .conversion import complete
from .creation import resolve_device
from .factories import _finish, _keep_order, allocate, check_layout
from .layout import preserve_format, strided


class Generator:
    """A stream of random numbers on one device, as ``torch.Generator``."""

    def __init__(self, device: Any = "cpu") -> None:
        self.device = complete(Device(device))

    @functools.cached_property
    def stream(self) -> Any:
        """The backend's stream of numbers; ``numpy.random`` takes 11 ms to load on first use."""
        return backend_for(self.device).generator(self.device)

    def manual_seed(self, seed: int) -> Generator:
        """Restart at ``seed``; the same seed gives the same numbers."""
        if isinstance(seed, TensorBase):
            seed = seed.item()
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise TypeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self.stream.manual_seed(int(seed))
        return self

    def initial_seed(self) -> int:
        return self.stream.initial_seed()

    def seed(self) -> int:
        """Restart at a seed from the operating system and return it."""
        return self.stream.seed()

    def get_state(self) -> Any:
        """The state as a uint8 tensor on the CPU (PyTorch's bytes, for CPU generators)."""
        return wrap(self.stream.get_state())

    def set_state(self, new_state: Any) -> Generator:
        if not isinstance(new_state, TensorBase):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self.stream.set_state(new_state._array)
        return self

    def clone_state(self) -> Generator:
        other = Generator(self.device)
        other.set_state(self.get_state())
        return other

    def __reduce__(self) -> tuple:
        return _restore, (str(self.device), self.initial_seed(), self.stream.get_state())


def _restore(where: str, seed: int, state: np.ndarray) -> Generator:
    generator = Generator(where).manual_seed(seed)
    generator.stream.set_state(state)
    return generator


default_generator = Generator("cpu")
_generators: dict[Device, Generator] = {Device("cpu"): default_generator}
_cuda_seed: int | None = None


def generator_for(where: Device) -> Generator:
    """The default generator of a device."""
    generator = _generators.get(where)
    if generator is None:
        generator = _generators[where] = Generator(where)
        if _cuda_seed is not None:
            generator.manual_seed(_cuda_seed)
    return generator


def manual_seed(seed: int) -> Generator:
    """Seed the default generators of all devices; returns the CPU's."""
    global _cuda_seed
    seed = int(seed)
    default_generator.manual_seed(seed)
    _cuda_seed = seed
    for generator in _generators.values():
        generator.manual_seed(seed)
    return default_generator


def seed_cuda(seed: int) -> None:
    """Seed the CUDA generators that exist or will exist."""
    global _cuda_seed
    _cuda_seed = int(seed)
    for where, generator in _generators.items():
        if where.type == "cuda":
            generator.manual_seed(_cuda_seed)


def seed() -> int:
    """Seed the default generators from the operating system; returns the seed."""
    value = default_generator.seed()
    manual_seed(value)
    return value


def initial_seed() -> int:
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the CPU's default generator, as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cuda"
) -> Iterator[None]:
    """Restore the generators' states (CPU and ``devices``) at the end of the block."""
    if not enabled:
        yield
        return
    if devices is None:
        where = [d for d in _generators if d.type != "cpu"]
    else:
        where = [
            complete(Device(device_type, d) if isinstance(d, int) else Device(d)) for d in devices
        ]
    saved = [(g, g.get_state()) for g in (default_generator, *map(generator_for, where))]
    try:
        yield
    finally:
        for generator, old in saved:
            generator.set_state(old)


def draw(name: str, array: Any, generator: Any, *parameters: Any) -> None:
    """Fill a raw array by the random function ``name`` of its backend."""
    backend = backend_of(array)
    where = backend.device_of(array)
    stream = stream_of(generator, where)
    with backend.on(where):
        backend.random(name)(array, stream, *parameters)


def stream_of(generator: Any, where: Device) -> Any:
    """The stream of ``generator``, or of the device's default one; RuntimeError for another's."""
    if generator is None:
        generator = generator_for(where)
    elif generator.device != where:
        raise RuntimeError(
            f"Expected a '{where.type}' device type for generator but found "
            f"'{generator.device.type}'"
        )
    return generator.stream


def _fresh(size: tuple, dtype: Any, device: Any, out: Any) -> Any:
    shape = size_tuple(size) if size else ()
    if out is not None:
        if tuple(out._array.shape) != shape:
            out._array = allocate("empty", shape, out._array.dtype, out.device)._array
        bump(out)
        return out
    numpy_dtype = default_dtype() if dtype is None else to_numpy_dtype(dtype)
    return allocate("empty", shape, numpy_dtype, device)


@public(method=False)
def rand(*args, size=None, generator=None, out=None, dtype=None, layout=strided, device=None,
         requires_grad=False, pin_memory=False):  # fmt: skip
    """Numbers drawn evenly from [0, 1)."""
    check_layout(layout)
    result = _fresh(args if size is None else (size,), dtype, device, out)
    draw("fill_uniform", result._array, generator)
    return _finish(result, pin_memory, requires_grad)


@public(method=False)
def randn(*args, size=None, generator=None, out=None, dtype=None, layout=strided, device=None,
          requires_grad=False, pin_memory=False):  # fmt: skip
    """Numbers from the standard normal distribution."""
    check_layout(layout)
    result = _fresh(args if size is None else (size,), dtype, device, out)
    draw("fill_normal", result._array, generator)
    return _finish(result, pin_memory, requires_grad)


def _check_range(low: int, high: int) -> None:
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )


@public(method=False)
def randint(*args, low=None, high=None, size=None, generator=None, out=None, dtype=None,
            layout=strided, device=None, requires_grad=False, pin_memory=False):  # fmt: skip
    """Integers drawn evenly from [low, high): ``randint(high, size)`` or with ``low`` before."""
    values = list(args)
    if size is None and values and not isinstance(values[-1], int):
        size = values.pop()
    if high is None:
        high = values.pop() if values else None
    if low is None:
        low = values.pop() if values else 0
    if high is None or size is None or values:
        raise TypeError("randint() received an invalid combination of arguments")
    check_layout(layout)
    _check_range(low, high)
    chosen = np.dtype("int64") if dtype is None else to_numpy_dtype(dtype)
    shape = size_tuple((size,))
    result = (
        _fresh((shape,), None, None, out)
        if out is not None
        else allocate("empty", shape, chosen, device)
    )
    draw("fill_random_from_to", result._array, generator, int(low), int(high))
    return _finish(result, pin_memory, requires_grad)


@public(method=False)
def randperm(n, *, generator=None, out=None, dtype=None, layout=strided, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """A random permutation of 0 … n - 1, int64."""
    check_layout(layout)
    numpy_dtype = np.dtype("int64") if dtype is None else to_numpy_dtype(dtype)
    if out is not None:
        numpy_dtype = out._array.dtype
    where = complete(resolve_device(device if out is None else out.device))
    backend = backend_for(where)
    stream = stream_of(generator, where)
    with backend.on(where):
        result = wrap(backend.random("randperm")(n, stream, numpy_dtype))
    if out is not None:
        out._array = result._array
        bump(out)
        return out
    return _finish(result, pin_memory, requires_grad)


def _like(input: Any, dtype: Any, device: Any, layout: Any) -> Any:
    check_layout(layout)
    numpy_dtype = input._array.dtype if dtype is None else to_numpy_dtype(dtype)
    where = input.device if device is None else device
    return _keep_order(input, "empty", numpy_dtype, where, ())


@public(method=False)
def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=preserve_format, pin_memory=False):  # fmt: skip
    """Uniform numbers with the shape, dtype and device of ``input`` unless given."""
    result = _like(require_tensor("rand_like", "input", input), dtype, device, layout)
    draw("fill_uniform", result._array, generator)
    return _finish(result, pin_memory, requires_grad)


@public(method=False)
def randn_like(input, *, generator=None, dtype=None, layout=None, device=None,
               requires_grad=False, memory_format=preserve_format, pin_memory=False):  # fmt: skip
    """Normal numbers with the shape, dtype and device of ``input`` unless given."""
    result = _like(require_tensor("randn_like", "input", input), dtype, device, layout)
    draw("fill_normal", result._array, generator)
    return _finish(result, pin_memory, requires_grad)


@public(method=False)
def randint_like(input, low=None, high=None, *, generator=None, dtype=None, layout=None,
                 device=None, requires_grad=False, memory_format=preserve_format,
                 pin_memory=False):  # fmt: skip
    """Integers of [low, high) with the shape, dtype and device of ``input`` unless given."""
    if high is None:
        low, high = 0, low
    _check_range(low, high)
    result = _like(require_tensor("randint_like", "input", input), dtype, device, layout)
    draw("fill_random_from_to", result._array, generator, int(low), int(high))
    return _finish(result, pin_memory, requires_grad)


@public(method=False)
def normal(mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=strided,
           device=None, requires_grad=False, pin_memory=False):  # fmt: skip
    """Normal numbers with the given mean and standard deviation, each a number or a tensor.

    Two numbers need ``size``; tensors draw elementwise, with broadcasting. RuntimeError for a
    negative std.
    """
    if not isinstance(mean, TensorBase) and not isinstance(std, TensorBase):
        if size is None:
            raise TypeError("normal() with two numbers needs the argument 'size'")
        result = _fresh((size,), dtype, device, out)
        draw("fill_normal", result._array, generator, float(mean), float(std))
        return _finish(result, pin_memory, requires_grad)
    from .pointwise import add, mul

    lowest = std.min().item() if isinstance(std, TensorBase) and std.numel() else std
    if not isinstance(lowest, TensorBase) and lowest < 0:
        raise RuntimeError("normal expects all elements of std >= 0.0")
    like = mean if isinstance(mean, TensorBase) else std
    if isinstance(mean, TensorBase) and isinstance(std, TensorBase):
        like = (mean + std).detach()
    noise = _fresh((tuple(like.shape),), like.dtype, like.device, None)
    draw("fill_normal", noise._array, generator)
    result = add(mul(noise, std), mean).detach()
    if out is None:
        return result
    from ..autograd.inplace import write_out

    return write_out(lambda: result, out)


@public
def bernoulli(input, p=None, *, generator=None, out=None):
    """0 or 1, with the probabilities of ``input`` that it is 1 (or ``p`` everywhere)."""
    require_tensor("bernoulli", "input", input)
    result = wrap(new("empty", input._array)) if out is None else out
    if p is not None:
        return result.bernoulli_(p, generator=generator)
    draw("fill_bernoulli", result._array, generator, input._array)
    if input.requires_grad and state.recording and out is None:
        # As PyTorch's: a draw has a history, but its derivative is zero.
        return Constant.of(result, [gradient_edge(input)])
    return result


def _filler(name: str, fill: str, doc: str, *defaults: tuple[str, Any]) -> None:
    """An in-place random method with parameters of the given names and defaults."""
    names = [n for n, _ in defaults]

    def method(self, *args, generator=None, **kwargs):
        values = dict(defaults)
        values.update(zip(names, args, strict=False))
        if len(args) > len(names) or set(kwargs) - set(names):
            raise TypeError(f"{name}() received an invalid combination of arguments")
        values.update(kwargs)
        check_writable(self, False)
        draw(fill, writable(self._array), generator, *values.values())
        return overwritten(self)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    public(name=name, function_too=False)(method)


def overwritten(tensor: Any) -> Any:
    """Count a write, and cut the old value's history where it is recorded."""
    bump(tensor)
    if tensor._rg and tensor._node is not None:
        from ..autograd.inplace import adopt

        zero = tensor.detach() if not tensor._rg else None
        if zero is None:
            from ..ops.pointwise import mul

            adopt(tensor, mul(tensor, 0.0))
    return tensor


_filler("uniform_", "fill_uniform", "Fill with uniform numbers of [from, to).",
        ("from", 0.0), ("to", 1.0))  # fmt: skip
_filler("normal_", "fill_normal", "Fill with normal numbers.", ("mean", 0.0), ("std", 1.0))
_filler("exponential_", "fill_exponential", "Fill with exponential numbers.", ("lambd", 1.0))
_filler("geometric_", "fill_geometric", "Fill with numbers of trials until a success.", ("p", None))
_filler("log_normal_", "fill_log_normal", "Fill with exponentials of normal numbers.",
        ("mean", 1.0), ("std", 2.0))  # fmt: skip
_filler("cauchy_", "fill_cauchy", "Fill with Cauchy numbers.", ("median", 0.0), ("sigma", 1.0))


@public(function_too=False, name="bernoulli_")
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 0 and 1; ``p`` (a number or a tensor) is the probability of 1."""
    check_writable(self, False)
    probability = p.expand(self.shape)._array if isinstance(p, TensorBase) else float(p)
    draw("fill_bernoulli", writable(self._array), generator, probability)
    return overwritten(self)


@public(function_too=False, name="random_")
def random_(self, *bounds, generator=None):
    """Fill with integers: of [0, to), of [from, to), or all that the dtype holds exactly."""
    check_writable(self, False)
    array = writable(self._array)
    if not bounds:
        draw("fill_random", array, generator)
    else:
        low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
        draw("fill_random_from_to", array, generator, low, high)
    return overwritten(self)
