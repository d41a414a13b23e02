"""Annotations of GitHub Actions: each item that did not pass, at its line of YAML."""

from __future__ import annotations

from typing import TextIO

from sgprobe.annotation import annotation
from sgprobe.events import Verdict
from sgprobe.report.run import CUT_OFF, Run

# GitHub shows fifty of a job
_MOST = 50


def write_annotations(run: Run, out: TextIO) -> None:
    """Write what did not pass as workflow commands."""
    items = [
        item
        for item in run.by_gravity()
        if item.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    ]
    for problem in run.problems:
        out.write(annotation("error", problem, title=CUT_OFF if run.end is None else "") + "\n")
    for item in items[:_MOST]:
        level = "warning" if item.verdict is Verdict.INCONCLUSIVE else "error"
        steps = item.detail().bad_steps()
        line = next((one.started.line for one in steps if one.started.line), item.started.line)
        reason = item.reason or item.verdict.value
        title = f"{item.id}: {item.verdict.value}"
        text = annotation(level, reason, file=item.started.file, line=line, title=title)
        out.write(text + "\n")
    if len(items) > _MOST:
        out.write(annotation("notice", f"{len(items) - _MOST} more items did not pass") + "\n")
