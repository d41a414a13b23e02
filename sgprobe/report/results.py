"""results.json: the run for machines, in the form of results.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from sgprobe.events import Verdict
from sgprobe.report.junit import iso
from sgprobe.report.run import Detail, Item, Run

SCHEMA = Path(__file__).with_name("results.schema.json")
FORMAT = 1


def write_results(run: Run, out: TextIO) -> None:
    """Write a run as results.json; items one a line, so that two runs can be compared as text."""
    head = _safe(json.dumps(_head(run), indent=2))
    out.write(head[:-2] + ',\n  "items": [')
    for number, item in enumerate(run.items):
        out.write(",\n    " if number else "\n    ")
        out.write(_safe(json.dumps(row(item))))
    out.write("\n  ]\n}\n" if run.items else "]\n}\n")


def _safe(text: str) -> str:
    # the one character that ASCII JSON lets stand and a terminal obeys
    return text.replace("\x7f", "\\u007f")


def _head(run: Run) -> dict[str, Any]:
    head = run.head
    return {
        "format": FORMAT,
        "sgprobe": head.sgprobe,
        "run": head.run,
        "started": iso(head.at),
        "seconds": round(run.seconds, 3),
        "complete": run.complete,
        "exit": run.end.exit if run.end is not None else None,
        "product": head.product,
        "specs": list(head.specs),
        "seed": head.seed,
        "command": list(head.command),
        "python": head.python,
        "platform": head.platform,
        "hashes": head.hashes,
        "plan": head.plan,
        "strict": head.strict,
        "ics": head.ics,
        "ixit": head.ixit,
        "counts": run.counts(),
        "problems": list(run.problems),
        "not_run": list(run.not_run),
    }


def row(item: Item) -> dict[str, Any]:
    """Return what is said of one item."""
    started, ended = item.started, item.ended
    return {
        "id": item.id,
        "case": started.case,
        "variant": started.variant,
        "title": started.title,
        "iut": started.iut,
        "spec": started.spec,
        "suite": started.suite,
        "interface": started.interface,
        "function": started.function,
        "verdict": item.verdict.value,
        "reason": item.reason,
        "seconds": round(item.seconds, 3),
        "scenario_seconds": round(ended.scenario_seconds, 3) if ended else 0.0,
        "requirements": [str(one.get("id", "")) for one in started.requirements],
        "clauses": list(started.clauses),
        "official": list(started.official),
        "certainty": started.certainty,
        "layer": started.layer,
        "frames": frames(item),
        "capture": ended.capture if ended else "",
        "file": started.file,
        "line": started.line,
        "warnings": list(ended.warnings) if ended else [],
        "figures": list(ended.figures) if ended else [],
        "deviation": ended.deviation if ended else None,
        "rerun": ended.rerun if ended else "",
    }


def frames(item: Item) -> list[int]:
    """Return the frames that the verdict rests on: of the messages judged bad, else of all."""
    if item.verdict is Verdict.NOT_APPLICABLE:
        return []
    return frames_of(item.detail(), item.verdict)


def frames_of(detail: Detail, verdict: Verdict) -> list[int]:
    """Return the frames of an item whose detail is at hand."""
    chosen = detail.judged() if verdict is not Verdict.PASS else []
    return sorted({frame for message in chosen or detail.messages for frame in message.frames})
