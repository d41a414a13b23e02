"""`sgprobe pki make`: the stored set comes out again, and the options do what they say."""

import json
from pathlib import Path

import pytest

from sgprobe.cli.command import run_verb
from sgprobe.cli.verbs import Verb
from sgprobe.data import data_dir

VERB = Verb("sgprobe.cli.pki", "make the test PKI")


def pki(*arguments: str) -> int:
    return run_verb("pki", VERB, list(arguments))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_stored_set_comes_out_again(tmp_path: Path) -> None:
    assert pki("make", "--stored", "--out", str(tmp_path)) == 0
    made, stored = files(tmp_path), files(data_dir("vectors") / "pki")
    assert made.keys() == stored.keys()
    assert [name for name in made if made[name] != stored[name]] == []


def test_the_chosen_curve_and_faults_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "lab" / "pki")
    assert pki("make", "--out", out, "--seed", "s", "--curve", "p256", "--fault", "expired") == 0
    made = files(Path(out))
    assert "p256/faults/dptls.expired.cert.pem" in made
    assert not any("brainpool" in name or "revoked" in name for name in made)
    index = json.loads(made["index.json"])
    assert (index["seed"], index["lasting"]) == ("s", False)
    shown = capsys.readouterr().out
    assert f"{len(made)} files in {out}" in shown
    assert "CI on p256: key id" in shown


def test_no_faults(tmp_path: Path) -> None:
    assert pki("make", "--out", str(tmp_path), "--fault") == 0
    assert not any("faults" in name for name in files(tmp_path))


def test_a_wrong_fault_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pki("make", "--out", str(tmp_path), "--fault", "expierd") == 4
    shown = capsys.readouterr().err
    assert "no fault 'expierd'" in shown
    assert "not-yet-valid" in shown
    assert files(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert pki("make", "--out", str(tmp_path / "file"), "--fault") == 4
    assert "cannot write" in capsys.readouterr().err
