"""Operations as JSON members and back: strict, with an error that says what is wrong and where."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from sgprobe.peers.eim.operations import OPERATIONS, Operation

# an activation code has at most 255 characters; a certificate in hex is below this
MAX_TEXT = 16_384
MAX_LIST = 64


class OrderError(ValueError):
    """The operator asked for what cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member of an operation: its name, its JSON type, and whether it must be there."""

    name: str
    # string, boolean, integer or array (of strings)
    type: str
    required: bool


_TYPES: dict[Any, str] = {
    str: "string",
    str | None: "string",
    int: "integer",
    int | None: "integer",
    bool: "boolean",
    tuple[str, ...]: "array",
}


def _fields_of(kind: type[Operation]) -> tuple[Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        Field(_name(one.name), _TYPES[hints[one.name]], one.default is MISSING)
        for one in fields(kind)
    )


def _name(attribute: str) -> str:
    return attribute.replace("_", "-")


# the members of every operation
FIELDS: dict[str, tuple[Field, ...]] = {op: _fields_of(kind) for op, kind in OPERATIONS.items()}


def to_members(operation: Operation) -> dict[str, Any]:
    """Return an operation as JSON members; what has its default is left out."""
    told: dict[str, Any] = {"op": operation.op}
    for one in fields(operation):
        value = getattr(operation, one.name)
        if value != one.default:
            told[_name(one.name)] = list(value) if isinstance(value, tuple) else value
    return told


def from_members(members: Any, where: str = "operation") -> Operation:
    """Return the operation in JSON members."""
    if not isinstance(members, dict):
        raise OrderError(f"{where} is no object")
    op = members.get("op")
    kind = OPERATIONS.get(op) if isinstance(op, str) else None
    if kind is None:
        raise OrderError(f"{where}.op is one of {', '.join(OPERATIONS)}")
    known = {one.name: one for one in FIELDS[kind.op]}
    unknown = sorted(members.keys() - known.keys() - {"op"})
    if unknown:
        raise OrderError(f"{where}: {op} has no member {unknown[0][:40]!r}")
    found: dict[str, Any] = {}
    for name, field in known.items():
        value = members.get(name)
        if value is None:
            if field.required:
                raise OrderError(f"{where}.{name} is missing")
            continue
        _check(field, value, f"{where}.{name}")
        found[name.replace("-", "_")] = tuple(value) if field.type == "array" else value
    return kind(**found)


def _check(field: Field, value: Any, where: str) -> None:
    if field.type == "array":
        if not isinstance(value, list) or len(value) > MAX_LIST:
            raise OrderError(f"{where} is no list of at most {MAX_LIST} texts")
        for one in value:
            _check_text(one, where)
    elif field.type == "string":
        _check_text(value, where)
    elif field.type == "boolean":
        if not isinstance(value, bool):
            raise OrderError(f"{where} is no boolean")
    elif not isinstance(value, int) or isinstance(value, bool):
        raise OrderError(f"{where} is no integer")


def _check_text(value: Any, where: str) -> None:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise OrderError(f"{where} is no printable text of at most {MAX_TEXT} characters")
