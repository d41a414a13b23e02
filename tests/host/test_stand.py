"""`sgprobe serve` and `sgprobe ipa` as two processes, as a person uses them."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ended import begun

from dissectors.spec.identity import is_eid
from dissectors.trace.read import read_trace
from sgprobe.data import data_dir

SGPROBE = [sys.executable, "-m", "sgprobe"]
# so long nothing takes that does not hang, on the slowest machine
PATIENCE = 120


@pytest.fixture(autouse=True)
def _captures_go_to_a_folder_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def serving(*arguments: str) -> Iterator[dict[str, Any]]:
    with begun([*SGPROBE, "serve", *arguments, "--json"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0


def run(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*SGPROBE, *arguments], capture_output=True, text=True,
                          timeout=PATIENCE)  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def es2(operator: str, function: str, **members: object) -> dict[str, Any]:
    header = {"functionRequesterIdentifier": "op", "functionCallIdentifier": "1"}
    request = urllib.request.Request(
        f"{operator}/gsma/rsp2/es2plus/{function}",
        json.dumps({"header": header, **members}).encode(),
        {"Content-Type": "application/json", "X-Admin-Protocol": "gsma/rsp/v2.5.0"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        result: dict[str, Any] = json.loads(answer.read())
    return result


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_download_between_two_processes(curve: str, tmp_path: Path) -> None:
    tape, keylog = tmp_path / "ipa.pcapng", tmp_path / "keys.log"
    with serving("smdp", "--curve", curve, "--keylog", str(keylog)) as smdp:
        iccid = es2(smdp["operator"], "downloadOrder", profileType="small")["iccid"]
        es2(smdp["operator"], "confirmOrder", iccid=iccid, releaseFlag=True, matchingId="ABC-1")
        place = smdp["urls"][0].removeprefix("https://")
        code, out, err = run(
            "ipa", "download", f"LPA:1${smdp['name']}$ABC-1", "--at", f"{smdp['name']}={place}",
            "--curve", curve, "--tape", str(tape),
        )  # fmt: skip
        assert code == 0, out + err
        assert "successResult" in out
        # a second download of the same order is refused, and said so
        code, out, _ = run(
            "ipa", "download", f"1${smdp['name']}$ABC-1", "--at", f"{smdp['name']}={place}",
            "--curve", curve, "--euicc", "euicc2",
        )  # fmt: skip
        assert code == 1
        assert "download:" in out
    assert (tmp_path / smdp["capture"]).stat().st_size > 1000
    trace = read_trace(str(tape))
    assert {m.interface for m in trace.messages} >= {"ES9+", "ES10b"}
    assert not [m for m in trace.messages if m.malformed]
    assert keylog.read_bytes().count(b"\n") >= 1


def test_the_operator_is_not_served_to_the_network() -> None:
    with serving("smdp") as smdp:
        import ssl

        context = ssl.create_default_context(cafile=smdp["trust"])
        context.check_hostname = False
        request = urllib.request.Request(
            f"{smdp['urls'][0]}/gsma/rsp2/es2plus/downloadOrder", b"{}"
        )
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request, timeout=PATIENCE, context=context)


def test_an_operator_orders_and_the_device_executes(tmp_path: Path) -> None:
    with serving("eim") as eim:
        assert rest(eim, "GET", "/devices")[1][0]["eid"] == eim["eids"][0]
        body = {"operations": [{"op": "enable", "iccid": "8949000000000000013"}]}
        status, order = rest(eim, "POST", f"/devices/{eim['eids'][0]}/orders", body)
        assert status == 201, order
        code, out, err = run("ipa", "poll", "--eim", eim["urls"][0])
        assert code == 0, out + err
        assert "8949000000000000013  enabled" in out
        assert rest(eim, "GET", f"/orders/{order['id']}")[1]["state"] == "done"
        assert rest(eim, "GET", "/orders/none")[0] == 404


def test_a_device_that_downloads_through_the_eim(tmp_path: Path) -> None:
    tape = tmp_path / "ipa.pcapng"
    with serving("smdp") as smdp:
        place = smdp["urls"][0].removeprefix("https://")
        iccid = es2(smdp["operator"], "downloadOrder", profileType="small")["iccid"]
        es2(smdp["operator"], "confirmOrder", iccid=iccid, releaseFlag=True, matchingId="ABC-1")
        with serving("eim", "--at", f"{smdp['name']}={place}") as eim:
            download = {"op": "download", "activation-code": f"1${smdp['name']}$ABC-1"}
            path = f"/devices/{eim['eids'][0]}/orders"
            status, order = rest(eim, "POST", path, {"operations": [download]})
            assert status == 201, order
            code, out, err = run(
                "ipa", "poll", "--eim", eim["urls"][0], "--indirect", "--tape", str(tape)
            )
            assert code == 0, out + err
            assert f"{iccid.rstrip('F')}  disabled" in out
            assert rest(eim, "GET", f"/orders/{order['id']}")[1]["state"] == "done"
    assert "ES9+" not in {m.interface for m in read_trace(str(tape)).messages}


def test_a_device_that_does_not_check() -> None:
    with serving("eim") as eim:
        body = {"operations": [{"op": "enable", "iccid": "8949000000000000013"}]}
        rest(eim, "POST", f"/devices/{eim['eids'][0]}/orders", body)
        other = str(data_dir("vectors") / "pki" / "p256" / "eim-tls.cert.pem")
        # the eUICC knows another key of the eIM: it executes only if it does not look
        poll = ("ipa", "poll", "--eim", eim["urls"][0], "--eim-key", other, "--tape", "none")
        assert "8949000000000000013  disabled" in run(*poll)[1]
        rest(eim, "POST", f"/devices/{eim['eids'][0]}/orders", body)
        off = ("--rule-off", "EUICC.EIM-SIGNATURE")
        assert "8949000000000000013  enabled" in run(*poll, *off)[1]


def test_both_bindings_of_one_eim(tmp_path: Path) -> None:
    with serving("eim", "--coaps") as eim:
        https, coaps = eim["urls"]
        assert (https[:8], coaps[:8]) == ("https://", "coaps://")
        path = f"/devices/{eim['eids'][0]}/orders"
        body = {"operations": [{"op": "enable", "iccid": "8949000000000000013"}]}
        for url in (coaps, https):
            status, order = rest(eim, "POST", path, body)
            assert status == 201, order
            tape = tmp_path / f"{url[:5]}.pcapng"
            code, out, err = run("ipa", "poll", "--eim", url, "--tape", str(tape))
            assert code == 0, out + err
            assert rest(eim, "GET", f"/orders/{order['id']}")[1]["state"] == "done"
            messages = read_trace(str(tape)).messages
            assert {m.transport for m in messages} == {"apdu", url.partition(":")[0]}
            # what a factory has done to the eUICC is no part of the play
            assert "AddInitialEimRequest" not in {m.type for m in messages}
    # what was served stands in the eIM's own capture, its keys with it
    trace = read_trace(str(tmp_path / eim["capture"]))
    assert {session.decryption for session in trace.sessions} == {"complete"}
    assert {"https", "coaps"} <= {m.transport for m in trace.messages}


def test_the_open_points_of_the_binding_must_agree(tmp_path: Path) -> None:
    options = ("--coap-path", "/esipa", "--coap-format", "none", "--coap-code", "2.05")
    with serving("eim", "--coaps", *options) as eim:
        poll = ("ipa", "poll", "--eim", eim["urls"][1], "--tape", "none")
        assert run(*poll, *options)[0] == 0
        code, out, _ = run(*poll)
        assert code == 1
        assert "404" in out


@contextmanager
def listening(*arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Run an IPA that listens; give its URL, and after its end the lines that it said."""
    command = [*SGPROBE, "ipa", "listen", *arguments, "--tape", "none"]
    said: list[str] = []
    with begun(command, stdout=subprocess.PIPE) as ipa:
        assert ipa.stdout is not None
        yield [ipa.stdout.readline() for _ in range(2)][1].split()[-1], said
        ipa.send_signal(signal.SIGINT)
        out, _ = ipa.communicate(timeout=PATIENCE)
        said += out.splitlines()
        assert ipa.returncode == 0


