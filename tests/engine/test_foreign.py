"""A product of somebody else's: what its file gives, what it lacks, and how it is made to act."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.outcome import Declined
from sgprobe.events import Verdict
from sgprobe.mutants.hunt import case_paths
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.load import load_product
from sgprobe.product.model import ProductFile
from sgprobe.questions import shipped

ROOT = Path(__file__).parents[2]
FAULTY = (ROOT / "examples/products/faulty-eim.yaml").read_text(encoding="utf-8")


def product(folder: Path, *changes: tuple[str, str]) -> ProductFile:
    text = FAULTY.replace("../../vectors", str(ROOT / "vectors"))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "product.yaml"
    path.write_text(text, encoding="utf-8")
    return load_product(path, shipped(), date(2026, 1, 1))


def test_who_it_is(tmp_path: Path) -> None:
    one = Foreign(product(tmp_path))
    assert one.name("eim", "x") == "eim.example.com"
    assert one.name("smdp", "smdp.test") == "smdp.test"
    assert one.facts()["eim.id"] == "eim.example.com"
    assert one.facts()["eid.other"] == "89049032123451234512345678901332"
    own = TestPki.load()["p256"]
    assert one.facts()["certs.eim"] == own["eim-sign"].certificate.der.hex()
    assert list(one.keys()) == ["keys.eim"]
    assert one.number("association-token") == 5
    assert one.number("nothing") is None
    assert one.euicc() == "euicc"


def test_an_eid_of_none_of_our_euiccs(tmp_path: Path) -> None:
    file = product(tmp_path, ('eid: "89049032123451234512345678901235"',
                              'eid: "89049032123451234512345678901937"'))  # fmt: skip
    with pytest.raises(Unresolved, match="bench lacks an eUICC with the EID 8904.*it has 8904"):
        Foreign(file).euicc()


def test_a_binding_without_an_endpoint_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Unresolved, match="bench lacks `endpoints: {esipa-coap: URL}` of product"):
        Foreign(product(tmp_path)).add_to(SimpleNamespace(), "eim", "coaps")  # type: ignore[arg-type]


SMDS = (ROOT / "examples/products/own-smds.yaml").read_text(encoding="utf-8")


def sm_ds(folder: Path, es12: str) -> Foreign:
    text = SMDS.replace("../../vectors", str(ROOT / "vectors"))
    text = text.replace("  es12: http://127.0.0.1:18467\n", es12)
    path = folder / "smds.yaml"
    path.write_text(text, encoding="utf-8")
    return Foreign(load_product(path, shipped(), date(2026, 1, 1)))


def test_events_go_to_an_endpoint_of_their_own_with_the_certificate_of_an_smdp(
    tmp_path: Path,
) -> None:
    led: list[Any] = []
    own = TestPki.load()["p256"]
    world: Any = SimpleNamespace(set=own, outside=lambda *told: led.append(told))
    one = sm_ds(tmp_path, "  es12: https://127.0.0.1:18467\n")
    assert one.beside(world) == "https://testrootsmds.example.com:18467"
    [(role, name, address, settings)] = led
    assert (role, name) == ("smds", "testrootsmds.example.com:18467")
    assert address == ("127.0.0.1", 18467)
    assert settings.identity.chain[0] == own["dptls"].certificate.der
    assert one.listeners("smds") == dict.fromkeys(("127.0.0.1:18466", "127.0.0.1:18467"), "smds")
    clear = sm_ds(tmp_path, "  es12: http://127.0.0.1:18467\n")
    assert clear.beside(world) == "http://127.0.0.1:18467"
    with pytest.raises(Unresolved, match="bench lacks `endpoints: {es12: URL}` of smds.yaml"):
        sm_ds(tmp_path, "").beside(world)


# --- how it acts ---


class Operators:
    """An operator that does what a test says, and remembers what it was asked."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def do(self, call: Any, limit: float) -> dict[str, Any]:
        self.asked.append((call.verb, dict(call.given)))
        result = self.results.pop(0) if self.results else {}
        if isinstance(result, Exception):
            raise result
        return dict(result)


