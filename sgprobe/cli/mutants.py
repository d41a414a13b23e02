"""Plant faults into the references, and see whether the cases catch them.

sgprobe mutants                     all of suites/mutants
sgprobe mutants EIM-COUNTER-REUSED  one
sgprobe mutants --case RPL-EIM-CNT-001 --json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sgprobe.cli.command import USAGE, UserError

FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe mutants`."""
    parser.add_argument("names", nargs="*", metavar="MUTANT", help="or the beginning of names")
    parser.add_argument("--case", metavar="ID", help="mutants that this case is said to catch")
    parser.add_argument("--share", type=int, default=1, metavar="N",
                        help="every N-th mutant alone")  # fmt: skip
    parser.add_argument(
        "--suggest", action="store_true", help="print mutants for rules that have none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("-n", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="processes; default: one for each core")  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every mutant")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe mutants`."""
    from sgprobe.cases.suite import load_suite
    from sgprobe.data import data_dir
    from sgprobe.fileerror import FileError, render
    from sgprobe.mutants.hunt import hunt
    from sgprobe.mutants.mutant import load_mutants

    try:
        known = load_mutants(load_suite(data_dir("suites")))
    except FileError as error:
        for problem in error.problems:
            print(render(problem), file=sys.stderr)
        return USAGE
    if arguments.suggest:
        return _suggest(known, arguments)
    chosen = [one for one in known.values() if _wanted(one.name, arguments.names)
              and (not arguments.case or arguments.case in one.caught_by)]  # fmt: skip
    chosen = chosen[:: max(1, arguments.share)]
    if not chosen:
        raise UserError("no such mutant", f"there are {len(known)}; `sgprobe mutants --json`")
    pairs = [(one.name, case) for one in chosen for case in one.caught_by
             if not arguments.case or case == arguments.case]  # fmt: skip
    begun = time.monotonic()
    kills = []
    with tempfile.TemporaryDirectory(prefix="sgprobe-mutants-") as folder:
        for kill in hunt(pairs, arguments.jobs, Path(folder)):
            kills.append(kill)
            if arguments.verbose and not arguments.json:
                print(f"{kill.outcome:<9}{kill.mutant:<34}{kill.case:<24}{kill.reason[:90]}")
    told = _told(
        known, chosen, kills, whole=not (arguments.names or arguments.case or arguments.share > 1)
    )
    told["seconds"] = round(time.monotonic() - begun, 1)
    print(json.dumps(told, indent=1) if arguments.json else _text(told))
    return FAILED if told["survived"] or told["broken"] else 0


def _suggest(known: Any, arguments: argparse.Namespace) -> int:
    """Print a mutant for each rule that has none, where a case catches it."""
    from sgprobe.mutants.rules import rules_without
    from sgprobe.mutants.suggest import entry, suggest

    rules = [one for one in rules_without(known.values()) if _wanted(one, arguments.names)]
    with tempfile.TemporaryDirectory(prefix="sgprobe-mutants-") as folder:
        for rule, cases in suggest(rules, arguments.jobs, Path(folder)):
            if cases:
                print(entry(rule, cases), end="", flush=True)
            else:
                print(f"# {rule}: no case catches it", flush=True)
    return 0


def _wanted(name: str, names: list[str]) -> bool:
    return not names or any(name == one or name.startswith(one + "-") for one in names)


def _told(known: Any, chosen: Any, kills: Any, *, whole: bool) -> dict[str, Any]:
    from sgprobe.mutants.hunt import BROKEN, CAUGHT, SURVIVED, case_paths
    from sgprobe.mutants.rules import rules_without, unseen_rules

    caught = {one.mutant for one in kills if one.outcome == CAUGHT}
    told: dict[str, Any] = {
        "mutants": len(chosen),
        "caught": len(caught),
        "survived": [
            {"mutant": one.mutant, "case": one.case, "reason": one.reason}
            for one in kills if one.outcome == SURVIVED
        ],
        "broken": [
            {"mutant": one.mutant, "case": one.case, "reason": one.reason}
            for one in kills if one.outcome == BROKEN
        ],
    }  # fmt: skip
    if whole:
        biting = {one.case for one in kills if one.outcome == CAUGHT}
        told["cases_that_catch_none"] = sorted(set(case_paths()) - biting)
        told["rules_without_mutant"] = rules_without(known.values())
        told["rules_no_case_can_see"] = unseen_rules()
    return told


def _text(told: dict[str, Any]) -> str:
    lines = [f"{one['mutant']} survives {one['case']} {one['reason']}".rstrip()
             for one in told["survived"]]  # fmt: skip
    lines += [f"{one['mutant']} with {one['case']}: {one['reason']}" for one in told["broken"]]
    none = told.get("cases_that_catch_none", [])
    if none:
        lines.append(f"{len(none)} cases catch no mutant: {', '.join(none[:20])}"
                     + (", …" if len(none) > 20 else ""))  # fmt: skip
    rules = told.get("rules_without_mutant", [])
    if rules:
        lines.append(f"{len(rules)} rules have no mutant: {', '.join(rules[:20])}"
                     + (", …" if len(rules) > 20 else ""))  # fmt: skip
    for name, why in told.get("rules_no_case_can_see", {}).items():
        lines.append(f"{name} cannot be seen by a case: {why}")
    lines.append(
        f"{told['mutants']} mutants: {told['caught']} caught, {len(told['survived'])} survivals, "
        f"{len(told['broken'])} broken      {told['seconds']} s"
    )
    return "\n".join(lines)
