"""Several devices at one eIM, their steps mixed at random: each gets its own, once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sgprobe.peers.effects import Card, CardFailure, LinkFailure, Now, Post, Refresh, Wait
from sgprobe.peers.eim.config import association, setup
from sgprobe.peers.eim.operations import Download, Enable, ListProfiles
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.ipa.config import Config
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.run import EuiccSlot, timed
from sgprobe.peers.smdp.server import Setup, SmDp
from sgprobe.peers.store import MemoryStore
from tests.peers.euicc.euicc_bench import PKI, A, B, call
from tests.peers.world import EIM, NOW


class Task:
    """One procedure and those that it waits for, the innermost last."""

    def __init__(self, procedure: Any, slot: Any = None) -> None:
        self.stack = [procedure]
        self.slot = slot
        self.outcome: Any = None
        self.failure: Exception | None = None
        self.result: Any = None

    @property
    def done(self) -> bool:
        return not self.stack


class Together:
    """Runs tasks a step at a time, the next one always picked at random."""

    def __init__(self, handlers: dict, seed: int) -> None:
        self.handlers = handlers
        self.random = random.Random(seed)
        self.now = NOW
        self.most = 0

    def run(self, tasks: list[Task]) -> None:
        while waiting := [task for task in tasks if not task.done]:
            self.most = max(self.most, sum(len(task.stack) > 1 for task in waiting))
            self._step(self.random.choice(waiting))

    def _step(self, task: Task) -> None:
        current = task.stack[-1]
        try:
            if task.failure is not None:
                failure, task.failure = task.failure, None
                effect = current.throw(failure)
            else:
                effect = current.send(task.outcome)
        except StopIteration as stop:
            task.stack.pop()
            task.outcome = task.result = stop.value
            return
        except LinkFailure as failure:
            task.stack.pop()
            task.failure = failure
            return
        task.outcome = None
        try:
            match effect:
                case Post(address, request):
                    task.stack.append(self.handlers[address](request))
                case Card(command):
                    task.outcome = task.slot.command(command, self.now)
                case Refresh():
                    task.slot.refresh(self.now)
                case Wait(seconds):
                    self.now += min(seconds, 0.01)
                case Now():
                    task.outcome = self.now
        except CardFailure as failure:
            task.failure = failure


class Fleet:
    """Three devices, one eIM, one SM-DP+."""

    def __init__(self, seed: int) -> None:
        made = setup(PKI)
        self.eim = Eim(made, MemoryStore(), random.Random(seed).randbytes)
        party = smdp_party(PKI)
        self.smdp = SmDp(Setup(party), MemoryStore(), random.Random(seed + 1).randbytes)
        self.host = party.address
        self.asked: list[str] = []
        smdp = timed(self.smdp)

        def counted(request):
            self.asked.append(request.path.rpartition("/")[2])
            return (yield from smdp(request))

        self.together = Together({EIM: self.eim.answer, f"https://{self.host}": counted}, seed)
        self.devices = []
        for name in ("euicc", "euicc2", "euicc3"):
            euicc = build(
                PKI,
                EuiccConfig(),
                name=name,
                curves=("p256",),
                profiles=(Preloaded(A, "A", enabled=True), Preloaded(B, "B")),
            )
            config = association(made, token=True, indirect=True)
            call(euicc, "AddInitialEim", {"eimConfigurationDataList": [config]})
            pair = [(one.certificate.der, one.eum.der) for one in euicc.chip.ecasd.identities]
            self.eim.enrol(euicc.eid, certificates=pair, token=1)
            ipa = Ipa(Config(features=frozenset({1})), MemoryStore(), random.Random(name).randbytes)
            self.devices.append((euicc, ipa, EuiccSlot(euicc)))


@pytest.mark.parametrize("seed", range(6))
def test_each_device_gets_its_own(seed):
    fleet = Fleet(seed)
    wanted = []
    for euicc, _, _ in fleet.devices:
        made = fleet.smdp.order("small")
        download = Download(smdp=fleet.host, matching_id=made.matching_id, indirect=True)
        names = [
            fleet.eim.order(euicc.eid, one, now=NOW).id
            for one in (ListProfiles(), Enable(B), download, ListProfiles())
        ]
        wanted.append((euicc, made, names))
    tasks = [Task(ipa.poll(), slot) for _, ipa, slot in fleet.devices]
    fleet.together.run(tasks)
    assert fleet.together.most == 3
    for task in tasks:
        assert task.result[0].ok, task.result
    for euicc, made, names in wanted:
        assert [str(fleet.eim.outcome(name).state) for name in names] == ["done"] * 4
        assert fleet.smdp.state(made.iccid).eid == euicc.eid
        assert fleet.smdp.state(made.iccid).state == "installed"
        assert set(fleet.eim.device(euicc.eid).profiles) == {A, B, made.iccid}
    assert fleet.asked.count("getBoundProfilePackage") == 3


@pytest.mark.parametrize("seed", range(6))
def test_a_request_sent_twice_at_once_reaches_the_server_once(seed):
    fleet = Fleet(seed)
    euicc, ipa, slot = fleet.devices[0]
    made = fleet.smdp.order("small")
    download = Download(smdp=fleet.host, matching_id=made.matching_id, indirect=True)
    name = fleet.eim.order(euicc.eid, download, now=NOW).id
    again: list[Task] = []
    answers: dict[bytes, set[bytes]] = {}

    def twice(request):
        # what a link sends again comes while the first is still worked on
        again.append(Task(once(request)))
        return (yield from once(request))

    def once(request):
        answer = yield from fleet.eim.answer(request)
        answers.setdefault(request.body, set()).add(answer.body)
        return answer

    fleet.together.handlers[EIM] = twice
    tasks = again
    tasks.append(Task(ipa.poll(), slot))
    fleet.together.run(tasks)
    assert str(fleet.eim.outcome(name).state) == "done"
    assert fleet.asked.count("authenticateClient") == 1
    assert fleet.asked.count("getBoundProfilePackage") == 1
    assert fleet.asked.count("handleNotification") == 1
    # the same answer to the same request, but for polls, between which something happens
    different = [body[:2].hex() for body, told in answers.items() if len(told) > 1]
    assert set(different) <= {"bf4f"}
