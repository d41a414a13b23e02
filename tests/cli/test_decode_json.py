"""`sgprobe decode` of one JSON body, from the command line, a file or standard input."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sgprobe.cli import run

EID = "89049032123451234512345678901235"
MESSAGES = Path(__file__).resolve().parents[2] / "vectors" / "messages"


def package() -> str:
    rows = json.loads((MESSAGES / "esipa-packages.json").read_text())["messages"]
    row = next(row for row in rows if row["type"] == "EuiccPackageRequest")
    return base64.b64encode(bytes.fromhex(row["hex"])).decode()


def decode(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["decode", *arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_request(capsys) -> None:
    code, out, err = decode(capsys, json.dumps({"eidValue": EID, "notifyStateChange": True}))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "GetEimPackage request   ESipa   75 octets",
        f"  eidValue: {EID}",
        "  notifyStateChange: true",
    ]


def test_an_answer_with_der_inside(capsys, tmp_path: Path) -> None:
    header = {"functionExecutionStatus": {"status": "Executed-Success"}}
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"header": header, "euiccPackageRequest": package()}, indent=1))
    code, out, _ = decode(capsys, str(path))
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("GetEimPackage response   ESipa   SGP.32@1.0.1, 1.1, 1.2, 1.3   ")
    assert "    euiccPackageSigned" in lines
    assert any(line.strip().startswith("counterValue: ") for line in lines)


def test_as_json(capsys) -> None:
    text = json.dumps({"euiccPackageRequest": package()})
    code, out, _ = decode(capsys, text, "--as", "json")
    found = json.loads(out)
    assert code == 0
    # a request, for no answer is without a header
    assert (found["function"], found["kind"], found["type"]) == (
        "TransferEimPackage",
        "request",
        "transferEimPackage",
    )
    assert found["value"]["euiccPackageRequest"]["euiccPackageSigned"]["eidValue"] == EID
    assert bytes.fromhex(found["bytes"]) == text.encode()
    assert found["problems"] == []


def test_a_member_that_does_not_open_is_told(capsys) -> None:
    code, out, _ = decode(capsys, '{"eidValue": "1", "euiccPackageRequest": "###"}')
    assert code == 1
    assert "error: json.member at euiccPackageRequest: not base64" in out


def test_the_function_can_be_named(capsys) -> None:
    text = '{"transactionId": "00"}'
    code, _, err = decode(capsys, text)
    assert code == 4
    assert "name the function with --type: authenticateClient, " in err
    code, out, _ = decode(capsys, text, "--type", "cancelSession")
    assert code == 0
    assert out.startswith("CancelSession request   ES9+")
    code, _, err = decode(capsys, text, "--type", "nothing")
    assert code == 4
    assert "--type nothing: no JSON function" in err


def test_one_version(capsys) -> None:
    text = json.dumps({"euiccPackageRequest": package()})
    _, out, _ = decode(capsys, text, "--as", "json", "--spec", "SGP.32@1.1")
    assert json.loads(out)["spec"] == ["SGP.32@1.1"]


@pytest.mark.parametrize("text", ['{"eidValue": ', '{"a": NaN}', '{"a":' * 100 + "1" + "}" * 100])
def test_what_is_no_json_is_4(capsys, text: str) -> None:
    code, out, err = decode(capsys, text)
    assert (code, out) == (4, "")
    assert "this begins like JSON and is none" in err
    assert len(err) < 400


def test_forms_of_captures_are_refused(capsys) -> None:
    code, _, err = decode(capsys, '{"eidValue": "1"}', "--as", "csv")
    assert code == 4
    assert "this is one message" in err


def test_hostile_text_is_escaped(capsys) -> None:
    text = json.dumps({"eidValue": "\x1b[31m\u202e", "\x9b2J": 1, "rPLMN": "\x07"})
    for form in ("tree", "json"):
        _, out, _ = decode(capsys, text, "--as", form)
        assert all(line.isprintable() for line in out.splitlines())


def test_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sgprobe", "decode", "-"],
        input=json.dumps({"eidValue": EID}).encode(),
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"GetEimPackage request")
