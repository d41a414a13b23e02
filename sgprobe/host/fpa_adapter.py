"""The reference line behind its adapter. IFPP §9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sgprobe.factory.adapter import DeviceHandle
from sgprobe.factory.model import (
    Capabilities,
    ErrorClass,
    ImportVerdict,
    LoadingReport,
    LoadOutcome,
    Raw,
)
from sgprobe.host.station import Slot
from sgprobe.links.clock import Clock, WallClock
from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.fpa.line import Line
from sgprobe.peers.fpa.outcome import Code, Load

_CLASSES = {
    Code.EID_MISMATCH: ErrorClass.BINDING,
    Code.PACKAGE_MISSING: ErrorClass.UNKNOWN_NAME,
    Code.PACKAGE_DIGEST_MISMATCH: ErrorClass.FORMAT,
    Code.MANIFEST_INVALID: ErrorClass.SIGNATURE,
    Code.DUPLICATE_PACKAGE: ErrorClass.KEY_USED,
    Code.EXPIRED: ErrorClass.PHASE,
}


class _Recorded:
    """A device whose APDUs are kept."""

    def __init__(self, device: DeviceHandle, transcript: list[Raw]) -> None:
        self._device = device
        self._transcript = transcript

    def apdu(self, command: bytes) -> bytes:
        self._transcript.append(Raw(True, "apdu", command))
        answer = self._device.apdu(command)
        self._transcript.append(Raw(False, "apdu", answer))
        return answer

    def reset(self) -> bytes:
        return self._device.reset()


class FpaReference:
    """Loads devices with the line of this project."""

    name = "sgprobe line"

    def __init__(self, line: Line, clock: Clock | None = None) -> None:
        self.transcript: list[Raw] = []
        self._line = line
        self._clock = clock or WallClock()

    def capabilities(self) -> Capabilities:
        return Capabilities("IFPP@0", frozenset({"fpa"}))

    def normalise_error(self, raw: Any) -> ErrorClass:
        try:
            return _CLASSES.get(Code[str(raw)], ErrorClass.OTHER)
        except KeyError:
            return ErrorClass.OTHER

    def import_delivery(self, path: Path) -> ImportVerdict:
        try:
            found = self._line.import_delivery(path, self._clock.now())
        except Refused as refused:
            return ImportVerdict(False, faults=(str(refused.fault),))
        return ImportVerdict(True, found.entries, tuple(str(one) for one in found.faults))

    def load(self, station: int, device: DeviceHandle) -> list[LoadOutcome]:
        slot = Slot(_Recorded(device, self.transcript), clock=self._clock)
        done = slot.run(self._line.station(f"s{station:02d}").process())
        return [_outcome(one) for one in done.loads]

    def reports(self) -> Iterator[LoadingReport]:
        for one in self._line.reports(self._clock.now()):
            octets = one.octets()
            self.transcript.append(Raw(True, "esbpp", octets))
            yield LoadingReport(one.delivery, one.station, one.first, one.last, one.final, octets)


def _outcome(load: Load) -> LoadOutcome:
    code = load.outcome.code
    return LoadOutcome(
        bytes.fromhex(load.package_id), load.eid, load.attempt, load.segments,
        load.outcome.result, code.name if code is not None else "", load.outcome.status_word,
        load.milliseconds,
    )  # fmt: skip
