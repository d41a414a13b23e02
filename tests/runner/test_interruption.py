"""Ctrl-C during a run: the stream can be read, captures are closed, the exit code is 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ended import begun
from scapy.utils import rdpcap

from sgprobe import events as e

ROOT = Path(__file__).parents[2]
CASE = """\
case: {ident}
title: A case of a test
iut: eim
spec: [SGP.32 v1.2 §5.14.5 GetEimPackage]
since: SGP.32 v1.1
covers: [SGP32-ESIPA-002]

steps:
  - ipa -> eim: GetEimPackageRequest
  - eim -> ipa: GetEimPackageResponse
{more}
"""
# the test process stands still in the middle of an item; the case itself cannot
STAND = """\
import asyncio, sys
from sgprobe.engine.acts import Acts
there = sys.argv.pop()
async def stand(self, step):
    with self.clock.hold():
        open(there, "w").close()
        await asyncio.sleep(300)
Acts.time = stand
from sgprobe.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def interrupted(tmp_path: Path) -> tuple[int, str, Path]:
    """Return the exit code, the output and the folder of a run that was interrupted."""
    for letter, more in (("A", ""), ("B", "  - wait: 1 s\n"), ("C", "")):
        path = tmp_path / f"TRY-{letter}.case.yaml"
        path.write_text(CASE.format(ident=f"TRY-{letter}", more=more), encoding="utf-8")
    there = tmp_path / "there"
    command = [sys.executable, "-c", STAND, "run", ".", "--out", "out", str(there)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    with begun(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
               stderr=subprocess.STDOUT) as process:  # fmt: skip
        until = time.monotonic() + 120
        while not there.exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        # less than the item stands still
        output, _ = process.communicate(timeout=240)
    return process.returncode, output, tmp_path / "out"


def test_ctrl_c(interrupted: tuple[int, str, Path]) -> None:
    code, output, out = interrupted
    assert code == 2, output
    assert "Traceback" not in output
    lines = (out / e.STREAM).read_text(encoding="utf-8").splitlines()
    events = [e.from_line(line) for line in lines]
    assert None not in events
    assert isinstance(events[-1], e.RunEnded)
    assert events[-1].exit == 2
    ended = [one.item for one in events if isinstance(one, e.ItemEnded)]
    assert ended == ["TRY-A"]
    started = [one.item for one in events if isinstance(one, e.ItemStarted)]
    assert started == ["TRY-A", "TRY-B"]
    # the capture of the item that was cut off is whole, as far as it went
    assert len(rdpcap(str(out / "captures" / "TRY-B.pcapng"))) > 5
