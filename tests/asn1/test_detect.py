"""What a message is found to be: the unclear, the faulty and the unknown ones."""

from __future__ import annotations

import random

import pytest
from golden_messages import Message, messages

from dissectors.asn1.detect import DetectError, detect
from dissectors.asn1.fits import decode_fitting, groups
from dissectors.asn1.tlv import TlvError, length_octets, split
from dissectors.asn1.versions import SPECS, parse_spec

CANONICAL = [one for one in messages() if one.result == "valid" and not one.typed]


def _elements(data: bytes) -> int:
    """Return how many elements a message has, all the way down."""
    count = 0
    for one in split(data):
        count += 1
        if one.tag[0] & 0x20:
            count += _elements(data[one.body : one.end])
    return count


def _stretched(data: bytes, counter: list[int]) -> bytes:
    """Return a run of elements; the one at which the counter reaches 0 gets a longer length."""
    out = b""
    for one in split(data):
        mark = counter[0] == 0
        counter[0] -= 1
        contents = data[one.body : one.end]
        if one.tag[0] & 0x20:
            contents = _stretched(contents, counter)
        length = length_octets(len(contents))
        if mark:
            length = (
                b"\x81" + length
                if len(contents) < 128
                else b"\x84" + len(contents).to_bytes(4, "big")
            )
        out += one.tag + length + contents
    return out


@pytest.mark.parametrize("one", CANONICAL, ids=str)
def test_one_fault_does_not_change_what_a_message_is(one: Message) -> None:
    rng = random.Random(one.id)
    for _ in range(3):
        data = _stretched(one.data, [rng.randrange(_elements(one.data))])
        found = detect(data)
        types = {found.type: found.specs, **dict(found.others)}
        assert one.type in types
        # what is inside a certificate or an unknown element weighs the same
        assert set(one.specs) <= set(types[one.type]), data.hex()
        assert found.decoded.findings


@pytest.mark.parametrize("one", [one for one in CANONICAL if len(one.data) > 11], ids=str)
def test_a_message_cut_short_is_of_its_type(one: Message) -> None:
    found = detect(one.data[:-1])
    assert one.type in {found.type, *dict(found.others)}


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        ("", "there are no bytes"),
        ("bf", "the first tag does not end"),
        ("1f8080808080808001", "the first tag does not end"),
        (
            "bf7f00",
            "first tag BF7F opens no message of IFPP@0  SGP.22@2.2, 2.4, 2.5, 2.6, 2.7  SGP",
        ),
        ("0200", "none of the types that begin with 02 fits without a fault"),
    ],
)
def test_what_is_no_message_is_refused(octets: str, said: str) -> None:
    with pytest.raises(DetectError, match=said.replace(".", r"\.")):
        detect(bytes.fromhex(octets))


def test_a_type_that_no_version_has() -> None:
    with pytest.raises(DetectError, match="did you mean GetEimPackageRequest"):
        detect(b"\xbf\x4f\x00", None, "getEimPackageReq")
    with pytest.raises(DetectError, match=r"no type 'GetEimPackageRequest' in SGP\.22@2\.7;"):
        detect(b"\xbf\x4f\x00", [parse_spec("SGP.22@2.7")], "GetEimPackageRequest")


def test_lpae_is_of_sgp22_and_ipae_of_sgp32() -> None:
    found = detect(bytes.fromhex("bf42048002 0780".replace(" ", "")))
    types = {found.type: found.specs, **dict(found.others)}
    assert found.type == "IpaeActivationRequest"
    assert all(spec.startswith("SGP.32") for spec in types["IpaeActivationRequest"])
    assert all(spec.startswith("SGP.22") for spec in types["LpaeActivationRequest"])


@pytest.mark.parametrize(
    ("octets", "likeliest"),
    [
        # TRUE, and an unknown result
        ("bf5a038001ff", "ImmediateEnableRequest"),
        # no BOOLEAN has this value, a result has
        ("bf5a03800105", "ImmediateEnableResponse"),
        # sixteen octets are a challenge, and an error code that nobody knows
        ("bf3912811000112233445566778899aabbccddeeff", "InitiateAuthenticationRequestEsipa"),
        ("bf3903810101", "InitiateAuthenticationResponseEsipa"),
        ("bf5003020102", "ProvideEimPackageResultResponse"),
        ("bf5003020101", "ProvideEimPackageResult"),
        ("bf650b8009736d64702e74657374", "SetDefaultDpAddressRequest"),
    ],
)
def test_the_likelier_of_two_types_stands_first(octets: str, likeliest: str) -> None:
    found = detect(bytes.fromhex(octets))
    assert found.type == likeliest


def test_an_empty_type_does_not_swallow_a_faulty_message() -> None:
    # EUICCInfo1 with a version of two octets; GetEuiccInfo1Request has no members at all
    assert detect(bytes.fromhex("bf20088202 0205a900aa00".replace(" ", ""))).type == "EUICCInfo1"


def test_versions_in_which_a_type_is_built_alike_are_tried_once() -> None:
    assert [one.specs for one in groups("SequenceNumber", ("SGP.32",))] == [
        tuple(str(spec) for spec in SPECS if spec.name == "SGP.32")
    ]
    assert len(groups("IpaEuiccData", ("SGP.32",))) == 3
    assert groups("SequenceNumber", ("SGP.22",)) == ()


def test_a_known_type_in_the_versions_that_it_fits() -> None:
    data = bytes.fromhex("bf5108a2068001618f017f")
    decoded, specs = decode_fitting("EuiccPackageResult", data, ("SGP.32",))
    assert specs == ("SGP.32@1.3",)
    assert decoded.ok
    _, specs = decode_fitting("EuiccPackageResult", data, ("SGP.32",), parse_spec("SGP.32@1.0.1"))
    assert specs == ("SGP.32@1.0.1",)
    with pytest.raises(KeyError):
        decode_fitting("EuiccPackageResult", data, ("SGP.22",))


def test_the_helper_of_these_tests_makes_one_fault() -> None:
    assert _stretched(bytes.fromhex("3003020101"), [1]) == bytes.fromhex("300402810101")
    with pytest.raises(TlvError):
        _elements(b"\x30")
