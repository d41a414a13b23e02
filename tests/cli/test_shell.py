from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from traffic import write_http  # noqa: E402

EID_LINE = "GetEimPackageRequest(eidValue='89049032123451234512345678901235')"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shell") / "polls.pcap"
    write_http(path, 6)
    return path


def shell(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sgprobe", "shell", *map(str, arguments)],
        input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=600,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_lines_of_standard_input_are_run(capture: Path) -> None:
    script = (
        "len(packets), len(messages)\n"
        "for packet in packets[:2]:\n"
        "    print(packet.lastlayer().__class__.__name__, packet.frames)\n"
        "messages[0].type\n"
        "packets[0].eidValue == messages[0].value['eidValue']\n"
    )
    code, out, err = shell(capture, stdin=script)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "(12, 12)", "GetEimPackageRequest (4,)", "GetEimPackageResponse (6,)",
        "'GetEimPackageRequest'", "True",
    ]  # fmt: skip


def test_a_command_is_run_without_a_capture() -> None:
    code, out, err = shell("-c", f"bytes({EID_LINE}).hex()")
    assert (code, err) == (0, "")
    assert out == "'bf4f125a1089049032123451234512345678901235'\n"


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ("1/0\nprint('after')", 1, "ZeroDivisionError"),
        ("a b", 1, "SyntaxError"),
        ("bytes(GetEimPackageRequest())", 1, "eidValue: mandatory"),
        ("exit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("", 0, ""),
    ],
)
def test_how_it_ends(script: str, code: int, told: str) -> None:
    ended, out, err = shell(stdin=script)
    assert (ended, out) == (code, "")
    assert told in err


def test_what_cannot_be_read_is_told(tmp_path: Path, capture: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no capture at all")
    for arguments, told in (
        ((broken,), "is not a capture"),
        ((tmp_path / "none.pcap",), "No such file"),
        ((tmp_path,), "shell: "),
        (("-",), "cannot come from standard input"),
        ((capture, "--keylog", tmp_path / "none"), "--keylog"),
        ((capture, "--psk", "zz"), "--psk: expected hex"),
        ((capture, "--spec", "SGP.9"), "no such spec version"),
    ):
        code, out, err = shell(*arguments)
        assert (code, out) == (4, ""), err
        assert told in err
        assert "Traceback" not in err


def test_a_terminal_gets_a_banner_and_a_prompt(capture: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sgprobe", "shell", str(capture)],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, close_fds=True,
        env={**os.environ, "TERM": "dumb"},
    ) as child:  # fmt: skip
        os.close(theirs)
        os.write(ours, b"packets[0].summary()\nexit()\n")
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert child.wait(120) == 0
    os.close(ours)
    text = shown.decode()
    assert "sgprobe shell: 12 messages of polls.pcap" in text
    assert "GetEimPackageRequest'" in text
