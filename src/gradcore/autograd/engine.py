"""Backward: walk the nodes from the newest to the oldest, and hand gradients on.

A node is always newer than what it consumes, so taking the newest waiting node first visits
each one after all of its consumers; no counting of dependencies and no recursion is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any

from ..backends.registry import is_only_holder, quiet
from ..ops.pointwise import add
from ..ops.shape import clone, sum_to, to_dtype
from .hooks import call_post_hooks, call_pre_hooks, call_tensor_hooks
from .inplace import bump, writable
from .node import AccumulateGrad, Node, OpNode, has_hooks
from .state import state
from .variable import TensorBase, unwrap, wrap

# Two threads may add to the gradient of one leaf; a gradient hook may run backward itself.
_accumulating = threading.RLock()


class Engine:
    """One backward pass. Gradients are raw arrays, or Tensors with ``create_graph``."""

    roots: Sequence[tuple[Any, int]] = ()
    # What capture() was asked for: positions in ``captured`` by edge.
    captures: Mapping[tuple[Any, int], list[int]] = MappingProxyType({})
    captured: list[Any]
    # Nodes to run and leaves to fill; None means all.
    needed: set[Any] | None = None
    # See survey().
    reached: set[Node] | None = None
    last_uses: dict[TensorBase, int]

    def __init__(self, keep_graph: bool, create_graph: bool) -> None:
        self.keep_graph = keep_graph
        self.create_graph = create_graph
        # what has received a gradient, by descending seq; a heap of (-seq, node)
        self.waiting: list[tuple[float, Node]] = []
        self.buffers: dict[Node, Any] = {}
        # nodes whose buffer is a sum made here, so that later gradients can be added in place
        self.owned: set[Node] = set()

    def capture(self, targets: Sequence[tuple[Any, int]], roots: Sequence[tuple[Any, int]]) -> None:
        """Collect the gradients of ``targets`` instead of filling leaves."""
        captures: dict[tuple[Any, int], list[int]] = {}
        self.captures = captures
        for position, key in enumerate(targets):
            captures.setdefault(key, []).append(position)
        self.captured = [None] * len(targets)
        self.needed = _leading_to({edge for edge, _ in targets}, roots)

    def restrict(
        self, targets: Sequence[tuple[Any, int]], roots: Sequence[tuple[Any, int]]
    ) -> None:
        """Fill only the leaves among ``targets``, and run only the other ones' nodes."""
        edges = {edge for edge, _ in targets}
        self.needed = _leading_to(edges, roots) | edges

    def run(self, roots: Sequence[tuple[Any, int]], grads: Sequence[Any]) -> None:
        """Start with ``grads`` at the edges ``roots`` and go on until nothing waits."""
        self.roots = roots
        previous = state.grad_enabled, state.engine, state.node
        state.set_grad(self.create_graph)
        state.engine = self
        try:
            with quiet():
                for (edge, slot), grad in zip(roots, grads, strict=True):
                    self.deliver(edge, slot, grad, False)
                self.work()
        finally:
            state.set_grad(previous[0])
            state.engine, state.node = previous[1:]

    def work(self) -> None:
        """Run what waits, until nothing does."""
        waiting, buffers = self.waiting, self.buffers
        ordinary = not (self.create_graph or self.needed is not None or state.anomaly)
        while waiting:
            node = heappop(waiting)[1]
            grad = buffers.pop(node)
            if ordinary and type(node) is OpNode and node.extras is None and grad is not None:
                self.quick_step(node, grad)
            else:
                self.step(node, grad)

    def quick_step(self, node: OpNode, grad: Any) -> None:
        """``step`` for what nearly all nodes are: one output, no hooks, nothing to capture."""
        results = node.run_raw(grad)
        if not self.keep_graph:
            node.release()
        slots, buffers = node.slots, self.buffers
        for index, edge in enumerate(node.edges):
            if edge is None:
                continue
            result = results[index]
            if type(edge) is OpNode:
                if result.shape == edge.shape and result.dtype is edge.dtype:
                    if edge in buffers:
                        self.wait_at(edge, result)
                    else:
                        buffers[edge] = result
                        heappush(self.waiting, (-edge.seq, edge))
                    continue
            elif isinstance(edge, TensorBase) and not edge.__dict__:
                array = edge._array
                if result.shape == array.shape and result.dtype is array.dtype:
                    fresh = result is not grad and is_only_holder(result)
                    accumulate(edge, result, fresh, False)
                    continue
            slot = 0 if slots is None else slots[index]
            self.deliver(edge, slot, result, result is not grad, node, index)

    def step(self, node: Node, grads: Any) -> None:
        """Run one node and deliver what it gives."""
        several = node.outputs > 1
        if not several:
            grads = [grads]
        watched = node.extras is not None or state.anomaly
        if watched or self.needed is not None:
            grads = self.before(node, grads)
            if grads is None:
                return
        if watched:
            results = self.run_watched(node, grads)
        elif grads[0] is None and not node.takes_none and not any(g is not None for g in grads):
            results = (None,) * len(node.edges)
        else:
            results = node.run(grads, self.create_graph)
        if not self.keep_graph:
            node.release()
        # No rule returns a saved array, but it may return its own gradient or a view of something;
        # what hooks have seen may be in other hands.
        may_be_new = node.makes_new and not (several or watched or self.create_graph)
        slots, first = node.slots, grads[0]
        for index, edge in enumerate(node.edges):
            if edge is None:
                continue
            grad = results[index]
            if grad is None:
                self.deliver_nothing(edge)
                continue
            fresh = may_be_new and grad is not first
            self.deliver(edge, 0 if slots is None else slots[index], grad, fresh, node, index)

    def deliver(
        self, edge: Any, slot: int, grad: Any, fresh: bool, source: Any = None, index: int = 0
    ) -> None:
        """Add ``grad`` to what waits at a node, or to a leaf's gradient.

        ``fresh`` says that nobody else holds the array, but for what it may be a view of;
        ``source`` and ``index`` are named in errors about the gradient.
        """
        if self.needed is not None and not self.wants(edge):
            return
        raw = grad._array if self.create_graph else grad
        if isinstance(edge, TensorBase):
            array = edge._array
            if raw.shape != array.shape or raw.dtype != array.dtype:
                grad = fit(grad, array.shape, array.dtype, source, index)
                fresh = True
            if not (edge.__dict__ and has_hooks(edge)):
                fresh = fresh and not self.create_graph and is_only_holder(grad)
                self.fill(edge, grad, fresh)
                return
            edge = AccumulateGrad.of(edge)
        else:
            several = edge.outputs > 1
            shape, dtype = edge.output_meta(slot) if several else (edge.shape, edge.dtype)
            if raw.shape != shape or raw.dtype != dtype:
                grad = fit(grad, shape, dtype, source, index)
            if several:
                self.wait_at_output(edge, slot, grad)
                return
        self.wait_at(edge, grad)

    def deliver_nothing(self, edge: Any) -> None:
        """Let what lies behind ``edge`` run although no gradient came: its hooks are called."""
        if self.needed is not None and not self.wants(edge):
            return
        if isinstance(edge, TensorBase):
            if not has_hooks(edge):
                return
            edge = AccumulateGrad.of(edge)
        if edge not in self.buffers:
            self.buffers[edge] = None if edge.outputs == 1 else [None] * edge.outputs
            heappush(self.waiting, (self.order(edge), edge))

    def order(self, node: Node) -> float:
        """The node's key in the heap; a leaf's node waits for the last node that leads to it."""
        if node.seq >= 0:
            return -node.seq
        self.survey()
        return 0.5 - self.last_uses.get(node.variable, 0)  # type: ignore[attr-defined]

    def wait_at(self, node: Node, grad: Any) -> None:
        """Add to the gradient of a node's only output."""
        buffers = self.buffers
        if node not in buffers:
            heappush(self.waiting, (-node.seq if node.seq >= 0 else self.order(node), node))
            buffers[node] = grad
        elif node in self.owned:
            add_into(buffers[node], grad)
        elif buffers[node] is None:
            buffers[node] = grad
        else:
            buffers[node] = add(buffers[node], grad)
            if not self.create_graph:
                self.owned.add(node)

    def wait_at_output(self, node: Node, slot: int, grad: Any) -> None:
        """Add to the gradient of one of a node's outputs."""
        held = self.buffers.get(node)
        if held is None:
            held = self.buffers[node] = [None] * node.outputs
            heappush(self.waiting, (-node.seq, node))
        held[slot] = grad if held[slot] is None else add(held[slot], grad)

    def survey(self) -> None:
        """Find all nodes that this pass can reach, and the last one that leads to each leaf."""
        if self.reached is not None:
            return
        self.reached = _reachable(self.roots)
        self.last_uses = {edge: 0 for edge, _ in self.roots if isinstance(edge, TensorBase)}
        for user in self.reached:
            if self.needed is None or user in self.needed:
                for edge in user.edges:
                    if isinstance(edge, TensorBase):
                        held = self.last_uses.get(edge, user.seq)
                        self.last_uses[edge] = min(held, user.seq)

    def wants(self, edge: Any) -> bool:
        """Whether a gradient that arrives at ``edge`` is of use in this pass."""
        if self.needed is None or edge in self.needed:
            return True
        return any((edge, slot) in self.captures for slot in range(getattr(edge, "outputs", 1)))

    def will_run(self, edge: Any) -> bool:
        """Whether this pass gets to ``edge``, a node or a leaf."""
        if self.needed is not None:
            return self.wants(edge)
        self.survey()
        reached: Any = self.last_uses if isinstance(edge, TensorBase) else self.reached
        return edge in reached

    def fill(self, leaf: TensorBase, grad: Any, fresh: bool) -> None:
        """Add to the gradient of a leaf without hooks, or to what is captured of it."""
        if self.needed is None or leaf in self.needed:
            accumulate(leaf, grad, fresh, self.create_graph)
        else:
            self.collect((leaf, 0), grad)

    def collect(self, key: tuple[Any, int], grad: Any) -> None:
        """Add ``grad`` to the captured gradients that were asked for at ``key``."""
        if grad is None:
            return
        for position in self.captures.get(key, ()):
            held = self.captured[position]
            self.captured[position] = grad if held is None else add(held, grad)

    def before(self, node: Node, grads: list) -> list | None:
        """Capture and call the hooks that come before a node; None where it is not to run.

        A node that runs has its gradient captured as it arrived, another one what its tensors'
        hooks make of it: so it is in PyTorch.
        """
        edge = node.variable if isinstance(node, AccumulateGrad) else node
        runs = self.needed is None or edge in self.needed
        if node.extras is None:
            seen = grads
        else:
            seen = self._lower(call_tensor_hooks(node.extras, self._raise(grads)))
            for slot, reference in node.extras.retained.items():
                tensor = reference()
                if tensor is not None and seen[slot] is not None:
                    retain(tensor, seen[slot], self.create_graph)
        for slot, grad in enumerate(grads if runs else seen):
            if self.captures:
                self.collect((edge, slot), grad)
        if not runs:
            return None
        if node.extras is not None and node.extras.pre_hooks:
            seen = self._lower(call_pre_hooks(node.extras, self._raise(seen)))
        return seen

    def run_watched(self, node: Node, grads: list) -> Sequence[Any]:
        """Run a node that has hooks, or under anomaly detection."""
        outer, state.node = state.node, node
        try:
            if not node.takes_none and all(g is None for g in grads):
                results: Sequence[Any] = (None,) * len(node.edges)
            elif not state.anomaly:
                results = node.run(grads, self.create_graph)
            else:
                from .anomaly import run_checked

                results = run_checked(node, grads, self.create_graph)
        finally:
            state.node = outer
        if node.extras is None or not node.extras.post_hooks:
            return results
        results = [
            g if g is None or e is None else fit_to_edge(g, e, s, node, i)
            for i, (g, e, s) in enumerate(
                zip(results, node.edges, node.slots or (0,) * len(node.edges), strict=True)
            )
        ]
        return self._lower(call_post_hooks(node.extras, self._raise(results), self._raise(grads)))

    def _raise(self, grads: Sequence[Any]) -> list:
        """Gradients as Tensors, for hooks."""
        if self.create_graph:
            return list(grads)
        return [None if g is None else wrap(g) for g in grads]

    def _lower(self, grads: Sequence[Any]) -> list:
        """What hooks gave back, as the pass has it: raw unless it creates a graph."""
        if self.create_graph:
            return list(grads)
        return [None if g is None else g._array for g in grads]


