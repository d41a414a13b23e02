"""Profile packages: read by a stranger's ASN.1, of the sizes asked for, always the same."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import split
from dissectors.spec.identity import iccid_octets, is_luhn
from sgprobe.data import data_dir
from sgprobe.peers.profiles import elements, shelf, tags
from sgprobe.peers.profiles.elements import File, Pin
from sgprobe.peers.profiles.icon import png
from sgprobe.peers.profiles.library import (
    BROKEN_TYPES,
    PROFILE_TYPES,
    TEST_KEY,
    ProfileType,
    make_iccid,
    package,
    subscription,
)
from sgprobe.peers.profiles.package import Subscription, build, imsi_octets

ICCID = make_iccid(7)


def parts(data: bytes) -> list[bytes]:
    return [data[one.start : one.end] for one in split(data)]


@pytest.fixture(scope="session")
def stranger():
    """PEDefinitions as pycrate compiled them from the specification."""
    module = pytest.importorskip(
        "pycrate_asn1dir.eUICCPP_IFTv3", reason="pycrate is not installed: no second opinion"
    )
    return module.PEDefinitions.ProfileElement


def read(stranger, data: bytes):
    """Return a stranger's value of one element, after it has written the same octets again."""
    stranger.from_ber(data)
    assert stranger.to_der() == data
    return stranger.get_val()


@pytest.mark.oracle("pycrate")
@pytest.mark.parametrize("kind", sorted(PROFILE_TYPES))
def test_a_stranger_reads_every_element_and_writes_it_the_same(stranger, kind):
    names = [read(stranger, part)[0] for part in parts(package("s", ICCID, PROFILE_TYPES[kind]))]
    assert names[0] == "header"
    assert names[-1] == "end"
    for name in ("mf", "usim", "akaParameter", "securityDomain", "pinCodes", "pukCodes"):
        assert name in names


@pytest.mark.oracle("pycrate")
def test_a_stranger_sees_the_subscription(stranger):
    person = subscription("s", ICCID, PROFILE_TYPES["small"])
    found = dict(read(stranger, part) for part in parts(build(person)))
    assert found["header"]["iccid"].hex() == ICCID + "f"
    assert set(found["header"]["eUICC-Mandatory-services"]) == {"usim", "milenage"}
    algorithm = found["akaParameter"]["algoConfiguration"][1]
    assert (algorithm["algorithmID"], algorithm["key"]) == (1, person.k)
    assert algorithm["opc"] == person.opc
    files = dict(found["usim"])
    assert ("fillFileContent", imsi_octets(person.imsi)) in files["ef-imsi"]
    assert ("fillFileContent", iccid_octets(ICCID)) in found["mf"]["ef-iccid"]
    keys = found["securityDomain"]["keyList"]
    assert [key["keyIdentifier"] for key in keys] == [b"\x01", b"\x02", b"\x03"]


@pytest.mark.oracle("pycrate")
def test_what_is_filled_fits_its_file(stranger):
    for part in parts(package("s", ICCID, PROFILE_TYPES["100k"])):
        name, value = read(stranger, part)
        if name != "genericFileManagement":
            continue
        (commands,) = value["fileManagementCMD"]
        made = [value for name, value in commands if name == "createFCP"]
        sizes = [fcp["efFileSize"] for fcp in made if "efFileSize" in fcp]
        contents = [one[1] for one in commands if one[0] == "fillFileContent"]
        assert [int.from_bytes(size, "big") for size in sizes] == [len(one) for one in contents]


@pytest.mark.oracle("pycrate")
def test_the_tags_are_those_of_the_specification(stranger):
    checked = 0
    for name, alternative in stranger._cont.items():
        if name in tags.ELEMENT_TAGS:
            assert tags.ELEMENT_TAGS[name] == tags.context(alternative._tag[0])
            checked += 1
    assert checked >= 25


@pytest.mark.parametrize("size", [0, 1500, 5_000, 30_000, 65_600, 100_000, 250_000])
def test_a_package_has_the_size_that_is_asked_for(size):
    person = subscription("s", ICCID, PROFILE_TYPES["small"])
    made = build(person, size)
    least = len(build(person))
    assert least < 1_300
    if size > least + 200:
        assert size - 48 <= len(made) <= size
    assert len(parts(made)) >= 9


