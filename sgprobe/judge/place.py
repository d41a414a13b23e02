"""Question 1: where was the operational profile loaded?"""

from __future__ import annotations

from sgprobe.judge.answers import Answer, Grade, Place
from sgprobe.judge.evidence import Evidence

_FPA, _EUM, _OTHER = "fpa", "eum", "unknown"
_OPERATIONAL = "operational"


def operational(evidence: Evidence) -> tuple[str, str]:
    """Return the ICCID that was enabled at the first function, and the item that shows it."""
    boot, shielded = evidence.boot.value, evidence.shielded.value
    rules, state = evidence.plan.rules, evidence.state.value
    if not rules.on("JUDGE.BEHAVIOUR") and state is not None:
        told = [one.iccid for one in state.profiles if one.enabled and one.kind == _OPERATIONAL]
        if told:
            return told[0], "E7"
    seen = boot is not None and (boot.reached is not None or not rules.on("JUDGE.REACHED"))
    if boot is not None and seen and boot.iccid:
        return boot.iccid, "E10"
    if boot is None and shielded is not None and shielded.iccid:
        return shielded.iccid, "E9"
    return "", ""


def where(evidence: Evidence) -> Answer:
    """Answer question 1."""
    op, source = operational(evidence)
    if not op:
        boot = evidence.boot.value
        if boot is not None and boot.reached is None:
            lack = "E10 up to the first function: which profile is operational is not seen"
        elif boot is not None:
            lack = "E10 with the ICCID that is enabled: it is never read"
        else:
            lack = f"the operational ICCID ({evidence.boot.lack})"
        return Answer(Place.UNKNOWN, (), (), (lack,))
    if _out_of_order(evidence):
        lack = "E7 from before the first boot: a state in E10 has a lower counter"
        return Answer(Place.UNKNOWN, (), _sorted({source, "E7", "E10"}), (lack,))
    return (
        _in_field(evidence, op, source)
        or _at_eum(evidence, op, source)
        or _at_factory(evidence, op, source)
    )


def _in_field(evidence: Evidence, op: str, source: str) -> Answer | None:
    state, boot = evidence.state.value, evidence.boot.value
    because, used = [], {source}
    rules = evidence.plan.rules
    if state is not None and state.find(op) is None and rules.on("JUDGE.FIELD-STATE"):
        held = ", ".join(one.iccid for one in state.profiles) or "no profile"
        because.append(f"at the ship point the eUICC held {held}, and not {op}")
        used.add("E7")
    if boot is not None and op in boot.installed and rules.on("JUDGE.FIELD-INSTALLED"):
        because.append(f"after the seal {op} was installed")
        used.add("E10")
    again = _installed_again(evidence, op)
    if again and rules.on("JUDGE.FIELD-COUNTER"):
        because.append(again)
        used |= {"E7", "E10"}
    if dated_later(evidence) and not rules.on("JUDGE.CLOCKS"):
        because.append("by the station's clock the load came after the seal")
        used |= {"E5", "E13"}
    if not because:
        return None
    grade = Grade.PROVEN if "E7" in used else Grade.STRONG
    return Answer(Place.FIELD, tuple(because), _sorted(used), (), grade)


def _installed_again(evidence: Evidence, op: str) -> str:
    """Say that a later state has another installation of a profile than the one of the ship point.

    The counter orders both states (RB-30): who deletes the profile and gets it again makes it grow.
    """
    state, boot = evidence.state.value, evidence.boot.value
    was = state.find(op) if state is not None else None
    if state is None or boot is None or was is None:
        return ""
    for later in boot.states:
        now = later.find(op)
        if later.counter <= state.counter or now is None:
            continue
        if (now.loaded_by, now.result) != (was.loaded_by, was.result):
            grown = later.counter - state.counter
            return (
                f"{grown} changes after the seal {op} is another installation, "
                f"loaded by: {now.loaded_by}"
            )
    return ""


