"""Pictures of graphs and of training: ``make_dot`` (DOT text, SVG) and ``plot_curves``.

The DOT text needs nothing else, SVG the program ``dot`` of Graphviz, curves matplotlib.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..autograd.node import Node
from ..autograd.variable import TensorBase
from ..func.tree import take_apart

__all__ = ["DotGraph", "history", "make_dot", "plot_curves"]

_HEADER = (
    "digraph {",
    '  graph [rankdir="TB"]',
    '  node [shape=box style=filled fontname="monospace" fontsize=10 height=0.2]',
)
_LEAF, _OUTPUT, _OPERATION = "lightblue", "darkolivegreen1", "lightgrey"


class DotGraph:
    """A graph as DOT text: ``source``, or ``str(graph)``. Notebooks show its picture."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __str__(self) -> str:
        return self.source

    def svg(self) -> str:
        """The picture, drawn by the program ``dot`` (RuntimeError where it is not installed)."""
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(
                "drawing a graph needs the program 'dot' of Graphviz, which is not on the PATH: "
                "install the package graphviz of your system; str(graph) is the DOT text"
            )
        done = subprocess.run(
            [program, "-Tsvg"],
            input=self.source,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"dot could not draw the graph: {done.stderr.strip()}")
        return done.stdout

    def save(self, path: str | os.PathLike) -> None:
        """Write a picture (``.svg``) or the text (``.dot``, ``.gv``); ValueError for others."""
        suffix = Path(path).suffix
        if suffix not in (".svg", ".dot", ".gv"):
            raise ValueError(f"path should end in .svg, .dot or .gv, got {os.fspath(path)!r}")
        text = self.svg() if suffix == ".svg" else self.source
        Path(path).write_text(text, encoding="utf-8")

    def _repr_svg_(self) -> str | None:
        return self.svg() if shutil.which("dot") else None


def make_dot(
    var: Any,
    params: Mapping[str, Any] | None = None,
    show_attrs: bool = False,
    max_attr_chars: int = 50,
) -> DotGraph:
    """The history of ``var`` as a graph: leaves blue, operations grey, results green.

    Args:
        var: a tensor, or tensors in lists, tuples and dicts.
        params: names of leaves, such as ``dict(model.named_parameters())``.
        show_attrs: write what the operations keep besides tensors (``stride``, ``dim`` …) too.
        max_attr_chars: longer texts of attributes are cut.

    Raises TypeError where ``var`` or ``params`` hold something else than tensors.

        >>> x = gradcore.ones(2, requires_grad=True)
        >>> print(make_dot((x * 2).sum(), {"x": x}))
    """
    names = _names_by_id(params or {})
    results, _ = take_apart(var)
    for result in results:
        _require_tensor("var should be a Tensor or hold Tensors", result)
    lines = list(_HEADER)
    nodes = history(results)
    for node in nodes:
        text = node.name() + (_attribute_lines(node, max_attr_chars) if show_attrs else "")
        lines.append(_box(node, text, _OPERATION))
    for leaf in _leaves(results, nodes):
        text = f"{names.get(id(leaf), '')}\n{tuple(leaf.shape)}".strip()
        lines.append(_box(leaf, text, _LEAF))
    for node in nodes:
        lines += [f"  {_key(edge)} -> {_key(node)}" for edge in node.edges if edge is not None]
    for tensor in results:
        if tensor._node is not None:
            lines.append(_box(tensor, str(tuple(tensor.shape)), _OUTPUT))
            lines.append(f"  {_key(tensor._node)} -> {_key(tensor)}")
    return DotGraph("\n".join([*lines, "}", ""]))


def _names_by_id(params: Mapping[str, Any]) -> dict[int, str]:
    for name, tensor in params.items():
        _require_tensor(f"params[{name!r}] should be a Tensor", tensor)
    return {id(tensor): name for name, tensor in params.items()}


def _require_tensor(message: str, value: Any) -> None:
    if not isinstance(value, TensorBase):
        raise TypeError(f"{message}, got {type(value).__name__}")


def history(tensors: Sequence[Any]) -> list[Node]:
    """The nodes that ``tensors`` were computed by, in the order of their making."""
    found: dict[int, Node] = {}
    waiting = [tensor._node for tensor in tensors]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Node) and id(node) not in found:
            found[id(node)] = node
            waiting += node.edges
    return sorted(found.values(), key=lambda node: node.seq)


def attributes(node: Node) -> dict[str, Any]:
    """What an operation's node keeps besides tensors: ``{"stride": (1, 1), …}``."""
    saved = getattr(node, "saved", None)
    if saved is None or not hasattr(node, "plan"):
        return {}
    pairs = zip(node.plan.saves, saved, strict=True)
    return {name: value for (what, name), value in pairs if what == "attribute"}


def _leaves(results: Sequence[Any], nodes: Sequence[Node]) -> list[Any]:
    ends = [t for t in results if t._node is None]
    ends += [edge for node in nodes for edge in node.edges if isinstance(edge, TensorBase)]
    return list({id(leaf): leaf for leaf in ends}.values())


def _key(item: Any) -> str:
    return f'"{id(item)}"'


def _box(item: Any, text: str, colour: str) -> str:
    label = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'  {_key(item)} [label="{label}" fillcolor="{colour}"]'


def _attribute_lines(node: Node, most: int) -> str:
    lines = []
    for name, value in attributes(node).items():
        text = str(value)
        lines.append(f"\n{name}: {text if len(text) <= most else text[:most] + '…'}")
    return "".join(lines)


def plot_curves(
    curves: Mapping[str, Sequence[Any]],
    *,
    steps: Sequence[float] | None = None,
    smoothing: float = 0.0,
    xlabel: str = "epoch",
    ylabel: str = "",
    log: bool = False,
    ax: Any = None,
) -> Any:
    """Draw training curves with matplotlib (``pip install "gradcore[plot]"``).

    Args:
        curves: lists of numbers or of one-element tensors by their names.
        steps: where the values stand; 1, 2, 3 … by default.
        smoothing: weight of the past in a moving average, 0 (none) to 1; as in TensorBoard, the
            smoothed curve stands out from the pale one of the values.
        log: a logarithmic y axis.
        ax: the axes to draw on; new ones by default.

    Returns the axes. Raises ValueError for a wrong ``smoothing`` or lengths that do not fit.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing should be at least 0 and below 1, got {smoothing}")
    ax = _new_axes() if ax is None else ax
    for name, values in curves.items():
        numbers = [float(value) for value in values]
        places = range(1, len(numbers) + 1) if steps is None else list(steps)[: len(numbers)]
        if len(places) != len(numbers):
            raise ValueError(
                f"steps has {len(places)} places for {len(numbers)} values of {name!r}"
            )
        (line,) = ax.plot(places, _smoothed(numbers, smoothing), label=name)
        if smoothing:
            ax.plot(places, numbers, color=line.get_color(), alpha=0.25)
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    if curves:
        ax.legend()
    return ax


def _smoothed(values: Sequence[float], weight: float) -> list[float]:
    # An exponential moving average, divided by the sum of the weights so far: without this, a
    # curve would start near zero (the correction that Adam has as well).
    smooth, total = 0.0, 0.0
    result = []
    for value in values:
        smooth = weight * smooth + (1 - weight) * value
        total = weight * total + (1 - weight)
        result.append(smooth / total)
    return result


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plot_curves() needs matplotlib: pip install "gradcore[plot]"', name="matplotlib"
        ) from error
    return plt.subplots()[1]
