"""The JSON binding of ESipa: members, header and status. SGP.32 §6.4.

What a member carries is read by the ASN.1 binding, so that both judge alike.
"""

from __future__ import annotations

import base64
from typing import Any

from dissectors.asn1.tlv import tlv
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.front import JSON_ANSWER_MEDIA
from sgprobe.peers.es9.json_binding import (
    FAILED,
    SUCCESS,
    WARNING,
    NotJson,
    read_header,
    read_object,
    success,
    write_object,
)
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding, acknowledgements
from sgprobe.peers.esipa.members import Members
from sgprobe.peers.esipa.results import read_result, write_result
from sgprobe.peers.esipa.wire import contents, elements

# the members that carry a package, with the tag of each
PACKAGES = {
    "euiccPackageRequest": m.EUICC_PACKAGE,
    "ipaEuiccDataRequest": m.DATA_REQUEST,
    "profileDownloadTriggerRequest": m.TRIGGER,
    "eimAcknowledgements": m.ACKNOWLEDGEMENTS,
}
_NAMES = {tag: name for name, tag in PACKAGES.items()}
_RESULTS = ("euiccPackageResult", "ipaEuiccDataResponse", "profileDownloadTriggerResult")
# what the JSON object of a function's error is called where it is a member
_ERRORS = {m.GEP: "eimPackageError", m.PER: "provideEimPackageResultError"}
_SIGNATURE_OCTETS = 64


