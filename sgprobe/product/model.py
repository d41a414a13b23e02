"""A product file as read: every part with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dissectors.asn1.versions import Spec
from sgprobe.fileerror import FileError, Problem
from sgprobe.product.keyfiles import KeyFile
from sgprobe.product.ways import Ways
from sgprobe.questions import NO, YES, Catalogue
from sgprobe.yamlnode import Source

# so many samples a run takes at most
MAX_SAMPLES = 16


class ProductError(FileError):
    """A product file is wrong."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of the file."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an interface of the product is reached; for a card, `host` is the reader."""

    interface: str
    url: str
    scheme: str
    host: str
    port: int
    path: str
    source: Source


@dataclass(frozen=True, slots=True)
class Place:
    """Where a simulated role listens for the product."""

    name: str
    host: str
    port: int
    source: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question; several values need a sample of the product for each."""

    name: str
    values: tuple[str, ...]
    reason: str
    source: Source

    @property
    def text(self) -> str:
        """Return the answer in words."""
        return "both" if set(self.values) == {YES, NO} else ", ".join(self.values)


@dataclass(frozen=True, slots=True)
class Deviation:
    """A case that is known to fail, until a day; a case of the file that passes is a failure."""

    case: str
    until: date
    reason: str
    source: Source

    def covers(self, case: str, suffix: str = "") -> bool:
        """Say whether it is about a case, or the variant of it that a suffix tells."""
        return self.case in (case, f"{case}[{suffix.strip('[]')}]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the product: an answer for each question, as ICS expressions take them."""

    # the answers that tell samples apart; nothing where there is one sample
    differs: tuple[tuple[str, str], ...]
    answers: Mapping[str, bool | str]

    @property
    def suffix(self) -> str:
        """Return what tells this sample in an id, or nothing."""
        return ",".join(f"{name}={value}" for name, value in self.differs)


@dataclass(frozen=True, slots=True)
class ProductFile:
    """One product: who it is, where it is, what it can, and how it is made to act."""

    path: Path
    role: str
    product: str
    version: str
    spec: Spec
    endpoints: Mapping[str, Endpoint]
    listen: Mapping[str, Place]
    names: Mapping[str, Text]
    identity: Mapping[str, Text]
    keys: Mapping[str, tuple[KeyFile, ...]]
    answers: Mapping[str, Answer]
    ixit: Mapping[str, Text]
    limits: Mapping[str, float]
    deviations: tuple[Deviation, ...]
    operator: Ways
    source: Source
    warnings: tuple[Problem, ...] = field(default=())
    # folders of evidence by their scene
    evidence: Mapping[str, Path] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the product and its version."""
        return f"{self.product} {self.version}"

    def deviation(self, case: str, suffix: str, today: date) -> Deviation | None:
        """Return the known deviation of a case that is still accepted on a day."""
        found = (one for one in self.deviations if one.covers(case, suffix))
        return next((one for one in found if today <= one.until), None)

    def settings(self, catalogue: Catalogue) -> dict[str, str]:
        """Return the values of all settings (`$ixit.NAME`): the product's, else the defaults."""
        told = {one.name: one.default for one in catalogue.settings.values() if one.default}
        return {**told, **{name: one.text for name, one in self.ixit.items()}}

    def samples(self) -> tuple[Sample, ...]:
        """Return the samples that the answers ask for: one for each value, at least one."""
        samples = [Sample((), {})]
        for answer in self.answers.values():
            several = len(answer.values) > 1
            samples = [
                Sample(
                    (*one.differs, (answer.name, value)) if several else one.differs,
                    {**one.answers, answer.name: _truth(value)},
                )
                for one in samples
                for value in answer.values
            ]
        return tuple(samples)


def _truth(value: str) -> bool | str:
    return {YES: True, NO: False}.get(value, value)
