"""Whether a product of others can find the simulated servers that a case has it ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sgprobe.cases import planned as p
from sgprobe.engine.card.view import words
from sgprobe.product.model import ProductFile

_TITLES = {"eim": "eIM", "smdp": "SM-DP+", "smds": "SM-DS"}


def lacking(plan: p.Plan, product: ProductFile) -> str:
    """Say which place in the product file is missing, "" where none is.

    Without one a server listens on a free port, where no product looks for it.
    """
    compiled = plan.compiled
    binding = plan.variant.point("binding")
    over_coap = binding is not None and binding.label == "coap"
    asked = _asked(compiled.role, (*compiled.given, *compiled.steps))
    for role in (*asked, *_connected(compiled.trace)):
        key = "eim-coap" if role == "eim" and over_coap else role
        if key not in product.listen:
            return (
                f"the product cannot find the simulated {_TITLES[role]}: "
                f"`listen: {{{key}: HOST:PORT}}` of its file says where it listens"
            )
    return ""


def _connected(trace: Iterable[p.PlannedTrace]) -> Iterator[str]:
    """Yield the servers that a capture has to show a connection to."""
    for one in trace:
        if one.rule.quantifier == "some" and one.rule.test is not None:
            said = set(words(one.rule.test))
            yield from (role for role in _TITLES if f"${role}.address" in said)


def _asked(role: str, steps: tuple[p.Planned, ...]) -> Iterator[str]:
    """Yield the servers that the product has to ask; one of several ways is no must."""
    for step in steps:
        match step:
            case p.PlannedMessage() if step.expect and step.sender == role:
                if step.receiver in _TITLES and step.message.request:
                    yield step.receiver
            case p.PlannedCall():
                yield from _asked(role, step.steps)
            case p.PlannedGroup() if not step.step.either:
                for branch in step.branches:
                    yield from _asked(role, branch)
