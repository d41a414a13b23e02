"""The readers agree: fast, full and patient with one another, and all with two other compilers.

Damaged messages are made from the golden ones with a fixed seed, so a failure comes back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from asn1_oracles import pycrate_decode, pycrate_encode
from asn1tools_oracle import asn1tools_decode, comparable
from golden_messages import Message, messages
from three_readers import agree

from dissectors.asn1 import codec
from dissectors.asn1.versions import SPECS, Spec, parse_spec

ALL = messages()
CANONICAL = [one for one in ALL if one.result == "valid"]
# damaged forms of each message in each of its versions
FORMS = 3


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a message with one fault: a bit, a cut, an octet more, a lying length, a splice."""
    octets = bytearray(data)
    at = rng.randrange(len(octets))
    match rng.randrange(6):
        case 0:
            octets[at] ^= 1 << rng.randrange(8)
        case 1:
            del octets[at:]
        case 2:
            octets.insert(at, rng.randrange(256))
        case 3:
            octets[at] = rng.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF))
        case 4:
            end = min(len(octets), at + rng.randrange(1, 9))
            octets[at:at] = octets[at:end]
        case 5:
            del octets[at : at + rng.randrange(1, 9)]
    return bytes(octets)


def _of(spec: Spec) -> Iterator[Message]:
    for one in ALL:
        if str(spec) in one.specs:
            yield one


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_three_readers_agree_on_golden_messages(spec: Spec) -> None:
    for one in _of(spec):
        agree(codec.load(spec), one.type, one.data)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_three_readers_agree_on_damaged_messages(spec: Spec) -> None:
    rng = random.Random(str(spec))
    for one in _of(spec):
        for _ in range(FORMS):
            agree(codec.load(spec), one.type, damaged(one.data, rng))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_three_readers_agree_on_the_wrong_type(spec: Spec) -> None:
    rng = random.Random(str(spec))
    loaded = codec.load(spec)
    names = loaded.names()
    for one in _of(spec):
        agree(loaded, rng.choice(names), one.data)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_agrees_with_asn1tools(spec: Spec) -> None:
    loaded = codec.load(spec)
    for one in CANONICAL:
        if str(spec) in one.specs:
            value = loaded.decode(one.type, one.data).value
            ours = comparable(loaded.schema, loaded.type(one.type), value, asn1tools=True)
            assert ours == asn1tools_decode(spec, one.type, one.data), one.id


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_agrees_with_pycrate(spec: Spec) -> None:
    pytest.importorskip("pycrate_asn1c", reason="pycrate is an oracle of the tests only")
    loaded = codec.load(spec)
    for one in CANONICAL:
        if str(spec) in one.specs:
            value = loaded.decode(one.type, one.data).value
            ours = comparable(loaded.schema, loaded.type(one.type), value)
            assert ours == pycrate_decode(spec, one.type, one.data), one.id


@pytest.mark.parametrize("one", CANONICAL, ids=str)
def test_pycrate_gives_the_golden_bytes(one: Message) -> None:
    pytest.importorskip("pycrate_asn1c", reason="pycrate is an oracle of the tests only")
    assert pycrate_encode(one.newest, one.type, one.value) == one.data
    for spec, value in one.values.items():
        assert pycrate_encode(parse_spec(spec), one.type, value) == one.data


def test_unknown_elements_are_passed_over_as_asn1tools_does() -> None:
    seen = 0
    for one in ALL:
        if one.result == "acceptable" and "unknown-extension" in one.flags:
            if one.data.endswith(b"\x80\x00"):
                continue  # asn1tools stops at the first unknown element, and so loses what follows
            loaded = codec.load(one.newest)
            value = loaded.decode(one.type, one.data).value
            ours = comparable(loaded.schema, loaded.type(one.type), value, asn1tools=True)
            if not next(iter(one.value)).startswith("?"):
                assert ours == asn1tools_decode(one.newest, one.type, one.data), one.id
                seen += 1
    assert seen > 2
