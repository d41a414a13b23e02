"""How a simulated device maker fetches a delivery, file by file, whole or in ranges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from dissectors.trace import ifpp_json
from dissectors.trace.json_functions import HEADER, looks_like_json, parse
from sgprobe.engine.outcome import StepFailed
from sgprobe.exchange import Request, Response
from sgprobe.peers.delivery.entry import Contents, EntryError, read_line, read_package
from sgprobe.peers.delivery.files import MANIFEST, Folder
from sgprobe.peers.delivery.manifest import Manifest, ManifestError, read_manifest
from sgprobe.peers.delivery.writer import file_names

_WHOLE, _PART, _BEYOND = 200, 206, 416
_BASE = "/ifpp/v0/esbpp/deliveries"
# ranges of one file
_MOST, _RANGE = 100_000, 4 << 20
Ask = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Fetched:
    """One delivery at the factory."""

    name: str
    files: Folder
    manifest: Manifest
    packages: list[Contents] = field(default_factory=list, repr=False)


async def fetch(name: str, folder: Path, ask: Ask, chunk: int = 0) -> Fetched:
    """Fetch a delivery into a folder; StepFailed where the SM-DPf does not give it."""
    files = Folder(folder)
    data = await _file(name, MANIFEST, ask, chunk)
    try:
        manifest = read_manifest(data)
    except ManifestError as error:
        raise StepFailed(f"{name}: {error}") from None
    found = Fetched(name, files, manifest)
    kept: dict[str, bytes] = {MANIFEST: data}
    for file in file_names(manifest.shards)[1:]:
        kept[file] = await _file(name, file, ask, chunk)
    for file, octets in kept.items():
        with files.create(file) as out:
            out.write(octets)
    for shard in manifest.shards:
        found.packages += _packages(kept[shard.idx], kept[shard.bin])
    return found


def _packages(index: bytes, octets: bytes) -> list[Contents]:
    try:
        lines = [read_line(line) for line in index.splitlines(keepends=True)]
        return [read_package(octets[one.offset : one.offset + one.length]) for one in lines]
    except EntryError as error:
        raise StepFailed(f"the delivery cannot be read: {error}") from None


async def _file(name: str, file: str, ask: Ask, chunk: int) -> bytes:
    whole = b""
    for _ in range(_MOST):
        headers: tuple[tuple[str, str], ...] = ()
        if chunk:
            headers = (("Range", f"bytes={len(whole)}-{len(whole) + chunk - 1}"),)
        answer = await ask(Request(f"{_BASE}/{name}/{file}", "", b"", headers, "GET"))
        if chunk and answer.status == _BEYOND and whole:
            return whole
        if not chunk and answer.status == _BEYOND:
            # too large for one answer
            return await _file(name, file, ask, _RANGE)
        if answer.status != (_PART if chunk else _WHOLE):
            wanted = "a range" if chunk else "the file"
            raise StepFailed(f"{name}/{file}: status {answer.status} in place of {wanted}")
        if refusal := _refusal(answer):
            raise StepFailed(f"{name}/{file}: refused, {refusal}")
        whole += answer.body
        if not chunk or len(answer.body) < chunk:
            return whole
    raise StepFailed(f"{name}/{file}: no end after {_MOST} ranges")


def _refusal(answer: Response) -> str:
    """Return what a refusal says: it comes with status 200, and has a header."""
    if not looks_like_json(answer.body) or b'"' + HEADER.encode() not in answer.body[:64]:
        return ""
    told = ifpp_json.Reader().opened(parse(answer.body).value)
    return str(told.get(HEADER, ""))[:200] if isinstance(told, dict) else ""
