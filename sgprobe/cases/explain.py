"""Tells a case to a person: prose in the order of the file, and a Mermaid sequence diagram."""

from __future__ import annotations

from collections.abc import Iterator

from sgprobe.cases import model as m
from sgprobe.cases.suite import Suite
from sgprobe.cases.variants import expand
from sgprobe.yamlnode import Items, Node, Scalar

NAMES = {
    "ipa": "IPA", "eim": "eIM", "smdp": "SM-DP+", "smds": "SM-DS", "euicc": "eUICC",
    "eum": "EUM", "smdpf": "SM-DPf", "fpa": "FPA", "msp": "MSP", "system": "system",
    "dm": "device maker", "device": "device", "bench": "bench", "operator": "operator",
    "iut": "IUT",
}  # fmt: skip
_MOST_LINES = 12


def explain(case: m.Case, suite: Suite) -> str:
    """Return the case as prose and a diagram, in Markdown."""
    roles = " or ".join(NAMES[role] for role in case.roles)
    out = [f"# {case.id}", "", f"{case.title}.", ""]
    out.append(f"Under test: {roles}. All other roles are simulated.")
    versions = ", ".join(map(str, suite.versions(case)))
    out += ["", f"Versions: {versions}."]
    if case.applies_if is not None:
        out.append(f"Applies where: {case.applies_if.text}.")
    out += ["", "## What it rests on", ""]
    out += [f"- {one}" + (f" {one.title}" if one.title else "") for one in case.clauses]
    for text in case.covers:
        known = suite.requirements.get(text.text)
        out.append(f"- {text.text}: {known.text} ({known.clause})" if known else f"- {text.text}")
    if case.axes:
        out += ["", "## Variants", ""]
        out += [
            f"- {axis.name.text}: {', '.join(point.label for point in axis.points)}"
            for axis in case.axes
        ]
        out.append(f"- together {len(expand(case))} per version")
    for title, steps in (("Before", case.given), ("Steps", case.steps), ("After", case.cleanup)):
        if steps:
            out += ["", f"## {title}", ""]
            out += [
                f"{n}. {line}" for n, one in enumerate(steps, 1) for line in [_prose(one, case)]
            ]
    if case.peers:
        out += ["", "## Simulated roles", ""]
        out += [line for peer in case.peers for line in _peer(peer)]
    if case.trace:
        out += ["", "## In the capture", ""]
        out += [f"- {_trace(rule)}" for rule in case.trace]
    out += ["", "## Sequence", "", "```mermaid", *mermaid(case), "```"]
    return "\n".join(out) + "\n"


def _role(name: str) -> str:
    return NAMES.get(name, name)


def _is_iut(role: str, case: m.Case) -> bool:
    return role == m.IUT or role in case.roles


def _actor(action: str, case: m.Case) -> str:
    role = action.partition(".")[0]
    if _is_iut(role, case):
        return "The product"
    return f"The simulated {_role(role)}" if role in NAMES else "The bench"


def _prose(step: m.Step, case: m.Case) -> str:
    because = f" Because: {step.common.because}." if step.common.because else ""
    match step:
        case m.MessageStep(arrow):
            return _message(step, arrow, case) + because
        case m.TriggerStep(action):
            given = f" with {inline(step.given)}" if step.given is not None else ""
            return f"{_actor(action.text, case)} is made to act: {action.text}{given}.{because}"
        case m.StateStep(part, value):
            word = "has to be" if step.compare else "is made to be"
            return f"{part.text} {word} {inline(value)}.{because}"
        case m.LinkStep(role, state):
            return f"The link to the {_role(role.text)} becomes {inline(state)}.{because}"
        case m.TimeStep(amount):
            verb = "The scenario clock moves by" if step.virtual else "Real time passes:"
            return f"{verb} {amount.text}.{because}"
        case m.QuietStep(role, amount, toward):
            to = f" to the {_role(toward.text)}" if toward is not None else ""
            return f"Nothing comes from the {_role(role.text)}{to} for {amount.text}.{because}"
        case m.ConnectStep(role, told):
            with_ = f" with {inline(told)}" if told is not None else ""
            return f"A client makes a TLS connection to the {_role(role.text)}{with_}.{because}"
        case m.GroupStep(either, branches):
            word = "One of these" if either else "These, in any order"
            inside = "; ".join(" ".join(_prose(one, case) for one in branch) for branch in branches)
            return f"{word}: {inside}{because}"
        case m.DoStep(call):
            given = f" with {inline(step.given)}" if step.given is not None else ""
            return f"The steps of {call.text} run{given}.{because}"