def test_what_is_injected_for_later_is_executed_and_reported() -> None:
    with serving("smdp") as smdp:
        iccid = es2(smdp["operator"], "downloadOrder", profileType="small")["iccid"]
        es2(smdp["operator"], "confirmOrder", iccid=iccid, releaseFlag=True, matchingId="ABC-1")
        known = ("--at", f"{smdp['name']}={smdp['urls'][0].removeprefix('https://')}")
        with serving("eim", "--coaps", *known) as eim:
            url, path = eim["urls"][1], f"/devices/{eim['eids'][0]}"
            download = {"op": "download", "activation-code": f"1${smdp['name']}$ABC-1"}
            assert rest(eim, "POST", f"{path}/orders", {"operations": [download]})[0] == 201
            with listening("--eim", url, *known) as (address, said):
                told = rest(eim, "POST", f"{path}/inject", {"address": address})[1]
                assert (told["later"], told["trouble"]) == (True, "")
                until = time.monotonic() + PATIENCE
                while rest(eim, "GET", "/orders/00000001")[1]["state"] != "done":
                    assert time.monotonic() < until
                    time.sleep(0.1)
            assert any(iccid.rstrip("F") in line for line in said)


@pytest.mark.parametrize("scheme", ["https", "coaps"])
def test_an_eim_injects_into_a_device_that_listens(scheme: str, tmp_path: Path) -> None:
    with serving("eim", "--coaps") as eim:
        url = next(one for one in eim["urls"] if one.startswith(scheme))
        path = f"/devices/{eim['eids'][0]}"
        body = {"operations": [{"op": "enable", "iccid": "8949000000000000013"}]}
        assert rest(eim, "POST", f"{path}/orders", body)[0] == 201
        as_json = scheme == "https"
        with listening("--eim", url) as (address, said):
            assert address.startswith(f"{scheme}://")
            asked = {"address": address, "json": as_json}
            status, told = rest(eim, "POST", f"{path}/inject", asked)
            assert (status, told) == (200, {"sent": ["BF51"], "later": False, "trouble": ""})
            assert rest(eim, "GET", "/orders/00000001")[1]["state"] == "done"
        assert any("8949000000000000013  enabled" in line for line in said)
    types = {m.type for m in read_trace(str(tmp_path / eim["capture"])).messages}
    assert ("transferEimPackage" in types, "TransferEimPackageRequest" in types) == (
        as_json, not as_json)  # fmt: skip


