"""Every function of every interface, once: its messages, its paths, who starts it, its clause.

Clauses are those of SGP.32 v1.2 for ESipa and the IoT functions of ES10b, of SGP.22 v2.5 for the
others, and of docs/reference/ifpp.md for in-factory provisioning, whose binding is this project's.
A new interface is one more table here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

ESIPA, ES9, ES11, ES12, ES2 = "ESipa", "ES9+", "ES11", "ES12", "ES2+"
ES10A, ES10B, ES10C, ES10F = "ES10a", "ES10b", "ES10c", "ES10f"
# what is spoken to a card
CARD = (ES10A, ES10B, ES10C, ES10F)
ES2F, ESED1, ESED2, ESBPP = "ES2f", "Esed1", "Esed2", "Esbpp"
# REST: method and path make the function
IFPP = (ES2F, ESED1, ESED2, ESBPP)

ASN1_PATH = "/gsma/rsp2/asn1"
ASN1_MEDIA = "application/x-gsma-rsp-asn1"
JSON_MEDIA = "application/json"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: ASN.1 types of its request and response (None: no body), and where it is.

    `json` is the name in the path of the JSON binding. `sender` is the role that sends the
    request, `receiver` the one that answers.
    """

    interface: str
    name: str
    request: str | None
    response: str | None
    sender: str
    receiver: str
    clause: str
    json: str | None = None
    specs: tuple[str, ...] = ("SGP.22", "SGP.32")

    @property
    def path(self) -> str | None:
        """Return the path of the JSON binding."""
        prefix = JSON_PREFIX.get(self.interface)
        return f"{prefix}{self.json}" if prefix and self.json else None


# esipa §3.2, SGP.22 §6.5.2; ES12 and ES2+ paths are likely, not certain
JSON_PREFIX = {
    ESIPA: "/gsma/rsp2/esipa/",
    ES9: "/gsma/rsp2/es9plus/",
    ES12: "/gsma/rsp2/es12/",
    ES2: "/gsma/rsp2/es2plus/",
}

_32 = ("SGP.32",)


def _esipa(name: str, request: str, response: str | None, clause: str, json: str) -> Function:
    return Function(ESIPA, name, request, response, "ipa", "eim", clause, json, _32)


_ESIPA = (
    _esipa("InitiateAuthentication", "InitiateAuthenticationRequestEsipa",
           "InitiateAuthenticationResponseEsipa", "SGP.32 §5.14.1", "initiateAuthentication"),
    _esipa("AuthenticateClient", "AuthenticateClientRequestEsipa",
           "AuthenticateClientResponseEsipa", "SGP.32 §5.14.3", "authenticateClient"),
    _esipa("GetBoundProfilePackage", "GetBoundProfilePackageRequestEsipa",
           "GetBoundProfilePackageResponseEsipa", "SGP.32 §5.14.2", "getBoundProfilePackage"),
    _esipa("HandleNotification", "HandleNotificationEsipa", None, "SGP.32 §5.14.7",
           "handleNotification"),
    _esipa("CancelSession", "CancelSessionRequestEsipa", "CancelSessionResponseEsipa",
           "SGP.32 §5.14.8", "cancelSession"),
    _esipa("GetEimPackage", "GetEimPackageRequest", "GetEimPackageResponse", "SGP.32 §6.3.2.6",
           "getEimPackage"),
    _esipa("ProvideEimPackageResult", "ProvideEimPackageResult",
           "ProvideEimPackageResultResponse", "SGP.32 §6.3.2.7", "provideEimPackageResult"),
    # injection: the eIM is the client, the IPA answers
    Function(ESIPA, "TransferEimPackage", "TransferEimPackageRequest",
             "TransferEimPackageResponse", "eim", "ipa", "SGP.32 §6.3.3.1", "transferEimPackage",
             _32),
)  # fmt: skip


def _es9(name: str, request: str, response: str | None, clause: str, json: str) -> Function:
    return Function(ES9, name, request, response, "ipa", "smdp", clause, json)


