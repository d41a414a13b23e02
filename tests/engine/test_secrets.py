"""What a product must not keep, log or say is looked for where it could be."""

from __future__ import annotations

from pathlib import Path

import pytest
from play_helpers import play

from sgprobe.engine.stage import Stage
from sgprobe.events import Verdict

ORDERED = """\
given:
  - trigger: smdp.order
    with: {eid: $eid, confirmation-code: sesame-4711}
"""
LOOK = """\
steps:
  - assert: eim.store
    is: [{COLUMN: nowhere}]
"""


@pytest.mark.parametrize("column", ["profile", "code"])
def test_secrets_that_nobody_tells_are_nowhere(tmp_path: Path, column: str) -> None:
    result, _ = play(tmp_path, ORDERED + LOOK.replace("COLUMN", column))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("place", "keep"),
    [
        ("in the log", lambda stage: stage.world.eim.note("ORDER", "with sesame-4711")),
        ("in the store", lambda stage: stage.world.eim.store.commit({"x": {"y": "sesame-4711"}})),
        ("in the store", lambda stage: stage.world.eim.store.commit(
            {"x": b"sesame-4711".hex().upper()})),
    ],
)  # fmt: skip
def test_a_secret_is_found_in_log_and_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, keep
) -> None:
    usual = Stage.read

    async def read(self: Stage, part: str):
        keep(self)
        return await usual(self, part)

    monkeypatch.setattr(Stage, "read", read)
    result, _ = play(tmp_path, ORDERED + LOOK.replace("COLUMN", "code"))
    assert result.verdict is Verdict.FAIL
    assert place in result.reason


def test_without_an_order_there_is_nothing_to_look_for(tmp_path: Path) -> None:
    result, _ = play(tmp_path, LOOK.replace("COLUMN", "profile"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "trigger smdp.order first" in result.reason
