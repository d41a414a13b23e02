"""What an operator asks of the eIM: enrol an eUICC, order, look, cancel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dissectors.asn1.codec import EncodeError
from dissectors.spec.identity import IdentityError, eid_octets, is_eid
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.confirmation import code_hash
from sgprobe.crypto.errors import CryptoError
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.data import data_request
from sgprobe.peers.eim.forms import OrderError, to_members
from sgprobe.peers.eim.operations import Download, GetData, Operation
from sgprobe.peers.eim.packages import package_value
from sgprobe.peers.eim.records import Device, Facts, Kind, Order, State
from sgprobe.peers.eim.targets import target_of
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9.status import version_key
from sgprobe.peers.rules import Rules


@dataclass(frozen=True, slots=True)
class Desk:
    """Executes operator functions, each within one transaction."""

    setup: Setup
    rules: Rules

    def enrol(
        self,
        work: Work,
        eid: str,
        *,
        certificates: Iterable[tuple[bytes, bytes]] = (),
        counter: int | None = None,
        token: int | None = None,
        key: str | None = None,
    ) -> Device:
        """Manage an eUICC, or correct what is known of its association; what is not given stays.

        `certificates` are pairs of eUICC and EUM certificate; without them the eIM asks for them.
        A token of 0 is none.
        """
        try:
            octets = eid_octets(eid)
        except IdentityError as error:
            raise OrderError(str(error)) from None
        if not is_eid(eid) and self.rules.on("EIM.EID-VALID"):
            raise OrderError(f"the check digits of EID {octets.hex()} are wrong")
        if key and key not in self.setup.signers:
            raise OrderError(f"no key {key[:40]!r}; there are {', '.join(self.setup.signers)}")
        pairs = []
        for euicc, eum in certificates:
            self._check_certificates(euicc, eum)
            pairs.append((euicc.hex(), eum.hex()))
        if pairs:
            known = work.facts(eid)
            work.save_facts(eid, replace(known, certificates=tuple(pairs)))
        old = work.device(eid) or Device(eid)
        return work.save_device(
            replace(
                old,
                counter=old.counter if counter is None else counter,
                token=old.token if token is None else token,
                key=old.key if key is None else key,
                associated=True,
                alarm="",
            )
        )

    def _check_certificates(self, euicc: bytes, eum: bytes) -> None:
        try:
            read_certificate(euicc)
            read_certificate(eum)
        except CryptoError as error:
            raise OrderError(str(error)) from None

    def order(
        self,
        work: Work,
        eid: str,
        operations: Iterable[Operation],
        now: float,
        *,
        expires: float | None = None,
    ) -> Order:
        """Queue one package of operations; nothing is signed before it is asked for."""
        wanted = tuple(operations)
        device = work.device(eid)
        if device is None or not device.associated:
            raise OrderError(f"EID {eid[:40]} is not managed by this eIM")
        if len(work.queue(eid)) >= self.setup.limits.orders_of_device:
            raise OrderError(f"{self.setup.limits.orders_of_device} orders wait for this EID")
        kind = self._kind(wanted)
        if self.rules.on("EIM.ORDER-VALUES"):
            self._try(work, kind, wanted)
        code = None
        members = []
        for one in wanted:
            told = to_members(one)
            if isinstance(one, Download) and one.code:
                # the code itself is not kept: its hash is what the protocol needs
                code = code_hash(one.code).hex()
                if self.rules.on("EIM.CODE-HASHED"):
                    told.pop("code")
            members.append(told)
        order = Order(
            work.next_id(),
            eid,
            kind,
            tuple(members),
            created=now,
            expires=expires,
            code=code,
        )
        return work.enqueue(order)

    def _kind(self, operations: tuple[Operation, ...]) -> Kind:
        kinds = {one.kind for one in operations}
        if len(kinds) != 1:
            raise OrderError("an order holds operations of one kind: PSMO, eCO, data or download")
        (kind,) = kinds
        if kind in (Kind.DATA, Kind.DOWNLOAD) and len(operations) > 1:
            raise OrderError(f"an order of the kind {kind} holds one operation")
        for one in operations:
            if version_key(self.setup.version) < version_key(one.since):
                raise OrderError(f"{one.op} came with SGP.32 v{one.since}")
        return kind

    def _try(self, work: Work, kind: Kind, operations: tuple[Operation, ...]) -> None:
        """Refuse what cannot be encoded, before anything is signed."""
        try:
            (first, *_) = operations
            if isinstance(first, Download):
                target_of(first)
            elif isinstance(first, GetData):
                data_request(self.setup.version, first, None)
            else:
                package_value(self.setup, Device("0" * 32), kind, operations, None)
        except (IdentityError, CryptoError, EncodeError, ValueError, KeyError) as error:
            raise OrderError(str(error)[:200]) from None

    def cancel(self, work: Work, name: str) -> Order:
        """Take an order back; what an eUICC has executed already stays executed."""
        order = self.find(work, name)
        if not order.open:
            raise OrderError(f"order {order.id} is {order.state}")
        reason = "" if order.state is State.QUEUED else "cancelled after it was sent"
        return work.save(replace(order, state=State.CANCELLED, reason=reason))

    def find(self, work: Work, name: str) -> Order:
        """Return an order by its id."""
        order = work.order(name)
        if order is None:
            raise OrderError(f"no order {name[:40]!r}")
        return order

    def search(
        self, work: Work, eid: str | None = None, state: State | None = None
    ) -> Iterator[Order]:
        """Walk the orders of an eUICC, or of all, in a state, or in any."""
        for order in work.orders():
            if eid in (None, order.eid) and state in (None, order.state):
                yield order

    def facts(self, work: Work, eid: str) -> Facts:
        """Return what an eUICC has said of itself."""
        return work.facts(eid)