class JsonBinding:
    """Messages of one version of SGP.32 as JSON."""

    media = JSON_ANSWER_MEDIA

    def __init__(self, version: str) -> None:
        self.version = version
        self._asn1 = Asn1Binding(version)
        self._first = version == "1.0.1"

    def path(self, name: str) -> str:
        """Return the path that a function is asked on."""
        return m.BY_NAME[name].path or ""

    # --- from the IPA to the eIM ---

    def read_request(self, path: str, body: bytes) -> m.Request:
        """Return the request in a body that an IPA has sent."""
        name = m.PATHS[path]
        members = Members(read_object(body))
        if name == m.GEP:
            return _read_get(members)
        # once more through the octets: both bindings judge alike
        request = self._read_request(name, members)
        return self._asn1.read_request(path, self._asn1.write_request(request))

    def _read_request(self, name: str, members: Members) -> m.Request:
        if name == m.PER:
            return self._read_provide(members)
        if name == m.HNT:
            pending = members.octets("pendingNotification")
            if pending is not None:
                return m.HandleNotification(pending=pending)
            whole = members.need("provideEimPackageResult")
            request = self._asn1.read_request("", whole)
            if not isinstance(request, m.ProvideEimPackageResult):
                raise NotJson("provideEimPackageResult is another message")
            return m.HandleNotification(result=request)
        if name == m.IAU:
            return m.InitiateAuthentication(
                members.need("euiccChallenge"),
                members.text("smdpAddress"),
                members.octets("euiccInfo1"),
                members.identifier("eimTransactionId"),
            )
        transaction = members.identifier("transactionId")
        if transaction is None:
            raise NotJson("transactionId is missing")
        if name == m.ACL:
            return m.AuthenticateClient(transaction, members.need("authenticateServerResponse"))
        if name == m.GBP:
            return m.GetBoundProfilePackage(transaction, members.need("prepareDownloadResponse"))
        return m.CancelSession(transaction, members.need("cancelSessionResponse"))

    def _read_provide(self, members: Members) -> m.ProvideEimPackageResult:
        result = read_result(members.need("eimPackageResult"), self._first)
        eid = members.text("eidValue")
        if eid is not None and not _is_hex(eid):
            raise NotJson("eidValue is no EID")
        return m.ProvideEimPackageResult(eid, result)

    def write_request(self, request: m.Request) -> bytes:
        """Return a request as a body."""
        return write_object(_request_members(self, request))

    def provide_members(self, request: m.ProvideEimPackageResult) -> dict[str, Any]:
        """Return the members of ProvideEimPackageResult."""
        members = {"eimPackageResult": _b64(write_result(request.result, self._first))}
        return members if request.eid is None else {"eidValue": request.eid, **members}

    def provide_octets(self, request: m.ProvideEimPackageResult) -> bytes:
        """Return ProvideEimPackageResult as HandleNotification carries it."""
        return self._asn1.write_request(request)

    # --- from the eIM to the IPA ---

    def write_answer(self, name: str, answer: m.Answer) -> bytes:
        """Return the answer to a function as a body."""
        if isinstance(answer, m.Failed):
            return write_object(_failure(name, answer.code))
        return write_object({"header": success(), **_answer_members(answer)})

    def read_answer(self, name: str, body: bytes) -> m.Answer:
        """Return the eIM's answer to a function."""
        raw = read_object(body)
        members = Members(raw)
        error = members.number(_ERRORS[name]) if name in _ERRORS else None
        if error is not None:
            return m.Failed(error)
        status, subject, reason, _ = read_header(raw)
        if status not in (SUCCESS, WARNING):
            return m.Failed(codes.of_status(name, subject, reason))
        answer = self._read_ok(name, members)
        return self._asn1.read_answer(name, self._asn1.write_answer(name, answer))

    def _read_ok(self, name: str, members: Members) -> m.Answer:
        if name == m.GEP:
            found = [(one, members.octets(one)) for one in PACKAGES]
            packages = [octets for _, octets in found if octets is not None]
            if len(packages) != 1:
                raise NotJson("an answer holds one package")
            return m.EimPackage(packages[0])
        if name == m.PER:
            listed = members.octets("eimAcknowledgements")
            if listed is None:
                return m.Acknowledged()
            return m.Acknowledged(tuple(wire.number(one) for one in elements(listed)))
        if name == m.CAN:
            return m.Done()
        transaction = members.identifier("transactionId")
        if name == m.GBP:
            return m.Bound(members.need("boundProfilePackage"), transaction)
        if name == m.ACL and members.octets("smdpSigned2") is None:
            if transaction is None:
                raise NotJson("transactionId is missing")
            return m.AuthenticatedEvent(transaction, members.octets("profileDownloadTrigger"))
        if name == m.ACL:
            hash_cc = members.octets("hashCc")
            return m.Authenticated(
                members.need("smdpSigned2"),
                _signature(members.need("smdpSignature2")),
                members.need("smdpCertificate"),
                transaction,
                members.octets("profileMetadata"),
                None if hash_cc is None else _octets(hash_cc),
            )
        return m.Initiated(
            members.need("serverSigned1"),
            _signature(members.need("serverSignature1")),
            _octets(members.need("euiccCiPKIdentifierToBeUsed")),
            members.need("serverCertificate"),
            transaction,
            members.text("matchingId"),
            members.octets("ctxParams1"),
        )

    # --- injection ---

    def read_transfer(self, path: str, body: bytes) -> m.TransferEimPackage:
        """Return the package that an eIM injects."""
        members = Members(read_object(body))
        packages = [one for one in map(members.octets, PACKAGES) if one is not None]
        if len(packages) != 1:
            raise NotJson("one package is transferred at a time")
        return m.TransferEimPackage(packages[0])

    def write_transferred(self, answer: m.Answer) -> bytes:
        """Return the IPA's answer to an injected package."""
        if isinstance(answer, m.Failed):
            return write_object({"header": success(), "eimPackageError": answer.code})
        if isinstance(answer, m.EuiccResult) and answer.notifications:
            listed = tlv("30", *answer.notifications)
            both = {"euiccPackageResult": _b64(answer.result), "notificationList": _b64(listed)}
            return write_object({"header": success(), "ePRAndNotifications": both})
        members = {}
        if isinstance(answer, m.EuiccResult):
            members["euiccPackageResult"] = _b64(answer.result)
        elif isinstance(answer, m.DataResult):
            members["ipaEuiccDataResponse"] = _b64(answer.result)
        # nothing: the package was received, and the result comes later
        return write_object({"header": success(), **members})

    def read_transferred(self, body: bytes) -> m.Answer:
        """Return what the IPA answers to an injected package."""
        raw = read_object(body)
        members = Members(raw)
        error = members.number("eimPackageError")
        if error is not None:
            return m.Failed(error)
        answer: m.Answer = m.Received()
        both = raw.get("ePRAndNotifications")
        if isinstance(both, dict):
            inner = Members(both)
            listed = inner.octets("notificationList")
            notes = () if listed is None else tuple(elements(listed))
            answer = m.EuiccResult(inner.need("euiccPackageResult"), notes)
        for name in _RESULTS:
            octets = members.octets(name)
            if octets is not None:
                answer = read_result(octets, self._first)
        return self._asn1.read_transferred(self._asn1.write_transferred(answer))


def _read_get(members: Members) -> m.GetEimPackage:
    rplmn = members.octets("rPLMN")
    if rplmn is not None and len(rplmn) != 3:
        raise NotJson("rPLMN is not 3 octets")
    return m.GetEimPackage(
        members.text("eidValue") or "",
        members.flag("notifyStateChange"),
        members.number("stateChangeCause"),
        rplmn,
    )


