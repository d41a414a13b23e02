"""The doors for other bindings: what an adapter of each role does. IFPP §9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from sgprobe.factory.model import (
    BindingRequest,
    Capabilities,
    ContextVerdict,
    DeliveryHandle,
    EntryVerdict,
    ErrorClass,
    EuiccBatch,
    EuiccState,
    ImportVerdict,
    LoadingReport,
    LoadOutcome,
    PreboundPackage,
    ProfileOrder,
    Raw,
    ReportVerdict,
    SegmentVerdict,
)

Route = Literal["esed1", "esbpp"]


class IfppAdapter(Protocol):
    """What every adapter has; AdapterError says what the other side refuses."""

    name: str
    # everything that was sent and received, octet for octet. RB-63
    transcript: list[Raw]

    def capabilities(self) -> Capabilities:
        """Return what the implementation can do."""

    def normalise_error(self, raw: Any) -> ErrorClass:
        """Return the class of one of the vendor's own error codes."""


class SmDpfAdapter(IfppAdapter, Protocol):
    """An SM-DPf of any binding."""

    def order(self, order: ProfileOrder) -> str:
        """Order profiles; return the name of the order."""

    def submit_euicc_data(self, batch: EuiccBatch, route: Route) -> list[EntryVerdict]:
        """Deliver eUICC data by a route."""

    def request_packages(self, request: BindingRequest) -> DeliveryHandle:
        """Request packages, and wait until they are bound."""

    def fetch(self, handle: DeliveryHandle) -> Iterator[PreboundPackage]:
        """Walk the packages of a delivery."""

    def post_report(self, report: LoadingReport) -> ReportVerdict:
        """Send a loading report."""

    def entry_state(self, iccid: str) -> str:
        """Return the state of a profile."""

    def withdraw(self, order: str, iccids: list[str]) -> list[EntryVerdict]:
        """Withdraw profiles."""


class DeviceHandle(Protocol):
    """A device in the reader of a line."""

    def apdu(self, command: bytes) -> bytes:
        """Answer one command APDU."""

    def reset(self) -> bytes:
        """Power off and on; return the ATR."""


class FpaAdapter(IfppAdapter, Protocol):
    """A factory line of any make."""

    def import_delivery(self, path: Path) -> ImportVerdict:
        """Take a delivery."""

    def load(self, station: int, device: DeviceHandle) -> list[LoadOutcome]:
        """Load the device at a station."""

    def reports(self) -> Iterator[LoadingReport]:
        """Walk the reports about what no report tells of yet."""


class EuiccAdapter(IfppAdapter, Protocol):
    """The factory phase of an eUICC of any make."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send one APDU."""

    def info(self) -> EuiccState:
        """Return EID, phase and key inventory."""

    def open_context(self, package: PreboundPackage) -> ContextVerdict:
        """Announce a package."""

    def push_segment(self, segment: bytes) -> SegmentVerdict:
        """Push one segment of a package."""

    def results(self) -> list[bytes]:
        """Return the results that are kept (BF37)."""

    def delete_keys(self, refs: list[bytes] | None) -> EuiccState:
        """Delete one-time keys, all unused ones or those named."""

    def close_phase(self) -> EuiccState:
        """End the factory phase."""

    def signed_state(self, challenge: bytes) -> EuiccState:
        """Return the signed state for a challenge."""

    def power_cycle(self) -> None:
        """Power the eUICC off and on."""


class EumAdapter(IfppAdapter, Protocol):
    """An EUM of any binding."""

    def export(self, eids: list[str]) -> EuiccBatch:
        """Return the data of eUICCs."""
