"""The device maker hands eUICC data on as it got them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from smdpf_made import NOW, batch, bench, chip

from sgprobe.exchange import Request
from sgprobe.peers.dm.maker import PATH, DeviceMaker
from sgprobe.peers.store import MemoryStore

HEADER = {"functionRequesterIdentifier": "eum.example", "functionCallIdentifier": "1"}


def post(maker: DeviceMaker, members: dict[str, Any]) -> dict[str, Any]:
    request = Request(PATH, "application/json", json.dumps(members).encode())
    answer = maker.answer(request, NOW)
    assert answer.status == 200
    return dict(json.loads(answer.body))


def test_route_b_gives_what_route_a_gives(tmp_path: Path) -> None:
    maker = DeviceMaker(MemoryStore())
    for name, number in (("b1", 1), ("b2", 2)):
        octets = batch([chip(number).item()], name)
        told = post(maker, {"header": HEADER, "batch": base64.b64encode(octets).decode()})
        assert told["accepted"] == [chip(number).eid]
    assert len(maker.data_of([chip(1).eid, chip(1).eid])) == 1
    data = maker.data_of([chip(1).eid, chip(2).eid, "0" * 32])
    assert len(data) == 2
    made = bench(tmp_path)
    made.place(2)
    answer = made.bind([(chip(n).eid, chip(n).refs[0]) for n in (1, 2)], euiccData=data)
    assert (answer["bound"], answer["refusals"]) == (2, [])


@pytest.mark.parametrize("members", [{}, {"header": HEADER}, {"header": HEADER, "batch": 5},
                                     {"header": HEADER, "batch": "%"},
                                     {"header": HEADER, "batch": "/0cA"}])  # fmt: skip
def test_what_is_no_batch(members: dict[str, Any]) -> None:
    maker = DeviceMaker(MemoryStore())
    status = post(maker, members)["header"]["functionExecutionStatus"]["status"]
    assert status == "Failed"
    assert maker.data_of([chip(1).eid]) == []


def test_other_requests() -> None:
    maker = DeviceMaker(MemoryStore())
    assert maker.answer(Request("/x", "", b""), NOW).status == 404
    assert maker.answer(Request(PATH, "", b"", method="GET"), NOW).status == 405
    assert maker.answer(Request(PATH, "", b"["), NOW).status == 400
    assert maker.answer(Request(PATH, "", b"x" * (17 << 20)), NOW).status == 413
