"""The golden messages: one object per row of vectors/messages/*.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dissectors.asn1.versions import Spec, parse_spec
from sgprobe.data import data_dir

FOLDER = data_dir("vectors") / "messages"
SCHEMA = FOLDER / "messages.schema.json"


@dataclass(frozen=True)
class Message:
    """One golden message; members as the schema describes them."""

    id: str
    type: str
    specs: tuple[str, ...]
    data: bytes
    value: Any
    result: str
    findings: tuple[tuple[str, str, int], ...]
    also: dict[str, tuple[str, ...]] = field(default_factory=dict)
    likeliest: str = ""
    typed: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @property
    def newest(self) -> Spec:
        """Return the version whose names the value has."""
        return parse_spec(self.specs[-1])

    def __str__(self) -> str:
        return self.id


def files() -> list[Path]:
    """Return the vector files, one per topic."""
    return sorted(path for path in FOLDER.glob("*.json") if path != SCHEMA)


@lru_cache(maxsize=1)
def messages() -> tuple[Message, ...]:
    """Return every golden message."""
    found = []
    for path in files():
        for row in json.loads(path.read_text(encoding="utf-8"))["messages"]:
            found.append(
                Message(
                    row["id"],
                    row["type"],
                    tuple(row["specs"]),
                    bytes.fromhex(row["hex"]),
                    row["value"],
                    row["result"],
                    tuple((code, path_, offset) for code, path_, offset in row["findings"]),
                    {name: tuple(specs) for name, specs in row.get("also", {}).items()},
                    row.get("likeliest", row["type"]),
                    row.get("typed", False),
                    row.get("values", {}),
                    tuple(row.get("flags", ())),
                )
            )
    return tuple(found)
