"""Hides subscriber identities and key material in a stream of events before it is given away."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dissectors.trace.redact import KINDS, Veil
from sgprobe import events as e
from sgprobe.report.folder import streams
from sgprobe.report.messages import as_message

__all__ = ["KINDS", "redact_folder"]


def redact_folder(folder: Path, out: Path, kinds: frozenset[str]) -> tuple[list[Path], Veil]:
    """Write the streams of a results folder anew, without what is to be hidden."""
    veil = Veil(kinds)
    sources = streams(folder)
    # what a late message gives away may stand in a text before it: secrets are learned first
    for path in sources:
        for _ in _redacted(path, veil):
            pass
    written = []
    for path in sources:
        target = out / path.name
        with target.open("w", encoding="utf-8") as file:
            for event in _redacted(path, veil):
                file.write(_hidden_line(event, veil) + "\n")
        written.append(target)
    return written, veil


def _redacted(path: Path, veil: Veil) -> Iterator[e.Event]:
    spec: dict[str, str] = {}
    for event in _events(path):
        if isinstance(event, e.ItemStarted):
            spec[event.item] = event.spec
        if isinstance(event, e.MessageSeen):
            event = _message(event, spec.get(event.item, ""), veil)
        yield event


def _events(path: Path) -> Iterable[e.Event]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from e.read(file)


def _message(seen: e.MessageSeen, spec: str, veil: Veil) -> e.MessageSeen:
    if seen.value is None:
        # a body that was not opened may hold anything
        return dataclasses.replace(seen, bytes="")
    hidden = veil(as_message(seen, spec))
    return dataclasses.replace(
        seen,
        value=hidden.value,
        bytes=hidden.octets.hex(),
        problems=tuple(one.as_dict() for one in hidden.problems),
    )


def _hidden_line(event: e.Event, veil: Veil) -> str:
    values = json.loads(e.to_line(event))
    kind = values.pop("event")
    return json.dumps({"event": kind, **_texts(values, veil)}, separators=(",", ":"))


def _texts(value: Any, veil: Veil) -> Any:
    if isinstance(value, str):
        return veil.text(value)
    if isinstance(value, list):
        return [_texts(one, veil) for one in value]
    if isinstance(value, dict):
        return {veil.text(name): _texts(one, veil) for name, one in value.items()}
    return value
