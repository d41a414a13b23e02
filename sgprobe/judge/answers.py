"""The words of an answer: what is decided, how surely, from what, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Place(StrEnum):
    """Question 1: where the operational profile was loaded."""

    FACTORY = "AT_DEVICE_PRODUCTION"
    EUM = "AT_EUM_PERSONALISATION"
    FIELD = "IN_FIELD"
    UNKNOWN = "UNKNOWN"


class Grade(StrEnum):
    """How sure the place is; WEAK counts as not known."""

    PROVEN = "PROVEN"
    STRONG = "STRONG"
    WEAK = "WEAK"
    NONE = ""


class Need(StrEnum):
    """Question 2: whether the device needs the network to become operational."""

    NOT_NEEDED = "NOT_NEEDED"
    NEEDED = "NEEDED"
    UNKNOWN = "UNKNOWN"


class Together(StrEnum):
    """Question 3: whether the parties worked together."""

    COORDINATED = "COORDINATED"
    PARTIAL = "PARTIAL"
    CONTRADICTED = "CONTRADICTED"
    NOT_SHOWN = "NOT_SHOWN"


class Class(StrEnum):
    """What it was."""

    GENUINE = "GENUINE_IFPP"
    PRELOAD = "BORN_CONNECTED_EUM_PRELOAD"
    UNCOORDINATED = "PRELOADED_UNCOORDINATED"
    RELABELLED = "BOOTSTRAP_RELABELLED"
    FIELD = "FIELD_PROVISIONED"
    INVALID = "INVALID_EVIDENCE"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    answer: str
    because: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    grade: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        told: dict[str, Any] = {"answer": str(self.answer)}
        if self.grade:
            told["grade"] = str(self.grade)
        return {
            **told,
            "because": list(self.because),
            "evidence": list(self.used),
            "missing": list(self.missing),
        }
