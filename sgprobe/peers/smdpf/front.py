"""The HTTP interface of the SM-DPf: JSON bodies with the envelope of ES2+, files with ranges."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.peers.delivery.files import FilesError, Folder, checked
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.members import check_header
from sgprobe.peers.es9.status import Refusal, refuse

BASE = "/ifpp/v0"
JSON, DER = "application/json", "application/octet-stream"
FIELD_NOTIFICATION = "/gsma/rsp2/es9plus/handleNotification"
# one answer holds so much of a file: larger files are fetched with Range
MAX_ANSWER = 8 << 20
MAX_BODY = 16 << 20
_ID = r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})"
# method, path, name of the function, HTTP status of success
ROUTES = tuple(
    (method, re.compile(BASE + path), name, status)
    for method, path, name, status in (
        ("POST", "/es2f/orders", "order", 200),
        ("GET", f"/es2f/orders/{_ID}", "show-order", 200),
        ("POST", f"/es2f/orders/{_ID}/withdraw", "withdraw", 200),
        ("POST", "/esed1/batches", "batch", 200),
        ("POST", "/esbpp/requests", "request", 202),
        ("GET", f"/esbpp/jobs/{_ID}", "job", 200),
        ("GET", f"/esbpp/deliveries/{_ID}/(.+)", "file", 200),
        ("POST", "/esbpp/reports", "report", 200),
        ("GET", f"/esbpp/reports/{_ID}/gaps", "gaps", 200),
        ("POST", "/esbpp/removals", "removals", 200),
    )
)
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})", re.ASCII)
# who asks where no body says it, as with GET
REQUESTER = "X-Function-Requester"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: the function, parts of its path, the members (None for GET), and who asks."""

    name: str
    parts: tuple[str, ...]
    members: dict[str, Any] | None
    requester: str
    body: bytes
    now: float


Call = Callable[[Asked], Any]


class Front:
    """Reads requests, has them performed, and writes what comes of it."""

    def __init__(self, call: Call, requester_bound: Callable[[], bool]) -> None:
        self._call = call
        self._requester_bound = requester_bound

    def answer(self, request: Request, now: float, caller: str | None = None) -> Response:
        """Answer one request; `caller` is who the TLS certificate names, where there is one."""
        found = None
        allowed = []
        for method, pattern, name, status in ROUTES:
            match = pattern.fullmatch(request.path)
            if match is not None:
                allowed.append(method)
                if method == request.method:
                    found = (name, match.groups(), status)
        if found is None:
            headers = (("Allow", ", ".join(allowed)),) if allowed else ()
            return Response(405 if allowed else 404, headers=headers)
        if len(request.body) > MAX_BODY:
            return Response(413)
        name, parts, status = found
        try:
            return self._perform(request, name, parts, status, now, caller)
        except NotJson:
            return Response(400)
        except Refusal as refusal:
            return _json(200, {"header": json_binding.failure(refusal)})

    def _perform(
        self,
        request: Request,
        name: str,
        parts: tuple[str, ...],
        status: int,
        now: float,
        caller: str | None,
    ) -> Response:
        members: dict[str, Any] | None = None
        media = request.media.partition(";")[0].strip().lower()
        if request.method == "POST" and not (name == "report" and media == DER):
            if media != JSON:
                return Response(415)
            members = json_binding.read_object(request.body)
            check_header(members)
            requester = str(members["header"]["functionRequesterIdentifier"])[:256]
            # they become part of names: no control characters, no lone surrogates
            if not requester.isprintable():
                raise refuse("requester-unknown")
            if not str(members["header"]["functionCallIdentifier"]).isprintable():
                raise refuse("call-unknown")
        else:
            requester = (request.header(REQUESTER) or caller or "")[:256]
        if caller is not None and requester != caller and self._requester_bound():
            return Response(403)
        result = self._call(Asked(name, parts, members, requester, request.body, now))
        if isinstance(result, Folder):
            return _file(request, result, parts[1])
        return _json(status, {"header": json_binding.success(), **result})


def _json(status: int, members: dict[str, Any]) -> Response:
    return Response(status, JSON, json_binding.write_object(members))


def _file(request: Request, folder: Folder, name: str) -> Response:
    """Answer with a file of a delivery, or a range of it. RFC 9110 §14."""
    try:
        size = folder.size(checked(name))
        asked = request.header("range")
        if asked is None:
            if size > MAX_ANSWER:
                # too large for one answer: RFC 9110 §15.5.17 tells the size
                return Response(416, headers=_ranges(f"bytes */{size}"))
            return Response(200, _media(name), folder.read(name), _ranges())
        match = _RANGE.fullmatch(asked.strip())
        first = int(match[1]) if match else size
        last = min(int(match[2]) if match and match[2] else size - 1, size - 1)
        if first > last:
            return Response(416, headers=_ranges(f"bytes */{size}"))
        last = min(last, first + MAX_ANSWER - 1)
        data = folder.read(name, first, last - first + 1)
        return Response(206, _media(name), data, _ranges(f"bytes {first}-{last}/{size}"))
    except FilesError:
        return Response(404)


def _media(name: str) -> str:
    return JSON if name == "manifest.json" else DER


def _ranges(content: str = "") -> tuple[tuple[str, str], ...]:
    told = (("Content-Range", content),) if content else ()
    return (("Accept-Ranges", "bytes"), *told)
