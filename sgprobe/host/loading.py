"""Loads all devices of a factory at its stations, in threads, with no way to the network."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgprobe.host.station import Device as Reader
from sgprobe.host.station import Slot
from sgprobe.links.tape import Tape
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.fpa.outcome import Device

# what is put in a reader, made when its turn comes
Source = Callable[[], Reader]


@dataclass(slots=True)
class Tally:
    """What came of all devices."""

    good: int = 0
    held: int = 0
    loads: int = 0
    reasons: dict[str, int] | None = None

    def add(self, device: Device) -> None:
        """Count one device."""
        self.loads += len(device.loads)
        if device.good:
            self.good += 1
            return
        self.held += 1
        self.reasons = self.reasons or {}
        self.reasons[device.reason] = self.reasons.get(device.reason, 0) + 1


def load_all(
    line: Line,
    sources: Iterable[Source],
    stations: int,
    *,
    traces: bool = False,
    told: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Load every device at one of so many stations; return the tally.

    The first station that cannot go on stops the line, and its error is raised.
    """
    waiting: queue.SimpleQueue[Source] = queue.SimpleQueue()
    for source in sources:
        waiting.put(source)
    tally, turn = Tally(), threading.Lock()
    troubles: list[BaseException] = []
    log = line.folder / "outcomes.jsonl"

    def work(name: str) -> None:
        tape = _tape(line.folder / "traces" / f"{name}.pcapng") if traces else None
        try:
            station = line.station(name)
            while not troubles:
                try:
                    source = waiting.get_nowait()
                except queue.Empty:
                    return
                device = Slot(source(), tape=tape).run(station.process())
                with turn:
                    tally.add(device)
                    _write(line.folder, log, name, device)
                    told(tally.good + tally.held)
        except BaseException as error:
            troubles.append(error)
        finally:
            if tape is not None:
                tape.close()

    names = [f"s{number:02d}" for number in range(1, stations + 1)]
    threads = [threading.Thread(target=work, args=(name,), name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return tally


def _tape(path: Path) -> Tape:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Tape.at(path)


def _write(folder: Path, log: Path, station: str, device: Device) -> None:
    """Keep what a station says of a device, and the signed state of its end of line."""
    if device.state:
        states = folder / "states"
        states.mkdir(exist_ok=True)
        (states / f"{device.eid}.der").write_bytes(device.state)
    record: dict[str, Any] = {
        "station": station,
        "eid": device.eid,
        "good": device.good,
        "reason": device.reason,
        "loads": [
            {
                "packageId": one.package_id,
                "iccid": one.iccid,
                "attempt": one.attempt,
                "segments": one.segments,
                "durationMs": one.milliseconds,
                "outcome": one.outcome.to_item(),
            }
            for one in device.loads
        ],
    }
    with log.open("a") as file:
        file.write(json.dumps(record) + "\n")
