"""Reads tables of YAML data: entries by name, texts, and words of a closed list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sgprobe.fileerror import FileError
from sgprobe.problems import Problems, did_you_mean, shown
from sgprobe.yamlfile import read_file
from sgprobe.yamlnode import Items, Mapping, Node, Scalar


def mapping_of(path: Path, problems: Problems, near: Callable[[Path], str] = str) -> Mapping | None:
    """Return what a file holds, None where it cannot be read or holds no keys."""
    try:
        node = read_file(path, near(path))
    except FileError as error:
        problems.extend(error.problems)
        return None
    if isinstance(node, Mapping):
        return node
    problems.add(node.source, "the file holds no keys")
    return None


def entries(node: Node | None, what: str, problems: Problems) -> list[tuple[Scalar, Mapping]]:
    """Return the entries of a table by their names."""
    if node is not None and not isinstance(node, Mapping):
        problems.add(node.source, f"{what} stand by name")
    found = []
    for key, value in node.entries if isinstance(node, Mapping) else ():
        if isinstance(value, Mapping):
            found.append((key, value))
        else:
            problems.add(value.source, f"{shown(key.text)} needs keys of its own")
    return found


def only(node: Mapping, names: Iterable[str], problems: Problems) -> None:
    """Say which keys are not of these names."""
    for key, _ in node.entries:
        if key.text not in names:
            problems.add(
                key.source,
                f"{shown(key.text)} is not a key here ({', '.join(names)})",
                did_you_mean(key.text, names),
            )


def text(node: Mapping, name: str, problems: Problems, *, need: bool = True) -> str:
    """Return the text at a key, on one line, "" where it is absent."""
    value = node.get(name)
    if isinstance(value, Scalar) and value.text:
        return " ".join(value.text.split())
    if need or value is not None:
        problems.add((value or node).source, f"the text '{name}' is missing here")
    return ""


def texts(node: Mapping, name: str, problems: Problems) -> tuple[Scalar, ...]:
    """Return the texts at a key, with their places; one text is a list of one."""
    value = node.get(name)
    if value is None:
        return ()
    items = value.items if isinstance(value, Items) else (value,)
    found = tuple(one for one in items if isinstance(one, Scalar) and one.text)
    if not found or len(found) < len(items):
        problems.add(value.source, f"'{name}' holds texts")
    return found


def word(node: Mapping, name: str, known: Iterable[str], problems: Problems) -> str:
    """Return one of the known words, "" where none stands."""
    value = node.get(name)
    return "" if value is None else known_word(value, known, problems)


def words(node: Mapping, name: str, known: Iterable[str], problems: Problems) -> tuple[str, ...]:
    """Return a list of known words."""
    return tuple(known_word(one, known, problems) for one in texts(node, name, problems))


def known_word(node: Node, known: Iterable[str], problems: Problems) -> str:
    """Return the text of a node, said to be wrong where it is not one of the known words."""
    given = node.text if isinstance(node, Scalar) else ""
    if given not in known:
        problems.add(
            node.source,
            f"{shown(given)} is not one of {', '.join(known)}",
            did_you_mean(given, known),
        )
    return given
