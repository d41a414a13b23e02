"""The members of the JSON functions of the IFPP binding as types. docs/reference/ifpp.md §5."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1 import model as asn1
from dissectors.spec.functions import Function
from dissectors.spec.ifpp_paths import FILE, route

SPEC = "IFPP@0"
# of a code: which of the classes it is that statements about SGP.41 are made on. RB-62
CLASS = "class"
# names of roles whose certificate a request may be sent with
_TEXT = asn1.Type((), asn1.Text("UTF8String"), "text")
_NUMBER = asn1.Type((), asn1.Integer(), "a number")
_FLAG = asn1.Type((), asn1.Boolean(), "true or false")
_OCTETS = asn1.Type((), asn1.Octets(), "octets")


def _object(label: str, **members: asn1.Type) -> asn1.Type:
    fields = tuple(asn1.Field(name, type_, optional=True) for name, type_ in members.items())
    return asn1.Type((), asn1.Sequence(fields), label)


def _list(element: asn1.Type) -> asn1.Type:
    return asn1.Type((), asn1.ListOf(element), f"list of {element.label}")


def _texts(names: str) -> dict[str, asn1.Type]:
    return dict.fromkeys(names.split(), _TEXT)


def _numbers(names: str) -> dict[str, asn1.Type]:
    return dict.fromkeys(names.split(), _NUMBER)


@lru_cache(maxsize=1)
def _der() -> dict[str, asn1.Type]:
    types = codec.load(SPEC).schema.types
    return {
        name: types[name]
        for name in (
            "EuiccDataBatch", "ProfileLoadingReport", "GetSignedIfppStateResponse",
            "IfppLoadContextRequest",
        )
    }  # fmt: skip


_CODE = _texts("subjectCode reasonCode subjectIdentifier message") | {CLASS: _TEXT}
_STATES = _object(
    "counts by state",
    **_numbers("PREPARED PROTECTED BOUND DELIVERED INSTALLED FAILED UNKNOWN WITHDRAWN REMOVED"),
)
_REQUEST_HEADER = _object("object", **_texts("functionRequesterIdentifier functionCallIdentifier"))
_RESPONSE_HEADER = _object(
    "object",
    functionExecutionStatus=_object(
        "object", status=_TEXT, statusCodeData=_object("object", **_CODE)
    ),
)
_ELIGIBILITY = _object("rules", minFreeNvm=_NUMBER, minProfileVersion=_TEXT, minSvn=_TEXT)
_POLICY = _object(
    "policy", loadOrder=_TEXT, enableAfterLoad=_FLAG, deleteLeftoverKeys=_FLAG,
    expectProfileClass=_TEXT,
)  # fmt: skip
_ENTRY = _object("entry", eid=_TEXT, keyRef=_TEXT)
_REFUSED = _object("refusal", eid=_TEXT, keyRef=_TEXT, iccid=_TEXT, **_CODE)
_RANGE = _list(_NUMBER)
_TOLD = _object("told", **_texts("iccid eid packageId transactionId reason"), supplement=_FLAG)
_SHARD = _object(
    "shard", **_texts("name firstEid lastEid idxSha256 binSha256"), **_numbers("entries binBytes")
)
_LINE = _object(
    "line", **_texts("packageId eid keyRef iccid transactionId sha256"),
    **_numbers("n suite off len"),
)  # fmt: skip
_VERDICT = _object(
    "verdict", sequence=_NUMBER, **_texts("packageId verdict state reason rule message iccid"),
    subjectCode=_TEXT, reasonCode=_TEXT, **{CLASS: _TEXT},
)  # fmt: skip
_STATION = _object(
    "station", stationId=_TEXT, received=_list(_RANGE), missing=_list(_RANGE), final=_FLAG,
    flags=_list(_TEXT),
)  # fmt: skip

Members = dict[str, asn1.Type]


def _package() -> asn1.Type:
    return _object(
        "package",
        **dict.fromkeys(["packageId", "eid", "keyRef", "iccid", "transactionId"], _OCTETS),
        loadContext=_der()["IfppLoadContextRequest"],
        boundProfilePackage=_OCTETS,
    )


def _manifest() -> Members:
    return (
        _texts("format deliveryId orderId requestId dmId factoryId smdpfOid createdAt notAfter "
               "supersedes")
        | _numbers("version suite entryCount eidCount")
        | {"shards": _list(_SHARD), "policy": _POLICY}
    )  # fmt: skip


def _delivery() -> Members:
    """Return what files of a delivery hold: manifest, signature, chain, index and packages."""
    return (
        _manifest()
        | {"alg": _TEXT, "certificates": _list(_OCTETS), "signature": _OCTETS}
        | {"chain": _list(_OCTETS), "lines": _list(_LINE), "packages": _list(_package())}
    )


def _report() -> Members:
    return {"report": _der()["ProfileLoadingReport"]}


# by function: members of the request, members of the response; `header` aside
_MEMBERS: dict[str, tuple[Callable[[], Members], Callable[[], Members]]] = {
    "orderProfiles": (
        lambda: _texts("orderId profileType dmId mccMnc profileClass notifyAddress")
        | {"count": _NUMBER, "eligibility": _ELIGIBILITY, "policyRules": _list(_TEXT)},
        lambda: {
            "orderId": _TEXT,
            "iccidRanges": _list(_object("range", first=_TEXT, last=_TEXT, count=_NUMBER)),
        },
    ),
    "showOrder": (
        lambda: {"orderId": _TEXT},
        lambda: {"orderId": _TEXT, "count": _NUMBER, "states": _STATES},
    ),
    "withdrawProfiles": (
        lambda: {"orderId": _TEXT, "iccids": _list(_TEXT), "all": _FLAG},
        lambda: {
            "orderId": _TEXT,
            "withdrawn": _list(_object("withdrawn", state=_TEXT, was=_TEXT, iccid=_TEXT, **_CODE)),
        },
    ),
    "tellOperator": (
        lambda: _texts("reportId orderId") | {"states": _STATES, "supplement": _FLAG}
        | dict.fromkeys(
            ["provenInstalled", "provenFailed", "notProven", "conflicts", "removed", "withdrawn"],
            _list(_TOLD),
        ),
        dict,
    ),
    "deliverEuiccData": (
        lambda: {"batch": _der()["EuiccDataBatch"], "dmId": _TEXT},
        lambda: {"batchId": _TEXT, "accepted": _list(_TEXT), "refused": _list(_REFUSED)},
    ),
    "handOverEuiccData": (
        lambda: {"batch": _der()["EuiccDataBatch"]},
        lambda: {"batchId": _TEXT, "accepted": _list(_TEXT), "refused": _list(_REFUSED)},
    ),
    "requestPackages": (
        lambda: _texts("requestId orderId dmId factoryId deliveryId supersedes")
        | _numbers("suite validSeconds")
        | {"entries": _list(_ENTRY), "euiccData": _list(_der()["EuiccDataBatch"])}
        | {"policy": _POLICY},
        lambda: _texts("jobId deliveryId"),
    ),
    "showJob": (
        lambda: {"jobId": _TEXT},
        lambda: _texts("jobId state deliveryId reason") | _numbers("entries bound")
        | {"refusals": _list(_REFUSED)},
    ),
    "fetchDelivery": (lambda: _texts(f"deliveryId {FILE}"), _delivery),
    "reportLoading": (
        _report,
        lambda: {
            "reportId": _TEXT, "items": _list(_VERDICT), "missing": _list(_RANGE),
            "complete": _FLAG,
        },
    ),
    "showGaps": (
        lambda: {"deliveryId": _TEXT},
        lambda: {
            "deliveryId": _TEXT, "stations": _list(_STATION),
            "withoutOutcome": _list(_TEXT), "withoutOutcomeCount": _NUMBER,
        },
    ),
    "reportRemovals": (
        lambda: {"removals": _list(_object(
            "removal", iccid=_TEXT, evidence=_der()["GetSignedIfppStateResponse"]
        ))},
        lambda: {"removals": _list(_VERDICT)},
    ),
}  # fmt: skip


@lru_cache(maxsize=64)
def ifpp_type(function: Function, request: bool) -> asn1.Type:
    """Return the body of a JSON function as a type; members of its path stand there, too."""
    made = _MEMBERS[function.json or ""][0 if request else 1]()
    asks = request and (function.json == "tellOperator" or route(function.json or "")[0] == "POST")
    header = {"header": _REQUEST_HEADER if request else _RESPONSE_HEADER}
    return _object("object", **(header if asks or not request else {}), **made)
