"""The answers of the built-in references, which stand for every role that is no product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sgprobe.problems import Problems
from sgprobe.product.answers import check_answers, read_answers, unanswered
from sgprobe.product.model import Answer
from sgprobe.questions import YES, Catalogue
from sgprobe.yamlfile import read_file
from sgprobe.yamlnode import Mapping as MappingNode
from sgprobe.yamlnode import Scalar


def load_references(folder: Path, catalogue: Catalogue) -> dict[str, dict[str, Answer]]:
    """Return the answers of each role of suites/ics/reference; raises FileError."""
    problems = Problems()
    found: dict[str, dict[str, Answer]] = {}
    for path in sorted(folder.glob("*.yaml")):
        node = read_file(path)
        role = node.get("role") if isinstance(node, MappingNode) else None
        if not isinstance(node, MappingNode) or not isinstance(role, Scalar):
            problems.add(node.source, "a reference has 'role' and 'answers'")
            continue
        answers = read_answers(node.get("answers"), role.text, catalogue, problems)
        check_answers(answers, role.text, catalogue, problems)
        for one in unanswered(answers, role.text, catalogue):
            problems.add(node.source, f"{one.question.name} has no answer")
        found[role.text] = answers
    problems.raise_errors()
    return found


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
