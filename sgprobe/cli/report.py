"""Write reports of a run again, from the events that its results folder holds.

sgprobe report reports/results/2026-11-21T120000            report.html, junit.xml, …
sgprobe report DIR --format allure,html --out build/
sgprobe report DIR --format console                         print what the run printed
sgprobe report DIR --against main.json                      newly failing, passing, not applicable
sgprobe report SHARD1 SHARD2 --out all/                     several runs as one

A folder with shards (events-WORKER.ndjson) is one run. A run that was cut off is reported as far as
it went. Exit code 1: with --against, something fails that did not fail before.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sgprobe.cli.command import NO_RUN, UserError
from sgprobe.problems import did_you_mean
from sgprobe.report.compare import Comparison, compare, read_baseline
from sgprobe.report.console import wants_colour
from sgprobe.report.folder import NoResults, read_run
from sgprobe.report.run import COUNTS, Run, counted
from sgprobe.report.summary import comparison_lines
from sgprobe.report.text import plain
from sgprobe.report.write import FORMS, PRINTED, USUAL, chosen, print_report, render
from sgprobe.runner.coverage import coverage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe report`."""
    parser.add_argument("folders", nargs="+", metavar="DIR", help="results folder, or its stream")
    parser.add_argument(
        "--format",
        metavar="FORMS",
        default=",".join(USUAL),
        help=f"of {', '.join(FORMS)}, with commas between (default: {','.join(USUAL)})",
    )
    parser.add_argument("--out", metavar="DIR", help="where to write; default: the results folder")
    parser.add_argument(
        "--against", metavar="BASELINE", help="a results folder or results.json to compare with"
    )
    parser.add_argument(
        "--link-pattern",
        metavar="TYPE:URL",
        action="append",
        default=[],
        help="Allure links of clause, requirement or official; {} stands for the name",
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe report`."""
    forms = chosen_forms(arguments.format)
    found = load_run(arguments.folders)
    comparison = _compared(found, arguments.against)
    out = _out(arguments)
    files = [form for form in forms if form not in PRINTED]
    links = link_patterns(arguments.link_pattern)
    try:
        written = render(found, out, files, comparison=comparison, links=links, catalogue=coverage)
    except OSError as error:
        raise UserError(f"{plain(str(out))}: {error.strerror}", "--out names a folder") from None
    for form in forms:
        if form in PRINTED:
            print_report(found, form, sys.stdout, colour=wants_colour(sys.stdout, arguments.color))
    for path in written:
        print(plain(str(path)))
    if files:
        for problem in found.problems:
            print(f"sgprobe report: {problem}", file=sys.stderr)
        print(_tally(found))
    if comparison is None:
        return 0
    print("\n".join(_told(comparison)))
    return 1 if comparison.worse else 0


def load_run(folders: list[str]) -> Run:
    """Return the run of one or several results folders."""
    paths = [Path(text) for text in folders]
    for path in paths:
        if not path.exists():
            raise UserError(f"{plain(str(path))}: no such file or folder", NO_RUN)
    try:
        return read_run(*paths)
    except NoResults as error:
        raise UserError(str(error), "a run writes its events with --out") from None
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None


def chosen_forms(text: str) -> list[str]:
    """Return the reports that an option names."""
    try:
        forms = chosen(part.strip() for part in text.split(",") if part.strip())
    except LookupError as error:
        word = str(error.args[0])
        hint = did_you_mean(word, FORMS) or f"known: {', '.join(FORMS)}, all"
        raise UserError(f"--format: no report {plain(word)!r}", hint) from None
    if not forms:
        raise UserError("--format names no report", f"known: {', '.join(FORMS)}, all")
    return forms


def link_patterns(texts: list[str]) -> dict[str, str]:
    """Return the patterns of links by type."""
    found = {}
    for text in texts:
        kind, _, pattern = text.partition(":")
        if not pattern.startswith(("http://", "https://")):
            raise UserError(f"--link-pattern {plain(text)!r}: expected TYPE:URL",
                            "such as clause:https://docs.example/{}")  # fmt: skip
        found[kind] = pattern
    return found


def _out(arguments: argparse.Namespace) -> Path:
    if arguments.out:
        return Path(arguments.out)
    first = Path(arguments.folders[0])
    return first.parent if first.is_file() else first


def _compared(found: Run, baseline: str | None) -> Comparison | None:
    if baseline is None:
        return None
    if not Path(baseline).exists():
        raise UserError(f"{plain(baseline)}: no such file or folder", NO_RUN)
    try:
        return compare(found, read_baseline(Path(baseline)))
    except NoResults as error:
        raise UserError(str(error), "--against takes a results folder or a results.json") from None


def _tally(found: Run) -> str:
    counts = found.counts()
    told = [counted(verdict, counts[name]) for verdict, name in COUNTS.items() if counts[name]]
    return " · ".join(told) or "no item"


def _told(comparison: Comparison) -> list[str]:
    lines = comparison_lines(comparison)[2:]
    return [line.replace("**", "").replace("`", "") for line in lines if line]
