"""Properties of the codec for any value of any type, and for any bytes at all."""

from __future__ import annotations

import json
import time
from typing import Any

from asn1_strategies import damaged_messages, typed_values
from hypothesis import given
from hypothesis import strategies as st
from three_readers import agree

from dissectors.asn1 import codec
from dissectors.asn1.codec import Codec, Decoded, EncodeError
from dissectors.asn1.detect import DetectError, Detection, detect
from dissectors.asn1.print_tree import tree_lines
from dissectors.asn1.versions import SPECS, Spec
from dissectors.asn1.writer import encode_value

# CPU seconds that no message of this size may take, on a slow core
PATIENCE = 20.0


@given(typed_values())
def test_a_value_survives_encoding(drawn: tuple[Spec, str, Any]) -> None:
    spec, name, value = drawn
    loaded = codec.load(spec)
    octets = loaded.encode(name, value)
    decoded = loaded.decode(name, octets)
    assert decoded == Decoded(name, value, (), octets)
    assert loaded.encode(name, json.loads(json.dumps(decoded.value))) == octets
    agree(loaded, name, octets)


@given(typed_values())
def test_both_encoders_write_the_same(drawn: tuple[Spec, str, Any]) -> None:
    spec, name, value = drawn
    loaded = codec.load(spec)
    assert loaded.encode(name, value) == encode_value(loaded.schema, loaded.type(name), value)


@given(typed_values(unknown=True))
def test_unknown_elements_are_kept_in_their_places(drawn: tuple[Spec, str, Any]) -> None:
    spec, name, value = drawn
    loaded = codec.load(spec)
    octets = loaded.encode(name, value)
    decoded = loaded.decode(name, octets)
    assert {one.code for one in decoded.findings} <= {"asn1.unknown-extension"}
    assert decoded.value == value
    assert loaded.encode(name, json.loads(json.dumps(decoded.value))) == octets
    assert loaded.encode(name, decoded) == octets


@given(damaged_messages())
def test_damage_gives_findings_and_nothing_is_lost(drawn: tuple[Spec, str, bytes]) -> None:
    spec, name, data = drawn
    begin = time.process_time()
    agree(codec.load(spec), name, data)
    assert time.process_time() - begin < PATIENCE


@given(damaged_messages())
def test_a_damaged_message_is_detected_or_refused(drawn: tuple[Spec, str, bytes]) -> None:
    begin = time.process_time()
    _detected_or_refused(drawn[2])
    assert time.process_time() - begin < PATIENCE


@given(st.binary(max_size=200))
def test_any_bytes_are_detected_or_refused(data: bytes) -> None:
    _detected_or_refused(data)


@given(st.sampled_from(SPECS), st.data(), st.binary(max_size=60))
def test_any_bytes_as_any_type(spec: Spec, data: st.DataObject, octets: bytes) -> None:
    loaded = codec.load(spec)
    agree(loaded, data.draw(st.sampled_from(loaded.names())), octets)


def _detected_or_refused(data: bytes) -> None:
    try:
        found = detect(data)
    except DetectError as error:
        said = str(error)
    else:
        said = "found"
        _prints(found)
    assert 0 < len(said) < 400


def _prints(found: Detection) -> None:
    """Fail where a detected message cannot be shown."""
    loaded = codec.load(found.spec)
    tree = loaded.tree(found.type, found.decoded.raw)
    for line in tree_lines(loaded, tree):
        assert line.name.isprintable()
        assert line.text.isprintable()
        assert 0 <= line.start <= line.end <= len(found.decoded.raw)
    json.dumps(found.decoded.value)
    for one in tree.findings:
        assert 0 <= one.offset <= len(found.decoded.raw)
        assert one.text.isprintable()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["89", "zz", "ok", "5a"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["eidValue", "iccid", "?8f", "?", "eimId", "value", "length", "x"]),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.sampled_from(SPECS), st.data(), _JSON)
def test_any_json_is_encoded_or_refused(spec: Spec, data: st.DataObject, value: Any) -> None:
    loaded = codec.load(spec)
    name = data.draw(st.sampled_from(loaded.names()))
    octets = _encoded_or_refused(loaded, name, value)
    if octets is not None:
        assert loaded.encode(name, loaded.decode(name, octets).value) == octets


@given(typed_values(), st.data(), _JSON)
def test_a_value_with_one_wrong_member_is_encoded_or_refused(
    drawn: tuple[Spec, str, Any], data: st.DataObject, wrong: Any
) -> None:
    spec, name, value = drawn
    loaded = codec.load(spec)
    places: list[tuple[Any, Any]] = []

    def walk(one: Any) -> None:
        if isinstance(one, dict | list):
            for key in one if isinstance(one, dict) else range(len(one)):
                places.append((one, key))
                walk(one[key])

    value = json.loads(json.dumps(value))
    walk(value)
    if places:
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = wrong
    _encoded_or_refused(loaded, name, value)


def _encoded_or_refused(loaded: Codec, name: str, value: Any) -> bytes | None:
    try:
        return loaded.encode(name, value)
    except EncodeError as error:
        said = str(error)
    assert 0 < len(said) < 4000
    return None
