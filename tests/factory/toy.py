"""An SM-DPf and an eUICC that speak the toy binding; what they do is real."""

from __future__ import annotations

import base64
import json
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto.ifpp_data import write_batch
from sgprobe.exchange import Request, Response
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import check_delivery
from sgprobe.peers.delivery.entry import read_package
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.smdpf.server import SmDpf
from sgprobe.peers.smdpf.status import STATUS

IFPP = codec.load("IFPP@0")
_FAULTS = {"otkConsumed": "used", "eidMismatch": "wrong-chip", "factoryPhaseClosed": "over"}
_CODES = {"key-used": "E-20", "key-proof": "E-21", "order-exhausted": "E-30",
          "type-unknown": "E-10", "order-unknown": "E-10"}  # fmt: skip


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


class ToySmDpf:
    """The SM-DPf of this project behind a front door of another make."""

    def __init__(self, smdpf: SmDpf, now: float) -> None:
        self._smdpf, self._now = smdpf, now
        self._codes = {f"{s.subject}/{s.reason}": _CODES.get(name, "E-99")
                       for name, s in STATUS.items()}  # fmt: skip

    def answer(self, request: Request) -> Response:
        try:
            told = self._do(request)
        except Refusal as refusal:
            told = {"fault": {"code": _CODES.get(refusal.status.name, "E-99")}}
        except (KeyError, TypeError, ValueError):
            told = {"fault": {"code": "E-40"}}
        return Response(200, "application/json", json.dumps(told).encode())

    def _call(self, name: str, who: str, members: dict[str, Any], *parts: str) -> dict[str, Any]:
        return self._smdpf.call(name, who, members, self._now, *parts)

    def _bad(self, refused: list[dict[str, str]]) -> list[dict[str, str]]:
        return [
            {"chip": one["eid"],
             "why": self._codes.get(f"{one['subjectCode']}/{one['reasonCode']}", "E-99")}
            for one in refused
        ]  # fmt: skip

    def _do(self, request: Request) -> dict[str, Any]:
        _, _, what, *rest = request.path.split("/")
        if request.method == "GET":
            return self._parcel(rest[0]) if what == "parcel" else self._ticket(rest[0])
        body = json.loads(request.body)
        if what == "purchase":
            product = body["product"]
            members = {"profileType": product["code"], "count": product["qty"],
                       "mccMnc": product.get("net", "")}  # fmt: skip
            return {"purchase": self._call("order", body["who"], members)["orderId"]}
        if what == "chips":
            return self._chips(body)
        if what == "wrap":
            entries = [{"eid": one["chip"], "keyRef": one["lock"].lower()} for one in body["for"]]
            members = {"orderId": body["purchase"], "entries": entries}
            return {"ticket": self._call("request", body["buyer"], members)["jobId"]}
        if what == "tell":
            answer = self._call("report", "dm.example", {"report": body["paper"]})
            return {"words": [one["verdict"] for one in answer["items"]],
                    "holes": answer["missing"]}  # fmt: skip
        members = {"iccids": body["cards"]}
        answer = self._call("withdraw", "msp.example", members, body["purchase"])
        cards = [{"card": one["iccid"], **({"now": one["state"]} if "state" in one else
                  {"why": "E-99"})} for one in answer["withdrawn"]]  # fmt: skip
        return {"cards": cards}

    def _chips(self, body: dict[str, Any]) -> dict[str, Any]:
        items = []
        for chip in body["chips"]:
            eid = chip["id"].lower()
            keys = [
                {"tbs": {"eid": eid, "keyRef": one["name"].lower(),
                         "suite": {1: "c1", 2: "h1", 3: "h1s"}[one["kind"]],
                         "ecPublicKey": base64.b64decode(one["point"]).hex()},
                 "signature": base64.b64decode(one["seal"]).hex()}
                for one in chip["locks"]
            ]  # fmt: skip
            value: dict[str, Any] = {
                "eid": eid,
                "euiccCertificate": base64.b64decode(chip["paper"]).hex(),
                "oneTimeKeys": keys,
            }
            items.append(IFPP.encode("EuiccIfppData", value))
        octets = write_batch(
            body["lot"], map(base64.b64decode, body["issuer"]),
            map(base64.b64decode, body["caps"]), items,
        )  # fmt: skip
        answer = self._call("batch", "eum.example", {"batch": _text(octets)})
        return {"good": answer["accepted"], "bad": self._bad(answer["refused"])}

    def _ticket(self, job: str) -> dict[str, Any]:
        self._smdpf.step(self._now)
        shown = self._call("job", "dm.example", {}, job)
        told = {"phase": shown["state"], "bad": self._bad(shown["refusals"])}
        return {**told, "parcel": shown["deliveryId"]} if "deliveryId" in shown else told

    def _parcel(self, delivery: str) -> dict[str, Any]:
        files = self._smdpf.hand_over(delivery)
        found = check_delivery(files, [one.ci for one in self._smdpf.setup.party.branches])
        book = DeliveryBook(files, found.usable)
        goods = []
        for entry in book.entries():
            (place,) = [one for one in book.find(entry.eid) if one.entry == entry]
            one = read_package(book.package(place))
            goods.append(
                {"label": one.package_id.upper(), "chip": one.eid, "lock": one.key_ref.upper(),
                 "card": iccid_octets(one.iccid).hex(), "deal": one.transaction_id.upper(),
                 "kind": entry.suite, "letter": _text(one.context), "box": _text(one.bound)}
            )  # fmt: skip
        return {"goods": goods}


