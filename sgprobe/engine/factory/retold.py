"""What an eUICC would sign if it told something else of a load than what happened."""

from __future__ import annotations

from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.writer import EncodeError
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.keys import PrivateKey
from sgprobe.crypto.signing import EUICC_SIGN_PIR

_RSP, _DATA = "SGP.22@2.5", "profileInstallationResultData"


def retold(result: bytes, changes: dict[str, Any], key: PrivateKey) -> bytes:
    """Return a result (BF37) with members changed, and the signature over that."""
    loaded = codec.load(_RSP)
    value: Any = loaded.decode("ProfileInstallationResult", result).value
    try:
        data = loaded.encode("ProfileInstallationResultData", _over(value[_DATA], changes))
    except EncodeError as error:
        raise Unresolved(f"no result can tell this: {error}") from None
    return tlv("BF37", data, EUICC_SIGN_PIR.sign(key, data))


def _over(value: Any, changes: dict[str, Any]) -> Value:
    made = dict(value)
    for name, change in changes.items():
        made[name] = _over(made[name], change) if isinstance(change, dict) else change
    return made
