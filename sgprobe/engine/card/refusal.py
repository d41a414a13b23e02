"""Why the simulated eUICC takes no package of the eIM under test, and what to look at first."""

from __future__ import annotations

from dissectors.asn1.model import Value

_UNSIGNED, _SIGNED = "euiccPackageErrorUnsigned", "euiccPackageErrorSigned"
# SGP.32 §2.11.2.1: it knows no eIM of this id, or the signature does not verify
_WHOSE = (
    "the eUICC took a package for none of its eIM: compare eimId and signature with `identity: "
    "{eim-id, association-token}` and `keys: {eim}` of the product file"
)
_WHY = {
    "replayError": "`identity: {eim-counter}` of the product file tells what it has seen",
    "invalidEid": "`identity: {eid}` of the product file tells which eUICC it is",
}


def refusal(result: Value) -> str:
    """Return what the result of a package (EuiccPackageResult) says, "" where it was taken."""
    if not isinstance(result, dict):
        return ""
    if _UNSIGNED in result:
        return _WHOSE
    signed = result.get(_SIGNED)
    if not isinstance(signed, dict):
        return ""
    code = str(signed.get("euiccPackageErrorDataSigned", {}).get("euiccPackageErrorCode"))
    hint = f": {_WHY[code]}" if code in _WHY else ""
    return f"the eUICC refused the package, {code}{hint}"
