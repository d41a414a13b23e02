"""The tree of what was compared, as rows to show: only changed branches are opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sgprobe.report.text import plain, short

_DEEPEST = 40
_MOST = 400
_LONG = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One element: a leaf that was compared, or the head of a branch."""

    depth: int
    name: str
    good: bool
    unsure: bool
    leaf: bool
    expected: str
    actual: str
    hint: str
    line: int
    # elements inside a branch that is not opened
    folded: int = 0


def rows(tree: dict[str, Any] | None) -> list[Row]:
    """Return the rows of a comparison."""
    found: list[Row] = []
    for row in _rows(tree or {}, 0, ""):
        found.append(row)
        if len(found) >= _MOST:
            break
    return found


def named(tree: dict[str, Any] | None) -> tuple[int, int]:
    """Return how many elements differ, and how many were compared."""
    leaves = [node for node in _leaves(tree or {}, 0) if node]
    return sum(not node.get("good") for node in leaves), len(leaves)


def _inside(node: dict[str, Any]) -> list[dict[str, Any]]:
    inside = node.get("inside")
    return [one for one in inside if isinstance(one, dict)] if isinstance(inside, list) else []


def _leaves(node: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    inside = _inside(node)
    if not inside or depth > _DEEPEST:
        yield node
        return
    for one in inside:
        yield from _leaves(one, depth + 1)


def _text(node: dict[str, Any], key: str) -> str:
    value = node.get(key)
    return plain(short(value, _LONG)) if isinstance(value, str) else ""


def _joined(path: str, name: str) -> str:
    return path + name if not path or name.startswith("[") else f"{path}.{name}"


def _rows(node: dict[str, Any], depth: int, path: str) -> Iterator[Row]:
    name = _joined(path, _text(node, "name"))
    inside = _inside(node)
    good, unsure = bool(node.get("good")), bool(node.get("unsure"))
    line = node.get("line")
    line = line if isinstance(line, int) else 0
    if inside and len(inside) == 1 and depth < _DEEPEST and len(name) < 80:
        yield from _rows(inside[0], depth, name)
    elif not inside or depth >= _DEEPEST:
        if node:
            yield Row(depth, name or "the value", good, unsure, True, _text(node, "expected"),
                      _text(node, "actual"), _text(node, "hint"), line)  # fmt: skip
    elif good:
        folded = sum(1 for _ in _leaves(node, 0))
        yield Row(depth, name or "the value", True, False, False, "", "", "", line, folded)
    else:
        if name:
            yield Row(depth, name, False, unsure, False, "", "", "", line)
        for one in inside:
            yield from _rows(one, depth + bool(name), "")
