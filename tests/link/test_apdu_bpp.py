"""Bound Profile Packages cut into segments and joined from STORE DATA chains."""

from __future__ import annotations

import pytest
from card_bench import OK, Exchange, Heard, ToyCard, hexed, selected, transfer
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import tlv
from dissectors.link.apdu import ApduError, store_data
from dissectors.link.apdu_bpp import split_bpp
from dissectors.link.apdu_message import CardKind

RESULT = tlv("BF37", tlv("BF27", b"\x80\x01\x01"), b"\x5f\x37\x01\x00")


def package(metadata: list[int], profile: list[int], replaced: bool = True) -> bytes:
    """A package of the right shape, with segments of the given sizes."""
    parts = [
        tlv("BF23", tlv("82", b"\x01"), bytes(100)),
        tlv("A0", tlv("87", bytes(40))),
        tlv("A1", *(tlv("88", bytes(size)) for size in metadata)),
        tlv("A2", tlv("87", bytes(72))) if replaced else b"",
        tlv("A3", *(tlv("86", bytes(size)) for size in profile)),
    ]
    return tlv("BF36", *parts)


def test_segments_are_those_of_the_specification() -> None:
    whole = package([300, 20], [1008, 1008, 30])
    segments = split_bpp(whole)
    assert b"".join(segments) == whole
    assert [one[:1].hex() for one in segments] == [
        "bf", "a0", "a1", "88", "88", "a2", "a3", "86", "86", "86",
    ]  # fmt: skip
    header = segments[0].index(b"\xbf\x23")
    assert segments[0][header:] == tlv("BF23", tlv("82", b"\x01"), bytes(100))
    assert (len(segments[2]), len(segments[6])) == (4, 4)  # A1 and A3 with their lengths alone


@pytest.mark.parametrize(
    "data", [b"", hexed("BF3600"), hexed("BF2D00"), hexed("BF3603A003AA"), package([1], [1]) + b"x",
             package([1], [1])[:-1]],
)  # fmt: skip
def test_what_is_no_package_is_not_cut(data: bytes) -> None:
    with pytest.raises(ApduError):
        split_bpp(data)


def load(
    whole: bytes, channel: int = 1, block: int = 255, end: int | None = None
) -> list[Exchange]:
    """The exchanges of a load; the card answers after segment `end`, by default the last."""
    segments = split_bpp(whole)
    last = len(segments) if end is None else end
    count = 0

    def answer(_: int, __: bytes) -> bytes:
        nonlocal count
        count += 1
        return RESULT if count == last else b""

    card = ToyCard(answer)
    steps = [step for one in segments[:last] for step in transfer(card, one, channel, block)]
    return [exchange for step in steps for exchange in step]


@settings(max_examples=40, deadline=None)
@given(
    metadata=st.lists(st.integers(0, 400), min_size=1, max_size=3),
    profile=st.lists(st.integers(0, 1008), min_size=1, max_size=6),
    replaced=st.booleans(),
    block=st.integers(20, 255),
)
def test_load_is_one_message(
    metadata: list[int], profile: list[int], replaced: bool, block: int
) -> None:
    whole = package(metadata, profile, replaced)
    exchanges = load(whole, block=block)
    heard = Heard().play(selected(1))
    heard.messages.clear()
    heard.play(exchanges).finish()
    [message] = heard.messages
    assert (message.kind, message.command, message.response) == (CardKind.LOAD_BPP, whole, RESULT)
    assert (message.problems, message.isdr, message.sw) == ((), True, 0x9000)
    assert [chain.command for chain in message.chains] == split_bpp(whole)
    assert message.command_frames == message.chains[0].command_frames + tuple(
        frame for chain in message.chains[1:] for frame in chain.command_frames
    )
    assert message.response_frames[-1] == heard.frame
    assert message.command_time == 3.0


def test_early_result_ends_the_load() -> None:
    whole = package([30], [100, 100])
    heard = Heard().play(load(whole, end=4)).finish()
    [message] = heard.messages
    assert (message.response, len(message.chains), message.problems) == (RESULT, 4, ())
    assert whole.startswith(message.command)


def test_two_channels_load_side_by_side() -> None:
    packages = {1: package([30], [100, 100]), 2: package([10, 10], [50] * 5, False)}
    loads = {n: load(whole, n) for n, whole in packages.items()}
    heard = Heard()
    while any(loads.values()):
        for exchanges in loads.values():
            # STORE DATA and its GET RESPONSE stay together
            heard.play(exchanges[:1])
            del exchanges[:1]
            while exchanges and exchanges[0][0][1] == 0xC0:
                heard.play(exchanges[:1])
                del exchanges[:1]
    heard.finish()
    assert {m.channel: m.command for m in heard.messages} == packages
    assert heard.codes == []


@pytest.mark.parametrize(
    ("drop", "codes"),
    [
        (slice(0, 1), ["es10-bpp-start"]),  # the first segment
        (slice(3, 4), ["es10-bpp-order"]),  # the metadata
        (slice(-1, None), ["es10-bpp-cut"]),  # the last segment
    ],
)
def test_missing_segments_are_told(drop: slice, codes: list[str]) -> None:
    exchanges = load(package([30], [100, 100], False))
    del exchanges[drop]
    if codes == ["es10-bpp-cut"]:
        del exchanges[-1:]
    heard = Heard().play(exchanges).finish()
    [message] = heard.messages
    assert message.kind is CardKind.LOAD_BPP
    assert heard.codes == codes


def test_another_command_ends_the_load() -> None:
    exchanges = load(package([30], [100]), block=255)
    other = store_data(hexed("BF2D00"), 1)[0]
    heard = Heard().play([*exchanges[:3], (other, hexed("BF2D00") + OK)]).finish()
    assert [m.kind for m in heard.messages] == [CardKind.LOAD_BPP, CardKind.STORE_DATA]
    assert heard.codes == ["es10-bpp-cut"]


def test_refused_segment_ends_the_load() -> None:
    exchanges = load(package([30], [100]))
    exchanges[2] = (exchanges[2][0], hexed("6A80"))
    heard = Heard().play(exchanges[:3]).finish()
    [message] = heard.messages
    assert (message.status, len(message.chains)) == ("6A80", 3)
    assert [(p.code, p.path) for p in message.problems] == [("apdu-status", "segment[2].SW")]


def test_package_in_one_chain_is_whole() -> None:
    whole = package([300], [30], False)
    blocks = store_data(whole)
    heard = Heard().play([(one, OK) for one in blocks[:-1]] + [(blocks[-1], RESULT + OK)]).finish()
    [message] = heard.messages
    assert (message.kind, message.command, message.response, message.problems) == (
        CardKind.LOAD_BPP, whole, RESULT, (),
    )  # fmt: skip


def test_endless_segments_are_bounded() -> None:
    heard = Heard()
    start = hexed("BF36847FFFFFFF") + tlv("BF23", bytes(10))
    heard.play([(store_data(start)[0], OK)])
    segment = [(one, OK) for one in store_data(tlv("86", bytes(60_000)))]
    for _ in range(300):
        heard.play(segment)
    assert any(problem.code == "es10-limit" for m in heard.messages for problem in m.problems)
