"""`sgprobe ifpp judge`: folders that are none, empty ones, and files without end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sgprobe.cli import run

EXAMPLE = Path(__file__).parents[2] / "vectors/ifpp/evidence/GENUINE_IFPP-complete"


def test_folders_without_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, text in (
        (tmp_path / "nothing", "is no evidence directory"),
        (Path(__file__), "is no evidence directory"),
        (tmp_path, "has no evidence.yaml"),
    ):
        assert run(["ifpp", "judge", str(folder)]) == 4
        told = capsys.readouterr().err
        assert text in told
        assert "hint: it is a folder with evidence.yaml" in told


@pytest.mark.parametrize("text", ["", "[]", "evidence: 7\n", "\x00", "a: &a [*a]\n", "{" * 5000])
def test_plans_that_say_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "evidence.yaml").write_text(text)
    assert run(["ifpp", "judge", str(tmp_path)]) == 4
    assert "evidence.yaml:1:" in capsys.readouterr().err


def test_a_trust_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("/nothing", __file__):
        assert run(["ifpp", "judge", str(EXAMPLE), "--trust", path]) == 4
        assert "hint: name the certificate of a CI" in capsys.readouterr().err


def test_files_without_end_and_pipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an item is, the judge says what is wrong with it, and answers."""
    folder = shutil.copytree(EXAMPLE, tmp_path / "evidence")
    # of a delivery, its manifest and signature are looked at
    for path in (*sorted(folder.glob("*.*")), *sorted(folder.glob("delivery/manifest.*"))):
        if path.name == "evidence.yaml":
            continue
        kept = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(2 << 30)
        assert run(["ifpp", "judge", str(folder), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert "larger than" in json.dumps(told) or "more than" in json.dumps(told), path.name
        path.unlink()
        os.mkfifo(path)
        assert run(["ifpp", "judge", str(folder), "--json"]) == 0
        assert "is no file" in capsys.readouterr().out, path.name
        path.unlink()
        path.write_bytes(kept)
    with (folder / "evidence.yaml").open("r+b") as file:
        file.truncate(2 << 30)
    assert run(["ifpp", "judge", str(folder)]) == 4
    assert "more than 1048576 octets" in capsys.readouterr().err
