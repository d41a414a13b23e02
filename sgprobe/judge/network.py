"""Question 2: does the device need the network to become operational?"""

from __future__ import annotations

from sgprobe.judge.answers import Answer, Need
from sgprobe.judge.boots import Boot
from sgprobe.judge.evidence import Evidence
from sgprobe.peers.rules import Rules

_SHOWN = 4


def needed(evidence: Evidence) -> Answer:
    """Answer question 2; what is seen counts at once, absence only where the capture is whole."""
    boot = evidence.boot.value
    if boot is None:
        return Answer(Need.UNKNOWN, (), (), (evidence.boot.lack,))
    rules = evidence.plan.rules
    if boot.reached is None and rules.on("JUDGE.REACHED"):
        lack = "E10 up to the first function: the capture never reaches it"
        return Answer(Need.UNKNOWN, (), (), (lack, *(f"E10: {one}" for one in boot.lacks)))
    reasons = _needs(boot, rules)
    if reasons:
        return Answer(Need.NEEDED, reasons, ("E10",))
    shielded = evidence.shielded.value
    dead = shielded is not None and not shielded.ok and shielded.dead
    if shielded is not None and dead and rules.on("JUDGE.DEAD-SHIELD"):
        told = f"without a network no USIM answers ({shielded.why}), in a cell the device comes up"
        return Answer(Need.NEEDED, (told,), ("E9", "E10"))
    missing = _lacks(evidence, boot)
    if missing:
        return Answer(Need.UNKNOWN, (), ("E10",), missing)
    assert shielded is not None
    because = (
        f"in the shield the USIM of {boot.iccid} answers the operator's vector",
        f"up to the first function it registers with {boot.iccid} alone",
        "no provisioning server is contacted before, in a capture proven whole",
    )
    return Answer(Need.NOT_NEEDED, because, ("E9", "E10"))


def _needs(boot: Boot, rules: Rules) -> tuple[str, ...]:
    reasons = [f"before the first function: {one}" for one in boot.traffic]
    if len(reasons) > _SHOWN:
        reasons[_SHOWN:] = [f"and {len(boot.traffic) - _SHOWN} more of the kind"]
    for iccid in boot.iccids:
        if boot.iccid and iccid != boot.iccid and rules.on("JUDGE.FIRST-PROFILE"):
            reasons.append(f"it registers with {iccid} first, and {boot.iccid} comes later")
    if len(boot.imsis) > 1 and rules.on("JUDGE.FIRST-IMSI"):
        reasons.append(f"it registers under several IMSIs: {', '.join(boot.imsis[:_SHOWN])}")
    return tuple(reasons)


def _lacks(evidence: Evidence, boot: Boot) -> tuple[str, ...]:
    missing = [f"E10: {one}" for one in boot.lacks]
    if not boot.iccid or not boot.iccids:
        missing.append("E10: a registration with a known ICCID")
    if not boot.imsis:
        missing.append("E10: the IMSI of a registration")
    missing += [f"E10: what was said {one}" for one in boot.strangers[:_SHOWN]]
    shielded = evidence.shielded.value
    if shielded is None:
        missing.append(evidence.shielded.lack)
    elif not shielded.ok:
        missing.append(f"E9 that holds: {shielded.why}")
    elif boot.iccid and shielded.iccid != boot.iccid:
        missing.append(f"E9 for {boot.iccid}: it was made with {shielded.iccid or 'no ICCID'}")
    return tuple(missing)
