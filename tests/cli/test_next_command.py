"""Errors of usage name the next command, and are never a traceback."""

from __future__ import annotations

import pytest

from sgprobe.cli import run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "eim", "--port", "99999"], "--help"),
        (["serve", "eim", "--coaps-port", "-1"], "--help"),
        (["ipa", "listen", "--eim", "coaps://127.0.0.1:1", "--port", "x"], "--help"),
        (["report", "/nothing/here"], "sgprobe run"),
        (["bundle", "/nothing/here"], "sgprobe run"),
        (["run", "--iut", "/nothing/here.yaml"], "sgprobe ics new"),
        (["run", "NOPE-001"], "sgprobe list"),
        (["factory", "bind", "--lab", "/nothing/here"], "factory order"),
        (["decode", "/nothing/here.pcap"], "check the path"),
        (["fmt", "/nothing/here"], "sgprobe fmt"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_the_next_command_is_named(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 4
    said = capsys.readouterr()
    assert told in said.out + said.err
    assert "Traceback" not in said.err
