"""Paths into the value of a message, as filters and columns write them.

`counterValue` finds every member of that name, however deep; `psmoList.enable.iccid` those at the
end of such a path. An index in brackets may be left out: `psmoList[0].enable` is one of them.
"""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]
_PIECE = re.compile(r"([^.\[\]]+)|\[(\d{1,9})\]")
# members of one hostile message that are looked at
_MOST = 200_000
_FEW = 1000
_NESTED = frozenset({dict, list})


def parse_path(text: str) -> Path:
    """Return the names and indices of a path; raises ValueError where it is none."""
    path: list[str | int] = []
    at = 0
    text = text.removeprefix("value.")
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise ValueError(f"{text[:60]!r} is no path")
        path.append(found[1] if found[1] is not None else int(found[2]))
        at = found.end()
        if at < len(text) and text[at] == ".":
            at += 1
            if at == len(text):
                raise ValueError(f"{text[:60]!r} ends with a dot")
    if not path:
        raise ValueError("an empty path")
    return tuple(path)


def find(value: Any, path: Path) -> list[Any]:
    """Return what stands at the end of a path, anywhere in a value; in the order of the value."""
    if len(path) == 1 and isinstance(path[0], str):
        return find_names(value, frozenset((path[0],))).get(path[0], [])
    found: list[Any] = []
    pending: list[tuple[Path, Any]] = [((), value)]
    left = _MOST
    while pending and left:
        left -= 1
        at, one = pending.pop()
        if at and _ends_with(at, path):
            found.append(one)
        elif isinstance(one, dict):
            pending += [((*at, name), one[name]) for name in reversed(one)]
        elif isinstance(one, list):
            pending += [((*at, index), one[index]) for index in reversed(range(len(one)))]
    return found


def find_names(value: Any, names: frozenset[str]) -> dict[str, list[Any]]:
    """Return the members of each name, as `find` does: what stands once is found without a look at
    the order, which costs.
    """
    pending: list[Any] = [value]
    hits: dict[str, list[Any]] = {}
    for one in pending:  # which grows
        if isinstance(one, dict):
            if not names.isdisjoint(one):
                for name in names & one.keys():
                    if name in hits or isinstance(one[name], dict | list):
                        return _in_order(value, names)
                    hits[name] = [one[name]]
            pending += [below for below in one.values() if below.__class__ in _NESTED]
        elif isinstance(one, list):
            pending += [below for below in one if below.__class__ in _NESTED]
        if len(pending) > _FEW:
            return _in_order(value, names)
    return hits


def _in_order(value: Any, names: frozenset[str]) -> dict[str, list[Any]]:
    return {name: _named_in_order(value, name) for name in names}


def _named_in_order(value: Any, name: str) -> list[Any]:
    found: list[Any] = []
    pending = [value]
    left = _MOST
    while pending and left:
        left -= 1
        one = pending.pop()
        if isinstance(one, _Hit):
            found.append(one.value)
        elif isinstance(one, dict):
            for key in reversed(one):
                below = one[key]
                if key == name:
                    pending.append(_Hit(below))
                elif isinstance(below, dict | list):
                    pending.append(below)
        elif isinstance(one, list):
            pending += [below for below in reversed(one) if isinstance(below, dict | list)]
    return found


class _Hit:
    """A value that was found, in its turn."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _ends_with(at: Path, path: Path) -> bool:
    """Compare from the end, name by name: the indices behind a name may be given in part."""
    here, wanted = len(at), len(path)
    while wanted:
        indices: list[str | int] = []
        have: list[str | int] = []
        while wanted and isinstance(path[wanted - 1], int):
            wanted -= 1
            indices.insert(0, path[wanted])
        while here and isinstance(at[here - 1], int):
            here -= 1
            have.insert(0, at[here])
        if not wanted:  # a path that begins with an index
            return have[len(have) - len(indices) :] == indices
        if have[: len(indices)] != indices or not here or at[here - 1] != path[wanted - 1]:
            return False
        here -= 1
        wanted -= 1
    return True


def flat(values: list[Any]) -> list[Any]:
    """Return values with the elements of lists in place of the lists."""
    out: list[Any] = []
    for value in values:
        out += flat(value) if isinstance(value, list) else [value]
    return out
