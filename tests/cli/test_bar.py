"""Progress bars: one line on a terminal, nothing elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from sgprobe.cli.bar import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_how_much_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    bar = Bar("loading", 200)
    bar(100)
    bar(101)  # too soon after the last look
    bar(200)
    bar.clear()
    shown = terminal.getvalue()
    assert "loading [###############...............] 100/200" in shown
    assert "101/200" not in shown
    assert "[##############################] 200/200" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def test_no_terminal_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar("loading", 2)
    bar(1)
    bar.clear()
    assert capsys.readouterr().err == ""
