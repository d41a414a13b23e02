"""The modem's commands: as text, over a pty, by +CSIM and by +CCHO and +CGLA."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import ISDR, Channels, run

from sgprobe.links.at_commands import MAX_LINE, Modem, read_answer
from sgprobe.links.at_port import AtReader, PtyModem
from sgprobe.links.card import CardLink, CardStatus, ReaderGone


def talk(modem: Modem, *lines: str) -> str:
    said = modem.receive("".join(line + "\r" for line in lines).encode())
    return said.decode().replace("\r\n\r\n", "|").replace("\r\n", "|")


def test_what_a_modem_says() -> None:
    modem = Modem(Channels().slot, echo=False)
    assert talk(modem, "AT") == "|OK|"
    assert talk(modem, "at+csim=?") == "|OK|"
    assert talk(modem, 'AT+CSIM=10,"0070000001"') == '|+CSIM: 6,"019000"|OK|'
    assert talk(modem, "AT+CSIM=10,0070000001") == '|+CSIM: 6,"029000"|OK|'
    assert talk(modem, f'AT+CCHO="{ISDR}"') == "|+CCHO: 3|OK|"
    # the modem puts the channel of the session in
    assert talk(modem, 'AT+CGLA=3,12,"80E2910001AA"') == '|+CGLA: 8,"03AA9000"|OK|'
    assert talk(modem, "AT+CCHC=3") == "|OK|"
    assert talk(modem, "AT+CCHC=3") == "|ERROR|"
    assert talk(modem, "AT+CMEE=1", "AT+CCHC=3") == "|OK|+CME ERROR: 3|"
    assert talk(modem, 'AT+CCHO="A000000000000001"') == "|+CME ERROR: 23|"
    assert talk(modem, "ATE1") == "|OK|"
    assert talk(modem, "AT+CPIN?") == "AT+CPIN?\r|+CPIN: READY|OK|"


@pytest.mark.parametrize(
    "line",
    ['AT+CSIM=9,"0070000001"', 'AT+CSIM=10,"00700000"', 'AT+CSIM=6,"007000"', "AT+CSIM=10",
     'AT+CSIM=10,"0070000G01"', "AT+CGLA=1,10,0070000001", "AT+CCHC=-1", "AT+CCHC=99999999999",
     "AT+NOTHING", "hello", "AT+CSIM=10,0070000001,1", 'AT+CCHO="00"', "AT+CSIM=١٠,0070000001"],
)  # fmt: skip
def test_what_a_modem_refuses(line: str) -> None:
    channels = Channels()
    assert talk(Modem(channels.slot, echo=False), line) == "|ERROR|"
    assert channels.asked == []


def test_a_line_without_end_is_not_kept() -> None:
    modem = Modem(Channels().slot, echo=False)
    for _ in range(60):
        assert modem.receive(b"A" * 5000) == b""
    assert len(modem._held) <= MAX_LINE + 1
    assert talk(modem, "", "AT") == "|ERROR|OK|"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["AT", "+CSIM=", "+CGLA=", "+CCHO=", "+CCHC=", "1,", "10,", '"',
                         "0070000001", ISDR, "\r", "\n", "=?", "E0", "\xff"])
        | st.text(max_size=4),
        max_size=16,
    )
)  # fmt: skip
def test_any_text_is_answered_or_awaited(parts: list[str]) -> None:
    modem = Modem(Channels().slot)
    said = modem.receive("".join(parts).encode("utf-8", "replace"))
    modem.echo = False
    assert talk(modem, "", "AT").endswith("|OK|")
    assert said.count(b"OK") + said.count(b"ERROR") <= len(parts)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_line_is_an_answer_or_not(line: str) -> None:
    assert read_answer(line, "+CSIM") is None or line.startswith("+CSIM:")
    assert read_answer('+CSIM: 4,"9000"', "+CSIM") == b"\x90\x00"
    assert read_answer("+CSIM: 4,9000", "+CSIM") == b"\x90\x00"


@pytest.mark.parametrize("by_aid", [False, True])
def test_a_card_link_over_a_pty(by_aid: bool, tmp_path: Path) -> None:
    async def work() -> None:
        channels = Channels()
        async with PtyModem(channels.slot, tmp_path / "modem"):
            reader = AtReader(str(tmp_path / "modem"), by_aid=by_aid)
            link = CardLink(reader.transmit, reset=reader.reset)
            # the stand-in has no FCI to fetch
            assert (await reader.transmit(bytes.fromhex("0070000001"))) == b"\x01\x90\x00"
            select = bytes.fromhex("01A4040010" + ISDR)
            assert (await reader.transmit(select)) == (b"\x90\x00" if by_aid else b"\x61\x21")
            got = await link.apdu(bytes.fromhex("81E2910002CAFE"))
            assert got.data == b"\x01\xca\xfe"
            long = await link.apdu(bytes.fromhex("81E29100FF") + bytes(255))
            assert len(long.data) == 256
            await reader.reset()
            assert channels.resets == 2
            assert (await reader.transmit(bytes.fromhex("81E2910001AA"))) == b"\x68\x81"
            await reader.close()
        assert not (tmp_path / "modem").exists()

    run(work())


def test_channels_by_aid() -> None:
    async def work() -> None:
        channels = Channels()
        async with PtyModem(channels.slot) as modem:
            reader = AtReader(modem.path, by_aid=True)
            manage = bytes.fromhex("0070000001")
            assert [(await reader.transmit(manage))[:1] for _ in range(3)] == [b"\1", b"\2", b"\3"]
            assert await reader.transmit(manage) == b"\x6a\x81"
            # nothing is open at the modem before an application is selected
            assert channels.open == set()
            wrong = bytes.fromhex("02A4040008A000000000000001")
            assert await reader.transmit(wrong) == b"\x6a\x82"
            for channel in (2, 3):
                select = bytes([channel]) + bytes.fromhex("A4040010" + ISDR)
                assert await reader.transmit(select) == b"\x90\x00"
            assert channels.open == {1, 2}
            assert await reader.transmit(bytes.fromhex("82E2910001AA")) == b"\x01\xaa\x90\x00"
            assert await reader.transmit(bytes.fromhex("83E2910001AA")) == b"\x02\xaa\x90\x00"
            assert await reader.transmit(bytes.fromhex("0070800200")) == b"\x90\x00"
            assert channels.open == {2}
            assert await reader.transmit(bytes.fromhex("82E2910001AA")) == b"\x68\x81"
            assert await reader.transmit(bytes.fromhex("0070800200")) == b"\x68\x81"
            # what is no channel's goes to the basic one
            assert await reader.transmit(bytes.fromhex("80AA000000")) == b"\x6d\x00"
            await reader.close()

    run(work())


def test_ports_that_are_none() -> None:
    async def work() -> None:
        for path in ("/nowhere/modem", "/dev/null"):
            with pytest.raises(ReaderGone, match="cannot be opened as a serial port"):
                await AtReader(path).transmit(b"\x80\x01\x00\x00")
        master, slave = os.openpty()
        silent = AtReader(os.ttyname(slave), timeout=0.2)
        with pytest.raises(ReaderGone, match=r"no answer to ATE0 within 0\.2 s"):
            await silent.transmit(b"\x80\x01\x00\x00")
        await silent.close()
        os.close(master)
        os.close(slave)

    run(work())


def test_a_modem_that_chatters_and_echoes() -> None:
    """An echo, unsolicited lines, a bare answer, and then nonsense."""

    async def work() -> None:
        master, slave = os.openpty()
        import tty

        tty.setraw(slave)
        answers = [b"ERROR\r\n", b"RING\r\n\r\n+CSIM: 4,9000\r\nOK\r\n", b"OK\r\n", b"NO\r\n" * 300]

        def hear() -> None:
            line = os.read(master, 4096)
            os.write(master, line + b"\n" + answers.pop(0))

        asyncio.get_running_loop().add_reader(master, hear)
        reader = AtReader(os.ttyname(slave), timeout=60.0)
        assert await reader.transmit(b"\x80\x01\x00\x00") == b"\x90\x00"
        with pytest.raises(ReaderGone, match="without a response"):
            await reader.transmit(b"\x80\x01\x00\x00")
        with pytest.raises(ReaderGone, match="more than 256 lines"):
            await reader.transmit(b"\x80\x01\x00\x00")
        await reader.close()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)

    run(work())


def test_a_modem_that_refuses_is_a_card_status() -> None:
    async def work() -> None:
        slot = Channels().slot
        async with PtyModem(slot) as modem:
            link = CardLink(AtReader(modem.path).transmit)
            with pytest.raises(CardStatus, match="ERROR"):
                await link.apdu(b"\x80\x01")  # no command for +CSIM

    run(work())
