"""The APDU builders and the tracker against the bench's own eUICC, whose APDU code is separate."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from card_bench import Exchange, Heard, hexed

from dissectors.link.apdu import (
    ISDR_AID,
    ResponseApdu,
    close_channel,
    get_response,
    open_channel,
    select,
    store_data,
    terminal_capability,
)
from dissectors.link.apdu_message import CardKind
from dissectors.link.gsmtap import GsmtapSink, build_gsmtap

sys.path.append(str(Path(__file__).parents[1] / "peers" / "euicc"))


@pytest.fixture
def session() -> list[Exchange]:
    """A session in which a device asks for the EID, EUICCInfo2 and the certificates."""
    from euicc_bench import make

    from sgprobe.peers.euicc.card import Card

    card = Card(make())
    said: list[Exchange] = []

    def send(command: bytes) -> ResponseApdu:
        answer = card.apdu(command, 0.0)
        said.append((command, answer))
        return ResponseApdu.parse(answer)

    def exchange(command: bytes, channel: int) -> None:
        answer = send(command)
        while answer.more is not None:
            answer = send(get_response(answer.more, channel))

    send(terminal_capability())
    channel = send(open_channel()).data[0]
    exchange(select(ISDR_AID, channel), channel)
    for command, block in (("BF3E035C015A", 255), ("BF2200", 1), ("BF5600", 2)):
        for one in store_data(hexed(command), channel, block):
            exchange(one, channel)
    send(close_channel(channel))
    return said


def told(heard: Heard) -> list[tuple[str, str, str]]:
    return [(m.kind, m.command[:2].hex(), m.response[:2].hex()) for m in heard.messages]


EXPECTED = [
    ("terminal-capability", "a903", ""), ("manage-channel", "", "01"), ("select", "a000", "6f1f"),
    ("store-data", "bf3e", "bf3e"), ("store-data", "bf22", "bf22"), ("store-data", "bf56", "bf56"),
    ("manage-channel", "", ""),
]  # fmt: skip


def test_session_with_the_bench_card(session: list[Exchange]) -> None:
    heard = Heard().play(session).finish()
    assert [kind for kind, _, _ in told(heard)] == [kind for kind, _, _ in EXPECTED]
    assert [row[1:] for row in told(heard)[3:6]] == [row[1:] for row in EXPECTED[3:6]]
    assert all(m.isdr for m in heard.messages if m.kind is CardKind.STORE_DATA)
    assert heard.codes == []
    assert len(heard.messages[5].response) > 512  # several GET RESPONSE


def test_the_same_session_traced(session: list[Exchange]) -> None:
    direct, traced = Heard().play(session).finish(), Heard()
    sink = GsmtapSink(
        traced.messages.append, lambda problem, frames: traced.problems.append((problem, frames))
    )
    for number, (command, answer) in enumerate(session, 1):
        sink.datagram(0, build_gsmtap(command, answer), (number,), float(number))
    sink.finish(float(len(session)))
    assert traced.messages == direct.messages
    assert traced.codes == []
