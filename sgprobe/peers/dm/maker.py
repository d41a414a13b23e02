"""What a device maker keeps of eUICC data (Esed2), and gives along with its requests (route B)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from sgprobe.crypto.ifpp_data import BatchError, read_batch
from sgprobe.exchange import Request, Response
from sgprobe.peers.es9.json_binding import BadMember, read_base64
from sgprobe.peers.es9.json_post import answer_post
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.store import Store

PATH = "/ifpp/v0/esed2/batches"


class DeviceMaker:
    """Takes batches (FF47) as they are: whether they are genuine is the SM-DPf's to judge."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, request: Request, now: float) -> Response:
        """Answer one HTTP request."""
        return answer_post(request, PATH, self._take)

    def _take(self, members: dict[str, Any]) -> dict[str, Any]:
        text = members.get("batch")
        try:
            if not isinstance(text, str):
                raise refuse("element-missing", "batch")
            octets = read_base64(text)
            batch = read_batch(octets)
        except (BadMember, BatchError) as error:
            raise refuse("element-invalid", str(error)[:200]) from None
        changes = {f"batch/{batch.batch_id}": base64.b64encode(octets).decode()}
        changes |= {f"eid/{one.eid}": batch.batch_id for one in batch.items}
        self._store.commit(changes)
        return {"batchId": batch.batch_id, "accepted": [one.eid for one in batch.items]}

    def data_of(self, eids: Iterable[str]) -> list[str]:
        """Return the batches that have these eUICCs, each once, as a request carries them."""
        names = {self._store.get(f"eid/{eid}") for eid in eids} - {None}
        return [str(self._store.get(f"batch/{name}")) for name in sorted(names)]
