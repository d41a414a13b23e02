"""Values to send: what a step says over what the role would say by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dissectors.asn1.model import Value
from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved
from sgprobe.cases.paths import joined

ABSENT: Any = object()
# what stands for a signature until it is made
PLACEHOLDER = "00" * 64


class Source(Protocol):
    """Where values come from that a template only names."""

    def value(self, name: str) -> Value:
        """Return what `$name` stands for; raises Unresolved."""

    def point(self, axis: str) -> str:
        """Return the label of the point that this variant has on an axis."""

    def octets(self, count: int) -> bytes:
        """Draw octets from the seed of the case."""


@dataclass(frozen=True, slots=True)
class Signing:
    """A signature that is to be made once the rest is there: its path, its key, what it covers."""

    path: str
    key: str
    over: tuple[str, ...] = ()


@dataclass(slots=True)
class Filler:
    """Fills templates; `signings` are the signatures that the finished message still needs."""

    source: Source
    signings: list[Signing] = field(default_factory=list)

    def fill(self, template: t.Template, base: Value, path: str = "") -> Value:
        """Return the value of a template; what it does not name comes from `base`."""
        match template:
            case t.Members():
                return self._members(template, base, path)
            case t.Elements(elements):
                under = base if isinstance(base, list) else []
                made = [
                    self.fill(one, under[i] if i < len(under) else ABSENT, joined(path, i))
                    for i, one in enumerate(elements)
                ]
                return [one for one in made if one is not ABSENT]
            case t.AtIndexes(at):
                made = list(base) if isinstance(base, list) else []
                for index, one in at:
                    while len(made) <= index:
                        made.append(ABSENT)
                    made[index] = self.fill(one, made[index], joined(path, index))
                if any(one is ABSENT for one in made):
                    raise Unresolved(f"{path}: an element before the one named is missing")
                return made
            case t.ByPoint(axis, points):
                return self.fill(points[self.source.point(axis)], base, path)
            case t.Literal(value):
                return copy.deepcopy(value)
            case t.Ref(name):
                return self.source.value(name)
            case t.Matcher():
                return self._matcher(template, base, path)

    def _members(self, template: t.Members, base: Value, path: str) -> Value:
        made: dict[str, Value] = dict(base) if isinstance(base, dict) else {}
        if template.choice and template.members:
            name = template.members[0].name
            made = {name: made[name]} if name in made else {}
        for member in template.members:
            under = made.get(member.name, ABSENT)
            value = self.fill(member.template, under, joined(path, member.name))
            if value is ABSENT:
                made.pop(member.name, None)
            else:
                made[member.name] = value
        return made

    def _matcher(self, matcher: t.Matcher, base: Value, path: str) -> Value:
        match matcher.word:
            case "absent":
                return ABSENT
            case "present":
                return None if base is ABSENT else base
            case "empty":
                return _EMPTY.get(type(base), lambda: "")()
            case "bytes":
                return self.source.octets(int(matcher.low or 0)).hex()
            case "equals":
                return self.fill(matcher.parts[0], base, path)
            case "absent-or":
                assert matcher.inner is not None
                return self.fill(matcher.inner, base, path)
            case "signature":
                part = matcher.parts[0]
                assert isinstance(part, t.Ref)
                self.signings.append(Signing(path, part.name, matcher.names))
                return PLACEHOLDER
            case "built":
                if base is ABSENT:
                    raise Unresolved(f"{path or 'the message'}: nothing to build it from was said")
                return base
        raise Unresolved(f"{matcher.text} makes no value")


_EMPTY: dict[type, Callable[[], Value]] = {list: list, dict: dict}
