"""``gradcore.device``: where a tensor lives."""

from __future__ import annotations

import re

__all__ = ["device"]

_SPELLING = re.compile(r"(cpu|cuda|meta|mps|xpu)(?::(\d+))?")


class device:
    """``device('cuda:1')``, ``device('cuda', 1)``, ``device(1)``, as in PyTorch.

    Raises RuntimeError for an unknown device string. An index of None means the current
    device of that type.
    """

    __slots__ = ("type", "index")
    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        kind: str
        if isinstance(type, device):
            kind, index = type.type, type.index if index is None else index
        elif isinstance(type, int) and not isinstance(type, bool):
            if type < 0:
                raise RuntimeError(f"Device index must not be negative, got {type}")
            kind, index = "cuda", type
        elif isinstance(type, str):
            kind, index = _parse(type, index)
        else:
            raise TypeError(
                f"device(): argument 'type' must be str, int or device, not {type.__class__}"
            )
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"attribute '{name}' of 'gradcore.device' objects is not writable")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        from .registry import push_default_device

        push_default_device(self)
        return self

    def __exit__(self, *error: object) -> None:
        from .registry import pop_default_device

        pop_default_device()


def _parse(spelling: str, index: int | None) -> tuple[str, int | None]:
    match = _SPELLING.fullmatch(spelling)
    if match is None:
        raise RuntimeError(
            "Expected one of cpu, cuda device type at start of device string: "
            f"{spelling if spelling else '(empty)'}"
        )
    if match[2] is None:
        return match[1], index
    if index is not None:
        raise RuntimeError(
            f"type (string) must not include an index because index was passed explicitly: "
            f"{spelling}"
        )
    return match[1], int(match[2])
