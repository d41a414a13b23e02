"""Every answer lost, every request lost, one at a time: nothing happens twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sgprobe.peers.eim.operations import Disable, Download, Enable, GetData, ListProfiles
from sgprobe.peers.eim.work import Work
from sgprobe.peers.ipa.config import Patience
from tests.peers.world import A, B, World, states

# an IPA that does not ask again within one poll: the next poll has to bring things to an end
IMPATIENT = Patience(tries=1)


def enabled(world: World, name: str) -> None:
    assert states(world.euicc) == {A: False, B: True}
    assert world.state(name) == "done", world.outcome(name)
    # one package was signed, and one result taken
    assert world.eim.device(world.eid).counter == 1
    assert len(Work(world.eim_store).taken(world.eid)) == 1 + len(enabling(world))


def enabling(world: World) -> list:
    """Return the notifications that the SM-DP+ has got by way of the eIM."""
    through = world.config.features == {1}
    return world.smdp.notifications(world.eid) if through else []


def told(world: World, name: str) -> None:
    assert world.eim.facts(world.eid).info2


def installed(world: World, made) -> None:
    assert world.smdp.state(made.iccid).state == "installed"
    assert made.iccid in world.profiles()
    kinds = [one["kind"] for one in world.smdp.notifications(world.eid)]
    assert kinds.count("install") == 1, kinds


class Story:
    """What is ordered, and how it must have ended."""

    def __init__(self, order: Callable, end: Callable, **world) -> None:
        self.order, self.end, self.world = order, end, world


def _download(indirect: bool) -> Story:
    def order(world: World):
        name, made = world.download("small", indirect=indirect)
        return name, made

    def end(world: World, ordered) -> None:
        name, made = ordered
        assert world.state(name) == "done", world.outcome(name)
        installed(world, made)

    features = frozenset({1}) if indirect else frozenset({0})
    return Story(order, end, indirect=indirect, ipa={"features": features})


STORIES = {
    "enable": Story(lambda world: world.order(Enable(B)), enabled),
    "list": Story(lambda world: world.order(ListProfiles()), lambda world, name: None),
    "data": Story(lambda world: world.order(GetData(("euicc-info2",))), told),
    "direct": _download(False),
    "indirect": _download(True),
}


def steps(story: Story) -> tuple[int, int]:
    """Return how many messages go to the eIM and to the SM-DP+ when nothing is lost."""
    world = World(**story.world)
    ordered = story.order(world)
    assert world.poll().ok
    story.end(world, ordered)
    return len(world.link.seen), len(world.dp_link.seen)


def places() -> list[tuple[str, str, int, str]]:
    found = []
    for name, story in STORIES.items():
        to_eim, to_smdp = steps(story)
        for link, count in (("link", to_eim), ("dp_link", to_smdp)):
            for place in range(count):
                found += [(name, link, place, what) for what in ("lose_request", "lose_answer")]
    return found


PLACES = places()


@pytest.mark.parametrize(("name", "link", "place", "what"), PLACES)
def test_one_message_is_lost_and_the_ipa_asks_again(name, link, place, what):
    story = STORIES[name]
    world = World(**story.world)
    ordered = story.order(world)
    getattr(getattr(world, link), what).add(place)
    for _ in range(3):
        world.poll()
        # servers that did not answer are left alone for a while
        world.clock.now += 600
        world.driver.run(world.eim.errands())
        world.driver.run(world.ipa.notify())
    story.end(world, ordered)
    assert world.waiting() == (0, 0), world.ipa.journal


@pytest.mark.parametrize(("name", "link", "place", "what"), PLACES)
def test_one_message_is_lost_and_then_the_power(name, link, place, what):
    story = STORIES[name]
    world = World(**story.world)
    world.config = replace(world.config, patience=IMPATIENT)
    world.boot()
    ordered = story.order(world)
    getattr(getattr(world, link), what).add(place)
    for _ in range(4):
        world.poll()
        world.euicc.reset()
        world.boot()
        world.restart_eim()
        world.clock.now += 600
        world.driver.run(world.eim.errands())
        world.driver.run(world.ipa.notify())
    if name in ("direct", "indirect") and link == "dp_link" and world.state(ordered[0]) == "failed":
        # nobody asked the server again: the order has ended, and a new one succeeds
        assert ordered[1].iccid not in world.profiles()
        again = world.order(Download(smdp=world.host, matching_id=ordered[1].matching_id))
        assert world.poll().ok
        ordered = again, ordered[1]
    story.end(world, ordered)
    assert world.waiting() == (0, 0), world.ipa.journal


def test_an_order_is_executed_once_though_its_result_never_arrives():
    world = World()
    world.config = replace(world.config, patience=IMPATIENT)
    world.boot()
    name = world.order(Disable(A))
    # the package gets through, no result does
    world.link.instead = lambda request: None
    world.link.lose_request = set(range(1, 50))
    for _ in range(5):
        assert world.poll().trouble
    assert states(world.euicc)[A] is False
    assert world.state(name) == "sent"
    world.link.lose_request = set()
    assert world.poll().ok
    assert world.state(name) == "done"
    assert world.waiting()[0] == 0
