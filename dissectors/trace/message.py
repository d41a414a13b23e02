"""One eSIM message found in a trace: the object that prints, filters and assertions work on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from dissectors.asn1.model import Value
from dissectors.finding import Finding, Severity
from dissectors.link.apdu_message import CardMessage
from dissectors.link.coap.transfers import CoapTransfer
from dissectors.link.http import HttpMessage
from dissectors.spec.functions import Function

REQUEST, RESPONSE = "request", "response"
Carrier = HttpMessage | CoapTransfer | CardMessage


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
    # what carried it: headers, CoAP options, APDUs
    carrier: Carrier | None = None

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
        """Return the message as one line of NDJSON: `as_dict`, put together by hand for speed."""
        frames, problems = self.frames, "[]"
        if self.problems:
            problems = _encode([problem.as_dict() for problem in self.problems])
        text = (
            f'{{"n":{self.n},"frames":[{frames[0] if len(frames) == 1 else _numbers(frames)}],'
            f'"time":{self.time!r},{_ends(self.src, self.dst)},'
            f"{_kinds(self.transport, self.interface, self.function, self.kind, self.type)},"
            f'"spec":{_list(self.spec)},"status":{_status(self.status)},'
            f'"value":{_encode(self.value)},"bytes":"{self.octets.hex()}","problems":{problems}}}'
        )
        return text if text.isascii() and "\x7f" not in text else _safe(text)

    @property
    def malformed(self) -> bool:
        """Say whether a problem is an error."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


class Recognised(NamedTuple):
    """What a body was found to be, before it is a message."""

    function: Function
    kind: str
    type: str | None
    spec: tuple[str, ...]
    value: Value
    problems: tuple[Finding, ...]
    is_json: bool = False


# --- JSON ---

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
# what JSON lets stand and a terminal obeys: DEL, C1 controls, line and direction marks, and
# halves of surrogate pairs, which no encoding can write
_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


def to_json(value: object) -> str:
    """Return a value as JSON on one line that is safe to print on a terminal."""
    return _safe(_encode(value))


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _numbers(frames: tuple[int, ...]) -> str:
    return ",".join(map(str, frames))


@lru_cache(maxsize=4096)
def _ends(src: str, dst: str) -> str:
    return f'"src":{_encode(src)},"dst":{_encode(dst)}'


@lru_cache(maxsize=1024)
def _kinds(transport: str, interface: str, function: str, kind: str, type_: str | None) -> str:
    named = {"transport": transport, "interface": interface, "function": function, "kind": kind,
             "type": type_}  # fmt: skip
    return _encode(named)[1:-1]


@lru_cache(maxsize=1024)
def _status(status: int | str | None) -> str:
    return _encode(status)


@lru_cache(maxsize=1024)
def _list(texts: tuple[str, ...]) -> str:
    return _encode(texts)
