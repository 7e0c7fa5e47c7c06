"""Hostile and damaged files: a clear error, nothing executed, nothing large allocated."""

from __future__ import annotations

import contextlib
import io
import pickle
import tracemalloc
import warnings

import hypothesis
import hypothesis.strategies as st
import pytest

import gradcore
from serialization import hostile

# What may come out; anything else would be a bug that a file can trigger.
ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError)
MOST_MEMORY = 16 << 20


def refused(data: bytes, **options) -> Exception:
    """The error of loading ``data``, which must be a clear one and come cheaply."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ERRORS) as caught:
                gradcore.load(io.BytesIO(data), **options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY + 8 * len(data)
    assert len(str(caught.value)) > 10
    return caught.value


def test_the_helpers_make_good_files():
    for data in (
        hostile.archive(hostile.tensor()),
        hostile.old_file(hostile.tensor(hostile.old_storage())),
    ):
        assert gradcore.load(io.BytesIO(data)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", hostile.gadgets(""))
@pytest.mark.parametrize("wrap", [hostile.archive, hostile.old_file], ids=["zip", "old"])
def test_nothing_is_called(tmp_path, name, wrap):
    canary = tmp_path / "canary"
    error = refused(wrap(hostile.gadgets(str(canary))[name]))
    assert not canary.exists()
    assert isinstance(error, (pickle.UnpicklingError, RuntimeError))


@pytest.mark.parametrize("name", hostile.absurd())
def test_absurd_pickles(name):
    refused(hostile.archive(hostile.absurd()[name]))


@pytest.mark.parametrize("name", hostile.damaged_archives())
def test_damaged_archives(name):
    refused(hostile.damaged_archives()[name])


@pytest.mark.parametrize("name", hostile.damaged_archives())
def test_damaged_archives_in_memory_maps(tmp_path, name):
    path = tmp_path / "x.pt"
    path.write_bytes(hostile.damaged_archives()[name])
    with pytest.raises(ERRORS):
        gradcore.load(path, mmap=True)


@pytest.mark.parametrize("name", hostile.damaged_old_files())
def test_damaged_old_files(name):
    refused(hostile.damaged_old_files()[name])


def test_attributes_cannot_replace_what_gradcore_owns():
    p = pickle
    attributes = p.EMPTY_DICT + p.MARK
    for name in ("_array", "_backward_hooks", "__class__", "note"):
        attributes += hostile.text(name) + hostile.text("evil")
    attributes += p.SETITEMS
    data = hostile.call(
        "torch._utils", "_rebuild_parameter_with_state", hostile.tensor(), p.NEWTRUE, hostile.ODICT,
        attributes,
    )  # fmt: skip
    loaded = gradcore.load(io.BytesIO(hostile.archive(data)))
    assert loaded.__dict__ == {"note": "evil"} and loaded.tolist() == [0, 0, 0, 0]


def test_self_containing_containers_are_no_danger():
    data = pickle.EMPTY_LIST + pickle.BINPUT + b"\x01" + pickle.BINGET + b"\x01" + pickle.APPEND
    loaded = gradcore.load(io.BytesIO(hostile.archive(data)))
    assert loaded[0] is loaded


@pytest.mark.parametrize("kind", ["zip", "old"])
@hypothesis.settings(max_examples=50, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_changed_bytes(kind, data):
    """Whatever bytes of a file change, it loads or is refused in one of the known ways."""
    whole = (
        hostile.good() if kind == "zip" else hostile.old_file(hostile.tensor(hostile.old_storage()))
    )
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(len(changed) // 2, len(changed))) :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(*ERRORS):
            gradcore.load(io.BytesIO(bytes(changed)))


@hypothesis.settings(max_examples=50, deadline=None, derandomize=True)
@hypothesis.given(st.binary(max_size=200))
def test_random_pickles(body):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(*ERRORS):
            gradcore.load(io.BytesIO(hostile.archive(body)))
