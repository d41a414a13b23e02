"""The page about values says what is so: its examples and its limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dissectors.asn1 import codec, reader, runtime

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "values.md"
LOADED = codec.load("SGP.32@1.3")


@pytest.fixture(scope="module")
def page() -> str:
    if not PAGE.is_file():
        pytest.skip("the documentation is not here")
    return PAGE.read_text(encoding="utf-8")


def test_limits_are_those_of_the_code(page: str) -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d ]+)", page, re.MULTILINE))
    numbers = {what: int(bound.replace(" ", "")) for what, bound in rows.items()}
    assert numbers == {
        "INTEGER, OBJECT IDENTIFIER": runtime.MAX_NUMBER,
        "nesting of unknown elements": runtime.MAX_DEPTH,
        "elements of a faulty or very large message": reader.MAX_ELEMENTS,
        "findings": reader.MAX_FINDINGS,
    }


@pytest.mark.parametrize(
    ("kind", "octets", "shown"),
    [
        ("EuiccPackageResult", "bf5108a2068001618e017f",
         {"euiccPackageErrorUnsigned": {"eimId": "a", "?8e": "8e017f"}}),
        ("GetEimPackageResponse", "bf4f03850101", {"?": "850101"}),
        ("EnableProfileResult", "020105", "catBusy"),
        ("EnableProfileResult", "020106", 6),
        ("EuiccMemoryResetRequest", "bf64048202 05e0".replace(" ", ""),
         {"resetOptions": {"value": "e0", "length": 3}}),
        ("EuiccPackageErrorUnsigned", "3008800161 8e0101 8e00".replace(" ", ""),
         {"eimId": "a", "?8e": "8e0101", "?8e#2": "8e00"}),
        ("EuiccPackageErrorUnsigned", "3006800161800162", {"eimId": "a", "eimId#2": "b"}),
        ("Time", "170d3235303130313030303030305a", {"utcTime": "250101000000Z"}),
    ],
)  # fmt: skip
def test_a_value_prints_as_the_page_says(kind: str, octets: str, shown: object) -> None:
    decoded = LOADED.decode(kind, bytes.fromhex(octets))
    assert decoded.value == shown
    if "#2" not in str(shown) or "?" in str(shown):
        assert LOADED.encode(kind, shown).hex() == octets
    else:
        # a member that comes twice is a fault and is not written
        with pytest.raises(codec.EncodeError):
            LOADED.encode(kind, shown)


def test_hex_is_read_in_either_case() -> None:
    small, large = ("ab" * 10, "AB" * 10)
    assert LOADED.encode("Iccid", small) == LOADED.encode("Iccid", large)
    assert LOADED.decode("Iccid", LOADED.encode("Iccid", large)).value == small


def test_every_example_of_the_page_is_json_of_a_message(page: str) -> None:
    assert '{"euiccPackageErrorUnsigned": {"eimId": "a", "?8f": "8f017f"}}' in page
    older = codec.load("SGP.32@1.2")
    found = older.decode("EuiccPackageResult", bytes.fromhex("bf5108a2068001618f017f"))
    assert found.value == {"euiccPackageErrorUnsigned": {"eimId": "a", "?8f": "8f017f"}}
    assert [one.code for one in found.findings] == ["asn1.unknown-extension"]
