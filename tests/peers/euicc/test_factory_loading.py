"""Packages in the factory: what loads, what is refused where, and what becomes of the key."""

import hashlib
from dataclasses import replace

import pytest
from factory_bench import (
    ADDRESS,
    IFPP,
    RSP,
    SET,
    SMALL,
    Device,
    content,
    flipped,
    iccid_of,
    signed_again,
)

from dissectors.asn1.tlv import read_tlv, split, tlv
from dissectors.link.apdu import ISDR_AID, store_data
from dissectors.link.apdu_bpp import split_bpp
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.peers.euicc.card import Card

LARGE = replace(SMALL, name="12k", size=12_000)
LATER = ["unused"] * 3


@pytest.fixture
def device() -> Device:
    return Device()


def parts(package: bytes) -> list[bytes]:
    outer = read_tlv(package)
    return [package[one.start : one.end] for one in split(package, outer.body, outer.end)]


def joined(*pieces: bytes) -> bytes:
    return tlv("BF36", *pieces)


def announced(device: Device, bound: ifpp.Bound, package: bytes) -> bytes:
    """The context of a package that is not the one that was bound, signed by the SM-DPf."""
    first = parts(package)[0]
    return signed_again(
        bound,
        bf23Digest=hashlib.sha256(first).hexdigest(),
        bppDigest=hashlib.sha256(package).hexdigest(),
        bppLength=len(package),
    )


def test_a_profile_is_installed_and_its_key_is_gone(device: Device) -> None:
    bound = device.bind(content=content(1, LARGE))
    assert device.load(bound) == "ok"
    state = device.state()
    assert state["profiles"][0]["iccid"] == iccid_of(1)
    assert state["profiles"][0]["loadedBy"] == "fpa"
    assert state["profiles"][0]["enabled"] is False
    assert state["profiles"][0]["mccMnc"] == "00f110"
    assert (state["unusedOtk"], state["consumedOtk"], state["deletedOtk"]) == (3, 1, 0)
    assert device.states() == ["consumed", *LATER]
    result = device.ask("GetIfppResults", {"selector": {"all": None}})["results"][0]
    assert state["profiles"][0]["pirDigest"] == hashlib.sha256(bytes.fromhex(result)).hexdigest()


def test_the_result_can_go_out_in_the_field(device: Device) -> None:
    bound = device.bind()
    device.load(bound)
    raw = device.ask("GetIfppResults", {"selector": {"all": None}})["results"][0]
    data = RSP.decode("ProfileInstallationResult", bytes.fromhex(raw)).value
    data = data["profileInstallationResultData"]
    assert data["notificationMetadata"]["notificationAddress"] == ADDRESS
    assert data["notificationMetadata"]["profileManagementOperation"]["value"] == "80"
    assert data["transactionId"] == bound.transaction.hex()
    assert data["smdpOid"] == "2.999.10"
    device.delete()
    device.close()
    answer = device.euicc.command(bytes.fromhex("BF2B00"), 0.0)
    assert bytes.fromhex(raw) in answer


def test_four_keys_load_four_profiles_of_two_sm_dpfs(device: Device) -> None:
    for number in range(4):
        dpf = binder(SET, "dppb" if number % 2 else "dp2pb")
        assert device.load(device.bind(number, key=number, dpf=dpf)) == "ok"
    assert device.iccids() == [iccid_of(number) for number in range(4)]
    assert device.states() == ["consumed"] * 4
    kept = device.ask("GetIfppResults", {"selector": {"all": None}})["results"]
    data = [RSP.decode("ProfileInstallationResult", bytes.fromhex(one)).value for one in kept]
    found = [one["profileInstallationResultData"] for one in data]
    assert [one["smdpOid"] for one in found] == ["2.999.12", "2.999.10"] * 2
    numbers = [one["notificationMetadata"]["seqNumber"] for one in found]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 4


def test_the_same_package_does_not_load_twice(device: Device) -> None:
    bound = device.bind()
    assert device.load(bound) == "ok"
    assert device.load(bound) == "otkConsumed"
    assert device.load(device.bind(2)) == "otkConsumed"
    assert device.sw(split_bpp(bound.package)[0]) == 0x6985
    assert device.iccids() == [iccid_of(1)]


def test_a_package_without_its_context_is_refused(device: Device) -> None:
    bound = device.bind()
    assert device.sw(split_bpp(bound.package)[0]) == 0x6985
    assert device.context(bound.context) is False
    device.euicc.reset()
    assert device.sw(split_bpp(bound.package)[0]) == 0x6985


def test_the_package_of_another_context(device: Device) -> None:
    first, second = device.bind(1), device.bind(2)
    assert device.context(first.context) is False
    assert device.push(second.package) == ("initialiseSecureChannel", "invalidSignature")
    # the key waits for the package that it is reserved for
    assert device.states() == ["reserved", *LATER]
    assert device.load(first) == "ok"


def test_a_bit_in_the_signature_of_the_channel(device: Device) -> None:
    bound = device.bind()
    first, *rest = parts(bound.package)
    spoilt = joined(flipped(first), *rest)
    # found by the digest of the context, and where that names it by the signature itself
    for context in (bound.context, announced(device, bound, spoilt)):
        fresh = Device()
        assert fresh.context(context) is False
        assert fresh.push(spoilt) == ("initialiseSecureChannel", "invalidSignature")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("820101", "820102", "unsupportedRemoteOperationType"),
        ("800188", "800187", "unsupportedCrtValues"),
        ("810110", "810120", "unsupportedCrtValues"),
    ],
)
def test_members_of_the_channel(device: Device, old: str, new: str, reason: str) -> None:
    bound = device.bind()
    first, *rest = parts(bound.package)
    spoilt = joined(first.replace(bytes.fromhex(old), bytes.fromhex(new), 1), *rest)
    assert device.context(announced(device, bound, spoilt)) is False
    assert device.push(spoilt) == ("initialiseSecureChannel", reason)


