"""The files of a profile: directories and elementary files as ETSI TS 102 221 §8 has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a file is."""

    DIRECTORY = "directory"
    APPLICATION = "application"
    TRANSPARENT = "transparent"
    LINEAR = "linear"
    CYCLIC = "cyclic"
    BER_TLV = "ber-tlv"


@dataclass(slots=True)
class Pin:
    """A PIN or administrative key of a directory; `left` counts the tries that remain."""

    value: bytes = field(repr=False)
    puk: int | None
    enabled: bool
    most: int
    left: int


@dataclass(slots=True)
class Puk:
    """An unblocking code."""

    value: bytes = field(repr=False)
    most: int
    left: int


@dataclass(slots=True, eq=False)
class File:
    """One file. `rule` names the record of an EF.ARR that says who may do what."""

    fid: str
    kind: Kind
    parent: File | None = None
    content: bytearray = field(default_factory=bytearray, repr=False)
    record: int = 0
    rule: tuple[str, int] | None = None
    sfi: int | None = None
    name: bytes = b""
    # references of the PINs that a directory's template names
    pin_references: tuple[int, ...] = ()
    pins: dict[int, Pin] = field(default_factory=dict)
    puks: dict[int, Puk] = field(default_factory=dict)
    children: dict[str, File] = field(default_factory=dict, repr=False)

    @property
    def is_directory(self) -> bool:
        """Whether files can stand in it."""
        return self.kind in (Kind.DIRECTORY, Kind.APPLICATION)

    @property
    def has_records(self) -> bool:
        """Whether its content is read by record."""
        return self.kind in (Kind.LINEAR, Kind.CYCLIC)

    @property
    def records(self) -> int:
        """How many records it has."""
        return len(self.content) // self.record if self.record else 0

    def add(self, file: File) -> None:
        """Put a file into this directory, in place of one with its identifier."""
        file.parent = self
        self.children[file.fid] = file

    def up(self) -> Iterator[File]:
        """Walk from this file to the root."""
        at: File | None = self
        while at is not None:
            yield at
            at = at.parent

    @property
    def path(self) -> str:
        """The identifiers from below the root down to this file."""
        return "".join(one.fid for one in reversed(list(self.up())))[4:]

    def find(self, path: str) -> File | None:
        """Return the file at a path of identifiers, four hex digits each."""
        at: File | None = self
        for place in range(0, len(path), 4):
            if at is None:
                return None
            at = at.children.get(path[place : place + 4])
        return at


@dataclass(frozen=True, slots=True)
class Aka:
    """What authenticates the subscription: the algorithm and its keys."""

    # PEDefinitions, AlgoParameter: 1 Milenage, 2 TUAK, 3 the test algorithm
    algorithm: int
    key: bytes = field(repr=False)
    opc: bytes = field(repr=False)
    sqn_options: int
    sqn_delta: int
    sqn_age: int
    sqn: tuple[int, ...]


@dataclass(slots=True)
class Contents:
    """Everything that a profile's elements have made."""

    root: File = field(default_factory=lambda: File("3f00", Kind.DIRECTORY))
    iccid: str = ""
    aka: Aka | None = None
    connectivity: bytes | None = None

    @property
    def applications(self) -> list[File]:
        """The ADFs, in the order of their creation."""
        return [one for one in self.root.children.values() if one.kind is Kind.APPLICATION]
