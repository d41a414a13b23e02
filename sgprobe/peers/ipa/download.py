"""One download, whoever stands between: the steps that direct and indirect download share.

SGP.22 §3.1.3, SGP.32 §3.2.3. What only a person could answer, the configuration answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto import confirmation
from sgprobe.peers.effects import CardFailure, LinkFailure, Procedure
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.bound import metadata_of, segments
from sgprobe.peers.esipa.profile import allows
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.ipa import rsp
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.means import Means

# subject and reason code of a transaction id that the server does not know. SGP.22 §5.6.3
_UNKNOWN = "8.10.1/3.9"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be downloaded; `code` is the confirmation code."""

    matching_id: str = ""
    oid: str | None = None
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who has asked for a download: the eIM, and the transaction of its trigger."""

    eim_id: str
    transaction_id: bytes | None
    indirect: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """The eUICC has said what became of the profile: its ProfileInstallationResult (BF37)."""

    result: bytes
    transaction_id: bytes


@dataclass(frozen=True, slots=True)
class Events:
    """No SM-DP+ answered, but an SM-DS: servers to ask, or a trigger of the eIM."""

    events: tuple[es9.Event, ...] = ()
    trigger: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The download has ended before the package was loaded; `response` is what the server said."""

    reason: str
    response: str = ""
    # the server has forgotten the session: a new one may succeed
    forgotten: bool = False


Outcome = Loaded | Events | Stopped


