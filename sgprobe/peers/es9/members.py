"""Members of the JSON interfaces between servers (ES2+, ES12): who asks, and texts."""

from __future__ import annotations

from typing import Any

from sgprobe.peers.es9.status import refuse

MAX_TEXT = 256
_HEADER = {
    "functionRequesterIdentifier": "requester-unknown",
    "functionCallIdentifier": "call-unknown",
}


def check_header(members: dict[str, Any]) -> None:
    """Refuse a request that does not say who asks. SGP.22 §6.5.1.3."""
    header = members.get("header")
    header = header if isinstance(header, dict) else {}
    for name, status in _HEADER.items():
        value = header.get(name)
        if not isinstance(value, str) or not value:
            raise refuse(status, name)


def text(members: dict[str, Any], name: str) -> str | None:
    """Return a text member, None where it is not there."""
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise refuse("element-invalid", name)
    return value


def need(members: dict[str, Any], name: str) -> str:
    """Return a text member that must be there."""
    value = text(members, name)
    if value is None:
        raise refuse("element-missing", name)
    return value
