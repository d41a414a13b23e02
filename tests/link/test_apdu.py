"""APDUs taken apart and built, STORE DATA chains, classes and logical channels."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.link.apdu import (
    ISDR_AID,
    ApduError,
    CommandApdu,
    ResponseApdu,
    channel_of,
    class_on,
    close_channel,
    get_response,
    is_secured,
    open_channel,
    select,
    store_data,
    terminal_capability,
)
from dissectors.link.apdu_chain import StoreDataChain, announced_length, tlv_fault


def test_known_apdus_are_built_byte_for_byte() -> None:
    assert terminal_capability().hex() == "80aa000005a903830107"
    assert open_channel().hex() == "0070000001"
    assert close_channel(2).hex() == "0070800200"
    assert select(ISDR_AID, 1).hex() == "01a4040010a0000005591010ffffffff8900000100"
    assert store_data(bytes.fromhex("BF3E035C015A")) == [bytes.fromhex("80E2910006BF3E035C015A")]
    assert get_response(256, 2).hex() == "02c0000000"
    assert get_response(0x15, 1, cla=0x80).hex() == "81c0000015"


def test_chain_is_cut_and_numbered() -> None:
    blocks = store_data(bytes(300), channel=5, block=120)
    assert [block[:5].hex() for block in blocks] == ["c1e2110078", "c1e2110178", "c1e291023c"]
    assert len(store_data(bytes(256 * 255))) == 256


@pytest.mark.parametrize(
    ("command", "channel", "block"),
    [(b"", 0, 255), (bytes(65_281), 0, 255), (b"x", 20, 255), (b"x", 0, 0), (b"x", 0, 256)],
)
def test_chain_that_cannot_be_is_refused(command: bytes, channel: int, block: int) -> None:
    with pytest.raises(ApduError):
        store_data(command, channel, block)


@pytest.mark.parametrize(
    ("raw", "data", "le"),
    [
        ("00A40400", "", None),
        ("0070000001", "", 1),
        ("00C0000000", "", 256),
        ("80E2910003BF2D00", "BF2D00", None),
        ("80E2910003BF2D0000", "BF2D00", 256),
        ("80E29100000003BF2D00", "BF2D00", None),
        ("80E29100000003BF2D000100", "BF2D00", 256),
        ("80E29100000000", "", 65_536),
    ],
)
def test_command_of_each_case(raw: str, data: str, le: int | None) -> None:
    command = CommandApdu.parse(bytes.fromhex(raw))
    assert (command.data.hex().upper(), command.le) == (data, le)


@pytest.mark.parametrize(
    "raw", ["", "80E291", "80E2910004BF2D00", "80E2910003BF2D00000000", "80E29100000003BF2D0000",
            "80E291000000", "80E2910000000000"],
)  # fmt: skip
def test_broken_command_is_refused(raw: str) -> None:
    with pytest.raises(ApduError):
        CommandApdu.parse(bytes.fromhex(raw))


@given(
    head=st.binary(min_size=4, max_size=4),
    data=st.binary(max_size=300),
    le=st.none() | st.integers(1, 65_536),
)
def test_command_comes_back(head: bytes, data: bytes, le: int | None) -> None:
    command = CommandApdu(*head, data=data, le=le)
    assert CommandApdu.parse(bytes(command)) == command


@given(raw=st.binary(max_size=40))
def test_any_bytes_are_apdus_or_refused(raw: bytes) -> None:
    for kind in (CommandApdu, ResponseApdu):
        with contextlib.suppress(ApduError):
            assert bytes(kind.parse(raw))


@given(data=st.binary(max_size=300), sw=st.integers(0x9000, 0x9FFF) | st.integers(0x6000, 0x6FFF))
def test_response_comes_back(data: bytes, sw: int) -> None:
    assert ResponseApdu.parse(bytes(ResponseApdu(data, sw))) == ResponseApdu(data, sw)


def test_status_words() -> None:
    told = [(r.ok, r.more, r.right_le) for r in map(ResponseApdu.parse, map(
        bytes.fromhex, ["9000", "910B", "6115", "6100", "6C20", "6985"]))]  # fmt: skip
    assert told == [
        (True, None, None), (True, None, None), (False, 0x15, None), (False, 256, None),
        (False, None, 0x20), (False, None, None),
    ]  # fmt: skip
    with pytest.raises(ApduError, match="no status word"):
        ResponseApdu.parse(b"\x12\x34")


@given(channel=st.integers(0, 19), cla=st.sampled_from([0x00, 0x80]))
def test_class_names_its_channel(channel: int, cla: int) -> None:
    there = class_on(cla, channel)
    assert channel_of(there) == channel
    assert there & 0x80 == cla
    assert not is_secured(there)


def test_class_bytes_of_the_specification() -> None:
    # es10: 80 to 83 for channels 0 to 3, C0 to CF for 4 to 19
    assert [class_on(0x80, n) for n in (0, 3, 4, 19)] == [0x80, 0x83, 0xC0, 0xCF]
    assert [is_secured(cla) for cla in (0x84, 0x0C, 0x60, 0xE3, 0x80, 0xC7)] == [
        True, True, True, True, False, False,
    ]  # fmt: skip


def chain_of(*raw: str) -> tuple[StoreDataChain, list[str]]:
    chain, found = StoreDataChain(), []
    for one in raw:
        found += [problem.code for problem in chain.add(CommandApdu.parse(bytes.fromhex(one)))]
    return chain, found


@pytest.mark.parametrize(
    ("blocks", "data", "codes"),
    [
        (["80E2110001BF", "80E29101022D00"], "BF2D00", []),
        (["80E2110001BF", "80E2110001BF", "80E29101022D00"], "BF2D00", ["es10-block-repeated"]),
        (["80E2110001BF", "80E29102022D00"], "BF2D00", ["es10-block-order"]),
        (["80E29101022D00"], "2D00", ["es10-chain-start"]),
        (["80E2900003BF2D00"], "BF2D00", ["es10-p1"]),
    ],
)
def test_blocks_and_what_is_wrong_with_them(blocks: list[str], data: str, codes: list[str]) -> None:
    chain, found = chain_of(*blocks)
    assert (bytes(chain.data).hex().upper(), found, chain.whole) == (data, codes, True)


@pytest.mark.parametrize(
    ("data", "length"),
    [("BF3600", 3), ("BF36820100", 261), ("A103", 5), ("A1810A", 13), ("", None), ("BF", None),
     ("A180", None), ("A182FF", None), ("5F37", None)],
)  # fmt: skip
def test_announced_length(data: str, length: int | None) -> None:
    assert announced_length(bytes.fromhex(data)) == length


def test_tlv_fault_tells_what_is_missing() -> None:
    assert tlv_fault(bytes.fromhex("BF2D00")) == ""
    assert tlv_fault(bytes.fromhex("BF2D810100")) == ""  # length octets are the decoder's business
    assert tlv_fault(bytes.fromhex("BF2D05")) == "a TLV of 8 bytes in 3"
    assert "no tag" in tlv_fault(b"")
