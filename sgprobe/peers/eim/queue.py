"""GetEimPackage: the next package for an eUICC, the same one until its result is there. §5.14.5."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.data import data_request
from sgprobe.peers.eim.forms import from_members
from sgprobe.peers.eim.operations import Download, GetData
from sgprobe.peers.eim.packages import MAX_COUNTER, TRANSACTION_OCTETS, sign_package
from sgprobe.peers.eim.records import Device, Kind, Order, State
from sgprobe.peers.eim.targets import target_of, trigger
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.rules import Rules

# IpaCapabilities.ipaFeatures
EIM_HANDLES_DATA = 2


@dataclass(frozen=True, slots=True)
class Queue:
    """Delivers orders in their order; a package is signed when it is asked for."""

    setup: Setup
    rules: Rules
    random: RandomSource

    def next_package(self, work: Work, device: Device, now: float) -> bytes | None:
        """Return the package to deliver, None where there is none, or none yet."""
        for name in work.queue(device.eid):
            order = work.order(name)
            if order is None:
                continue
            expired = order.expires is not None and now > order.expires
            if expired and self.rules.on("EIM.ORDER-EXPIRY"):
                work.save(replace(order, state=State.EXPIRED, reason="not asked for in time"))
                continue
            if order.not_before > now:
                return None
            if order.deliveries >= self.setup.limits.deliveries:
                work.save(replace(order, state=State.FAILED, reason="never answered"))
                continue
            package = self._deliver(work, order)
            if package is not None:
                return package
        return None

    def _deliver(self, work: Work, order: Order) -> bytes | None:
        state = State.SENT if order.state is State.QUEUED else order.state
        if order.package is not None:
            # not answered yet: the same octets again, so that nothing is executed twice
            work.save(replace(order, state=state, deliveries=order.deliveries + 1))
            return bytes.fromhex(order.package)
        built = self._build(work, order)
        if built is None:
            return None
        order, package = built
        if order.counter is not None:
            work.remember_counter(order)
        if order.transaction is not None:
            work.remember_transaction(order)
        work.save(replace(order, state=state, deliveries=order.deliveries + 1))
        return package

    def _build(self, work: Work, order: Order) -> tuple[Order, bytes] | None:
        operations = tuple(from_members(one) for one in order.operations)
        transaction = order.transaction
        if transaction is None and self._needs_transaction(order):
            transaction = self.random(TRANSACTION_OCTETS).hex()
        (first, *_) = operations
        if isinstance(first, GetData):
            package = data_request(self.setup.version, first, transaction)
            return replace(order, transaction=transaction, package=package.hex()), package
        if isinstance(first, Download):
            package = self._trigger(work, order, first, transaction)
            return replace(order, transaction=transaction, package=package.hex()), package
        device = work.device(order.eid) or Device(order.eid)
        counter = self._counter(work, device)
        if counter > MAX_COUNTER and self.rules.on("EIM.COUNTER-LIMIT"):
            work.save_device(replace(device, alarm="the counter is used up: update the eIM's key"))
            work.save(replace(order, state=State.FAILED, reason="no counter is left"))
            return None
        device = work.save_device(replace(device, counter=counter))
        package = sign_package(
            self.setup,
            device,
            order.kind,
            operations,
            transaction,
            always_token=self.rules.on("EIM.SIGNATURE-TOKEN"),
        )
        signed = replace(
            order,
            counter=counter,
            transaction=transaction,
            package=package.hex(),
            before=device.enabled(),
        )
        return signed, package

    def _counter(self, work: Work, device: Device) -> int:
        if device.counter and not self.rules.on("EIM.COUNTER-FRESH"):
            # the fault: each value serves two packages
            again = f"eim/again/{device.eid}"
            if work.get(again) != device.counter:
                work.put(again, device.counter)
                return device.counter
        return device.counter + 1

    def _needs_transaction(self, order: Order) -> bool:
        if self.setup.transaction_ids:
            return True
        # the eIM recognises a download that it drives by nothing else
        return order.kind is Kind.DOWNLOAD and bool(order.operations[0].get("indirect"))

    def _trigger(
        self, work: Work, order: Order, download: Download, transaction: str | None
    ) -> bytes:
        features = work.facts(order.eid).features
        handles = features is not None and EIM_HANDLES_DATA in features
        # SGP.32 v1.0.1 has no transaction id in InitiateAuthentication: the IPA must know where
        keeps = download.indirect and handles and self.setup.version != "1.0.1"
        code = (download.activation_code or "").removeprefix("LPA:")
        return trigger(target_of(download), transaction, not keeps, code)