_ES9 = (
    _es9("InitiateAuthentication", "InitiateAuthenticationRequest",
         "InitiateAuthenticationResponse", "SGP.22 §5.6.1", "initiateAuthentication"),
    _es9("AuthenticateClient", "AuthenticateClientRequest", "AuthenticateClientResponseEs9",
         "SGP.22 §5.6.3", "authenticateClient"),
    _es9("GetBoundProfilePackage", "GetBoundProfilePackageRequest",
         "GetBoundProfilePackageResponse", "SGP.22 §5.6.2", "getBoundProfilePackage"),
    _es9("HandleNotification", "HandleNotification", None, "SGP.22 §5.6.4", "handleNotification"),
    _es9("CancelSession", "CancelSessionRequestEs9", "CancelSessionResponseEs9", "SGP.22 §5.6.5",
         "cancelSession"),
)  # fmt: skip

_ES11 = (
    Function(ES11, "InitiateAuthentication", "InitiateAuthenticationRequest",
             "InitiateAuthenticationResponse", "ipa", "smds", "SGP.22 §5.8.1",
             "initiateAuthentication"),
    Function(ES11, "AuthenticateClient", "AuthenticateClientRequest",
             "AuthenticateClientResponseEs11", "ipa", "smds", "SGP.22 §5.8.2",
             "authenticateClient"),
)  # fmt: skip


def _card(interface: str, name: str, request: str, response: str, clause: str,
          specs: tuple[str, ...] = ("SGP.22", "SGP.32")) -> Function:  # fmt: skip
    return Function(interface, name, request, response, "ipa", "euicc", clause, None, specs)


_22 = ("SGP.22",)

