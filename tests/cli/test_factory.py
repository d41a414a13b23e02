"""`sgprobe factory`: the five commands, and what people do wrong."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgprobe.cli import run


def sgprobe(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one command; `load` in a process of its own, for it closes the network for good."""
    words = ["factory", *map(str, arguments)]
    if arguments[0] == "load":
        command = [sys.executable, "-m", "sgprobe", *words]
        return subprocess.run(command, capture_output=True, text=True)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def test_the_five_commands(tmp_path: Path) -> None:
    lab = ("--lab", tmp_path / "lab")
    told = [
        sgprobe("order", "--count", 6, "--type", "small", *lab),
        sgprobe("bind", "--devices", 4, "--enable", "--route", "b", *lab),
        sgprobe("deliver", "--tar", tmp_path / "d.tar", *lab),
        sgprobe("load", "--stations", 2, *lab),
        sgprobe("report", "--final", *lab),
    ]
    assert [one.returncode for one in told] == [0] * 5, [one.stderr for one in told]
    assert all(one.stderr == "" for one in told)
    assert "4 devices at 2 stations: 4 good, 0 held back, 4 attempts" in told[3].stdout
    assert "order O1: 2 PREPARED, 4 INSTALLED" in told[4].stdout
    assert "the MSP has heard: 4 provenInstalled" in told[4].stdout
    assert (tmp_path / "d.tar").exists()
    # again: nothing to load, nothing to report
    again = sgprobe("load", "--json", *lab)
    assert json.loads(again.stdout)["attempts"] == 0
    more = json.loads(sgprobe("report", "--json", *lab).stdout)
    assert (more["reports"], more["states"]["INSTALLED"]) == (0, 4)


def test_loading_is_offline_while_it_runs(tmp_path: Path) -> None:
    """With strace at hand: the load asks the kernel for no network socket at all."""
    lab = ("--lab", tmp_path / "lab")
    for step in (
        ("order", "--count", 1, "--type", "small"),
        ("bind", "--devices", 1),
        ("deliver",),
    ):
        assert sgprobe(*step, *lab).returncode == 0
    if shutil.which("strace"):
        log = tmp_path / "strace.log"
        command = ["strace", "-f", "-e", "trace=socket", "-o", str(log), sys.executable, "-m",
                   "sgprobe", "factory", "load", *map(str, lab)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "AF_INET" not in log.read_text()
    else:
        done = sgprobe("load", *lab)
        assert done.returncode == 0, done.stderr
    assert "offline: sockets are refused by" in done.stdout


def test_a_load_that_is_killed_goes_on(tmp_path: Path) -> None:
    lab = ("--lab", tmp_path / "lab")
    for step in (("order", "--count", 40), ("bind", "--devices", 40), ("deliver",)):
        assert sgprobe(*step, *lab).returncode == 0
    command = [sys.executable, "-m", "sgprobe", "factory", "load", "--stations", "4",
               *map(str, lab)]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    log = tmp_path / "lab/line/outcomes.jsonl"
    for _ in range(600):
        if log.exists() and log.stat().st_size > 2000:
            break
        time.sleep(0.02)
    running.kill()
    running.wait()
    done = json.loads(sgprobe("load", "--stations", 2, "--json", *lab).stdout)
    assert (done["good"], done["held"]) == (40, 0)
    told = json.loads(sgprobe("report", "--final", "--json", *lab).stdout)
    assert told["states"] == {"INSTALLED": 40}
    assert set(told["verdicts"]) <= {"proven-installed", "not-proven"}
    assert told["verdicts"]["proven-installed"] == 40


def test_held_back_devices_and_mutants(tmp_path: Path) -> None:
    lab = ("--lab", tmp_path / "lab")
    sgprobe("order", "--count", 9, "--type", "small", *lab)
    sgprobe("bind", "--devices", 2, *lab)
    sgprobe("deliver", *lab)
    packages = tmp_path / "lab/delivery/D1/shards/0000.bin"
    data = bytearray(packages.read_bytes())
    data[-1] ^= 1
    packages.write_bytes(bytes(data))
    done = sgprobe("load", "--stations", 1, *lab)
    assert done.returncode == 1
    assert "1 good, 1 held back" in done.stdout
    assert "1 held back: package digest mismatch" in done.stdout
    told = sgprobe("report", *lab).stdout
    assert "delivery D1: 1 packages without an outcome" in told


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("bind",), "no laboratory"),
        (("load", "--stations", "65"), "no laboratory"),
        (("order", "--eligible", "{"), "no JSON"),
        (("order", "--count", "0"), "refuses"),
        (("order", "--smdpf", "https://127.0.0.1:9"), "cannot be used"),
        (("order", "--smdpf", "gopher://x"), "cannot be used"),
        (("order", "--type", "nothing"), "invalid choice"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    assert run(["factory", *arguments, "--lab", str(tmp_path / "lab")]) == 4
    assert text in capsys.readouterr().err


def test_wrong_order_of_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = ["--lab", str(tmp_path / "lab")]
    assert run(["factory", "order", "--json", *lab]) == 0
    assert json.loads(capsys.readouterr().out)["orderId"] == "O1"
    for arguments, text in (
        (["deliver"], "no delivery yet"),
        (["load"], "no delivery yet"),
        (["load", "--stations", "0"], "1 to 64"),
        (["bind", "--order", "O9", "--devices", "1"], "order"),
        (["bind", "--devices", "0"], "at least 1"),
        (["bind", "--devices", "1", "--rule-off", "SMDPF.KEY-PROF"], "did you mean"),
    ):
        assert run(["factory", *arguments, *lab]) == 4, arguments
        assert text in capsys.readouterr().err
    (tmp_path / "lab/lab.json").write_text("{")
    assert run(["factory", "deliver", *lab]) == 4
    assert "damaged" in capsys.readouterr().err
