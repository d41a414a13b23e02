"""Completion, manual page and doctor: made of the options, and right for their readers."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from sgprobe.cli import run
from sgprobe.cli.options_of import commands
from sgprobe.cli.verbs import VERBS


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_every_verb_has_its_options() -> None:
    known = {one.name: one for one in commands()}
    assert set(known) == set(VERBS)
    assert any("--iut" in option.names for option in known["run"].options)
    assert "new" in known["ics"].words


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_read_by_its_shell(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    text = printed(capsys, "completion", shell)
    assert "--keylog" in text or "-l keylog" in text
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bash_completes_verbs_options_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "completion", "bash")
    script = (
        text
        + """
try() { COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _sgprobe; echo "${COMPREPLY[*]}"; }
try sgprobe dec
try sgprobe decode --key
try sgprobe decode --as ndj
"""
    )
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["decode", "--keylog", "ndjson"]


def test_the_manual_page_has_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys, "man")
    for name in VERBS:
        assert f".SS sgprobe {name}" in page
    program = shutil.which("groff") or shutil.which("mandoc")
    if program is None:
        pytest.skip("neither groff nor mandoc is installed")
    done = subprocess.run([program, "-man", "-Tascii"], input=page, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0
    assert "inconclusive case" in done.stdout
    assert "warning" not in done.stderr


def test_doctor_finds_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["what"]: one for one in json.loads(printed(capsys, "doctor", "--json"))}
    assert found["python"]["state"] == "ok"
    assert found["test PKI"]["state"] == "ok"
    assert found["cryptography"]["state"] == "ok"
