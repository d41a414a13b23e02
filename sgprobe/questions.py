"""What a vendor declares of a product: ICS questions and settings (IXIT), read from suites/ics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sgprobe import ics
from sgprobe.data import data_dir
from sgprobe.durations import parse_duration
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.yamlnode import Mapping, Scalar, Source
from sgprobe.yamltable import entries, mapping_of, only, text, texts

# `both` needs one sample of the product for each value
YES, NO, BOTH = "yes", "no", "both"
STATUSES = {
    "M": "has to be yes",
    "O": "is free",
    "C": "has to be yes where the condition holds, else is free",
}
KINDS = {
    "time": "a time, such as 72 h",
    "number": "a number",
    "text": "a text",
    "octets": "octets in hex",
}
# a setting of this role is one of every product
ANY_ROLE = "any"

NOWHERE = Source("")

_QUESTION_KEYS = ("text", "status", "when", "implies", "clause", "official", "values")
_SETTING_KEYS = ("text", "kind", "default", "values", "official")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `when` makes a C a must, `implies` is what a yes asks of other answers."""

    name: str
    role: str
    text: str
    status: str
    official: str = ""
    clause: str = ""
    when: str = ""
    implies: str = ""
    # none: the answers are yes and no
    values: tuple[str, ...] = ()
    source: Source = NOWHERE

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the words that answer it."""
        return self.values or (YES, NO)


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that cases need and only the vendor knows."""

    name: str
    role: str
    text: str
    kind: str
    default: str = ""
    official: str = ""
    values: tuple[str, ...] = ()
    source: Source = NOWHERE

    def wrong(self, text: str) -> str:
        """Return what is wrong with a value of this setting, or nothing."""
        if self.values and text not in self.values:
            return f"{shown(text)} is not one of {listed(self.values)}"
        good = {
            "time": lambda: parse_duration(text) is not None,
            "number": lambda: text.isascii() and text.isdigit() and len(text) <= 20,
            "octets": lambda: _is_hex(text),
            "text": lambda: bool(text),
        }[self.kind]()
        return "" if good else f"{shown(text)} is not {KINDS[self.kind]}"


@dataclass(slots=True)
class Catalogue:
    """All questions and settings, by name."""

    questions: dict[str, Question] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)

    def of(self, role: str) -> list[Question]:
        """Return the questions of a role, in the order of the file."""
        return [one for one in self.questions.values() if one.role == role]

    def settings_of(self, role: str) -> list[Setting]:
        """Return the settings of a role, with those of every product first."""
        both = (ANY_ROLE, role)
        return [one for want in both for one in self.settings.values() if one.role == want]

    @property
    def aliases(self) -> dict[str, str]:
        """Return the names of this suite by the official ones that are certain."""
        return {one.official: one.name for one in self.questions.values() if one.official}

    def named(self, name: str) -> str:
        """Return the name of this suite for a name that may be official."""
        return self.aliases.get(name, name)


def read_catalogue(
    folder: Path, problems: Problems, near: Callable[[Path], str] = str
) -> Catalogue:
    """Return what the files of suites/ics hold; what is wrong goes to `problems`."""
    found = Catalogue()
    for path in sorted(folder.glob("*.yaml")):
        node = mapping_of(path, problems, near)
        if node is not None:
            _file(found, node, problems)
    for question in found.questions.values():
        for expression in (question.when, question.implies):
            _known(expression, question, found, problems)
    return found


def shipped() -> Catalogue:
    """Return the questions of the suites that are shipped; raises FileError."""
    problems = Problems()
    catalogue = read_catalogue(data_dir("suites") / "ics", problems)
    problems.raise_errors()
    return catalogue


def _known(written: str, question: Question, found: Catalogue, problems: Problems) -> None:
    """Say which names of an expression are no question; `_expression` has read it before."""
    if not written:
        return
    for name, _ in ics.names(ics.parse(written)):
        if name not in found.questions:
            hint = did_you_mean(name, found.questions)
            problems.add(question.source, f"{shown(name)} is not a question", hint)


def _file(found: Catalogue, node: Mapping, problems: Problems) -> None:
    only(node, ("role", "questions", "ixit"), problems)
    role = text(node, "role", problems)
    for key, value in entries(node.get("questions"), "questions", problems):
        only(value, _QUESTION_KEYS, problems)
        _twice(key, found.questions, problems)
        found.questions[key.text] = _question(key, role, value, problems)
    for key, value in entries(node.get("ixit"), "settings", problems):
        only(value, _SETTING_KEYS, problems)
        _twice(key, found.settings, problems)
        setting = _setting(key, role, value, problems)
        if setting is not None:
            found.settings[key.text] = setting


def _question(key: Scalar, role: str, value: Mapping, problems: Problems) -> Question:
    status = text(value, "status", problems)
    if status and status not in STATUSES:
        problems.add(value.source, f"{shown(status)} is no status ({listed(STATUSES)})")
    when = _expression(value, "when", problems)
    if (status == "C") != (value.get("when") is not None):
        problems.add(
            key.source,
            f"{shown(key.text)}: the status C and a condition go together",
            "`when: EXPRESSION` is the condition",
        )
    return Question(
        key.text,
        role,
        text(value, "text", problems),
        status,
        text(value, "official", problems, need=False),
        text(value, "clause", problems, need=False),
        when,
        _expression(value, "implies", problems),
        _values(value, problems),
        key.source,
    )


def _setting(key: Scalar, role: str, value: Mapping, problems: Problems) -> Setting | None:
    kind = text(value, "kind", problems)
    told = text(value, "text", problems)
    if kind not in KINDS:
        problems.add(value.source, f"{shown(kind)} is no kind ({listed(KINDS)})")
        return None
    default = text(value, "default", problems, need=False)
    official = text(value, "official", problems, need=False)
    values = _values(value, problems)
    setting = Setting(key.text, role, told, kind, default, official, values, key.source)
    wrong = setting.wrong(default) if default else ""
    if wrong:
        problems.add(value.source, wrong)
    return setting


def _expression(node: Mapping, name: str, problems: Problems) -> str:
    written = text(node, name, problems, need=False)
    if not written:
        return ""
    try:
        ics.parse(written)
    except ics.ExpressionError as error:
        value = node.get(name)
        problems.add((value or node).source, str(error), error.hint)
        return ""
    return written


def _twice(key: Scalar, known: Iterable[str], problems: Problems) -> None:
    if key.text in known:
        problems.add(key.source, f"{shown(key.text)} stands in another file already")


def _values(node: Mapping, problems: Problems) -> tuple[str, ...]:
    return tuple(one.text for one in texts(node, "values", problems))


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False
