"""One-time keys of many eUICCs are looked at: doubles, points that are none, bits."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.scale import keys as scale_keys
from sgprobe.engine.scale.figures import Published
from sgprobe.engine.scale.keys import KEYS, KeyCount


def counted(off: str = "", product: Any = None, **given: Any) -> dict[str, Any]:
    setting: Any = SimpleNamespace(
        off=frozenset({off} - {""}), seed=1, scale=Fraction(1), product=product
    )
    world: Any = SimpleNamespace(set=TestPki.load()["p256"])
    made = KeyCount(setting, world, Published())
    asyncio.run(made.trigger(KEYS, {"count": "60", **given}))
    return asyncio.run(made.read(scale_keys.FIGURES))[0]


def test_fresh_keys() -> None:
    assert counted() == {"asked": "60", "good": "60", "twice": "0", "right": "yes"}


def test_keys_that_come_again() -> None:
    assert counted("EUM.KEY-FRESH")["twice"] == "1", "one key, sixty times"


def test_bits_that_lean_to_one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_keys, "_FAR", 0.0)
    assert counted()["right"] == "no"


@pytest.mark.parametrize("octets", [b"\x04" + bytes(64), b"\x04" + b"\x11" * 64])
def test_points_that_are_none(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyCount, "_points", lambda self, count: iter([octets] * count))
    found = counted()
    assert (found["good"], found["right"]) == ("0", "no")


def test_what_cannot_be_counted() -> None:
    with pytest.raises(NotHere):
        counted(product=SimpleNamespace())
    with pytest.raises(Unresolved, match="knows no keys"):
        counted(keys="1")
