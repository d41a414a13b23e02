"""The IPA as one object; each of its methods is a procedure, or answers with one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from dissectors.asn1.model import Value
from sgprobe.peers.effects import CardFailure, LinkFailure, Procedure, Request, Response
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa.activation import read_code
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.esipa.client import EsipaClient
from sgprobe.peers.esipa.json_binding import JsonBinding
from sgprobe.peers.ipa import injection, notify, poll, switching
from sgprobe.peers.ipa.associations import Association, association
from sgprobe.peers.ipa.config import Config
from sgprobe.peers.ipa.direct import direct
from sgprobe.peers.ipa.download import Loaded, Outcome, Stopped, Wanted
from sgprobe.peers.ipa.es10 import CardFault, Es10
from sgprobe.peers.ipa.means import Means, Party
from sgprobe.peers.ipa.memory import Notebook
from sgprobe.peers.ipa.poll import Report
from sgprobe.peers.ipa.rules import PREFIX, RULES
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

_JOURNAL = 200


class Ipa:
    """A simulated IPA; `random` only spreads its pauses.

    `tls_certificate` gives the certificate that the server at an address has shown in TLS, where
    the host knows it; `learned` is told of each eIM that the eUICC knows, before it is asked.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        random: RandomSource,
        tls_certificate: Callable[[str], bytes | None] = lambda address: None,
        learned: Callable[[Association], None] = lambda one: None,
    ) -> None:
        self.config = config
        self._learned = learned
        self.rules = Rules(RULES, frozenset(one for one in config.off if one.startswith(PREFIX)))
        # what went wrong lately, for people and tests; no secrets
        self.journal: deque[tuple[str, str]] = deque(maxlen=_JOURNAL)
        asn1, self._json = Asn1Binding(config.version), JsonBinding(config.version)
        self.means = Means(
            config,
            self.rules,
            Es10(config.version),
            self._json if config.json else asn1,
            Notebook(store),
            random,
            self._note,
            tls_certificate,
            asn1,
        )

    def _note(self, what: str, text: str) -> None:
        self.journal.append((what, text))

    # --- eIMs ---

    def add_initial_eim(self, configurations: Iterable[Value]) -> Procedure[Value]:
        """AddInitialEim: associate the first eIMs with an eUICC that has none. SGP.32 §5.9.4."""
        request = {"eimConfigurationDataList": list(configurations)}
        return (yield from self.means.es10.call("AddInitialEim", request))

    def associations(self) -> Procedure[list[Association]]:
        """Read the eIMs that the eUICC knows."""
        found = yield from self.means.es10.eims()
        return [association(one) for one in found]

    def _party(self, eid: str, one: Association, others: bool) -> Party | None:
        protocols = self.config.protocols
        if not self.rules.on("IPA.PROTOCOLS"):
            one = replace(one, protocols=protocols)
        address = one.address(protocols)
        if address is None:
            return None
        client = EsipaClient(address, self.means.binding, self.rules, self.config.user_agent)
        return Party(self.means, one, client, eid, others)

    def _parties(self) -> Procedure[list[tuple[Association, Party | None]]]:
        eid = yield from self.means.es10.eid()
        known = yield from self.associations()
        for one in known:
            self._learned(one)
        others = len(known) > 1
        return [(one, self._party(eid, one, others)) for one in known]

    # --- polling ---

    def poll(self, eim_id: str | None = None) -> Procedure[list[Report]]:
        """Poll all eIMs of the eUICC, or the one with an id; whatever happens, there is a report.

        When no eIM was reached often enough, the IPA goes to the fallback profile and polls again.
        While the IPA in the eUICC is active, this one is silent.
        """
        if self.means.notebook.now.ipae and self.rules.on("IPA.IPAE-ACTIVE"):
            return []
        reports = yield from self._poll(eim_id)
        reached = not reports or any(not one.out_of_reach for one in reports)
        notebook, limit = self.means.notebook, self.config.fallback_after
        misses = notebook.now.misses + (not reached)
        if reached and self.rules.on("IPA.FALLBACK-LOSS"):
            misses = 0
        notebook.note(misses=misses)
        if not limit or misses < limit or notebook.now.fallback:
            return reports
        notebook.note(misses=0)
        if (yield from self.execute_fallback()) == "ok":
            return (yield from self._poll(eim_id))
        return reports

    def _poll(self, eim_id: str | None) -> Procedure[list[Report]]:
        try:
            parties = yield from self._parties()
        except (CardFailure, CardFault) as failure:
            return [Report(eim_id or "", trouble=f"eUICC: {failure}")]
        reports = []
        for one, party in parties:
            if eim_id not in (None, one.eim_id):
                continue
            if party is None:
                reports.append(Report(one.eim_id, trouble="no protocol in common"))
            else:
                reports.append((yield from poll.poll(party)))
        return reports

    def errands(self) -> Procedure[int]:
        """Execute injected packages whose results come later; return how many."""
        done = 0
        for eim_id, package in self.means.notebook.now.injected:
            party = yield from self._find(eim_id)
            if party is not None:
                try:
                    yield from poll.handle(party, bytes.fromhex(package))
                except (LinkFailure, ServerFault, CardFailure, CardFault) as failure:
                    # the result waits in eUICC or notebook: the next poll delivers it
                    self._note("INJECTED", str(failure)[:200])
            left = self.means.notebook.now.injected[1:]
            self.means.notebook.note(injected=left)
            done += 1
        return done

    # --- injection ---

    def answer(self, request: Request) -> Procedure[Response]:
        """Answer one HTTP request of an eIM that injects packages."""
        return injection.answer(self.means, self._json, request, self._find)

    def _find(self, eim_id: str) -> Procedure[Party | None]:
        """Return the eIM of an id; without one, the one that injects, or the only one there is."""
        parties = yield from self._parties()
        named = [party for one, party in parties if eim_id == one.eim_id]
        injecting = [party for one, party in parties if one.injects and not eim_id]
        found = [*named, *injecting, *(party for _, party in parties)]
        return found[0] if found else None

    # --- by itself ---

    def download(self, activation_code: str, code: str | None = None) -> Procedure[Outcome]:
        """Download a profile directly, as somebody at the device may ask for."""
        wanted = read_code(activation_code)
        if wanted is None:
            return Stopped("the activation code is none")
        asked = Wanted(wanted.matching_id, wanted.oid, code or self.config.confirmation_code)
        outcomes = yield from direct(self.means, wanted.address, asked)
        for outcome in outcomes:
            if isinstance(outcome, Loaded):
                self.means.notebook.note(download=None)
                yield from switching.after_download(self.means, outcome.result)
                yield from notify.deliver(self.means, None)
        return outcomes[-1]

    def notify(self) -> Procedure[int]:
        """Deliver the notifications that wait, each on its way; return how many are left."""
        for _, party in (yield from self._parties()):
            if party is not None and notify.through_eim(party):
                return (yield from notify.deliver(self.means, party))
        return (yield from notify.deliver(self.means, None))

    def state_changed(self, cause: int) -> Procedure[None]:
        """Remember to tell all eIMs that something has changed (StateChangeCause)."""
        yield from switching.changed(self.means, cause)

    def immediate_enable(self) -> Procedure[str]:
        """Enable the profile that was just installed; return the eUICC's word."""
        return switching.immediate_enable(self.means)

    def execute_fallback(self) -> Procedure[str]:
        """Go to the fallback profile; return the eUICC's word."""
        return switching.execute_fallback(self.means)

    def return_from_fallback(self) -> Procedure[str]:
        """Go back from the fallback profile; return the eUICC's word."""
        return switching.return_from_fallback(self.means)

    def enable_emergency(self) -> Procedure[str]:
        """Begin an emergency call; return the eUICC's word."""
        return switching.enable_emergency(self.means)

    def disable_emergency(self) -> Procedure[str]:
        """End an emergency call; return the eUICC's word."""
        return switching.disable_emergency(self.means)

    def activate_ipae(self, active: bool = True) -> Procedure[str]:
        """Let the IPA in the eUICC take over, or take back; return the eUICC's word."""
        return switching.activate_ipae(self.means, active)

    def reset(self, options: Iterable[int]) -> Procedure[Value]:
        """Reset the memory of the eUICC; `options` are bits of resetOptions."""
        return switching.reset(self.means, frozenset(options))