def _message(step: m.MessageStep, arrow: m.Arrow, case: m.Case) -> str:
    sender, receiver = _role(arrow.sender), _role(arrow.receiver)
    expect = _is_iut(arrow.sender, case)
    verb = "has to send" if expect else "sends"
    text = f"The {sender} {verb} {arrow.message.text} to the {receiver}"
    if step.within is not None:
        text += f" within {step.within.text}"
    if step.same_as is not None:
        text += f", the same octets as {step.same_as.text}"
    parts = [f"{path}: {value}" for path, value in flatten(step.fields)]
    if parts:
        more = f"; and {len(parts) - _MOST_LINES} more" if len(parts) > _MOST_LINES else ""
        text += f" ({'; '.join(parts[:_MOST_LINES])}{more})"
    if step.mutate is not None:
        text += f", damaged: {inline(step.mutate)}"
    carried = {"HTTP": step.http, "CoAP": step.coap, "APDU": step.apdu}
    text += "".join(f"; in {name}: {inline(told)}" for name, told in carried.items() if told)
    return text + "."


def flatten(node: Node | None, path: str = "") -> Iterator[tuple[str, str]]:
    """Return the texts of nested fields with their whole paths."""
    if node is None:
        return
    if isinstance(node, Scalar):
        yield path or "value", node.text
    elif isinstance(node, Items):
        for index, item in enumerate(node):
            yield from flatten(item, f"{path}[{index}]")
    else:
        for key, value in node.entries:
            yield from flatten(value, f"{path}.{key.text}" if path else key.text)


def inline(node: Node | None) -> str:
    """Return a value on one line."""
    if node is None:
        return ""
    if isinstance(node, Scalar):
        return node.text or "nothing"
    if isinstance(node, Items):
        return "[" + "; ".join(inline(item) for item in node) + "]"
    return ", ".join(f"{key.text} {inline(value)}" for key, value in node.entries)


def _peer(peer: m.Peer) -> Iterator[str]:
    role = _role(peer.role.text)
    if peer.refuses:
        yield f"- The {role} refuses everything."
    for key, node in peer.settings:
        yield f"- The {role} is set to {key.text} {inline(node)}."
    for rule in peer.rules:
        answers = []
        for one in rule.answers:
            text = one.message.text if one.message is not None else one.word
            if one.status is not None:
                text = f"status {one.status}"
            if one.cut is not None:
                text += f", cut after {one.cut} octets"
            answers.append(text + (f" ({inline(one.fields)})" if one.fields is not None else ""))
        yield f"- The {role} answers {rule.message.text} with {', then '.join(answers)}."


def _trace(rule: m.TraceRule) -> str:
    where = f" of those with {inline(rule.where)}" if rule.where is not None else ""
    name = f"{rule.name}: " if rule.name else ""
    when = f" (where {rule.when.text} is there)" if rule.when is not None else ""
    return f"{name}{rule.quantifier}{where}: {inline(rule.test)}{when}."


def mermaid(case: m.Case) -> Iterator[str]:
    """Return the lines of the sequence diagram."""
    yield "sequenceDiagram"
    for role in _participants(case):
        mark = " (under test)" if _is_iut(role, case) else ""
        yield f"    participant {role} as {_role(role)}{mark}"
    for step in (*case.given, *case.steps):
        yield from _arrows(step, case, "    ")


def _participants(case: m.Case) -> list[str]:
    found: dict[str, None] = {}
    pending = [*case.given, *case.steps]
    while pending:
        step = pending.pop(0)
        if isinstance(step, m.MessageStep):
            found[step.arrow.sender] = found[step.arrow.receiver] = None
        elif isinstance(step, m.QuietStep | m.LinkStep | m.ConnectStep):
            found[step.role.text] = None
        elif isinstance(step, m.GroupStep):
            pending = [one for branch in step.branches for one in branch] + pending
    if not any(_is_iut(role, case) for role in found):
        return [*case.roles, *found]
    return list(found)


def _arrows(step: m.Step, case: m.Case, pad: str) -> Iterator[str]:
    everyone = ",".join(dict.fromkeys(_participants(case)[:1] + _participants(case)[-1:]))
    match step:
        case m.MessageStep(arrow):
            sign = "->>" if _is_iut(arrow.sender, case) else "-->>"
            yield f"{pad}{arrow.sender}{sign}{arrow.receiver}: {plain(arrow.message.text)}"
            if step.common.because:
                yield (
                    f"{pad}Note over {arrow.sender},{arrow.receiver}: {plain(step.common.because)}"
                )
        case m.GroupStep(either, branches):
            for index, branch in enumerate(branches):
                word = ("alt" if either else "par") if index == 0 else ("else" if either else "and")
                yield f"{pad}{word} {'one of these' if either else 'in any order'}"
                for one in branch:
                    yield from _arrows(one, case, pad + "    ")
            yield f"{pad}end"
        case _:
            yield f"{pad}Note over {everyone}: {plain(_prose(step, case))}"


def plain(text: str) -> str:
    """Return text that Mermaid takes as it is."""
    return " ".join(
        text.replace(";", ",").replace("#", "no. ").replace("<", "‹").replace(">", "›").split()
    )[:160]
