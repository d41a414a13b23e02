"""How results of operations change what the eIM believes of an eUICC."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.peers.eim.records import Device, Facts

OK = "ok"
# the result that an operation has
_RESULTS = {
    "enable": ("enableResult",),
    "disable": ("disableResult",),
    "delete": ("deleteResult",),
    "list-profiles": ("listProfileInfoResult",),
    "get-rat": ("getRATResult",),
    # the second is the name in SGP.32 v1.0.1
    "configure-immediate-enable": ("configureImmediateEnableResult", "configureAutoEnableResult"),
    "set-fallback": ("setFallbackAttributeResult",),
    "unset-fallback": ("unsetFallbackAttributeResult",),
    "set-default-smdp": ("setDefaultDpAddressResult",),
    "add-eim": ("addEimResult",),
    "update-eim": ("updateEimResult",),
    "delete-eim": ("deleteEimResult",),
    "list-eim": ("listEimResult",),
}


def outcome(item: Value) -> tuple[str, str]:
    """Return the name of a result and why it failed, "" where it did not."""
    name, value = next(iter(item.items()))
    if isinstance(value, dict):
        inner, code = next(iter(value.items()), ("", OK))
        if inner in ("profileInfoListOk", "eimIdList", "associationToken"):
            return name, ""
        return name, "" if code == OK else f"{code}"
    if isinstance(value, list) or value == OK:
        return name, ""
    # the last eIM is gone: a success with a warning. SGP.32 §2.11.2.1
    return name, "" if value == "lastEimDeleted" else f"{value}"


def answers(members: Value, name: str) -> bool:
    """Say whether a result of that name can be that of an operation."""
    wanted = _RESULTS.get(members.get("op", ""))
    return wanted is None or name in wanted or name == "rollbackResult"


def apply(
    device: Device, members: Value, item: Value, own_id: str, before: str | None = None
) -> Device:
    """Return the device after an operation that succeeded; `before` is what was enabled then."""
    op = members.get("op")
    name, value = next(iter(item.items()))
    if name == "rollbackResult":
        return _switched(device, before)
    if op == "enable":
        return _switched(device, members["iccid"])
    if op == "disable":
        return _set(device, members["iccid"], enabled=False)
    if op == "delete":
        left = {key: one for key, one in device.profiles.items() if key != members["iccid"]}
        return replace(device, profiles=left)
    if op == "list-profiles":
        listed = {one["iccid"]: one for one in map(_profile, value["profileInfoListOk"])}
        whole = "iccid" not in members
        profiles = listed if whole else {**device.profiles, **listed}
        # a list with tags of the operator's choice may leave out what the view needs
        told = all("enabled" in one for one in listed.values())
        return replace(device, profiles=profiles, stale=False) if told else device
    if op == "set-fallback":
        cleared = {key: {**one, "fallback": False} for key, one in device.profiles.items()}
        return _set(replace(device, profiles=cleared), members["iccid"], fallback=True)
    if op == "unset-fallback":
        cleared = {key: {**one, "fallback": False} for key, one in device.profiles.items()}
        return replace(device, profiles=cleared)
    return _associations(device, op, members, value, own_id)


def _associations(device: Device, op: Any, members: Value, value: Value, own_id: str) -> Device:
    if op == "add-eim":
        token = value.get("associationToken")
        if members["eim-id"] == own_id:
            return replace(device, token=token)
        return replace(device, eims={**device.eims, members["eim-id"]: {"token": token}})
    if op == "delete-eim":
        left = {key: one for key, one in device.eims.items() if key != members["eim-id"]}
        gone = members["eim-id"] == own_id
        return replace(device, eims=left, associated=device.associated and not gone)
    if op == "update-eim" and members["eim-id"] == own_id:
        counter = members.get("counter", device.counter)
        return replace(device, key=members.get("key", device.key), counter=counter)
    if op == "list-eim":
        listed = {
            one["eimId"]: {**device.eims.get(one["eimId"], {}), "type": one.get("eimIdType")}
            for one in value["eimIdList"]
        }
        return replace(device, eims=listed)
    return device


def follow(device: Device, event: str, iccid: str) -> Device:
    """Return the device after an event that the eUICC has notified."""
    if event not in ("enable", "disable", "delete"):
        return device
    return apply(device, {"op": event, "iccid": iccid}, {"": OK}, "")


def learn(facts: Facts, members: Value, item: Value) -> Facts:
    """Return what is known of the eUICC after an operation that told of it."""
    op = members.get("op")
    value = next(iter(item.values()))
    if op == "get-rat":
        return replace(facts, rat=value)
    if op == "set-default-smdp":
        return replace(facts, default_smdp=members["address"])
    return facts


def _switched(device: Device, iccid: str | None) -> Device:
    """Return the device with one profile enabled, all others disabled."""
    profiles = {key: {**one, "enabled": key == iccid} for key, one in device.profiles.items()}
    if iccid is not None:
        profiles[iccid] = {**profiles.get(iccid, {"iccid": iccid}), "enabled": True}
    return replace(device, profiles=profiles)


def _set(device: Device, iccid: str, **members: Value) -> Device:
    known = {**device.profiles.get(iccid, {"iccid": iccid}), **members}
    return replace(device, profiles={**device.profiles, iccid: known})


def installed(device: Device, iccid: str, metadata: Value = None) -> Device:
    """Return the device with a profile more, which is disabled."""
    told = _profile({**(metadata or {}), "iccid": iccid, "profileState": "disabled"})
    return replace(device, profiles={**device.profiles, told["iccid"]: told})


def _profile(info: Value) -> dict[str, Value]:
    told: dict[str, Value] = {}
    if "iccid" in info:
        try:
            told["iccid"] = iccid_text(bytes.fromhex(info["iccid"]))
        except (IdentityError, ValueError):
            told["iccid"] = str(info["iccid"])
    else:
        told["iccid"] = ""
    if "profileState" in info:
        told["enabled"] = info["profileState"] == "enabled"
    for name, wanted in (
        ("profileName", "name"),
        ("serviceProviderName", "provider"),
        ("profileClass", "class"),
        ("fallbackAttribute", "fallback"),
        ("fallbackAllowed", "fallback-allowed"),
        ("ecallIndication", "emergency"),
    ):
        if name in info:
            told[wanted] = info[name]
    return told
