"""Random programs of views, writes in place and modes, compared with PyTorch step by step.

A program is a list of steps; each works on tensors made by steps before it. Values, versions,
errors and at last the gradients must be those of PyTorch. Histories are not compared: PyTorch
says of a view made without recording that it requires grad, though no gradient goes through it.
"""

from __future__ import annotations

import contextlib
import random
import re
import warnings

import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402

VIEWS = {
    "first": lambda t: t[0] if t.dim() and t.shape[0] else t.view_as(t),
    "tail": lambda t: t[1:] if t.dim() else t.view_as(t),
    "even": lambda t: t[..., ::2] if t.dim() else t.view_as(t),
    "t": lambda t: t.t() if t.dim() == 2 else t.view_as(t),
    "unsqueeze": lambda t: t.unsqueeze(0),
    "flat": lambda t: t.reshape(-1),
    "narrow": lambda t: t.narrow(0, 0, 1) if t.dim() and t.shape[0] else t.view_as(t),
    "diagonal": lambda t: t.diagonal() if t.dim() == 2 else t.view_as(t),
    "expand": lambda t: t.expand(2, *t.shape),
    "piece": lambda t: t.unbind(0)[-1] if t.dim() and t.shape[0] else t.view_as(t),
    "half": lambda t: t.chunk(2)[0] if t.dim() else t.view_as(t),
    "detach": lambda t: t.detach(),
}
FUNCTIONS = {
    "exp": lambda t: (t * 0.1).exp(),
    "square": lambda t: t * t,
    "shift": lambda t: t + 1,
    "double": lambda t: t * 2,
    "tanh": lambda t: t.tanh(),
}
WRITES = {
    "add_": lambda t, o: t.add_(1),
    "mul_": lambda t, o: t.mul_(1.5),
    "exp_": lambda t, o: t.sin_(),
    "zero_": lambda t, o: t.zero_(),
    "square_": lambda t, o: t.mul_(t),
    "add_other": lambda t, o: t.add_(o.sum() if o.dim() else o),
    "mul_other": lambda t, o: t.mul_(o.mean() if o.dim() else o),
    "copy_": lambda t, o: t.copy_(o.sum()),
    "setitem": lambda t, o: t.__setitem__((Ellipsis, None), o.sum()),
}
MODES = ("plain",) * 6 + ("no_grad", "inference")


def program(seed):
    """Steps as (mode, kind, name, operand, other operand), operands counted from the end."""
    choose = random.Random(seed)
    steps = []
    for _ in range(choose.randint(3, 9)):
        kind = choose.choice(["view", "view", "function", "write", "write"])
        names = {"view": VIEWS, "function": FUNCTIONS, "write": WRITES}[kind]
        mode = choose.choice(MODES)
        steps.append((mode, kind, choose.choice(sorted(names)), choose.random(), choose.random()))
    return steps


def mode_of(library, name):
    if name == "no_grad":
        return library.no_grad()
    return library.inference_mode() if name == "inference" else contextlib.nullcontext()


def attempt(function, *args):
    """What a call gives, or its error without what depends on histories."""
    try:
        return function(*args), None
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        # PyTorch calls the node of a view that it made anew AsStrided.
        text = re.sub(r"which is output (\d+) of [\w:]+", r"which is output \1", str(error))
        text = re.sub(r"^Output 0 of \w+ is a view of a view which was", "A view was", text)
        return None, (type(error).__name__, text)


def described(tensor):
    values = [round(v, 9) for v in tensor.detach().reshape(-1).tolist()]
    inference = tensor.is_inference()
    return values, list(tensor.shape), inference, None if inference else tensor._version


def run(library, steps):
    """A log of what every step gave, and the gradients."""
    x = library.tensor(
        [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], dtype=library.float64, requires_grad=True
    )
    plain = library.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=library.float64)
    tensors, log = [x, plain, x * 1], []
    for mode, kind, name, where, other in steps:
        t = tensors[int(where * len(tensors))]
        o = tensors[int(other * len(tensors))]
        with mode_of(library, mode):
            if kind == "view":
                result, error = attempt(VIEWS[name], t)
            elif kind == "function":
                result, error = attempt(FUNCTIONS[name], t)
            else:
                # PyTorch takes a view of what got a history since for a leaf until one looks.
                if library is torch:
                    attempt(getattr, t, "grad_fn")
                _, error = attempt(WRITES[name], t, o)
                result = None
        if error is not None:
            log.append(error)
            if error[1].startswith("Inplace update to inference tensor"):
                return log  # PyTorch has written by then
        if result is not None:
            tensors.append(result)
        log.append([described(t) for t in tensors])
    total, error = attempt(lambda: sum(t.sum() for t in tensors if t.requires_grad))
    log.append(error)
    if error is None and hasattr(total, "requires_grad") and total.requires_grad:
        _, error = attempt(total.backward)
        log.append(error or [round(v, 7) for v in x.grad.view(-1).tolist()])
    return log


@pytest.mark.parametrize("block", range(8))
def test_random_programs(block):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(block * 40, block * 40 + 40):
            steps = program(seed)
            assert run(gradcore, steps) == run(torch, steps), f"program({seed}): {steps}"
