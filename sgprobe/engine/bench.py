"""From files to items: which cases there are, what applies to the product, what a failure means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissectors.asn1.versions import Spec, parse_spec
from sgprobe import ics
from sgprobe.cases import planned as p
from sgprobe.cases.catalogue import Purpose, Purposes, Weight, load_purposes
from sgprobe.cases.load import CASE_ENDING, load_case
from sgprobe.cases.model import Case
from sgprobe.cases.plan import plans
from sgprobe.cases.suite import Suite, load_suite, near, suite_root
from sgprobe.engine.item import Item
from sgprobe.engine.models import word_of
from sgprobe.engine.played import Facts, Options, Result
from sgprobe.engine.whereabouts import lacking
from sgprobe.events import CaseText, Event, ItemEnded, ItemStarted, Verdict
from sgprobe.product.answers import values_of
from sgprobe.product.model import Answer, ProductFile, Sample
from sgprobe.product.references import Model, answers_for, load_models, load_references

# what a case of each specification is run in where nobody says otherwise
DEFAULT_SPECS = (parse_spec("SGP.32@1.2"), parse_spec("SGP.22@2.5"))


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run is made of, as a person asked for it."""

    product: ProductFile | None = None
    specs: tuple[Spec, ...] = ()
    strict: bool = False
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Ready:
    """One item: its plan, what reports say of it, and why it is not run, if so."""

    plan: p.Plan
    id: str
    facts: Facts
    verdict: Verdict | None = None
    reason: str = ""
    deviation: dict[str, str] | None = None
    # the reference that plays the role, where it is not the first one
    model: Model | None = None
    # what conditions see, which is also what the product's words are compared with
    answers: Mapping[str, bool | str] = field(default_factory=dict)


