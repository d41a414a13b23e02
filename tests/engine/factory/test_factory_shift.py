"""What a line does before an SM-DPf under test, and what its operator does to it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from dissectors.asn1 import codec
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.keys import Curve, PrivateKey, generate_key
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.engine.factory.retold import retold
from sgprobe.engine.factory.station import Stations
from sgprobe.engine.given import only, said_yes
from sgprobe.host.factory_network import FactoryNetwork, Network
from sgprobe.links.clock import ScenarioClock
from sgprobe.peers.es9.asn1_binding import Octets
from sgprobe.peers.fpa.outcome import Code, Outcome

ITEM = {"packageId": "01" * 16, "eid": "89" * 16, "iccid": "98" * 10}
RSP = "SGP.22@2.5"


def result(key: PrivateKey) -> bytes:
    value = {
        "profileInstallationResultData": {
            "transactionId": "01" * 16,
            "notificationMetadata": {
                "seqNumber": 1,
                "profileManagementOperation": {"value": "80", "length": 1},
                "notificationAddress": "smdpf.example",
                "iccid": "98" * 10,
            },
            "smdpOid": "2.999.10",
            "finalResult": {"successResult": {"aid": "a0" * 16, "simaResponse": "3000"}},
        },
        "euiccSignPIR": "00" * 64,
    }
    return codec.load(RSP).encode("ProfileInstallationResult", value)


def test_a_result_tells_something_else_and_is_signed() -> None:
    key = generate_key(Curve.P256)
    changes: dict[str, Any] = {"smdpOid": "2.999.12", "notificationMetadata": {"seqNumber": 5}}
    made = Octets(codec.load(RSP), "ProfileInstallationResult", retold(result(key), changes, key))
    data = made.value["profileInstallationResultData"]
    assert (data["smdpOid"], data["transactionId"]) == ("2.999.12", "01" * 16)
    assert data["notificationMetadata"]["seqNumber"] == 5
    assert data["notificationMetadata"]["iccid"] == "98" * 10
    covered = made.raw("profileInstallationResultData")
    assert EUICC_SIGN_PIR.verify(key.public_key(), made.raw("euiccSignPIR"), covered)
    with pytest.raises(Unresolved):
        retold(result(key), {"smdpOid": "no OID"}, key)


@pytest.mark.parametrize(("percent", "lost"), [(0, 0), (1, 1), (20, 4)])
def test_a_share_of_reports_is_lost(percent: int, lost: int) -> None:
    stations = Stations()
    for _ in range(20):
        stations.add("st-1", "D1", ITEM, Outcome(code=Code.OTHER), 0.0)
    written = stations.write_each(lambda: "00" * 16, 0.0, "")
    assert len(written) == 21
    assert stations.report(21)["header"]["final"]
    gone = stations.lose(written, percent, random.Random(1))
    assert len(gone) == lost
    missing = [n for low, high in stations.gaps(gone) for n in range(low, high + 1)]
    assert missing == gone


def test_an_earlier_report_that_goes_out_again_is_no_new_one() -> None:
    stations = Stations()
    for _ in range(2):
        stations.add("st-1", "D1", ITEM, Outcome(code=Code.OTHER), 0.0)
        stations.write_unsent("00" * 16, 0.0, final=False, station="")
    stations.draft("11" * 16, 0.0)
    stations.write(stations.written[0])
    assert len(stations.written) == 2


def test_what_a_trigger_does_not_know_is_told() -> None:
    with pytest.raises(Unresolved, match="fpa.load knows no colour"):
        only("fpa.load", {"colour": "red"}, "device")
    assert said_yes({"ready": "yes"}, "ready")
    assert not said_yes({}, "ready")


def test_an_sm_dpf_that_starts_again_has_its_store(tmp_path: Path) -> None:
    own = TestPki.load()["p256"]
    plan = Network(own, ScenarioClock(), None, tmp_path, bytes, lambda role, handler: handler)

    async def run() -> None:
        async with FactoryNetwork(plan) as network:
            before = network.smdpf
            assert before is not None
            before.store.commit({"order/1": "there"})
            network.restart()
            assert network.smdpf is not before
            assert network.smdpf is not None
            assert network.smdpf.store.get("order/1") == "there"

    asyncio.run(run())
