"""Findings at the level of messages: departures from the bindings, and what could not be read."""

from __future__ import annotations

from dissectors.finding import Code, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

PATH = Code("binding.path", _W, "SGP.32 §6.3, SGP.22 §6.5: the path of the binding")
MEDIA = Code("binding.media-type", _W, "SGP.32 §6.3, SGP.22 §6.5: the media type of the binding")
ADMIN = Code("binding.admin-protocol", _W, "X-Admin-Protocol: gsma/rsp/v2.x.y; likely, not certain")
STATUS = Code("binding.status", _W, "an answer has status 200, or 204 without a body")
CONTENT_FORMAT = Code("binding.content-format", _I, "no number is registered for the media type")
METHOD = Code("binding.method", _W, "every function is a POST")
BODY = Code("binding.body", _E, "the body is not a message of this function")
BEGUN = Code("binding.begun-before", _I, "the request began before the capture")
EMPTY = Code("binding.empty", _W, "only a notification is answered without a body")
SEGMENT = Code("bpp.segment-size", _W, "SGP.22 §2.5.3: 1020 octets with tag, length and MAC")
SIGNATURE = Code("signature.twice-wrapped", _W, "SGP.22 §2.6.7, BSI TR-03111: r and s alone")
NOT_READ = Code("binding.not-read", _W, "the body of an error answer is not a message")
JSON = Code("json.syntax", _E, "RFC 8259")
JSON_MEMBER = Code("json.member", _E, "SGP.22 §6.5.2: a member holds base64 of its TLV")
JSON_HEADER = Code("json.header", _W, "SGP.22 §6.5.1.4: an answer carries functionExecutionStatus")
JSON_DEPTH = Code("json.too-deep", _E, "nesting beyond what the reader follows")

CODES = {code.name: code for code in list(globals().values()) if isinstance(code, Code)}