def segments(package: bytes) -> list[tuple[int, int]]:
    """Where the protected segments of a package stand: 87, 88 and 86."""
    outer = read_tlv(package)
    _, *rest = split(package, outer.body, outer.end)
    return [(s.start, s.end) for one in rest for s in split(package, one.body, one.end)]


@pytest.mark.parametrize(
    ("place", "command"),
    [(0, "configureISDP"), (1, "storeMetadata"), (2, "loadProfileElements"),
     (7, "loadProfileElements"), (-1, "loadProfileElements")],
)  # fmt: skip
def test_a_bit_in_a_segment(device: Device, place: int, command: str) -> None:
    bound = device.bind(content=content(1, LARGE))
    start, end = segments(bound.package)[place]
    spoilt = flipped(bound.package, (start + end) // 2)
    assert device.context(bound.context) is False
    assert device.push(spoilt) == (command, "scp03tSecurityError")
    assert device.iccids() == []
    # the error is final: this key loads nothing any more
    assert device.states() == ["consumed", *LATER]
    assert device.load(bound) == "otkConsumed"


def test_segments_swapped_left_out_or_doubled(device: Device) -> None:
    bound = device.bind(content=content(1, LARGE))
    pieces = split_bpp(bound.package)
    assert [one[:1] for one in pieces[5:8]] == [b"\x86"] * 3
    for order in (
        [*pieces[:5], pieces[6], pieces[5], *pieces[7:]],
        [*pieces[:5], *pieces[6:]],
        [*pieces[:6], *pieces[5:]],
    ):
        fresh = Device()
        assert fresh.context(bound.context) is False
        ends = (fresh.euicc.command(piece, 0.0) for piece in order)
        last = next(one for one in ends if one)
        assert fresh.final(last) == ("loadProfileElements", "scp03tSecurityError")


def test_the_digest_of_the_whole_package_is_looked_at_last(device: Device) -> None:
    bound = device.bind()
    for members in ({"bppDigest": "00" * 32}, {"bppLength": len(bound.package) - 1}):
        fresh = Device()
        assert fresh.context(signed_again(bound, **members)) is False
        assert fresh.push(bound.package) == ("loadProfileElements", "invalidSignature")
        assert fresh.iccids() == []


def test_metadata_of_another_profile(device: Device) -> None:
    bound = device.bind(1)
    assert device.context(signed_again(bound, iccid=iccid_of(2))) is False
    ended = device.push(bound.package)
    assert ended == ("storeMetadata", "installFailedDueToDataMismatch")


def test_an_element_that_cannot_be_carried_out(device: Device) -> None:
    good = content(1)
    assert isinstance(good.elements, bytes)
    bound = device.bind(content=replace(good, elements=good.elements[:200]))
    ended = device.load(bound)
    assert ended[0] == "loadProfileElements"
    assert device.iccids() == []
    assert device.states() == ["consumed", *LATER]


def test_results_are_found_by_transaction_and_by_key(device: Device) -> None:
    first, second = device.bind(1, key=0), device.bind(2, key=1)
    assert device.load(first) == "ok"
    assert device.context(second.context) is False
    assert device.push(flipped(second.package))[1] == "scp03tSecurityError"
    assert device.results() == ["ok", ("loadProfileElements", "scp03tSecurityError")]
    assert device.results({"transactionId": first.transaction.hex()}) == ["ok"]
    assert len(device.results({"keyRef": second.public.ref.hex()})) == 1
    assert device.results({"keyRef": "00" * 8}) == []


def test_a_context_ends_the_load_before_it(device: Device) -> None:
    first, second = device.bind(1, key=0), device.bind(2, key=1)
    assert device.context(first.context) is False
    assert device.push(first.package, 3) is None
    assert device.load(second) == "ok"
    ends = [("storeMetadata", "installFailedDueToInterruption"), "ok"]
    assert [end[1] if end != "ok" else end for end in device.results()] == [ends[0][1], "ok"]
    assert device.states() == ["reserved", "consumed", "unused", "unused"]
    assert device.context(first.context) is True
    assert device.push(first.package) == "ok"
    assert device.iccids() == [iccid_of(1), iccid_of(2)]


@pytest.mark.parametrize("block", [128, 254, 255])
@pytest.mark.parametrize("channel", [0, 1])
def test_blocks_and_channels(block: int, channel: int) -> None:
    device = Device()
    card = Card(device.euicc)
    if channel:
        assert card.apdu(bytes.fromhex("0070000100"), 0.0)[-2:] in (b"\x01\x90", b"\x90\x00")
    card.apdu(bytes([channel, 0xA4, 4, 0, 16]) + ISDR_AID, 0.0)
    bound, answers = device.bind(content=content(1, LARGE)), []
    for command in (bound.context, *split_bpp(bound.package)):
        for apdu in store_data(command, channel, block):
            answer = card.apdu(apdu, 0.0)
            assert answer[-2:-1] in (b"\x90", b"\x61")
        if answer[-2] == 0x61:
            answers.append(card.apdu(bytes([channel, 0xC0, 0, 0, answer[-1]]), 0.0)[:-2])
    assert IFPP.decode("IfppLoadContextResponse", answers[0]).value["ok"]["resumed"] is False
    assert device.final(answers[-1]) == "ok"
