"""HTTP bodies of ESipa, ES9+, ES11, ES12 and ES2+. SGP.32 §6.3, §6.4; SGP.22 §6.5, §6.6.

Status: Scapy's HTTP/1 with our bodies, for building and for single packets. Bodies with a transfer
or content coding are left to Scapy. Whole captures are read with `RspSession`, which knows HTTP/2,
segments and TLS.
"""

from __future__ import annotations

from typing import Any

from scapy.config import conf
from scapy.layers.http import HTTPRequest, HTTPResponse
from scapy.packet import Packet, bind_bottom_up, bind_top_down

from dissectors.layers.body import REQUEST, RESPONSE, Media, OtherBody, RspBody
from dissectors.layers.generate import message_classes
from dissectors.layers.json_message import JsonMessage
from dissectors.spec.functions import (
    ASN1_MEDIA,
    ASN1_PATH,
    ES2,
    ES9,
    ES11,
    ES12,
    ESIPA,
    FUNCTIONS,
    JSON_MEDIA,
)

# as products write it
_JSON_MEDIA = (JSON_MEDIA, f"{JSON_MEDIA};charset=UTF-8", f"{JSON_MEDIA}; charset=UTF-8",
               f"{JSON_MEDIA};charset=utf-8", f"{JSON_MEDIA}; charset=utf-8")  # fmt: skip


# a version of SGP.22 that every product speaks; the form is likely, not certain
_ADMIN = {b"X-Admin-Protocol": b"gsma/rsp/v2.1.0"}


class HttpRequestBody(RspBody):
    """The body of an HTTP request."""

    name = "body of a request"
    kind = REQUEST

    # Scapy looks for it in the class itself, not in its bases
    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Any:
        """Choose the class of a body."""
        return _chosen(cls, _pkt, kargs.get("_underlayer"))


class HttpResponseBody(RspBody):
    """The body of an HTTP response."""

    name = "body of a response"
    kind = RESPONSE

    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Any:
        """Choose the class of a body."""
        return _chosen(cls, _pkt, kargs.get("_underlayer"))


def _chosen(cls: type[RspBody], octets: bytes, head: Packet | None) -> Any:
    if not octets or head is None:
        return cls
    if any(getattr(head, name, None) for name in ("Transfer_Encoding", "Content_Encoding")):
        return conf.raw_layer
    is_json = (head.Content_Type or b"").startswith(JSON_MEDIA.encode())
    path = (head.Path or b"").decode("latin-1") if cls.kind == REQUEST else ""
    # JSON is everybody's; our own media type is not
    otherwise = conf.raw_layer if is_json else OtherBody
    return cls.choose(octets, path, Media.JSON if is_json else Media.ASN1, otherwise)


def _heads(name: str, made: type[Packet]) -> tuple[type[Packet], dict[str, Any]]:
    """Return the HTTP head that goes with a message, as fields that Scapy fills in."""
    is_json = issubclass(made, JsonMessage)
    media = (_JSON_MEDIA[1] if is_json else ASN1_MEDIA).encode()
    if is_json:
        asks, path = made.kind == REQUEST, made.function.path
    else:
        asks = name.endswith("Request") or any(name == f.request for f in FUNCTIONS)
        path = ASN1_PATH
    head: dict[str, Any] = {"Content_Type": media, "Unknown_Headers": _ADMIN}
    if asks:
        return HTTPRequest, head | {"Method": b"POST", "Path": (path or ASN1_PATH).encode()}
    return HTTPResponse, head


for _media in (ASN1_MEDIA, *_JSON_MEDIA):
    bind_bottom_up(HTTPRequest, HttpRequestBody, Content_Type=_media.encode())
    bind_bottom_up(HTTPResponse, HttpResponseBody, Content_Type=_media.encode())
for _interface in (ESIPA, ES9, ES11, ES12, ES2):
    for _name, _made in message_classes(_interface).items():
        _lower, _fields = _heads(_name, _made)
        bind_top_down(_lower, _made, **_fields)
