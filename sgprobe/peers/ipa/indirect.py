"""Indirect download: the eIM stands in for the SM-DP+. SGP.32 §3.2.3.2."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.peers.effects import Procedure
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.compact import (
    Known,
    compact_authentication,
    compact_cancellation,
    compact_preparation,
)
from sgprobe.peers.esipa.profile import oid_element
from sgprobe.peers.esipa.wire import contents, parts
from sgprobe.peers.ipa.config import COMPACT, EIM_CONTEXT, EIM_METADATA
from sgprobe.peers.ipa.download import Asked, Cancelled, Events, Outcome, Wanted, download
from sgprobe.peers.ipa.means import Party


@dataclass(slots=True)
class Indirect:
    """An eIM as the other side of a download."""

    party: Party
    # the SM-DP+ or SM-DS to be asked; None leaves it to the eIM
    address: str | None
    eim_transaction_id: bytes | None
    initiated: m.Initiated | None = None
    authenticated: m.Authenticated | None = None

    @property
    def delegates_metadata(self) -> bool:
        """Whether the eIM checks the metadata."""
        return self.party.means.config.has(EIM_METADATA)

    @property
    def _identified(self) -> bool:
        """Whether the eIM knows which eUICC this is; SGP.32 v1.0.1 does not tell it."""
        return self.eim_transaction_id is not None and not self.party.means.config.first

    def _failed(self, name: str, answer: m.Answer) -> ServerRefusal | ServerFault:
        if isinstance(answer, m.Failed):
            return ServerRefusal(name, number=answer.code)
        return ServerFault(name, f"an answer of the kind {type(answer).__name__}")

    def initiate(self, challenge: bytes, info1: bytes) -> Procedure[m.Initiated]:
        config = self.party.means.config
        known = "info1" in self.party.told
        left = config.has(COMPACT) and known and self._identified
        request = m.InitiateAuthentication(
            challenge, self.address, None if left else info1, self.eim_transaction_id
        )
        answer = yield from self.party.ask(request)
        if not isinstance(answer, m.Initiated):
            raise self._failed(m.IAU, answer)
        if not config.has(EIM_CONTEXT) and answer.context is not None:
            self.party.means.journal(m.IAU, "ctxParams1 of an eIM that was not asked for it")
        self._check_address(answer)
        self.initiated = answer
        return answer

    def _check_address(self, answer: m.Initiated) -> None:
        signed = parts(answer.signed1).get("83")
        stated = "" if signed is None else contents(signed).decode("utf-8", "replace")
        other = self.address is not None and stated.lower() != self.address.lower()
        if other and self.party.means.rules.on("IPA.SERVER-ADDRESS"):
            text = f"the server signed {stated[:64]!r}"
            raise ServerFault(m.IAU, text, "IPA.SERVER-ADDRESS")

    def authenticate(
        self, transaction_id: bytes, response: bytes, context: bytes
    ) -> Procedure[m.Authenticated | Events]:
        assert self.initiated is not None
        if self.party.means.config.has(COMPACT):
            response = compact_authentication(response, self.initiated.signed1, self._known())
        answer = yield from self.party.ask(m.AuthenticateClient(transaction_id, response))
        if isinstance(answer, m.AuthenticatedEvent):
            return Events(trigger=answer.trigger)
        if isinstance(answer, m.Failed) and answer.code == codes.PPR_NOT_ALLOWED:
            raise Cancelled("pprNotAllowed", "the eIM finds the policy rules not allowed")
        if not isinstance(answer, m.Authenticated):
            raise self._failed(m.ACL, answer)
        self._check_transaction(m.ACL, answer.transaction_id, transaction_id)
        self._check_oids(answer)
        self.authenticated = answer
        return answer

    def _known(self) -> Known:
        """Return what the eIM knows by now."""
        if not self._identified:
            return Known()
        told = self.party.told
        both = (told["euicc"], told["eum"]) if {"euicc", "eum"} <= told.keys() else None
        context = None if self.initiated is None else self.initiated.context
        return Known(told.get("info2"), both, context)

    def _check_transaction(self, name: str, stated: bytes | None, wanted: bytes) -> None:
        if stated not in (None, wanted) and self.party.means.rules.on("IPA.TRANSACTION-ID"):
            raise ServerFault(name, "another transaction id", "IPA.TRANSACTION-ID")

    def _check_oids(self, answer: m.Authenticated) -> None:
        assert self.initiated is not None
        pair = (self.initiated.certificate, answer.certificate)
        if not self.party.means.rules.on("IPA.BINDING-OID"):
            return
        try:
            same = oid_element(pair[0]) == oid_element(pair[1])
        except ValueError as error:
            raise ServerFault(m.ACL, str(error), "IPA.BINDING-OID") from None
        if not same:
            raise ServerFault(m.ACL, "DPauth and DPpb differ in OID", "IPA.BINDING-OID")

    def bind(self, transaction_id: bytes, response: bytes) -> Procedure[m.Bound]:
        assert self.authenticated is not None
        if self.party.means.config.has(COMPACT):
            offered = parts(self.authenticated.signed2).get("5F49")
            response = compact_preparation(response, None if offered is None else contents(offered))
        answer = yield from self.party.ask(m.GetBoundProfilePackage(transaction_id, response))
        if isinstance(answer, m.Failed) and answer.code == codes.METADATA_MISMATCH:
            raise Cancelled("metadataMismatch", "the eIM finds other metadata in the package")
        if not isinstance(answer, m.Bound):
            raise self._failed(m.GBP, answer)
        self._check_transaction(m.GBP, answer.transaction_id, transaction_id)
        return answer

    def cancel(self, transaction_id: bytes, response: bytes) -> Procedure[None]:
        if self.party.means.config.has(COMPACT):
            response = compact_cancellation(response)
        answer = yield from self.party.ask(m.CancelSession(transaction_id, response))
        if not isinstance(answer, m.Done):
            raise self._failed(m.CAN, answer)


def indirect(
    party: Party, address: str | None, wanted: Wanted, eim_transaction_id: bytes | None
) -> Procedure[tuple[Outcome, Indirect]]:
    """Download through an eIM; without an address the eIM knows where."""
    server = Indirect(party, address, eim_transaction_id)
    asked = Asked(party.association.eim_id, eim_transaction_id, indirect=True)
    outcome = yield from download(party.means, server, wanted, asked)
    return outcome, server
