from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sgprobe.cli import run
from sgprobe.questions import shipped

TOTAL = len(shipped().of("smdp"))


def test_a_new_file_says_what_to_answer(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    path = tmp_path / "dp.yaml"
    assert run(["ics", "new", "--role", "smdp", str(path)]) == 0
    assert f"0 of {TOTAL} questions answered" in capsys.readouterr().out
    assert run(["ics", "check", str(path)]) == 4
    told = capsys.readouterr().err
    assert f"{TOTAL} of {TOTAL} questions unanswered" in told
    assert "DP_CC: Can an order have a confirmation code?" in told
    # its comments are the file: taken away, the answers stand
    text = path.read_text("utf-8")
    for question in shipped().of("smdp"):
        assert f"  # {question.name}: yes | no" in text
        text = text.replace(f"  # {question.name}: yes | no", f"  {question.name}: yes")
    path.write_text(text, encoding="utf-8")
    assert run(["ics", "check", str(path)]) == 0
    assert "all answered" in capsys.readouterr().out
    assert run(["ics", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert re.search("DP_BRP +yes +Does the SM-DP\\+ have certificates", shown)
    assert "SM-DP+, SGP.22@2.5" in shown
    assert "ixit.code-tries  3 (default)" in shown


def test_a_file_that_is_there_is_kept(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dp.yaml"
    path.write_text("mine")
    assert run(["ics", "new", "--role", "smdp", str(path)]) == 4
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize("command", ["check", "show"])
def test_what_is_wrong_is_told_with_a_caret(tmp_path: Path, capsys, command: str) -> None:
    path = tmp_path / "dp.yaml"
    path.write_text("product: a\nversion: 1\nrole: smdp\nspec: SGP.22@2.5\nanswers: {DP_CC: jes}\n")
    assert run(["ics", command, str(path)]) == 4
    told = capsys.readouterr().err
    assert "dp.yaml:5:18: DP_CC is one of yes, no, both, not 'jes'" in told
    assert "                 ^^^" in told
    assert run(["ics", command, str(path), "--json"]) == 4
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 1


def test_a_deviation_of_a_case_that_is_not_there(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dp.yaml"
    path.write_text(
        "product: a\nversion: 1\nrole: smdp\nspec: SGP.22@2.5\ndeviations:\n"
        "  - {case: 'ES9P-DP-ACL-013[x]', until: 9999-01-01, reason: r}\n"
        "  - {case: ES9P-DP-ACL-01X, until: 9999-01-01, reason: r}\n"
    )
    assert run(["ics", "check", str(path)]) == 4
    told = capsys.readouterr().err
    assert "warning: the suites have no case ES9P-DP-ACL-01X" in told
    assert told.count("warning") == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys) -> None:
    assert run(["ics", "check", str(tmp_path / "no.yaml")]) == 4
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_a_rule_that_is_broken(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dp.yaml"
    path.write_text(
        "product: a\nversion: 1\nrole: smdp\nspec: SGP.22@2.5\nanswers: {DP_SK: no, DP_PPK: no}\n"
    )
    assert run(["ics", "check", str(path)]) == 4
    assert "DP_SK is a must, as not DP_PPK; the answer is no" in capsys.readouterr().err


def test_as_json(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dp.yaml"
    path.write_text(
        "product: a\nversion: 1\nrole: smdp\nspec: SGP.22@2.5\n"
        "answers: {O_P_SESSION_KEYS: both, DP_CC: {answer: no, reason: none}}\n"
    )
    assert run(["ics", "check", str(path), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["answered"] == 2
    assert "DP_BRP" in told["unanswered"]
    assert run(["ics", "show", str(path), "--json"]) == 0
    rows = {one["name"]: one for one in json.loads(capsys.readouterr().out)["answers"]}
    assert (rows["DP_SK"]["answer"], rows["DP_SK"]["official"]) == ("both", "O_P_SESSION_KEYS")
    assert (rows["DP_CC"]["answer"], rows["DP_CC"]["reason"]) == ("no", "none")
    assert rows["DP_BRP"]["answer"] is None


def test_at_a_terminal_it_asks(tmp_path: Path) -> None:
    path = tmp_path / "dp.yaml"
    ours, theirs = pty.openpty()
    code = "import sys; from sgprobe.cli import run; sys.exit(run(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, "ics", "new", "--role", "smdp", str(path)],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        # yes, a word that is none and then no, nothing, both, and the end of input
        os.write(ours, b"y\nperhaps\nno\n\nboth\n\x04")
        assert process.wait(120) == 0
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert "one of yes, no, both, please" in told
    text = path.read_text("utf-8")
    first, second, third, fourth, fifth, *_ = (one.name for one in shipped().of("smdp"))
    assert f"\n  {first}: yes\n" in text
    assert f"\n  {second}: no\n" in text
    assert f"\n  # {third}: yes | no\n" in text
    assert f"\n  {fourth}: both\n" in text
    assert f"\n  # {fifth}: yes | no\n" in text
