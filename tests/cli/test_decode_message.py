"""`sgprobe decode` of one message, as a person types it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sgprobe.cli import run


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


def test_encode_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    value = '{"eimPackageError": "eidNotFound"}'
    assert run(["encode", "--type", "GetEimPackageResponse", value]) == 0
    assert capsys.readouterr().out == "BF4F03020102\n"


def test_encode_names_the_member(capsys: pytest.CaptureFixture[str]) -> None:
    value = '{"eidValue": "89"}'
    assert run(["encode", "--type", "GetEimPackageRequest", value]) == 4
    assert "eidValue: 1 octets, SIZE is 16" in capsys.readouterr().err
