"""Run cases against a product, or against the built-in references.

sgprobe run                                  everything, against the references
sgprobe run ESIPA-EIM-GEP-006                one case
sgprobe run esipa/eim sgp32/5.14             by folder, by clause
sgprobe run --iut my-eim.yaml --report html,junit
sgprobe run --plan smoke -n 2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sgprobe.cli.command import UserError
from sgprobe.runner.options import BenchOptions, add_options

NOTHING = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe run`."""
    parser.add_argument("select", nargs="*", metavar="SELECT", help="ids, folders of suites, "
                        "clauses (sgp32/5.14), files, or @failed; default: all")  # fmt: skip
    add_options(parser.add_argument)
    parser.add_argument("-n", "--jobs", metavar="N", help="processes; default: one")
    parser.add_argument("-x", "--stop", action="store_true", help="stop at the first failure")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every item")
    parser.add_argument("--dry-run", action="store_true", help="say what would run")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe run`."""
    from sgprobe.report.write import FILES
    from sgprobe.report.write import chosen as chosen_reports
    from sgprobe.runner.selection import paths_and_names

    options = BenchOptions.of(vars(arguments).get)
    try:
        chosen_reports(options.reports)
    except LookupError as error:
        known = ", ".join((*FILES, "all", "none"))
        raise UserError(f"--report: no report {error.args[0]!r}", f"known: {known}") from None
    if options.iut and not Path(options.iut).is_file():
        raise UserError(f"{options.iut}: no such product file", "`sgprobe ics new` makes one")
    if options.iut and arguments.jobs not in (None, "0", "1"):
        # its queue, its counters and the ports that it is told to ask are there once
        raise UserError("-n: there is one product under test, and its cases go one by one",
                        "leave -n out, or --iut")  # fmt: skip
    try:
        chosen = paths_and_names(arguments.select, options.out)
    except LookupError as error:
        raise UserError(str(error.args[0]), "`sgprobe list` shows what there is") from None
    if not chosen:
        print("nothing to run", file=sys.stderr)
        return NOTHING
    from sgprobe.runner.call import run_pytest

    return run_pytest(arguments, chosen)
