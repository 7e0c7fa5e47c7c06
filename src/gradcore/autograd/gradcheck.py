"""``gradcheck``: compare gradients with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised by :func:`gradcheck` and :func:`gradgradcheck` when gradients are wrong."""


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check the gradients of ``func`` at ``inputs`` against central differences.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: the tensors; those with ``requires_grad`` are checked, best in float64.
        eps: half the distance between the points of a difference.
        atol, rtol: the tolerances of the comparison.
        raise_exception: raise GradcheckError where gradients differ; return False otherwise.
        nondet_tol: how much two backward passes may differ.
        check_undefined_grad: also check that missing output gradients count as zero.
        check_grad_dtypes: demand gradients of the inputs' dtypes.
        check_batched_grad, check_batched_forward_grad, check_forward_ad: need vmap and forward
            mode, which gradcore does not have: NotImplementedError.
        check_backward_ad: check backward mode; it is the only mode there is.
        fast_mode: compare one random combination of the entries instead of each.
        masked: allow zero gradients to differ from zero by rounding errors.
    """
    _check_arguments(
        check_batched_grad, check_batched_forward_grad, check_forward_ad, check_backward_ad
    )
    from .comparison import Check, compare

    tolerances = eps, atol, rtol, nondet_tol, check_grad_dtypes
    try:
        compare(Check(func, inputs, *tolerances), fast_mode, bool(masked), check_undefined_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check the second derivatives: :func:`gradcheck` of the gradients of ``func``.

    ``grad_outputs`` are the vectors with which the gradients are taken, random ones (not
    contiguous with ``gen_non_contig_grad_outputs``) where it is None. ``check_fwd_over_rev`` needs
    forward mode: NotImplementedError. The other arguments are those of :func:`gradcheck`.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    from .comparison import gradient_of

    gradients, inputs = gradient_of(func, inputs, grad_outputs, gen_non_contig_grad_outputs)
    return gradcheck(
        gradients,
        inputs,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _check_arguments(
    batched_grad: bool, batched_forward_grad: bool, forward_ad: bool, backward_ad: bool
) -> None:
    if not (forward_ad or backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    for asked, name, lack in (
        (forward_ad, "check_forward_ad", "forward mode"),
        (batched_grad, "check_batched_grad", "vmap"),
        (batched_forward_grad, "check_batched_forward_grad", "vmap and forward mode"),
    ):
        if asked:
            raise NotImplementedError(f"gradcheck: {name}=True needs {lack}")