def _out_of_order(evidence: Evidence) -> bool:
    """Say whether the state of the ship point is younger than one of the first boot."""
    state, boot = evidence.state.value, evidence.boot.value
    if state is None or boot is None or not evidence.plan.rules.on("JUDGE.STATE-ORDER"):
        return False
    return any(one.counter < state.counter for one in boot.states)


def dated_later(evidence: Evidence) -> bool:
    """Say whether by the station's clock the load came after the seal."""
    custody, load = evidence.custody.value, evidence.load.value
    return custody is not None and load is not None and load.last > custody.sealed.timestamp()


def _at_eum(evidence: Evidence, op: str, source: str) -> Answer | None:
    state, statement = evidence.state.value, evidence.statement.value
    inside = state.find(op) if state is not None else None
    if inside is None or statement is None or statement.iccid != op:
        return None
    load = evidence.load.value
    if statement.eid != evidence.plan.eid or inside.loaded_by not in (_EUM, _OTHER):
        return None
    if load is not None and load.loaded(op, evidence.plan.eid):
        return None
    because = (
        f"at the ship point the eUICC held {op}, loaded by: {inside.loaded_by}",
        "the EUM has signed that it put the profile in",
    )
    return Answer(Place.EUM, because, _sorted({source, "E7", "E14"}), (), Grade.PROVEN)


def _at_factory(evidence: Evidence, op: str, source: str) -> Answer:
    plan, load, state = evidence.plan, evidence.load.value, evidence.state.value
    missing: list[str] = []
    because: list[str] = []
    used = {source}
    result = evidence.result.value
    if result is None:
        missing.append(evidence.result.lack)
    elif result.iccid != op or result.signer != plan.eid or not result.success:
        missing.append(f"E6 of a success with {op} on this device")
    else:
        because.append(f"the eUICC has signed that the load of {op} succeeded")
        used.add("E6")
    binding = evidence.binding.value
    if binding is None:
        missing.append(evidence.binding.lack)
    elif binding.iccid != op or binding.eid != plan.eid:
        missing.append(f"E3 that binds {op} to this device")
    else:
        used.add("E3")
    custody = evidence.custody.value
    if custody is None:
        missing.append(evidence.custody.lack)
    elif not custody.at_factory:
        missing.append(f"E13 with the factory of the device as place, not {custody.place}")
    else:
        because.append(f"the device was sealed at {custody.factory}")
        used.add("E13")
    traced = load is not None and load.loaded(op, evidence.plan.eid)
    if traced:
        because.append("the line's APDU trace shows the load")
        used.add("E5")
    inside = state.find(op) if state is not None else None
    if inside is not None:
        used.add("E7")
        because.append(f"at the ship point the eUICC held {op}, loaded by: {inside.loaded_by}")
        if inside.loaded_by != _FPA and not traced:
            missing.append("a trace of the load (E5), or a state that says: loaded by fpa")
        grade = Grade.PROVEN
    else:
        missing_state = evidence.state.lack
        alone = plan.reader != "independent" and plan.rules.on("JUDGE.READER")
        independent = traced and not alone
        grade = Grade.STRONG if independent else Grade.WEAK if load is not None else Grade.NONE
        if grade is Grade.STRONG:
            because.append(f"the trace is that of an independent reader; {missing_state}")
        else:
            said = "; the word of the station alone is weak" if grade is Grade.WEAK else ""
            missing.append(missing_state + said)
    if missing:
        known = Grade.WEAK if grade is Grade.WEAK else Grade.NONE
        return Answer(Place.UNKNOWN, tuple(because), _sorted(used), tuple(missing), known)
    return Answer(Place.FACTORY, tuple(because), _sorted(used), (), grade)


def _sorted(keys: set[str]) -> tuple[str, ...]:
    return tuple(sorted((one for one in keys if one), key=lambda one: int(one[1:])))
