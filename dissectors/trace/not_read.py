"""What is said of the body of an error answer that is no message: its size and its first words."""

from __future__ import annotations

from dissectors.finding import Finding, finding
from dissectors.trace import codes

_SHOWN = 80


def not_read(octets: bytes, status: str) -> tuple[Finding, ...]:
    """Return the finding on a body that came with an error status; none where there is no body."""
    if not octets:
        return ()
    text = f"{len(octets)} octets with status {status}"
    words = _words(octets)
    return (finding(codes.NOT_READ, f"{text}: {words}" if words else text),)


def _words(octets: bytes) -> str:
    """Return the beginning of a text on one line, or "" where the octets are no text."""
    try:
        text = octets[: 4 * _SHOWN].decode(
            "utf-8", "ignore" if len(octets) > 4 * _SHOWN else "strict"
        )
    except UnicodeDecodeError:
        return ""
    text = " ".join(text.split())
    if not text.isprintable():
        return ""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
