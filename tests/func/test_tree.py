"""Nested values: taken apart and put together again."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest

from gradcore.func.tree import change, spread, take_apart

Pair = namedtuple("Pair", ["a", "b"])
VALUES = [
    3,
    None,
    (),
    (1, 2),
    [1, [2, (3,)]],
    {"b": 1, "a": [2, 3]},
    OrderedDict(x=1, y=2),
    Pair(1, {"c": (2, 3)}),
]


@pytest.mark.parametrize("value", VALUES)
def test_round_trip(value):
    leaves, structure = take_apart(value)
    again = structure.put(leaves)
    assert again == value
    assert type(again) is type(value)
    assert take_apart(again)[1] == structure
    assert hash(take_apart(again)[1]) == hash(structure)


def test_structures_differ():
    structures = {take_apart(value)[1] for value in [*VALUES, [1, 2], (1, (2,)), {"a": 1}]}
    assert len(structures) == len(VALUES) - 1 + 3  # 3 and None are both leaves


def test_leaves_are_in_order():
    assert take_apart({"b": (1, 2), "a": [3]})[0] == [1, 2, 3]


def test_representation():
    assert repr(take_apart({"a": (1, [2])})[1]) == "{'a': (*, [*])}"


def test_change():
    assert change(lambda v: v + 1, {"a": (1, [2])}) == {"a": (2, [3])}


@pytest.mark.parametrize(
    ("prefix", "value", "expected"),
    [
        (0, (1, (2, 3)), [0, 0, 0]),
        ((0, None), (1, (2, 3)), [0, None, None]),
        ((0, (1, None)), (1, (2, 3)), [0, 1, None]),
        ({"a": 0, "b": 1}, {"a": 5, "b": (6, 7)}, [0, 1, 1]),
        ((0, 1), (1, 2, 3), None),
        ([0, 1], (1, 2), None),
        ((0, (1, 2)), (1, 2), [0, (1, 2)]),
    ],
)
def test_spread(prefix, value, expected):
    assert spread(prefix, take_apart(value)[1]) == expected
