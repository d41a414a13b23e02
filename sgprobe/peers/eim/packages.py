"""eUICC packages: built from operations, counted, signed. SGP.32 §2.11.1.1."""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from sgprobe.crypto.signing import EIM_SIGNATURE, association_token, signature_tlv
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.operations import Operation
from sgprobe.peers.eim.records import Device, Kind
from sgprobe.peers.esipa.wire import elements
from sgprobe.peers.euicc.dialect import dialect

# SGP.32 §2.10
MAX_COUNTER = 0x7FFFFF
TRANSACTION_OCTETS = 16
_LISTS = {Kind.PSMO: "psmoList", Kind.ECO: "ecoList"}


def package_value(
    setup: Setup,
    device: Device,
    kind: Kind,
    operations: Iterable[Operation],
    transaction: str | None,
) -> bytes:
    """Return the EuiccPackageSigned of operations; EncodeError says what cannot be encoded."""
    signed: dict[str, Value] = {
        "eimId": setup.eim_id,
        "eidValue": device.eid,
        "counterValue": device.counter,
        "euiccPackage": {_LISTS[kind]: [one.value() for one in operations]},
    }
    if transaction is not None:
        signed["eimTransactionId"] = transaction
    # the dialect knows the names within the whole request
    whole = dialect(setup.version).encode(
        "EuiccPackageRequest", {"euiccPackageSigned": signed, "eimSignature": "00" * 64}
    )
    return elements(whole)[0]


def sign_package(
    setup: Setup,
    device: Device,
    kind: Kind,
    operations: Iterable[Operation],
    transaction: str | None,
    *,
    always_token: bool = True,
) -> bytes:
    """Return the EuiccPackageRequest (BF51) for a device as it stands: its counter is the one."""
    signed = package_value(setup, device, kind, operations, transaction)
    key = setup.signer(device.key)
    if always_token or device.token:
        signature = EIM_SIGNATURE.sign(key, signed, association_token(device.token))
    else:
        # the fault: without a token there is still 84 01 00 to sign, which is easily forgotten
        signature = signature_tlv(keys.sign(key, signed))
    return tlv("BF51", signed, signature)
