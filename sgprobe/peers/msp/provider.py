"""What an MSP does in IFPP: it signs its orders, and keeps what the SM-DPf reports of them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sgprobe.crypto import keys
from sgprobe.exchange import Request, Response
from sgprobe.peers.es9.json_post import answer_post
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.store import Store

# the lists of a report; what is proved stands apart from what is not. RB-57
LISTS = ("provenInstalled", "provenFailed", "notProven", "conflicts", "removed", "withdrawn")


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order as evidence: the octets that were sent, and the MSP's signature over them."""

    body: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        """The order digest."""
        return hashlib.sha256(self.body).hexdigest()

    def to_json(self) -> dict[str, str]:
        """Return the evidence as JSON data."""
        return {
            "order": base64.b64encode(self.body).decode(),
            "digest": self.digest,
            "alg": "ecdsa-sha256-plain",
            "signature": base64.b64encode(self.signature).decode(),
        }


def sign_order(members: dict[str, Any], key: keys.PrivateKey) -> SignedOrder:
    """Return an order with the signature of the MSP that places it."""
    body = json.dumps(members, separators=(",", ":")).encode()
    return SignedOrder(body, keys.sign(key, body))


class Msp:
    """Takes the reports of SM-DPfs, at PATH/reports of its notify address."""

    def __init__(self, store: Store, path: str = "") -> None:
        self._store = store
        self._path = f"{path}/reports"

    def answer(self, request: Request, now: float) -> Response:
        """Answer one HTTP request."""
        return answer_post(request, self._path, lambda members: self._take(members, now))

    def _take(self, members: dict[str, Any], now: float) -> dict[str, Any]:
        order, report = members.get("orderId"), members.get("reportId")
        if not isinstance(order, str) or not isinstance(report, str) or len(report) > 128:
            raise refuse("element-missing", "orderId, reportId")
        key = f"report/{order[:64]}/{report}"
        if self._store.get(key) is not None:
            # it was told before, and the answer was lost
            return {}
        lists = {name: members.get(name) or [] for name in LISTS}
        if not all(isinstance(one, list) for one in lists.values()):
            raise refuse("element-invalid", "a list of the report")
        self._store.commit({key: {"at": now, "states": members.get("states"), **lists}})
        return {}

    def known(self, order: str) -> dict[str, list[dict[str, Any]]]:
        """Return what is known of an order: all lists of all reports, put together."""
        whole: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
        for key in self._store.keys(f"report/{order}/"):
            report = self._store.get(key)
            for name in LISTS:
                whole[name] += report[name]
        installed = {one["iccid"] for one in whole["provenInstalled"]}
        # a later report has proved it
        whole["notProven"] = [one for one in whole["notProven"] if one["iccid"] not in installed]
        return whole