def accumulate(leaf: TensorBase, grad: Any, fresh: bool, create_graph: bool) -> None:
    """Add ``grad`` to ``leaf.grad``: copied unless it is ours, later ones in place."""
    if not leaf._rg:
        return
    with _accumulating:
        held = leaf._grad
        if create_graph:
            leaf._grad = clone(grad) if held is None else add(held, grad)
        elif held is None:
            leaf._grad = wrap(grad if fresh and grad.flags.c_contiguous else copied(grad))
        else:
            add_into(writable(held._array), grad)
            bump(held)


def retain(tensor: TensorBase, grad: Any, create_graph: bool) -> None:
    """Keep ``grad`` as that of a non-leaf: a new tensor, to which later ones are added."""
    with _accumulating:
        held = tensor._grad
        if create_graph:
            tensor._grad = clone(grad) if held is None else add(held, grad)
        else:
            tensor._grad = wrap(clone(grad) if held is None else add(held._array, grad))


def copied(grad: Any) -> Any:
    """``clone`` of a raw array, 0.5 us shorter."""
    return (clone.kernels.get(type(grad)) or clone.kernel((grad,)))(grad)


def add_into(held: Any, grad: Any) -> None:
    """``held += grad`` on raw arrays, through the add kernel, which is threaded."""
    (add.kernels.get(type(held)) or add.kernel((held,)))(held, grad, out=held)


