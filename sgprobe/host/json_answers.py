"""The JSON of operator interfaces: a small object comes, an answer goes."""

from __future__ import annotations

import json
from typing import Any

from sgprobe.exchange import Response

MEDIA = "application/json"
_MOST = 1 << 16


def read_object(body: bytes) -> dict[str, Any]:
    """Return a small JSON object, an empty one for no body; raises ValueError."""
    try:
        value = json.loads(body.decode() or "{}") if len(body) <= _MOST else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError("expected a small JSON object")
    return value


def told(status: int, value: object) -> Response:
    """Return an answer with a JSON value."""
    return Response(status, MEDIA, json.dumps(value).encode())
