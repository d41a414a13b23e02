"""Reads a case file or a steps file: its shape alone; `plan` checks it against a version."""

from __future__ import annotations

import re
from pathlib import Path

from sgprobe.cases import model as m
from sgprobe.cases.errors import CaseError, Problems, did_you_mean, shown
from sgprobe.cases.keys import CASE, QUANTIFIERS, STEPS_FILE, TRACE
from sgprobe.cases.load_steps import load_peers, load_steps
from sgprobe.cases.reading import NAME, Reader
from sgprobe.cases.variants import load_axes
from sgprobe.fileerror import FileError
from sgprobe.yamlfile import read, read_file
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source, kind

CASE_ENDING, STEPS_ENDING = ".case.yaml", ".steps.yaml"
_CLAUSE = re.compile(
    r"(?P<spec>SGP\.[0-9]{2}|IFPP|RFC [0-9]{3,5}|TS (?:[0-9]{2}\.[0-9]{3}|[0-9]{3} [0-9]{3}))"
    r"(?: v(?P<version>[0-9.]+))? "
    r"§(?P<section>[A-Za-z0-9]+(?:\.[0-9]+)*'?)(?: (?P<title>.+))?"
)


def load_case(path: Path, name: str | None = None) -> m.Case:
    """Return a case; raises CaseError with everything that is wrong with its shape."""
    return _whole(_read(path, name), path.name.removesuffix(CASE_ENDING))


def load_text(text: str | bytes, name: str, stem: str | None = None) -> m.Case:
    """Return a case from text, as `load_case` does."""
    try:
        node = read(text, name)
    except FileError as error:
        raise CaseError(error.problems) from None
    return _whole(node, stem)


def load_steps_file(path: Path, name: str, shown_name: str | None = None) -> m.StepsFile:
    """Return a steps file; `name` is what `do` calls it."""
    problems = Problems()
    node = _top(_read(path, shown_name), problems)
    reader = Reader(node, STEPS_FILE, problems, "a steps file")
    loaded = m.StepsFile(
        name,
        reader.text("title"),
        _declared(reader.mapping("inputs"), problems),
        _declared(reader.mapping("outputs"), problems),
        load_steps(reader.items("steps"), problems),
        node.source,
    )
    problems.raise_errors()
    return loaded


def _read(path: Path, name: str | None) -> Node:
    try:
        return read_file(path, name)
    except FileError as error:
        raise CaseError(error.problems) from None


def _top(node: Node, problems: Problems) -> Mapping:
    if isinstance(node, Mapping):
        return node
    problems.add(
        Source(node.source.file),
        f"the file holds {kind(node)}, not keys",
        "such as `case: ESIPA-EIM-GEP-006`",
    )
    raise CaseError(problems.errors)


def _declared(node: Mapping | None, problems: Problems) -> tuple[Scalar, ...]:
    names = []
    for key, value in node.entries if node is not None else ():
        if not NAME.fullmatch(key.text):
            problems.add(key.source, f"{shown(key.text)} is no name")
        elif not isinstance(value, Scalar) or not value.text:
            problems.add(value.source, f"'{key.text}' needs a sentence that says what it is")
        else:
            names.append(key)
    return tuple(names)


def _whole(node: Node, stem: str | None) -> m.Case:
    problems = Problems()
    top = _top(node, problems)
    reader = Reader(top, CASE, problems, "a case")
    ident = reader.scalar("case")
    if ident is not None and stem is not None and ident.text != stem:
        text = f"the case is {shown(ident.text)}, the file is {shown(stem + CASE_ENDING)}"
        problems.add(ident.source, text, f"name the file {ident.text}{CASE_ENDING}")
    peers, variants = reader.mapping("peers"), reader.mapping("variants")
    axes, excluded = load_axes(variants, problems) if variants is not None else ((), ())
    case = m.Case(
        ident.text if ident is not None else "",
        reader.text("title"),
        _roles(reader, problems),
        tuple(c for text in reader.texts("spec") if (c := clause(text, problems)) is not None),
        reader.texts("covers"),
        reader.scalar("applies-if"),
        axes,
        excluded,
        load_steps(reader.items("given"), problems),
        load_peers(peers, problems) if peers is not None else (),
        load_steps(reader.items("steps"), problems),
        tuple(r for one in reader.items("trace") if (r := _trace(one, problems)) is not None),
        load_steps(reader.items("cleanup"), problems),
        reader.scalar("since"),
        reader.scalar("until"),
        top.source,
    )
    key = top.key("steps")
    if key is not None and reader.value("steps") is not None and not reader.items("steps"):
        problems.add(key.source, "no step at all: the case would check nothing")
    problems.raise_errors()
    return case


def _roles(reader: Reader, problems: Problems) -> tuple[str, ...]:
    roles: list[str] = []
    for text in reader.texts("iut"):
        if text.text not in m.ROLES:
            problems.add(
                text.source,
                f"{shown(text.text)} is not a role ({', '.join(m.ROLES)})",
                did_you_mean(text.text, m.ROLES),
            )
        elif text.text in roles:
            problems.add(text.source, f"'{text.text}' stands twice")
        else:
            roles.append(text.text)
    return tuple(roles)


def clause(text: Scalar, problems: Problems) -> m.Clause | None:
    """Return the clause that a text names."""
    found = _CLAUSE.fullmatch(text.text)
    if found is None:
        problems.add(
            text.source,
            f"{shown(text.text)} is no clause",
            "such as `SGP.32 v1.2 §5.14.5 GetEimPackage` or `RFC 7959 §2.4`",
        )
        return None
    if found["spec"].startswith("SGP") and not found["version"]:
        problems.add(
            text.source,
            f"{shown(text.text)} names no version",
            f"such as `{found['spec']} v1.2 §{found['section']}`",
        )
    return m.Clause(
        found["spec"], found["version"] or "", found["section"], found["title"] or "", text.source
    )


def _trace(node: Node, problems: Problems) -> m.TraceRule | None:
    if not isinstance(node, Mapping):
        problems.add(
            node.source,
            f"a trace assertion is a mapping, not {kind(node)}",
            "such as `never: {tls.version: <lower than 1.2>}`",
        )
        return None
    reader = Reader(node, TRACE, problems, "a trace assertion")
    chosen = [name for name in QUANTIFIERS if node.key(name) is not None]
    if len(chosen) != 1:
        words = "none" if not chosen else " and ".join(chosen)
        text = f"a trace assertion has exactly one of {', '.join(QUANTIFIERS)}; here: {words}"
        problems.add(node.source, text)
        return None
    test = reader.value(chosen[0])
    if test is None:
        return None
    if isinstance(test, Items):
        for item in test:
            if not isinstance(item, Mapping):
                problems.add(
                    item.source,
                    f"'in-order' holds tests, not {kind(item)}",
                    "such as `{type: GetEimPackageRequest}`",
                )
    return m.TraceRule(
        reader.text("name"),
        reader.scalar("when"),
        reader.mapping("where"),
        chosen[0],
        test,
        reader.text("because"),
        node.source,
    )
