"""Actions as HTTP calls: URL, headers, body by mapping, and outputs taken from the answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlencode, urljoin, urlsplit

from sgprobe.exchange import Request, Response
from sgprobe.product.actions import Value
from sgprobe.product.faults import Failed
from sgprobe.product.secrets import redact
from sgprobe.product.templates import fill, is_there, step, text_of
from sgprobe.product.ways import HttpCall, Rest, Take, Ways

MEDIA = "application/json"
MAX_BODY = 1 << 20
_EXCERPT = 200


async def run(
    way: Rest,
    ways: Ways,
    given: Mapping[str, Value],
    ask: Callable[[str, Request], Awaitable[Response]],
) -> dict[str, Value]:
    """Make the calls; outputs of earlier ones are inputs of later ones."""
    outputs: dict[str, Value] = {}
    for call in way.calls:
        known = {**given, **outputs}
        outputs.update(await _call(call, ways, known, ask))
    return outputs


async def _call(
    call: HttpCall,
    ways: Ways,
    known: Mapping[str, Value],
    ask: Callable[[str, Request], Awaitable[Response]],
) -> dict[str, Value]:
    url = _url(call, ways.url, known)
    origin, target = _split(url, call)
    # secrets of the operator's own URL never go elsewhere, whatever an answer named
    home = bool(ways.url) and origin == _split(ways.url, call)[0]
    told = (*ways.headers, *call.headers) if home else call.headers
    headers = {name: hidden.reveal() for name, hidden in told}
    secrets = [headers[name] for name, hidden in told if hidden.secret]
    body = b"" if call.body is None else json.dumps(fill(call.body, known)).encode()
    media = MEDIA if call.body is not None else ""
    request = Request(target, media, body, tuple(headers.items()), call.method)
    where = f"{call.method} {origin}{target.partition('?')[0]}"
    try:
        response = await ask(origin, request)
    except (OSError, ConnectionError, EOFError) as error:
        raise Failed(redact(f"{where}: {error or type(error).__name__}", secrets)) from None
    good = call.expect or range(200, 300)
    if response.status not in good:
        text = f"{where}: status {response.status} {_excerpt(response)}"
        raise Failed(redact(text.rstrip(), secrets))
    return _taken(call, response, where, url, secrets)


def _url(call: HttpCall, base: str, known: Mapping[str, Value]) -> str:
    target = text_of(call.target, known) or ""
    url = base.rstrip("/") + target if target.startswith("/") else target
    segments = [text_of(part, known) for part in call.path]
    for segment in segments:
        if segment in ("", ".", ".."):
            raise Failed(f"{call.source}: {segment!r} is no segment of a path")
        if segment is not None:
            # a segment is one segment, whatever a product has named its orders
            url = f"{url.rstrip('/')}/{quote(segment, safe='')}"
    pairs = [(name, text_of(part, known)) for name, part in call.query]
    query = urlencode([(name, text) for name, text in pairs if text is not None])
    return f"{url}?{query}" if query else url


def _split(url: str, call: HttpCall) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname
        port = parts.port
    except ValueError:
        good = port = None
    if not good or any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise Failed(f"{call.source}: {url[:_EXCERPT]!r} is no URL")
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = port or {"http": 80, "https": 443}[parts.scheme]
    target = parts.path or "/"
    return f"{parts.scheme}://{shown}:{port}", f"{target}?{parts.query}" if parts.query else target


def _excerpt(response: Response) -> str:
    text = response.body[:_EXCERPT].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)


def _taken(
    call: HttpCall, response: Response, where: str, url: str, secrets: list[str]
) -> dict[str, Value]:
    outputs: dict[str, Value] = {}
    members: Value = None
    if any(one.where.startswith("body") for one in call.take):
        members = _json(response, where)
    for one in call.take:
        value = _one(one, response, members, url)
        if not is_there(value):
            if one.optional:
                continue
            text = f"{where}: the answer has no {one.where} for '{one.name}': {_excerpt(response)}"
            raise Failed(redact(text, secrets))
        if one.words:
            if str(value) not in one.words:
                known = ", ".join(one.words)
                text = f"{where}: '{one.name}' is {value!r:.80}, which is none of {known}"
                raise Failed(redact(text, secrets))
            value = one.words[str(value)]
        outputs[one.name] = value
    return outputs


def _one(take: Take, response: Response, members: Value, url: str) -> Value:
    head, _, rest = take.where.partition(".")
    if head == "status":
        return response.status
    if head == "header":
        name, _, place = rest.partition(".")
        value = response.header(name)
        if value is None:
            return step(None, name)
        if name.lower() == "location":
            # a product may name what it made by a path alone
            value = urljoin(url, value)
        return step(value.split("/"), place) if place else value
    for part in rest.split(".") if rest else ():
        members = step(members, part)
    return members


def _json(response: Response, where: str) -> Value:
    if len(response.body) > MAX_BODY:
        raise Failed(f"{where}: an answer of more than {MAX_BODY} octets")
    try:
        return json.loads(response.body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Failed(f"{where}: the answer is no JSON: {_excerpt(response)}") from None
