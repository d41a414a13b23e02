"""The findings of the HTTP readers: one row for each code, with its clause."""

from __future__ import annotations

from dissectors.finding import Code, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

# Both versions
GAP = Code("http-gap", _W, "bytes of the message were not captured")
TRUNCATED = Code("http-truncated", _W, "the stream ends inside the message")
BODY_LIMIT = Code("http-body-limit", _W, "the body is larger than the reader keeps")
NO_REQUEST = Code("http-no-request", _W, "the request of this response was not seen")
NO_RESPONSE = Code("http-no-response", _I, "the request was not answered in the capture")
MORE_FINDINGS = Code("http-more-findings", _I, "the list of findings is cut here")
CODING_BOMB = Code(
    "http-coding-bomb", _E, "RFC 9110 §17.6: the coded body expands beyond the limit"
)
CODING_BROKEN = Code("http-coding-broken", _E, "RFC 9110 §8.4: the body is not in its coding")
CODING_UNKNOWN = Code("http-coding-unknown", _W, "RFC 9110 §8.4: this coding is not opened")
BODY_UNEXPECTED = Code("http-body-unexpected", _W, "RFC 9110 §6.4.1: this message has no body")
LENGTH_MISMATCH = Code(
    "http-length-mismatch", _E, "RFC 9113 §8.1.1: content-length differs from the body"
)

# HTTP/1
SKIPPED = Code("http1-skipped", _W, "RFC 9112 §2.1: bytes that start no message were passed over")
HEAD_LIMIT = Code("http1-head-limit", _E, "RFC 9112 §2.3: the header section has no end in reach")
HEADER_LINE = Code("http1-header-line", _E, "RFC 9112 §5: field-line is name, colon, value")
HEADER_SPACE = Code("http1-header-space", _E, "RFC 9112 §5.1: no whitespace before the colon")
HEADER_VALUE = Code("http1-header-value", _E, "RFC 9110 §5.5: CR, LF and NUL are not in a value")
OBS_FOLD = Code("http1-obs-fold", _W, "RFC 9112 §5.2: line folding is deprecated")
BARE_LF = Code("http1-bare-lf", _W, "RFC 9112 §2.2: lines end with CR LF")
NO_HOST = Code("http1-no-host", _E, "RFC 9112 §3.2: an HTTP/1.1 request has one Host field")
LENGTH_INVALID = Code("http1-length-invalid", _E, "RFC 9110 §8.6: Content-Length is digits")
LENGTH_CONFLICT = Code(
    "http1-length-conflict", _E, "RFC 9112 §6.3: Content-Length fields contradict each other"
)
LENGTH_REPEATED = Code("http1-length-repeated", _W, "RFC 9110 §8.6: Content-Length stands twice")
LENGTH_AND_CHUNKED = Code(
    "http1-length-and-chunked", _E, "RFC 9112 §6.1: Content-Length beside Transfer-Encoding"
)
TRANSFER_CODING = Code(
    "http1-transfer-coding", _E, "RFC 9112 §6.1: chunked is the last transfer coding"
)
CHUNK = Code("http1-chunk", _E, "RFC 9112 §7.1: chunk-size, CR LF, data, CR LF")
CHUNK_LIMIT = Code("http1-chunk-limit", _E, "RFC 9112 §7.1.1: the chunk line has no end in reach")
PIPELINE_LIMIT = Code("http1-pipeline-limit", _W, "too many requests wait for their responses")
ROLE_SWAP = Code("http1-role-swap", _W, "one side sent both requests and responses")
SWITCHED = Code("http1-switched", _I, "RFC 9110 §7.8: the connection goes on in another protocol")

# HTTP/2
FRAME = Code("http2-frame", _E, "RFC 9113 §4.1, §6: the frame is not as its type demands")
FRAME_SIZE = Code("http2-frame-size", _W, "RFC 9113 §4.2: the frame is larger than was allowed")
RESYNC = Code("http2-skipped", _W, "RFC 9113 §4.1: bytes that start no frame were passed over")
HPACK = Code("http2-hpack", _E, "RFC 7541: the header block does not decode")
HPACK_LIMIT = Code("http2-hpack-limit", _E, "RFC 9113 §10.5.1: the header list is beyond the limit")
HEADERS_UNKNOWN = Code(
    "http2-headers-unknown", _W, "RFC 7541 §2.3.2: header fields refer to blocks not captured"
)
MALFORMED = Code("http2-malformed", _E, "RFC 9113 §8.1.1: a malformed message")
STREAM_STATE = Code("http2-stream-state", _W, "RFC 9113 §5.1: the frame does not fit its stream")
STREAM_LIMIT = Code("http2-stream-limit", _W, "more streams are open than the reader keeps")
RESET = Code("http2-reset", _W, "RFC 9113 §6.4: the stream was reset")
GOAWAY = Code("http2-goaway", _I, "RFC 9113 §6.8: the connection is being shut down")
PUSHED = Code("http2-pushed", _I, "RFC 9113 §8.4: the server promised this request itself")
