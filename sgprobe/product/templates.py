"""Bodies by mapping: a whole text `$name` is an input, everything else stands for itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as AnyMapping

from sgprobe.problems import Problems, shown
from sgprobe.product.actions import Value
from sgprobe.yamlnode import Mapping, Node, Scalar

NAME = re.compile(r"\$(~?)([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}
_LITERAL = "literal"


class NotGiven(KeyError):
    """A template needs an input that is not given."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Left:
    """What stands for a member that is left out."""


_LEFT = _Left()


def check_template(node: Node, problems: Problems) -> None:
    """Note texts that look like references and are none."""
    if isinstance(node, Scalar):
        if node.text.startswith("$") and not NAME.fullmatch(node.text):
            problems.add(
                node.source,
                f"{shown(node.text)} is no reference: `$name` is a whole text",
                "a text that begins with $ is `{literal: $…}`",
            )
    elif isinstance(node, Mapping):
        if node.names() == (_LITERAL,):
            return
        for _, value in node.entries:
            check_template(value, problems)
    else:
        for one in node:
            check_template(one, problems)


def fill(node: Node, given: AnyMapping[str, Value]) -> Value:
    """Return the JSON value of a template; raises NotGiven."""
    value = _fill(node, given)
    return None if value is _LEFT else value


def _fill(node: Node, given: AnyMapping[str, Value]) -> Value:
    if isinstance(node, Scalar):
        return _scalar(node, given)
    if isinstance(node, Mapping):
        if node.names() == (_LITERAL,):
            ((_, value),) = node.entries
            return value.text if isinstance(value, Scalar) else _fill(value, {})
        members = ((key.text, _fill(value, given)) for key, value in node.entries)
        return {name: value for name, value in members if value is not _LEFT}
    items = (_fill(one, given) for one in node)
    return [one for one in items if one is not _LEFT]


def _scalar(node: Scalar, given: AnyMapping[str, Value]) -> Value:
    text = node.text
    if text.startswith("$"):
        return refer(text, given)
    if not node.plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    # without quotes a number is JSON's; one that it would change stays text
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def refer(text: str, given: AnyMapping[str, Value]) -> Value:
    """Return what `$name` stands for; `$~name` that is not given is left out."""
    found = NAME.fullmatch(text)
    if found is None:
        raise NotGiven(text)
    head, *rest = found[2].split(".")
    value: Value = given.get(head, _LEFT)
    for part in rest:
        value = step(value, part)
    if value is _LEFT and not found[1]:
        raise NotGiven(found[2])
    return value


def step(value: Value, part: str) -> Value:
    """Return a member or an element, or what says that there is none."""
    if isinstance(value, AnyMapping):
        return value.get(part, _LEFT)
    if isinstance(value, list) and re.fullmatch(r"-?[0-9]{1,6}", part):
        place = int(part)
        return value[place] if -len(value) <= place < len(value) else _LEFT
    return _LEFT


def text_of(part: str, given: AnyMapping[str, Value]) -> str | None:
    """Return a text, or what its reference stands for as text; None where it is left out."""
    if not part.startswith("$"):
        return part
    value = refer(part, given)
    if value is _LEFT:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def is_there(value: Value) -> bool:
    """Say whether `step` has found something."""
    return value is not _LEFT
