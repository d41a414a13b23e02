"""Compares a message that came with what a step expects of it: binding, value, form."""

from __future__ import annotations

from typing import Any

from dissectors.finding import Severity
from sgprobe.cases import planned as p
from sgprobe.cases.match import Difference, Match, match
from sgprobe.engine.card.slot import Carried
from sgprobe.engine.heard import Heard
from sgprobe.engine.names import Names
from sgprobe.engine.outcome import StepFailed
from sgprobe.exchange import Request, Response

# HTTP statuses that say that nothing was done; CoAP codes are told as these
_REFUSED = 400


def compare(
    step: p.PlannedMessage, heard: Heard, names: Names
) -> tuple[Match | None, tuple[str, ...]]:
    """Return the differences and the warnings of a message; raises StepFailed."""
    broken = [one for one in heard.problems if one.severity is Severity.ERROR]
    # a refusal by status has no message, and needs none
    refused = isinstance(heard.carrier, Response) and heard.carrier.status >= _REFUSED
    warnings = () if refused else tuple(
        f"{heard.shown}: {one.text}" for one in heard.problems
        if one.severity is not Severity.ERROR
    )  # fmt: skip
    trees: list[Match] = []
    for name, template in step.binding:
        trees.append(_under(name, match(template, _binding(name, heard), names)))
    if step.template is not None:
        if heard.value is None:
            raise StepFailed(_unreadable(step, heard, broken))
        trees.append(match(step.template, heard.value, names))
    elif heard.value is None and step.message.type_name is not None and not step.binding:
        raise StepFailed(_unreadable(step, heard, broken))
    whole = _joined(trees)
    # what a malformed message leaves out is no excuse for it
    if whole is not None and not whole.good and not (whole.root.unsure and broken):
        raise StepFailed(summary(whole), whole, unsure=whole.root.unsure)
    if broken:
        raise StepFailed(f"{heard.shown} is malformed: {_listed(broken)}", whole)
    return whole, warnings


def _unreadable(step: p.PlannedMessage, heard: Heard, broken: list[Any]) -> str:
    carrier = heard.carrier
    if isinstance(carrier, Response) and carrier.status >= _REFUSED:
        shown = f" with {carrier.media}" if carrier.media else ""
        return f"no {step.message.name}: status {heard.status}{shown} in its place"
    if heard.octets:
        why = _listed(broken) or "it cannot be read"
    else:
        why = "the answer is empty"
    status = f" (status {heard.status})" if heard.status is not None else ""
    return f"no {step.message.name}: {why}{status}"


def _binding(name: str, heard: Heard) -> dict[str, Any]:
    """Return what the binding of a message says, by the names of the language."""
    carrier = heard.carrier
    found: dict[str, Any] = {}
    if name == "apdu":
        found = {"sw": heard.status} if heard.status is not None else {}
        if isinstance(carrier, Carried):
            found |= {"segments": carrier.segments, "channel": carrier.channel}
        return found
    if isinstance(carrier, Response):
        code = carrier.header("coap-code")
        if name == "coap":
            if code is not None:
                found["code"] = code
        else:
            found["status"] = carrier.status
    elif isinstance(carrier, Request):
        found |= {"method": carrier.method, "path": carrier.path}
    if carrier is not None and name == "http":
        if carrier.media:
            found["header.content-type"] = carrier.media
        found |= {f"header.{key.lower()}": value for key, value in carrier.headers}
    return found


def _under(name: str, found: Match) -> Match:
    root = found.root
    return Match(Difference(name, name, root.good, root.expected, root.actual, root.hint,
                            root.inside, root.line, root.unsure))  # fmt: skip


def _joined(trees: list[Match]) -> Match | None:
    if not trees:
        return None
    if len(trees) == 1:
        return trees[0]
    inside = tuple(one for tree in trees for one in (tree.root.inside or (tree.root,)))
    good = all(one.good for one in inside)
    unsure = not good and all(one.good or one.unsure for one in inside)
    return Match(Difference("", "", good, inside=inside, unsure=unsure),
                 sum(tree.unnamed for tree in trees))  # fmt: skip


def summary(found: Match) -> str:
    """Return the first differences in one line."""
    texts = []
    for one in found.differences[:3]:
        hint = f" ({one.hint})" if one.hint else ""
        where = f"{one.path or one.name}: " if one.path or one.name else ""
        texts.append(f"{where}expected {one.expected}, got {one.actual}{hint}")
    more = len(found.differences) - 3
    return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")


def _listed(findings: list[Any]) -> str:
    return "; ".join(f"{one.path}: {one.text}" if one.path else one.text for one in findings[:3])
