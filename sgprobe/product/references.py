"""The answers of the built-in references, which stand for every role that is no product.

A role has one reference that is meant where nothing is said, and models: the same reference made
otherwise, for what the first one answers otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sgprobe.problems import Problems
from sgprobe.product.answers import check_answers, read_answers, unanswered, values_of
from sgprobe.product.model import Answer
from sgprobe.questions import YES, Catalogue
from sgprobe.yamlfile import read_file
from sgprobe.yamlnode import Mapping as MappingNode
from sgprobe.yamlnode import Scalar, Source

# below the folder of the references
MODELS = "models"

Known = dict[str, dict[str, Answer]]


@dataclass(frozen=True, slots=True)
class Model:
    """A reference made otherwise: the answers that are not those of the first of its role."""

    name: str
    role: str
    answers: Mapping[str, bool | str]
    source: Source


def load_references(folder: Path, catalogue: Catalogue) -> Known:
    """Return the answers of each role of suites/ics/reference; raises FileError."""
    problems = Problems()
    found: Known = {}
    for path in sorted(folder.glob("*.yaml")):
        read = _read(path, catalogue, problems)
        if read is None:
            continue
        role, answers, source = read
        check_answers(answers, role, catalogue, problems)
        for one in unanswered(answers, role, catalogue):
            problems.add(source, f"{one.question.name} has no answer")
        found[role] = answers
    problems.raise_errors()
    return found


def load_models(
    folder: Path, catalogue: Catalogue, references: Mapping[str, Mapping[str, Answer]]
) -> dict[str, tuple[Model, ...]]:
    """Return the models of each role, by the names of their files; raises FileError."""
    problems = Problems()
    found: dict[str, tuple[Model, ...]] = {}
    for path in sorted((folder / MODELS).glob("*.yaml")):
        read = _read(path, catalogue, problems)
        if read is None:
            continue
        role, answers, source = read
        check_answers({**references.get(role, {}), **answers}, role, catalogue, problems)
        told = {name: value for name, value in values_of(answers).items() if value is not None}
        found[role] = (*found.get(role, ()), Model(path.stem, role, told, source))
    problems.raise_errors()
    return found


def _read(
    path: Path, catalogue: Catalogue, problems: Problems
) -> tuple[str, dict[str, Answer], Source] | None:
    node = read_file(path)
    role = node.get("role") if isinstance(node, MappingNode) else None
    if not isinstance(node, MappingNode) or not isinstance(role, Scalar):
        problems.add(node.source, "a reference has 'role' and 'answers'")
        return None
    answers = read_answers(node.get("answers"), role.text, catalogue, problems)
    return role.text, answers, node.source


def answers_for(
    role: str,
    own: Mapping[str, bool | str],
    references: Mapping[str, Mapping[str, Answer]],
    *,
    axis: Iterable[str] = (),
) -> dict[str, bool | str]:
    """Return what expressions of a case see: the product's answers, references' for other roles.

    `axis` are the roles that a case tests in turn: while one of them is the product, the
    questions of the others are answered with no, as `IPA_DIRECT or EIM_INDIRECT` means it.
    """
    told: dict[str, bool | str] = {}
    others = set(axis)
    for other, answers in references.items():
        if other != role:
            for name, answer in answers.items():
                (value, *_) = answer.values
                truth = {YES: True, "no": False}.get(value, value)
                told[name] = False if other in others else truth
    return {**told, **own}
