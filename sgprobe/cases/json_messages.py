"""The members of the JSON functions as types: DER inside has its ASN.1 type. SGP.22 §6.5.2."""

from __future__ import annotations

from dissectors.asn1 import model as asn1
from dissectors.spec.functions import ES2, ES9, ES11, ES12, ESIPA, Function
from dissectors.spec.json_members import MEMBERS

# interface, function: members of the request; members of the response, `header` aside
_MEMBERS: dict[str, dict[str, tuple[str, str]]] = {
    ES9: {
        "initiateAuthentication": (
            "euiccChallenge euiccInfo1 smdpAddress",
            "transactionId serverSigned1 serverSignature1 euiccCiPKIdToBeUsed serverCertificate",
        ),
        "authenticateClient": (
            "transactionId authenticateServerResponse",
            "transactionId profileMetadata smdpSigned2 smdpSignature2 smdpCertificate",
        ),
        "getBoundProfilePackage": (
            "transactionId prepareDownloadResponse",
            "transactionId boundProfilePackage",
        ),
        "handleNotification": ("pendingNotification", ""),
        "cancelSession": ("transactionId cancelSessionResponse", ""),
    },
    ES11: {
        "initiateAuthentication": (
            # SGP.22 §5.8.1: the member keeps the name that it has on ES9+
            "euiccChallenge euiccInfo1 smdpAddress",
            "transactionId serverSigned1 serverSignature1 euiccCiPKIdToBeUsed serverCertificate",
        ),
        "authenticateClient": (
            "transactionId authenticateServerResponse",
            "transactionId eventEntries",
        ),
    },
    ESIPA: {
        "initiateAuthentication": (
            "euiccChallenge smdpAddress euiccInfo1 eimTransactionId",
            "transactionId serverSigned1 serverSignature1 euiccCiPKIdentifierToBeUsed "
            "serverCertificate matchingId ctxParams1",
        ),
        "authenticateClient": (
            "transactionId authenticateServerResponse",
            "transactionId profileMetadata smdpSigned2 smdpSignature2 smdpCertificate hashCc "
            "profileDownloadTrigger eventEntries",
        ),
        "getBoundProfilePackage": (
            "transactionId prepareDownloadResponse",
            "transactionId boundProfilePackage",
        ),
        "handleNotification": ("pendingNotification provideEimPackageResult", ""),
        "cancelSession": ("transactionId cancelSessionResponse", ""),
        "getEimPackage": (
            "eidValue notifyStateChange stateChangeCause rPLMN",
            "euiccPackageRequest ipaEuiccDataRequest profileDownloadTriggerRequest eimPackageError",
        ),
        "provideEimPackageResult": ("eidValue eimPackageResult", "eimAcknowledgements"),
        "transferEimPackage": (
            "eimAcknowledgements euiccPackageRequest ipaEuiccDataRequest "
            "profileDownloadTriggerRequest",
            "euiccPackageResult ePRAndNotifications ipaEuiccDataResponse",
        ),
    },
    ES12: {
        "registerEvent": ("eid rspServerAddress eventId forwardingIndicator", ""),
        "deleteEvent": ("eid eventId", ""),
    },
    ES2: {
        "downloadOrder": ("eid iccid profileType", "iccid"),
        "confirmOrder": (
            "iccid eid matchingId confirmationCode smdsAddress releaseFlag",
            "eid matchingId smdpAddress",
        ),
        "cancelOrder": ("iccid eid matchingId finalProfileStatusIndicator", ""),
        "releaseProfile": ("iccid", ""),
        "handleDownloadProgressInfo": (
            "eid iccid profileType timestamp notificationPointId notificationPointStatus "
            "resultData",
            "",
        ),
    },
}

_TEXT = asn1.Type((), asn1.Text("UTF8String"), "text")
_OCTETS = asn1.Type((), asn1.Octets(), "octets")
_CERTIFICATE = asn1.Type((b"\x30",), asn1.Leaf("Certificate"), "Certificate")
_FLAG = asn1.Type((), asn1.Boolean(), "true or false")
# members whose JSON form is hex digits, and those that are flags
_HEX = frozenset({"transactionId", "eimTransactionId", "eidValue", "rPLMN"})
_FLAGS = frozenset({"forwardingIndicator", "releaseFlag"})


def _object(label: str, **members: asn1.Type) -> asn1.Type:
    fields = tuple(asn1.Field(name, type_, optional=True) for name, type_ in members.items())
    return asn1.Type((), asn1.Sequence(fields), label)


# SGP.22 §6.5.1.3 and §6.5.1.4
_REQUEST_HEADER = _object("object", functionRequesterIdentifier=_TEXT, functionCallIdentifier=_TEXT)
_STATUS_CODES = _object(
    "object", subjectCode=_TEXT, reasonCode=_TEXT, subjectIdentifier=_TEXT, message=_TEXT
)
# SGP.22 §6.5.2.8
_EVENTS = asn1.Type(
    (),
    # no clause gives them an order
    asn1.ListOf(_object("event", eventId=_TEXT, rspServerAddress=_TEXT), is_set=True),
    "events",
)
_RESPONSE_HEADER = _object(
    "object",
    functionExecutionStatus=_object("object", status=_TEXT, statusCodeData=_STATUS_CODES),
)


def json_type(function: Function, request: bool, schema: asn1.Schema) -> asn1.Type:
    """Return the body of a JSON function as a type; every member may be absent."""
    written = _MEMBERS.get(function.interface, {}).get(function.json or "", ("", ""))
    names = written[0 if request else 1].split()
    header = _REQUEST_HEADER if request else _RESPONSE_HEADER
    fields = [asn1.Field("header", header, optional=True)]
    asn1_name = function.request if request else function.response
    fields += [asn1.Field(name, _member(name, asn1_name, schema), optional=True) for name in names]
    return asn1.Type((), asn1.Sequence(tuple(fields)), "object")


def _member(name: str, message: str | None, schema: asn1.Schema) -> asn1.Type:
    member = MEMBERS.get(name)
    if member is not None:
        if member.type == "Certificate":
            return _CERTIFICATE
        known = schema.types.get(member.type) if member.type else None
        return known or _OCTETS
    if name in _HEX:
        return _OCTETS
    if name in _FLAGS:
        return _FLAG
    if name == "eventEntries":
        return _EVENTS
    whole = schema.types.get(message) if message else None
    if whole is not None:
        shape = schema.shape(whole)
        if isinstance(shape, asn1.Sequence | asn1.Choice):
            parts = shape.fields if isinstance(shape, asn1.Sequence) else shape.arms
            found = next((part.type for part in parts if part.name == name), None)
            if found is not None:
                return found
    return _TEXT