def _request_members(binding: JsonBinding, request: m.Request) -> dict[str, Any]:
    if isinstance(request, m.GetEimPackage):
        members: dict[str, Any] = {"eidValue": request.eid}
        if request.state_change:
            members["notifyStateChange"] = True
        if request.cause is not None:
            members["stateChangeCause"] = request.cause
        return _with(members, rPLMN=request.rplmn)
    if isinstance(request, m.ProvideEimPackageResult):
        return binding.provide_members(request)
    if isinstance(request, m.HandleNotification):
        if request.result is not None:
            return {"provideEimPackageResult": _b64(binding.provide_octets(request.result))}
        return _with({}, pendingNotification=request.pending)
    if isinstance(request, m.TransferEimPackage):
        return {_NAMES[wire.tag_of(request.package)]: _b64(request.package)}
    if isinstance(request, m.InitiateAuthentication):
        members = {} if request.address is None else {"smdpAddress": request.address}
        if request.eim_transaction_id is not None:
            members["eimTransactionId"] = request.eim_transaction_id.hex().upper()
        return _with(members, euiccChallenge=request.challenge, euiccInfo1=request.info1)
    member = {
        m.AuthenticateClient: "authenticateServerResponse",
        m.GetBoundProfilePackage: "prepareDownloadResponse",
        m.CancelSession: "cancelSessionResponse",
    }[type(request)]
    members = {"transactionId": request.transaction_id.hex().upper()}
    return _with(members, **{member: request.response})


def _answer_members(answer: m.Answer) -> dict[str, Any]:
    if isinstance(answer, m.EimPackage):
        return {_NAMES[wire.tag_of(answer.package)]: _b64(answer.package)}
    if isinstance(answer, m.Acknowledged):
        if not answer.numbers:
            return {}
        return {"eimAcknowledgements": _b64(acknowledgements(answer.numbers))}
    if isinstance(answer, m.Done):
        return {}
    assert isinstance(answer, m.Initiated | m.Authenticated | m.AuthenticatedEvent | m.Bound)
    members: dict[str, Any] = {}
    if answer.transaction_id is not None:
        members["transactionId"] = answer.transaction_id.hex().upper()
    if isinstance(answer, m.Bound):
        return _with(members, boundProfilePackage=answer.package)
    if isinstance(answer, m.AuthenticatedEvent):
        return _with(members, profileDownloadTrigger=answer.trigger)
    if isinstance(answer, m.Authenticated):
        return _with(
            members,
            profileMetadata=answer.metadata,
            smdpSigned2=answer.signed2,
            smdpSignature2=answer.signature2,
            smdpCertificate=answer.certificate,
            hashCc=None if answer.hash_cc is None else tlv("04", answer.hash_cc),
        )
    if answer.matching_id is not None:
        members["matchingId"] = answer.matching_id
    return _with(
        members,
        serverSigned1=answer.signed1,
        serverSignature1=answer.signature1,
        euiccCiPKIdentifierToBeUsed=tlv("04", answer.ci_key_id),
        serverCertificate=answer.certificate,
        ctxParams1=answer.context,
    )


def _with(members: dict[str, Any], **octets: bytes | None) -> dict[str, Any]:
    """Return members with octets as base64; what is None is left out."""
    told = {name: _b64(value) for name, value in octets.items() if value is not None}
    return {**members, **told}


def _failure(name: str, code: int) -> dict[str, Any]:
    if name == m.GEP:
        # having no package is no failure of the function
        return {"header": success(), _ERRORS[name]: code}
    subject, reason, text = codes.status(name, code)
    data = {"subjectCode": subject, "reasonCode": reason, "message": text}
    header = {"functionExecutionStatus": {"status": FAILED, "statusCodeData": data}}
    members = {_ERRORS[name]: code} if name in _ERRORS else {}
    return {"header": header, **members}


def _octets(data: bytes) -> bytes:
    """Return what an OCTET STRING holds, be it given with its header or without."""
    try:
        return contents(data) if wire.tag_of(data) == "04" else data
    except NotAsn1:
        return data


def _signature(data: bytes) -> bytes:
    """Return a signature TLV; one IPA in the field passes the 64 octets alone."""
    return tlv("5F37", data) if len(data) == _SIGNATURE_OCTETS else data


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _is_hex(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) * 2 == len(text)
    except ValueError:
        return False
