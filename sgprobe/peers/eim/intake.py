"""Results of packages, whatever way they came: polled, notified or injected. SGP.32 §5.14.6."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.peers.eim.answers import Answers
from sgprobe.peers.eim.notifications import Notifications, Taken
from sgprobe.peers.eim.results import Results
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import messages as m


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes results of every kind."""

    results: Results
    answers: Answers
    notifications: Notifications

    def take(self, work: Work, eid: str, result: m.PackageResult, now: float) -> Taken:
        """Take one result; return what to acknowledge, and what to send on."""
        try:
            return self._take(work, eid, result, now)
        except NotAsn1 as error:
            self.results.journal("RESULT", str(error)[:200])
            return Taken()

    def _take(self, work: Work, eid: str, result: m.PackageResult, now: float) -> Taken:
        if isinstance(result, m.DataResult):
            return self.answers.take_data(work, eid, result.result, now)
        if isinstance(result, m.TriggerResult):
            self.answers.take_trigger(work, eid, result.result, now)
            return Taken()
        if isinstance(result, m.PackageError):
            self.answers.take_error(work, eid, result)
            return Taken()
        number = self.results.take(work, eid, result.result, now)
        taken = self.notifications.take_all(work, eid, result.notifications, now)
        if number is not None:
            taken.numbers.insert(0, number)
        return taken
