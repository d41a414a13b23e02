"""Messages of a running case, as sent and as received, and what was said so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.finding import Finding
from dissectors.spec.functions import Function


@dataclass(frozen=True, slots=True)
class Heard:
    """One application message: who sent it, what it is, its value and its exact octets.

    `octets` is the body as it travelled; `status` that of an answer; `carrier` what the link
    handed over: a request, an answer, or how a message went to a card and back.
    """

    n: int
    at: float
    sender: str
    receiver: str
    function: Function
    request: bool
    json: bool
    type: str | None
    spec: Spec
    value: Value
    octets: bytes
    transport: str
    status: int | str | None = None
    problems: tuple[Finding, ...] = ()
    carrier: Any = None
    # the product under test sent it
    product: bool = False

    @property
    def kind(self) -> str:
        """Return the word of the reports."""
        return "request" if self.request else "response"

    @property
    def shown(self) -> str:
        """Return what a person calls it."""
        name = self.function.json if self.json else self.type
        return name or f"{self.function.name} {self.kind}"

    def is_(self, function: Function, *, request: bool, json: bool | None = None) -> bool:
        """Say whether it is the request or the answer of a function."""
        same = (self.function.interface, self.function.name) == (function.interface, function.name)
        return same and self.request is request and json in (None, self.json)


@dataclass(slots=True)
class History:
    """Everything that was said, in order, and values that a case has captured."""

    said: list[Heard] = field(default_factory=list)
    captured: dict[str, Any] = field(default_factory=dict)

    def last(self, name: str, *, request: bool, interface: str = "") -> Heard | None:
        """Return the newest request or answer of a function that has a value."""
        for one in reversed(self.said):
            right = one.function.name == name and one.request is request
            if right and one.value is not None and interface in ("", one.function.interface):
                return one
        return None
