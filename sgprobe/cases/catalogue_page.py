"""Makes docs/reference/catalogue.md: how many test purposes there are, how many have a case."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable

from sgprobe.cases.catalogue import KINDS, Purpose, Purposes, Weight, load_purposes
from sgprobe.cases.notyet import LATER, NOT_YET, REMAKE, STATES, Progress, not_yet, progress
from sgprobe.cases.runsets import RunSets, load_runsets
from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.fileerror import render
from sgprobe.layers import LAYERS

_CASE = "case"
_PAGE = "docs/reference/catalogue.md"
_INTRO = f"""\
# The catalogue of test purposes

Made by `{REMAKE}`; a test compares it.

Every row of suites/catalogue is one test purpose: who is tested, what is done, what a conforming
product does, the clause, and what a failure means. A row for two roles counts once; it has a case
when every role has one. What each word means stands in [judging](../explanation/judging.md).
"""


def page(purposes: Purposes, found: Progress, runsets: RunSets) -> str:
    """Return the page in Markdown."""
    states = {row.id: state_of(row, found) for row in purposes.rows.values()}
    rows = list(purposes.rows.values())
    out = [_INTRO, "## By section", ""]
    columns = (_CASE, *STATES)
    out += _head(["section", "rows", *KINDS, *columns])
    for section, titles in purposes.sections.items():
        inside = [row for row in rows if row.section == section]
        out.append(_line(f"{section}. {_common(titles)}", inside, states, columns))
    out.append(_line("all", rows, states, columns))
    out += ["", *(f"- `{state}`: {told}." for state, told in STATES.items())]
    out += ["", "## By role under test", "", *_head(["role", "rows", *columns])]
    done = found.done()
    for role, count in Counter(role for row in rows for role in row.roles).most_common():
        here = Counter(
            _CASE if (row.id, role) in done else found.states.get((row.id, role), LATER)
            for row in rows
            if role in row.roles
        )
        out.append(f"| {role} | {count} | " + " | ".join(str(here[one]) for one in columns) + " |")
    out += ["", "## What a failure means", "", *_head(["a failure", "rows"])]
    weights = Counter(row.weight for row in rows)
    out += [f"| {weight.value} | {weights[weight]} |" for weight in Weight]
    out += ["", "## Rows for SGP.41", "", *_head(["layer", "rows", "what it is"])]
    layers = Counter(row.layer for row in rows)
    out += [f"| {layer} | {layers[layer]} | {LAYERS[layer]} |" for layer in LAYERS]
    out += ["", "## Plans", "", *_head(["plan", "rows", "with a case", "what it is"])]
    for one in runsets.sets.values():
        ready = sum(states[ident] == _CASE for ident in one.ids)
        out.append(f"| `{one.name}` | {len(one.ids)} | {ready} | {one.title} |")
    return "\n".join(out) + "\n"


def state_of(row: Purpose, found: Progress) -> str:
    """Return the state of a row: `case`, or the worst of its roles."""
    roles = {role for case in found.cases.get(row.id, ()) for role in case.roles}
    left = [found.states.get((row.id, role), LATER) for role in row.roles if role not in roles]
    return max(left, key=list(STATES).index) if left else _CASE


def _common(titles: list[str]) -> str:
    """Return the title of a section; those of several files share the part before the colon."""
    return titles[0] if len(titles) == 1 else titles[0].split(":")[0]


def _head(names: list[str]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _line(
    name: str, rows: Iterable[Purpose], states: dict[str, str], columns: Iterable[str]
) -> str:
    inside = list(rows)
    kinds = Counter(row.kind for row in inside)
    here = Counter(states[row.id] for row in inside)
    cells = [len(inside), *(kinds[kind] for kind in KINDS), *(here[one] for one in columns)]
    return f"| {name} | {' | '.join(map(str, cells))} |"


def main(arguments: list[str] | None = None) -> int:
    """Say what is out of step; with --write, remake not-yet.yaml and the page first."""
    parser = argparse.ArgumentParser(prog=REMAKE.removesuffix(" --write"), description=main.__doc__)
    parser.add_argument("--write", action="store_true", help=f"remake {NOT_YET} and {_PAGE}")
    chosen = parser.parse_args(arguments)
    root = data_dir("suites")
    purposes, suite, runsets = load_purposes(root), load_suite(root), load_runsets(root)
    found = progress(root, purposes, suite)
    if chosen.write:
        made = not_yet(purposes, found.done(), found.states)
        (root / NOT_YET).write_text(made, encoding="utf-8")
        found = progress(root, purposes, suite)
        (root.parent / _PAGE).write_text(page(purposes, found, runsets), encoding="utf-8")
    problems = [*purposes.problems, *runsets.problems, *found.problems]
    for problem in problems:
        print(render(problem))
    ready = sum(state_of(row, found) == _CASE for row in purposes.rows.values())
    print(f"{len(purposes.rows)} rows, {ready} with a case, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
