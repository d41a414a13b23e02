"""One eSIM message found in a trace: the object that prints, filters and assertions work on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1.model import Value
from dissectors.finding import Finding, Severity
from dissectors.spec.functions import Function

REQUEST, RESPONSE = "request", "response"


@dataclass(slots=True)
class Message:
    """One application message, whatever carried it; members as the NDJSON schema has them."""

    frames: tuple[int, ...]
    time: float
    src: str
    dst: str
    transport: str
    interface: str
    function: str
    kind: str
    type: str | None
    spec: tuple[str, ...]
    status: int | str | None
    value: Value
    octets: bytes
    problems: tuple[Finding, ...] = ()
    n: int = 0
    flow: int = 0
    sender: str = ""
    receiver: str = ""
    # what the carrier knows beyond this: headers, CoAP options, APDU status; for filters
    carrier: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the message as one NDJSON object."""
        return {
            "n": self.n,
            "frames": list(self.frames),
            "time": self.time,
            "src": self.src,
            "dst": self.dst,
            "transport": self.transport,
            "interface": self.interface,
            "function": self.function,
            "kind": self.kind,
            "type": self.type,
            "spec": list(self.spec),
            "status": self.status,
            "value": self.value,
            "bytes": self.octets.hex(),
            "problems": [problem.as_dict() for problem in self.problems],
        }

    def as_json(self) -> str:
        """Return the message as one line of NDJSON."""
        return _encode(self.as_dict())

    @property
    def malformed(self) -> bool:
        """Say whether a problem is an error."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a body was found to be, before it is a message."""

    function: Function
    kind: str
    type: str | None
    spec: tuple[str, ...]
    value: Value
    problems: tuple[Finding, ...]
