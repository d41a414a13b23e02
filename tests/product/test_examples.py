"""The product file of the faulty eIM makes it act, and the eIM shows its three faults."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dissectors.spec.identity import iccid_octets
from sgprobe.host.operator_http import OperatorHttp
from sgprobe.host.stand import Plan, Stand
from sgprobe.peers.eim.rules import FAULTY
from sgprobe.product.actions import of_outcome, of_trigger
from sgprobe.product.load import load_text
from sgprobe.product.operator import Failed, Operator
from tests.product.conftest import TODAY

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "products"
A = "8949000000000000005"


@pytest.fixture
def play(catalogue):
    def run(steps: Any) -> None:
        async def go() -> None:
            async with Stand(Plan("eim", off=FAULTY)) as stand:
                path = FOLDER / "faulty-eim.yaml"
                text = path.read_text("utf-8")
                url = str(stand.description()["operator"])
                assert "http://127.0.0.1:18461" in text
                text = text.replace("http://127.0.0.1:18461", url)
                product = load_text(text, path, catalogue, TODAY)
                await steps(product, Operator(product.operator, OperatorHttp()), stand)

        asyncio.run(go())

    return run


def test_it_is_the_eim_of_the_file(play) -> None:
    async def steps(product, operator, stand) -> None:
        assert product.identity["eim-id"].text == stand.name
        assert product.identity["eid"].text == stand.eids[0]
        assert product.identity["eid-other"].text == stand.eids[1]
        (ci,) = product.keys["tls-ca"]
        assert ci.certificates[0].der == stand.set.ci.der
        (key,) = product.keys["eim"]
        assert key.spki == stand.set["eim-sign"].certificate.spki

    play(steps)


def test_an_order_is_queued_told_and_cancelled(play) -> None:
    async def steps(product, operator, stand) -> None:
        eid = product.identity["eid"].text
        given = {"eid": eid, "enable": iccid_octets(A).hex(), "rollback": "yes"}
        ordered = await operator.do(of_trigger("eim.queue-package", given), 5)
        told = await operator.do(of_outcome("eim.queue", ordered), 5)
        assert told["state"] == "open"
        await operator.do(of_trigger("eim.cancel", ordered), 5)
        told = await operator.do(of_outcome("eim.queue", ordered), 5)
        assert told["state"] == "failed"
        with pytest.raises(Failed, match="409 .*is cancelled"):
            await operator.do(of_trigger("eim.cancel", ordered), 5)

    play(steps)


def test_several_operations_and_every_kind(play) -> None:
    async def steps(product, operator, stand) -> None:
        eid = product.identity["eid"].text
        orders: list[dict[str, Any]] = [
            {"operations": [{"disable": A}, {"delete": A}]},
            {"list-eim": "yes"},
            {"get-data": "euicc-info2"},
            {"download": "1$testsmdpplus1.example.com$ABC", "indirect": "yes"},
        ]
        for given in orders:
            ordered = await operator.do(of_trigger("eim.queue-package", {"eid": eid, **given}), 5)
            assert ordered["order"]
        with pytest.raises(Failed, match="404 .*is not managed by this eIM"):
            await operator.do(of_trigger("eim.queue-package", {"eid": "1", "enable": A}), 5)

    play(steps)