def test_injection_that_cannot_be() -> None:
    with serving("eim", "--coaps") as eim:
        # nothing waits: nobody is asked; then something does, and nobody is there
        path = f"/devices/{eim['eids'][0]}"
        nowhere = {"address": "coaps://127.0.0.1:9"}
        told = {"sent": [], "later": False, "trouble": ""}
        assert rest(eim, "POST", f"{path}/inject", nowhere) == (200, told)
        other = int("8904903212345123451234512345670") * 10
        unknown = f"{other + 98 - other % 97}"
        assert is_eid(unknown)
        assert rest(eim, "POST", f"/devices/{unknown}/inject", nowhere)[0] == 404
        body = {"operations": [{"op": "enable", "iccid": "8949000000000000013"}]}
        assert rest(eim, "POST", f"{path}/orders", body)[0] == 201
        status, said = rest(eim, "POST", f"{path}/inject", nowhere)
        assert status == 502
        assert b"nobody listens there" in said
        path = f"/devices/{eim['eids'][0]}/inject"
        assert rest(eim, "POST", "/devices/none/inject", {})[0] == 404
        for body in ({}, {"address": "nonsense"}, {"address": 1}, [], "text"):
            assert rest(eim, "POST", path, body)[0] == 400


def test_an_eim_on_a_database_of_another_binding(tmp_path: Path) -> None:
    with serving("eim", "--coaps") as eim:
        https, coaps = eim["urls"]
        poll = ("ipa", "poll", "--db", str(tmp_path / "card.sqlite"), "--tape", "none", "--eim")
        assert run(*poll, https)[0] == 0
        code, _, err = run(*poll, coaps)
        assert code == 4
        assert "does not know eim.example.com at coaps://: take another --db" in err


