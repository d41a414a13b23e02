"""AuthenticateClient, GetBoundProfilePackage and CancelSession. SGP.22 §5.6.2, §5.6.3, §5.6.5."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dissectors.asn1.tlv import tlv
from sgprobe.crypto import confirmation
from sgprobe.crypto.bpp import Protected
from sgprobe.crypto.bsp import MAX_PLAIN
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.crypto.keys import public_from_point
from sgprobe.crypto.signing import (
    EUICC_CANCEL_SESSION_SIGNATURE,
    EUICC_SIGNATURE2,
    SMDP_SIGNATURE2,
)
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.euicc import Euicc, EuiccJudge
from sgprobe.peers.es9.mutual import Means, authenticate
from sgprobe.peers.es9.sessions import Session
from sgprobe.peers.es9.status import Refusal, refuse, version_key
from sgprobe.peers.profiles.library import ProfileType, package
from sgprobe.peers.smdp import binding, eligibility
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.smdp.metadata import store_metadata
from sgprobe.peers.smdp.operator import activation_code
from sgprobe.peers.smdp.orders import EARLY, OPEN, PPK, BindingKeys, Order, State, Work

# SGP.22 §5.6.5: the user or the network may come back to these
_KEEPING = frozenset({"postponed", "timeout"})
# an order that ended so says so again when it is asked for
_ENDS = {"expired": "order-expired", "retries": "order-retries"}
# sessions of an order whose installation result may still come
_AWAITED = 8
_ACR_VERSION = "2.6"


@dataclass(frozen=True, slots=True)
class Download:
    """The functions of one download, on the sessions and orders of a server."""

    means: Means
    judge: EuiccJudge
    types: Mapping[str, ProfileType]
    seed: str
    limits: Limits
    shelf: binding.ProtectedShelf

    def authenticate_client(
        self, work: Work, request: m.AuthenticateClient, now: float
    ) -> m.Authenticated | m.AuthenticatedAcr:
        """Accept an eUICC, find its order, and sign what PrepareDownload needs."""
        session = self.means.find(request.transaction_id, now)
        digest = hashlib.sha256(request.response).digest()
        if session.asked == digest:
            answered: m.Authenticated = session.answered
            return answered
        if session.euicc is not None:
            raise refuse("transaction-unknown", "the eUICC is authenticated already")
        euicc = authenticate(self.means, self.judge, session, request, now)
        try:
            order = self._find_order(work, euicc, now)
        except Refusal:
            self.means.end(session)
            raise
        if request.use_matching_id_for_acr and self._knows_acr():
            self.means.end(session)
            return m.AuthenticatedAcr(session.transaction_id, self._metadata(order, acr=True))
        kind = self._kind(order)
        metadata = self._metadata(order)
        self._check_eligible(session, euicc, kind, order)
        work.save(replace(order, eid=euicc.eid, attempts=order.attempts + 1))
        signed2 = tlv(
            "30",
            tlv("80", session.transaction_id),
            tlv("01", b"\xff" if order.code else b"\x00"),
            self._offered(order, euicc, session),
        )
        signer = session.branch.binding
        if signer is None:
            raise refuse("smdp-certificate", "no DPpb certificate under this CI")
        signature2 = SMDP_SIGNATURE2.sign(signer.key, signed2, euicc.signature1)
        session.euicc = euicc
        session.order = order.iccid
        session.smdp_signature2 = signature2
        answer = m.Authenticated(
            session.transaction_id, metadata, signed2, signature2, signer.certificate.der
        )
        session.asked, session.answered = digest, answer
        return answer

    def _find_order(self, work: Work, euicc: Euicc, now: float) -> Order:
        order = self._matching_order(work, euicc)
        if order.eid not in (None, euicc.eid) and self.means.on("EID-BINDING"):
            raise refuse("eid-refused")
        if not self._may_begin(order):
            early = order.state in EARLY
            raise refuse(
                "not-released" if early else _ENDS.get(order.reason, "matching-id-refused")
            )
        if order.expires is not None and now > order.expires and self.means.on("ORDER-EXPIRY"):
            work.fail(order, "expired")
            raise refuse("order-expired")
        if order.attempts >= self.limits.download_tries and self.means.on("DOWNLOAD-RETRIES"):
            work.fail(order, "retries")
            raise refuse("order-retries")
        return order

    def _matching_order(self, work: Work, euicc: Euicc) -> Order:
        if euicc.matching_id:
            order = work.by_matching_id(euicc.matching_id)
            if order is None and not self.means.on("MATCHING-ID"):
                order = next(work.of_eid(euicc.eid), None)
            if order is None:
                raise refuse("matching-id-refused")
            return order
        # a default order: found by the EID alone; what is to be had comes first
        waiting = [one for one in work.of_eid(euicc.eid) if not one.matching_id]
        waiting.sort(key=lambda one: (one.state not in OPEN, one.state not in EARLY))
        if not waiting:
            raise refuse("eid-refused", "no default order for this EID")
        return waiting[0]

    def _may_begin(self, order: Order) -> bool:
        if order.state in OPEN:
            return True
        return not self.means.on("RELEASED" if order.state in EARLY else "MATCHING-ID")

    def _check_eligible(
        self, session: Session, euicc: Euicc, kind: ProfileType, order: Order
    ) -> None:
        try:
            if self.means.on("ELIGIBILITY") and not kind.careless:
                eligibility.check_eligible(euicc.info2, kind)
            if self.means.on("MEMORY"):
                eligibility.check_memory(euicc.info2, len(self._package(order)))
        except Refusal:
            self.means.end(session)
            raise

    def _offered(self, order: Order, euicc: Euicc, session: Session) -> bytes:
        """Return the one-time key of the eUICC that a package is bound to already."""
        kept = order.keys
        signer = session.branch.binding
        if kept is None or signer is None or not self.means.on("OTPK-REUSE"):
            return b""
        if order.eid != euicc.eid or kept.curve != signer.certificate.curve:
            return b""
        return tlv("5F49", bytes.fromhex(kept.euicc_otpk))

    def _knows_acr(self) -> bool:
        return version_key(self.means.codec.spec.version) >= version_key(_ACR_VERSION)

    def _metadata(self, order: Order, acr: bool = False) -> bytes:
        address = self.means.party.address
        # activation code retrieval is likely, not certain: its answer carries the code alone
        code = activation_code(address, order) if acr else ""
        return store_metadata(self.means.codec.spec, order.iccid, self._kind(order), address, code)

    def _package(self, order: Order) -> bytes:
        return package(self.seed, order.iccid, self._kind(order))

    def _kind(self, order: Order) -> ProfileType:
        kind = self.types.get(order.kind)
        if kind is None:
            # a store may be older than what this server offers
            raise refuse("type-unknown", order.kind[:64])
        return kind

    def get_bound_profile_package(
        self, work: Work, request: m.GetBoundProfilePackage, now: float
    ) -> m.Bound:
        """Check what the eUICC prepared, bind the profile to its one-time key."""
        session = self.means.find(request.transaction_id, now)
        euicc, signer = session.euicc, session.branch.binding
        order = work.order(session.order)
        if euicc is None or signer is None or order is None:
            raise refuse("transaction-unknown", "AuthenticateClient comes first")
        octets = self._read("PrepareDownloadResponse", request.response)
        if "downloadResponseOk" not in octets.value:
            value = octets.value["downloadResponseError"]
            self.means.check_inner_id(session, bytes.fromhex(value["transactionId"]))
            error = value["downloadErrorCode"]
            work.fail(order, f"downloadErrorCode {error}")
            self.means.end(session)
            raise refuse("euicc-error", f"downloadErrorCode {error}")
        signed2 = octets.raw("downloadResponseOk.euiccSigned2")
        signature2 = octets.raw("downloadResponseOk.euiccSignature2")
        covered = (signed2, session.smdp_signature2)
        genuine = EUICC_SIGNATURE2.verify(euicc.key, signature2, *covered)
        if not genuine and self.means.on("EUICC-SIGNATURE2"):
            raise refuse("euicc-signature", "euiccSignature2")
        value = octets.value["downloadResponseOk"]["euiccSigned2"]
        self.means.check_inner_id(session, bytes.fromhex(value["transactionId"]))
        if not self._may_begin(order):
            self.means.end(session)
            raise refuse("transaction-unknown", f"the order is {order.state}")
        if order.expires is not None and now > order.expires and self.means.on("ORDER-EXPIRY"):
            work.fail(order, "expired")
            self.means.end(session)
            raise refuse("order-expired")
        order = self._check_code(work, order, session, value.get("hashCc"))
        keys = self._keys(order, session, bytes.fromhex(value["euiccOtpk"]))
        bound = binding.bind(
            signer.key,
            session.transaction_id,
            euicc.eid,
            keys,
            self._metadata(order),
            self._configure(),
            self._protected(order),
            self._kind(order).segment,
        )
        self._await_result(work, replace(order, state=State.DOWNLOADED, keys=keys), session, euicc)
        return m.Bound(session.transaction_id, bound)

    def _check_code(
        self, work: Work, order: Order, session: Session, received: str | None
    ) -> Order:
        if order.code is None:
            return order
        if received is None:
            if self.means.on("CODE-PRESENT"):
                raise refuse("code-missing")
            return order
        stored = bytes.fromhex(order.code)
        if confirmation.matches(stored, session.transaction_id, bytes.fromhex(received)):
            return order
        if not self.means.on("CODE-VALUE"):
            return order
        order = replace(order, wrong_codes=order.wrong_codes + 1)
        if order.wrong_codes >= self.limits.code_tries and self.means.on("CODE-RETRIES"):
            work.fail(order, "code retries")
            self.means.end(session)
            raise refuse("code-retries")
        work.save(order)
        raise refuse("code-refused")

    def _keys(self, order: Order, session: Session, euicc_otpk: bytes) -> BindingKeys:
        """Return the keys of the package that is bound already, or new ones."""
        signer = session.branch.binding
        curve = signer.certificate.curve if signer else None
        if curve is None:
            raise refuse("smdp-certificate", "the DPpb certificate has no usable key")
        try:
            # a point off the curve would give the secret away: no rule may switch this off
            public_from_point(curve, euicc_otpk)
        except KeyFormatError as error:
            raise refuse("euicc-signature", str(error)) from None
        kept = order.keys
        if kept is None or kept.curve != curve:
            return binding.new_keys(self.means.random, curve, euicc_otpk)
        if kept.euicc_otpk == euicc_otpk.hex():
            return kept
        may_rebind = self.limits.rebinding and order.rebinding
        if not may_rebind and self.means.on("REBINDING"):
            raise refuse("no-rebinding")
        if not self.means.on("FRESH-KEY"):
            return replace(kept, euicc_otpk=euicc_otpk.hex())
        return binding.new_keys(self.means.random, curve, euicc_otpk)

    def _configure(self) -> bytes:
        value = {"dpProprietaryData": {"dpOid": self.means.party.oid}}
        return self.means.codec.encode("ConfigureISDPRequest", value)

    def _protected(self, order: Order) -> bytes | Protected:
        plain = self._package(order)
        if order.protection != PPK or self._kind(order).segment != MAX_PLAIN:
            return plain
        return self.shelf.get(self.seed, order.iccid, plain)

    def _await_result(self, work: Work, order: Order, session: Session, euicc: Euicc) -> None:
        """Note whose installation result may come: it carries no certificate of its own."""
        name = session.transaction_id.hex()
        awaited = [one for one in order.sessions if one != name]
        for old in awaited[: max(0, len(awaited) + 1 - _AWAITED)]:
            work.put(f"session/{old}", None)
        awaited = [*awaited[-(_AWAITED - 1) :], name]
        work.save(replace(order, sessions=tuple(awaited)))
        work.put(
            f"session/{name}",
            {"iccid": order.iccid, "eid": euicc.eid, "key": euicc.spki.hex()},
        )

    def cancel_session(self, work: Work, request: m.CancelSession, now: float) -> m.Done:
        """End a session as the eUICC signed it, and its order as the reason says."""
        session = self.means.find(request.transaction_id, now)
        euicc = session.euicc
        order = work.order(session.order)
        if euicc is None or order is None:
            raise refuse("transaction-unknown", "AuthenticateClient comes first")
        octets = self._read("CancelSessionResponse", request.response)
        if "cancelSessionResponseOk" not in octets.value:
            error = octets.value["cancelSessionResponseError"]
            raise refuse("euicc-error", f"cancelSessionResponseError {error}")
        arm = "cancelSessionResponseOk"
        signed = octets.raw(f"{arm}.euiccCancelSessionSigned")
        signature = octets.raw(f"{arm}.euiccCancelSessionSignature")
        genuine = EUICC_CANCEL_SESSION_SIGNATURE.verify(euicc.key, signature, signed)
        if not genuine and self.means.on("CANCEL-SIGNATURE"):
            raise refuse("euicc-signature", "euiccCancelSessionSignature")
        value = octets.value[arm]["euiccCancelSessionSigned"]
        self.means.check_inner_id(session, bytes.fromhex(value["transactionId"]))
        if value["smdpOid"] != self.means.party.oid and self.means.on("CANCEL-OID"):
            raise refuse("smdp-oid", value["smdpOid"][:100])
        self.means.end(session)
        reason = str(value["reason"])
        if order.state in OPEN:
            if reason in _KEEPING or not self.means.on("CANCEL-REASON"):
                work.save(replace(order, state=State.RELEASED, reason=reason))
            else:
                work.fail(order, reason)
        return m.Done()

    def _read(self, type_name: str, data: bytes) -> Octets:
        try:
            return Octets(self.means.codec, type_name, data)
        except NotAsn1 as error:
            raise refuse("element-invalid", str(error)) from None
