"""The profile metadata that the SM-DP+ announces and stores in the eUICC (BF25)."""

from __future__ import annotations

import json
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import Spec
from dissectors.spec.identity import iccid_octets
from sgprobe.peers.profiles.library import ProfileType

# all four notifications are wanted: install, enable, disable, delete
_ALL_EVENTS = {"value": "F0", "length": 4}
# id-rsp-metadata-activationCodeRetrievalInfo, since SGP.22 v2.6
_ACTIVATION_CODE_RETRIEVAL = "2.23.146.1.3.1.1"
_IOT = "SGP.32@1.2"
_PPR = ("pprUpdateControl", "ppr1", "ppr2")


@lru_cache(maxsize=256)
def store_metadata(
    spec: Spec, iccid: str, kind: ProfileType, address: str, retrieved: str = ""
) -> bytes:
    """Return the StoreMetadataRequest TLV of a profile; `retrieved` is an activation code."""
    value: dict[str, Value] = {
        "iccid": iccid_octets(iccid).hex(),
        "serviceProviderName": kind.service_provider,
        "profileName": kind.profile_name,
    }
    if kind.icon:
        value["iconType"] = "png"
        value["icon"] = kind.icon.hex()
    if kind.profile_class != "operational":
        value["profileClass"] = kind.profile_class
    value["notificationConfigurationInfo"] = [
        {"profileManagementOperation": _ALL_EVENTS, "notificationAddress": address}
    ]
    if kind.owner:
        value["profileOwner"] = {"mccMnc": kind.owner}
    if kind.policy:
        value["profilePolicyRules"] = _policy(kind.policy)
    if retrieved:
        code = tlv("81", retrieved.encode()).hex()
        value["serviceSpecificDataNotStoredInEuicc"] = [
            {"vendorOid": _ACTIVATION_CODE_RETRIEVAL, "vendorSpecificData": code}
        ]
    if kind.metadata:
        value |= json.loads(kind.metadata)
        # SGP.32 has members that SGP.22 lacks
        return codec.load(_IOT).encode("StoreMetadataRequest", value)
    return codec.load(spec).encode("StoreMetadataRequest", value)


def _policy(rules: tuple[str, ...]) -> Value:
    places = [_PPR.index(rule) for rule in rules]
    octet = sum(0x80 >> place for place in places)
    return {"value": f"{octet:02X}", "length": max(places) + 1}
