"""Frames of a failure: those of the capture that carried the message, by the octets in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import synthetic

from sgprobe import events as e
from sgprobe.report.folder import read_run
from sgprobe.report.results import frames
from sgprobe.report.run import collect
from sgprobe.runner.options import BenchOptions
from sgprobe.runner.session import Session

ROOT = Path(__file__).resolve().parents[2]


def test_frames_of_a_real_failure_carry_its_octets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scapy = pytest.importorskip("scapy.utils")
    monkeypatch.chdir(ROOT)
    session = Session(BenchOptions(out=tmp_path, off=("EUICC.COUNTER",)))
    ready = session.ready(Path("suites/es10/euicc/RPL-EUI-CNT-001.case.yaml"))
    session.begin([one.id for one in ready], ["test"], {})
    for one in ready:
        session.run(one)
    session.end(1, {})
    run = read_run(tmp_path)
    assert run.counts()["failed"] == len(run.items) == 2
    for item in run.items:
        assert item.ended is not None
        judged = item.detail().judged()
        assert [one.function for one in judged] == ["LoadEuiccPackage"]
        packets = [bytes(one) for one in scapy.rdpcap(str(tmp_path / item.ended.capture))]
        named = b"".join(packets[number - 1] for number in judged[0].frames)
        # the answer is read with GET RESPONSE: its head stands in one of the frames
        assert bytes.fromhex(judged[0].bytes)[:32] in named
        assert frames(item) == list(judged[0].frames)
        # the replay is the same octets again, later
        asked = [m for m in item.detail().messages if m.kind == "request" and m.n < judged[0].n]
        fresh, replay = [one for one in asked if one.function == "LoadEuiccPackage"]
        assert fresh.bytes == replay.bytes
        assert max(fresh.frames) < min(replay.frames)


def test_frames_that_are_no_numbers_are_passed_over() -> None:
    for wrong in ({"2": "x"}, {"2": [True]}, {"2": []}, {"x": [1]}, {"2": {"a": 1}}):
        events = list(synthetic.item_events(12, "fail"))
        last = events[-1]
        assert isinstance(last, e.ItemEnded)
        made = e.from_line(e.to_line(last).replace('"frames":{}', '"frames":' + str(wrong)
                           .replace("'", '"').replace("True", "true")))  # fmt: skip
        assert isinstance(made, e.ItemEnded)
        detail = collect([*events[:-1], made])
        assert detail is not None
        assert detail.messages[1].frames == (12, 13, 14)
