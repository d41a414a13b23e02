"""An eUICC that is not ours: cases reach it through its reader, and know its eIMs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dissectors.spec.identity import iccid_text
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.end import HeardWorld
from sgprobe.engine.played import Options
from sgprobe.events import Verdict
from sgprobe.host.cards import served
from sgprobe.host.world import ICCID_A, ICCID_B, Plan
from sgprobe.links.card_tcp import CardServer
from sgprobe.peers.euicc.records import Eim, Notification, Profile
from sgprobe.peers.rules import Rules
from sgprobe.product.load import load_text
from sgprobe.product.model import ProductFile

_FILE = """
product: a card
version: 1
role: euicc
spec: SGP.32@1.2
endpoints: {{card: "tcp:127.0.0.1:{port}"}}
identity:
  eid: "{eid}"
  eim-id: eim.example.com
  eim-counter: 0
  association-token: {token}
  iccid-a: "{a}"
  iccid-b: "{b}"
keys: {{ci: {pki}/ci.cert.pem, euicc: {pki}/euicc.cert.pem, eum: {pki}/eum.cert.pem}}
answers: {{EU_IOT: yes, EU_MULTIEIM: yes, EU_PPR: yes, EU_IMMEDIATE: yes,
  EU_FALLBACK: yes, EU_ECALL: yes}}
"""


async def _serve(_role: str, _request: Any, default: Callable[[], Awaitable[Any]]) -> Any:
    return await default()


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite(data_dir("suites"))


@pytest.fixture
def world() -> HeardWorld:
    """A world whose card another process could have."""
    return HeardWorld(Plan(seed=7), _serve, {}, {})


@pytest.fixture
def product(world: HeardWorld, suite: Suite, tmp_path: Path) -> Iterator[ProductFile]:
    """The product file of that card, which is served over TCP."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = CardServer(served(world.card))
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    eim = world.euicc.draft().find(Eim, "eim.example.com")
    assert eim is not None
    text = _FILE.format(port=server.address[1], eid=world.euicc.eid, token=eim.token,
                        a=ICCID_A, b=ICCID_B, pki=data_dir("vectors") / "pki" / "p256")  # fmt: skip
    yield load_text(text, tmp_path / "card.yaml", suite.catalogue, date(2026, 11, 21))
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


class Babbling:
    """An eUICC that tells its EID, and answers everything else in one way."""

    def __init__(self, euicc: Any, answer: bytes) -> None:
        self._euicc = euicc
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._euicc, name)

    def command(self, command: bytes, now: float) -> bytes:
        told: bytes = self._euicc.command(command, now)
        return told if command[:2] == b"\xbf\x3e" else self._answer


def run(product: ProductFile, case: str) -> tuple[Verdict, str]:
    """Return the verdict of a case about the card."""
    bench = Bench(Choice(product, options=Options(product=product, ixit={"command-limit": "9 s"})))
    name, _, variant = case.partition("[")
    ready = bench.ready(data_dir("suites") / "es10" / "euicc" / f"{name}.case.yaml")
    chosen = next(one for one in ready if not variant or one.id == case)
    result = bench.run(chosen, lambda event: None)
    return result.verdict, result.reason


def test_cases_reach_the_card(product: ProductFile, world: HeardWorld) -> None:
    """Its counter grows from case to case; a token that it gives out is used at once."""
    for case in ("ES10-EUI-EID-001", "ES10-EUI-AUS-001", "ES10-EUI-LEP-010", "ES10-EUI-LEP-020",
                 "ES10-EUI-ECO-001"):  # fmt: skip
        assert run(product, case) == (Verdict.PASS, ""), case
    second = world.euicc.draft().find(Eim, "second.eim.test")
    assert second is not None
    assert second.counter == 6


def test_a_reset_reaches_the_card(product: ProductFile) -> None:
    """The session is gone with the power."""
    assert run(product, "ES10-EUI-AUS-006") == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("ES10-EUI-BPP-009", "cannot bring euicc.rat of a card about"),
        ("ES10-EUI-LEP-029", "cannot bring euicc.memory of a card about"),
        ("ES10-EUI-LEP-006[kept-by-ppr2]", "the bench puts no policy rules into a card"),
    ],
)
def test_a_state_that_nobody_can_bring_about_is_inconclusive(
    product: ProductFile, case: str, wanted: str
) -> None:
    """The simulated eUICC is not taken in place of the card."""
    verdict, reason = run(product, case)
    assert verdict is Verdict.INCONCLUSIVE
    assert wanted in reason


def profiles(world: HeardWorld) -> dict[str, bool]:
    return {iccid_text(bytes.fromhex(one.iccid)): one.enabled
            for one in world.euicc.draft().all(Profile)}  # fmt: skip


