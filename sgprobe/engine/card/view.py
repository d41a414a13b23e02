"""Which assertions over a capture are about the card: an IPA with its own card shows none of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sgprobe.cases.messages import messages
from sgprobe.cases.planned import PlannedTrace
from sgprobe.yamlnode import Items, Mapping, Node, Scalar

UNSEEN = (
    "bench lacks a view of the card: the IPA under test has its own; with `listen: {card: "
    "HOST:PORT}` in the product file it reads that of the bench"
)
_CARD, _APDU = "euicc", "apdu"


@cache
def _types() -> frozenset[str]:
    return frozenset({*messages("ipa", _CARD), *messages(_CARD, "ipa")})


def about_card(rule: PlannedTrace) -> bool:
    """Say whether a rule looks at what passes between IPA and eUICC."""
    nodes = [node for node in (rule.rule.where, rule.rule.test) if node is not None]
    said = [word for node in nodes for word in words(node)]
    return any(
        word in (_CARD, _APDU) or word.startswith(f"{_APDU}.") or word in _types() for word in said
    )


def words(node: Node) -> Iterator[str]:
    """Walk the names and texts of a part of a case."""
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, Items):
        for item in node.items:
            yield from words(item)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield key.text
            yield from words(value)
