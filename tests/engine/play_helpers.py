"""Cases written in tests and played in this process against the references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sgprobe import events as e
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Facts, Options, Result

HEAD = """\
case: {ident}
title: A case of a test
iut: {role}
spec: [SGP.32 v1.2 §5.14.5 GetEimPackage]
since: SGP.32 v1.1
covers: [SGP32-ESIPA-002]

"""
# an exchange that the reference eIM passes
GOOD = """\
  - ipa -> eim: GetEimPackageRequest
  - eim -> ipa: GetEimPackageResponse
    fields: {eimPackageError: noEimPackageAvailable}
"""
WRONG = GOOD.replace("noEimPackageAvailable", "invalidEid")
# what no reference can do: there is no such order
UNDOABLE = "  - trigger: eim.cancel\n    with: {order: none-of-ours}\n"


def play(
    folder: Path,
    body: str,
    *,
    role: str = "eim",
    facts: Facts | None = None,
    deviation: dict[str, str] | None = None,
    which: int = 0,
    **options: Any,
) -> tuple[Result, list[e.Event]]:
    """Write a case, run one of its items, and return its result and its events."""
    path = folder / "TRY-A.case.yaml"
    path.write_text(HEAD.format(ident="TRY-A", role=role) + body, encoding="utf-8")
    bench = Bench(Choice(options=Options(**options)))
    ready = bench.ready(path)[which]
    if facts is not None:
        ready = replace(ready, facts=facts)
    if deviation is not None:
        ready = replace(ready, deviation=deviation)
    told: list[e.Event] = []
    return bench.run(ready, told.append), told


def ended(told: list[e.Event]) -> dict[str, e.StepEnded]:
    """Return the ends of steps by their ids."""
    return {one.step: one for one in told if isinstance(one, e.StepEnded)}


def said(told: list[e.Event], name: str = "") -> list[e.MessageSeen]:
    """Return the messages of a name, or all."""
    return [one for one in told if isinstance(one, e.MessageSeen) and name in ("", one.type)]