class Cancelled(Exception):
    """The IPA does not go on, for a reason that the server is told."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Server(Protocol):
    """The other side of a download: an SM-DP+, or an eIM in its place."""

    @property
    def delegates_metadata(self) -> bool:
        """Whether somebody else has checked the metadata against the rules."""

    def initiate(self, challenge: bytes, info1: bytes) -> Procedure[m.Initiated]:
        """Begin a session."""

    def authenticate(
        self, transaction_id: bytes, response: bytes, context: bytes
    ) -> Procedure[m.Authenticated | Events]:
        """Pass on BF38."""

    def bind(self, transaction_id: bytes, response: bytes) -> Procedure[m.Bound]:
        """Pass on BF21, fetch the bound package."""

    def cancel(self, transaction_id: bytes, response: bytes) -> Procedure[None]:
        """Pass on BF41."""


def download(
    means: Means, server: Server, wanted: Wanted, asked: Asked | None = None
) -> Procedure[Outcome]:
    """Download one profile and load it into the eUICC; what goes wrong is the outcome.

    A server that has lost the session in the middle is asked once more, from the beginning.
    """
    outcome = yield from _download(means, server, wanted, asked)
    again = isinstance(outcome, Stopped) and bool(outcome.response)
    if isinstance(outcome, Stopped) and (
        outcome.forgotten or (again and not means.rules.on("IPA.GIVES-UP"))
    ):
        means.journal("DOWNLOAD", outcome.reason)
        outcome = yield from _download(means, server, wanted, asked)
    return outcome


def _download(
    means: Means, server: Server, wanted: Wanted, asked: Asked | None
) -> Procedure[Outcome]:
    try:
        return (yield from _Download(means, server, wanted, asked).run())
    except ServerRefusal as refusal:
        code = f"{refusal.subject}/{refusal.reason}" if refusal.subject else ""
        known = codes.INVALID_TRANSACTION.get(refusal.function)
        forgotten = code == _UNKNOWN or (refusal.number is not None and refusal.number == known)
        return Stopped(str(refusal), code or str(refusal), forgotten)
    except ServerFault as fault:
        return Stopped(str(fault))
    except (CardFailure, CardFault, NotAsn1) as failure:
        return Stopped(f"eUICC: {failure}")


@dataclass(slots=True)
class _Download:
    means: Means
    server: Server
    wanted: Wanted
    asked: Asked | None
    transaction_id: bytes = b""

    def run(self) -> Procedure[Outcome]:
        es10 = self.means.es10
        info1 = yield from es10.info1()
        challenge = yield from rsp.challenge(es10)
        initiated = yield from self.server.initiate(challenge, info1)
        self._check_initiated(initiated, challenge)
        ci_key_id = self._whole(initiated.ci_key_id, info1)
        context = self._context(initiated)
        response = yield from rsp.authenticate(es10, initiated, ci_key_id, context)
        refused = wire.tag_of(elements(response)[0]) != "A0"
        if refused and self.means.rules.on("IPA.CARD-REFUSAL"):
            error = parts(elements(response)[0]).get("02")
            code = "" if error is None else wire.number(error)
            return Stopped(f"the eUICC refuses the server: authenticateErrorCode {code}")
        try:
            answer = yield from self.server.authenticate(self.transaction_id, response, context)
            if isinstance(answer, Events):
                return answer
            return (yield from self._bound(answer))
        except Cancelled as cancelled:
            yield from self._cancel(cancelled.reason)
            return Stopped(str(cancelled))

    # --- what the IPA checks ---

    def _check_initiated(self, initiated: m.Initiated, challenge: bytes) -> None:
        signed = parts(initiated.signed1)
        if not {"80", "81", "83"} <= signed.keys():
            raise ServerFault(m.IAU, "serverSigned1 cannot be read")
        self.transaction_id = contents(signed["80"])
        stated = initiated.transaction_id
        if stated not in (None, self.transaction_id):
            self._breach("IPA.TRANSACTION-ID", "another one was signed")
        if contents(signed["81"]) != challenge:
            self._breach("IPA.CHALLENGE", "another challenge was signed")

    def _breach(self, rule: str, detail: str) -> None:
        if self.means.rules.on(rule):
            text = f"{self.means.rules[rule].text}: {detail}"
            raise ServerFault(m.IAU, text, rule)

    def _whole(self, key_id: bytes, info1: bytes) -> bytes:
        """Return the CI key id that a beginning stands for. SGP.32 §6.3.2.1."""
        listed = parts(info1)
        known = [contents(one) for one in elements(listed.get("AA", tlv("AA")))]
        found = [one for one in known if key_id and one.startswith(key_id)]
        if len(found) == 1 or (found and self.means.rules.on("IPA.CI-KEY") is False):
            return found[0]
        if self.means.rules.on("IPA.CI-KEY"):
            raise ServerFault(m.IAU, "the CI key id names none of the eUICC's", "IPA.CI-KEY")
        return key_id

    def _context(self, initiated: m.Initiated) -> bytes:
        """Return CtxParams1: that of the eIM, or one of the IPA's own."""
        if initiated.context is not None:
            return initiated.context
        matching_id = self.wanted.matching_id
        if initiated.matching_id is not None:
            matching_id = initiated.matching_id
        return tlv("A0", tlv("80", matching_id.encode()), self.means.device_info("A1"))

    def _metadata(self, answer: m.Authenticated) -> Value:
        if answer.metadata is None:
            return {}
        source = codec.load(f"SGP.32@{self.means.config.version}")
        try:
            return wire.read(source, "StoreMetadataRequest", answer.metadata)
        except NotAsn1 as error:
            raise ServerFault(m.ACL, str(error)) from None

    # --- from the answer of the SM-DP+ to the result of the eUICC ---

    def _fetch(self, response: bytes) -> Procedure[m.Bound]:
        """Fetch the package; what cannot be read is none that could be loaded. SGP.22 §5.6.5."""
        try:
            return (yield from self.server.bind(self.transaction_id, response))
        except ServerFault as fault:
            if fault.rule or fault.status is not None:
                raise
            raise Cancelled("loadBppExecutionError", str(fault)) from None

    def _bound(self, answer: m.Authenticated) -> Procedure[Outcome]:
        means = self.means
        metadata = self._metadata(answer)
        if metadata.get("profilePolicyRules") and not self.server.delegates_metadata:
            table = yield from rsp.rat(means.es10)
            if not allows(table, metadata) and means.rules.on("IPA.PPR"):
                raise Cancelled("pprNotAllowed", "the eUICC does not allow the policy rules")
        hash_cc = self._confirmation(answer)
        response = yield from rsp.prepare(means.es10, answer, hash_cc)
        bound = yield from self._fetch(response)
        try:
            chains = segments(bound.package)
            told = metadata_of(bound.package)
        except NotAsn1 as error:
            raise Cancelled("loadBppExecutionError", f"the package is broken: {error}") from None
        other = answer.metadata is not None and told != answer.metadata
        if other and means.rules.on("IPA.METADATA"):
            raise Cancelled("metadataMismatch", "the package holds other metadata than announced")
        # from here on the eUICC may have a result that nobody was told
        means.notebook.note(pending=True, download=self._cut())
        try:
            result = yield from rsp.load(means.es10, chains)
        except (CardFailure, CardFault) as failure:
            raise Cancelled("loadBppExecutionError", f"eUICC: {failure}") from None
        return Loaded(result, self.transaction_id)

    def _cut(self) -> dict[str, str | bool | None] | None:
        """Return what is needed to tell of this download after a power cut."""
        if self.asked is None:
            return None
        transaction = self.asked.transaction_id
        return {
            "eim": self.asked.eim_id,
            "transaction": None if transaction is None else transaction.hex(),
            "session": self.transaction_id.hex(),
            "indirect": self.asked.indirect,
        }

    def _confirmation(self, answer: m.Authenticated) -> bytes | None:
        flag = parts(answer.signed2).get("01")
        if flag is None or contents(flag) == b"\x00":
            return None
        if answer.hash_cc is not None:
            # the eIM has hashed it: once is enough
            return answer.hash_cc
        if self.wanted.code is None:
            raise Cancelled("timeout", "a confirmation code is asked for, and nobody knows it")
        stored = confirmation.code_hash(self.wanted.code)
        return confirmation.hash_cc(stored, self.transaction_id)

    def _cancel(self, reason: str) -> Procedure[None]:
        """Tell eUICC and server that the session is over; a server that is gone is not missed."""
        try:
            response = yield from rsp.cancel(self.means.es10, self.transaction_id, reason)
            if wire.tag_of(elements(response)[0]) == "A0":
                yield from self.server.cancel(self.transaction_id, response)
        except (ServerRefusal, ServerFault, LinkFailure, CardFailure, CardFault) as failure:
            self.means.journal("CANCEL", f"{reason}: {failure}"[:200])
