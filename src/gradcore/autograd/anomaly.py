"""Anomaly detection: backward says which forward line led to a NaN or to an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backends.registry import backend_of
from .node import Node
from .state import state
from .variable import unwrap

_WARNING = (
    "Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
    "enabled for debugging."
)


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on in this thread."""
    return state.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for NaN."""
    return state.check_nan


class set_detect_anomaly:
    """Switch anomaly detection on or off, from this call on or for a ``with`` block.

    Args:
        mode: whether to remember where each forward operation was called and to show it when
            its backward fails.
        check_nan: whether a backward that gives NaN counts as failing (RuntimeError).
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.previous = (state.anomaly, state.check_nan)
        state.update(anomaly=mode, check_nan=check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        anomaly, check_nan = self.previous
        state.update(anomaly=anomaly, check_nan=check_nan)


class detect_anomaly:
    """Anomaly detection for a ``with`` block; see :class:`set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        import warnings

        self.check_nan = check_nan
        self.previous = (state.anomaly, state.check_nan)
        warnings.warn(_WARNING, UserWarning, stacklevel=2)

    def __enter__(self) -> None:
        self.previous = (state.anomaly, state.check_nan)
        state.update(anomaly=True, check_nan=self.check_nan)

    def __exit__(self, *error: object) -> None:
        anomaly, check_nan = self.previous
        state.update(anomaly=anomaly, check_nan=check_nan)


def remember(node: Node) -> None:
    """Note where the program stands as a node is made, and which backward node makes it."""
    import traceback

    extras = node.attach()
    extras.trace = "".join(traceback.format_list(_user_frames()))
    extras.parent = state.node


def _user_frames() -> list[Any]:
    """The stack without the frames of gradcore itself at its end."""
    import traceback

    package = __name__.partition(".")[0]
    frames: list[Any] = []
    for frame, line in traceback.walk_stack(None):
        name = frame.f_globals.get("__name__", "")
        if frames or name.partition(".")[0] != package:
            frames.append((frame, line))
    return traceback.StackSummary.extract(reversed(frames))


def run_checked(node: Node, grads: list, create_graph: bool) -> Sequence[Any]:
    """Run a node; on an error or a NaN show where its forward operation was called."""
    try:
        results = node.run(grads, create_graph)
    except Exception:
        warn_of(node)
        raise
    if state.check_nan:
        for i, result in enumerate(results):
            if result is not None and _has_nan(unwrap(result)):
                warn_of(node)
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {i}th output."
                )
    return results


def _has_nan(array: Any) -> bool:
    return bool(backend_of(array).xp.isnan(array).any())


def warn_of(node: Node) -> None:
    """Warn with the place in the forward pass that a failing node comes from."""
    import warnings

    extras = node.extras
    if extras is None or extras.trace is None:
        warnings.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable "
            "detect anomaly during forward pass for more information.",
            UserWarning,
            stacklevel=2,
        )
        return
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
        f"{extras.trace}",
        UserWarning,
        stacklevel=2,
    )
    parent = extras.parent
    while parent is not None:
        trace = None if parent.extras is None else parent.extras.trace
        if trace is None:
            warnings.warn(
                "\n\nNo forward pass information available of the previous calculation, that of "
                f"{parent.name()}. Enable detect anomaly during forward pass for more information.",
                UserWarning,
                stacklevel=2,
            )
            return
        warnings.warn(
            f"\n\nPrevious calculation was induced by {parent.name()}. Traceback of forward call "
            f"that induced the previous calculation:\n{trace}",
            UserWarning,
            stacklevel=2,
        )
        parent = parent.extras.parent  # type: ignore[union-attr]
