"""Where a download goes: activation code, SM-DP+ address, default SM-DP+ or SM-DS; the trigger."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.eim.forms import OrderError
from sgprobe.peers.eim.operations import Download
from sgprobe.peers.esipa.activation import ActivationCode, read_code


@dataclass(frozen=True, slots=True)
class Target:
    """The server to ask; `smds` is None for an SM-DP+, "" is the root or the default one."""

    smdp: str = ""
    matching_id: str = ""
    oid: str | None = None
    smds: str | None = None

    @property
    def code(self) -> str:
        """The activation code without its prefix, as a trigger carries it."""
        return ActivationCode(self.smdp, self.matching_id, self.oid).text


def target_of(download: Download) -> Target:
    """Return where a download order leads; OrderError says what contradicts itself."""
    given = [
        name
        for name, one in (
            ("activation-code", download.activation_code),
            ("smdp", download.smdp),
            ("smds", download.smds),
        )
        if one is not None
    ]
    if len(given) > 1:
        raise OrderError(f"a download has one of {' and '.join(given)}")
    if download.smds is not None:
        return Target(smds=download.smds)
    if download.activation_code is not None:
        code = read_code(download.activation_code)
        if code is None:
            raise OrderError("the activation code is none: 1$address$matching id[$oid[$1]]")
        return Target(code.address, code.matching_id, code.oid or download.oid)
    return Target(download.smdp or "", download.matching_id or "", download.oid)


def trigger(target: Target, transaction: str | None, with_data: bool, code: str = "") -> bytes:
    """Return ProfileDownloadTriggerRequest (BF54); `code` is an activation code as ordered."""
    parts = []
    if with_data:
        parts.append(tlv("A0", _data(target, code)))
    if transaction is not None:
        parts.append(tlv("82", bytes.fromhex(transaction)))
    return tlv("BF54", *parts)


def _data(target: Target, code: str) -> bytes:
    if target.smds is not None:
        address = target.smds.encode()
        return tlv("A2", tlv("80", address)) if address else tlv("A2")
    if code or target.smdp:
        return tlv("80", (code or target.code).encode())
    return tlv("81")
