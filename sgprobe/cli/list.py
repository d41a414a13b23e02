"""List the cases: what would run, and why the rest would not.

sgprobe list                            every case, one line each
sgprobe list esipa/eim --iut my-eim.yaml
sgprobe list --plan smoke --json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from sgprobe.cli.command import USAGE, UserError
from sgprobe.runner.options import BenchOptions, add_options

_SHOWN = 72


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe list`."""
    parser.add_argument("select", nargs="*", metavar="SELECT", help="as of `sgprobe run`")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("--by", choices=("role", "spec", "requirement"), help="count instead")
    add_options(parser.add_argument)


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe list`."""
    from sgprobe.engine.bench import case_files
    from sgprobe.fileerror import FileError, render
    from sgprobe.runner.selection import paths_and_names
    from sgprobe.runner.session import Session

    options = BenchOptions.of(vars(arguments).get)
    try:
        chosen = paths_and_names(arguments.select, options.out)
    except LookupError as error:
        raise UserError(str(error.args[0])) from None
    session = Session(options)
    rows: list[dict[str, Any]] = []
    wrong = 0
    for path in case_files(dict.fromkeys(Path(one.partition("::")[0]) for one in chosen)):
        try:
            rows += _rows(session.ready(path))
        except FileError as error:
            wrong += 1
            print("\n".join(render(one) for one in error.problems), file=sys.stderr)
    _add_mutants(rows)
    if arguments.json:
        print(json.dumps(rows, indent=1))
    elif arguments.by:
        print(_counted(rows, arguments.by))
    else:
        print(_lines(rows))
    return USAGE if wrong else 0


def _rows(ready: list[Any]) -> list[dict[str, Any]]:
    """Return one row for each case and role, with its variants."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in ready:
        case, role = one.plan.case, one.plan.compiled.role
        row = rows.setdefault((case.id, role), {
            "id": case.id,
            "iut": role,
            "interface": one.facts.interface,
            "title": case.title,
            "kind": one.facts.kind,
            "certainty": one.facts.certainty,
            "spec": [str(clause) for clause in case.clauses],
            "requirements": [told["id"] for told in one.facts.requirements],
            "official": list(one.facts.official),
            "applies_if": case.applies_if.text if case.applies_if is not None else "",
            "file": case.source.file,
            "variants": [],
            "mutants": [],
        })  # fmt: skip
        row["variants"].append({
            "id": one.id,
            "spec": str(one.plan.spec),
            "runs": one.verdict is None,
            "reason": one.reason,
        })  # fmt: skip
    return list(rows.values())


def _add_mutants(rows: list[dict[str, Any]]) -> None:
    from sgprobe.cases.suite import load_suite
    from sgprobe.data import data_dir
    from sgprobe.mutants.mutant import load_mutants

    for mutant in load_mutants(load_suite(data_dir("suites"))).values():
        for row in rows:
            if row["id"] in mutant.caught_by:
                row["mutants"].append(mutant.name)


def _lines(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        running = sum(one["runs"] for one in row["variants"])
        many = f"{running}/{len(row['variants'])}"
        why = "" if running else f"   {row['variants'][0]['reason']}"
        lines.append(f"{row['id']:<24}{row['iut']:<7}{many:>6}  {row['title'][:_SHOWN]}{why}")
    items = sum(len(row["variants"]) for row in rows)
    running = sum(one["runs"] for row in rows for one in row["variants"])
    lines.append(f"{len(rows)} cases, {items} items, {running} would run")
    return "\n".join(lines)


def _counted(rows: list[dict[str, Any]], by: str) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        keys = {"role": [row["iut"]], "requirement": row["requirements"],
                "spec": [text.partition(" §")[0] for text in row["spec"]]}[by]  # fmt: skip
        counts.update(set(keys))
    return "\n".join(f"{count:>5}  {name}" for name, count in sorted(counts.items()))
