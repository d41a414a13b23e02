"""What an eIM hands out for devices that are to know it: its EimConfigurationData."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.engine.outcome import Declined
from sgprobe.peers.eim.operations import PROTOCOLS
from sgprobe.product.announced import places

PART = "eim.configuration"
_TYPE = "EimConfigurationData"


def rows(told: Value, version: str, differs: Callable[[str, Value], list[str]]) -> list[Value]:
    """Return an exported AddInitialEimRequest, in hex, as rows of a state; raises Declined."""
    try:
        octets = bytes.fromhex(str(told))
    except ValueError as error:
        raise Declined(f"the exported configuration: not hex: {error}") from None
    decoded = codec.load(f"SGP.32@{version}").decode("AddInitialEimRequest", octets)
    if decoded.findings or not decoded.value:
        why = f": {decoded.findings[0]}" if decoded.findings else ""
        raise Declined(f"the exported configuration is no AddInitialEimRequest (BF57){why}")
    listed = decoded.value["eimConfigurationDataList"]
    return [_row(one, differs(_TYPE, one)) for one in listed]


def _row(one: Value, differences: list[str]) -> Value:
    bits = one.get("eimSupportedProtocol")
    named = [PROTOCOLS[bit] for bit in sorted(places(bits)) if bit < len(PROTOCOLS)] if bits else []
    return {
        "eimId": one.get("eimId"),
        "protocols": named,
        "differs": "; ".join(differences) or "nothing",
    }
