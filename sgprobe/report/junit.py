"""JUnit XML for gates: what could not be tried is an error of its own type, never a failure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from sgprobe.events import Verdict
from sgprobe.report.failure import failure_of
from sgprobe.report.run import Item, Run
from sgprobe.report.text import plain, plain_lines, short

_LONGEST = 20_000


def write_junit(run: Run, out: TextIO) -> None:
    """Write a run as JUnit XML."""
    suites: dict[str, list[Item]] = {}
    for item in run.items:
        suites.setdefault(suite_of(item), []).append(item)
    cut = [] if run.complete else [_cut_off(run)]
    out.write('<?xml version="1.0" encoding="utf-8"?>\n')
    out.write(f"<testsuites name={_quoted(run.product())} {_totals(run.items, len(cut))} "
              f'time="{run.seconds:.3f}">\n')  # fmt: skip
    for name, items in suites.items():
        seconds = sum(item.seconds for item in items)
        out.write(
            f"<testsuite name={_quoted(name)} {_totals(items)} "
            f'time="{seconds:.3f}" timestamp="{iso(items[0].started.at)}">\n'
        )
        out.write(_properties({"seed": [str(run.head.seed)], "product": [run.product()],
                               "specification": run.head.specs}))  # fmt: skip
        for item in items:
            _testcase(item, out)
        out.write("</testsuite>\n")
    for text in cut:
        out.write(f'<testsuite name="run" tests="1" failures="0" errors="1" skipped="0">\n{text}'
                  "</testsuite>\n")  # fmt: skip
    out.write("</testsuites>\n")


def suite_of(item: Item) -> str:
    """Return the name of the suite that an item is counted in."""
    started = item.started
    return ".".join(part for part in (started.suite, started.iut) if part) or "sgprobe"


def iso(at: float) -> str:
    """Return a time in the form that machines read."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"


def _totals(items: list[Item], more_errors: int = 0) -> str:
    count = {verdict: sum(item.verdict is verdict for item in items) for verdict in Verdict}
    errors = count[Verdict.ERROR] + count[Verdict.INCONCLUSIVE] + more_errors
    return (
        f'tests="{len(items) + more_errors}" failures="{count[Verdict.FAIL]}" errors="{errors}" '
        f'skipped="{count[Verdict.NOT_APPLICABLE]}"'
    )


def _testcase(item: Item, out: TextIO) -> None:
    started = item.started
    out.write(
        f"<testcase classname={_quoted(suite_of(item))} name={_quoted(item.id)} "
        f'time="{item.seconds:.3f}" file={_quoted(started.file)} line="{started.line}">\n'
    )
    ids = [str(one.get("id", "")) for one in started.requirements]
    out.write(_properties({
        "verdict": [item.verdict.value], "specification": [started.spec], "title": [started.title],
        "requirement": ids, "clause": started.clauses, "official": started.official,
        "layer": [started.layer] if started.layer else [],
    }))  # fmt: skip
    reason = item.reason.split("\n")[0]
    match item.verdict:
        case Verdict.FAIL:
            out.write(_outcome("failure", "fail", reason, item))
        case Verdict.ERROR | Verdict.INCONCLUSIVE:
            out.write(_outcome("error", item.verdict.value, reason, item))
        case Verdict.NOT_APPLICABLE:
            out.write(f"<skipped message={_quoted(reason)}/>\n")
        case Verdict.PASS:
            pass
    if item.ended is not None and item.ended.warnings:
        text = "\n".join(f"warning: {plain(warning)}" for warning in item.ended.warnings)
        out.write(f"<system-out>{escape(text)}</system-out>\n")
    out.write("</testcase>\n")


def _outcome(tag: str, kind: str, reason: str, item: Item) -> str:
    text = short(failure_of(item.detail(), cut=item.cut), _LONGEST)
    body = "\n".join(plain_lines(text))
    return f'<{tag} type="{kind}" message={_quoted(reason or kind)}>{escape(body)}</{tag}>\n'


def _cut_off(run: Run) -> str:
    text = "\n".join([*run.problems, *map(plain, run.not_run[:1000])])
    return (
        '<testcase classname="run" name="the run came to its end">\n'
        f'<error type="cut-off" message={_quoted("; ".join(run.problems))}>{escape(text)}</error>\n'
        "</testcase>\n"
    )


def _properties(values: dict[str, Iterable[str]]) -> str:
    rows = [
        f"<property name={_quoted(name)} value={_quoted(value)}/>\n"
        for name, many in values.items()
        for value in many
        if value
    ]
    return f"<properties>\n{''.join(rows)}</properties>\n" if rows else ""


def _quoted(text: str) -> str:
    return quoteattr(plain(short(text, 2000)))
