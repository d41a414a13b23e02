"""`sgprobe decode` of one message, as a person types it."""

from __future__ import annotations

import ast
import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.cli import run
from sgprobe.data import data_dir


def decode(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["decode", *arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_package_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = decode(capsys, "BF4F03020101")
    assert code == 0
    assert out.splitlines() == [
        "GetEimPackageResponse   SGP.32@1.0.1, 1.1, 1.2, 1.3   6 octets",
        "  eimPackageError: noEimPackageAvailable(1)",
    ]


def test_length_that_is_not_minimal(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = decode(capsys, "BF4F8103020101")
    assert code == 1
    assert "error: der.length-not-minimal, offset 2" in out
    assert out.splitlines()[-1].index("^") == out.splitlines()[-2].index("81")


def test_enable_result_fits_all_versions(capsys: pytest.CaptureFixture[str]) -> None:
    signature = "5F3740" + "00" * 64
    signed = "80016181010183010130038301" + "00"
    signed = f"30{len(signed) // 2:02X}" + signed
    ok = f"A0{(len(signed) + len(signature)) // 2:02X}" + signed + signature
    message = f"BF51{len(ok) // 2:02X}" + ok
    code, out, _ = decode(capsys, message, "--as", "json")
    found = json.loads(out)
    assert code == 0
    assert found["type"] == "EuiccPackageResult"
    assert found["spec"] == ["SGP.32@1.0.1", "SGP.32@1.1", "SGP.32@1.2", "SGP.32@1.3"]
    results = found["value"]["euiccPackageResultSigned"]["euiccPackageResultDataSigned"]
    assert results["euiccResult"] == [{"enableResult": "ok"}]


def test_unsigned_error_code_is_v1_3_alone(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = decode(capsys, "BF5108A2068001618F017F", "--as", "json")
    assert json.loads(out)["spec"] == ["SGP.32@1.3"]


def test_result_of_v1_0_1_without_eid(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = decode(capsys, "BF5008BF5105A203800161", "--as", "json")
    found = json.loads(out)
    assert found["type"] == "ProvideEimPackageResult"
    assert "SGP.32@1.0.1" in found["spec"]
    # with notifications in the form of 1.0.1 (BF2B, not A0) it fits that version alone
    _, out, _ = decode(capsys, "BF500F300DBF5105A203800161BF2B02A000", "--as", "json")
    found = json.loads(out)
    assert found["type"] == "ProvideEimPackageResult"
    assert found["spec"] == ["SGP.32@1.0.1"]


@pytest.mark.parametrize("form", ["hex", "spaced", "prefixed", "base64", "der", "hexfile"])
def test_every_form_of_input(capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str) -> None:
    octets = bytes.fromhex("BF4F03020101")
    path = tmp_path / "message"
    argument = {
        "hex": "bf4f03020101",
        "spaced": "BF 4F 03:02 01 01",
        "prefixed": "0xBF4F03020101",
        "base64": base64.b64encode(octets).decode(),
    }.get(form, str(path))
    path.write_bytes(octets if form == "der" else b"BF4F 0302\n0101\n")
    code, out, _ = decode(capsys, argument)
    assert code == 0
    assert "noEimPackageAvailable" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nofile.pcap"], "no existing file, and neither hex nor base64"),
        ([""], "there are no bytes"),
        (["1234"], "first tag 12 opens no message"),
        (["BF4F03020101", "--type", "GetEimPackageRespons"], "did you mean GetEimPackageResponse"),
        (["BF4F03020101", "--spec", "SGP.99@1"], "no such spec version"),
        (["BF4F03020101", "--form", "x"], "unrecognized arguments"),
        (["."], "is a folder"),
    ],
)
def test_bad_input_has_one_clear_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = decode(capsys, *arguments)
    assert code == 4
    assert said in err
    assert out == ""
    assert "Traceback" not in err


def test_a_product_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = decode(capsys, "BF5109A20780051B5B326A61")
    assert code == 0
    assert "\x1b" not in out
    assert "\\x1b[2ja" in out.lower()


def _result(item: str) -> str:
    """Return an EuiccPackageResult with one result item."""
    signed = bytes.fromhex("800161810101830101") + tlv("30", bytes.fromhex(item))
    return tlv("bf51", tlv("a0", tlv("30", signed), tlv("5f37", bytes(64)))).hex()


def test_what_does_not_decode_says_how_far_it_got(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = decode(capsys, _result("95020201"))
    assert code == 1
    head, octets, caret = out.splitlines()[-3:]
    assert head.startswith(
        "error: asn1.unknown-choice at "
        "euiccPackageResultSigned.euiccPackageResultDataSigned.euiccResult[0], offset 18: "
        "found 95, expected 83 enableResult or 84 disableResult"
    )
    assert octets[caret.index("^") :].startswith("95 02 02 01")
    # the rest is shown all the same
    assert "  euiccSignEPR: 0000" in out
    assert "          ?: 95020201" in out


@pytest.mark.parametrize(
    ("message", "said", "at"),
    [
        ("bf4f058501018000", "asn1.missing, offset 8: eidValue (5A) is missing; found 85", 8),
        ("bf5303020105", "asn1.wrong-tag at [0], offset 3: expected 80, found 02", 3),
        ("bf3e045c815a00", "der.length-not-minimal at tagList", 4),
        ("bf4003850101", "asn1.unknown-choice, offset 3: found 85, expected A0", 3),
        ("bf58038001ff0000", "der.trailing-bytes, offset 6: 2 octets after", 6),
    ],
)
def test_findings_point_at_their_octet(
    capsys: pytest.CaptureFixture[str], message: str, said: str, at: int
) -> None:
    code, out, err = decode(capsys, message)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    head = next(number for number, line in enumerate(lines) if said in line)
    shown = lines[head + 1].split("    ")[1]
    assert lines[head + 2].index("^") == 4 + 3 * at
    assert shown == bytes.fromhex(message).hex(" ").upper()


def test_an_odd_number_of_digits_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = decode(capsys, "BF4F0302010")
    assert code == 4
    assert "is 11 hex digits: an odd number" in err


def test_a_certificate_as_pem(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pem = data_dir("vectors") / "pki" / "p256" / "euicc.cert.pem"
    code, out, _ = decode(capsys, str(pem))
    assert code == 0
    assert out.startswith("Certificate ")
    assert "  EID: 89049032123451234512345678901235\n" in out
    der = tmp_path / "c.der"
    der.write_bytes(base64.b64decode("".join(pem.read_text().splitlines()[1:-1])))
    assert decode(capsys, str(der))[1] == out
    assert decode(capsys, str(der), "--type", "Certificate")[1] == out


def test_every_golden_message_prints(capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((data_dir("vectors") / "messages").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")).get("messages", ())[::9]:
            code, out, err = decode(capsys, row["hex"], "--type", row["type"], "-b")
            assert code == (row["result"] == "invalid"), row["id"]
            assert out.startswith(row["type"])
            assert err == ""


def test_as_json_has_all_that_the_tree_has(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = decode(capsys, "BF4F8103020101", "--as", "json")
    found = json.loads(out)
    assert code == 1
    assert found["value"] == {"eimPackageError": "noEimPackageAvailable"}
    assert found["bytes"] == "bf4f8103020101"
    assert [one["code"] for one in found["problems"]] == ["der.length-not-minimal"]
    assert {"path": "eimPackageError", "type": "INTEGER", "tag": "02", "range": [4, 7]} in (
        found["elements"]
    )


HEAVY = {"asn1tools", "scapy", "cryptography", "OpenSSL", "yaml", "pytest", "numpy", "h2"}


def test_a_message_is_decoded_without_heavy_modules() -> None:
    program = (
        "import sys; from sgprobe.cli import run; run(['decode', 'BF4F03020101']); "
        "print(sorted(name for name in sys.modules if '.' not in name))"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)  # warms up
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    assert loaded & HEAVY == set()


# --- encode ---


def encode(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["encode", *arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_encode_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    value = '{"eimPackageError": "eidNotFound"}'
    assert run(["encode", "--type", "GetEimPackageResponse", value]) == 0
    assert capsys.readouterr().out == "BF4F03020102\n"


def test_encode_names_the_member(capsys: pytest.CaptureFixture[str]) -> None:
    value = '{"eidValue": "89"}'
    assert run(["encode", "--type", "GetEimPackageRequest", value]) == 4
    assert "eidValue: 1 octets, SIZE is 16" in capsys.readouterr().err


def test_encode_takes_the_newest_version_that_has_the_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # 89 of eIM configuration data came with v1.1, AA with v1.3
    value = '{"eimId": "a", "eSipaProprietaryProtocolInformation": []}'
    assert encode(capsys, "--type", "EimConfigurationData", value) == (0, "3005800161AA00\n", "")
    code, _, err = encode(capsys, "--type", "EimConfigurationData", value, "--spec", "SGP.32@1.2")
    assert code == 4
    assert "eSipaProprietaryProtocolInformation: no such member" in err
    # LpaeActivationRequest is a function of SGP.22
    assert encode(capsys, "--type", "LpaeActivationRequest", '{"lpaeOption": "80"}')[0] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--type", "Nope", "{}"], "has no type 'Nope'"),
        (["--type", "getEimPackageRequest", "{}"], "did you mean GetEimPackageRequest?"),
        (["--type", "GetEimPackageRequest", "{"], "not JSON"),
        (["--type", "GetEimPackageRequest", "no.json"], "'no.json' is no existing file, and no"),
        (["--type", "SequenceNumber", "9" * 5000], "is no existing file, and no JSON"),
        (["--type", "SequenceNumber", "[" * 100_000], "nested too deep"),
        (["--type", "SequenceNumber", "NaN"], "expected a number"),
        (["--type", "SequenceNumber", "5", "--out", "/nonexistent/x"], "/nonexistent/x: No such"),
        (["--type", "SequenceNumber"], "required"),
        (["{}"], "required: --type"),
    ],
)  # fmt: skip
def test_encode_refuses_with_one_clear_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = encode(capsys, *arguments)
    assert code == 4
    assert said in err
    assert out == ""
    assert "Traceback" not in err


def test_decode_and_encode_are_each_other_turned_round(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, out, _ = decode(capsys, _result("830100"), "--as", "json")
    path = tmp_path / "value.json"
    path.write_text(json.dumps(json.loads(out)["value"]), encoding="utf-8")
    out_file = tmp_path / "out.der"
    assert encode(capsys, "--type", "EuiccPackageResult", str(path), "--out", str(out_file))[0] == 0
    assert out_file.read_bytes().hex() == _result("830100")


# --- asn1 ---


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "GetEimPackageRequest"], 0, "-- SGP.32@1.3, tag BF4F"),
        (["show", "GetEimPackageRequest", "--spec", "sgp32@1.0.1"], 0, "rPLMN OCTET STRING"),
        (["show"], 0, "BF4F  GetEimPackageRequest"),
        (["show", "eimpackagereq"], 4, "did you mean GetEimPackageReq"),
        (["show", "GetEimPackageRequest", "--spec", "SGP.22@2.7"], 4, "SGP.32@1.3 has it"),
        (["diff", "SGP.32@1.1", "SGP.32@1.2"], 0, "no difference between SGP.32@1.1"),
        (["diff", "SGP.32@1.2", "SGP.32@1.3"], 0, "euiccPackageUnsignedErrorCode"),
        (["diff", "SGP.32@1.2", "SGP.32@1.3", "Nope"], 4, "has no type 'Nope'"),
        (["diff", "SGP.32@1.2"], 4, "required: NEW"),
        ([], 4, "show|diff"),
    ],
)  # fmt: skip
def test_asn1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(["asn1", *arguments]) == code
    shown = capsys.readouterr()
    assert said in (shown.err if code else shown.out)
