"""Cards over TCP: framing, the card's side, the reader's side, and a reader that is vpcd."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import run, until

from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.card_tcp import (
    ATR,
    POWER_OFF,
    POWER_ON,
    RESET,
    CardServer,
    Frames,
    TcpReader,
    VirtualCard,
    frame,
)


class Plain:
    """A card that repeats what it is told."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.resets = 0

    def apdu(self, command: bytes) -> bytes:
        self.asked.append(command)
        return command + b"\x90\x00"

    def reset(self) -> bytes:
        self.resets += 1
        return b"\x3b\x00"

    @property
    def slot(self) -> ServedCard:
        return ServedCard(self.apdu, self.reset, b"\x3b\x00")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
def test_messages_come_out_as_they_went_in(messages: list[bytes], size: int) -> None:
    data = b"".join(frame(one) for one in messages)
    frames = Frames()
    got = [one for at in range(0, len(data), size) for one in frames.take(data[at : at + size])]
    assert got == messages
    assert not frames._held


def test_a_message_that_does_not_fit_is_refused() -> None:
    assert frame(bytes(65_535))[:2] == b"\xff\xff"
    with pytest.raises(ReaderGone, match="65536 octets"):
        frame(bytes(65_536))


def test_a_reader_reads_a_card_that_listens() -> None:
    async def work() -> None:
        plain = Plain()
        async with CardServer(plain.slot) as server:
            reader = TcpReader(server.address)
            assert await reader.atr() == b"\x3b\x00"
            large = bytes(range(256)) * 40
            for command in (b"\x00\xa4\x04\x00", large):
                assert await reader.transmit(command) == command + b"\x90\x00"
            # at once, and each with its own answer
            many = [bytes([0x80, number]) for number in range(50)]
            got = await asyncio.gather(*(reader.transmit(one) for one in many))
            assert got == [one + b"\x90\x00" for one in many]
            await reader.reset()
            await reader.transmit(b"\x80\x01")
            assert plain.resets == 2  # power on, reset
            with pytest.raises(ReaderGone, match="no command"):
                await reader.transmit(b"\x04")
            await reader.close()

    run(work())


def test_a_card_that_is_not_there_or_goes_away() -> None:
    async def work() -> None:
        plain = Plain()
        async with CardServer(plain.slot) as server:
            address = server.address
            reader = TcpReader(address)
            await reader.transmit(b"\x80\x01")
        with pytest.raises(ReaderGone, match="closed the connection"):
            await reader.transmit(b"\x80\x01")
        with pytest.raises(ReaderGone, match="no card listens"):
            await TcpReader(address).transmit(b"\x80\x01")
        with pytest.raises(ReaderGone, match=r"vpcd does not listen .* is pcscd running"):
            await VirtualCard(plain.slot, address).insert()

    run(work())


def test_a_device_that_is_taken_away_ends_the_connection_until_a_reset() -> None:
    async def work() -> None:
        away = [True]

        def apdu(command: bytes) -> bytes:
            if away[0]:
                raise ReaderGone("no device")
            return command + b"\x90\x00"

        async with CardServer(ServedCard(apdu, lambda: b"", b"\x3b\x00")) as server:
            reader = TcpReader(server.address)
            for _ in range(2):
                with pytest.raises(ReaderGone, match="closed the connection"):
                    await reader.transmit(b"\x80\x01")
            away[0] = False
            await reader.reset()
            assert await reader.transmit(b"\x80\x01") == b"\x80\x01\x90\x00"
            await reader.close()

    run(work())


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"", "did not answer within"),
        (b"\x00", "did not answer within"),
        (b"\xff\xff" + bytes(20), "did not answer within"),
        (b"\x00\x02\x90\x00" * 3, "what nobody asked"),
    ],
)
def test_a_card_that_does_not_keep_to_the_protocol(said: bytes, text: str) -> None:
    async def work() -> None:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

        listener = await asyncio.start_server(speak, "127.0.0.1", 0)
        patience = 60 if "nobody" in text else 0.2
        reader = TcpReader(listener.sockets[0].getsockname()[:2], timeout=patience)
        if "nobody" in text:
            assert await reader.transmit(b"\x80\x01") == b"\x90\x00"
            await asyncio.sleep(0.05)
            with pytest.raises(ReaderGone):
                await reader.transmit(b"\x80\x01")
        else:
            with pytest.raises(ReaderGone, match=text):
                await reader.transmit(b"\x80\x01")
        await reader.close()
        listener.close()

    run(work())


def test_readers_beyond_the_bound_are_turned_away() -> None:
    async def work() -> None:
        async with CardServer(Plain().slot) as server:
            readers = [TcpReader(server.address) for _ in range(16)]
            for reader in readers:
                await reader.transmit(b"\x80\x01")
            with pytest.raises(ReaderGone):
                await TcpReader(server.address).transmit(b"\x80\x01")
            await readers[0].close()
            await until(lambda: len(server._open) < 16)
            last = TcpReader(server.address)
            await last.transmit(b"\x80\x01")
            for reader in [*readers, last]:
                await reader.close()

    run(work())


# --- vpcd: a reader that listens, writes length and body apart, and knows no asyncio ---


def as_vpcd(listener: socket.socket, commands: list[bytes]) -> tuple[list[bytes], bytes, float]:
    slot, _ = listener.accept()
    slot.settimeout(60)

    def say(message: bytes) -> None:
        slot.sendall(len(message).to_bytes(2, "big"))
        slot.sendall(message)

    def hear() -> bytes:
        head = slot.recv(2, socket.MSG_WAITALL)
        return slot.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)

    for control in (POWER_OFF, POWER_ON, RESET, ATR):
        say(bytes([control]))
    atr = hear()
    answers = []
    began = time.monotonic()
    for command in commands:
        say(command)
        answers.append(hear())
    seconds = time.monotonic() - began
    slot.close()
    return answers, atr, seconds


def test_a_virtual_card_in_a_slot() -> None:
    async def work() -> None:
        plain = Plain()
        commands = [b"\x00\xa4" + number.to_bytes(2, "big") for number in range(500)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            reading = asyncio.create_task(asyncio.to_thread(as_vpcd, listener, commands))
            async with VirtualCard(plain.slot, listener.getsockname()) as card:
                await card.served()
            answers, atr, seconds = await reading
        assert atr == b"\x3b\x00"
        assert answers == [one + b"\x90\x00" for one in commands]
        assert plain.resets == 2
        # a late ACK would cost 40 ms for each
        assert seconds < 0.03 * len(commands)

    run(work())


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_of_a_reader(junk: bytes) -> None:
    async def work() -> None:
        async with CardServer(Plain().slot) as server:
            _, writer = await asyncio.open_connection(*server.address)
            writer.write(junk)
            writer.write_eof()
            reader = TcpReader(server.address)
            assert await reader.transmit(b"\x80\x01") == b"\x80\x01\x90\x00"
            await reader.close()
            writer.close()

    run(work())
