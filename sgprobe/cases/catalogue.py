"""The catalogue of test purposes (suites/catalogue): what is tested, with its clause and weight."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path

from sgprobe import ics
from sgprobe.cases import model as m
from sgprobe.cases.reading import ID
from sgprobe.cases.suite import LEVELS, near
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem
from sgprobe.layers import LAYERS
from sgprobe.problems import Problems, did_you_mean, shown
from sgprobe.yamlnode import Mapping, Scalar, Source
from sgprobe.yamltable import entries, mapping_of, only, text, texts, word, words

KINDS = ("positive", "negative", "robust", "timing")
CERTAINTIES = ("certain", "uncertain")
# SGP.41 alone: what it says, what its users ask, what our own binding asks
MARKS = ("certain", "derived", "recalled")
_FILE_KEYS = ("section", "title", "iut", "rows")
_ROW_KEYS = (
    "iut", "title", "stimulus", "expected", "clause", "kind", "layer", "ics", "level",
    "certainty", "open", "covers", "sets", "official",
)  # fmt: skip
_CLAUSE = re.compile(
    r"((?:(?:SGP\.[0-9]{2}|IFPP) v[0-9.]+|RFC [0-9]{3,5}|X\.690|ISO 7816-4|"
    r"TS (?:[0-9]{2}\.[0-9]{3}|[0-9]{3} [0-9]{3}))) §([A-Za-z0-9]+(?:\.[0-9]+)*)"
)


class Weight(Enum):
    """What it means that a case of a row does not hold."""

    FAILS = "fails"
    WARNS_UNLESS_STRICT = "warns unless strict"
    WARNS = "warns"


@dataclass(frozen=True, slots=True)
class Official:
    """An official test case; with a `topic`, a section or item that is no case we know by name."""

    key: str
    document: str
    section: str
    mark: str
    role: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Purpose:
    """One row: a test purpose, for one role or several."""

    id: str
    section: str
    roles: tuple[str, ...]
    title: str
    expected: str
    kind: str
    covers: tuple[str, ...]
    source: Source
    stimulus: str = ""
    # empty where no clause asks for it (level own), and for SGP.41, whose requirements have them
    clauses: tuple[str, ...] = ()
    ics: str = ""
    level: str = LEVELS[0]
    certain: bool = True
    # the point that is not certain
    open: str = ""
    layer: str = ""
    sets: tuple[str, ...] = ()
    # keys of official.yaml, each perhaps with ` #NN`, the sequence
    official: tuple[str, ...] = ()

    @property
    def weight(self) -> Weight:
        """Return what a failure means: what is not certain warns, strict or not."""
        if not self.certain:
            return Weight.WARNS
        return Weight.FAILS if self.level == LEVELS[0] else Weight.WARNS_UNLESS_STRICT


@dataclass(slots=True)
class Purposes:
    """The catalogue, read once; what is wrong with its files is in `problems`."""

    rows: dict[str, Purpose] = field(default_factory=dict)
    # files of one section, by its name: their titles
    sections: dict[str, list[str]] = field(default_factory=dict)
    official: dict[str, Official] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def official_names(self, ident: str, role: str) -> tuple[str, ...]:
        """Return the names that a report may print: certain ones of cases for that role."""
        row = self.rows.get(ident)
        found = []
        for name in row.official if row is not None else ():
            case = self.official.get(name.split(" #")[0])
            if case is not None and case.role == role and case.mark == "certain":
                found.append(name)
        return tuple(found)


@lru_cache(maxsize=8)
def load_purposes(root: Path | None = None) -> Purposes:
    """Return the catalogue of a suites folder, ours if none is named."""
    folder = root or data_dir("suites")
    problems = Problems()
    found = Purposes()
    if (folder / "official.yaml").is_file():
        _official(found, folder / "official.yaml", problems)
    # SGP.41 stands last
    files = (folder / "catalogue").glob("*.yaml")
    for path in sorted(files, key=lambda one: (one.name.startswith("ifpp"), one.name)):
        node = mapping_of(path, problems, near)
        if node is not None:
            _file(found, node, problems)
    found.problems = list(problems.all)
    return found


def section_of(clause: str) -> tuple[str, str]:
    """Return document and section of a clause, without its version."""
    document, _, section = clause.partition(" §")
    return document.split(" v")[0], section.split(" ")[0]


def _official(found: Purposes, path: Path, problems: Problems) -> None:
    for key, value in entries(mapping_of(path, problems, near), "official cases", problems):
        only(value, ("document", "section", "role", "topic", "mark"), problems)
        found.official[key.text] = Official(
            key.text,
            text(value, "document", problems),
            text(value, "section", problems, need=False),
            word(value, "mark", MARKS, problems),
            word(value, "role", m.ROLES, problems),
            text(value, "topic", problems, need=False),
        )
        if (value.get("role") is None) == (value.get("topic") is None):
            told = f"{shown(key.text)} needs the 'role' of a case, or a 'topic'"
            problems.add(key.source, told)


def _file(found: Purposes, node: Mapping, problems: Problems) -> None:
    only(node, _FILE_KEYS, problems)
    section = text(node, "section", problems)
    found.sections.setdefault(section, []).append(text(node, "title", problems))
    roles = words(node, "iut", m.ROLES, problems)
    for key, value in entries(node.get("rows"), "rows", problems):
        first = found.rows.get(key.text)
        if first is not None:
            told = f"{shown(key.text)} stands in {first.source.file} already"
            problems.add(key.source, told, "an id is given once")
        elif not ID.fullmatch(key.text):
            problems.add(key.source, f"{shown(key.text)} is no id", "such as ESIPA-EIM-GEP-006")
        found.rows[key.text] = _row(key, value, section, roles, found, problems)


def _row(
    key: Scalar,
    node: Mapping,
    section: str,
    roles: tuple[str, ...],
    found: Purposes,
    problems: Problems,
) -> Purpose:
    only(node, _ROW_KEYS, problems)
    row = Purpose(
        key.text,
        section,
        words(node, "iut", m.ROLES, problems) or roles,
        text(node, "title", problems),
        text(node, "expected", problems),
        word(node, "kind", KINDS, problems),
        tuple(one.text for one in texts(node, "covers", problems)),
        key.source,
        text(node, "stimulus", problems, need=False),
        tuple(_clause(one, problems) for one in texts(node, "clause", problems)),
        _condition(node, problems),
        word(node, "level", LEVELS, problems) or LEVELS[0],
        word(node, "certainty", CERTAINTIES, problems) in ("", "certain"),
        text(node, "open", problems, need=False),
        word(node, "layer", LAYERS, problems),
        tuple(one.text for one in texts(node, "sets", problems)),
        tuple(_known(one, found.official, problems) for one in texts(node, "official", problems)),
    )
    for wrong in _gaps(row):
        problems.add(key.source, f"{shown(row.id)} {wrong}")
    return row


def _gaps(row: Purpose) -> Iterable[str]:
    if not row.roles:
        yield "needs 'iut', here or at the top of the file"
    if not row.kind:
        yield f"needs 'kind': {', '.join(KINDS)}"
    if not row.covers:
        yield "needs 'covers': requirements of suites/requirements"
    if row.certain == bool(row.open):
        yield "needs 'certainty: uncertain' and 'open', the point in question, or neither"
    if not row.layer and bool(row.clauses) == (row.level == "own"):
        yield "needs 'clause', or 'level: own' where no clause asks for it"


def _clause(node: Scalar, problems: Problems) -> str:
    if not _CLAUSE.fullmatch(node.text):
        problems.add(
            node.source,
            f"{shown(node.text)} is no clause",
            "such as `SGP.32 v1.2 §5.14.5` or `RFC 7959 §2.4`",
        )
    return node.text


def _condition(node: Mapping, problems: Problems) -> str:
    condition = text(node, "ics", problems, need=False)
    value = node.get("ics")
    if condition and value is not None:
        try:
            ics.parse(condition)
        except ics.ExpressionError as error:
            problems.add(value.source, str(error), error.hint)
            return ""
    return condition


def _known(node: Scalar, official: dict[str, Official], problems: Problems) -> str:
    name = node.text.split(" #")[0]
    if name not in official:
        told = f"{shown(name)} does not stand in official.yaml"
        problems.add(node.source, told, did_you_mean(name, official))
    return node.text
