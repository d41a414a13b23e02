"""Milenage against the published test set."""

import json

import pytest

from sgprobe.crypto import milenage
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.data import data_dir

CASES = json.loads((data_dir("vectors") / "kat" / "milenage.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_published_set(case: dict[str, str]) -> None:
    row = {name: bytes.fromhex(value) for name, value in case.items() if name != "id"}
    assert milenage.opc(row["k"], row["op"]) == row["opc"]
    card = milenage.Milenage(row["k"], row["opc"])
    assert card.f1(row["rand"], row["sqn"], row["amf"]) == row["f1"]
    assert card.f1_star(row["rand"], row["sqn"], row["amf"]) == row["f1_star"]
    for name in ("f2", "f3", "f4", "f5", "f5_star"):
        assert getattr(card, name)(row["rand"]) == row[name]


def test_sizes_are_checked_and_keys_not_printed() -> None:
    with pytest.raises(KeyFormatError):
        milenage.Milenage(bytes(15), bytes(16))
    with pytest.raises(KeyFormatError):
        milenage.opc(bytes(16), bytes(17))
    with pytest.raises(KeyFormatError):
        milenage.opc(bytes(17), bytes(16))
    card = milenage.Milenage(b"K" * 16, b"O" * 16)
    assert "KK" not in repr(card)
    for rand, sqn, amf in ((15, 6, 2), (16, 5, 2), (16, 6, 3)):
        with pytest.raises(KeyFormatError):
            card.f1(bytes(rand), bytes(sqn), bytes(amf))
