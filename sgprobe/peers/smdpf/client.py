"""The client half of ES2f, Esed1 and Esbpp, for MSP, EUM and device maker. IFPP §5."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.peers.delivery.files import MANIFEST, SIGNATURE, FilesError, Folder
from sgprobe.peers.delivery.manifest import Manifest, ManifestError, read_manifest
from sgprobe.peers.delivery.writer import file_names
from sgprobe.peers.effects import Post, Procedure, Wait
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.smdpf.front import BASE, DER, JSON, REQUESTER

CHUNK = 4 << 20
_PATIENCE = 0.25


@dataclass(slots=True)
class SmDpfClient:
    """Asks one SM-DPf; `address` is scheme and authority, `requester` who asks.

    ServerRefusal says what the server refuses, ServerFault that its answer is none.
    """

    address: str
    requester: str
    # of the calls of this client: a call that comes again must have the same one
    call_id: Callable[[], str]

    def post(self, path: str, members: dict[str, Any]) -> Procedure[dict[str, Any]]:
        """Post members and return those of the answer."""
        header = {
            "functionRequesterIdentifier": self.requester,
            "functionCallIdentifier": self.call_id(),
        }
        body = json.dumps({"header": header, **members}).encode()
        response = yield Post(self.address, Request(BASE + path, JSON, body))
        return _members(path, response)

    def get(self, path: str) -> Procedure[dict[str, Any]]:
        """Get the members of an answer."""
        response = yield from self._get(path)
        return _members(path, response)

    def _get(self, path: str, *headers: tuple[str, str]) -> Procedure[Response]:
        given = ((REQUESTER, self.requester), *headers)
        response: Response = yield Post(self.address, Request(BASE + path, "", b"", given, "GET"))
        return response

    # --- functions ---

    def order(self, members: dict[str, Any]) -> Procedure[dict[str, Any]]:
        """ES2f: order profiles."""
        return (yield from self.post("/es2f/orders", members))

    def order_states(self, order: str) -> Procedure[dict[str, int]]:
        """ES2f: return how many profiles of an order are in each state."""
        answer = yield from self.get(f"/es2f/orders/{order}")
        return dict(answer["states"])

    def withdraw(self, order: str, members: dict[str, Any]) -> Procedure[dict[str, Any]]:
        """ES2f: withdraw profiles, `iccids` or `all`."""
        return (yield from self.post(f"/es2f/orders/{order}/withdraw", members))

    def batch(self, batch: bytes, dm: str = "") -> Procedure[dict[str, Any]]:
        """Esed1: deliver eUICC data (FF47)."""
        members = {"batch": base64.b64encode(batch).decode(), **({"dmId": dm} if dm else {})}
        return (yield from self.post("/esed1/batches", members))

    def request(
        self, members: dict[str, Any], told: Callable[[int, int], None] = lambda done, whole: None
    ) -> Procedure[dict[str, Any]]:
        """Esbpp: request packages, and wait until the job is over; return what it says."""
        asked = yield from self.post("/esbpp/requests", members)
        while True:
            shown = yield from self.get(f"/esbpp/jobs/{asked['jobId']}")
            told(shown["bound"] + len(shown["refusals"]), shown["entries"])
            if shown["state"] in ("done", "failed"):
                return shown
            yield Wait(_PATIENCE)

    def fetch(
        self,
        delivery: str,
        folder: Path,
        told: Callable[[int, int], None] = lambda done, whole: None,
    ) -> Procedure[Manifest]:
        """Esbpp: fetch a delivery; what is there already of an earlier try is kept."""
        target = Folder(folder)
        path = f"/esbpp/deliveries/{delivery}"
        response = yield from self._get(f"{path}/{MANIFEST}")
        data = _body(path, response)
        try:
            manifest = read_manifest(data)
        except ManifestError as error:
            raise ServerFault(path, str(error)) from None
        whole = sum(one.bin_bytes for one in manifest.shards)
        done = 0
        digests = {one.idx: one.idx_sha256 for one in manifest.shards}
        digests |= {one.bin: one.bin_sha256 for one in manifest.shards}
        for name in file_names(manifest.shards)[1:]:
            yield from self._file(f"{path}/{name}", target, name, digests.get(name))
            done += target.size(name) if name.endswith(".bin") else 0
            told(done, whole)
        # without its manifest it is no delivery
        target.write(MANIFEST, data)
        return manifest

    def _file(self, path: str, target: Folder, name: str, digest: str | None) -> Procedure[None]:
        for again in (False, True):
            have = 0 if again or name == SIGNATURE else _size(target, name)
            with target.create(name, have) as file:
                while True:
                    asked = ("Range", f"bytes={have}-{have + CHUNK - 1}")
                    response = yield from self._get(path, asked)
                    if response.status == 416:
                        break
                    part = _body(path, response)
                    file.write(part)
                    have += len(part)
                    if response.status == 200 or len(part) < CHUNK:
                        break
            if digest is None or _digest(target, name) == digest:
                return
        raise ServerFault(path, "its SHA-256 is not the manifest's")

    def report(self, report: bytes) -> Procedure[dict[str, Any]]:
        """Esbpp: send a loading report (FF4A)."""
        given = ((REQUESTER, self.requester),)
        request = Request(f"{BASE}/esbpp/reports", DER, report, given)
        response = yield Post(self.address, request)
        return _members("/esbpp/reports", response)

    def gaps(self, delivery: str) -> Procedure[dict[str, Any]]:
        """Esbpp: return what is missing of the reports of a delivery."""
        return (yield from self.get(f"/esbpp/reports/{delivery}/gaps"))


def _size(folder: Folder, name: str) -> int:
    try:
        return folder.size(name)
    except FilesError:
        return 0


def _digest(folder: Folder, name: str) -> str:
    digest = hashlib.sha256()
    with folder.open(name) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _body(path: str, response: Response) -> bytes:
    if response.status not in (200, 206):
        raise ServerFault(path, f"HTTP status {response.status}", status=response.status)
    if response.media.startswith(JSON):
        # a refusal comes with status 200
        try:
            _refused(path, json_binding.read_object(response.body))
        except NotJson:
            pass
    return response.body


def _refused(path: str, members: dict[str, Any]) -> None:
    if "header" not in members:
        return
    status, subject, reason, message = json_binding.read_header(members)
    if status not in (json_binding.SUCCESS, json_binding.WARNING):
        raise ServerRefusal(path, subject, reason, message)


def _members(path: str, response: Response) -> dict[str, Any]:
    if response.status not in (200, 202):
        raise ServerFault(path, f"HTTP status {response.status}", status=response.status)
    try:
        members = json_binding.read_object(response.body)
    except NotJson as error:
        raise ServerFault(path, str(error)) from None
    _refused(path, members)
    return members
