"""What a dissector has to say about bytes: one finding, its code and its severity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs: an error breaks the spec, a warning may, info is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: its stable name, its severity, and the clause or reason behind it."""

    name: str
    severity: Severity
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what is wrong, where (field path and byte offset), and in words."""

    code: str
    severity: Severity
    path: str
    offset: int
    text: str

    def as_dict(self) -> dict[str, str | int]:
        """Return the finding as the NDJSON `problems` member shows it."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "path": self.path,
            "offset": self.offset,
            "text": self.text,
        }


def finding(code: Code, text: str, path: str = "", offset: int = 0) -> Finding:
    """Make a finding of `code`, with the severity that its table gives it."""
    return Finding(code.name, code.severity, path, offset, text)
