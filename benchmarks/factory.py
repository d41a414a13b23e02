"""How fast the factory is: binding, deliveries, stations, reports; and how far that goes.

    python -m benchmarks.factory [--binds 1000] [--entries 20000] [--devices 640]

A month's million devices is 0.39 a second. Memory is that of a process of its own, measured at
two sizes; what a million entries need follows from the slope. Nothing is a model: packages are
bound, opened by simulated eUICCs, and reported.
"""

from __future__ import annotations

import argparse
import base64
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import make_eid
from sgprobe.crypto.ifpp_keys import Suite, available
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.host.binding_pool import BindingPool
from sgprobe.host.loading import load_all
from sgprobe.host.station import Slot
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import check_delivery
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.delivery.entry import Prebound, encode_package
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.delivery.manifest import Manifest
from sgprobe.peers.delivery.writer import DeliveryWriter
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.profiles.library import make_iccid
from sgprobe.peers.smdpf.binder import Runner, one_by_one
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import MemoryStore

MONTH = 1_000_000 / (30 * 86_400)
MSP, DM = "msp.example", "dm.example"
_PACKAGE = 13_000


def certificates() -> CertificateSet:
    return TestPki.load()[Curve.P256]


def chips(count: int, first: int = 1, suite: Suite = Suite.C1) -> list[Personalised]:
    eum = Eum(certificates(), entropy=random.Random(first))
    kind = Kind(keys=(suite,))
    return [eum.personalise(number, kind) for number in range(first, first + count)]


class Bench:
    """An SM-DPf that knows its eUICCs."""

    def __init__(self, folder: Path, known: list[Personalised], runner: Runner) -> None:
        self.smdpf = SmDpf(make_setup(certificates(), folder), MemoryStore(), os.urandom, runner)
        self.now = time.time()
        self.chips = known
        self.order = self.call("order", MSP, profileType="12k", count=len(known))["orderId"]
        for at in range(0, len(known), 1000):
            octets = batch(Eum(certificates()), f"B{at}", known[at : at + 1000])
            self.call("batch", "eum", batch=base64.b64encode(octets).decode())

    def call(self, name: str, who: str, **members: Any) -> dict[str, Any]:
        return self.smdpf.call(name, who, members, self.now)

    def bind(self) -> Path:
        entries = [{"eid": one.eid, "keyRef": one.one_time_keys[0].ref.hex()} for one in self.chips]
        suite = int(self.chips[0].kind.keys[0])
        asked = self.call("request", DM, orderId=self.order, entries=entries, suite=suite)
        self.smdpf.work(self.now)
        job = self.smdpf.call("job", DM, {}, self.now, asked["jobId"])
        assert job["bound"] == len(self.chips), job
        return self.smdpf.hand_over(asked["deliveryId"]).path


def timed(text: str, count: int, function: Callable[[], Any], floor: float = MONTH) -> Any:
    begun, spent = time.perf_counter(), time.process_time()
    result = function()
    rate = count / (time.perf_counter() - begun)
    cost = (time.process_time() - spent) / count * 1000
    print(f"{text}: {rate:.0f}/s, {rate / floor:.0f} times 0.39/s; {cost:.2f} ms of this process")
    return result


