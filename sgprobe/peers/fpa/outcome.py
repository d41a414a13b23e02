"""What came of one attempt to load a package, and of one device."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from dissectors.asn1 import codec

NO_PACKAGE = "00" * 16
NO_EID = "00" * 16
NO_ICCID = "ff" * 10


class Code(IntEnum):
    """What the line itself can say of an attempt: FpaError of the module."""

    NO_ANSWER_TO_RESET = 1
    TRANSPORT_ERROR = 2
    EID_MISMATCH = 3
    PACKAGE_MISSING = 4
    PACKAGE_DIGEST_MISMATCH = 5
    MANIFEST_INVALID = 6
    LOAD_CONTEXT_REFUSED = 7
    BPP_ABORTED = 8
    RESULT_UNREADABLE = 9
    DEVICE_DAMAGED = 10
    STATION_ABORT = 11
    DUPLICATE_PACKAGE = 12
    POWER_LOSS = 13
    EXPIRED = 14
    OTHER = 127


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: a signed result of the eUICC, or what the line says."""

    result: bytes = b""
    code: Code | None = None
    euicc_error: str = ""
    status_word: int | None = None
    segment: int | None = None
    text: str = ""
    # evidence of a later removal
    deleted: bytes = b""

    @property
    def success(self) -> bool:
        """Say whether the eUICC itself reports success; its signature is judged elsewhere."""
        return bool(self.result) and is_success(self.result)

    def to_record(self) -> dict[str, Any]:
        """Return the outcome as it stands in a journal."""
        record: dict[str, Any] = {}
        if self.result:
            record["result"] = base64.b64encode(self.result).decode()
        if self.deleted:
            record["deleted"] = base64.b64encode(self.deleted).decode()
        if self.code is not None:
            record["code"] = int(self.code)
        for name in ("euicc_error", "status_word", "segment", "text"):
            value = getattr(self, name)
            if value not in ("", None):
                record[name] = value
        return record

    def to_item(self) -> dict[str, Any]:
        """Return the outcome as a report has it."""
        if self.result:
            return {"euiccResult": self.result.hex()}
        if self.deleted:
            return {"deleted": self.deleted.hex()}
        error: dict[str, Any] = {"code": int(self.code if self.code is not None else Code.OTHER)}
        if self.euicc_error:
            error["euiccError"] = self.euicc_error
        if self.status_word is not None:
            error["statusWord"] = f"{self.status_word:04x}"
        if self.segment is not None:
            error["segmentIndex"] = self.segment
        if self.text:
            error["text"] = self.text[:200]
        return {"fpaError": error}


def outcome_of(record: dict[str, Any]) -> Outcome:
    """Return the outcome of a journal's record."""
    given = dict(record)
    for name in ("result", "deleted"):
        if name in given:
            given[name] = base64.b64decode(given[name])
    if "code" in given:
        given["code"] = Code(given["code"])
    return Outcome(**given)


def is_success(result: bytes) -> bool:
    """Say whether a Profile Installation Result (BF37) tells of success."""
    value = codec.load("SGP.22@2.5").decode("ProfileInstallationResult", result).value
    try:
        return "successResult" in value["profileInstallationResultData"]["finalResult"]
    except (TypeError, KeyError):
        return False


@dataclass(frozen=True, slots=True)
class Load:
    """One attempt: which package went where, and what came of it."""

    package_id: str
    eid: str
    iccid: str
    attempt: int
    outcome: Outcome
    segments: int = 0
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """One device at a station: what was loaded, its signed state, and whether it goes on."""

    eid: str
    loads: tuple[Load, ...] = ()
    state: bytes = field(default=b"", repr=False)
    good: bool = False
    reason: str = ""
