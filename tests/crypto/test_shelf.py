"""The stored set is what the command makes, byte for byte; broken folders give one clear error."""

import json
from pathlib import Path

import pytest

from sgprobe.crypto.forge import Forge
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.shelf import INDEX, STORED_START, ShelfError, open_shelf, write_shelf
from sgprobe.data import data_dir

VECTORS = data_dir("vectors")


def test_the_index_follows_its_schema() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    schema = json.loads((VECTORS / "schemas" / "pki.schema.json").read_text())
    validator.check_schema(schema)
    index = json.loads((VECTORS / "pki" / INDEX).read_text())
    validator(schema).validate(index)
    broken = index | {"schema": "other"}
    assert not validator(schema).is_valid(broken)


@pytest.mark.parametrize("name", ["bsp", "bpp", "ecdsa", "milenage"])
def test_the_known_answers_follow_their_schema(name: str) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    schema = json.loads((VECTORS / "schemas" / "kat.schema.json").read_text())
    validator.check_schema(schema)
    known = json.loads((VECTORS / "kat" / f"{name}.json").read_text())
    validator(schema).validate(known)
    assert known["schema"] == f"sgprobe/kat-{name}/1"
    assert not validator(schema).is_valid(known | {"origin": ""})


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_shelf(tmp_path, [Forge("x", Curve.P256, STORED_START)], ["expired"])
    return tmp_path


def test_what_is_written_is_loaded(small: Path) -> None:
    found = TestPki.load(small)
    assert list(found.sets) == [Curve.P256]
    assert found["p256"].get("eum", "expired").certificate.not_after < STORED_START
    with pytest.raises(ShelfError, match="no dpauth with the fault revoked on p256"):
        found["p256"].get("dpauth", "revoked")
    with pytest.raises(ShelfError, match="no CRL other"):
        found["p256"].crl("other")


@pytest.mark.parametrize(
    "index",
    ["", "[]", "{}", '{"schema": "sgprobe/pki/1"}', '{"schema": "x", "sets": {}}', "\xff"]
    + [
        json.dumps({"schema": "sgprobe/pki/1", "sets": sets})
        for sets in ([], {"p256": {}}, {"p256": {"certificates": [1], "crls": []}})
    ],
)
def test_a_broken_index_is_one_error(small: Path, index: str) -> None:
    (small / INDEX).write_text(index, encoding="latin-1")
    with pytest.raises(ShelfError, match=r"index\.json"):
        open_shelf(small)


def test_an_unknown_curve_is_one_error(small: Path) -> None:
    index = json.loads((small / INDEX).read_text())
    index["sets"]["p999"] = index["sets"]["p256"]
    (small / INDEX).write_text(json.dumps(index))
    with pytest.raises(ShelfError, match="p999"):
        open_shelf(small)


def test_missing_and_broken_files_are_one_error(small: Path) -> None:
    (small / "p256/ci.cert.pem").write_text("-----BEGIN X-----\n???\n-----END X-----\n")
    with pytest.raises(ShelfError, match="no PEM file"):
        TestPki.load(small)["p256"].ci
    (small / "p256/ci.cert.pem").unlink()
    with pytest.raises(ShelfError, match="cannot be read"):
        TestPki.load(small)["p256"].ci
    with pytest.raises(ShelfError, match="cannot be read"):
        open_shelf(small / "nowhere")
