"""``use_deterministic_algorithms``: refuse operations whose result may differ from run to run.

Everything on the CPU is deterministic. On CUDA a sum into places given by indices goes by atomic
additions, in any order.
"""

from __future__ import annotations

OFF, WARN, ERROR = 0, 1, 2
_mode = OFF


def set_mode(mode: int) -> None:
    """Choose what :func:`alert_not_deterministic` does."""
    global _mode
    _mode = mode


def get_mode() -> int:
    return _mode


def alert_not_deterministic(caller: str) -> None:
    """Warn of ``caller`` or refuse it, as the mode says (``at::globalContext``'s texts)."""
    if _mode == ERROR:
        raise RuntimeError(
            f"{caller} does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for "
            "this operation, or you can use the 'warn_only=True' option, if that's acceptable "
            "for your application."
        )
    if _mode == WARN:
        import warnings

        warnings.warn(
            f"{caller} does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True, warn_only=True)'.",
            UserWarning,
            stacklevel=2,
        )
