"""How often a step calls a steps file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.engine.steps import Player
from sgprobe.fileerror import Source
from sgprobe.yamlnode import Scalar

HERE = Source("t.yaml", 1, 1)


def times(value: object, text: str | None = "$ixit.code-tries") -> int:
    player: Any = object.__new__(Player)
    player.names = SimpleNamespace(value=lambda name: {"ixit.code-tries": value}[name])
    name = Scalar(text, HERE) if text is not None else None
    step: Any = SimpleNamespace(step=SimpleNamespace(times=name))
    return player._times(step)


def test_once_where_nothing_is_said() -> None:
    assert times("9", None) == 1


def test_as_often_as_the_number_says() -> None:
    assert times("3") == 3
    assert times(0) == 0


@pytest.mark.parametrize("value", ["-1", "10001", "x", "", "1e3", "9" * 5000])
def test_what_is_no_number_is_told(value: str) -> None:
    with pytest.raises(Unresolved):
        times(value)
