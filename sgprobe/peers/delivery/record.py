"""The binding record of a package: who bound what to which chip, signed by the SM-DPf. IFPP §10."""

from __future__ import annotations

import hashlib
from typing import Any

from dissectors.asn1 import codec
from dissectors.spec.identity import iccid_text
from sgprobe.peers.delivery.entry import SPEC, EntryError, read_package


def binding_record(der: bytes) -> dict[str, Any]:
    """Return the record of one FF48: names of the package, what its context says, the context.

    The context (FF41) is the proof: its signature covers every name but packageId.
    """
    package = read_package(der)
    decoded = codec.load(SPEC).decode("IfppLoadContextRequest", package.context)
    if decoded.value is None or not decoded.ok:
        raise EntryError("the package has no load context")
    tbs = decoded.value["tbs"]
    return {
        "packageId": package.package_id,
        "eid": tbs["eid"],
        "iccid": iccid_text(bytes.fromhex(tbs["iccid"])),
        "keyRef": tbs["keyRef"],
        "transactionId": tbs["transactionId"],
        "smdpfOid": tbs["smdpfOid"],
        "suite": str(tbs["suite"]),
        "bppDigest": tbs["bppDigest"],
        "bppDigestRight": hashlib.sha256(package.bound).hexdigest() == tbs["bppDigest"],
        "loadContext": package.context.hex(),
    }
