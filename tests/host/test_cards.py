"""Our eUICC at every card link, read by our reader, by a PC/SC program and by lpac."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes.util
import fcntl
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ended import begun

from dissectors.trace.read import read_trace
from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request
from sgprobe.host.cards import (
    CardPlan,
    Facts,
    find_reader,
    make_card,
    profile_line,
    read_facts,
    served,
)
from sgprobe.host.device import Device, DeviceError, EimPlace
from sgprobe.host.device import Plan as DevicePlan
from sgprobe.host.world import ICCID_B, World
from sgprobe.host.world import Plan as WorldPlan
from sgprobe.links.at_port import AtReader, PtyModem
from sgprobe.links.card import CardStatus, ReaderGone
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.card_tcp import VPCD_PORT, CardServer, TcpReader, VirtualCard
from sgprobe.links.lpac import StdioReader, run_lpac
from sgprobe.links.pcsc import PcscReader
from sgprobe.links.tape import Tape
from sgprobe.peers.eim.operations import Download, Enable
from sgprobe.peers.es9.party import smdp_party
from sgprobe.peers.smdp.server import Setup, SmDp
from sgprobe.peers.store import MemoryStore

EID = "89049032123451234512345678901235"
ISDR = "A0000005591010FFFFFFFF8900000100"


def check(facts: Facts) -> None:
    assert facts.eid == EID
    assert facts.missing == {}
    assert facts.info["svn"] == "020500"
    assert [profile_line(one) for one in facts.profiles] == [
        "8949000000000000005  enabled   A",
        "8949000000000000013  disabled  B",
    ]


def test_over_tcp_with_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "card.pcapng"

    async def work() -> Facts:
        with Tape.at(path) as tape:
            async with CardServer(served(make_card(CardPlan()), tape=tape)) as server:
                return await read_facts(TcpReader(server.address))

    check(asyncio.run(work()))
    messages = read_trace(str(path)).messages
    assert [one.type for one in messages][:2] == ["GetEuiccDataRequest", "GetEuiccDataResponse"]
    assert {one.transport for one in messages} == {"apdu"}
    assert not [problem for one in messages for problem in one.problems]


@pytest.mark.parametrize("by_aid", [False, True])
def test_over_a_modem(by_aid: bool) -> None:
    async def work() -> Facts:
        async with PtyModem(served(make_card(CardPlan()))) as modem:
            return await read_facts(AtReader(modem.path, by_aid=by_aid))

    check(asyncio.run(work()))


def test_over_stdio() -> None:
    """Our own driver is the program at the other end."""
    command = [sys.executable, "-m", "sgprobe", "card", "serve", "lpac", "--tape", "none"]
    check(asyncio.run(read_facts(StdioReader(command))))


# --- our IPA with a card at each link ---


@contextlib.asynccontextmanager
async def at_link(link: str, slot: ServedCard) -> AsyncIterator[str]:
    """Put a card at a link; give the name of its reader."""
    if link == "tcp":
        async with CardServer(slot) as server:
            yield "tcp:{}:{}".format(*server.address)
    else:
        async with PtyModem(slot) as modem:
            yield f"{link}:{modem.path}"


def eim_world() -> World:
    """An eIM and an SM-DP+ that know the first eUICC; the IPA and eUICC of it are not used."""
    return World(WorldPlan(indirect=True))


async def play(world: World, reader: str, tape: Path | None = None) -> list[str]:
    """Have an IPA with a card enable a profile and download another; return what the card holds."""
    eid = world.euicc.eid
    bought = world.smdp.order("small")
    address = world.smdp.setup.party.address
    orders = [
        world.eim.order(eid, one, now=world.clock.now()).id
        for one in (
            Enable(ICCID_B),
            Download(smdp=address, matching_id=bought.matching_id, indirect=True),
        )
    ]
    url = world.addresses[world.eim_setup.eim_id]
    place = EimPlace(url, world.eim_setup.eim_id, world.eim_setup.eim_id)
    plan = DevicePlan(eim=place, tape=tape, reader=find_reader(reader), token=True, indirect=True)
    async with Device(plan) as device:
        assert await device.eid() == eid
        reports = await device.conductor.run(device.ipa.poll())
        assert [one.trouble for one in reports] == [""]
        assert [str(world.eim.outcome(one).state) for one in orders] == ["done", "done"]
        return [profile_line(one) for one in await device.profiles()]


HELD = ["8949000000000000005  disabled  A", "8949000000000000013  enabled   B"]


def check_play(held: list[str], tape: Path) -> None:
    assert held[:2] == HELD
    assert len(held) == 3
    messages = read_trace(str(tape)).messages
    assert not [one.type for one in messages if one.malformed]
    types = [one.type for one in messages if one.transport == "apdu"]
    # what the IPA did to the card stands in the capture as GSMTAP, its bench work too
    for wanted in ("AddInitialEimRequest", "EuiccPackageRequest", "BoundProfilePackage"):
        assert types.count(wanted) == 1


@pytest.mark.parametrize("link", ["tcp", "at", "at-aid"])
def test_our_ipa_drives_a_card(link: str, tmp_path: Path) -> None:
    tape = tmp_path / "ipa.pcapng"

    async def work() -> list[str]:
        async with eim_world() as world, at_link(link, served(make_card(CardPlan()))) as reader:
            return await play(world, reader, tape)

    check_play(asyncio.run(work()), tape)


def test_our_ipa_drives_a_card_of_another_program(tmp_path: Path) -> None:
    tape, own = tmp_path / "ipa.pcapng", tmp_path / "card.pcapng"
    command = [sys.executable, "-m", "sgprobe", "card", "serve", "lpac", "--tape", str(own)]

    async def work() -> list[str]:
        async with eim_world() as world:
            return await play(world, f"stdio:{shlex.join(command)}", tape)

    check_play(asyncio.run(work()), tape)
    # the other side's capture tells the same of the card
    theirs = [m.type for m in read_trace(str(own)).messages]
    assert theirs.count("BoundProfilePackage") == 1


def test_our_ipa_drives_a_card_by_pcsc(pcscd: None, tmp_path: Path) -> None:
    pytest.importorskip("smartcard", reason="pyscard is not installed")
    tape = tmp_path / "ipa.pcapng"

    async def work() -> list[str]:
        async with eim_world() as world, in_the_slot():
            return await play(world, "pcsc:Virtual PCD 00 00", tape)

    check_play(asyncio.run(work()), tape)


def test_a_card_that_leaves_in_the_middle() -> None:
    """The IPA says what has happened; no half of a capture, no traceback."""

    async def work() -> None:
        async with eim_world() as world:
            server = CardServer(served(make_card(CardPlan())))
            await server.start()
            place = EimPlace(world.addresses[world.eim_setup.eim_id], world.eim_setup.eim_id,
                             world.eim_setup.eim_id)  # fmt: skip
            reader = find_reader("tcp:{}:{}".format(*server.address))
            assert isinstance(reader, TcpReader)
            async with Device(DevicePlan(eim=place, reader=reader)) as device:
                await server.stop()
                (report,) = await device.conductor.run(device.ipa.poll())
                assert "eUICC" in report.trouble
                with pytest.raises(DeviceError, match="the card: "):
                    await device.eid()
            # the device lets go of its reader
            assert reader._side is None

    asyncio.run(work())


def test_an_euicc_that_was_kept(tmp_path: Path) -> None:
    async def read(version: str) -> Facts:
        card = make_card(CardPlan(curve="brainpool", version=version, euicc="euicc2",
                                  database=tmp_path / "card.sqlite"))  # fmt: skip
        async with CardServer(served(card)) as server:
            return await read_facts(TcpReader(server.address), version)

    first, again = asyncio.run(read("1.3")), asyncio.run(read("1.3"))
    assert first.eid == again.eid != EID
    assert first.profiles == again.profiles


def test_a_card_that_is_no_euicc() -> None:
    async def work(answer: bytes) -> None:
        async with CardServer(ServedCard(lambda apdu: answer, lambda: b"", b"")) as server:
            await read_facts(TcpReader(server.address))

    with pytest.raises(CardStatus, match="MANAGE CHANNEL: status word 6D00"):
        asyncio.run(work(b"\x6d\x00"))
    with pytest.raises(CardStatus, match="SELECT ISD-R"):
        asyncio.run(_no_isdr())
    with pytest.raises(ReaderGone, match="gave no answer"):
        asyncio.run(work(b"\x90"))
    with pytest.raises(ReaderGone, match="channel 99"):
        asyncio.run(work(b"\x63\x90\x00"))


async def _no_isdr() -> None:
    closed: list[bytes] = []

    def apdu(command: bytes) -> bytes:
        if command[1] == 0x70:
            closed.append(command)
            return b"\x01\x90\x00" if command[2] == 0 else b"\x90\x00"
        return b"\x6a\x82"

    async with CardServer(ServedCard(apdu, lambda: b"", b"")) as server:
        try:
            await read_facts(TcpReader(server.address))
        finally:
            # the channel is given back
            assert closed[-1].hex() == "0070800100"


def test_names_of_readers() -> None:
    kinds = {"pcsc": PcscReader, "pcsc:Virtual": PcscReader, "tcp:127.0.0.1:99": TcpReader,
             "tcp:[::1]:99": TcpReader, "at:/dev/ttyUSB0": AtReader, "at-aid:/dev/x": AtReader,
             "stdio:driver --x": StdioReader}  # fmt: skip
    assert {text: type(find_reader(text)) for text in kinds} == kinds
    for text in ("", "tcp:", "tcp:host", "tcp:host:99999999", "at:", "stdio:", "usb:1"):
        with pytest.raises(ValueError, match="no reader is named"):
            find_reader(text)


# --- PC/SC ---


@pytest.fixture(scope="module")
def pcscd() -> Iterator[None]:
    """The service, with a virtual reader; ended if it was begun here. Its slot takes turns."""
    with (Path(tempfile.gettempdir()) / "sgprobe-pcscd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield from _service()


def _service() -> Iterator[None]:
    program = shutil.which("pcscd")
    if program is None or ctypes.util.find_library("pcsclite") is None:
        pytest.skip("pcscd is not installed")
    if _listens():
        yield
        return
    if os.geteuid():
        pytest.skip("pcscd does not run, and only root can begin it")
    with begun([program, "--foreground"], stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL) as process:  # fmt: skip
        for _ in range(600):
            if _listens() or process.poll() is not None:
                break
            time.sleep(0.1)
        if not _listens():
            pytest.skip("vsmartcard-vpcd is not installed, or pcscd does not start")
        yield
        # it takes its socket and its lock away
        process.terminate()
        process.wait()


def _listens() -> bool:
    # a connection would be a card
    with socket.socket() as one:
        try:
            one.bind(("0.0.0.0", VPCD_PORT))
        except OSError:
            return True
    return False


@contextlib.asynccontextmanager
async def in_the_slot() -> AsyncIterator[None]:
    """Put a card in; the service looks twice a second whether one came or went."""
    async with VirtualCard(served(make_card(CardPlan()))):
        await asyncio.sleep(1.2)
        yield
    await asyncio.sleep(1.2)


def test_a_pcsc_program_reads_our_eid(pcscd: None) -> None:
    async def work() -> list[str]:
        async with in_the_slot():
            commands = ("0070000001", f"01A4040010{ISDR}", "81E2910006BF3E035C015A", "01C0000015")
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).with_name("pcsc_program.py")), *commands,
                stdout=asyncio.subprocess.PIPE)  # fmt: skip
            out, _ = await asyncio.wait_for(process.communicate(), 120)
            return out.decode().split()

    answers = asyncio.run(work())
    assert answers[0] == "019000"
    assert answers[-1] == f"bf3e125a10{EID}9000"


def test_our_reader_reads_our_card_by_pcsc(pcscd: None) -> None:
    pytest.importorskip("smartcard", reason="pyscard is not installed")

    async def work() -> Facts:
        async with in_the_slot():
            reader = PcscReader("Virtual PCD 00 00")
            for _ in range(600):
                # the service may not have looked yet
                with contextlib.suppress(ReaderGone):
                    await reader.atr()
                    break
                await asyncio.sleep(0.1)
            return await read_facts(reader)

    check(asyncio.run(work()))


def test_without_pyscard_the_reader_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.setitem(sys.modules, "smartcard.System", None)
    with pytest.raises(ReaderGone, match=r"pip install 'sgprobe\[card\]'"):
        asyncio.run(read_facts(PcscReader()))


# --- lpac ---

LPAC = shutil.which("lpac")
with_lpac = pytest.mark.skipif(LPAC is None, reason="lpac is not installed")


def told(said: list[dict[str, object]]) -> object:
    (last,) = [one["payload"] for one in said if one["type"] == "lpa"]
    assert isinstance(last, dict)
    assert last["code"] == 0, last
    return last["data"]


@with_lpac
def test_lpac_reads_our_eid_and_profiles_over_stdio() -> None:
    slot = served(make_card(CardPlan()))
    info = told(asyncio.run(run_lpac(slot, [str(LPAC), "chip", "info"])))
    assert isinstance(info, dict)
    assert info["eidValue"] == EID
    profiles = told(asyncio.run(run_lpac(slot, [str(LPAC), "profile", "list"])))
    assert [one["profileName"] for one in profiles] == ["A", "B"]  # type: ignore[attr-defined]


@with_lpac
@pytest.mark.parametrize("driver", ["at", "at_csim"])
def test_lpac_reads_our_eid_over_a_modem(driver: str) -> None:
    async def work() -> bytes:
        async with PtyModem(served(make_card(CardPlan()))) as modem:
            process = await asyncio.create_subprocess_exec(
                str(LPAC), "chip", "info", stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, env={**os.environ, "LPAC_APDU": driver,
                "LPAC_APDU_AT_DEVICE": modem.path})  # fmt: skip
            out, said = await asyncio.wait_for(process.communicate(), 120)
            if not out and b"driver" in said:
                pytest.skip("this lpac has no driver for modems")
            return out

    assert EID.encode() in asyncio.run(work())


@with_lpac
def test_lpac_reads_our_eid_by_pcsc(pcscd: None) -> None:
    async def work() -> bytes:
        async with in_the_slot():
            process = await asyncio.create_subprocess_exec(
                str(LPAC), "chip", "info", stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "LPAC_APDU": "pcsc"})  # fmt: skip
            out, said = await asyncio.wait_for(process.communicate(), 120)
            if not out and b"No APDU driver found" in said:
                pytest.skip("this lpac has no driver for PC/SC")
            return out

    assert EID.encode() in asyncio.run(work())


@with_lpac
def test_lpac_downloads_a_profile_from_our_smdp() -> None:
    """An LPA of others between our SM-DP+ and our eUICC; its HTTP comes over stdio too."""
    smdp = SmDp(
        Setup(smdp_party([TestPki.load()["p256"]])), MemoryStore(), random.Random(1).randbytes
    )
    order = smdp.order("30k")
    name = smdp.setup.party.address
    asked: list[str] = []

    async def fetch(url: str, headers: Sequence[str], body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        asked.append(f"{parts.hostname} {parts.path.rpartition('/')[2]}")
        given = tuple((key.strip(), value.strip()) for key, _, value in
                      (one.partition(":") for one in headers))  # fmt: skip
        media = next((value for key, value in given if key.lower() == "content-type"), "")
        response = smdp.answer(Request(parts.path, media, body, given), time.time())
        return response.status, response.body

    async def work(slot: ServedCard) -> object:
        download = (str(LPAC), "profile", "download", "-s", name, "-m", str(order.matching_id))
        told(await run_lpac(slot, download, fetch))
        told(await run_lpac(slot, (str(LPAC), "notification", "process", "-a", "-r"), fetch))
        return told(await run_lpac(slot, (str(LPAC), "profile", "list")))

    profiles = asyncio.run(work(served(make_card(CardPlan()))))
    assert [one["profileName"] for one in profiles] == ["A", "B", "30 kB"]  # type: ignore[attr-defined]
    assert asked == [f"{name} {function}" for function in (
        "initiateAuthentication", "authenticateClient", "getBoundProfilePackage",
        "handleNotification")]  # fmt: skip