def test_identification_numbers_are_unique():
    numbers = []
    for part in parts(package("s", ICCID, PROFILE_TYPES["100k"]))[1:]:
        (outer,) = split(part)
        head = next(split(part, outer.body, outer.end))
        *_, number = split(part, head.body, head.end)
        numbers.append(int.from_bytes(part[number.body : number.end], "big"))
    assert numbers == sorted(set(numbers))


def test_a_marker_is_planted_once():
    kind = ProfileType("marked", 30_000, marker=b"find me if you can")
    assert package("s", ICCID, kind).count(b"find me if you can") == 1
    assert package("s", ICCID, ProfileType("m", 0, marker=b"find me")).count(b"find me") == 1


def test_subscriptions_depend_on_seed_and_iccid():
    kind = PROFILE_TYPES["small"]
    one, same = subscription("s", ICCID, kind), subscription("s", ICCID, kind)
    assert one == same
    others = (subscription("t", ICCID, kind), subscription("s", make_iccid(8), kind))
    for other in others:
        assert other.k != one.k
    assert others[1].imsi != one.imsi
    assert one.k.hex() not in repr(one)


@pytest.mark.oracle("pycrate")
@pytest.mark.parametrize("kind", sorted(BROKEN_TYPES))
def test_what_no_euicc_may_install_is_wrong_for_its_one_reason(stranger, kind):
    made = BROKEN_TYPES[kind]
    elements = [read(stranger, part) for part in parts(package("s", ICCID, made))]
    names = [name for name, _ in elements]
    header = elements[0][1]
    inside = header["iccid"] == bytes.fromhex(ICCID.ljust(20, "F"))
    templates = [one[-1] for one in header["eUICC-Mandatory-GFSTEList"]]
    assert (names.count("end") == 1) is (kind != "broken")
    assert inside is (kind != "other-iccid")
    assert ("usim" in names) is (kind != "no-usim")
    assert ("securityDomain" in names) is (kind != "no-domain")
    assert (99 in templates) is (kind == "unknown-template")
    is_test = made.profile_class == "test"
    assert (is_test and subscription("s", ICCID, made).k != TEST_KEY) is (kind == "own-key")


@given(st.integers(0, 10**11 - 1))
@settings(max_examples=50)
def test_iccids_have_their_luhn_digit(serial):
    assert is_luhn(make_iccid(serial))
    assert len(make_iccid(serial)) == 19


@pytest.mark.parametrize(
    ("imsi", "octets"),
    [("001010123456063", "080910101032540636"), ("26201123456789", "0821261021436587f9")],
)
def test_imsi(imsi, octets):
    # 3GPP TS 31.102 §4.2.2; the first value is that of GSMA TS.48
    assert imsi_octets(imsi).hex() == octets


@pytest.mark.parametrize("size", [300, 1000, 1024])
def test_icons_are_png_images_of_their_size(size):
    image = png(size)
    assert len(image) == size
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert image.endswith(b"IEND\xaeB`\x82")


def test_what_cannot_be_made_is_named():
    with pytest.raises(KeyError, match="no service 'teleport'"):
        elements.header("x", bytes(10), ["teleport"], [])
    with pytest.raises(KeyError, match="no file ef-none"):
        elements.template("mf", 1, tags.TEMPLATE_MF, tags.MF_FILES, {"ef-none": File({})})
    with pytest.raises(KeyError, match="no colour"):
        elements.fcp({"colour": b""})
    with pytest.raises(ValueError, match="no icon"):
        png(5000)


def test_defaults_of_a_pin_are_left_out():
    assert "830107" not in elements.pin_codes(1, [Pin(1, bytes(8))]).hex()
    assert "830106" in elements.pin_codes(1, [Pin(1, bytes(8), attributes=6)]).hex()


def test_the_stored_packages_come_out_again():
    folder = data_dir("vectors") / "profiles"
    made = dict(shelf.files())
    assert made.keys() == {path.name for path in folder.iterdir()}
    for name, data in made.items():
        assert (folder / name).read_bytes() == data, name
    index = json.loads(made[shelf.INDEX])
    for name, entry in index["files"].items():
        assert hashlib.sha256(made[name]).hexdigest() == entry["sha256"]


def test_a_subscription_of_ones_own():
    person = Subscription("89880000000000000018", "262011234567890", bytes(16), bytes(16))
    assert build(person, 2000)
