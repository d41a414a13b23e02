"""What a run prints, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re

import pytest
import synthetic

from sgprobe import events as e
from sgprobe.report.console import Console, wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(events: list[e.Event], **how: object) -> str:
    out = io.StringIO()
    console = Console(out, **{"tty": False, "colour": False, **how})  # type: ignore[arg-type]
    for event in events:
        console.on(event)
    return out.getvalue()


def test_elsewhere_only_what_did_not_pass_is_told() -> None:
    text = printed(list(synthetic.run_events(64)))
    lines = text.splitlines()
    assert lines[0] == (
        'sgprobe 0.4.0 · SGP.32 v1.2 · IUT eim "acme-eim 3.1" at https://eim.test:8443 · 64 items'
    )
    assert "  10/64 done, 0 not passed, at ESIPA-EIM-0002[coap-nist-p256]" in lines
    assert not any(line.startswith("  ✔") for line in lines)
    assert sum(line.startswith("  ✘ ESIPA") for line in lines) == 4
    assert (
        "  ✘   4 items  GetEimPackageResponse: 2 of 5 named fields differ  (ESIPA-EIM-0003, \
ESIPA-EIM-0007, …)"
        in lines
    )
    assert sum(line.startswith("✘ ") for line in lines) == 4  # each failure once, after the list
    assert lines[-1] == (
        "60 applicable: 48 passed · 4 failed · 4 inconclusive · 4 errors · 9 passed with warnings"
        "      4 not applicable      1 min 04 s"
    )
    assert "\x1b" not in text


def test_verbose_tells_every_item() -> None:
    lines = printed(list(synthetic.run_events(64)), verbose=True).splitlines()
    assert sum(line.startswith("  ✔") for line in lines) == 48
    assert "ESipa › GetEimPackage" in lines


def test_a_terminal_has_a_live_line_with_step_and_clock() -> None:
    text = printed(list(synthetic.run_events(14)), tty=True, columns=120)
    live = [part for part in text.split("\r\x1b[K") if part and not part.endswith("\n")]
    assert any("steps 2  eim → ipa: GetEimPackageResponse  clock 0.12 s" in one for one in live)
    # what stays is never glued to a live line
    assert re.search(r"clock [^\r]*\n", text) is None


def test_a_live_line_fits() -> None:
    text = printed(list(synthetic.run_events(14)), tty=True, columns=40)
    live = [part for part in text.split("\r\x1b[K") if "\n" not in part]
    assert max(map(len, live)) < 40


def test_an_interrupted_run_still_tells_its_failures() -> None:
    out = io.StringIO()
    console = Console(out, tty=False, colour=False)
    for event in list(synthetic.run_events(13))[:-2]:
        console.on(event)
    console.finish()
    console.finish()
    text = out.getvalue()
    assert "ESIPA-EIM-0003[https-nist-p256]  was cut off" in text
    assert text.count("applicable:") == 1


def test_events_of_several_workers_may_mix() -> None:
    one = list(synthetic.item_events(12, "fail"))
    two = list(synthetic.item_events(13, "pass"))
    mixed = [event for pair in zip(one, two, strict=False) for event in pair] + one[len(two) :]
    text = printed([*mixed, e.RunEnded(synthetic.START, 1.0, 1)])
    assert text.count("2 of 5 named fields differ ·") == 1


@pytest.mark.parametrize(
    ("env", "tty", "wanted"),
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False),
     ({"FORCE_COLOR": "1"}, False, True), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False)],
)  # fmt: skip
def test_colours(
    env: dict[str, str], tty: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal() if tty else io.StringIO()
    assert wants_colour(stream, "auto", env) is wanted
    assert wants_colour(stream, "always", env) is True
    assert wants_colour(stream, "never", env) is False


def test_a_stream_without_unicode_gets_ascii() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(out, tty=False, colour=False)
    for event in synthetic.run_events(14, hostile=True):
        console.on(event)
    out.flush()
    assert b"  x ESIPA-EIM-0003" in raw.getvalue()


@pytest.mark.parametrize("tty", [True, False])
def test_a_hostile_product_moves_no_cursor(tty: bool) -> None:
    verdicts = ("fail", "error", "inconclusive", "pass", "not_applicable")
    events = list(synthetic.run_events(60, hostile=True, verdicts=verdicts))
    text = printed(events, tty=tty, columns=200).replace("\r\x1b[K", "")
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode()
