"""summary.md for the job page of a CI: counts, what did not pass and why, how to run it again."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from sgprobe.events import Verdict
from sgprobe.layers import LAYERS, spoken_of
from sgprobe.report.causes import causes
from sgprobe.report.compare import Comparison
from sgprobe.report.markdown import code, md, table
from sgprobe.report.run import COUNTS, SYMBOLS, WORDS, Item, Run, counted
from sgprobe.report.text import duration, many

_MOST, _MOST_NAMED = 50, 4


def write_summary(run: Run, out: TextIO, comparison: Comparison | None = None) -> None:
    """Write a run as a page of Markdown."""
    counts = run.counts()
    passed = not counts["failed"] and not counts["error"] and run.complete and run.items
    word = SYMBOLS[Verdict.PASS if passed else Verdict.FAIL]
    specs = ", ".join(spec.replace("@", " v") for spec in run.head.specs)
    lines = [f"## {word} sgprobe: {md(run.product())}" + (f", {md(specs)}" if specs else ""), ""]
    lines += [line for problem in run.problems for line in (f"> **{md(problem)}**", "")]
    heads = [f"{SYMBOLS[verdict]} {WORDS[verdict]}" for verdict in COUNTS]
    lines += table(heads, [[str(counts[name]) for name in COUNTS.values()]])
    took = f"seed {run.head.seed}, {duration(run.seconds)}, sgprobe {md(run.head.sgprobe)}"
    lines += ["", f"{many(len(run.items), 'item')}, {took}", ""]
    lines += _layers(run)
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE):
        lines += _section(verdict, [item for item in run.items if item.verdict is verdict])
    lines += _warnings(run)
    lines += _not_applicable(run)
    if comparison is not None:
        lines += comparison_lines(comparison)
    out.write("\n".join(lines).rstrip("\n") + "\n")


def _layers(run: Run) -> list[str]:
    """Keep apart what verdicts about in-factory provisioning speak of."""
    found = Counter((item.started.layer, item.verdict) for item in run.items)
    names = [name for name in LAYERS if any(layer == name for layer, _ in found)]
    if not names:
        return []
    heads = ["speaks of", *(WORDS[verdict] for verdict in COUNTS)]
    rows = [[md(spoken_of(name)), *(str(found[name, one]) for one in COUNTS)] for name in names]
    return [*table(heads, rows), ""]


def _section(verdict: Verdict, items: list[Item]) -> list[str]:
    if not items:
        return []
    by_id = {item.id: item for item in items}
    found = causes((verdict, item.reason, item.started.case, item.id) for item in items)
    rows = []
    for cause in found[:_MOST]:
        first = by_id[cause.items[0][1]].started
        ids = ", ".join(str(one.get("id", "")) for one in first.requirements)
        names = [code(ident) for _, ident in cause.items[:_MOST_NAMED]]
        if len(cause.items) > _MOST_NAMED:
            names.append(f"{len(cause.items) - _MOST_NAMED} more")
        place = code(f"{first.file}:{first.line}")
        rows.append([str(len(cause.items)), md(cause.reason), ", ".join(names), md(ids), place])
    lines = [f"### {SYMBOLS[verdict]} {counted(verdict, len(items))}", ""]
    lines += table(["items", "reason", "cases", "requirement", "file"], rows)
    if len(found) > _MOST:
        lines += ["", f"and {len(found) - _MOST} more reasons"]
    return [*lines, ""]


def _warnings(run: Run) -> list[str]:
    items = [item for item in run.items if item.warnings and item.verdict is Verdict.PASS]
    if not items:
        return []
    rows = [[code(item.id), md("; ".join(item.warnings))] for item in items[:_MOST]]
    lines = [f"### {SYMBOLS[Verdict.PASS]} Passed, with warnings: {len(items)}", ""]
    lines += table(["case", "warning"], rows)
    if len(items) > _MOST:
        lines += ["", f"and {len(items) - _MOST} more"]
    return [*lines, ""]


def _not_applicable(run: Run) -> list[str]:
    reasons = Counter(
        item.reason.split("\n")[0] or "no reason"
        for item in run.items
        if item.verdict is Verdict.NOT_APPLICABLE
    )
    if not reasons:
        return []
    lines = [f"### {SYMBOLS[Verdict.NOT_APPLICABLE]} Not applicable, and why", ""]
    rows = [[str(count), md(reason)] for reason, count in reasons.most_common(_MOST)]
    return [*lines, *table(["items", "reason"], rows), ""]


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return what changed against a baseline."""
    lines = ["### Against the baseline", ""]
    if not comparison.changes:
        return [*lines, f"No verdict changed in {many(comparison.same, 'item')}.", ""]
    for title, changes in comparison.groups():
        lines += [f"**{title}: {len(changes)}**", ""]
        for one in changes[:_MOST]:
            before = WORDS[one.before] if one.before is not None else "not there"
            after = WORDS[one.after] if one.after is not None else "not there"
            lines.append(f"- {code(one.item)}: {before} → {after}")
        if len(changes) > _MOST:
            lines.append(f"- and {len(changes) - _MOST} more")
        lines.append("")
    return lines