_ES10 = (
    _card(ES10A, "GetEuiccConfiguredAddresses", "EuiccConfiguredAddressesRequest",
          "EuiccConfiguredAddressesResponse", "SGP.22 §5.7.3"),
    _card(ES10A, "SetDefaultDpAddress", "SetDefaultDpAddressRequest",
          "SetDefaultDpAddressResponse", "SGP.22 §5.7.4", _22),
    _card(ES10B, "PrepareDownload", "PrepareDownloadRequest", "PrepareDownloadResponse",
          "SGP.22 §5.7.5"),
    _card(ES10B, "LoadBoundProfilePackage", "BoundProfilePackage", "ProfileInstallationResult",
          "SGP.22 §5.7.6"),
    _card(ES10B, "GetEUICCChallenge", "GetEuiccChallengeRequest", "GetEuiccChallengeResponse",
          "SGP.22 §5.7.7"),
    _card(ES10B, "GetEUICCInfo1", "GetEuiccInfo1Request", "EUICCInfo1", "SGP.22 §5.7.8"),
    _card(ES10B, "GetEUICCInfo2", "GetEuiccInfo2Request", "EUICCInfo2", "SGP.22 §5.7.8"),
    _card(ES10B, "ListNotification", "ListNotificationRequest", "ListNotificationResponse",
          "SGP.22 §5.7.9"),
    _card(ES10B, "RetrieveNotificationsList", "RetrieveNotificationsListRequest",
          "RetrieveNotificationsListResponse", "SGP.22 §5.7.10"),
    _card(ES10B, "RemoveNotificationFromList", "NotificationSentRequest",
          "NotificationSentResponse", "SGP.22 §5.7.11"),
    _card(ES10B, "LoadCRL", "LoadCRLRequest", "LoadCRLResponse", "SGP.22 §5.7.12"),
    _card(ES10B, "AuthenticateServer", "AuthenticateServerRequest", "AuthenticateServerResponse",
          "SGP.22 §5.7.13"),
    _card(ES10B, "CancelSession", "CancelSessionRequest", "CancelSessionResponse",
          "SGP.22 §5.7.14"),
    _card(ES10C, "GetProfilesInfo", "ProfileInfoListRequest", "ProfileInfoListResponse",
          "SGP.22 §5.7.15"),
    _card(ES10C, "EnableProfile", "EnableProfileRequest", "EnableProfileResponse",
          "SGP.22 §5.7.16"),
    _card(ES10C, "DisableProfile", "DisableProfileRequest", "DisableProfileResponse",
          "SGP.22 §5.7.17"),
    _card(ES10C, "DeleteProfile", "DeleteProfileRequest", "DeleteProfileResponse",
          "SGP.22 §5.7.18"),
    # SGP.32 1.0.1 keeps the SGP.22 tag, so both rows serve SGP.32
    _card(ES10C, "eUICCMemoryReset", "EuiccMemoryResetRequest", "EuiccMemoryResetResponse",
          "SGP.22 §5.7.19"),
    _card(ES10C, "GetEID", "GetEuiccDataRequest", "GetEuiccDataResponse", "SGP.22 §5.7.20"),
    _card(ES10C, "SetNickname", "SetNicknameRequest", "SetNicknameResponse", "SGP.22 §5.7.21"),
    _card(ES10B, "GetRAT", "GetRatRequest", "GetRatResponse", "SGP.22 §5.7.22"),
    _card(ES10B, "LpaeActivation", "LpaeActivationRequest", "LpaeActivationResponse",
          "SGP.22 §5.7.1", _22),
    _card(ES10B, "IpaeActivation", "IpaeActivationRequest", "IpaeActivationResponse",
          "SGP.32 §3.8.4", _32),
    _card(ES10B, "LoadEuiccPackage", "EuiccPackageRequest", "EuiccPackageResult", "SGP.32 §5.9.1",
          _32),
    _card(ES10B, "AddInitialEim", "AddInitialEimRequest", "AddInitialEimResponse",
          "SGP.32 §5.9.4", _32),
    _card(ES10B, "GetCerts", "GetCertsRequest", "GetCertsResponse", "SGP.32 §5.9.10", _32),
    _card(ES10B, "ImmediateEnable", "ImmediateEnableRequest", "ImmediateEnableResponse",
          "SGP.32 §5.9.15", _32),
    _card(ES10B, "ProfileRollback", "ProfileRollbackRequest", "ProfileRollbackResponse",
          "SGP.32 §5.9.16", _32),
    _card(ES10B, "ConfigureImmediateProfileEnabling", "ConfigureImmediateProfileEnablingRequest",
          "ConfigureImmediateProfileEnablingResponse", "SGP.32 §5.9.17", _32),
    _card(ES10B, "GetEimConfigurationData", "GetEimConfigurationDataRequest",
          "GetEimConfigurationDataResponse", "SGP.32 §5.9.18", _32),
    _card(ES10B, "ExecuteFallbackMechanism", "ExecuteFallbackMechanismRequest",
          "ExecuteFallbackMechanismResponse", "SGP.32 §5.9.20", _32),
    _card(ES10B, "ReturnFromFallback", "ReturnFromFallbackRequest", "ReturnFromFallbackResponse",
          "SGP.32 §5.9.21", _32),
    _card(ES10B, "EnableEmergencyProfile", "EnableEmergencyProfileRequest",
          "EnableEmergencyProfileResponse", "SGP.32 §5.9.22", _32),
    _card(ES10B, "DisableEmergencyProfile", "DisableEmergencyProfileRequest",
          "DisableEmergencyProfileResponse", "SGP.32 §5.9.23", _32),
    _card(ES10B, "GetConnectivityParameters", "GetConnectivityParametersRequest",
          "GetConnectivityParametersResponse", "SGP.32 §5.9.24", _32),
    _card(ES10B, "SetDefaultDpAddress", "SetDefaultDpAddressRequest",
          "SetDefaultDpAddressResponse", "SGP.32 §5.9.25", _32),
)  # fmt: skip


def _server(interface: str, name: str, json: str, ends: tuple[str, str], clause: str) -> Function:
    return Function(interface, name, None, None, *ends, clause, json, _22)


# plain JSON: no ASN.1 inside that the facts know of
_SERVERS = (
    _server(ES12, "RegisterEvent", "registerEvent", ("smdp", "smds"), "SGP.22 §5.9.1"),
    _server(ES12, "DeleteEvent", "deleteEvent", ("smdp", "smds"), "SGP.22 §5.9.2"),
    _server(ES2, "DownloadOrder", "downloadOrder", ("operator", "smdp"), "SGP.22 §5.3.1"),
    _server(ES2, "ConfirmOrder", "confirmOrder", ("operator", "smdp"), "SGP.22 §5.3.2"),
    _server(ES2, "CancelOrder", "cancelOrder", ("operator", "smdp"), "SGP.22 §5.3.3"),
    _server(ES2, "ReleaseProfile", "releaseProfile", ("operator", "smdp"), "SGP.22 §5.3.4"),
    _server(ES2, "HandleDownloadProgressInfo", "handleDownloadProgressInfo", ("smdp", "operator"),
            "SGP.22 §5.3.5"),
)  # fmt: skip