class Bench:
    """Makes items of case files for one product, or for the references."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        # by the root of a suite
        self._references: dict[Path, dict[str, dict[str, Answer]]] = {}
        self._models: dict[Path, dict[str, tuple[Model, ...]]] = {}

    # --- finding ---

    def ready(self, path: Path) -> list[Ready]:
        """Return the items of a case file; raises CaseError."""
        suite = load_suite(suite_root(path))
        case = load_case(path, near(path))
        claimed = suite.versions(case)
        chosen = self._versions(claimed)
        if not chosen:
            return self._other_versions(case, suite, claimed)
        return [one for plan in self._plans(case, suite, chosen)
                for one in self._samples(plan, suite)]  # fmt: skip

    def _other_versions(self, case: Case, suite: Suite, claimed: tuple[Spec, ...]) -> list[Ready]:
        """Return the items of a case that claims none of the versions of this run."""
        product = self.choice.product
        asked = self.choice.specs or ((product.spec,) if product is not None else ())
        wanted = ", ".join(map(str, asked))
        text = f"the case claims {', '.join(map(str, claimed))}, not {wanted}"
        return [
            Ready(plan, plan.id, facts_of(plan, suite), Verdict.NOT_APPLICABLE, text)
            for plan in self._plans(case, suite, claimed[-1:])
        ]

    def _samples(self, plan: p.Plan, suite: Suite) -> Iterator[Ready]:
        """Yield an item for each sample of the product that the condition of a case tells apart."""
        product = self.choice.product
        samples = product.samples() if product is not None else ()
        asked = {name for name, _ in ics.names(plan.applies)} if plan.applies is not None else set()
        seen: dict[str, Sample] = {}
        for sample in samples:
            told = ",".join(f"{name}={value}" for name, value in sample.differs if name in asked)
            seen.setdefault(told, sample)
        for told, sample in seen.items():
            yield self._ready(plan, suite, sample.answers, told)
        if not seen:
            yield self._of_references(plan, suite)

    def _of_references(self, plan: p.Plan, suite: Suite) -> Ready:
        """Return the item for the first reference of the role that the case applies to."""
        first = self._ready(plan, suite)
        if first.verdict is not Verdict.NOT_APPLICABLE:
            return first
        for model in self.models(suite).get(plan.compiled.role, ()):
            other = self._ready(plan, suite, model.answers)
            if other.verdict is None:
                return replace(other, model=model)
        return first

    def _plans(self, case: Case, suite: Suite, chosen: tuple[Spec, ...]) -> Iterator[p.Plan]:
        several = len(chosen) > 1
        for plan in plans(case, suite, chosen):
            product = self.choice.product
            if product is not None and plan.compiled.role != product.role:
                continue
            yield plan if not several else _labelled(plan)

    def _versions(self, claimed: tuple[Spec, ...]) -> tuple[Spec, ...]:
        """Return the versions to run a case in: those asked for, else ours, else its newest."""
        wanted = self.choice.specs
        if not wanted and self.choice.product is not None:
            own = self.choice.product.spec
            imports = (parse_spec(own.imports),) if own.imports else ()
            wanted = (own, *imports)
        for specs in (wanted, () if wanted else DEFAULT_SPECS):
            found = tuple(spec for spec in claimed if spec in specs)
            if found:
                return found
        # a case of another document than was asked for runs in the newest version that it claims
        names = {spec.name for spec in wanted}
        return () if names & {spec.name for spec in claimed} else claimed[-1:]

    def _ready(
        self,
        plan: p.Plan,
        suite: Suite,
        sample: Mapping[str, bool | str] | None = None,
        told: str = "",
    ) -> Ready:
        facts = facts_of(plan, suite, strict=self.choice.strict)
        ident = _told_apart(plan.id, told)
        answers = self.answers(suite, plan, sample)
        ready = Ready(plan, ident, facts, deviation=self._deviation(plan), answers=answers)
        outcome = ics.evaluate(plan.applies, answers) if plan.applies is not None else None
        if outcome is not None and outcome.value is False:
            return replace(ready, verdict=Verdict.NOT_APPLICABLE, reason=_why_not(plan, answers))
        if outcome is not None and outcome.value is None:
            missing = ", ".join(outcome.unanswered)
            text = f"ICS unanswered: {missing}; `sgprobe ics check` lists all"
            return replace(ready, verdict=Verdict.INCONCLUSIVE, reason=text)
        product = self.choice.product
        if product is not None and (lacks := lacking(plan, product)):
            return replace(ready, verdict=Verdict.INCONCLUSIVE, reason=lacks)
        return ready

    def answers(
        self, suite: Suite, plan: p.Plan, sample: Mapping[str, bool | str] | None = None
    ) -> dict[str, bool | str]:
        """Return the answers that the condition of a case sees, those of one sample."""
        product = self.choice.product
        role = plan.compiled.role
        references = self.references(suite)
        own = product.answers if product is not None else references.get(role, {})
        axis = [one for one in plan.case.roles if one != role]
        told = {name: value for name, value in values_of(own).items() if value is not None}
        told |= {f"ixit.{name}": str(one) for name, one in self.choice.options.ixit.items()}
        return answers_for(role, {**told, **(sample or {})}, references, axis=axis)

    def _deviation(self, plan: p.Plan) -> dict[str, str] | None:
        product = self.choice.product
        if product is None:
            return None
        today = datetime.now(UTC).date()
        found = product.deviation(plan.case.id, plan.variant.suffix.strip("[]"), today)
        return None if found is None else {"until": str(found.until), "reason": found.reason}

    def references(self, suite: Suite) -> dict[str, dict[str, Answer]]:
        """Return the answers of the built-in references."""
        if suite.root not in self._references:
            self._references[suite.root] = load_references(_made(suite), suite.catalogue)
        return self._references[suite.root]

    def models(self, suite: Suite) -> dict[str, tuple[Model, ...]]:
        """Return the references that are made otherwise than the first of their role."""
        if suite.root not in self._models:
            first = self.references(suite)
            self._models[suite.root] = load_models(_made(suite), suite.catalogue, first)
        return self._models[suite.root]

    # --- running ---

    def run(self, ready: Ready, emit: Any) -> Result:
        """Run one item and tell its events."""
        plan = ready.plan
        suite = load_suite(suite_root(Path(plan.case.source.file)))
        for event in case_text(plan.case):
            emit(event)
        item = Item(plan, suite, ready.facts, self.choice.options, emit, ready.id,
                    ready.deviation, ready.model, ready.answers)  # fmt: skip
        if ready.verdict is not None:
            return item.skip(ready.verdict, ready.reason)
        return item.run()


def _made(suite: Suite) -> Path:
    """Return the folder that says how the references are made."""
    return suite.root / "ics" / "reference"


def case_text(case: Case) -> Iterator[Event]:
    """Return the text of a case file, for reports."""
    path = Path(case.source.file)
    if path.is_file():
        yield CaseText(case.id, case.source.file, path.read_text(encoding="utf-8"))


def facts_of(plan: p.Plan, suite: Suite, *, strict: bool = False) -> Facts:
    """Return what catalogue and requirements say of a case."""
    purposes: Purposes = load_purposes(suite.root)
    row = purposes.rows.get(plan.case.id)
    requirements = [suite.requirements[one.text] for one in plan.case.covers
                    if one.text in suite.requirements]  # fmt: skip
    told = tuple(
        {
            "id": one.id,
            "clause": one.clause,
            "text": one.text,
            "level": one.level,
            "firm": one.firm,
        }
        for one in requirements
    )
    interface, function = _interface(plan)
    return Facts(
        interface,
        function,
        row.kind if row is not None else "",
        "certain" if row is None or row.certain else "uncertain",
        told,
        purposes.official_names(plan.case.id, plan.compiled.role),
        _warns(row, requirements, strict=strict),
        row.layer if row is not None else "",
    )


def _warns(row: Purpose | None, requirements: Iterable[Any], *, strict: bool) -> str:
    """Return why a failure of a case only warns, or nothing."""
    if row is not None:
        if row.weight is Weight.WARNS:
            return f"warning only, for the facts are not certain: {row.open or row.title}"
        if row.weight is Weight.WARNS_UNLESS_STRICT and not strict:
            return "warning only, for no SHALL asks for it (--strict makes it count)"
    known = list(requirements)
    if known and not any(one.firm for one in known):
        return "warning only, for the facts are not certain"
    if known and not strict and not any(one.firm and one.level == "shall" for one in known):
        return "warning only, for no SHALL asks for it (--strict makes it count)"
    return ""


def _interface(plan: p.Plan) -> tuple[str, str]:
    """Return the interface and function that a case is about: of its last expected message."""
    found = ("", "")
    for step in p.walk(plan.compiled.steps):
        if isinstance(step, p.PlannedMessage) and (step.expect or not found[0]):
            found = (step.message.function.interface, step.message.function.name)
    return found


def _told_apart(ident: str, told: str) -> str:
    """Return an id that says which sample it is about."""
    if not told:
        return ident
    return f"{ident[:-1]}-{told}]" if ident.endswith("]") else f"{ident}[{told}]"


def _why_not(plan: p.Plan, told: Mapping[str, bool | str]) -> str:
    assert plan.applies is not None
    parts = [f"{name} is {word_of(told.get(name))}" for name, _ in ics.names(plan.applies)]
    return f"ICS: {', '.join(dict.fromkeys(parts))}"


def _labelled(plan: p.Plan) -> p.Plan:
    """Return a plan whose id names its version, where a case runs in several."""
    return replace(plan, version_in_id=True)


def case_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Return the case files below some paths, in order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*" + CASE_ENDING))
        elif path.name.endswith(CASE_ENDING):
            yield path


__all__ = ["Bench", "Choice", "ItemEnded", "ItemStarted", "Ready", "case_files", "facts_of"]
