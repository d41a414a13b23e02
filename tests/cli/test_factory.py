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
        (("load", "--stations", "65"), "no number from 1 to 64"),
        (("order", "--eligible", "{"), "no JSON"),
        (("order", "--eligible", "[1]"), "eligibility has minFreeNvm"),
        (("order", "--eligible", '{"odd": 1}'), "eligibility has minFreeNvm"),
        (("order", "--count", "0"), "no number from 1"),
        (("order", "--network", "9"), "5 or 6 digits"),
        (("order", "--smdpf", "https://127.0.0.1:9"), "cannot be used"),
        (("order", "--smdpf", "gopher://x"), "no https://HOST:PORT"),
        (("order", "--smdpf", "https://[x"), "no https://HOST:PORT"),
        (("order", "--smdpf", "https://127.0.0.1:9", "--trust", __file__), "no certificate in PEM"),
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
        (["bind", "--order", "O9", "--devices", "1"], "'O9' is none of the orders; there are O1"),
        (["bind", "--devices", "0"], "no number from 1"),
        (["bind", "--devices", "1", "--spare", "-5"], "no number from 0 to 32"),
        (["bind", "--devices", "1", "--supersedes", "D9"], "there is none yet"),
        (["deliver", "--delivery", "../../etc"], "no name of a delivery"),
        (["bind", "--devices", "1", "--rule-off", "SMDPF.KEY-PROF"], "did you mean"),
    ):
        assert run(["factory", *arguments, *lab]) == 4, arguments
        assert text in capsys.readouterr().err
    # nothing of all this has made a device that no package is for
    assert json.loads((tmp_path / "lab/lab.json").read_text())["devices"] == []
    for text in (
        "{",
        "[]",
        "{}",
        '{"orders": [1], "devices": [], "deliveries": [], "seed": ""}',
        '{"orders": [], "devices": [{}], "deliveries": [], "seed": ""}',
        "[" * 100_000,
    ):
        (tmp_path / "lab/lab.json").write_text(text)
        assert run(["factory", "deliver", *lab]) == 4, text
        assert "damaged; `factory order --new`" in capsys.readouterr().err


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a laboratory with one device, whose delivery is at the factory."""
    lab = tmp_path_factory.mktemp("factory") / "lab"
    for step in (
        ("order", "--count", 2, "--type", "small"),
        ("bind", "--devices", 1),
        ("deliver",),
    ):
        assert sgprobe(*step, "--lab", lab).returncode == 0
    return lab


def test_a_shard_that_was_cut_is_fetched_again(tmp_path: Path, delivered: Path) -> None:
    lab = ("--lab", shutil.copytree(delivered, tmp_path / "lab"))
    shard = tmp_path / "lab/delivery/D1/shards/0000.bin"
    shard.write_bytes(shard.read_bytes()[:100])
    done = sgprobe("load", *lab)
    assert done.returncode == 1
    assert "only 0 of 1 packages are good" in done.stdout
    assert "next: fetch the delivery again: `factory deliver`" in done.stdout
    assert sgprobe("deliver", *lab).returncode == 0
    done = sgprobe("load", *lab)
    assert (done.returncode, "1 good, 0 held" in done.stdout) == (0, True), done.stdout


def test_deliveries_that_are_none(tmp_path: Path, delivered: Path) -> None:
    lab = ("--lab", shutil.copytree(delivered, tmp_path / "lab"))
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, text in (
        (tmp_path / "nothing", "neither a folder nor a tar"),
        (empty, "No such file"),
        (Path(__file__), "no uncompressed tar"),
    ):
        done = sgprobe("load", "--delivery", path, *lab)
        assert (done.returncode, done.stdout) == (4, "")
        assert text in done.stderr
        assert "hint: fetch the delivery again" in done.stderr
    done = sgprobe("deliver", "--tar", empty, *lab)
    assert (done.returncode, "is a folder" in done.stderr) == (4, True)
    assert list(tmp_path.glob("*.new")) == []
    shutil.rmtree(tmp_path / "lab/delivery")
    done = sgprobe("load", *lab)
    assert (done.returncode, "is not at the factory" in done.stderr) == (4, True), done.stderr


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("smdpf/smdpf.sqlite", ("bind", "--devices", 1)),
        ("dm.sqlite", ("bind", "--devices", 1)),
        ("msp.sqlite", ("report",)),
        ("line/claims.sqlite", ("report",)),
        ("line/stock/imports.json", ("report",)),
        ("line/stations/s01.journal", ("report",)),
    ],
)
def test_files_of_the_laboratory_that_are_damaged(
    tmp_path: Path, delivered: Path, name: str, step: tuple[object, ...]
) -> None:
    lab = shutil.copytree(delivered, tmp_path / "lab")
    path = lab / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is nothing that can be read" * 200 + b"\n")
    done = sgprobe(*step, "--lab", lab)
    assert done.returncode == 4
    assert f"{path}" in done.stderr
    assert len(done.stderr.splitlines()) <= 2, done.stderr


def test_a_command_leaves_its_stores_closed(delivered: Path) -> None:
    """What a store holds is in its file: a copy of the folder is whole, and damage is seen."""
    assert [one.name for one in delivered.rglob("*.sqlite-*")] == []
    assert (delivered / "smdpf/smdpf.sqlite").stat().st_size > 10_000


def test_a_reader_that_is_not_there(tmp_path: Path, delivered: Path) -> None:
    lab = ("--lab", shutil.copytree(delivered, tmp_path / "lab"))
    done = sgprobe("load", "--reader", f"at:{tmp_path / 'tty'}", *lab)
    assert (done.returncode, done.stdout) == (4, "")
    assert "there is no such serial port" in done.stderr
    # no device was at the line, so there is nothing to report
    assert sgprobe("report", "--json", *lab).stdout.startswith('{"reports": 0')
