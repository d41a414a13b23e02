"""What an eUICC has said is searched for the secrets of what was bound to it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.engine.factory.watch import SECRETS, ProfileWatch
from sgprobe.engine.heard import History

SECRET = bytes(range(16))


def found(*said: tuple[str, bytes]) -> Any:
    floor: Any = SimpleNamespace(secrets={"K of profile 1": SECRET})
    heard: Any = [SimpleNamespace(sender=who, octets=what) for who, what in said]
    history = History(heard)
    return asyncio.run(ProfileWatch(floor, history).read(SECRETS))


def test_secrets_are_found_where_the_euicc_tells_them() -> None:
    assert found(("euicc", b"\x00" + SECRET)) == [{"searched": "1", "found": "K of profile 1"}]
    assert found(("euicc", b"\x00" + SECRET[:-1]), ("fpa", SECRET))[0]["found"] == "none"


def test_silence_proves_nothing() -> None:
    with pytest.raises(Unresolved):
        found(("fpa", b"\x00"))
