"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import TensorBase
from ..ops.registry import FUNCTIONS
from .kernels import advance, new_step, packed, run_kernel, zeros_like
from .optimizer import Optimizer
from .options import check_capturable, check_choices, check_fused, is_recorded, number

__all__ = ["Adam", "AdamW"]


def _check_tensor_option(value: Any, name: str, foreach: Any, capturable: bool) -> None:
    if foreach and not capturable:
        raise ValueError(
            f"{name} as a Tensor is not supported for capturable=False and foreach=True"
        )
    if value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


def _scalar(value: Any) -> Any:
    """A one-element tensor as a 0-d one."""
    return value.squeeze() if isinstance(value, TensorBase) and value.dim() else value  # type: ignore[attr-defined]


class Adam(Optimizer):
    """Adam (arXiv 1412.6980): steps along the mean gradient over its root mean square.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        betas: the shares of the running mean and of the running mean square that are kept.
        eps: added to the root mean square.
        weight_decay: times the parameter, added to its gradient.
        amsgrad: divide by the largest root mean square so far (Reddi et al., 2018).
        foreach, fused: choose among kernels in PyTorch; here one kernel serves all.
        maximize: step along the gradient instead of against it.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        differentiable: record the step, so that gradients flow through it.
        decoupled_weight_decay: shrink the parameter itself, as :class:`AdamW`.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Adam([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.9000, -1.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, TensorBase):
            _check_tensor_option(lr, "lr", foreach, capturable)
        _check_ranges(lr, betas, eps, weight_decay)
        for i, beta in enumerate(betas):
            if isinstance(beta, TensorBase):
                _check_tensor_option(beta, f"betas[{i}]", foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(map(_scalar, betas)),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_choices(defaults)

    _kernel_state = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for key in ("amsgrad", "maximize", "capturable", "differentiable"):
                group.setdefault(key, False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("foreach", None)
            group.setdefault("fused", None)
            for param in group["params"]:
                held = self.state.get(param)
                if held and not isinstance(held["step"], TensorBase):
                    held["step"] = new_step(param, group).fill_(float(held["step"]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure`` recomputes the loss, which is returned."""
        return self._run_step(closure)

    def _begin(self, params: list, group: dict[str, Any]) -> None:
        """Make the state of parameters that have none."""
        if group["fused"]:
            for param in params:
                check_fused(param)
        columns = {
            "step": packed([new_step(p, group) for p in params]),
            "exp_avg": zeros_like(params),
            "exp_avg_sq": zeros_like(params),
        }
        if group["amsgrad"]:
            columns["max_exp_avg_sq"] = zeros_like(params)
        for i, param in enumerate(params):
            self.state[param].update({key: column[i] for key, column in columns.items()})

    def _update(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p._grad is not None]
        if not params:
            return
        if group["foreach"] and isinstance(group["lr"], TensorBase) and not group["capturable"]:
            raise RuntimeError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        states = [self.state[p] for p in params]
        if not all(states):
            self._begin([p for p, s in zip(params, states, strict=True) if not s], group)
        if group["differentiable"] or group["capturable"]:
            with self._mode():
                self._update_recorded(params, states, group)
            return
        counts = advance([state["step"] for state in states])
        if counts.count(counts[0]) == len(counts):
            self._update_together(params, states, counts[0], group)
            return
        for count in dict.fromkeys(counts):
            at = [i for i, other in enumerate(counts) if other == count]
            self._update_together([params[i] for i in at], [states[i] for i in at], count, group)

    def _update_recorded(self, params: list, states: list, group: dict[str, Any]) -> None:
        """The step as tensor operations alone, to be differentiated or captured."""
        for param, state in zip(params, states, strict=True):
            step = state["step"]
            if group["differentiable"] and step.requires_grad:
                raise RuntimeError(
                    "`requires_grad` is not supported for `step` in differentiable mode"
                )
            if group["capturable"]:
                check_capturable(param, step)
            step.add_(1)
            update_one(param, param._grad, state, step, group)

    def _update_together(
        self, params: list, states: list, step: float, group: dict[str, Any]
    ) -> None:
        """Update parameters that are all at the same step."""
        columns: list[Any] = [[s[key]._array for s in states] for key in ("exp_avg", "exp_avg_sq")]
        largest = [s["max_exp_avg_sq"]._array for s in states] if group["amsgrad"] else None
        beta1, beta2 = group["betas"]
        options = {
            "step": step,
            "lr": number(group["lr"]),
            "beta1": number(beta1),
            "beta2": number(beta2),
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }
        if run_kernel("adam", params, [*columns, largest], options, self._memory_of(group)):
            return
        with self._mode():
            for param, state in zip(params, states, strict=True):
                update_one(param, param._grad, state, step, group)


def _check_ranges(lr: Any, betas: tuple, eps: float, weight_decay: float) -> None:
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    if not eps >= 0.0:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    if not weight_decay >= 0.0:
        raise ValueError(f"Invalid weight_decay value: {weight_decay}")
    kinds = [isinstance(beta, TensorBase) for beta in betas]
    if not (all(kinds) or all(isinstance(beta, float) for beta in betas)):
        raise ValueError("betas must be either both floats or both Tensors")


def update_one(param: Any, grad: Any, state: dict[str, Any], step: Any, group: dict) -> None:
    """The step of one parameter in public tensor operations, in place.

    ``step`` is the number of this step, from 1: a number or, if the step is recorded or captured,
    a tensor.
    """
    lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
    recorded = group["differentiable"] or group["capturable"]
    if not recorded:
        lr, beta1, beta2 = number(lr), number(beta1), number(beta2)
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    if group["maximize"]:
        grad = -grad
    if is_recorded(decay) or decay != 0:
        if group["decoupled_weight_decay"]:
            param.mul_(1 - lr * decay)
        else:
            grad = grad + (param.clone() if is_recorded(decay) else param) * decay
    largest = state["max_exp_avg_sq"] if group["amsgrad"] else None
    target = param
    if param.is_complex():
        as_real = FUNCTIONS["view_as_real"]
        target, grad, mean, square = map(as_real, (param, grad, mean, square))
        largest = None if largest is None else as_real(largest)
    mean.mul_(beta1).add_(grad * (1 - beta1))
    square.mul_(beta2).add_(grad * grad * (1 - beta2))
    if largest is not None:
        if recorded:  # what maximum saves must not be written to by the next step
            largest.copy_(FUNCTIONS["maximum"](largest.clone(), square.clone()))
        else:
            FUNCTIONS["maximum"](largest, square, out=largest)
        square = largest
    if recorded:
        mean, step = mean.clone(), step.clone()
    step_size = lr / (1 - beta1**step)
    root = square.sqrt() / (1 - beta2**step) ** 0.5
    target.sub_(mean / (root + group["eps"]) * step_size)


class AdamW(Adam):
    """Adam with decoupled weight decay (arXiv 1711.05101): ``p`` shrinks by ``lr * weight_decay``.

    Arguments as in :class:`Adam`; weight_decay is 0.01.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.AdamW([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.8990, -1.8980])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