def fit_to_edge(grad: Any, edge: Any, slot: int, source: Any, index: int) -> Any:
    """``grad`` as a gradient of what ``edge`` and ``slot`` stand for."""
    if isinstance(edge, TensorBase):
        shape, dtype = edge._array.shape, edge._array.dtype
    else:
        shape, dtype = edge.output_meta(slot)
    return fit(grad, shape, dtype, source, index)


def fit(grad: Any, shape: tuple, dtype: Any, source: Any, index: int) -> Any:
    """``grad`` as a gradient of that shape and dtype: summed over broadcast axes, cast."""
    recorded = isinstance(grad, TensorBase)
    if tuple(grad.shape) != tuple(shape):
        if not expandable(shape, grad.shape):
            raise RuntimeError(
                f"Function {source.name() if source is not None else 'backward'} returned an "
                f"invalid gradient at index {index} - got {list(grad.shape)} but expected shape "
                f"compatible with {list(shape)}"
            )
        # The kernel itself: the op call around it would cost as much as summing a bias.
        reduce = sum_to if recorded else sum_to.kernel((grad,))
        grad = reduce(grad, shape=tuple(shape))
    if unwrap(grad).dtype != dtype:
        grad = (to_dtype if recorded else to_dtype.kernel((grad,)))(grad, dtype=dtype)
    return grad


def expandable(shape: Sequence[int], to: Sequence[int]) -> bool:
    """Whether a tensor of ``shape`` broadcasts to the shape ``to``."""
    if len(shape) > len(to):
        return False
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return all(a in (b, 1) for a, b in pairs)


def _reachable(roots: Iterable[tuple[Any, int]]) -> set[Node]:
    """All nodes that can be reached from the roots."""
    seen: set[Node] = set()
    stack = [edge for edge, _ in roots if isinstance(edge, Node)]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(e for e in node.edges if isinstance(e, Node) and e not in seen)
    return seen


def _leading_to(targets: set, roots: Sequence[tuple[Any, int]]) -> set[Any]:
    """The nodes from which one of ``targets`` can be reached (a target itself need not run)."""
    leading: set[Any] = set()
    for node in sorted(_reachable(roots), key=lambda n: n.seq):
        if any(e is not None and (e in targets or e in leading) for e in node.edges):
            leading.add(node)
    return leading


def gradient_edge(tensor: TensorBase) -> tuple[Any, int]:
    """Where the gradient of ``tensor`` goes: (node, output number), or (the leaf, 0)."""
    if tensor._base is not None:
        from .views import refresh

        refresh(tensor)
    if tensor._node is None:
        return tensor, 0
    return tensor._node, tensor._nr


__all__ = ["Engine", "accumulate", "expandable", "fit", "gradient_edge"]
