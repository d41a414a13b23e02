"""`sgprobe decode` of captures and logs: options, exit codes, what is said where."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgprobe.cli import run
from sgprobe.cli.capture import Progress

CAPTURES = Path(__file__).resolve().parents[2] / "vectors" / "captures"
EID = "89049032123451234512345678901235"
PLAIN = CAPTURES / "http-esipa-1.2.pcap"


def decode(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run(["decode", *map(str, arguments)])
    out = capsys.readouterr()
    return code, out.out, out.err


def lines(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_collector_is_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """A caller in the same process keeps its own settings, also where the capture is refused."""
    before = gc.get_threshold(), gc.get_freeze_count()
    assert decode(capsys, PLAIN)[0] == 0
    assert decode(capsys, PLAIN, "--keylog", PLAIN.with_name("none"))[0] != 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


# --- exit codes ---


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("http-esipa-1.2.pcap", 0),
        ("http-errors.pcap", 0),  # the server refused; every message is well formed
        ("http-departures.pcap", 0),
        ("tls13-no-keys.pcap", 0),
        ("http-malformed.pcap", 1),
        ("http-json-odd.pcap", 1),
        ("file-truncated.pcap", 1),
        ("file-corrupt.pcapng", 1),
        ("log-pysim.log", 0),
    ],
)
@pytest.mark.parametrize("form", ["tree", "ndjson", "svg"])
def test_exit_codes(capsys, name: str, code: int, form: str) -> None:
    assert decode(capsys, CAPTURES / name, "--as", form)[0] == code


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xd4\xc3\xb2\xa1", "pcap"),
        (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(12) + b"\xff\xff\x00\x00", "link type"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x1f\x8b\x08\x00" + bytes(40), "gzip"),
        (b"\x0a\x0d\x0d\x0a", "pcapng"),
        (b"", "is empty"),
    ],
)
def test_input_that_cannot_be_read_is_4(capsys, tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    for jobs in ("1", "2"):
        code, out, err = decode(capsys, path, "--as", "ndjson", "--jobs", jobs)
        assert (code, out) == (4, "")
        assert err.startswith("sgprobe decode: ")
        assert text in err


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--keylog", "/none"], "--keylog /none: No such file"),
        (["--psk", "xyz"], "--psk: expected hex"),
        (["--filter", "type =="], "--filter: expected a value"),
        (["--role", "eim"], "--role 'eim': expected ROLE=ADDRESS"),
        (["--redact", "name"], "--redact: no kind 'name'"),
        (["--redact", "none,eid"], "expected kinds, or none alone"),
        (["--redact", ""], "expected kinds"),
        (["--as", "csv", "--fields", "a..b"], "--fields: 'a..b' is no path"),
        (["--jobs", "-1"], "--jobs: expected 1 or more"),
        (["--spec", "SGP.32@9"], "--spec"),
        (["--as", "word"], "invalid choice"),
        (["--follow", "x"], "invalid int"),
    ],
)
def test_wrong_options_are_4(capsys, option: list[str], text: str) -> None:
    code, out, err = decode(capsys, PLAIN, *option)
    assert (code, out) == (4, "")
    assert text in err


def test_a_key_log_without_a_key_is_refused(capsys, tmp_path: Path) -> None:
    path = tmp_path / "keys.log"
    path.write_text("this is no key log\n")
    code, _, err = decode(capsys, PLAIN, "--keylog", path)
    assert code == 4
    assert "no key in it" in err
    path.write_text("")  # nothing was logged yet
    assert decode(capsys, PLAIN, "--keylog", path)[0] == 0


# --- where things are said ---


def test_sessions_and_notes_go_to_the_error_stream_of_machine_forms(capsys) -> None:
    closed = CAPTURES / "tls13-no-keys.pcap"
    code, out, err = decode(capsys, closed)
    assert (code, err) == (0, "")
    assert "needs --keylog with: " in out
    assert "no eSIM messages in " in out
    for form in ("ndjson", "json", "csv", "xml", "svg", "mermaid"):
        _, out, err = decode(capsys, closed, "--as", form)
        assert "needs --keylog with: " in err
        assert "no eSIM messages in " in err
        assert "keylog" not in out


def test_that_there_is_no_message_is_said(capsys) -> None:
    empty = CAPTURES / "http-others.pcap"
    for form in ("tree", "summary", "ndjson", "csv"):
        for jobs in ("1", "2"):
            chosen = ["--as", form, "--jobs", jobs, "--filter", "function == nothing"]
            code, out, err = decode(capsys, empty, *chosen)
            assert code == 0
            assert "none of 4 eSIM messages was asked for" in out + err
    code, out, err = decode(capsys, empty, "--as", "ndjson", "--follow", "4711")
    assert (code, out) == (0, "")
    assert "none of 4" in err


def test_keys_open_what_is_closed(capsys) -> None:
    path, keys = CAPTURES / "tls13-aes128-gcm.pcap", CAPTURES / "tls13-aes128-gcm.keys"
    _, out, err = decode(capsys, path, "--as", "ndjson", "--keylog", keys)
    assert [one["transport"] for one in lines(out)] == ["https"] * 4
    assert err == ""
    _, out, _ = decode(capsys, CAPTURES / "dtls-psk.pcap", "--as", "ndjson",
                       "--psk", "000102030405060708090a0b0c0d0e0f")  # fmt: skip
    assert [one["transport"] for one in lines(out)] == ["coaps"] * 4


# --- choosing and naming ---


def test_filter_and_follow(capsys) -> None:
    mixed = CAPTURES / "mixed.pcap"
    _, out, _ = decode(capsys, mixed)
    flows = [line.split("flow ")[1].split(",")[0] for line in out.splitlines() if ", flow " in line]
    chosen = flows[2]
    _, out, _ = decode(capsys, mixed, "--follow", chosen)
    assert out.count("flow ") == flows.count(chosen) > 0
    _, out, _ = decode(capsys, mixed, "--as", "summary", "-b", "--follow", chosen)
    assert len(out.splitlines()) == flows.count(chosen)
    assert all(f"flow {chosen}" in line for line in out.splitlines())
    _, out, _ = decode(capsys, mixed, "--as", "ndjson", "--filter", "transport == apdu")
    assert [one["transport"] for one in lines(out)] == ["apdu"] * 6
    # a message keeps its number, whatever is printed around it
    assert [one["n"] for one in lines(out)] == [19, 20, 21, 22, 23, 24]


def test_roles_are_named(capsys) -> None:
    _, out, _ = decode(capsys, PLAIN, "--as", "summary", "--role", "eim-lab=10.0.0.5",
                       "--role", "dut=10.0.0.2:49152")  # fmt: skip
    assert "dut → eim-lab" in out
    path = CAPTURES / "coap-ipv6.pcap"
    for address in ("2001:db8::5", "[2001:db8::5]", "[2001:db8::5]:5683"):
        _, out, _ = decode(capsys, path, "--as", "summary", "--role", f"six={address}")
        assert "ipa → six" in out, address


def test_fields(capsys) -> None:
    chosen = ["--as", "csv", "--fields", "n, type,eidValue,counterValue"]
    _, out, _ = decode(capsys, PLAIN, *chosen)
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["n", "type", "eidValue", "counterValue"]
    assert rows[1] == ["1", "GetEimPackageRequest", EID, ""]
    assert rows[2][3] == "5|0"  # of the package, and of the eIM that it adds


def test_one_version(capsys) -> None:
    _, out, _ = decode(capsys, PLAIN, "--as", "ndjson", "--spec", "SGP.32@1.2")
    assert {tuple(one["spec"]) for one in lines(out)} == {("SGP.32@1.2",), ()}
    code, _, _ = decode(capsys, PLAIN, "--spec", "SGP.32@1.0.1")
    assert code == 1  # they are not of that version


def test_redaction(capsys) -> None:
    _, out, _ = decode(capsys, PLAIN, "--as", "ndjson", "--redact", "eid")
    assert EID not in out
    assert "989400000000000000f5" in out
    code, out, _ = decode(capsys, PLAIN, "--redact", "eid,iccid,keys", "--jobs", "2")
    assert code == 0
    assert EID not in out


# --- several processes ---


@pytest.mark.parametrize("name", ["mixed.pcap", "tls13-disorder.pcapng", "http-malformed.pcap",
                                  "tls13-no-keys.pcap", "tcp-cut.pcap"])  # fmt: skip
def test_jobs_change_nothing(capsys, name: str) -> None:
    alone = decode(capsys, CAPTURES / name, "--as", "ndjson", "--jobs", "1")
    for jobs in ("2", "3"):
        both = decode(capsys, CAPTURES / name, "--as", "ndjson", "--jobs", jobs)
        assert both[:2] == alone[:2]
        assert sorted(both[2].splitlines()) == sorted(alone[2].splitlines())
    chosen = ["--filter", "n > 2 and kind == response"]
    one = decode(capsys, CAPTURES / name, "--as", "ndjson", "--jobs", "1", *chosen)
    assert decode(capsys, CAPTURES / name, "--as", "ndjson", "--jobs", "2", *chosen) == one


# --- streams and terminals ---


def sgprobe(*arguments: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "sgprobe", *arguments], capture_output=True, timeout=600,
        check=False, **more,
    )  # type: ignore[call-overload]  # fmt: skip


@pytest.mark.parametrize("name", ["http-esipa-1.2.pcap", "file-gzip.pcap.gz", "log-pysim.log",
                                  "tls13-brainpool.pcapng"])  # fmt: skip
def test_standard_input(name: str) -> None:
    data = (CAPTURES / name).read_bytes()
    done = sgprobe("decode", "-", "--as", "ndjson", input=data)
    assert done.returncode == 0
    golden = CAPTURES / (name.split(".p")[0].removesuffix(".log") + ".ndjson")
    assert done.stdout.decode() == golden.read_text(encoding="utf-8")


def test_a_message_is_printed_when_it_is_there() -> None:
    """What comes through a pipe is shown at once, not at its end."""
    command = [sys.executable, "-m", "sgprobe", "decode", "-", "--as", "summary"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(PLAIN.read_bytes())
    process.stdin.flush()
    os.set_blocking(process.stdout.fileno(), False)
    end, seen = time.monotonic() + 120, b""
    while time.monotonic() < end and seen.count(b"\n") < 12:
        seen += process.stdout.read() or b""
        time.sleep(0.02)
    assert seen.count(b"\n") == 12
    process.stdin.close()
    assert process.wait(120) == 0
    process.stdout.close()


@pytest.mark.parametrize("form", ["tree", "ndjson", "svg", "xml"])
def test_output_is_utf_8_in_any_locale(form: str) -> None:
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    path = str(CAPTURES / "http-json-odd.pcap")
    done = sgprobe("decode", path, "--as", form, env=environment)
    assert done.returncode == 1
    assert done.stdout.decode("utf-8")
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away() -> None:
    for jobs in ("1", "2"):
        command = (
            f"{sys.executable} -m sgprobe decode {PLAIN} --as ndjson --jobs {jobs} | head -n 1"
        )
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, timeout=600, check=False
        )
        assert done.stdout.startswith(b'{"n":1,')
        assert b"Traceback" not in done.stderr


def test_progress_is_one_line_that_goes_away(capsys, monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sgprobe.cli.capture.time.monotonic", lambda: now[0])
    progress = Progress()
    progress(1 << 20, 4 << 20)
    assert capsys.readouterr().err == ""
    now[0] += 1.1
    progress(1 << 20, 4 << 20)
    progress(2 << 20, 4 << 20)  # too soon for another
    assert capsys.readouterr().err == "\r 25% of 4 MiB read"
    now[0] += 0.3
    progress(3 << 20, None)
    assert capsys.readouterr().err == "\r3 MiB read"
    progress.clear()
    assert capsys.readouterr().err == "\r\033[K"


def test_progress_is_silent_without_a_terminal(capsys) -> None:
    assert decode(capsys, PLAIN, "--as", "ndjson")[2] == ""
    progress = Progress()
    progress.clear()
    assert capsys.readouterr().err == ""


def test_logs_name_lines_and_what_cannot_be_read(capsys, tmp_path: Path) -> None:
    path = tmp_path / "card.log"
    text = (CAPTURES / "log-pysim.log").read_text()
    path.write_text(text + "what is this\n")
    code, out, _ = decode(capsys, path)
    assert "apdu-log-line" in out or "is in no format that is read" in out
    assert code in (0, 1)
    assert out.count("GetEuiccChallengeRequest") == 1


class Log(io.StringIO):
    """A standard output that notes when it is flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def write(self, text: str) -> int:
        self.events.append("write")
        return super().write(text)

    def flush(self) -> None:
        self.events.append("flush")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_first_message_of_a_file_does_not_wait_for_the_last(monkeypatch, jobs: str) -> None:
    out = Log()
    monkeypatch.setattr(sys, "stdout", out)
    assert run(["decode", str(PLAIN), "--as", "ndjson", "--jobs", jobs]) == 0
    events = out.events
    assert "flush" in events[events.index("write") :][:2]
    assert out.getvalue().count("\n") > 1
