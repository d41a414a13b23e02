"""Switches that the IPA makes itself: immediate enable, fallback, emergency call, reset. §5.9."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.effects import CardFailure, LinkFailure, Procedure, Refresh
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa.wire import parts
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.means import Means

_OK = "ok"


def refresh(means: Means) -> Procedure[None]:
    """Do what the REFRESH of the eUICC asks for; without a network the IPA goes on, too."""
    try:
        yield Refresh()
    except LinkFailure as failure:
        means.journal("REFRESH", str(failure) or "no network with the profile now enabled")


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
        yield from refresh(means)
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
        yield from refresh(means)
        yield from changed(means, codes.RESET)
    return value


def activate_ipae(means: Means, active: bool) -> Procedure[str]:
    """IpaeActivation: hand over to the IPA in the eUICC, or take back. SGP.32 §3.8.4."""
    option = bit_string({0} if active else ())
    value = yield from means.es10.call("IpaeActivation", {"ipaeOption": option})
    result = str(value["ipaeActivationResult"])
    if result == _OK:
        # one IPA at a time: this one is silent while the other is active
        means.notebook.note(ipae=active)
    return result


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