def acting(folder: Path, *results: Any) -> tuple[Foreign, Operators]:
    one, operators = Foreign(product(folder)), Operators(*results)
    one._operator = operators  # type: ignore[assignment]
    return one, operators


def test_what_was_ordered_is_taken_back(tmp_path: Path) -> None:
    """Items stand alone: what the product still has queued would reach the next one."""

    async def run() -> list[tuple[str, dict[str, Any]]]:
        one, operators = acting(tmp_path, {"order": "17"}, Failed("already done"))
        given = {"eid": "89049032123451234512345678901235", "op": "get-rat"}
        assert await one.trigger("eim.queue-package", given) == {"order": "17"}
        await one.close()
        return operators.asked

    order, cancel = asyncio.run(run())
    assert (order[0], cancel[0]) == ("order", "cancel")
    assert cancel[1]["order"] == "17"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Missing("no way to order", "operator: {order: …}"), Unresolved, "; add operator: {order"),
        (Failed("status 500"), Declined, "the operator: status 500"),
    ],
)
def test_what_cannot_be_ordered(tmp_path: Path, error: Any, kind: Any, words: str) -> None:
    async def run() -> None:
        one, _ = acting(tmp_path, error)
        try:
            await one.trigger("eim.queue-package", {"eid": "00", "op": "get-rat"})
        finally:
            await one.close()

    with pytest.raises(kind, match=words):
        asyncio.run(run())


# --- which items there are ---

COAPS = 'EIM_COAPS: {answer: no, reason: "served over HTTPS alone in this example"}'


def ready(folder: Path, case: str, *changes: tuple[str, str]) -> list[Any]:
    return Bench(Choice(product(folder, *changes))).ready(case_paths()[case])


def test_what_it_keeps_its_operator_tells(tmp_path: Path) -> None:
    for told, kept in (("true", True), ("false", False)):
        way = f"operator:\n  search_store: {{fixed: {{found: {told}}}}}\n"
        one = Foreign(product(tmp_path, ("operator:\n", way)))
        assert asyncio.run(one.keeps(b"\x01")) is kept
    with pytest.raises(Unresolved, match="no way for search_store"):
        asyncio.run(Foreign(product(tmp_path)).keeps(b"\x01"))


def test_both_is_a_sample_for_each_value(tmp_path: Path) -> None:
    """Only where the condition of a case asks for it: other cases run once."""
    both = (COAPS, "EIM_COAPS: both")
    found = ready(tmp_path, "ESIPA-EIM-GEP-001", both)
    alone = ready(tmp_path, "ESIPA-EIM-GEP-001")
    assert [one.id for one in alone if "EIM_COAPS" in one.id] == []
    coap = [one for one in found if "coap" in one.id]
    assert coap
    told = {one.id: one.verdict for one in coap}
    assert any("EIM_COAPS=yes" in ident and verdict is None for ident, verdict in told.items())
    assert any("EIM_COAPS=no" in ident and verdict is Verdict.NOT_APPLICABLE
               for ident, verdict in told.items())  # fmt: skip
    assert len({one.id for one in found}) == len(found)


def test_an_unanswered_question_is_inconclusive(tmp_path: Path) -> None:
    found = ready(tmp_path, "ESIPA-EIM-GEP-001", ("  EIM_RETRIEVE: yes\n", ""))
    assert {one.verdict for one in found if "https" in one.id or "[" not in one.id} == {
        Verdict.INCONCLUSIVE
    }
    assert "EIM_RETRIEVE" in found[0].reason


def test_a_product_runs_the_cases_of_its_role(tmp_path: Path) -> None:
    assert ready(tmp_path, "RBK-IPA-CON-001") == []
