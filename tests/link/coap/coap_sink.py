"""What an observer says of a list of datagrams."""

from __future__ import annotations

from dissectors.finding import Finding
from dissectors.link.coap.observer import Observer
from dissectors.link.coap.transfers import CoapTransfer, DatagramRecord, Limits

Entry = tuple[float, str, bytes]  # time, "c" or "s", datagram


class Sink:
    def __init__(self) -> None:
        self.transfers: list[CoapTransfer] = []
        self.records: list[DatagramRecord] = []
        self.problems: list[tuple[str, tuple[int, ...]]] = []

    def transfer(self, transfer: CoapTransfer) -> None:
        self.transfers.append(transfer)

    def record(self, record: DatagramRecord) -> None:
        self.records.append(record)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        self.problems.append((finding.code, frames))


def observe(entries: list[Entry], *, end: bool = True, limits: Limits | None = None) -> Sink:
    sink = Sink()
    observer = Observer(sink, limits=limits)
    for frame, (at, name, data) in enumerate(entries, 1):
        observer.datagram("cs".index(name), data, (frame,), at)
    if end:
        observer.end()
    return sink


def told(sink: Sink) -> list[tuple[str, bytes]]:
    return [(t.code_text, t.body) for t in sink.transfers]