def binding(count: int) -> None:
    known = chips(count)
    for text, runner in (("one core", one_by_one), (f"{os.cpu_count()} cores", BindingPool())):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), known, runner)
            if isinstance(runner, BindingPool):
                list(runner(bench.smdpf.jobs.press, []))
            timed(f"12 kB profiles built, protected, bound, written: {text}", count, bench.bind)
            if isinstance(runner, BindingPool):
                runner.close()
    for suite in available()[1:]:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), chips(count // 4, suite=suite), one_by_one)
            timed(f"the same in suite {suite.label}, one core", count // 4, bench.bind)


# --- deliveries ---


def _packages(count: int) -> Iterator[Prebound]:
    """Packages of the size of a 12 kB profile, whose contents nobody opens."""
    filler = tlv("BF36", os.urandom(_PACKAGE))
    context = b"\xff\x41\x82\x03\x40" + bytes(0x340)
    for number in range(1, count + 1):
        name = f"{number:032x}"
        bare = Prebound(name, make_eid(f"8904903212345{number:017d}"), name[16:],
                        make_iccid(number), name, 1, b"")  # fmt: skip
        der = encode_package(bare, context, filler)
        yield Prebound(name, bare.eid, bare.key_ref, bare.iccid, name, 1, der)


def _manifest(now: datetime) -> Manifest:
    return Manifest("D1", "O1", "R1", DM, "F1", "2.999.10", 1, now, now + timedelta(days=365))


def _write(folder: str, count: int, pipe: Any) -> None:
    _begin()
    begun = time.perf_counter()
    writer = DeliveryWriter(Folder(Path(folder)))
    for one in _packages(count):
        writer.add(one)
    writer.finish(_manifest(datetime.now(UTC)), certificates()["dppb"])
    pipe.send((_peak(), time.perf_counter() - begun))


def _check(folder: str, count: int, pipe: Any) -> None:
    _begin()
    begun = time.perf_counter()
    found = check_delivery(Folder(Path(folder)), [certificates().anchor], packages=True)
    assert found.ok, found.faults[:3]
    assert found.entries == count
    pipe.send((_peak(), time.perf_counter() - begun))


def _find(folder: str, count: int, pipe: Any) -> None:
    files = Folder(Path(folder))
    found = check_delivery(files, [certificates().anchor])
    eids = [make_eid(f"8904903212345{number:017d}") for number in (count // 2 - 9, count // 2 - 5)]
    took = []
    book = DeliveryBook(files, found.usable)
    for eid in eids:
        begun = time.perf_counter()
        (place,) = book.find(eid)
        assert place.entry.matches(book.package(place))
        took.append((time.perf_counter() - begun) * 1000)
    pipe.send(took)


def _begin() -> None:
    """Forget the peak of the start, so that what comes shows."""
    certificates()
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak() -> float:
    """The most memory this process has had since `_begin`, in MB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = [one for one in status.read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _marks(count: int, pipe: Any) -> None:
    """What finds a name that is there twice, at its full size: three names an entry."""
    _begin()
    before = _peak()
    marks = Marks(mark("name", str(number)) for number in range(3 * count))
    assert marks.repeated() == set()
    pipe.send(_peak() - before)


def _alone(target: Callable[..., None], *arguments: Any) -> Any:
    """Run in a fresh process: its memory is its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(*arguments, there))
    process.start()
    result = here.recv()
    process.join()
    return result


def deliveries(count: int) -> None:
    small = count // 4
    for text, target in (("written", _write), ("checked, packages and all", _check)):
        peaks = []
        for size in (small, count):
            with tempfile.TemporaryDirectory() as folder:
                if target is _check:
                    _alone(_write, folder, size)
                peak, seconds = _alone(target, folder, size)
                peaks.append(peak)
        slope = max(0.0, (peaks[1] - peaks[0]) / (count - small))
        million = peaks[1] + slope * (1_000_000 - count)
        print(f"{text}: {count} entries in {seconds:.1f} s; peak {peaks[0]:.1f} MB at {small}, "
              f"{peaks[1]:.1f} MB at {count}; a million by slope: {million:.0f} MB")  # fmt: skip
    marks = _alone(_marks, 10**6)
    print(f"of which the search for duplicates, measured at a million: {marks:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        _alone(_write, folder, count)
        cold, warm = _alone(_find, folder, count)
    print(f"one EID looked up and its package checked: {cold:.1f} ms cold, {warm:.1f} ms warm")


# --- the line ---


class Timed:
    """A device that knows how long its card has taken."""

    def __init__(self, chip: Personalised) -> None:
        self._card = Card(chip.euicc(MemoryStore()))
        self.seconds = 0.0
        self.apdus = 0

    def apdu(self, command: bytes) -> bytes:
        begun = time.perf_counter()
        answer = self._card.apdu(command, 0.0)
        self.seconds += time.perf_counter() - begun
        self.apdus += 1
        return answer

    def reset(self) -> bytes:
        begun = time.perf_counter()
        atr = self._card.reset()
        self.seconds += time.perf_counter() - begun
        return atr


def line(count: int) -> None:
    known = chips(count + 100, first=100_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder / "smdpf", known, BindingPool())
        path = bench.bind()
        made = Line(folder / "line", [certificates().anchor])
        made.import_delivery(path, time.time())
        station = made.station("single")
        whole, own, loads, apdus = [], [], [], 0
        for chip in known[count:]:
            device = Timed(chip)
            begun = time.perf_counter()
            done = Slot(device).run(station.process())
            took = time.perf_counter() - begun
            assert done.good, done.reason
            whole.append(took * 1000)
            own.append((took - device.seconds) * 1000)
            loads.append(float(done.loads[0].milliseconds))
            apdus = device.apdus
        print(
            f"one station, one device, {apdus} APDUs: {statistics.median(whole):.1f} ms, "
            f"{statistics.median(own):.1f} ms of it the line's, the rest the card's; context "
            f"and package {statistics.median(loads):.0f} ms; worst {max(whole):.1f} ms"
        )
        sources = [lambda chip=chip: Timed(chip) for chip in known[:count]]
        tally = timed(f"{count} devices at 63 more stations, one process", count,
                      lambda: load_all(made, sources, 63))  # fmt: skip
        assert (tally.good, tally.held) == (count, 0), tally
        reports = list(made.reports(time.time(), final=True))
        raw = [one.octets() for one in reports]
        verdicts: list[str] = []

        def take() -> None:
            for one in raw:
                text = base64.b64encode(one).decode()
                answer = bench.call("report", DM, report=text)
                verdicts.extend(item["verdict"] for item in answer["items"])

        timed(f"results of {len(raw)} reports verified", len(known), take)
        assert verdicts == ["proven-installed"] * len(known)
        print(f"lost: {len(known) - len(verdicts)}, loaded twice: {tally.loads - count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binds", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--devices", type=int, default=640)
    arguments = parser.parse_args()
    binding(arguments.binds)
    deliveries(arguments.entries)
    line(arguments.devices)


if __name__ == "__main__":
    main()
