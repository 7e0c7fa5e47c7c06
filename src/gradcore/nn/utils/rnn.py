"""Sequences of different lengths: padding them, and packing them without their padding."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from ...autograd.variable import TensorBase
from ...ops.registry import FUNCTIONS
from ...tensor.creation import tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

_MADE_BY_HAND = (
    "batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
    "manually. They should be instantiated by functions like pack_sequence and "
    "pack_padded_sequences in nn.utils.rnn. "
    "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
)


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """Sequences sorted by falling length, without padding, one time step after the other.

    Attributes:
        data: the elements (sum of the lengths, *).
        batch_sizes: how many sequences reach each time step, an int64 tensor on the CPU.
        sorted_indices, unsorted_indices: the order of the sequences and its inverse, or None.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 3, 2]), tensor([2, 1]))
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(_MADE_BY_HAND)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """``data`` converted as by ``Tensor.to``; the indices go to its device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = (None if i is None else i.to(data.device) for i in self[2:])
        return type(self)(data, self.batch_sizes, *moved)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On a CUDA device (the current one if none is given)."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def cpu(self) -> PackedSequence:
        """On the CPU."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """With float64 elements."""
        return self._cast("float64")

    def float(self) -> PackedSequence:
        """With float32 elements."""
        return self._cast("float32")

    def half(self) -> PackedSequence:
        """With float16 elements."""
        return self._cast("float16")

    def long(self) -> PackedSequence:
        """With int64 elements."""
        return self._cast("int64")

    def int(self) -> PackedSequence:
        """With int32 elements."""
        return self._cast("int32")

    def short(self) -> PackedSequence:
        """With int16 elements."""
        return self._cast("int16")

    def char(self) -> PackedSequence:
        """With int8 elements."""
        return self._cast("int8")

    def byte(self) -> PackedSequence:
        """With uint8 elements."""
        return self._cast("uint8")

    def _cast(self, name: str) -> PackedSequence:
        from ...backends.dtype import DTYPES

        return self.to(dtype=DTYPES[name])

    def pin_memory(self) -> PackedSequence:
        """In memory from which copies to a CUDA device are faster."""
        pinned = (None if i is None else i.pin_memory() for i in self[2:])
        return type(self)(self.data.pin_memory(), self.batch_sizes, *pinned)

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the elements are in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes ``permutation`` (None stays None).

    >>> nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    count = FUNCTIONS["arange"](permutation.numel(), device=permutation.device)
    return FUNCTIONS["empty_like"](permutation).scatter(0, permutation, count)


def packed_rows(batch_sizes: list[int], batch: int) -> list[int]:
    """Where the elements of packed data are in the rows of padded data (T * batch, *)."""
    return [t * batch + n for t, count in enumerate(batch_sizes) for n in range(count)]


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences (T, N, *), or (N, T, *) with ``batch_first``.

    Args:
        lengths: of the N sequences, a list or a tensor on the CPU.
        enforce_sorted: raise unless the lengths fall; otherwise the sequences are sorted.

    >>> padded = torch.tensor([[1, 2], [3, 0]])
    >>> nn.utils.rnn.pack_padded_sequence(padded, [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    given: Any = lengths if isinstance(lengths, TensorBase) else tensor(list(lengths))
    if given.device.type != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{given.dim()}D {given.device} {_name(given)} tensor"
        )
    sizes = [int(n) for n in given.tolist()]
    sorted_indices = None
    if not enforce_sorted:
        order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
        sizes = [sizes[i] for i in order]
        sorted_indices = tensor(order, device=input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    _check_lengths(input, sizes, batch_first)
    if batch_first:
        input = input.transpose(0, 1)
    batch = input.size(1)
    batch_sizes = [sum(n > t for n in sizes) for t in range(sizes[0])]
    rows = tensor(packed_rows(batch_sizes, batch), device=input.device)
    flat = input.reshape((input.size(0) * batch, *input.shape[2:]))
    return PackedSequence(flat.index_select(0, rows), tensor(batch_sizes), sorted_indices)


def _name(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def _check_lengths(input: Any, sizes: list[int], batch_first: bool) -> None:
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    batch = input.size(0 if batch_first else 1)
    if len(sizes) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={batch})"
        )
    if min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(a < b for a, b in pairwise(sizes)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    steps = input.size(1 if batch_first else 0)
    if sizes[0] > steps:
        raise RuntimeError(
            f"Expected the longest length to be at most the padded size {steps}, but got {sizes[0]}"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, Any]:
    """The padded sequences (T, N, *), in their original order, and their lengths.

    ``total_length``: T, where it is to be more than the longest length (ValueError for less).

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    batch_sizes = sequence.batch_sizes.tolist()
    steps = len(batch_sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    padded = padded_data(sequence.data, batch_sizes, steps, padding_value)
    lengths = tensor([sum(size > n for size in batch_sizes) for n in range(batch_sizes[0])])
    if batch_first:
        padded = padded.transpose(0, 1)
    unsorted = sequence.unsorted_indices
    if unsorted is not None:
        padded = padded.index_select(0 if batch_first else 1, unsorted)
        lengths = lengths[unsorted.cpu()]
    return padded, lengths


def padded_data(data: Any, batch_sizes: list[int], steps: int, value: float = 0.0) -> Any:
    """Packed elements as (steps, N, *), in the order in which they are packed."""
    batch, sizes = batch_sizes[0], tuple(data.shape[1:])
    rows = tensor(packed_rows(batch_sizes, batch), device=data.device)
    empty = data.detach().new_full((steps * batch, *sizes), value)
    return empty.index_copy(0, rows, data).reshape((steps, batch, *sizes))


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:
    """Sequences (L, *) of several lengths, filled up: (T, N, *), or (N, T, *).

    >>> nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(s.size(0) for s in sequences)
    padded = []
    for s in sequences:
        missing = s.detach().new_full((longest - s.size(0), *s.shape[1:]), padding_value)
        parts = (missing, s) if padding_side == "left" else (s, missing)
        padded.append(FUNCTIONS["cat"](parts))
    return FUNCTIONS["stack"](padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences without what :func:`pad_sequence` added on the right.

    >>> padded, lengths = torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1])
    >>> nn.utils.rnn.unpad_sequence(padded, lengths, batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    sizes = lengths.tolist()
    return [s[:n] for s, n in zip(padded_sequences, sizes, strict=True)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (L, *); see :func:`pack_padded_sequence`.

    >>> nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = [s.size(0) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The list of sequences that was packed.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
