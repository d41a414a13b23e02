"""The laboratory: the flow against the own SM-DPf and against one over HTTPS; the pool."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request
from sgprobe.host.binding_pool import BindingPool
from sgprobe.host.factory import DM, MSP, Lab, LabError
from sgprobe.host.factory_stand import FactoryPlan, FactoryStand
from sgprobe.host.factory_tls import ask_remote
from sgprobe.host.loading import load_all
from sgprobe.host.station import ReaderDevice, Slot, at_once
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import check_delivery, open_manifest
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.fpa import es10f
from sgprobe.peers.smdpf.client import SmDpfClient


def flow(lab: Lab, count: int) -> dict[str, int]:
    order = lab.order("small", count + 2)["orderId"]
    chips = lab.personalise(count)
    assert len(lab.give_data(chips)["accepted"]) == count
    job = lab.bind(order, chips, policy={"enableAfterLoad": True})
    assert (job["bound"], job["refusals"]) == (count, [])
    folder, manifest = lab.deliver(None)
    assert manifest.entry_count == count
    line = lab.line()
    assert line.import_delivery(folder, lab.clock.now()).ok
    sources = [lambda chip=chip: lab.device(chip) for chip in lab.devices()]
    tally = load_all(line, sources, 3, traces=True)
    assert (tally.good, tally.held) == (count, 0)
    list(line.reports(lab.clock.now(), final=True))
    for report in line.unsent():
        report.mark_sent(lab.report(report.octets()))
    assert list(line.unsent()) == []
    line.close()
    return lab.order_states(order)


def test_the_flow_in_one_folder(tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab")
    try:
        assert flow(lab, 5) == {"PREPARED": 2, "INSTALLED": 5}
        heard = lab.tell_msp()
        assert heard is not None
        assert len(heard["provenInstalled"]) == 5
        assert lab.gaps(lab.delivery(None))["withoutOutcomeCount"] == 0
    finally:
        lab.close()
    evidence = json.loads((tmp_path / "lab/orders/O1.json").read_text())
    assert set(evidence) >= {"order", "digest", "signature", "spki", "orderId"}
    records = [
        json.loads(line) for line in (tmp_path / "lab/line/outcomes.jsonl").read_text().splitlines()
    ]
    assert len(records) == 5
    assert all("euiccResult" in one["loads"][0]["outcome"] for one in records)
    assert len(list((tmp_path / "lab/line/states").iterdir())) == 5
    assert list((tmp_path / "lab/line/traces").iterdir())


def test_a_laboratory_goes_on_where_it_was(tmp_path: Path) -> None:
    Lab.make(tmp_path / "lab").close()
    lab = Lab(tmp_path / "lab")
    one = lab.personalise(1)[0]
    again = next(Lab(tmp_path / "lab").devices())
    assert again.certificate.der == one.certificate.der
    assert again.one_time_keys == one.one_time_keys
    with pytest.raises(LabError, match="nothing is ordered"):
        lab.last_order()
    with pytest.raises(LabError, match="no delivery"):
        lab.delivery(None)
    with pytest.raises(LabError, match="begin with"):
        Lab(tmp_path / "other")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    with pytest.raises(LabError, match="not empty"):
        Lab.make(tmp_path / "full", new=True)
    assert (tmp_path / "full/file").exists()
    assert list(Lab.make(tmp_path / "lab", new=True).devices()) == []


def test_the_pool_binds_what_one_process_binds(tmp_path: Path) -> None:
    made = []
    for workers in (None, 2):
        lab = Lab.make(tmp_path / f"{workers}")
        lab.order("small", 30)
        chips = lab.personalise(25, Suite.C1)
        lab.give_data(chips)
        if workers is not None:
            lab.pool.close()
            lab.pool = BindingPool(workers)
        lab.bind("O1", chips)
        files = lab.smdpf.jobs.files("D1")
        found = check_delivery(files, [lab.certificates.anchor], packages=True)
        assert found.ok
        made.append([one.line() for one in _entries(files)])
        lab.close()
    assert [len(one) for one in made] == [25, 25]


def _entries(files: Folder) -> list[object]:

    manifest, _ = open_manifest(files, [TestPki.load()["p256"].anchor])
    return list(DeliveryBook(files, manifest.shards).entries())


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FactoryStand]:
    """An SM-DPf over HTTPS, in a thread with a loop of its own."""
    folder = tmp_path_factory.mktemp("smdpf")
    made: list[FactoryStand] = []
    ready, stop = threading.Event(), []

    async def serve() -> None:
        over = asyncio.Event()
        stop.extend([asyncio.get_running_loop(), over])
        async with FactoryStand(FactoryPlan(folder / "deliveries", workers=1)) as one:
            made.append(one)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(120)
    yield made[0]
    stop[0].call_soon_threadsafe(stop[1].set)
    thread.join()


def test_the_flow_over_https(stand: FactoryStand, tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab", url=stand.url)
    assert flow(lab, 3) == {"PREPARED": 2, "INSTALLED": 3}
    lab.close()


def test_a_fetch_that_broke_off_goes_on(stand: FactoryStand, tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab", url=stand.url, seed="broken off")
    lab.order("12k", 3)
    chips = lab.personalise(3)
    lab.give_data(chips)
    lab.bind(lab.last_order(), chips)
    folder, manifest = lab.deliver(None)
    packages = folder / manifest.shards[0].bin
    whole = packages.read_bytes()
    for left in (whole[:20_000], b"x" * 20_000, whole):
        packages.write_bytes(left)
        lab.deliver(None)
        assert packages.read_bytes() == whole
    lab.close()


def test_who_asks_is_who_the_certificate_names(stand: FactoryStand, tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab", url=stand.url)
    client = SmDpfClient(stand.url, MSP, lambda: "c")
    with pytest.raises(ServerFault, match="403"):
        ask_remote(lab.certificates, DM, client.order({"profileType": "small", "count": 1}))
    with pytest.raises(ServerRefusal, match="9.41.2/3.9"):
        ask_remote(lab.certificates, MSP, client.gaps("nothing"))
    lab.close()


def test_without_a_certificate_nobody_is_heard(stand: FactoryStand, tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab", url=stand.url)
    host, port = stand.public.address

    async def ask() -> None:
        settings = TlsSettings(trust=(lab.certificates.ci.der,))
        client = HttpsClient((host, port), settings, name="")
        await client.ask(Request("/ifpp/v0/es2f/orders", "application/json", b"{}"))

    with pytest.raises(Unreachable):
        asyncio.run(ask())
    other = SmDpfClient("https://127.0.0.1:9", MSP, lambda: "c")
    with pytest.raises(LinkFailure):
        ask_remote(lab.certificates, MSP, other.gaps("x"))
    lab.close()


def test_a_card_in_a_reader_that_waits(tmp_path: Path) -> None:
    """A reader of coroutines, in a loop of its own, as PC/SC and modems are."""
    lab = Lab.make(tmp_path / "lab")
    lab.order("small", 1)
    (chip,) = lab.personalise(1)
    lab.give_data([chip], "b")
    lab.bind("O1", [chip])
    folder, _ = lab.deliver(None)
    line = lab.line()
    line.import_delivery(folder, lab.clock.now())
    inner = lab.device(chip)

    class Slow:
        async def transmit(self, apdu: bytes) -> bytes:
            await asyncio.sleep(0)
            return inner.apdu(apdu)

        async def reset(self) -> None:
            await asyncio.sleep(0)
            inner.reset()

        async def close(self) -> None:
            pass

    loop = asyncio.new_event_loop()
    device = ReaderDevice(Slow(), loop.run_until_complete)
    assert load_all(line, [lambda: device], 1).good == 1
    state = Slot(device).run(es10f.witness(b"w" * 16))
    assert isinstance(state, es10f.State)
    assert (state.challenge, state.phase, len(state.profiles)) == ((b"w" * 16).hex(), "closed", 1)
    loop.close()
    lab.close()


def test_a_station_that_cannot_go_on_stops_the_line(tmp_path: Path) -> None:
    lab = Lab.make(tmp_path / "lab")

    def broken() -> object:
        raise OSError("no reader")

    with pytest.raises(OSError, match="no reader"):
        load_all(lab.line(), [broken], 2)  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        at_once(asyncio.sleep(0))
    lab.close()
