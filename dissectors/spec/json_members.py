"""What the members of the JSON bindings carry. SGP.22 §6.5.2, SGP.32 §6.4.

A member whose content is DER stands here with its ASN.1 type; all other members are plain JSON.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """What the base64 text of a member holds.

    `type` is an ASN.1 type whose whole TLV is inside; `tag` is the TLV of a bare OCTET STRING;
    neither: the octets themselves.
    """

    type: str | None = None
    tag: bytes | None = None


_SIGNATURE = Member(tag=b"\x5f\x37")
_OCTETS = Member(tag=b"\x04")
_RAW = Member()

# the same name means the same thing in every function; exceptions by interface stand below
MEMBERS: dict[str, Member] = {
    "euiccChallenge": _RAW,
    "rPLMN": _RAW,
    "euiccInfo1": Member("EUICCInfo1"),
    "serverSigned1": Member("ServerSigned1"),
    "serverSignature1": _SIGNATURE,
    "euiccCiPKIdToBeUsed": _OCTETS,
    "euiccCiPKIdentifierToBeUsed": _OCTETS,
    "serverCertificate": Member("Certificate"),
    "authenticateServerResponse": Member("AuthenticateServerResponse"),
    "profileMetadata": Member("StoreMetadataRequest"),
    "smdpSigned2": Member("SmdpSigned2"),
    "smdpSignature2": _SIGNATURE,
    "smdpCertificate": Member("Certificate"),
    "prepareDownloadResponse": Member("PrepareDownloadResponse"),
    "boundProfilePackage": Member("BoundProfilePackage"),
    "pendingNotification": Member("PendingNotification"),
    "cancelSessionResponse": Member("CancelSessionResponse"),
    "ctxParams1": Member("CtxParams1"),
    "hashCc": _OCTETS,
    "profileDownloadTrigger": Member("ProfileDownloadTriggerRequest"),
    "provideEimPackageResult": Member("ProvideEimPackageResult"),
    "euiccPackageRequest": Member("EuiccPackageRequest"),
    "ipaEuiccDataRequest": Member("IpaEuiccDataRequest"),
    "profileDownloadTriggerRequest": Member("ProfileDownloadTriggerRequest"),
    "eimAcknowledgements": Member("EimAcknowledgements"),
    "eimPackageResult": Member("EimPackageResult"),
    "euiccPackageResult": Member("EuiccPackageResult"),
    "ipaEuiccDataResponse": Member("IpaEuiccDataResponse"),
    "notificationList": Member("PendingNotificationList"),
}

# members that only one function has, to know the function where the path is another; the first
# that is there decides
REQUEST_MARKS: tuple[tuple[str, str], ...] = (
    ("euiccChallenge", "initiateAuthentication"),
    ("authenticateServerResponse", "authenticateClient"),
    ("prepareDownloadResponse", "getBoundProfilePackage"),
    ("cancelSessionResponse", "cancelSession"),
    ("pendingNotification", "handleNotification"),
    ("provideEimPackageResult", "handleNotification"),
    ("eimPackageResult", "provideEimPackageResult"),
    ("euiccPackageRequest", "transferEimPackage"),
    ("ipaEuiccDataRequest", "transferEimPackage"),
    ("profileDownloadTriggerRequest", "transferEimPackage"),
    ("eimAcknowledgements", "transferEimPackage"),
    ("eidValue", "getEimPackage"),
)
RESPONSE_MARKS: tuple[tuple[str, str], ...] = (
    ("serverSigned1", "initiateAuthentication"),
    ("smdpSigned2", "authenticateClient"),
    ("profileMetadata", "authenticateClient"),
    ("profileDownloadTrigger", "authenticateClient"),
    ("eventEntries", "authenticateClient"),
    ("boundProfilePackage", "getBoundProfilePackage"),
    ("euiccPackageRequest", "getEimPackage"),
    ("ipaEuiccDataRequest", "getEimPackage"),
    ("profileDownloadTriggerRequest", "getEimPackage"),
    ("eimAcknowledgements", "provideEimPackageResult"),
    ("euiccPackageResult", "transferEimPackage"),
    ("ePRAndNotifications", "transferEimPackage"),
    ("ipaEuiccDataResponse", "transferEimPackage"),
    ("eimPackageError", "getEimPackage"),
)
# members that ESipa has and ES9+ has not
ESIPA_MARKS = frozenset({
    "eidValue", "eimTransactionId", "euiccCiPKIdentifierToBeUsed", "ctxParams1", "hashCc",
    "profileDownloadTrigger", "provideEimPackageResult", "eimPackageResult", "eimPackageError",
    "euiccPackageRequest", "ipaEuiccDataRequest", "profileDownloadTriggerRequest",
    "eimAcknowledgements", "euiccPackageResult", "ePRAndNotifications", "ipaEuiccDataResponse",
})  # fmt: skip
