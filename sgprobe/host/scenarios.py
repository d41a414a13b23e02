"""What `sgprobe world` plays: orders, an IPA that acts, and checks of what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from dissectors.spec.identity import iccid_text
from sgprobe.crypto.keys import spki
from sgprobe.host.world import ICCID_A, ICCID_B, World
from sgprobe.peers.eim.operations import (
    AddEim,
    DeleteEim,
    Download,
    Enable,
    ListEim,
    ListProfiles,
    Operation,
)
from sgprobe.peers.euicc.records import Profile

# what was expected, and whether it is so
Check = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: a line for the help, the play, and what world it wants.

    Whether downloads go through the eIM, and whether the IPA listens to an eIM that injects.
    """

    line: str
    play: Callable[[World], AsyncIterator[Check]]
    indirect: bool = False
    injects: bool = False


async def _poll(world: World) -> AsyncIterator[Check]:
    for report in await world.device.run(world.ipa.poll()):
        if report.trouble:
            yield f"poll of {report.eim}: {report.trouble}", False


def _order(world: World, *operations: Operation) -> str:
    return world.eim.order(world.euicc.eid, *operations, now=world.clock.now()).id


def _done(world: World, name: str) -> Check:
    order = world.eim.outcome(name)
    reason = f" ({order.reason})" if order.reason else ""
    return f"order {order.id} is {order.state}{reason}", str(order.state) == "done"


def _enabled(world: World) -> list[str]:
    profiles = world.euicc.draft().all(Profile)
    return [iccid_text(bytes.fromhex(one.iccid)) for one in profiles if one.enabled]


async def _play_poll(world: World) -> AsyncIterator[Check]:
    name = _order(world, ListProfiles())
    async for check in _poll(world):
        yield check
    yield _done(world, name)
    async for check in _poll(world):
        yield check
    yield "a second poll finds an empty queue", True


async def _play_enable(world: World) -> AsyncIterator[Check]:
    name = _order(world, Enable(ICCID_B))
    async for check in _poll(world):
        yield check
    yield _done(world, name)
    yield f"profile {ICCID_B} is enabled", _enabled(world) == [ICCID_B]


async def _play_rollback(world: World) -> AsyncIterator[Check]:
    name = _order(world, Enable(ICCID_B, rollback=True))
    # over the new profile the eIM cannot be reached: what the IPA sends there is lost
    world.unreachable_when = lambda: _enabled(world) == [ICCID_B]
    async for check in _poll(world):
        yield check
    world.unreachable_when = lambda: False
    async for check in _poll(world):
        yield check
    order = world.eim.outcome(name)
    yield f"order {order.id} is {order.state} ({order.reason})", str(order.state) != "queued"
    yield f"profile {ICCID_A} is enabled again", _enabled(world) == [ICCID_A]


async def _play_eco(world: World) -> AsyncIterator[Check]:
    second = "second.example.com"
    key = spki(world.set["eim-tls"].key).hex()
    added = _order(world, AddEim(eim_id=second, fqdn=second, public_key=key))
    listed = _order(world, ListEim())
    deleted = _order(world, DeleteEim(second))
    async for check in _poll(world):
        yield check
    for name in (added, listed, deleted):
        yield _done(world, name)


async def _play_download(world: World, *, indirect: bool) -> AsyncIterator[Check]:
    order = world.smdp.order("30k")
    address = world.smdp.setup.party.address
    name = _order(world, Download(smdp=address, matching_id=order.matching_id, indirect=indirect))
    async for check in _poll(world):
        yield check
    yield _done(world, name)
    alone = world.directory.asked == {world.eim_setup.eim_id}
    if indirect:
        yield "the IPA asked the eIM alone", alone
    else:
        yield "the IPA asked the SM-DP+ itself", not alone
    state = world.smdp.state(order.iccid)
    yield (
        f"the SM-DP+ has the order as {state.state if state else 'lost'}",
        (state is not None and str(state.state) == "installed"),
    )
    held = [iccid_text(bytes.fromhex(one.iccid)) for one in world.euicc.draft().all(Profile)]
    wanted = iccid_text(bytes.fromhex(order.iccid)) if len(order.iccid) == 20 else order.iccid
    yield f"the eUICC holds {wanted}", wanted in held or order.iccid in held


def _direct(world: World) -> AsyncIterator[Check]:
    return _play_download(world, indirect=False)


def _indirect(world: World) -> AsyncIterator[Check]:
    return _play_download(world, indirect=True)


async def _play_inject(world: World) -> AsyncIterator[Check]:
    names = [_order(world, Enable(ICCID_B)), _order(world, ListProfiles())]
    report = await world.inject()
    yield f"the eIM sent {', '.join(report.sent)} {report.trouble}".rstrip(), not report.trouble
    for name in names:
        yield _done(world, name)
    yield f"profile {ICCID_B} is enabled", _enabled(world) == [ICCID_B]
    yield "the IPA asked nobody", not world.directory.asked


SCENARIOS = {
    "poll": Scenario("a poll finds a package, the next one finds none", _play_poll),
    "enable": Scenario("a signed package enables a profile", _play_enable),
    "rollback": Scenario("enable with rollback, and the eIM out of reach after it", _play_rollback),
    "eco": Scenario("another eIM is added, listed and deleted", _play_eco),
    "inject": Scenario("the eIM sends packages to an IPA that listens", _play_inject, injects=True),
    "direct": Scenario("a download by the IPA itself", _direct),
    "indirect": Scenario("a download through the eIM", _indirect, indirect=True),
}
