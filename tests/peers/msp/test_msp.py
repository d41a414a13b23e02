"""The MSP: signed orders, and reports that are kept once."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.exchange import Request
from sgprobe.peers.msp.provider import Msp, sign_order
from sgprobe.peers.store import MemoryStore

HEADER = {"functionRequesterIdentifier": "smdpf", "functionCallIdentifier": "1"}


def post(msp: Msp, members: dict[str, Any], path: str = "/ifpp/reports") -> tuple[int, str]:
    body = json.dumps(members).encode()
    answer = msp.answer(Request(path, "application/json", body), 5.0)
    if answer.status != 200:
        return answer.status, ""
    return 200, json.loads(answer.body)["header"]["functionExecutionStatus"]["status"]


def report(number: int, **lists: list[dict[str, str]]) -> dict[str, Any]:
    return {"header": HEADER, "orderId": "O1", "reportId": f"r{number}", **lists}


def test_orders_are_signed_octet_for_octet() -> None:
    key = keys.derive_key("msp", "k", Curve.P256)
    signed = sign_order({"profileType": "12k", "count": 3}, key)
    assert keys.verify(key.public_key(), signed.signature, signed.body)
    told = signed.to_json()
    assert base64.b64decode(told["order"]) == signed.body
    assert not keys.verify(key.public_key(), signed.signature, signed.body + b" ")
    assert len(told["digest"]) == 64


def test_reports_are_put_together_and_kept_once() -> None:
    msp = Msp(MemoryStore(), "/ifpp")
    one = report(1, notProven=[{"iccid": "1"}, {"iccid": "2"}])
    assert post(msp, one) == (200, "Executed-Success")
    assert post(msp, one) == (200, "Executed-Success")
    assert len(msp.known("O1")["notProven"]) == 2
    assert post(msp, report(2, provenInstalled=[{"iccid": "1"}])) == (200, "Executed-Success")
    known = msp.known("O1")
    # what was proved later is not open any more
    assert [one["iccid"] for one in known["notProven"]] == ["2"]
    assert [one["iccid"] for one in known["provenInstalled"]] == ["1"]
    assert msp.known("O2")["provenInstalled"] == []


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({"orderId": "O1", "reportId": "r"}, (200, "Failed")),
        ({"header": HEADER}, (200, "Failed")),
        ({"header": HEADER, "orderId": "O1", "reportId": "r" * 200}, (200, "Failed")),
        ({"header": HEADER, "orderId": "O1", "reportId": "r", "removed": 5}, (200, "Failed")),
    ],
)
def test_what_is_no_report(members: dict[str, Any], outcome: tuple[int, str]) -> None:
    assert post(Msp(MemoryStore(), "/ifpp"), members) == outcome


def test_other_paths_and_methods() -> None:
    msp = Msp(MemoryStore(), "/ifpp")
    assert post(msp, {}, "/reports")[0] == 404
    assert msp.answer(Request("/ifpp/reports", "", b"", method="GET"), 0).status == 405
    assert msp.answer(Request("/ifpp/reports", "", b"{"), 0).status == 400
    assert msp.answer(Request("/ifpp/reports", "", b"x" * (17 << 20)), 0).status == 413
