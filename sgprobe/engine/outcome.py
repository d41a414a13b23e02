"""What becomes of an item: the algebra of verdicts, and what each section makes of a failure."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.writer import EncodeError
from sgprobe.cases.match import Difference, Match, Unresolved
from sgprobe.engine.message.damage import DamageError
from sgprobe.events import Verdict
from sgprobe.host.serve import CannotListen
from sgprobe.links.card import CardStatus
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.effects import CardFailure, LinkFailure


class StepFailed(Exception):
    """The product broke an expectation; `match` holds all differences, where there are any."""

    def __init__(self, text: str, match: Match | None = None, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.match = match
        # nobody has failed: the bench could not judge
        self.unsure = unsure


class Declined(Unresolved):
    """The product's operator interface took no order: a case may permit that."""


class NotHere(Exception):
    """What a case is about is not there, or the bench cannot do it: the case does not apply."""


class CannotJudge(Exception):
    """The bench lacks something, or the link died: inconclusive."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a step has come to: how many checks it made, on which messages, with what match."""

    checks: int = 0
    messages: tuple[int, ...] = ()
    match: Match | None = None
    notes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def and_(self, more: Done) -> Done:
        """Return what this and a later part of the same step have come to."""
        return Done(
            self.checks + more.checks,
            (*self.messages, *more.messages),
            more.match if more.match is not None else self.match,
            (*self.notes, *more.notes),
            (*self.warnings, *more.warnings),
        )


@dataclass(slots=True)
class Tally:
    """What has come of an item so far."""

    verdicts: list[Verdict] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks: int = 0

    def add(self, verdict: Verdict, reason: str = "") -> None:
        """Add the outcome of a step; the reason of the worst is the reason of the item."""
        self.verdicts.append(verdict)
        self.reasons.append(reason)

    @property
    def verdict(self) -> Verdict:
        """Return the worst outcome; without any check on the product's bytes, inconclusive."""
        found = max(self.verdicts, key=list(_ORDER).index, default=Verdict.PASS)
        if found is Verdict.PASS and not self.checks:
            return Verdict.INCONCLUSIVE
        return found

    @property
    def reason(self) -> str:
        """Return why, in the words of the first of the worst."""
        verdict = self.verdict
        for one, reason in zip(self.verdicts, self.reasons, strict=True):
            if one is verdict and reason:
                return reason
        if verdict is Verdict.INCONCLUSIVE and not self.checks:
            return "no check was made on anything that the product sent"
        return ""


_ORDER = (Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


def tree(difference: Difference) -> dict[str, object]:
    """Return a tree of differences as events carry it."""
    return {
        "path": difference.path,
        "name": difference.name,
        "good": difference.good,
        "expected": difference.expected,
        "actual": difference.actual,
        "hint": difference.hint,
        "line": difference.line,
        "unsure": difference.unsure,
        "inside": [tree(one) for one in difference.inside],
    }


def blame(error: Exception, *, talked: bool) -> tuple[Verdict, str]:
    """Return what an error means that is no failure of the product, and why."""
    match error:
        case NotHere():
            return Verdict.NOT_APPLICABLE, str(error)
        case Unresolved() | CannotJudge():
            return Verdict.INCONCLUSIVE, str(error)
        case CannotListen():
            hint = "end what listens there, or change `listen` in the product file"
            return Verdict.INCONCLUSIVE, f"the bench {error}; {hint}"
        case LinkFailure() | CardFailure() | CardStatus() | Unreachable():
            return Verdict.INCONCLUSIVE, f"the link died: {error}"
        case EncodeError() | DamageError() if talked:
            # with a dialogue behind it, what the product said may be what is missing
            return Verdict.INCONCLUSIVE, f"nothing to go on with: {error}"
        case EncodeError() | DamageError():
            return Verdict.ERROR, f"the case cannot be sent: {error}"
    return Verdict.ERROR, failed(error)


def failed(error: Exception) -> str:
    """Return how an error of the bench reads."""
    return f"the bench failed: {type(error).__name__}: {error}"[:500]
