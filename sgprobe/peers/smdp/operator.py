"""What an operator asks of the SM-DP+: order, confirm, release, cancel. SGP.22 §5.3 (ES2+)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dissectors.spec.identity import IdentityError, eid_octets, iccid_octets
from sgprobe.crypto.confirmation import code_hash
from sgprobe.peers.es9.mutual import RandomSource
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.profiles.library import ProfileType, make_iccid
from sgprobe.peers.smdp.orders import PPK, SESSION, Order, State, Work

# an order in one of these is not touched by a new confirmation
_FINAL = frozenset({State.INSTALLED, State.UNAVAILABLE, State.ERROR})
MATCHING_OCTETS = 10
PROTECTIONS = (PPK, SESSION)


@dataclass(frozen=True, slots=True)
class Desk:
    """Executes operator functions on the orders of one command."""

    types: Mapping[str, ProfileType]
    random: RandomSource
    # how many profiles there are; ES2+ may not fill the store without end
    stock: int

    def order(
        self,
        work: Work,
        *,
        eid: str | None = None,
        iccid: str | None = None,
        kind: str | None = None,
        protection: str = PPK,
        rebinding: bool = True,
    ) -> Order:
        """Reserve a profile: of a type, or the one that has an ICCID. SGP.22 §5.3.1."""
        if eid is not None:
            _check_eid(eid)
        if protection not in PROTECTIONS:
            raise refuse("element-invalid", f"protection is one of {', '.join(PROTECTIONS)}")
        if iccid is None:
            if kind is None:
                raise refuse("element-missing", "iccid or profileType")
            iccid = _next_iccid(work)
        _check_iccid(iccid)
        old = work.order(iccid)
        if old is not None and old.state is not State.AVAILABLE:
            raise refuse("iccid-unavailable", old.state)
        if old is not None and kind is not None and kind != old.kind:
            raise refuse("type-mismatch", kind)
        kind = kind or (old.kind if old else next(iter(self.types)))
        if kind not in self.types:
            raise refuse("type-unknown", kind[:64])
        if old is None:
            count = work.get("orders") or 0
            if count >= self.stock:
                raise refuse("type-exhausted")
            work.put("orders", count + 1)
        state = State.LINKED if eid else State.ALLOCATED
        return work.save(Order(iccid, kind, state, eid, protection=protection, rebinding=rebinding))

    def confirm(
        self,
        work: Work,
        iccid: str,
        *,
        eid: str | None = None,
        matching_id: str | None = None,
        code: str | None = None,
        expires: float | None = None,
        release: bool = True,
        smds: str | None = None,
    ) -> Order:
        """Complete an order; "" as matching id asks for a default order. SGP.22 §5.3.2.

        `smds` is the SM-DS that is to know of it as an event.
        """
        order = _find(work, iccid)
        if order.state in _FINAL or order.state is State.AVAILABLE:
            raise refuse("iccid-unavailable", order.state)
        if eid is not None:
            _check_eid(eid)
            if order.eid not in (None, eid):
                raise refuse("iccid-other-eid")
        eid = eid or order.eid
        if (matching_id == "" or smds) and eid is None:
            raise refuse("eid-missing", "a default order or an event is found by its EID")
        if matching_id:
            other = work.by_matching_id(matching_id)
            if other is not None and other.iccid != iccid:
                raise refuse("matching-id-conflict")
        if matching_id is None:
            matching_id = order.matching_id
        if matching_id is None:
            matching_id = self._matching_id(work)
        return work.save(
            replace(
                order,
                state=State.RELEASED if release else State.CONFIRMED,
                eid=eid,
                matching_id=matching_id,
                code=code_hash(code).hex() if code else None,
                expires=expires,
                smds=smds,
            )
        )

    def release(self, work: Work, iccid: str) -> Order:
        """Let a confirmed profile be downloaded. SGP.22 §5.3.4."""
        order = _find(work, iccid)
        if order.state is not State.CONFIRMED:
            raise refuse("iccid-not-releasable", order.state)
        return work.save(replace(order, state=State.RELEASED))

    def cancel(
        self,
        work: Work,
        iccid: str,
        *,
        eid: str | None = None,
        matching_id: str | None = None,
        available: bool = True,
    ) -> Order:
        """Take an order back; the profile is available again, or never. SGP.22 §5.3.3."""
        order = _find(work, iccid)
        if eid is not None and order.eid != eid:
            raise refuse("iccid-other-eid")
        if matching_id is not None and (order.matching_id or "") != matching_id:
            raise refuse("matching-id-other")
        if order.state is State.INSTALLED:
            raise refuse("iccid-unavailable", order.state)
        state = State.AVAILABLE if available else State.UNAVAILABLE
        for name in order.sessions:
            work.put(f"session/{name}", None)
        # the links to the EID and the matching id go first
        work.save(replace(order, eid=None, matching_id=None))
        return work.save(Order(iccid, order.kind, state, protection=order.protection))

    def _matching_id(self, work: Work) -> str:
        while True:
            text = self.random(MATCHING_OCTETS).hex().upper()
            # SGP.22 §4.1.1: upper case letters, digits and hyphens
            made = "-".join(text[at : at + 5] for at in range(0, len(text), 5))
            if work.get(f"matching/{made}") is None:
                return made


def activation_code(address: str, order: Order, oid: str | None = None) -> str:
    """Return the activation code of an order. SGP.22 §4.1."""
    fields = ["LPA:1", address, order.matching_id or ""]
    if oid or order.code:
        fields.append(oid or "")
    if order.code:
        fields.append("1")
    return "$".join(fields)


def _next_iccid(work: Work) -> str:
    serial = (work.get("serial") or 0) + 1
    while work.get(f"order/{make_iccid(serial)}") is not None:
        serial += 1
    work.put("serial", serial)
    return make_iccid(serial)


def _find(work: Work, iccid: str) -> Order:
    order = work.order(iccid)
    if order is None:
        raise refuse("iccid-unknown")
    return order


def _check_eid(eid: str) -> None:
    try:
        eid_octets(eid)
    except IdentityError as error:
        raise refuse("element-invalid", str(error)) from None


def _check_iccid(iccid: str) -> None:
    try:
        iccid_octets(iccid)
    except IdentityError as error:
        raise refuse("element-invalid", str(error)) from None
