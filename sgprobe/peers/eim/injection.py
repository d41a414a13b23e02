"""Injection: the eIM sends packages to an IPA that listens. SGP.32 §3.1.1.2, §5.14.4."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgprobe.peers.effects import LinkFailure, Now, Post, Procedure, Request, Response, Wait
from sgprobe.peers.eim.answers import Answers
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.intake import Intake
from sgprobe.peers.eim.outbox import Outbox
from sgprobe.peers.eim.queue import Queue
from sgprobe.peers.eim.servers import USER_AGENT
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.front import PROTOCOL_HEADER
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import acknowledgements
from sgprobe.peers.esipa.front import PROTOCOL, Binding, media_type
from sgprobe.peers.store import Store

_FIRST_PAUSE = 1.0


@dataclass(slots=True)
class Injected:
    """What one injection has come to."""

    # tags of the packages sent
    sent: list[str] = field(default_factory=list)
    # the IPA has taken a package, and its result comes later
    later: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Injection:
    """Sends what waits for an eUICC to its IPA."""

    setup: Setup
    store: Store
    queue: Queue
    intake: Intake
    answers: Answers
    outbox: Outbox

    def inject(self, eid: str, address: str, binding: Binding) -> Procedure[Injected]:
        """Send the packages of an eUICC one by one, each with what it is answered."""
        report, last = Injected(), b""
        try:
            while not report.later:
                now = yield Now()
                work = Work(self.store)
                device = work.device(eid)
                package = None
                if device is not None and device.associated:
                    package = self.queue.next_package(work, device, now)
                work.commit()
                if package is None:
                    return report
                if package == last:
                    report.trouble = "the IPA does not bring the result of a package"
                    return report
                last = package
                yield from self._one(eid, address, binding, package, report)
        except LinkFailure as failure:
            report.trouble = str(failure) or "no link"
        except ServerFault as fault:
            report.trouble = str(fault)
        return report

    def _one(
        self, eid: str, address: str, binding: Binding, package: bytes, report: Injected
    ) -> Procedure[None]:
        report.sent.append(package[:2].hex().upper())
        answer = yield from self._transfer(address, binding, package)
        if isinstance(answer, m.Received):
            report.later = True
            return
        now = yield Now()
        work = Work(self.store)
        if isinstance(answer, m.Failed):
            self.answers.take_error(work, eid, m.PackageError(answer.code))
            work.commit()
            return
        assert isinstance(answer, m.EuiccResult | m.DataResult | m.TriggerResult | m.PackageError)
        taken = self.intake.take(work, eid, answer, now)
        work.commit()
        for entry in taken.entries:
            yield from self.outbox.send(entry)
        if taken.numbers:
            numbers = tuple(dict.fromkeys(taken.numbers))
            yield from self._transfer(address, binding, acknowledgements(numbers))

    def _transfer(self, address: str, binding: Binding, package: bytes) -> Procedure[m.Answer]:
        """Send one package, again where nobody answers."""
        headers = (("User-Agent", USER_AGENT), (PROTOCOL_HEADER, PROTOCOL))
        body = binding.write_request(m.TransferEimPackage(package))
        request = Request(binding.path(m.TEP), binding.media, body, headers)
        tries = self.setup.limits.injections
        for attempt in range(tries):
            try:
                response: Response = yield Post(address, request)
                break
            except LinkFailure:
                if attempt + 1 == tries:
                    raise
                yield Wait(_FIRST_PAUSE * 2**attempt)
        if response.status != 200:
            raise ServerFault(m.TEP, f"HTTP status {response.status}", status=response.status)
        if media_type(response.media) != media_type(binding.media):
            raise ServerFault(m.TEP, f"media type {response.media[:60]!r}")
        try:
            return binding.read_transferred(response.body)
        except (NotAsn1, NotJson) as error:
            raise ServerFault(m.TEP, str(error)) from None