class ToyEuicc:
    """The eUICC of this project with JSON in place of its factory commands."""

    def __init__(self, euicc: Euicc) -> None:
        self._euicc = euicc

    def __getattr__(self, name: str) -> Any:
        return getattr(self._euicc, name)

    def command(self, command: bytes, now: float) -> bytes:
        if command[:2] != b"\xdf\x7e":
            return self._euicc.command(command, now)
        element = read_tlv(command)
        told = self._do(json.loads(command[element.body :]), now)
        return tlv("DF7F", json.dumps(told).encode())

    def _ask(self, name: str, value: Any, now: float) -> Any:
        answer = self._euicc.command(IFPP.encode(f"{name}Request", value), now)
        return IFPP.decode(f"{name}Response", answer).value

    def _do(self, asked: dict[str, Any], now: float) -> dict[str, Any]:
        what = asked["do"]
        if what == "who":
            told = self._ask("GetIfppInfo", {"bindingVersion": 0}, now)
            locks = [{"name": one["keyRef"], "is": one["state"]} for one in told["otkInventory"]]
            return {"chip": told["eid"], "line": told["factoryPhase"], "locks": locks}
        if what == "letter":
            answer = self._euicc.command(base64.b64decode(asked["letter"]), now)
            told = IFPP.decode("IfppLoadContextResponse", answer).value
            if "ok" in told:
                return {"again": "yes" if told["ok"]["resumed"] else "no"}
            return {"fault": _FAULTS.get(told["error"]["code"], "other")}
        if what == "papers":
            told = self._ask("GetIfppResults", {"selector": {"all": None}}, now)
            return {"papers": [_text(bytes.fromhex(one)) for one in told["results"]]}
        told = self._ask("GetSignedIfppState", {"challenge": asked["word"].lower()}, now)["ok"]
        tbs = told["tbs"]
        cards = [
            {"number": one["iccid"], "class": one["profileClass"],
             "on": "yes" if one["enabled"] else "no", "by": one["loadedBy"]}
            for one in tbs["profiles"]
        ]  # fmt: skip
        return {"chip": tbs["eid"], "line": tbs["factoryPhase"], "word": tbs["challenge"].upper(),
                "seal": _text(bytes.fromhex(told["signature"])), "left": tbs["unusedOtk"],
                "count": tbs["stateCounter"], "cards": cards}  # fmt: skip
