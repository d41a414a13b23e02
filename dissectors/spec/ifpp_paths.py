"""Methods and paths of the IFPP binding, and what its JSON members hold. docs/reference/ifpp.md."""

from __future__ import annotations

import re
from functools import lru_cache

from dissectors.spec.functions import FUNCTIONS, IFPP, Function

BASE = "/ifpp/v0/"
# where an SM-DPf tells an MSP: below an address that the MSP has named
NOTIFIED = "/reports"
_ID = r"[^/]{1,128}"
_ROUTES = (
    ("POST", "es2f/orders", "orderProfiles"),
    ("GET", f"es2f/orders/{_ID}", "showOrder"),
    ("POST", f"es2f/orders/{_ID}/withdraw", "withdrawProfiles"),
    ("POST", "esed1/batches", "deliverEuiccData"),
    ("POST", "esed2/batches", "handOverEuiccData"),
    ("POST", "esbpp/requests", "requestPackages"),
    ("GET", f"esbpp/jobs/{_ID}", "showJob"),
    ("GET", f"esbpp/deliveries/{_ID}/.{{1,256}}", "fetchDelivery"),
    ("POST", "esbpp/reports", "reportLoading"),
    ("GET", f"esbpp/reports/{_ID}/gaps", "showGaps"),
    ("POST", "esbpp/removals", "reportRemovals"),
)
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


_PATTERNS = tuple(
    (method, re.compile(re.escape(BASE) + path), name) for method, path, name in _ROUTES
)


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
