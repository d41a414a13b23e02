"""What is said of TLS and DTLS sessions and of notes that belong to no message."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dissectors.asn1 import codec
from dissectors.asn1.versions import SPECS
from dissectors.asn1.x509 import summarise
from dissectors.link.tls_session import SessionInfo
from dissectors.trace.read import Trace
from dissectors.trace.render.words import printable

_MOST = 50  # entries of one kind; what is over is counted


def closing_lines(trace: Trace, veil: Callable[[str], str]) -> Iterator[str]:
    """Walk what is said at the end: sessions that stayed closed, then notes."""
    for line in (*session_lines(trace), *note_lines(trace)):
        yield veil(line)


def session_lines(trace: Trace) -> Iterator[str]:
    """Walk the lines on sessions that stayed closed: what they are, what key they need."""
    closed = [s for s in trace.sessions if s.decryption in ("none", "partial")]
    closed.sort(key=lambda session: (session.first_frame, session.number))
    for session in closed[:_MOST]:
        yield from (printable(line) for line in describe(session))
    more = len(closed) - min(len(closed), _MOST)
    if more or (closed and trace.more_sessions):
        over = f", and {trace.more_sessions} that were not looked at" * bool(trace.more_sessions)
        yield f"… and {more} more sessions without keys{over}"


def describe(session: SessionInfo) -> Iterator[str]:
    """Walk the lines on one session."""
    known = session.as_dict()
    name = str(known["version"] or session.protocol.upper())
    head = f"encrypted: {name} {session.flow.client} → {session.flow.server}"
    if session.server_name:
        head += f", SNI {session.server_name}"
    for label, chosen, offered in (("ALPN", "alpn", "alpnOffered"), ("", "suite", "suitesOffered")):
        wanted = known[offered]
        if known[chosen]:
            head += f", {label} {known[chosen]}".replace(",  ", ", ")
        elif isinstance(wanted, list) and wanted:
            head += f", offers {' '.join(str(one) for one in wanted[:6])}"
    if session.resumption:
        head += f", resumed by {session.resumption}"
    yield f"{head}, frames {session.first_frame}–{session.last_frame}"
    for side, chain in zip(("client", "server"), session.certificates, strict=True):
        for der in chain[:1]:
            summary = summarise(codec.load(SPECS[-1]), der)
            if summary is not None:
                yield f"  {side} certificate: {summary['subject']}, issued by {summary['issuer']}"
    for alert in session.alerts:
        yield f"  alert from the {('client', 'server')[alert.side]}: {alert}"
    left = f"{session.closed} records stay closed"
    yield f"  {left}: {session.reason}" if session.reason else f"  {left}"
    for needed in session.needed:
        yield f"  needs --keylog with: {needed}"


def note_lines(trace: Trace) -> Iterator[str]:
    """Walk the notes of the layers below."""
    for finding, frames in trace.notes[:_MOST]:
        place = f"frame {frames[-1]}: " if frames else ""
        yield f"{finding.severity}: {place}{finding.code}: {printable(finding.text)}"
    more = len(trace.notes) - min(len(trace.notes), _MOST) + trace.more_notes
    if more:
        yield f"… and {more} more notes"
