"""What a case needs of IPA, eUICC and eIM before it begins: a token, and who opens the link."""

from __future__ import annotations

from sgprobe.cases import planned as p
from sgprobe.yamlnode import Items, Mapping, Node, Scalar

_TOKEN, _NONE = "associationToken", "none"


def tokenless(compiled: p.Compiled) -> bool:
    """Say whether the case is about an eUICC that has no token for the eIM."""
    return any(
        isinstance(one, p.PlannedState)
        and (one.step.part.text, one.step.compare) == ("euicc.eims", False)
        and _says_none(one.step.value)
        for one in p.walk(compiled.given)
    )


def injects(compiled: p.Compiled) -> bool:
    """Say whether the IPA has to listen: an eIM injects, or a step says that it does."""
    for one in p.walk((*compiled.given, *compiled.steps, *compiled.cleanup)):
        if isinstance(one, p.PlannedTrigger) and one.step.action.text == "eim.inject":
            return True
        if not isinstance(one, p.PlannedMessage) or one.expect:
            continue
        if (one.sender, one.receiver) == ("eim", "ipa") and one.message.request:
            return True
    return False


def _says_none(node: Node) -> bool:
    if isinstance(node, Items):
        return any(_says_none(item) for item in node.items)
    if isinstance(node, Mapping):
        token = node.get(_TOKEN)
        return isinstance(token, Scalar) and token.text == _NONE
    return False
