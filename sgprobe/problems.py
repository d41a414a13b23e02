"""Gathers the problems of a file, so that one check shows all of them, in words that help."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sgprobe.fileerror import FileError, Problem, safe
from sgprobe.yamlnode import Source

_SHOWN = 60


class Problems:
    """Gathers problems; a place and text are kept once."""

    __slots__ = ("_found",)

    # what `raise_errors` raises
    error: type[FileError] = FileError

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, source: Source, text: str, hint: str = "", *, warning: bool = False) -> None:
        """Note one problem."""
        self._found[Problem(source, text, hint, warning)] = None

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note problems found elsewhere."""
        self._found.update(dict.fromkeys(problems))

    @property
    def all(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the file."""
        return tuple(
            sorted(self._found, key=lambda p: (p.source.file, p.source.line, p.source.column))
        )

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that are no warnings."""
        return tuple(problem for problem in self.all if not problem.warning)

    def __len__(self) -> int:
        return len(self._found)

    def raise_errors(self) -> None:
        """Raise what is wrong as one error, if anything is."""
        if self.errors:
            raise self.error(self.errors)


def shown(text: str) -> str:
    """Return a text in quotes, shortened and safe to print."""
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f"'{safe(short)}'"


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return the hint that names the nearest of `names`, or nothing."""
    by_case = {name.lower(): name for name in names}
    wanted = text[:80].lower()
    near = difflib.get_close_matches(wanted, by_case, 3, 0.6 if len(wanted) > 3 else 0.5)
    # two letters in the wrong order are nearer than another letter
    near.sort(key=lambda name: sorted(name) != sorted(wanted))
    return f"did you mean '{by_case[near[0]]}'?" if near else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names with commas, the rest as an ellipsis."""
    known = list(names)
    return ", ".join(known[:most] + (["…"] if len(known) > most else []))
