"""The module files are whole: what is named is defined, and an overlay repeats nothing."""

import json
import re
from pathlib import Path
from typing import Any

import asn1tools.parser
import pytest

from dissectors.asn1.syntax import MODULES
from dissectors.asn1.versions import SPECS, Spec

Types = dict[str, Any]
HEADERS = {
    "ifpp": "IfppReferenceBinding",
    "rsp": "RSPDefinitions { 2 23 146 1 1 2 }",
    "sgp32": "SGP32Definitions { 2 23 146 1 1 31 }",
}
BUILT_IN = {
    "ANY", "BIT STRING", "BOOLEAN", "CHOICE", "GeneralizedTime", "INTEGER", "NULL",
    "OBJECT IDENTIFIER", "OCTET STRING", "SEQUENCE", "SEQUENCE OF", "SET OF", "UTCTime",
    "UTF8String",
}  # fmt: skip
WIRE_TAGS = json.loads((Path(__file__).parent / "wire_tags.json").read_text(encoding="utf-8"))


def _text(file: str) -> str:
    return (MODULES / file).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    files = sorted(path.name for path in MODULES.iterdir())
    return {file: asn1tools.parser.parse_string(_text(file)) for file in files}


def _whole(spec: Spec, parsed: dict[str, Any]) -> tuple[Types, set[str]]:
    """Return the types of a version, and the names that its modules import."""
    types: Types = {}
    imported: set[str] = set()
    for file in spec.modules:
        (module,) = parsed[file].values()
        types |= module["types"]
        for names in module["imports"].values():
            imported.update(names)
        for name in _absent(file):
            del types[name]
    return types, imported


def _absent(file: str) -> list[str]:
    lines = re.findall(r"^-- absent: (.+)$", _text(file), re.MULTILINE)
    return [name for line in lines for name in line.split(", ")]


def _used(raw: Any) -> set[str]:
    """Return every type name in a parsed type."""
    if isinstance(raw, list):
        return set().union(*map(_used, raw))
    if not isinstance(raw, dict):
        return set()
    inner = [value for key, value in raw.items() if key in ("members", "element")]
    return {raw["type"]} | _used(inner)


def test_every_module_has_its_header(parsed: dict[str, Any]) -> None:
    for spec in SPECS:
        file = spec.modules[-1]
        assert HEADERS[file.partition("-")[0]] in _text(file)
        (module,) = parsed[file].values()
        assert (module["tags"], module["extensibility-implied"]) == ("AUTOMATIC", True)
    tags = {name: module["tags"] for name, module in parsed["pkix.asn"].items()}
    assert tags == {
        "PKIX1Explicit88": "EXPLICIT",
        "PKIX1Implicit88": "IMPLICIT",
        "PEDefinitions": "AUTOMATIC",
    }


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_name_is_defined_or_imported(spec: Spec, parsed: dict[str, Any]) -> None:
    types, imported = _whole(spec, parsed)
    used = _used(list(types.values()))
    assert used - BUILT_IN - types.keys() - imported == set()
    outside = {name for module in parsed["pkix.asn"].values() for name in module["types"]}
    if spec.imports:
        source = next(other for other in SPECS if str(other) == spec.imports)
        outside |= _whole(source, parsed)[0].keys()
    assert (used - BUILT_IN - types.keys()) - outside == set()


@pytest.mark.parametrize("spec", [spec for spec in SPECS if len(spec.modules) > 1], ids=str)
def test_an_overlay_holds_only_what_differs(spec: Spec, parsed: dict[str, Any]) -> None:
    newer = next(other for other in SPECS if other.modules == spec.modules[:-1])
    before, _ = _whole(newer, parsed)
    (module,) = parsed[spec.modules[-1]].values()
    absent = _absent(spec.modules[-1])
    assert len(absent) == len(set(absent))
    assert before.keys() >= set(absent) | module["types"].keys()
    assert not set(absent) & module["types"].keys()
    assert [name for name, raw in module["types"].items() if before[name] == raw] == []


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_fields_stand_in_the_order_of_the_wire_table(spec: Spec, parsed: dict[str, Any]) -> None:
    types, _ = _whole(spec, parsed)
    for name, expected in WIRE_TAGS[str(spec)].items():
        if expected is None:
            assert name not in types
        elif name in types and "fields" in expected:
            assert [field["name"] for field in types[name]["members"]] == list(expected["fields"])
    if len(spec.modules) == 1:
        assert types.keys() <= WIRE_TAGS[str(spec)].keys()


def test_comments_end_where_their_line_ends() -> None:
    # a second pair of hyphens ends an ASN.1 comment: what follows would be syntax
    for path in MODULES.iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.count("--") <= 1, line
            assert len(line) <= 110, line
