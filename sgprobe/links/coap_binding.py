"""How ESipa requests and responses stand in CoAP messages. SGP.32 §6.1.

What the facts leave open is a setting; the defaults are what is in use, not what is proved.
"""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.exchange import Request as CoapRequest
from dissectors.link.coap.exchange import Response as CoapResponse
from dissectors.link.coap.exchange import make_request, make_response
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH, JSON_MEDIA
from sgprobe.exchange import Request, Response

# Content-Formats of the registry of RFC 7252 §12.3
_TEXT, _OCTETS, _JSON = 0, 42, 50
_OTHERS = {_TEXT: "text/plain;charset=utf-8", _JSON: JSON_MEDIA}
METHODS = {codes.GET: "GET", codes.POST: "POST", codes.PUT: "PUT", codes.DELETE: "DELETE",
            codes.FETCH: "FETCH", codes.PATCH: "PATCH", codes.IPATCH: "iPATCH"}  # fmt: skip
_CODES = {name: code for code, name in METHODS.items()}
# HTTP status and CoAP code for what is refused; the first of a code stands for it on the way back
_REFUSALS = {
    400: 0x80, 401: 0x81, 403: 0x83, 404: 0x84, 405: 0x85, 406: 0x86, 408: 0x88, 409: 0x89,
    412: 0x8C, 413: 0x8D, 415: 0x8F, 422: 0x96, 429: 0x9D, 500: 0xA0, 501: 0xA1, 502: 0xA2,
    503: 0xA3, 504: 0xA4, 505: 0xA5,
}  # fmt: skip
_STATUSES = {code: status for status, code in _REFUSALS.items()}


@dataclass(frozen=True, slots=True)
class Binding:
    """The uncertain points of the CoAP binding."""

    path: str = ASN1_PATH
    # application/octet-stream: no number is registered for our media type; None sends none
    content_format: int | None = _OCTETS
    code_with_body: int = codes.CHANGED  # 2.05 Content is seen as well
    uri_host: bool = True  # name the server in Uri-Host, where it has a name
    confirmable: bool = True
    szx: int = 6

    # --- what we ask ---

    def to_request(self, request: Request, host: str) -> CoapRequest:
        """Return a request as CoAP carries it."""
        return make_request(
            self.path if request.path == ASN1_PATH else request.path,
            request.body,
            code=_CODES.get(request.method, codes.POST),
            host=host if host and self.uri_host else None,
            content_format=self._format(request.media) if request.body else None,
            confirmable=self.confirmable,
        )

    def from_response(self, answer: CoapResponse) -> Response:
        """Return an answer as roles see it; the code itself stands in a header."""
        code = (("coap-code", codes.code_text(answer.code)),)
        media = self._media(answer.content_format) if answer.body else ""
        if answer.code >= codes.BAD_REQUEST and answer.content_format is None and answer.body:
            # RFC 7252 §5.5.2: a diagnostic payload, for people
            media = _OTHERS[_TEXT]
        return Response(self.status(answer.code, answer.body), media, answer.body, code)

    def status(self, code: int, body: bytes = b"") -> int:
        """Return the HTTP status that stands for a code."""
        if code >> 5 == 2:
            return 200 if body else 204
        return _STATUSES.get(code, 500 if code >> 5 == 5 else 400)

    # --- what we are asked ---

    def from_request(self, asked: CoapRequest) -> Request:
        """Return a request as roles see it."""
        path = opt.uri_path(asked.options)
        if path == self.path:
            path = ASN1_PATH
        elif path == ASN1_PATH:
            path = f"/not-here{path}"
        method = METHODS.get(asked.code, codes.code_text(asked.code))
        media = self._media(asked.content_format) if asked.body else ""
        return Request(path, media, asked.body, method=method)

    def to_response(self, response: Response) -> CoapResponse:
        """Return an answer as CoAP carries it."""
        code = self.code(response)
        if code >= codes.BAD_REQUEST:
            # RFC 7252 §5.5.2: what goes with an error is text for people
            return make_response(code, response.body)
        media = self._format(response.media) if response.body else None
        return make_response(code, response.body, content_format=media)

    def code(self, response: Response) -> int:
        """Return the code of an answer."""
        if response.status < 300:
            return self.code_with_body if response.body else codes.CHANGED
        wrong = codes.INTERNAL_SERVER_ERROR if response.status >= 500 else codes.BAD_REQUEST
        return _REFUSALS.get(response.status, wrong)

    def acceptable(self, asked: CoapRequest) -> bool:
        """Say whether we have an answer in the format that is asked for. RFC 7252 §5.10.4."""
        wanted = opt.first_uint(asked.options, opt.ACCEPT)
        return wanted in (None, self.content_format, _OCTETS, _JSON)

    # --- media types ---

    def _format(self, media: str) -> int | None:
        return _JSON if media.startswith(JSON_MEDIA) else self.content_format

    def _media(self, number: int | None) -> str:
        if number in (None, self.content_format, _OCTETS):
            return ASN1_MEDIA
        assert number is not None
        return _OTHERS.get(number, f"application/x-coap-content-format-{number}")
