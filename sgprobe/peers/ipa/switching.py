"""Switches that the IPA makes itself: immediate enable, fallback, emergency call, reset. §5.9."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.effects import CardFailure, Procedure, Refresh
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa.wire import parts
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.means import Means

_OK = "ok"


def changed(means: Means, cause: int, but: str = "") -> Procedure[None]:
    """Remember to tell every eIM, but the one that has ordered it, that something has changed."""
    known = yield from means.es10.eims()
    told = {one["eimId"]: cause for one in known if one["eimId"] != but}
    if told:
        means.notebook.note(changes={**means.notebook.now.changes, **told})


def _switch(means: Means, name: str, member: str, cause: int) -> Procedure[str]:
    flag: Value = {} if means.config.first else {"refreshFlag": True}
    value = yield from means.es10.call(name, flag)
    result = str(value[member])
    if result == _OK:
        yield Refresh()
        yield from changed(means, cause)
    else:
        means.journal(name, result)
    return result


def immediate_enable(means: Means) -> Procedure[str]:
    """ImmediateEnable: enable what was just installed, without an eIM."""
    name, member = "ImmediateEnable", "immediateEnableResult"
    return (yield from _switch(means, name, member, codes.IMMEDIATE))


def execute_fallback(means: Means) -> Procedure[str]:
    """ExecuteFallbackMechanism: go to the profile that has the fallback attribute."""
    name, member = "ExecuteFallbackMechanism", "executeFallbackMechanismResult"
    result = yield from _switch(means, name, member, codes.FALLBACK)
    if result == _OK:
        means.notebook.note(fallback=True)
    return result


def return_from_fallback(means: Means) -> Procedure[str]:
    """ReturnFromFallback: go back to the profile before."""
    name, member = "ReturnFromFallback", "returnFromFallbackResult"
    result = yield from _switch(means, name, member, codes.FALLBACK)
    if result == _OK:
        means.notebook.note(fallback=False)
    return result


def enable_emergency(means: Means) -> Procedure[str]:
    """EnableEmergencyProfile: an emergency call begins."""
    name, member = "EnableEmergencyProfile", "enableEmergencyProfileResult"
    result = yield from _switch(means, name, member, codes.EMERGENCY)
    if result == _OK:
        means.notebook.note(emergency=True)
    return result


def disable_emergency(means: Means) -> Procedure[str]:
    """DisableEmergencyProfile: the emergency call is over."""
    name, member = "DisableEmergencyProfile", "disableEmergencyProfileResult"
    result = yield from _switch(means, name, member, codes.EMERGENCY)
    if result == _OK:
        means.notebook.note(emergency=False)
    return result


def reset(means: Means, options: frozenset[int]) -> Procedure[Value]:
    """EuiccMemoryReset; `options` are bits of resetOptions in the version spoken."""
    value = yield from means.es10.call("EuiccMemoryReset", {"resetOptions": bit_string(options)})
    if value["resetResult"] == _OK:
        yield Refresh()
        yield from changed(means, codes.RESET)
    return value


def after_download(means: Means, result: bytes) -> Procedure[None]:
    """Enable a profile that was just installed, where the eUICC was configured for it."""
    final = parts(parts(parts(result)["BF27"])["A2"])
    if not means.config.immediate_enable or "A0" not in final:
        return
    try:
        yield from immediate_enable(means)
    except (CardFailure, CardFault) as failure:
        # the profile is installed, and that is what is reported
        means.journal("ImmediateEnable", str(failure))
