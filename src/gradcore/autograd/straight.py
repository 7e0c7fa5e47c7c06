"""The backward step of one kind of call, written out as straight code.

A loop over a plan's rules and saved values costs 1.5 us per node at small sizes, nearly as much
as the arithmetic. So each plan gets a function of its own, made once as ``dataclasses`` make
theirs. That of ``x * y`` where both need a gradient reads::

    def run(node, g):
        saved = node.saved
        if saved is None:
            raise RuntimeError(FREED_MESSAGE)
        v0 = saved[0]
        if isinstance(v0, TensorBase):
            if v0._vc is not None or node.versions is not None:
                node.check_version(v0, 0)
            v0 = v0._array
        elif type(v0) is Packed:
            v0 = v0.unpack()._array
        v1 = …
        return (rule0(g, v0), rule1(g, v1))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.op import Plan, identity

_ARGUMENT = """\
    v{i} = saved[{i}]
    if isinstance(v{i}, TensorBase):
        if v{i}._vc is not None or node.versions is not None:
            node.check_version(v{i}, {i})
        v{i} = v{i}._array
    elif type(v{i}) is Packed:
        v{i} = v{i}.unpack()._array
"""
_OUTPUT = """\
    v{i} = saved[{i}]
    if type(v{i}) is Packed:
        v{i} = v{i}.unpack()._array
    else:
        v{i}, counter, expected = v{i}
        if counter[0] != expected:
            node.raise_stale(v{i}, 0, counter[0], expected)
"""
_ALL_ARGUMENTS = """\
    v{i} = tuple(map(unwrap, node.unpack_all(saved[{i}], {i})))
"""
_OTHER = """\
    v{i} = saved[{i}]
"""
_UNPACKING = {"argument": _ARGUMENT, "out": _OUTPUT, "all argument": _ALL_ARGUMENTS}


def straight(plan: Plan, count: int, g: Any, namespace: dict[str, Any]) -> Callable[..., tuple]:
    """``run(node, g)``: the gradients of ``count`` arguments, for raw gradients of the type of g.

    ``namespace`` holds the names that the code above uses.
    """
    lines = ["def run(node, g):\n"]
    if plan.saves:
        lines += [
            "    saved = node.saved\n",
            "    if saved is None:\n",
            "        raise RuntimeError(FREED_MESSAGE)\n",
        ]
    for i, (what, _) in enumerate(plan.saves):
        lines.append(_UNPACKING.get(what, _OTHER).format(i=i))
    results = ["None"] * count
    rules = {}
    for index, rule, sources in plan.calls:
        if rule.fn is identity:
            results[index] = "g"
            continue
        rules[f"rule{index}"] = rule.kernel(g)
        values = [("g" if s == 0 else str(index) if s < 0 else f"v{s - 1}") for s in sources]
        results[index] = f"rule{index}({', '.join(values)})"
    lines.append(f"    return ({', '.join(results)},)\n")
    code = compile("".join(lines), "<backward>", "exec")
    scope = {**namespace, **rules}
    exec(code, scope)
    return scope["run"]
