"""The texts of GradcheckError."""

from __future__ import annotations

from typing import Any

STRIDE_ZERO = (
    "The {}th input has a dimension with stride 0. gradcheck only supports inputs that are "
    "non-overlapping to be able to compute the numerical gradients correctly. You should call "
    ".contiguous on the input before passing it to gradcheck."
)

NONDETERMINISTIC = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient.The "
    "tolerance for nondeterminism was {}.\n\n"
    "NOTE: If your op relies on non-deterministic operations, this failure might be expected: "
    "call gradcheck/gradgradcheck with `nondet_tol=<tol>` as a keyword argument.\n"
)

FAST_FAILED = (
    "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
    "in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n"
    "about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
    "Numerical:\n {}\nAnalytical:\n{}\n\n"
    "The max per-element difference (slow mode) is: {}.\n"
)


def mismatch(analytical: Any, numerical: Any, output: int, index: int, part: str | None) -> str:
    """Which Jacobians differ, and their entries; ``part`` is that of a complex output."""
    prefix = "" if part is None else f"While considering the {part} part of complex outputs only, "
    return (
        f"{prefix}Jacobian mismatch for output {output} with respect to input {index},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )
