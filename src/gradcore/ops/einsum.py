"""Einstein summation, as a sequence of batched matrix products."""

from __future__ import annotations

from typing import Any

from .linalg import _matmul
from .operand import require_tensor
from .registry import public

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@public(method=False)
def einsum(equation, *operands):
    """Sums of products of the operands' elements along the dimensions named by ``equation``.

    ``einsum("ij,jk->ik", a, b)`` is ``a @ b``. Ellipses broadcast, a letter twice in one operand
    takes its diagonal, and without ``->`` the result has the letters that occur once, sorted.
    The sublist form ``einsum(a, [0, 1], b, [1, 2], [0, 2])`` works too.

    Raises RuntimeError for a malformed equation or sizes that do not fit.

    >>> torch.einsum("ij,j->i", torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 10]))
    tensor([21, 43])
    """
    if not isinstance(equation, str):
        equation, operands = _from_sublists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError("einsum(): must specify the operands")
    for x in operands:
        require_tensor("einsum", "operands", x)
    inputs, output = _parse(equation, operands)
    terms = [_diagonals(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    _check_sizes(terms)
    result, labels = terms[0]
    for i, (x, its) in enumerate(terms[1:], 1):
        later = {label for _, more in terms[i + 1 :] for label in more} | set(output)
        result, labels = _contract(result, labels, x, its, later)
    surplus = [i for i, label in enumerate(labels) if label not in output]
    if surplus:
        result = result.sum(surplus)
        labels = [label for label in labels if label in output]
    return result.permute([labels.index(label) for label in output])


def _from_sublists(arguments: tuple) -> tuple[str, tuple]:
    operands, terms = [], []
    values = list(arguments)
    while len(values) >= 2:
        operands.append(values.pop(0))
        terms.append(_sublist(values.pop(0)))
    equation = ",".join(terms)
    return equation + ("->" + _sublist(values[0]) if values else ""), tuple(operands)


def _sublist(items: Any) -> str:
    parts = []
    for item in items:
        if item is Ellipsis:
            parts.append("...")
        elif not 0 <= item < len(_LETTERS):
            raise RuntimeError(
                f"einsum(): expected subscripts to be within range [0, 52), but got {item}"
            )
        else:
            parts.append(_LETTERS[item])
    return "".join(parts)


def _ellipsis_size(term: str, x: Any, i: int) -> int:
    """How many dimensions of operand i the ellipsis stands for; RuntimeError for a bad term."""
    letters = term.replace("...", "", 1)
    if "." in letters:
        raise RuntimeError(f"einsum(): found '.' for operand {i} that is not part of any ellipsis")
    bad = next((c for c in letters if not c.isalpha()), None)
    if bad is not None:
        raise RuntimeError(
            f"einsum(): invalid subscript given at index {term.index(bad)} in the equation "
            "string, subscripts must be in [a-zA-Z]"
        )
    extra = x.ndim - len(letters)
    if extra < 0 or (extra and "..." not in term):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(letters)}) "
            f"{'does not match' if '...' not in term else 'is more than'} the number of "
            f"dimensions ({x.ndim}) for operand {i}"
            + (" and no ellipsis was given" if "..." not in term else "")
        )
    return extra


def _parse(equation: str, operands: tuple) -> tuple[list[list], list]:
    """Labels of each operand and of the result; ellipsis dimensions get the labels 0, 1, …"""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "fewer" if len(terms) > len(operands) else "more"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation"
        )
    counts = [
        _ellipsis_size(term, x, i) for i, (term, x) in enumerate(zip(terms, operands, strict=True))
    ]
    widest = max((n for n, t in zip(counts, terms, strict=True) if "..." in t), default=0)
    inputs = [_labels(t, n, widest) for t, n in zip(terms, counts, strict=True)]
    if arrow:
        output = _labels(right, widest if "..." in right else 0, widest)
        known = {label for labels in inputs for label in labels}
        for i, label in enumerate(output):
            if label not in known:
                raise RuntimeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any "
                    "input operand"
                )
            if label in output[:i]:
                raise RuntimeError(
                    f"einsum(): output subscript {label} appears more than once in the output"
                )
        return inputs, output
    named = [label for labels in inputs for label in labels if isinstance(label, str)]
    once = sorted(c for c in set(named) if named.count(c) == 1)
    return inputs, [*range(widest), *once]


def _labels(term: str, extra: int, widest: int) -> list:
    before, dots, after = term.partition("...")
    return [*before, *(range(widest - extra, widest) if dots else ()), *after]


def _diagonals(x: Any, labels: list) -> tuple[Any, list]:
    labels = list(labels)
    for label in sorted(set(labels), key=str):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand but the sizes don't "
                    f"match, {x.shape[j]} != {x.shape[i]}"
                )
            x = x.diagonal(0, i, j)
            labels = [c for k, c in enumerate(labels) if k not in (i, j)] + [label]
    return x, labels


def _check_sizes(terms: list) -> None:
    sizes: dict[Any, int] = {}
    for i, (x, labels) in enumerate(terms):
        for label, n in zip(labels, x.shape, strict=True):
            known = sizes.get(label, 1)
            if n != known and 1 not in (n, known):
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {n} for operand {i} which does not "
                    f"broadcast with previously seen size {known}"
                )
            sizes[label] = max(n, known) if 0 not in (n, known) else 0


def _contract(a: Any, of_a: list, b: Any, of_b: list, later: set) -> tuple[Any, list]:
    """One product over the labels that both have and nothing later needs."""
    a, of_a = _presum(a, of_a, of_b, later)
    b, of_b = _presum(b, of_b, of_a, later)
    shared = [label for label in of_a if label in of_b]
    sizes = {label: max(_size(a, of_a, label), _size(b, of_b, label)) for label in shared}
    summed = [
        label for label in shared if label not in later
        and _size(a, of_a, label) == _size(b, of_b, label)
    ]  # fmt: skip
    batch = [label for label in shared if label not in summed]
    only_a = [label for label in of_a if label not in shared]
    only_b = [label for label in of_b if label not in shared]
    left = _arranged(a, of_a, batch, only_a, summed)
    right = _arranged(b, of_b, batch, summed, only_b)
    product = _matmul(left, right) if batch else left @ right
    shape = (
        [sizes[label] for label in batch]
        + [_size(a, of_a, label) for label in only_a]
        + [_size(b, of_b, label) for label in only_b]
    )
    labels = batch + only_a + only_b
    product = product.reshape(shape)
    leftover = [i for i, label in enumerate(labels) if label not in later and label in shared]
    if leftover:
        product = product.sum(leftover)
        labels = [label for i, label in enumerate(labels) if i not in leftover]
    return product, labels


def _size(x: Any, labels: list, label: Any) -> int:
    return x.shape[labels.index(label)]


def _presum(x: Any, labels: list, others: list, later: set) -> tuple[Any, list]:
    """Sum the dimensions that only this operand has and nobody needs."""
    alone = [i for i, label in enumerate(labels) if label not in others and label not in later]
    if not alone:
        return x, labels
    return x.sum(alone), [label for i, label in enumerate(labels) if i not in alone]


def _arranged(x: Any, labels: list, batch: list, rows: list, columns: list) -> Any:
    """``x`` as a batch of matrices."""
    x = x.permute([labels.index(label) for label in (*batch, *rows, *columns)])
    sizes = list(x.shape)
    first, second = len(batch), len(batch) + len(rows)
    return x.reshape((*sizes[:first], _product(sizes[first:second]), _product(sizes[second:])))


def _product(sizes: list) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total
