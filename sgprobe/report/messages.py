"""Messages of a run as the dissectors' own, so that all forms and words of a trace serve them."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

from dissectors.finding import Finding, Severity
from dissectors.trace.message import Message
from dissectors.trace.render import Style
from dissectors.trace.render.tree import TreeForm, json_lines
from sgprobe.events import MessageSeen
from sgprobe.report.text import many, plain, plain_lines

NAMES = {
    "ipa": "IPA", "eim": "eIM", "smdp": "SM-DP+", "smds": "SM-DS", "euicc": "eUICC", "eum": "EUM",
    "smdpf": "SM-DPf", "fpa": "FPA", "msp": "MSP", "system": "system", "device": "device",
    "bench": "bench", "operator": "operator",
}  # fmt: skip
_HEX_ROW = 32
_DEEPEST = 60


def role_name(role: str) -> str:
    """Return how people call a role."""
    return NAMES.get(role) or plain(role)


def as_message(seen: MessageSeen, spec: str) -> Message:
    """Return a message of the stream as one of a trace."""
    octets = octets_of(seen)
    return Message(
        frames=seen.frames,
        time=seen.scenario,
        src=seen.sender,
        dst=seen.receiver,
        transport=seen.transport,
        interface=seen.interface,
        function=seen.function,
        kind=seen.kind,
        type=seen.type,
        spec=(spec,) if spec else (),
        status=seen.status,
        value=seen.value,
        octets=octets,
        problems=tuple(map(_finding, seen.problems)),
        n=seen.n,
        sender=seen.sender,
        receiver=seen.receiver,
    )


def octets_of(seen: MessageSeen) -> bytes:
    """Return the body."""
    try:
        return bytes.fromhex(seen.bytes)
    except ValueError:
        return b""


def _finding(given: dict[str, Any]) -> Finding:
    try:
        severity = Severity(str(given.get("severity")))
    except ValueError:
        severity = Severity.WARNING
    offset = given.get("offset")
    return Finding(
        str(given.get("code", "")),
        severity,
        str(given.get("path", "")),
        offset if isinstance(offset, int) else 0,
        str(given.get("text", "")),
    )


def name_of(seen: MessageSeen) -> str:
    """Return what a message is called: its type, or its function."""
    if seen.type is not None and seen.type[:1].isupper():
        return plain(seen.type)
    return plain(f"{seen.function} {seen.kind}")


def tree_lines(seen: MessageSeen, spec: str) -> list[str]:
    """Return the value of a message as indented lines."""
    if depth(seen.value) > _DEEPEST:
        return ["(nested too deep to show)"]
    message = dataclasses.replace(as_message(seen, spec), problems=())
    out = io.StringIO()
    try:
        TreeForm(out, Style()).message(message)
    except (ValueError, KeyError):
        pass  # a version or a type that this sgprobe does not know: the value is told as it is
    lines = [line[3:] for line in out.getvalue().rstrip("\n").split("\n")[2:]]
    if not lines and seen.value is not None:
        lines = [line[3:] for line in json_lines(seen.value)]
    return [plain(line) for line in lines] or ["(no body)"]


def depth(value: Any) -> int:
    """Return how deep a value nests, as far as that matters."""
    level = [value]
    for count in range(_DEEPEST + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return count
        level = below
    return _DEEPEST + 1


def hex_lines(octets: bytes, most: int = 0) -> list[str]:
    """Return octets as rows of hex with their offsets; at most the first `most`, if given."""
    shown = octets[:most] if most else octets
    rows = [
        f"{at:06x}  {shown[at : at + _HEX_ROW].hex(' ', 4)}"
        for at in range(0, len(shown), _HEX_ROW)
    ]
    if len(shown) < len(octets):
        rows.append(f"… {many(len(octets) - len(shown), 'byte')} more in events.ndjson")
    return rows


def problem_lines(seen: MessageSeen) -> list[str]:
    """Return what is wrong with a message."""
    lines: list[str] = []
    for one in map(_finding, seen.problems):
        if one.severity is not Severity.INFO:
            where = f" at {one.path}" if one.path else ""
            lines += plain_lines(f"{one.severity}: {one.code}{where}: {one.text}")
    return lines
