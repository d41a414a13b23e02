"""Messages made to take long, and a bound on the CPU time of every reader.

An eighth of a megabyte each; with HYPOTHESIS_PROFILE=long, a whole one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from dissectors.asn1 import codec
from dissectors.asn1.codec import FAST_LIMIT, FULL_LIMIT
from dissectors.asn1.codes import TOO_MANY
from dissectors.asn1.detect import DetectError, detect
from dissectors.asn1.fits import decode_fitting
from dissectors.asn1.print_tree import tree_lines
from dissectors.asn1.reader import MAX_ELEMENTS, MAX_FINDINGS
from dissectors.asn1.tlv import length_octets, tlv

SIZE = 1 << (20 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 17)
# what is linear takes a second or two for a megabyte; what is not takes minutes
PATIENCE = 60.0
# levels of nesting, four or five octets each
LEVELS = SIZE // 5
LOADED = codec.load("SGP.32@1.3")
EID = bytes.fromhex("5a1089049032123451234512345678901235")


def _many(element: str, size: int = SIZE) -> bytes:
    octets = bytes.fromhex(element)
    return octets * (size // len(octets))


def _nested(tag: bytes, levels: int) -> bytes:
    """Return empty elements one in another, with right lengths."""
    heads, inside = [], 0
    for _ in range(levels):
        head = tag + length_octets(inside)
        heads.append(head)
        inside += len(head)
    return b"".join(reversed(heads))


def _names(count: int, down: bool) -> bytes:
    """Return a certificate whose issuer has one name of many values."""
    numbers = range(count, 0, -1) if down else range(count)
    values = [tlv("30", bytes.fromhex("0603550403"), tlv("0c", b"%08d" % one)) for one in numbers]
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    tbs = tlv("30", bytes.fromhex("020101"), algorithm, tlv("30", tlv("31", *values)))
    return tlv("30", tbs, algorithm, bytes.fromhex("030100"))


CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "numbers": ("EimAcknowledgements", lambda: tlv("bf53", _many("800105"))),
    "numbers, and an octet more": (
        "EimAcknowledgements", lambda: tlv("bf53", _many("800105")) + b"\0"),
    "numbers that are too long": ("EimAcknowledgements", lambda: tlv("bf53", _many("80020005"))),
    "elements of the wrong tag": ("EimAcknowledgements", lambda: tlv("bf53", _many("810105"))),
    "unknown elements": ("GetEimPackageRequest", lambda: tlv("bf4f", EID, _many("8500"))),
    "unknown elements of different tags": ("GetEimPackageRequest", lambda: tlv(
        "bf4f", EID, *(b"\xdf" + bytes([0x81 + i % 100, i % 128, 0]) for i in range(SIZE // 4)))),
    "one member again and again": (
        "GetEimPackageRequest", lambda: tlv("bf4f", EID, _many("8000"))),
    "unknown elements of many members": (
        "EUICCInfo2", lambda: tlv("bf22", _many("9b00"))),
    "components backwards": ("ProfileInfo", lambda: tlv("e3", _many("9900920091009000"))),
    "results": ("EuiccPackageResult", lambda: tlv("bf51", tlv("a0", tlv(
        "30", bytes.fromhex("800161810101830101"), tlv("30", _many("830100"))),
        tlv("5f37", bytes(64))))),
    "results that are none": ("EuiccPackageResult", lambda: tlv("bf51", tlv("a0", tlv(
        "30", bytes.fromhex("800161810101830101"), tlv("30", _many("9500"))),
        tlv("5f37", bytes(64))))),
    "nested": ("GetEimPackageRequest", lambda: tlv("bf4f", EID, _nested(b"\xa5", LEVELS))),
    "nested where something is meant": (
        "GetEimPackageResponse", lambda: _nested(b"\xbf\x4f", LEVELS)),
    "nested where a tag is doubled": ("TransferEimPackageRequest", lambda: tlv(
        "bf4e", _nested(b"\xbf\x52", LEVELS))),
    "nested where a tag is replaced": ("CancelSessionRequestEsipa", lambda: tlv(
        "bf41", bytes.fromhex("80010a"), tlv("a1", _nested(b"\xbf\x41", LEVELS)))),
    "endless in endless": ("GetEimPackageRequest", lambda: b"\xbf\x4f\x80" + _many("3080")),
    "endless in endless, closed": (
        "GetEimPackageRequest",
        lambda: b"\xbf\x4f\x80" + _many("3080", SIZE // 2) + _many("0000", SIZE // 2)),
    "endless and closed, side by side": (
        "GetEimPackageRequest", lambda: tlv("bf4f", _many("30800000"))),
    "endless and closed, in one that is endless": (
        "GetEimPackageRequest", lambda: b"\xbf\x4f\x80" + _many("a5800000") + b"\0\0"),
    "endless numbers": ("EimAcknowledgements", lambda: b"\xbf\x53\x80" + _many("80800000")),
    "endless, 31 deep, over and over": (
        "GetEimPackageRequest",
        lambda: tlv("bf4f", EID, _many("a580" * 30 + "0000" * 30))),
    "a tag that does not end": ("GetEimPackageRequest", lambda: b"\xbf" + b"\x80" * SIZE),
    "tags that do not end": ("GetEimPackageRequest", lambda: tlv("bf4f", _many("9f8080808080"))),
    "a number": ("NotificationSentRequest", lambda: tlv("bf30", tlv("80", b"\x01" * SIZE))),
    "an object identifier": (
        "ConfigureISDPRequest", lambda: tlv("bf24", tlv("b8", tlv("80", b"\x81" * SIZE + b"\1")))),
    "bits": ("EuiccMemoryResetRequest", lambda: tlv("bf64", tlv("82", b"\0" + b"\xff" * SIZE))),
    "text": (
        "SetDefaultDpAddressRequest", lambda: tlv("bf65", tlv("80", b"\xc3\xa4" * (SIZE // 2)))),
    "text that cannot be printed": (
        "SetDefaultDpAddressRequest", lambda: tlv("bf65", tlv("80", b"\x1b" * SIZE))),
    "octets": ("IpaEuiccDataRequest", lambda: tlv("bf52", tlv("5c", b"\x5a" * SIZE))),
    "elements in octets": ("EUICCInfo2", lambda: tlv("bf22", tlv("84", _many("810100")))),
    "nested in octets": ("ProfileInstallationResult", lambda: tlv("bf37", tlv("bf27", tlv("a2", tlv(
        "a0", tlv("4f", bytes(16)), tlv("04", _nested(b"\x30", LEVELS))))))),
    "a certificate of nothing but elements": (
        "GetCertsResponse", lambda: tlv("bf56", tlv("a0", tlv("a5", _many("0500"))))),
    "a certificate in depth": (
        "GetCertsResponse", lambda: tlv("bf56", tlv("a0", tlv("a5", _nested(b"\x30", LEVELS))))),
    "names in order": ("Certificate", lambda: _names(SIZE // 26, down=False)),
    "names backwards": ("Certificate", lambda: _names(SIZE // 26, down=True)),
    "sequences of nothing": ("AddInitialEimRequest", lambda: tlv("bf57", tlv("a0", _many("3000")))),
    "zeros": ("GetEimPackageRequest", lambda: bytes(SIZE)),
    "ones": ("GetEimPackageRequest", lambda: b"\xff" * SIZE),
    "thirties": ("Certificate", lambda: b"\x30" * SIZE),
    "a sequence of sequences": ("Certificate", lambda: tlv("30", _many("3000"))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_no_message_takes_long(name: str) -> None:
    kind, make = CASES[name]
    data = make()
    begin = time.process_time()
    decoded = LOADED.decode(kind, data)
    tree = LOADED.tree(kind, data)
    assert len(decoded.findings) <= MAX_FINDINGS
    assert sum(1 for _ in tree_lines(LOADED, tree)) < 2 * SIZE
    assert LOADED.encode(kind, decoded) == data
    decode_fitting(kind, data, ("SGP.22", "SGP.32"))
    try:
        detect(data)
    except DetectError as error:
        # no message begins so, or none fits: that is an answer too
        assert "first tag" in str(error) or "none of the types" in str(error)  # noqa: PT017
    assert time.process_time() - begin < PATIENCE


def test_a_value_of_many_repeated_members_is_built_in_one_pass() -> None:
    data = tlv("bf4f", EID, _many("8500", 2 * (MAX_FINDINGS - 1)))
    decoded = LOADED.decode("GetEimPackageRequest", data)
    value = decoded.value
    assert decoded.ok
    assert [*value][-1] == f"?85#{MAX_FINDINGS - 1}"
    assert LOADED.encode("GetEimPackageRequest", value) == data


def test_findings_end_and_the_rest_is_kept() -> None:
    data = tlv("bf4f", EID, _many("8500", 3 * MAX_FINDINGS))
    decoded = LOADED.decode("GetEimPackageRequest", data)
    assert len(decoded.findings) == MAX_FINDINGS
    assert decoded.findings[-1].code == TOO_MANY.name
    assert not decoded.ok
    assert len(decoded.value) == MAX_FINDINGS + 2
    assert LOADED.encode("GetEimPackageRequest", decoded.value) == data


def test_elements_end_and_the_rest_is_kept() -> None:
    data = tlv("bf53", bytes.fromhex("800105") * (MAX_ELEMENTS + 5)) + b"\0"
    decoded = LOADED.decode("EimAcknowledgements", data)
    assert [one.code for one in decoded.findings] == [TOO_MANY.name, "der.trailing-bytes"]
    assert decoded.findings[0].offset == len(data) - 1 - 3 * 6
    assert decoded.value[-1] == "800105" * 6
    assert len(decoded.value) == MAX_ELEMENTS


def _large(size: int) -> Iterator[tuple[str, bytes]]:
    yield "BoundProfilePackage", tlv("bf36", tlv("a3", *[tlv("86", bytes(1000))] * (size // 1000)))
    yield "EimAcknowledgements", tlv("bf53", _many("800105", size))


@pytest.mark.parametrize("limit", [FULL_LIMIT, FAST_LIMIT])
def test_beyond_a_limit_the_patient_reader_reads_the_same(limit: int) -> None:
    for kind, data in _large(limit // 2):
        assert len(data) < limit
        below = LOADED.decode(kind, data).findings
        assert below == LOADED.tree(kind, data).findings or limit == FAST_LIMIT
    for kind, data in _large(limit + 2000):
        begin = time.process_time()
        assert len(data) > limit
        tree = LOADED.tree(kind, data)
        codes = {one.code for one in tree.findings}
        assert codes == ({TOO_MANY.name} if kind == "EimAcknowledgements" else {"asn1.missing"})
        assert time.process_time() - begin < PATIENCE