def rest(eim: dict[str, Any], method: str, path: str, body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{eim['operator']}/operator{path}", data, {"Content-Type": "application/json"},
        method=method,
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_poll_of_an_eim_and_its_database(tmp_path: Path) -> None:
    database = tmp_path / "eim.sqlite"
    with serving("eim", "--db", str(database)) as eim:
        assert len(eim["eids"]) == 3
        code, out, err = run("ipa", "poll", "--eim", eim["urls"][0])
        assert code == 0, out + err
        assert "nothing to do" in out
    rows = sqlite3.connect(database).execute("SELECT count(*) FROM record").fetchone()
    assert rows[0] >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "eim", "--rule-off", "EIM.NO-SUCH"), "no rule 'EIM.NO-SUCH'"),
        (("serve", "eim", "--spec", "SGP.22@2.5"), "a version of SGP.32 is wanted"),
        (("serve", "smdp", "--at", "nonsense"), "expected NAME=HOST:PORT"),
        (("serve", "smdp", "--coaps"), "which an eIM speaks"),
        (("serve", "eim", "--coap-format", "x"), "expected a number or none"),
        (("serve", "eim", "--coap-path", "x"), "a path begins with /"),
        (("ipa", "poll", "--eim", "nonsense"), "expected https://HOST:PORT"),
        (("ipa", "poll", "--eim", "https://x", "--card", "usb:1"), "no reader is named by 'usb:1'"),
        (("ipa", "poll", "--eim", "https://x", "--card", "tcp:127.0.0.1:9"), "the card: "),
        (
            ("ipa", "poll", "--eim", "https://x", "--card", "pcsc", "--rule-off", "EUICC.COUNTER"),
            "keeps its own rules",
        ),
        (
            ("ipa", "poll", "--eim", "https://127.0.0.1:1", "--rule-off", "SMDP.X"),
            "EUICC.… and IPA.",
        ),
        (("ipa", "download", "1$a$B", "--rule-off", "EUICC.NO-SUCH"), "no rule 'EUICC.NO-SUCH'"),
        (("ipa", "download", "1$a$B", "--rule-off", "IPA.NO-SUCH"), "no rule 'IPA.NO-SUCH'"),
        (("ipa", "poll", "--eim", "https://127.0.0.1:1", "--trust", "/nonexistent"), "nonexistent"),
    ],
)
def test_bad_input_has_one_clear_error(arguments: tuple[str, ...], said: str) -> None:
    code, _, err = run(*arguments)
    assert code == 4
    assert said in err
    assert "Traceback" not in err


def test_an_eim_out_of_reach_is_a_failed_poll() -> None:
    code, out, err = run("ipa", "poll", "--eim", "https://127.0.0.1:9")
    assert code == 1
    assert "eIM eim.example.com: nothing to do: " in out
    assert "Traceback" not in err


def test_mutual_tls_with_the_card() -> None:
    with serving("eim", "--ask-euicc", "--coaps") as eim:
        for url in eim["urls"]:
            poll = ("ipa", "poll", "--tape", "none", "--eim", url)
            code, out, _ = run(*poll, "--show-euicc")
            assert code == 0, out
            code, out, err = run(*poll)
            assert code == 1, out
            assert "Traceback" not in err


def test_an_euicc_as_it_is_knows_no_eim() -> None:
    with serving("eim") as eim:
        poll = ("ipa", "poll", "--eim", eim["urls"][0], "--tape", "none")
        code, out, err = run(*poll, "--as-it-is")
        assert code == 0, err
        assert "eIM " not in out
        assert "eIM eim.example.com: nothing to do" in run(*poll)[1]
