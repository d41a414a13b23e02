"""A --db that is no store, or a damaged one: one line that names it, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgprobe.cli import run

SERVES = (
    ["serve", "eim", "--port", "0"],
    ["serve", "smdpf", "--port", "0"],
    ["ipa", "poll", "--eim", "https://127.0.0.1:9"],
)


@pytest.mark.parametrize("command", SERVES, ids=" ".join)
@pytest.mark.parametrize("content", [b"garbage", b"SQLite format 3\0" + bytes(range(256)) * 64])
def test_a_store_that_is_none_is_named(
    command: list[str], content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "role.db"
    store.write_bytes(content)
    assert run([*command, "--db", str(store), "--tape", "none"]) == 4
    told = capsys.readouterr().err
    assert f"{store}: " in told
    assert "mend that file, or name another one" in told
    assert "Errno" not in told


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "none" / "role.db"
    assert run(["serve", "eim", "--port", "0", "--db", str(store), "--tape", "none"]) == 4
    assert f"{store}: " in capsys.readouterr().err
