"""The thread's autograd modes, in one place so that an op call reads one attribute."""

from __future__ import annotations

import threading
from typing import Any

# `mode` is what a plain op call looks at: recording or not. Everything else that changes an op
# call (inference mode, saved-tensor hooks, anomaly detection, a recorder) sets SPECIAL, which
# sends it through the general path.
NO_GRAD, GRAD, SPECIAL = 0, 1, 2


class State(threading.local):
    """Modes of the current thread.

    ``recording`` says whether operations make nodes: grad mode without inference mode.
    ``saved_hooks`` is the stack of (pack, unpack) pairs, ``saved_hooks_error`` the reason why
    none may be pushed (None: they may). ``engine`` is the backward pass that runs in this thread
    and ``node`` the node that it runs, None outside of one.
    """

    def __init__(self) -> None:
        self.mode = GRAD
        self.grad_enabled = True
        self.recording = True
        self.inference = False
        self.saved_hooks: tuple[Any, ...] = ()
        self.saved_hooks_error: str | None = None
        self.anomaly = False
        self.check_nan = True
        self.engine: Any = None
        self.node: Any = None

    def set_grad(self, enabled: bool) -> None:
        """Grad mode alone: what ``no_grad`` does, so it is kept short."""
        self.grad_enabled = enabled
        if self.mode == SPECIAL:
            self.recording = enabled and not self.inference
        else:
            self.mode = GRAD if enabled else NO_GRAD
            self.recording = enabled

    def update(self, **changes: Any) -> None:
        """Set some modes, and ``mode`` and ``recording`` to what they add up to."""
        self.__dict__.update(changes)
        self.recording = self.grad_enabled and not self.inference
        if self.inference or self.saved_hooks or self.anomaly:
            self.mode = SPECIAL
        else:
            self.mode = GRAD if self.grad_enabled else NO_GRAD


state = State()
