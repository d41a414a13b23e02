"""Finds what comes twice among millions, in eight octets each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b


def mark(kind: str, text: str) -> int:
    """Return a 64-bit mark of a name; two names share one by chance once in 2^64."""
    return int.from_bytes(blake2b(f"{kind}\0{text}".encode(), digest_size=8).digest(), "little")


class Marks:
    """Marks of all names of a delivery: who is there twice, and who is in another one, too."""

    def __init__(self, marks: Iterable[int] = ()) -> None:
        self._marks = array("Q", marks)
        self._sorted = False

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, number: int) -> None:
        """Add a mark."""
        self._marks.append(number)
        self._sorted = False

    def _sort(self) -> array[int]:
        if not self._sorted:
            self._marks = array("Q", sorted(self._marks))
            self._sorted = True
        return self._marks

    def repeated(self) -> set[int]:
        """Return the marks that are there more than once."""
        marks = self._sort()
        return {one for one, two in zip(marks, memoryview(marks)[1:], strict=False) if one == two}

    def shared(self, other: Marks) -> set[int]:
        """Return the marks that both have."""
        return set(_common(iter(self._sort()), iter(other._sort())))

    def to_bytes(self) -> bytes:
        """Return the marks as octets, to be kept."""
        return self._sort().tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Marks:
        """Return marks that were kept."""
        made = cls()
        made._marks.frombytes(data[: len(data) // 8 * 8])
        return made


def _common(left: Iterator[int], right: Iterator[int]) -> Iterator[int]:
    one, two = next(left, None), next(right, None)
    while one is not None and two is not None:
        if one == two:
            yield one
        if one <= two:
            one = next(left, None)
        else:
            two = next(right, None)
