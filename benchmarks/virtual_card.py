"""APDUs a second through a virtual card.

    python benchmarks/virtual_card.py              a reader that behaves as vpcd does
    python benchmarks/virtual_card.py --pcsc       the first PC/SC reader; needs pyscard and pcscd

The card is our eUICC; each round selects the ISD-R on a channel once and then asks for the EID by
STORE DATA and GET RESPONSE. The reader runs in a process of its own and writes length and body of
each command apart, as vpcd does.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from sgprobe.host.cards import CardPlan, make_card, served
from sgprobe.links.card_tcp import VirtualCard

MANAGE = bytes.fromhex("0070000001")
SELECT = bytes.fromhex("01A4040010A0000005591010FFFFFFFF8900000100")
GET_EID = bytes.fromhex("81E2910006BF3E035C015A")


def measure(transmit: Callable[[bytes], bytes], seconds: float) -> tuple[int, float]:
    assert transmit(MANAGE)[-2:] == b"\x90\x00"
    transmit(SELECT)
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(100):
            answer = transmit(GET_EID)
            assert answer[0] == 0x61, answer.hex()
            data = transmit(bytes((0x01, 0xC0, 0, 0, answer[1])))
            assert data[:2] == b"\xbf\x3e", data.hex()
            count += 2
    return count, time.perf_counter() - began


def read_as_vpcd(pipe: Connection, seconds: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    pipe.send(listener.getsockname())
    slot, _ = listener.accept()

    def transmit(apdu: bytes) -> bytes:
        slot.sendall(len(apdu).to_bytes(2, "big"))
        slot.sendall(apdu)
        head = slot.recv(2, socket.MSG_WAITALL)
        return slot.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)

    for control in (b"\1", b"\2"):
        slot.sendall(b"\0\1" + control)
    pipe.send(measure(transmit, seconds))
    slot.close()


def read_by_pcsc(pipe: Connection, seconds: float) -> None:
    from smartcard.System import readers

    pipe.send(("127.0.0.1", 35963))
    pipe.recv()
    connection = readers()[0].createConnection()
    connection.connect()

    def transmit(apdu: bytes) -> bytes:
        data, sw1, sw2 = connection.transmit(list(apdu))
        return bytes(data) + bytes((sw1, sw2))

    pipe.send(measure(transmit, seconds))


async def serve(pipe: Connection) -> None:
    async with VirtualCard(served(make_card(CardPlan())), pipe.recv()):
        # the reader of PC/SC notices a card once a second
        await asyncio.sleep(2.0)
        pipe.send("in the slot")
        before = time.process_time()
        while not pipe.poll():
            await asyncio.sleep(0.1)
        used = time.process_time() - before
    count, seconds = pipe.recv()
    print(f"{count} APDUs in {seconds:.1f} s: {count / seconds:.0f} a second, "
          f"{used / count * 1e6:.0f} µs of the card's process each")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pcsc", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    target = read_by_pcsc if given.pcsc else read_as_vpcd
    context = multiprocessing.get_context("spawn")
    reader = context.Process(target=target, args=(there, given.seconds))
    reader.start()
    asyncio.run(serve(here))
    reader.join()


if __name__ == "__main__":
    main()
