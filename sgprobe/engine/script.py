"""What a case has simulated roles answer: rules of its `peers`, and replies of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sgprobe.cases import planned as p


def replies_of(steps: tuple[p.Planned, ...], role: str) -> list[p.PlannedMessage]:
    """Return the answers to the product that steps give themselves, in order."""
    return [
        one
        for one in p.walk(steps)
        if isinstance(one, p.PlannedMessage)
        and not one.expect
        and not one.message.request
        and one.receiver == role
    ]


@dataclass(slots=True)
class _Rule:
    """Successive answers of a simulated role to one message; the last one repeats."""

    answers: tuple[p.PlannedAnswer, ...]
    used: int = 0

    def next(self) -> p.PlannedAnswer:
        """Return the answer to give now."""
        answer = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        return answer


class Script:
    """Knows who answers what, and keeps count."""

    def __init__(self, peers: tuple[p.PlannedPeer, ...]) -> None:
        self._rules = {
            (peer.role, name): _Rule(answers) for peer in peers for name, answers in peer.rules
        }
        self.refusing = {peer.role for peer in peers if peer.refuses}
        # replies that steps will give, in order
        self.replies: list[p.PlannedMessage] = []

    def answer(self, role: str, *names: str) -> p.PlannedAnswer | None:
        """Return what `peers` has a role answer now to a message of one of these names."""
        rules = (self._rules.get((role, name)) for name in names)
        rule = next((one for one in rules if one is not None), None)
        return rule.next() if rule is not None else None

    def take_reply(self, fits: Callable[[p.PlannedMessage], bool]) -> p.PlannedMessage | None:
        """Return the next reply of a step that fits; it is given once."""
        reply = next((one for one in self.replies if fits(one)), None)
        if reply is not None:
            self.replies.remove(reply)
        return reply