def test_states_are_brought_about_by_packages_that_leave_no_trace(
    product: ProductFile, world: HeardWorld
) -> None:
    """Profiles and eIMs are as a case asks, and no notification or result tells of it."""
    cases = ("ES10-EUI-LEP-005", "ES10-EUI-LEP-011", "ES10-EUI-ECO-015", "RPL-EUI-CNT-008",
             "ES10-EUI-LEP-017")  # fmt: skip
    for case in cases:
        assert run(product, case) == (Verdict.PASS, ""), case
    assert run(product, "ES10-EUI-CON-001")[0] is Verdict.PASS
    assert world.euicc.draft().all(Notification) == []


def test_profiles_are_put_in_anew_where_a_case_needs_other_metadata(
    product: ProductFile, world: HeardWorld
) -> None:
    """Notifications, fallback, emergency and class are as the case says, and usual afterwards."""
    cases = ("ES10-EUI-LEP-001", "ES10-EUI-LEP-003", "NTF-EUI-GEN-004", "RBK-EUI-FBK-001",
             "RBK-EUI-FBK-010", "RBK-EUI-ECL-006")  # fmt: skip
    for case in cases:
        assert run(product, case) == (Verdict.PASS, ""), case
    assert run(product, "ES10-EUI-EID-001") == (Verdict.PASS, "")
    assert profiles(world) == {ICCID_A: True, ICCID_B: False}
    for one in world.euicc.draft().all(Profile):
        assert (one.profile_class, one.is_emergency, one.fallback) == ("operational", False, False)


def test_a_card_at_fault_fails(product: ProductFile, world: HeardWorld) -> None:
    """What the bench does beside a case does not hide what the card does."""
    rules = Rules(world.euicc.chip.rules.table, frozenset({"EUICC.DELETE-STATE"}))
    world.euicc.chip = replace(world.euicc.chip, rules=rules)
    verdict, reason = run(product, "ES10-EUI-LEP-006[enabled]")
    assert verdict is Verdict.FAIL
    assert "deleteResult" in reason


def test_what_items_leave_is_taken_back(product: ProductFile, world: HeardWorld) -> None:
    """A card stands for many items: each begins with its two profiles and the bench's eIM."""
    usual = {ICCID_A: True, ICCID_B: False}
    # a profile is put in, one of the two is deleted, all are, and the last eIM is
    left = ("ES10-EUI-BPP-001", "ES10-EUI-LEP-006", "ES10-EUI-MRS-001", "ES10-EUI-ECO-010",
            "ES10-EUI-ECO-007", "RPL-EUI-CNT-005")  # fmt: skip
    for case in left:
        assert run(product, case) == (Verdict.PASS, ""), case
        assert run(product, "ES10-EUI-LEP-018") == (Verdict.PASS, ""), case
        assert profiles(world) == usual, case
        assert [one.id for one in world.euicc.draft().all(Eim)] == ["eim.example.com"], case


def test_somebody_elses_eims_and_profiles_are_left_alone(
    product: ProductFile, world: HeardWorld
) -> None:
    """A card in use is no card of a laboratory."""
    draft = world.euicc.draft()
    (ours,) = draft.all(Eim)
    name = "eim.operator.example"
    other = replace(ours, id=name, config={**ours.config, "eimId": name})
    draft.put(other)
    profile = next(one for one in draft.all(Profile) if not one.enabled)
    iccid = "98" + "11" * 9
    metadata = {**profile.metadata, "iccid": iccid, "serviceProviderName": "An operator"}
    theirs = replace(profile, iccid=iccid, metadata=metadata, aid=profile.aid[:-4] + "ff00")
    draft.put(theirs)
    world.euicc.adopt(draft)
    assert run(product, "ES10-EUI-EID-001") == (Verdict.PASS, "")
    verdict, reason = run(product, "ES10-EUI-LEP-011")
    assert verdict is Verdict.INCONCLUSIVE
    assert "that the bench does not delete" in reason
    verdict, reason = run(product, "ES10-EUI-IMM-001")
    assert verdict is Verdict.INCONCLUSIVE
    assert "has eIMs that the bench does not remove" in reason
    kept = world.euicc.draft()
    assert kept.find(Eim, other.id) == other
    assert kept.find(Profile, theirs.iccid) == theirs


@pytest.mark.parametrize("answer", [b"", b"\x00", b"\xbf\x55\x7f", b"\xbf\x2d\x03\xa0\x01"])
def test_a_card_that_answers_anything_is_no_error_of_the_bench(
    product: ProductFile, world: HeardWorld, answer: bytes
) -> None:
    """What cannot be read is told, and the case goes on."""
    world.card.euicc = Babbling(world.euicc, answer)  # type: ignore[assignment]
    verdict, reason = run(product, "ES10-EUI-EID-001")
    assert verdict in (Verdict.PASS, Verdict.FAIL), reason
    verdict, reason = run(product, "ES10-EUI-LEP-011")
    assert verdict is Verdict.INCONCLUSIVE, reason


def test_a_product_without_a_reader_is_inconclusive(product: ProductFile) -> None:
    """It is said what to add."""
    product.endpoints.clear()  # type: ignore[attr-defined]
    verdict, reason = run(product, "ES10-EUI-EID-001")
    assert verdict is not Verdict.PASS
    assert "endpoints" in reason
