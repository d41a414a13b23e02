"""The IPA as one object; each of its methods is a procedure, or answers with one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sgprobe.peers.effects import Procedure
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.esipa.client import EsipaClient
from sgprobe.peers.esipa.json_binding import JsonBinding
from sgprobe.peers.ipa import poll
from sgprobe.peers.ipa.associations import Association, association
from sgprobe.peers.ipa.config import Config
from sgprobe.peers.ipa.es10 import Es10
from sgprobe.peers.ipa.means import Means, Party
from sgprobe.peers.ipa.memory import Notebook
from sgprobe.peers.ipa.poll import Report
from sgprobe.peers.ipa.rules import PREFIX, RULES
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

_JOURNAL = 200


class Ipa:
    """A simulated IPA; `random` only spreads its pauses."""

    def __init__(
        self,
        config: Config,
        store: Store,
        random: RandomSource,
        tls_certificate: Callable[[str], bytes | None] = lambda address: None,
    ) -> None:
        self.config = config
        self.rules = Rules(RULES, frozenset(one for one in config.off if one.startswith(PREFIX)))
        # what went wrong lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        asn1 = Asn1Binding(config.version)
        self.means = Means(
            config,
            self.rules,
            Es10(config.version),
            JsonBinding(config.version) if config.json else asn1,
            Notebook(store),
            random,
            self._note,
            tls_certificate,
            asn1,
        )

    def _note(self, what: str, text: str) -> None:
        self.journal.append((what, text))

    def associations(self) -> Procedure[list[Association]]:
        """Read the eIMs that the eUICC knows."""
        found = yield from self.means.es10.eims()
        return [association(one) for one in found]

    def party(self, eid: str, one: Association, address: str, others: bool = False) -> Party:
        """Return an eIM as the procedures see it."""
        client = EsipaClient(address, self.means.binding, self.rules, self.config.user_agent)
        return Party(self.means, one, client, eid, others)

    def poll(self, eim_id: str | None = None) -> Procedure[list[Report]]:
        """Poll all eIMs of the eUICC, or the one with an id."""
        eid = yield from self.means.es10.eid()
        reports = []
        known = yield from self.associations()
        for one in known:
            if eim_id not in (None, one.eim_id):
                continue
            address = one.address(self.config.protocols)
            if address is None:
                reports.append(Report(one.eim_id, trouble="no protocol in common"))
                continue
            reports.append((yield from poll.poll(self.party(eid, one, address, len(known) > 1))))
        return reports
