"""Methods and paths of the IFPP binding, and what its JSON members hold. docs/reference/ifpp.md."""

from __future__ import annotations

import re
from functools import lru_cache

from dissectors.spec.functions import FUNCTIONS, IFPP, Function

BASE = "/ifpp/v0/"
# where an SM-DPf tells an MSP: below an address that the MSP has named
NOTIFIED = "/reports"
# what stands in braces is a member of the function that travels in its path
ROUTES = (
    ("POST", "es2f/orders", "orderProfiles"),
    ("GET", "es2f/orders/{orderId}", "showOrder"),
    ("POST", "es2f/orders/{orderId}/withdraw", "withdrawProfiles"),
    ("POST", "esed1/batches", "deliverEuiccData"),
    ("POST", "esed2/batches", "handOverEuiccData"),
    ("POST", "esbpp/requests", "requestPackages"),
    ("GET", "esbpp/jobs/{jobId}", "showJob"),
    ("GET", "esbpp/deliveries/{deliveryId}/{file}", "fetchDelivery"),
    ("POST", "esbpp/reports", "reportLoading"),
    ("GET", "esbpp/reports/{deliveryId}/gaps", "showGaps"),
    ("POST", "esbpp/removals", "reportRemovals"),
)
FILE = "file"
_BRACES = re.compile(r"\{(\w+)\}")
# members whose base64 text is DER, and its type
DER_MEMBERS = {
    "batch": "EuiccDataBatch",
    "euiccData": "EuiccDataBatch",
    "report": "ProfileLoadingReport",
    "evidence": "GetSignedIfppStateResponse",
}


@lru_cache(maxsize=1)
def _functions() -> dict[str, Function]:
    return {one.json: one for one in FUNCTIONS if one.interface in IFPP and one.json is not None}


def _pattern(path: str) -> re.Pattern[str]:
    def group(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{'.{1,256}' if found[1] == FILE else '[^/]{1,128}'})"

    return re.compile(re.escape(BASE) + _BRACES.sub(group, path))


_PATTERNS = tuple((method, _pattern(path), name) for method, path, name in ROUTES)


def route(name: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the method of a JSON function, its path, and the members that the path holds."""
    method, path = next((method, path) for method, path, known in ROUTES if known == name)
    return method, BASE + path, tuple(_BRACES.findall(path))


def members_at(path: str) -> dict[str, str]:
    """Return the members that a path of the binding holds."""
    found = (pattern.fullmatch(path) for _, pattern, _ in _PATTERNS)
    return next((one.groupdict() for one in found if one is not None), {})


def function_at(method: str, path: str) -> Function | None:
    """Return the function that a request is for; None where the path is none of the binding."""
    if path.startswith(BASE):
        for wanted, pattern, name in _PATTERNS:
            if method == wanted and pattern.fullmatch(path):
                return _functions()[name]
        return None
    if method == "POST" and path.endswith(NOTIFIED):
        return _functions()["tellOperator"]
    return None
