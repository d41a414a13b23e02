"""Makes a reference say something else than it would: faults on the way out of the product."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.model import Value
from dissectors.asn1.writer import EncodeError
from dissectors.spec.functions import Function
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import Message
from sgprobe.cases.planned import Mutation
from sgprobe.cases.templates import Template
from sgprobe.engine.message.compose import Composer
from sgprobe.engine.message.damage import DamageError
from sgprobe.engine.message.fill import ABSENT

SILENCE, REPEAT = "silence", "repeat"
# what goes wrong where a role cannot say what a case, or a fault, wants
FAULTS = (Unresolved, EncodeError, DamageError)


@dataclass(frozen=True, slots=True)
class Says:
    """What becomes of one message of the product; `nth` 0 is every time it says it."""

    message: Message
    template: Template | None = None
    mutations: tuple[Mutation, ...] = ()
    status: int | None = None
    word: str = ""
    after: float = 0.0
    nth: int = 0
    # headers by `header.NAME`; None is left out
    http: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is said instead: a body, perhaps with a status, late, or nothing at all."""

    body: bytes
    status: int | None = None
    after: float = 0.0
    word: str = ""


@dataclass(slots=True)
class Disguise:
    """Counts what the product says, and changes what a fault names."""

    says: tuple[Says, ...]
    composer: Composer
    _count: dict[str, int] = field(default_factory=dict)
    _before: dict[str, bytes] = field(default_factory=dict)

    def find(self, function: Function, *, request: bool, json: bool) -> Says | None:
        """Return what becomes of a message, None where it goes out as it is."""
        for one in self.says:
            message = one.message
            same = (message.function.interface, message.function.name) == (
                function.interface,
                function.name,
            )
            # an answer without a body is the same in both bindings
            alike = message.json is json or (not request and function.response is None)
            if not (same and message.request is request and alike):
                continue
            key = f"{message.name} {request}"
            self._count[key] = self._count.get(key, 0) + 1
            if one.nth in (0, self._count[key]):
                return one
        return None

    def change(self, one: Says, body: bytes, value: Value) -> Changed:
        """Return what is said in place of a body; raises what the composer raises."""
        message = one.message
        key = f"{message.name} {message.request}"
        if one.word == REPEAT and key in self._before:
            return Changed(self._before[key])
        self._before[key] = body
        if one.word:
            return Changed(body, None, one.after, one.word)
        if one.template is None and not one.mutations:
            return Changed(b"" if one.status is not None else body, one.status, one.after)
        if one.template is not None:
            base = value if value is not None else ABSENT
            body = self.composer.compose(message, one.template, base, one.mutations).body
        else:
            body = self.composer.damaged(message, body, one.mutations)
        return Changed(body, one.status, one.after)
