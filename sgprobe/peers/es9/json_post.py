"""One JSON function over HTTP POST: its path, size and header are checked before it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.members import check_header
from sgprobe.peers.es9.status import Refusal

JSON = "application/json"
_MAX_BODY = 16 << 20


def answer_post(
    request: Request, path: str, take: Callable[[dict[str, Any]], dict[str, Any]]
) -> Response:
    """Answer a request with the members that `take` returns; it may raise Refusal."""
    if request.path != path:
        return Response(404)
    if request.method != "POST":
        return Response(405, headers=(("Allow", "POST"),))
    if len(request.body) > _MAX_BODY:
        return Response(413)
    try:
        members = json_binding.read_object(request.body)
        check_header(members)
        told = {"header": json_binding.success(), **take(members)}
    except NotJson:
        return Response(400)
    except Refusal as refusal:
        told = {"header": json_binding.failure(refusal)}
    return Response(200, JSON, json_binding.write_object(told))
