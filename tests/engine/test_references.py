"""Triggers and states of the references: orders of the eIM, its restart, the association."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.engine.end import HeardWorld
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.outcome import Declined
from sgprobe.engine.references import References
from sgprobe.host.world import ICCID_B, OTHER_SMDS, Plan
from sgprobe.peers.euicc.records import Eim
from sgprobe.product.ways import Command, Ways
from sgprobe.yamlnode import Source


async def _serve(_role: str, _request: Any, default: Callable[[], Awaitable[Any]]) -> Any:
    return await default()


@pytest.fixture
def references() -> References:
    """The references of a world that nobody listens in."""
    return References(HeardWorld(Plan(), _serve, {}), lambda text: None)


def _do(references: References, action: str, **given: Any) -> dict[str, Any]:
    return asyncio.run(references.trigger(action, given))


def test_an_order_is_open_until_its_end(references: References) -> None:
    """The state is that of the order that came last."""
    _do(references, "eim.queue-package", enable=ICCID_B)
    _do(references, "eim.queue-package", operations=[{"disable": ICCID_B}, {"get-rat": ""}])
    assert [row["state"] for row in references.read("eim.queue")] == ["open"]
    _do(references, "eim.cancel")
    assert [row["state"] for row in references.read("eim.queue")] == ["failed"]
    assert [str(one.state) for one in references.world.eim.orders()] == ["queued", "cancelled"]


def test_an_order_that_cannot_be_is_declined(references: References) -> None:
    """A case may permit it; nothing is queued."""
    with pytest.raises(Declined):
        _do(references, "eim.queue-package", enable="89490000000000ABCDE")
    with pytest.raises(Unresolved):
        references.read("eim.queue")


def test_a_restart_keeps_the_store_alone(references: References) -> None:
    """Orders survive; the journal does not."""
    _do(references, "eim.queue-package", enable=ICCID_B)
    references.world.eim.note("A", "b")
    _do(references, "eim.restart")
    assert len(references.world.eim.orders()) == 1
    assert not references.world.eim.journal


def test_both_ends_agree_on_an_association(references: References) -> None:
    """The eUICC and the eIM have the token and the counter of the row; `none` is no token."""
    own = references.world.eim_setup.eim_id
    eid = references.world.euicc.eid
    references.bring("euicc.eims", [{"eimId": own, "associationToken": "5", "counterValue": "9"}])
    device, known = references.world.eim.device(eid), references.world.euicc.draft().find(Eim, own)
    assert device is not None
    assert known is not None
    assert (device.token, device.counter) == (known.token, known.counter) == (5, 9)
    references.bring("euicc.eims", [{"eimId": own, "associationToken": "none"}])
    device, known = references.world.eim.device(eid), references.world.euicc.draft().find(Eim, own)
    assert device is not None
    assert known is not None
    assert known.token is None
    assert not device.token
    assert known.counter == 9


def test_an_event_stands_at_one_sm_ds_or_at_the_other(references: References) -> None:
    """What is brought about at the second one is not asked of the first."""
    world = references.world
    rows = [{"eventId": "ONE", "rspServerAddress": OTHER_SMDS},
            {"eventId": "ONE", "smds": "other"}]  # fmt: skip
    references.bring("smds.events", rows)
    assert [one["rspServerAddress"] for one in references.read("smds.events")] == [OTHER_SMDS]
    [other] = world.other_smds.events(world.euicc.eid)
    assert other.address == world.smdp.setup.party.address


def test_a_restarted_eim_still_sees_whom_it_speaks_to(references: References) -> None:
    """The certificate of a server in TLS is known to the host, not to the store."""
    _do(references, "eim.restart")
    world = references.world
    assert world.eim._means.tls_certificate == world.eim_directory.certificate


def test_an_association_may_be_indirect_and_elsewhere(references: References) -> None:
    """A new eIM is like the first; what a row does not name stays."""
    first = references.world.eim_setup.eim_id
    rows = [{"eimId": first, "indirect": "yes"}, {"eimId": "second", "fqdn": "none"}]
    references.bring("euicc.eims", rows)
    known = {one.id: one.config for one in references.world.euicc.draft().all(Eim)}
    assert known[first]["indirectProfileDownload"] is None
    assert known[first]["eimFqdn"] == first
    assert "eimFqdn" not in known["second"]
    references.bring("euicc.eims", [{"eimId": first, "indirect": "no"}])
    assert "indirectProfileDownload" not in references.world.euicc.draft().find(Eim, first).config
    with pytest.raises(Unresolved):
        references.bring("euicc.eims", [{"eimId": first, "protocols": ["by-post"]}])


@pytest.mark.parametrize(("told", "wanted"), [("5", "7"), ("5", "none"), (None, "5")])
def test_an_association_that_a_product_does_not_know_is_not_brought_about(
    told: str | None, wanted: str
) -> None:
    """A right product would sign over another token and be called wrong."""
    identity = {} if told is None else {"association-token": SimpleNamespace(text=told)}
    file: Any = SimpleNamespace(identity=identity, keys={}, operator=Ways(Path(), "eim.yaml"))

    def agree(**row: str) -> None:
        asyncio.run(Foreign(file).agree([{"eimId": "own", **row}], row.pop("of", "own"), "8904"))

    with pytest.raises(Unresolved, match=r"association token .*passes \$token on to eim.yaml"):
        agree(associationToken=wanted)
    agree(associationToken=wanted, of="another")
    agree(associationToken=told or "none")
    with pytest.raises(Unresolved, match=r"not from 3; add .* passes \$counter on"):
        agree(counterValue="3")


def test_an_association_is_told_to_a_product_and_taken_back() -> None:
    asked: list[Any] = []

    class Operators:
        async def do(self, call: Any, limit: float) -> dict[str, Any]:
            asked.append((call.action, dict(call.given)))
            return {}

    way = Command(("true",), Source("eim.yaml", 1, 1))
    ways = Ways(Path(), "eim.yaml", ways={("trigger", "manage"): way})
    file: Any = SimpleNamespace(identity={}, keys={}, operator=ways, limits={})

    async def run() -> None:
        one = Foreign(file)
        one._operator = Operators()  # type: ignore[assignment]
        row = {"eimId": "own", "associationToken": "70000", "counterValue": "8388606"}
        await one.agree([row, {"eimId": "another", "associationToken": "1"}], "own", "8904")
        await one.close()

    asyncio.run(run())
    assert asked == [
        ("manage", {"eid": "8904", "token": 70000}),
        ("manage", {"eid": "8904", "counter": 8388606}),
        ("manage", {"eid": "8904", "token": 0, "counter": 0}),
    ]
