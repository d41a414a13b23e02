"""What the layers from capture file to flow bytes can find fault with."""

from __future__ import annotations

from typing import Final

from dissectors.finding import Code, Severity

CAPTURE_TRUNCATED: Final = Code(
    "capture-truncated", Severity.ERROR, "the file ends inside a record; the rest is lost"
)
CAPTURE_CORRUPT: Final = Code(
    "capture-corrupt", Severity.ERROR, "a record or block contradicts itself; reading resumes after"
)
CAPTURE_STOPPED: Final = Code(
    "capture-stopped", Severity.ERROR, "no further record could be found; the rest is not read"
)
CAPTURE_LIMIT: Final = Code(
    "capture-limit", Severity.WARNING, "the file announces more than is kept in memory"
)
GZIP_CORRUPT: Final = Code("gzip-corrupt", Severity.ERROR, "the compressed data is damaged")
GZIP_BOMB: Final = Code(
    "gzip-bomb", Severity.ERROR, "the data expands beyond what captures do; reading stops"
)
INTERFACE_UNKNOWN: Final = Code(
    "interface-unknown", Severity.ERROR, "a packet names an interface that no block describes"
)
LINK_TYPE: Final = Code(
    "link-type-unsupported", Severity.WARNING, "packets of this link type are counted, not decoded"
)
FRAME_MALFORMED: Final = Code(
    "frame-malformed", Severity.WARNING, "a link, IP, TCP or UDP header contradicts the frame"
)
PACKET_CUT: Final = Code(
    "packet-cut", Severity.WARNING, "the capture kept only the first bytes of a packet"
)
FRAGMENT_OVERLAP: Final = Code(
    "fragment-overlap", Severity.WARNING, "RFC 5722: fragments of one datagram do not overlap"
)
FRAGMENT_CONFLICT: Final = Code(
    "fragment-conflict", Severity.ERROR, "overlapping fragments differ; the first copy is used"
)
FRAGMENT_INCOMPLETE: Final = Code(
    "fragment-incomplete", Severity.WARNING, "fragments of a datagram are missing"
)
TCP_CONFLICT: Final = Code(
    "tcp-conflict", Severity.ERROR, "the same bytes were sent twice and differ; the first copy wins"
)
TCP_LATE: Final = Code(
    "tcp-late", Severity.WARNING, "a segment came after the gap it would fill was given up"
)
TCP_MID_FLOW: Final = Code(
    "tcp-mid-flow", Severity.INFO, "the capture has no start of this direction"
)
TCP_STRAY: Final = Code(
    "tcp-stray", Severity.WARNING, "a sequence number lies far from the connection's window"
)
TCP_AFTER_END: Final = Code(
    "tcp-after-end", Severity.WARNING, "RFC 9293 §3.6: no data follows a FIN"
)
TCP_AFTER_RESET: Final = Code(
    "tcp-after-reset", Severity.WARNING, "RFC 9293 §3.5: a reset ends the connection"
)
TCP_HELD: Final = Code(
    "tcp-held-limit", Severity.WARNING, "too many bytes wait behind a hole; it is given up"
)
FLOW_EVICTED: Final = Code(
    "flow-evicted", Severity.WARNING, "too many flows are open; the quietest are closed"
)
