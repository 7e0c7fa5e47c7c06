"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.modes import enable_grad, no_grad
from ..ops.registry import FUNCTIONS
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .options import check_lr, number

__all__ = ["LBFGS"]

# A curvature below this would make the approximate Hessian unreliable.
_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.5), as in minFunc.

    One ``step`` makes up to ``max_iter`` iterations and calls the closure for each. There is one
    group, and all parameters are on one device.

    Args:
        params: see :class:`Optimizer`.
        lr: the length of the steps, a number or a one-element tensor.
        max_iter: most iterations in one step.
        max_eval: most calls of the closure in one step (None: ``max_iter * 5 // 4``).
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when the parameters or the loss change by less.
        history_size: past steps that make the approximation of the Hessian.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: a negative ``lr``, or more than one group.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = x.square().sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(5., grad_fn=<SumBackward0>)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    # ------------------------------------------------------- all parameters as one vector

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def _flat_gradient(self) -> Any:
        """The gradients of all parameters in one new vector; zeros where there is none."""
        parts = []
        for param in self._params:
            grad = FUNCTIONS["zeros_like"](param) if param._grad is None else param._grad.detach()
            grad = FUNCTIONS["view_as_real"](grad) if grad.is_complex() else grad
            parts.append(grad.reshape(-1))
        return FUNCTIONS["cat"](parts).clone() if len(parts) == 1 else FUNCTIONS["cat"](parts)

    def _move(self, length: float, direction: Any) -> None:
        """Add ``length * direction`` to the parameters."""
        start = 0
        for param in self._params:
            target = FUNCTIONS["view_as_real"](param) if param.is_complex() else param
            part = direction[start : start + target.numel()].reshape(target.shape)
            target.add_(part, alpha=length)
            start += target.numel()

    # ------------------------------------------------------------------------ the step

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimize; ``closure`` clears the gradients, computes the loss and its gradients.

        Returns the loss at the start.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        closure = enable_grad()(closure)
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        state["func_evals"] += 1
        point = Point(0.0, float(first_loss), self._flat_gradient(), 0.0)
        if point.grad.abs().max().item() <= group["tolerance_grad"]:
            return first_loss
        self._minimize(closure, point, state, group)
        return first_loss

    def _minimize(self, closure: Callable, point: Point, state: dict, group: dict) -> None:
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        calls, iterations = 1, 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            direction = _direction(state, point.grad, group["history_size"])
            state["d"], state["t"] = direction, lr
            state["prev_flat_grad"], state["prev_loss"] = point.grad, point.loss
            if state["n_iter"] == 1:
                state["t"] = min(1.0, 1.0 / point.grad.abs().sum().item()) * lr
            slope = point.grad.dot(direction).item()
            if slope > -tolerance:
                return
            before = point.loss
            start = Point(0.0, before, point.grad, slope)
            last = iterations == group["max_iter"]
            point, used = self._search(closure, start, state, group, calls, last)
            calls += used
            state["func_evals"] += used
            if last or calls >= group["max_eval"]:
                return
            if point.grad.abs().max().item() <= group["tolerance_grad"]:
                return
            if direction.abs().max().item() * abs(state["t"]) <= tolerance:
                return
            if abs(point.loss - before) < tolerance:
                return

    def _search(
        self, closure: Callable, start: Point, state: dict, group: dict, calls: int, last: bool
    ) -> tuple[Point, int]:
        """Move along the direction; where that led to, and the calls of ``closure`` it took."""
        direction = state["d"]
        if group["line_search_fn"] is None:
            self._move(state["t"], direction)
            if last:  # nobody asks for the loss there
                return start, 0
            loss = float(closure())
            return Point(state["t"], loss, self._flat_gradient(), 0.0), 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [param.clone() for param in self._params]

        def evaluate(length: float) -> Point:
            self._move(length, direction)
            loss = float(closure())
            grad = self._flat_gradient()
            for param, values in zip(self._params, origin, strict=True):
                param.copy_(values)
            return Point(length, loss, grad, grad.dot(direction).item())

        point, used = strong_wolfe(
            evaluate,
            start,
            state["t"],
            direction.abs().max().item(),
            group["tolerance_change"],
            group["max_eval"] - calls,
        )
        state["t"] = point.t
        self._move(point.t, direction)
        return point, used


def _direction(state: dict[str, Any], grad: Any, history_size: int) -> Any:
    """Where to go: the approximate inverse Hessian times the gradient, downwards."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return grad.neg()
    y = grad - state["prev_flat_grad"]
    s = state["d"] * number(state["t"])
    curvature = y.dot(s).item()
    changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
    if curvature > _LEAST_CURVATURE:
        if len(changes) == history_size:
            for held in (changes, steps, inverses):
                held.pop(0)
        changes.append(y)
        steps.append(s)
        inverses.append(1.0 / curvature)
        state["H_diag"] = curvature / y.dot(y).item()
    shares = state["al"] = [None] * max(history_size, len(changes))
    direction = grad.neg()
    for i in reversed(range(len(changes))):
        shares[i] = steps[i].dot(direction).item() * number(inverses[i])
        direction.add_(changes[i], alpha=-shares[i])
    direction = direction * number(state["H_diag"])
    for i in range(len(changes)):
        share = changes[i].dot(direction).item() * number(inverses[i])
        direction.add_(steps[i], alpha=shares[i] - share)
    return direction
