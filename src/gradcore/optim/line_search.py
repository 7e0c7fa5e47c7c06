"""The line search of L-BFGS: a step that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

# The conditions: enough decrease of the loss, and enough decrease of the slope.
_DECREASE, _CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """A step of length ``t``: the loss there, its gradient, its slope along the direction."""

    t: float
    loss: float
    grad: Any
    slope: float


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """The minimum of the cubic through two points and their slopes, within the bounds.

    (Nocedal and Wright, equation 3.59.) The bounds are the points unless given; their middle where
    the cubic has no minimum.
    """
    if a.t > b.t:
        a, b = b, a
    lowest, highest = bounds or (a.t, b.t)
    try:
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        d2 = math.sqrt(d1 * d1 - a.slope * b.slope)
        best = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    except (ValueError, ZeroDivisionError):
        return (lowest + highest) / 2.0
    if math.isnan(best):
        return (lowest + highest) / 2.0
    return min(max(best, lowest), highest)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    direction_size: float,
    tolerance: float,
    most: int,
) -> tuple[Point, int]:
    """Search from ``start`` (its ``t`` is 0), trying length ``t`` first.

    Args:
        evaluate: the point at a length.
        direction_size: the largest element of the direction; the search ends when the bracket
            times this is below ``tolerance``.
        most: most points to try after the first.

    Returns the point found, and how many were evaluated.
    """
    before, point = start, evaluate(t)
    tries = 0
    while tries < most:
        too_high = tries > 1 and point.loss >= before.loss
        if too_high or not _decreases(start, point):
            return _zoom(evaluate, start, [before, point], direction_size, tolerance, most, tries)
        if _is_flat(start, point):
            return point, tries + 1
        if point.slope >= 0:
            return _zoom(evaluate, start, [before, point], direction_size, tolerance, most, tries)
        bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
        t = cubic_minimum(before, point, bounds)
        before, point = point, evaluate(t)
        tries += 1
    return min(start, point, key=lambda p: p.loss), tries + 1


def _decreases(start: Point, point: Point) -> bool:
    return not point.loss > start.loss + _DECREASE * point.t * start.slope


def _is_flat(start: Point, point: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _zoom(
    evaluate: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    direction_size: float,
    tolerance: float,
    most: int,
    tries: int,
) -> tuple[Point, int]:
    """Narrow a bracket that holds a point which satisfies the conditions."""
    stuck = False
    low, high = sorted(bracket, key=lambda p: p.loss)
    while tries < most and abs(high.t - low.t) * direction_size >= tolerance:
        t, stuck = _trial(low, high, stuck)
        point = evaluate(t)
        tries += 1
        if not _decreases(start, point) or point.loss >= low.loss:
            high = point
            if low.loss > high.loss:
                low, high = high, low
            continue
        if _is_flat(start, point):
            return point, tries + 1
        if point.slope * (high.t - low.t) >= 0:
            high = low
        low = point
    return low, tries + 1


def _trial(low: Point, high: Point, stuck: bool) -> tuple[float, bool]:
    """A length inside the bracket, and whether it is close to an end, which may happen once."""
    t = cubic_minimum(low, high)
    left, right = sorted((low.t, high.t))
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not stuck and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
