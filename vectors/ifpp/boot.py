"""A first boot in a cell simulator, captured whole: what happens there, and its canaries."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dissectors.link.apdu import CommandApdu
from dissectors.link.pcapng_write import PcapngWriter
from dissectors.spec.identity import iccid_octets
from sgprobe.host.station import CardDevice, Slot
from sgprobe.links.tape import Tape
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.fpa import es10f
from sgprobe.peers.profiles.package import imsi_octets
from vectors.ifpp.names import (
    CANARY_PORT,
    CELL,
    DEVICE,
    DNS,
    HERE,
    LAB_CHALLENGE,
    OPERATIONAL,
    PURPOSE,
    PURPOSE_PORT,
    SEALED,
    pretty,
)

if TYPE_CHECKING:
    from vectors.ifpp.story import Story

USIM = bytes.fromhex("A0000000871002")
# LINKTYPE_RAW
_RAW_IP = 101


class Boot:
    """A first boot in a cell simulator that captures everything."""

    def __init__(
        self, story: Story, until: float, *, canaries: bool = True, at: float = SEALED + 7200
    ) -> None:
        self.story, self.canaries = story, canaries
        self.clock = story.clock
        self.clock.time = self.begin = at
        self.end = at + until
        self.file = BytesIO()
        self.tape = new_tape(self.file, self._now)
        self.packets = 0
        self.count = 0
        self.cell: list[dict[str, Any]] = []
        self._due = at
        self._moment: float | None = None
        self._canaries(at)

    def _now(self) -> float:
        self.packets += 1
        return self.clock.now() if self._moment is None else self._moment

    def _canaries(self, until: float) -> None:
        while self._due <= until:
            self._moment = self._due
            if self.canaries:
                self.count += 1
                text = f"canary {self.count}".encode()
                self.tape.datagram((CELL, 40_000), (CELL, CANARY_PORT), text)
            self._moment = None
            self._due += 10

    def wait(self, seconds: float = 2.0) -> None:
        """Let time go by."""
        moment = self.clock.time + seconds
        self._canaries(moment)
        self.clock.time = moment

    # --- what may happen ---

    def attach(self, card: Card | None = None) -> None:
        """The modem starts its card and registers."""
        imsi, _ = self.story.modem(self.tape, card=card)
        self.cell.append({"time": self.clock.time, "event": "attach", "imsi": imsi})

    def enable(self) -> None:
        """The device enables the operational profile in its eUICC."""

        def process() -> Any:
            yield es10f.Contact()
            code = yield from es10f.enable(iccid_octets(OPERATIONAL).hex())
            assert code == 0

        story = self.story
        Slot(CardDevice(story.card, self.clock), clock=self.clock, tape=self.tape).run(process())

    def state(self) -> None:
        """The lab asks the eUICC for its signed state."""
        story = self.story
        slot = Slot(CardDevice(story.card, self.clock), clock=self.clock, tape=self.tape)
        told = slot.run(es10f.witness(LAB_CHALLENGE))
        assert isinstance(told, es10f.State), told

    def swap(self) -> None:
        """An SMS brings OTA data; the applet takes another IMSI and asks for a refresh."""
        imsi = "001019999999999"
        put = self.tape.apdu
        sms = bytes.fromhex("D10F820283818B0905000B0102030405AA")
        put(bytes(CommandApdu(0x80, 0xC2, 0, 0, sms)), bytes.fromhex("910B"))
        put(bytes.fromhex("801200000B"), bytes.fromhex("D0098103010104820281829000"))
        put(bytes.fromhex("00A40004023F00"), bytes.fromhex("9000"))
        put(bytes(CommandApdu(0x00, 0xA4, 0x04, 0x04, USIM)), bytes.fromhex("9000"))
        put(bytes.fromhex("00A40004026F07"), bytes.fromhex("9000"))
        put(bytes.fromhex("00B0000009"), imsi_octets(imsi) + bytes.fromhex("9000"))
        self.cell.append({"time": self.clock.time, "event": "attach", "imsi": imsi})

    def datagram(self, source: tuple[str, int], target: tuple[str, int], data: bytes) -> None:
        """Somebody sends a datagram."""
        self.tape.datagram(source, target, data)

    def purpose(self) -> None:
        """The device does what it is for."""
        device, server = (DEVICE, 50_001), (PURPOSE, PURPOSE_PORT)
        self.datagram((DEVICE, 50_000), (DNS, 53), b"\x00\x01 query")
        self.datagram((DNS, 53), (DEVICE, 50_000), b"\x00\x01 answer")
        self.datagram(device, server, b"reading 21.5")
        self.datagram(server, device, b"taken")

    def unanswered(self) -> None:
        """The device calls, and the capture ends before the answer."""
        self.datagram((DEVICE, 50_001), (PURPOSE, PURPOSE_PORT), b"reading 21.5")

    def http(self, name: str, count: int, server: str) -> None:
        """The device talks with an RSP server, as a capture of this repository has it."""
        path = HERE.parent / "captures" / f"{name}.ndjson"
        rows = [json.loads(line) for line in path.read_text().splitlines()[:count]]
        talk = self.tape.connection((DEVICE, 50_100), (server, 80))
        for row in rows:
            body = bytes.fromhex(row["bytes"])
            if row["kind"] == "request":
                function = row["type"]
                base = "es9plus" if row["interface"] == "ES9+" else "esipa"
                head = f"POST /gsma/rsp2/{base}/{function} HTTP/1.1\r\nHost: {server}\r\n"
            else:
                head = "HTTP/1.1 200 OK\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            talk.data(row["kind"] != "request", head.encode() + body)
        talk.end(0)
        talk.end(1)

    def download(self) -> None:
        """The device downloads a profile from an SM-DP+."""
        self.http("http-es9-json", 6, "198.51.100.80")

    def poll(self) -> None:
        """The device asks its eIM for packages."""
        self.http("http-esipa-json", 2, "198.51.100.90")

    def finish(self) -> None:
        """The capture goes on to its end."""
        self._canaries(self.end)
        self.tape.close()

    def close(self) -> None:
        """The lab keeps the capture, the counters and the log of the cell."""
        self.finish()
        put = self.story.put
        put("E10", "capture", "boot.pcapng", self.file.getvalue())
        counters = {"packets": {"cell0": self.packets}}
        put("E10", "counters", "boot-counters.json", pretty(counters))
        cell = "".join(json.dumps(one) + "\n" for one in self.cell)
        put("E10", "cell", "cell.jsonl", cell or '{"time": 0, "event": "on"}\n')


class _Kept:
    """A file whose content outlives its end."""

    closed = False

    def __init__(self, file: BytesIO) -> None:
        self.write = file.write

    def close(self) -> None:
        self.closed = True


def new_tape(file: BytesIO, now: Callable[[], float]) -> Tape:
    """Return a tape that does not tell the version of sgprobe: examples outlive versions."""
    tape = Tape(cast("BinaryIO", _Kept(file)), now)
    writer = PcapngWriter()
    file.seek(0)
    file.truncate()
    file.write(writer.section(application="sgprobe"))
    file.write(writer.interface(_RAW_IP, name="sgprobe"))
    return tape
