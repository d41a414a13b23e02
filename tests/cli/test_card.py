"""`sgprobe card`: a card served in one process and read in another, and what goes wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ended import begun

from dissectors.asn1.versions import parse_spec
from dissectors.link.apdu import ISDR_AID, store_data
from dissectors.link.apdu_bpp import split_bpp
from dissectors.spec.identity import eid_octets, iccid_octets
from dissectors.trace.read import read_trace
from sgprobe.cli import run
from sgprobe.crypto import ifpp
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.ifpp_data import read_batch
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import check_proof
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.profiles.library import ProfileType, make_iccid, package
from sgprobe.peers.smdp.metadata import store_metadata

EID = "89049032123451234512345678901235"
SGPROBE = [sys.executable, "-m", "sgprobe"]


def test_served_over_tcp_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served = tmp_path / "served.pcapng"
    command = [*SGPROBE, "card", "serve", "tcp", "--tape", str(served)]
    with begun(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"EID {EID}\n"
        address = process.stderr.readline().removeprefix("listens on ").strip()
        mine = tmp_path / "read.pcapng"
        assert run(["card", "read", f"tcp:{address}", "--tape", str(mine)]) == 0
        text = capsys.readouterr().out
        assert text.splitlines()[0] == f"EID {EID}"
        assert "profile 8949000000000000005  enabled   A" in text
        assert run(["card", "read", f"tcp:{address}", "--json", "--tape", "none"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["eid"], facts["missing"]) == (EID, {})
        process.terminate()
        assert process.wait(120) == 0
        assert process.stderr.read() == f"capture {served}\n"
    # both ends wrote the same, and the card's end twice as much
    seen = [[one.type for one in read_trace(str(path)).messages] for path in (mine, served)]
    assert seen[0][:2] == ["GetEuiccDataRequest", "GetEuiccDataResponse"]
    assert seen[1] == seen[0] * 2


def test_a_card_for_a_factory_loads_what_was_bound_to_its_data(tmp_path: Path) -> None:
    data, keys = tmp_path / "card.ff47", TestPki.load()["p256"]
    command = [*SGPROBE, "card", "serve", "tcp", "--factory", str(data), "--tape", "none"]
    with begun(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        eid = process.stderr.readline().removeprefix("EID ").strip()
        host, _, port = process.stderr.readline().removeprefix("listens on ").partition(":")
        (item,) = read_batch(data.read_bytes()).items
        assert item.eid == eid
        signer = read_certificate(item.certificate).public_key
        assert signer is not None
        public = check_proof(item.one_time_keys[0], eid, signer)
        profile = ProfileType("small", 0)
        iccid = make_iccid(1)
        metadata = store_metadata(parse_spec("SGP.22@2.7"), iccid, profile, "smdpf.example.com")
        content = ifpp.Content(iccid_octets(iccid), metadata, package("s", iccid, profile))
        bound = ifpp.bind(binder(keys), eid_octets(eid), public, content)
        with socket.create_connection((host, int(port)), 10) as line:
            commands = (bound.context, *split_bpp(bound.package))
            apdus = [SELECT, *(apdu for one in commands for apdu in store_data(one))]
            said = [exchange(line, apdu) for apdu in apdus]
            assert said[-1][:1] == b"\x61"
            assert exchange(line, bytes([0, 0xC0, 0, 0, said[-1][1]]))[:2] == b"\xbf\x37"
        process.terminate()
        assert process.wait(120) == 0


SELECT = bytes.fromhex("00A4040010") + ISDR_AID


def exchange(line: socket.socket, apdu: bytes) -> bytes:
    """One APDU: its length in two octets, and its octets."""
    line.sendall(len(apdu).to_bytes(2, "big") + apdu)
    size = int.from_bytes(line.recv(2, socket.MSG_WAITALL), "big")
    return line.recv(size, socket.MSG_WAITALL)


def test_lpac_is_run_with_our_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "lpac.py"
    program.write_text(
        textwrap.dedent("""
        import json, sys
        def ask(func, param=None):
            print(json.dumps({"type": "apdu", "payload": {"func": func, "param": param}}))
            sys.stdout.flush()
            return json.loads(input())["payload"]
        ask("connect")
        channel = ask("logic_channel_open", "A0000005591010FFFFFFFF8900000100")["ecode"]
        more = ask("transmit", "8%dE2910006BF3E035C015A" % channel)["data"]
        got = ask("transmit", "0%dC00000" % channel + more[2:4])["data"]
        code = int(sys.argv[1])
        print(json.dumps({"type": "lpa", "payload": {"code": code, "data": got}}))
    """)
    )
    for code in (0, -1):
        command = f"{sys.executable} {program} {code}"
        given = ["card", "serve", "lpac", "--run", command, "--tape", "none"]
        assert run(given) == (0 if code == 0 else 1)
        said = json.loads(capsys.readouterr().out)
        assert said["payload"]["data"] == f"BF3E125A10{EID}9000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["read", "usb:1"], "no reader is named by 'usb:1'"),
        (["read", "tcp:127.0.0.1:1"], "no card listens on 127.0.0.1:1"),
        (["read", "at:/nowhere"], "cannot be opened as a serial port"),
        (["read", "stdio:/nowhere/driver"], "cannot be run"),
        (["serve", "lpac", "--run", "/nowhere/lpac"], "cannot be run"),
        (["serve", "tcp", "--at", "nowhere"], "expected HOST:PORT"),
        (["serve", "tcp", "--at", "192.0.2.1:99"], "cannot listen on"),
        (["serve", "at", "--rule-off", "EIM.X"], "the rules here are EUICC"),
        (["serve", "at", "--rule-off", "EUICC.NO-SUCH"], "--rule-off"),
        (["serve", "at", "--spec", "SGP.22@2.5"], "a version of SGP.32 is wanted"),
        (["serve", "usb"], "invalid choice"),
        (["serve", "at", "--factory", "x", "--curve", "brainpool"], "one-time keys are on p256"),
        (["serve", "at", "--factory", "/no/folder/x"], "No such file"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["card", *arguments] + (["--tape", "none"] if "usb" not in arguments else [])
    assert run(given) == 4
    assert said in capsys.readouterr().err


def test_the_capture_of_a_read_that_failed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pcapng"
    assert run(["card", "read", "tcp:127.0.0.1:1", "--tape", str(path)]) == 4
    assert f"capture {path}" in capsys.readouterr().err
    assert path.exists()
