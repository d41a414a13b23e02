"""What a case needs of the association between the eUICC and the eIM before it begins."""

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


def _says_none(node: Node) -> bool:
    if isinstance(node, Items):
        return any(_says_none(item) for item in node.items)
    if isinstance(node, Mapping):
        token = node.get(_TOKEN)
        return isinstance(token, Scalar) and token.text == _NONE
    return False
