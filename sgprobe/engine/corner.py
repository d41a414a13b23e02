"""A corner of the bench beside the dialogue: states and triggers that one product role needs."""

from __future__ import annotations

from collections.abc import Sequence

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved

Rows = list[dict[str, Value]]


class Corner:
    """What a corner has; each one gives what it can."""

    # the states and triggers, by name
    names: frozenset[str] = frozenset()

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Act."""
        raise Unresolved(f"the bench has no way to {action}")

    async def read(self, part: str) -> Rows:
        """Return the rows of a state."""
        raise Unresolved(f"the bench cannot read {part}")

    async def bring(self, part: str, rows: Rows) -> None:
        """Bring a state about."""
        raise Unresolved(f"the bench cannot bring {part} about")


def corner_of(corners: Sequence[Corner], name: str) -> Corner | None:
    """Return the corner that has a state or a trigger; None where none has it."""
    return next((one for one in corners if name in one.names), None)
