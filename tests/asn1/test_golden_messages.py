"""Every golden message in both directions, and that the messages cover what there is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fill_vectors import laid_out
from golden_messages import SCHEMA, Message, files, messages

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.codec import Decoded
from dissectors.asn1.codes import CODES, TOO_MANY
from dissectors.asn1.detect import detect
from dissectors.asn1.versions import SPECS, Spec, parse_spec
from dissectors.finding import Severity
from dissectors.spec.functions import FUNCTIONS, message_specs

ALL = messages()
CANONICAL = [one for one in ALL if one.result == "valid"]
# what can be written again from its value: nothing is out of place
WRITABLE = [
    one for one in ALL if all(code == "asn1.unknown-extension" for code, _, _ in one.findings)
]


def _findings(decoded: Decoded) -> tuple[tuple[str, str, int], ...]:
    return tuple((one.code, one.path, one.offset) for one in decoded.findings)


# --- the files ---


def test_files_follow_their_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert files()
    for path in files():
        file = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(file, schema, jsonschema.Draft202012Validator)
        assert file["topic"] == path.stem
        assert path.read_text(encoding="utf-8") == laid_out(file), "run tests/asn1/fill_vectors.py"
        for row in file["messages"]:
            assert row["id"].startswith(f"{path.stem}/")
            assert set(row.get("flags", ())) <= file["flags"].keys(), row["id"]


def test_an_id_names_one_message() -> None:
    assert [name for name, count in Counter(one.id for one in ALL).items() if count > 1] == []


def test_specs_stand_in_order() -> None:
    place = {str(spec): at for at, spec in enumerate(SPECS)}
    for one in ALL:
        assert list(one.specs) == sorted(one.specs, key=place.__getitem__), one.id
        assert set(one.values) < set(one.specs), one.id


# --- each message ---


@pytest.mark.parametrize("one", ALL, ids=str)
def test_decodes_to_its_value(one: Message) -> None:
    decoded = codec.load(one.newest).decode(one.type, one.data)
    assert _findings(decoded) == one.findings
    assert decoded.value == one.value
    for spec, value in one.values.items():
        assert codec.load(spec).decode(one.type, one.data).value == value


@pytest.mark.parametrize("one", ALL, ids=str)
def test_result_is_what_the_findings_weigh(one: Message) -> None:
    severities = {CODES[code].severity for code, _, _ in one.findings}
    weight = "invalid" if Severity.ERROR in severities else "acceptable" if severities else "valid"
    assert one.result == weight
    assert codec.load(one.newest).decode(one.type, one.data).ok == (one.result != "invalid")


@pytest.mark.parametrize("one", ALL, ids=str)
def test_is_detected_as_what_it_is(one: Message) -> None:
    if one.typed:
        found = detect(one.data, [parse_spec(spec) for spec in one.specs], one.type)
    else:
        found = detect(one.data)
    assert {found.type: found.specs, **dict(found.others)} == {one.type: one.specs, **one.also}
    assert found.type == one.likeliest


@pytest.mark.parametrize("one", CANONICAL, ids=str)
def test_every_version_that_it_fits_reads_and_writes_it(one: Message) -> None:
    for spec in one.specs:
        loaded = codec.load(spec)
        decoded = loaded.decode(one.type, one.data)
        assert decoded.findings == ()
        assert loaded.encode(one.type, decoded.value) == one.data


@pytest.mark.parametrize("one", WRITABLE, ids=str)
def test_encodes_to_its_bytes(one: Message) -> None:
    assert codec.load(one.newest).encode(one.type, one.value) == one.data


@pytest.mark.parametrize("one", ALL, ids=str)
def test_an_unmodified_decoded_value_gives_its_bytes_back(one: Message) -> None:
    loaded = codec.load(one.newest)
    assert loaded.encode(one.type, loaded.decode(one.type, one.data)) == one.data


@pytest.mark.parametrize("one", WRITABLE, ids=str)
def test_the_value_survives_as_json_text(one: Message) -> None:
    loaded = codec.load(one.newest)
    text = json.dumps(loaded.decode(one.type, one.data).value)
    assert loaded.encode(one.type, json.loads(text)) == one.data


def _numbered(schema: m.Schema, type_: m.Type, value: Any) -> Any:
    """Return a value with numbers in place of names."""
    match schema.shape(type_):
        case m.Sequence(fields) | m.Choice(fields) if isinstance(value, dict):
            types = {one.name: one.type for one in fields}
            return {
                name: _numbered(schema, types[name], one) if name in types else one
                for name, one in value.items()
            }
        case m.ListOf(element) if isinstance(value, list):
            return [_numbered(schema, element, one) for one in value]
        case m.Integer(names) if isinstance(value, str):
            return {label: number for number, label in names}[value]
    return value


@pytest.mark.parametrize("one", CANONICAL, ids=str)
def test_numbers_are_read_where_names_are_printed(one: Message) -> None:
    loaded = codec.load(one.newest)
    plain = _numbered(loaded.schema, loaded.type(one.type), one.value)
    assert loaded.encode(one.type, plain) == one.data


# --- what they cover ---


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_function_of_a_version_has_its_messages(spec: Spec) -> None:
    loaded = codec.load(spec)
    there = {one.type for one in CANONICAL if str(spec) in one.specs}
    wanted = {
        name
        for function in FUNCTIONS
        if spec.name in function.specs
        for name in (function.request, function.response)
        if name is not None and name in loaded
    }
    assert wanted - there == set()


def _below(schema: m.Schema, type_: m.Type, value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Walk the members that a value has, each as the type it stands in and its name."""
    if isinstance(type_.shape, m.Ref):
        key = type_.shape.key
    match schema.shape(type_):
        case m.Sequence(fields) | m.Choice(fields) if isinstance(value, dict):
            for one in fields:
                if one.name in value:
                    yield key, one.name
                    below = f"{key}.{one.name}"
                    yield from _below(schema, one.type, value[one.name], below)
        case m.ListOf(element) if isinstance(value, list):
            for one in value:
                yield from _below(schema, element, one, f"{key}[]")


def _members(schema: m.Schema, type_: m.Type, key: str, seen: set[tuple[str, str]]) -> None:
    """Collect the members that a type can have."""
    if isinstance(type_.shape, m.Ref):
        key = type_.shape.key
    match schema.shape(type_):
        case m.Sequence(fields) | m.Choice(fields):
            for one in fields:
                if (key, one.name) not in seen:
                    seen.add((key, one.name))
                    _members(schema, one.type, f"{key}.{one.name}", seen)
        case m.ListOf(element):
            _members(schema, element, f"{key}[]", seen)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_member_of_every_message_is_there_once(spec: Spec) -> None:
    loaded = codec.load(spec)
    schema, wanted, there = loaded.schema, set[tuple[str, str]](), set[tuple[str, str]]()
    for name, names in message_specs().items():
        if spec.name in names and name in loaded:
            _members(schema, schema.types[name], name, wanted)
    for one in CANONICAL:
        if str(spec) in one.specs:
            value = loaded.decode(one.type, one.data).value
            there |= set(_below(schema, schema.types[one.type], value, one.type))
    assert wanted - there == set()


def test_every_finding_is_there_once() -> None:
    made = {code for one in ALL for code, _, _ in one.findings}
    assert CODES.keys() - made == {TOO_MANY.name}
