"""Direct download: the IPA speaks ES9+ and ES11 itself. SGP.32 §3.2.3.1."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.crypto.errors import CertificateError
from sgprobe.peers import es9client
from sgprobe.peers.effects import LinkFailure, Procedure
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9client import Es9Client, ServerFault
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents
from sgprobe.peers.ipa.download import Asked, Events, Outcome, Stopped, Wanted, download
from sgprobe.peers.ipa.means import Means
from sgprobe.peers.rules import Rules
from sgprobe.peers.server_identity import differs

# an SM-DS that leads to an SM-DS that leads …
_DEPTH = 3
# of one list; what is more is there the next time
_EVENTS = 8
# where the rule is off, the chain has an end nevertheless
_NO_END = 20


def client_of(means: Means, address: str) -> Es9Client:
    """Return a client of a server by its FQDN."""
    config = means.config
    off = frozenset(one for one in config.off if one.startswith(f"{es9client.PREFIX}."))
    return Es9Client(
        f"https://{address}",
        address,
        config.rsp_version,
        config.rsp_binding,
        config.user_agent,
        Rules(es9client.RULES, off),
    )


@dataclass(slots=True)
class _Direct:
    """An SM-DP+ or SM-DS as the other side of a download."""

    means: Means
    client: Es9Client
    oid: str | None
    initiated: es9.Initiated | None = None

    # the IPA itself looks at the metadata
    delegates_metadata = False

    def initiate(self, challenge: bytes, info1: bytes) -> Procedure[m.Initiated]:
        answer = yield from self.means.again(
            m.IAU, lambda: self.client.initiate_authentication(challenge, info1, self.oid)
        )
        self._check_tls(answer.certificate)
        self.initiated = answer
        return m.Initiated(
            answer.server_signed1,
            answer.server_signature1,
            contents(answer.ci_key_id),
            answer.certificate,
            answer.transaction_id,
        )

    def _check_tls(self, certificate: bytes) -> None:
        """Compare the certificate seen in TLS with the server asked, and with DPauth."""
        seen = self.means.tls_certificate(self.client.address)
        if seen is None:
            return
        try:
            broken = differs(seen, certificate, self.client.server)
        except CertificateError as error:
            raise ServerFault(m.IAU, str(error), "IPA.TLS-OID") from None
        for rule in (f"IPA.{name}" for name in broken):
            if self.means.rules.on(rule):
                raise ServerFault(m.IAU, f"{self.means.rules[rule].text}: it does not", rule)

    def authenticate(
        self, transaction_id: bytes, response: bytes, context: bytes
    ) -> Procedure[m.Authenticated | Events]:
        session = self.initiated
        assert session is not None
        answer = yield from self.means.again(
            m.ACL, lambda: self.client.authenticate_client(session, response)
        )
        if isinstance(answer, es9.AuthenticatedEvents):
            return Events(answer.events)
        if not isinstance(answer, es9.Authenticated):
            raise ServerFault(m.ACL, "an activation code in place of a profile")
        return m.Authenticated(
            answer.smdp_signed2,
            answer.smdp_signature2,
            answer.certificate,
            answer.transaction_id,
            answer.profile_metadata,
        )

    def bind(self, transaction_id: bytes, response: bytes) -> Procedure[m.Bound]:
        answer = yield from self.means.again(
            m.GBP, lambda: self.client.get_bound_profile_package(transaction_id, response)
        )
        return m.Bound(answer.package, answer.transaction_id)

    def cancel(self, transaction_id: bytes, response: bytes) -> Procedure[None]:
        yield from self.means.again(
            m.CAN, lambda: self.client.cancel_session(transaction_id, response)
        )


def direct(
    means: Means,
    address: str,
    wanted: Wanted,
    asked: Asked | None = None,
    depth: int = _DEPTH,
) -> Procedure[list[Outcome]]:
    """Download from an SM-DP+, or from where the events of an SM-DS lead, one after the other."""
    if not address:
        return [Stopped("no address of a server is known")]
    server = _Direct(means, client_of(means, address), wanted.oid)
    outcome = yield from download(means, server, wanted, asked)
    if not isinstance(outcome, Events):
        return [outcome]
    if not outcome.events:
        return [Stopped("the SM-DS has no event")]
    most = 0 if means.rules.on("IPA.CASCADE") else -_NO_END
    if depth <= most:
        return [Stopped("one SM-DS leads to another without end")]
    events = outcome.events
    if means.rules.on("IPA.EVENT-ONCE"):
        events = tuple(dict.fromkeys(events))
    outcomes: list[Outcome] = []
    for event in events[: _EVENTS if means.rules.on("IPA.EVENTS") else 1]:
        further = Wanted(event.event_id, None, wanted.code)
        try:
            outcomes += yield from direct(means, event.address, further, asked, depth - 1)
        except LinkFailure as failure:
            # one server that is down stops no download from another
            outcomes.append(Stopped(f"{event.address}: {failure or 'no link'}"))
    return outcomes
