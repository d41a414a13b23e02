"""Which function a JSON body belongs to: by its path, by the end of another, by its members."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from dissectors.finding import Finding, finding
from dissectors.spec.functions import ES2, ES9, ES11, ES12, ESIPA, FUNCTIONS, Function
from dissectors.spec.json_members import ESIPA_MARKS, REQUEST_MARKS, RESPONSE_MARKS
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE

HEADER = "header"
_DEEPEST = 64
# what products write in a path for an interface
_WORDS = (("esipa", ESIPA), ("es9", ES9), ("es11", ES11), ("es12", ES12), ("es2", ES2))


class Parsed(NamedTuple):
    """A JSON text as a value, or what is wrong with it."""

    value: Any
    problem: Finding | None = None

    @property
    def members(self) -> dict[str, Any]:
        """Return the members of an object, none of anything else."""
        return self.value if isinstance(self.value, dict) else {}


def looks_like_json(octets: bytes) -> bool:
    """Say whether a body begins as a JSON object does."""
    return octets[:64].lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{"


def parse(octets: bytes) -> Parsed:
    """Read a JSON text; no constant that JSON has not, no nesting without end."""
    try:
        value = json.loads(octets, parse_constant=_no_constant)
    except RecursionError:
        return Parsed(None, finding(codes.JSON_DEPTH, "the JSON is nested too deep"))
    except UnicodeDecodeError as error:
        text = f"not UTF-8: {error.reason}"
        return Parsed(None, finding(codes.JSON, text, offset=error.start))
    except ValueError as error:
        offset = getattr(error, "pos", 0)
        return Parsed(None, finding(codes.JSON, str(error)[:120], offset=offset))
    if octets.count(b"{") + octets.count(b"[") > _DEEPEST and _depth(value) > _DEEPEST:
        text = f"the JSON is nested more than {_DEEPEST} deep"
        return Parsed(None, finding(codes.JSON_DEPTH, text))
    return Parsed(value)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        level = [one for one in below if isinstance(one, dict | list)]
    return depth


@lru_cache(maxsize=1)
def by_path() -> dict[str, Function]:
    """Return the functions of the JSON bindings by their paths."""
    return {function.path: function for function in reversed(FUNCTIONS) if function.path}


def function_of(kind: str, path: str, members: dict[str, Any]) -> Function | None:
    """Return the function of a body that went to `path`, or None where nothing tells it."""
    function = by_path().get(path)
    if function is not None or not members:
        return function
    lowered = path.lower()
    marks = REQUEST_MARKS if kind == REQUEST else RESPONSE_MARKS
    marked = next((name for mark, name in marks if mark in members), "")
    interface = next((one for word, one in _WORDS if f"/{word}" in lowered), None)
    names = [marked]
    if interface or marked or HEADER in members:
        # the end of a path alone is no sign: every shop has its cancelOrder
        names.insert(0, lowered.rstrip("/").rsplit("/", 1)[-1])
    for name in names:
        function = by_name(name, members, interface)
        if function is not None:
            return function
    return None


def by_name(name: str, members: dict[str, Any], interface: str | None = None) -> Function | None:
    """Return the function that a JSON binding calls so: of an interface, of ESipa if a member says
    so, else of ES9+.
    """
    named = [f for f in FUNCTIONS if f.json is not None and f.json.lower() == name.lower()]
    esipa = ESIPA if not ESIPA_MARKS.isdisjoint(members) else None
    for wanted in (interface, esipa, ES9):
        for function in named:
            if function.interface == wanted:
                return function
    return named[0] if named else None


def kind_of(members: dict[str, Any]) -> str:
    """Return whether a body that stands alone asks or answers."""
    header = members.get(HEADER)
    if isinstance(header, dict) and "functionExecutionStatus" in header:
        return RESPONSE
    asks = any(mark in members for mark, _ in REQUEST_MARKS)
    answers = any(mark in members for mark, _ in RESPONSE_MARKS)
    return RESPONSE if answers and not asks else REQUEST


def with_events(function: Function, value: object) -> Function:
    """Return the ES11 function where an answer on the paths of ES9+ lists events (likely)."""
    if function.interface == ES9 and isinstance(value, dict) and "eventEntries" in value:
        return next(f for f in FUNCTIONS if f.interface == ES11 and f.name == function.name)
    return function
