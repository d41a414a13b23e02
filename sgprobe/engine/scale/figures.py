"""Throughput: how much of a count a plan asks for, and the figures that an item publishes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.given import only, seconds_of, whole_number
from sgprobe.engine.settings import Setting

LAP, FIGURES = "bench.lap", "scale.figures"
# what every action publishes its figures against
LIMITS = ("per-second", "at-most")
_MOST = 10_000_000


@dataclass(slots=True)
class Published:
    """Figures for whoever reads the results, and warnings where one is beyond its limit."""

    figures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what is new, once."""
        told = tuple(self.figures), tuple(self.warnings)
        self.figures.clear()
        self.warnings.clear()
        return told


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a case, and what of it is done here."""

    whole: int
    count: int
    scale: Fraction

    def __str__(self) -> str:
        floor = "" if self.count == max(1, round(self.whole * self.scale)) else ", the least"
        return f"scale {self.scale}: {self.count} of {self.whole}{floor}"


def share(given: Mapping[str, Any], scale: Fraction) -> Share:
    """Return what of `count` is to be done; never less than `at-least`."""
    whole, least = (
        whole_number(given, name, 1, least=1, most=_MOST) for name in ("count", "at-least")
    )
    return Share(whole, max(round(whole * scale), min(least, whole), 1), scale)


def counted(scale: Fraction, below: str) -> str:
    """Return what `$count.200.5` stands for: 200 by a scale, and at least 5."""
    whole, _, least = below.partition(".")
    return str(share({"count": whole, "at-least": least or "1"}, scale).count)


def publish(
    published: Published, what: str, done: Share | None, took: float, given: Mapping[str, Any]
) -> None:
    """Publish how long something took; limits of the plan warn, they decide nothing."""
    count = done.count if done is not None else 1
    rate = count / took if took > 0 else float("inf")
    text = f"{what}: {_shown(took)}"
    if done is not None:
        text += f", {rate:.1f} a second ({done})"
    published.figures.append(text)
    if "per-second" in given and rate < float(given["per-second"]):
        published.warnings.append(
            f"{what}: {rate:.2f} a second, the plan has {given['per-second']}"
        )
    most = seconds_of(given, "at-most")
    if most is not None and took > most:
        published.warnings.append(f"{what}: {_shown(took)}, the plan has {given['at-most']}")


def _shown(took: float) -> str:
    return f"{took:.2f} s" if took >= 1 else f"{took * 1000:.1f} ms"


def percentiles(values: Sequence[float]) -> str:
    """Return p50, p95 and p99 of times in seconds, in milliseconds."""
    ordered = sorted(values)

    def at(part: float) -> str:
        return f"{ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000:.0f}"

    return f"p50 {at(0.5)}, p95 {at(0.95)}, p99 {at(0.99)} ms" if ordered else "none"


class Load(Corner):
    """A corner that does much at once, and then has the figures of it."""

    def __init__(self, setting: Setting, published: Published) -> None:
        self._setting, self._published = setting, published
        self._rows: Rows = []

    async def read(self, part: str) -> Rows:
        """Return what was counted."""
        if not self._rows:
            raise Unresolved("nothing was done yet whose figures there could be")
        return self._rows


class Laps(Corner):
    """Times what a case does between two looks at the clock."""

    names = frozenset({LAP})

    def __init__(self, published: Published, scale: Fraction) -> None:
        self._published, self._scale = published, scale
        self._begun = time.monotonic()

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Publish the time since the last lap; without a name only begin a new one."""
        only(LAP, given, "name", "count", "at-least", *LIMITS)
        now = time.monotonic()
        took, self._begun = now - self._begun, now
        if "name" in given:
            done = share(given, self._scale) if "count" in given else None
            publish(self._published, str(given["name"]), done, took, given)
            # what was said for the reader is no part of what comes next
            self._begun = time.monotonic()
        return {}
