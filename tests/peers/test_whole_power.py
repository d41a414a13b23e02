"""Power cuts of eIM and IPA at every commit: what was stored is enough to bring it to its end."""

from __future__ import annotations

import pytest

from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.eim.operations import Enable, GetData, ListProfiles
from sgprobe.peers.store import Changes, MemoryStore, SqliteStore
from tests.peers.world import A, B, World, states


class Cut(Exception):
    """The power is gone."""


class Failing(MemoryStore):
    """A store on which the power fails at one commit, before or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.fails_at = -1
        self.after = False

    def commit(self, changes: Changes) -> None:
        place, self.commits = self.commits, self.commits + 1
        if place == self.fails_at and not self.after:
            raise Cut
        super().commit(changes)
        if place == self.fails_at and self.after:
            raise Cut


STORIES = ("enable", "rollback", "data", "direct", "indirect")


class Life(World):
    """A world whose eIM or IPA loses its power once, and starts again."""

    def __init__(self, story: str, who: str) -> None:
        self.story = story
        features = {1} if story == "indirect" else {0}
        super().__init__(
            indirect=story == "indirect",
            ipa={"features": frozenset(features)},
            eim_store=Failing(),
        )
        self.ipa_store = Failing()
        self.boot()
        self.store = self.eim_store if who == "eim" else self.ipa_store
        assert isinstance(self.store, Failing)
        original = self.link.handler

        def handler(request):
            try:
                return (yield from original(request))
            except Cut:
                self.restart_eim()
                raise LinkFailure("the eIM went away") from None

        self.link.handler = handler
        if story in ("direct", "indirect"):
            self.name, self.made = self.download(indirect=story == "indirect")
        elif story == "data":
            self.name = self.order(GetData(("euicc-info2",)))
        elif story == "enable":
            self.name = self.order(Enable(B))
        else:
            self.name = self.order(Enable(B, rollback=True))
        self.order(ListProfiles())
        self.store.commits = 0

    def days(self) -> None:
        """Poll for a few days."""
        for _ in range(5):
            try:
                self.poll()
                self.driver.run(self.ipa.notify())
            except Cut:
                self.euicc.reset()
                self.boot()
            try:
                self.driver.run(self.eim.errands())
            except Cut:
                self.restart_eim()
            self.clock.now += 600

    def check(self) -> None:
        assert self.poll().ok
        assert self.state(self.name) == "done", self.outcome(self.name)
        assert self.waiting() == (0, 0)
        orders = [one for one in self.eim.orders() if not one.own]
        assert [str(one.state) for one in orders] == ["done", "done"]
        if self.story in ("enable", "rollback"):
            assert states(self.euicc) == {A: False, B: True}
        if self.story in ("direct", "indirect"):
            assert list(self.profiles()).count(self.made.iccid) == 1
            assert self.smdp.state(self.made.iccid).state == "installed"
            kinds = [one["kind"] for one in self.smdp.notifications(self.eid)]
            assert kinds.count("install") == 1


def cuts() -> list[tuple[str, str, int, bool]]:
    found = []
    for story in STORIES:
        for who in ("eim", "ipa"):
            life = Life(story, who)
            life.days()
            life.check()
            for place in range(life.store.commits):
                found += [(story, who, place, after) for after in (False, True)]
    return found


@pytest.mark.parametrize(("story", "who", "place", "after"), cuts())
def test_the_power_fails_once(story, who, place, after):
    life = Life(story, who)
    life.store.fails_at, life.store.after = place, after
    life.days()
    life.check()


def test_a_file_holds_what_memory_holds(tmp_path):
    kept = SqliteStore(tmp_path / "eim.db")
    world = World(eim_store=kept)
    name = world.order(Enable(B))
    assert world.poll().ok
    kept.close()
    world.eim_store = SqliteStore(tmp_path / "eim.db")
    world.restart_eim()
    assert world.state(name) == "done"
    assert world.do(Enable(A)).counter == 2
    world.eim_store.close()
