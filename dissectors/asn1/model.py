"""The resolved ASN.1 types that decoders, encoders and printers work from: every tag is final.

A `Type` is one use of a definition: its identifier octets from the outside in, and the shape of
what is inside the innermost one. An untagged CHOICE or open type has no tags of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

# a decoded value is plain JSON data, in the JER forms of docs/reference/values.md
Value: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive bound of a length or of a number; None is unbounded."""

    low: int | None
    high: int | None

    def holds(self, number: int) -> bool:
        """Say whether `number` lies within the bounds."""
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        low = "MIN" if self.low is None else self.low
        return f"{low}..{'MAX' if self.high is None else self.high}"


@dataclass(frozen=True, slots=True)
class Boolean:
    """BOOLEAN."""


@dataclass(frozen=True, slots=True)
class Null:
    """NULL."""


@dataclass(frozen=True, slots=True)
class Integer:
    """INTEGER or ENUMERATED, with its named numbers."""

    names: tuple[tuple[int, str], ...] = ()
    limits: Range | None = None


@dataclass(frozen=True, slots=True)
class Bits:
    """BIT STRING, with its named bits."""

    names: tuple[tuple[int, str], ...] = ()
    size: Range | None = None


@dataclass(frozen=True, slots=True)
class Octets:
    """OCTET STRING."""

    size: Range | None = None


@dataclass(frozen=True, slots=True)
class Oid:
    """OBJECT IDENTIFIER."""


@dataclass(frozen=True, slots=True)
class Text:
    """A character string type; `charset` is its ASN.1 name."""

    charset: str
    size: Range | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """UTCTime or GeneralizedTime."""

    form: str


@dataclass(frozen=True, slots=True)
class Open:
    """An open type (ANY): any one TLV."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An X.509 object that is kept as its DER bytes and opened only for display."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The shape of another definition, by its key in the schema."""

    key: str


@dataclass(frozen=True, slots=True)
class Field:
    """A component of a SEQUENCE or an alternative of a CHOICE."""

    name: str
    type: Type
    optional: bool = False
    default: Value = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """SEQUENCE; all of them are extensible, for the modules say EXTENSIBILITY IMPLIED."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """SEQUENCE OF or SET OF."""

    element: Type
    size: Range | None = None
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """CHOICE."""

    arms: tuple[Field, ...]


Shape: TypeAlias = (
    Boolean | Null | Integer | Bits | Octets | Oid | Text | Time | Open | Leaf | Ref
    | Sequence | ListOf | Choice
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """One use of a shape: identifier octets from the outside in, and a name to print."""

    tags: tuple[bytes, ...]
    shape: Shape
    label: str


@dataclass(frozen=True, slots=True)
class Schema:
    """All definitions of one spec version, by key; a key is the type name unless it is shadowed."""

    spec: str
    types: dict[str, Type]

    def shape(self, type_: Type) -> Shape:
        """Follow references to the shape inside the tags of `type_`."""
        shape = type_.shape
        while isinstance(shape, Ref):
            shape = self.types[shape.key].shape
        return shape

    def first_tags(self, type_: Type) -> tuple[bytes, ...]:
        """Return the identifier octets that a value of `type_` can start with; () is any."""
        if type_.tags:
            return (type_.tags[0],)
        shape = self.shape(type_)
        if isinstance(shape, Choice):
            return tuple(tag for arm in shape.arms for tag in self.first_tags(arm.type))
        return ()


def default_forms(shape: Shape, default: Value) -> tuple[Value, ...]:
    """Return the forms in which a value may give a DEFAULT: a name, and its number."""
    numbers = shape.names if isinstance(shape, Integer) else ()
    return (default, *(number for number, name in numbers if name == default))