_RB = ("IFPP",)


def _fpa(name: str, request: str, response: str, specs: tuple[str, ...] = _RB) -> Function:
    return Function(ES10F, name, request, response, "fpa", "euicc", "IFPP §3", None, specs)


_ES10F = (
    _fpa("GetIfppInfo", "GetIfppInfoRequest", "GetIfppInfoResponse"),
    _fpa("IfppLoadContext", "IfppLoadContextRequest", "IfppLoadContextResponse"),
    _fpa("LoadBoundProfilePackage", "BoundProfilePackage", "ProfileInstallationResult", _22),
    _fpa("GetIfppResults", "GetIfppResultsRequest", "GetIfppResultsResponse"),
    _fpa("DeleteOneTimeKeys", "DeleteOneTimeKeysRequest", "DeleteOneTimeKeysResponse"),
    _fpa("CloseFactoryPhase", "CloseFactoryPhaseRequest", "CloseFactoryPhaseResponse"),
    _fpa("GetSignedIfppState", "GetSignedIfppStateRequest", "GetSignedIfppStateResponse"),
)


def _rest(
    interface: str,
    name: str,
    json: str,
    ends: tuple[str, str],
    request: str | None = None,
    response: str | None = None,
) -> Function:
    return Function(interface, name, request, response, *ends, "IFPP §5", json, _RB)


# paths stand in ifpp_paths.py
_IFPP = (
    _rest(ES2F, "OrderProfiles", "orderProfiles", ("msp", "smdpf")),
    _rest(ES2F, "ShowOrder", "showOrder", ("msp", "smdpf")),
    _rest(ES2F, "WithdrawProfiles", "withdrawProfiles", ("msp", "smdpf")),
    _rest(ES2F, "TellOperator", "tellOperator", ("smdpf", "msp")),
    _rest(ESED1, "DeliverEuiccData", "deliverEuiccData", ("eum", "smdpf"), "EuiccDataBatch"),
    _rest(ESED2, "HandOverEuiccData", "handOverEuiccData", ("eum", "fpa"), "EuiccDataBatch"),
    _rest(ESBPP, "RequestPackages", "requestPackages", ("fpa", "smdpf")),
    _rest(ESBPP, "ShowJob", "showJob", ("fpa", "smdpf")),
    _rest(ESBPP, "FetchDelivery", "fetchDelivery", ("fpa", "smdpf"), None, "PreboundPackage"),
    _rest(ESBPP, "ReportLoading", "reportLoading", ("fpa", "smdpf"), "ProfileLoadingReport"),
    _rest(ESBPP, "ShowGaps", "showGaps", ("fpa", "smdpf")),
    _rest(ESBPP, "ReportRemovals", "reportRemovals", ("fpa", "smdpf")),
)

FUNCTIONS = _ESIPA + _ES10 + _ES9 + _ES11 + _SERVERS + _ES10F + _IFPP


@lru_cache(maxsize=1)
def message_order() -> dict[str, int]:
    """Return the ASN.1 types that are messages, with their place in the tables."""
    order: dict[str, int] = {}
    for function in FUNCTIONS:
        for name in (function.request, function.response):
            if name is not None:
                order.setdefault(name, len(order))
    return order


@lru_cache(maxsize=1)
def message_specs() -> dict[str, frozenset[str]]:
    """Return the ASN.1 types that are messages, with the specifications that they serve."""
    specs: dict[str, frozenset[str]] = {}
    for function in FUNCTIONS:
        for name in (function.request, function.response):
            if name is not None:
                specs[name] = specs.get(name, frozenset()) | frozenset(function.specs)
    return specs
