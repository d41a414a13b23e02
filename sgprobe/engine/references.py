"""The built-in references as a product: what an operator can make them do, and their state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets, iccid_text
from sgprobe.cases.match import Unresolved
from sgprobe.engine import exported
from sgprobe.engine.card import euicc_state
from sgprobe.engine.end import HeardWorld
from sgprobe.engine.given import said_yes
from sgprobe.engine.outcome import Declined
from sgprobe.peers.effects import CardFailure, LinkFailure, Procedure
from sgprobe.peers.eim.forms import OrderError, from_members
from sgprobe.peers.eim.operations import Operation
from sgprobe.peers.eim.server import Eim as EimServer
from sgprobe.peers.eim.shown import association
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.smdp.orders import EARLY, OPEN, PPK, State
from sgprobe.product.actions import of_trigger

Given = Mapping[str, Any]
Act = Callable[[Given], Awaitable[dict[str, Value]]]
# what the IPA does by itself when somebody at the device asks for it
_PROCEDURES: dict[str, Callable[[Ipa], Procedure[Any]]] = {
    "ipa.notify": Ipa.notify,
    "ipa.fallback": Ipa.execute_fallback,
    "ipa.return": Ipa.return_from_fallback,
    "ipa.emergency": Ipa.enable_emergency,
    "ipa.emergency-end": Ipa.disable_emergency,
    "ipa.memory-reset": lambda ipa: ipa.reset((_OPERATIONAL,)),
    "ipa.activate-ipae": Ipa.activate_ipae,
}
# EuiccMemoryResetRequest: delete operational profiles. SGP.32 §5.9.5
_OPERATIONAL = 0
# states of an order of the reference, as operators tell them
_OPEN, _DONE = ("queued", "sent", "running"), "done"
_WAITING, _INSTALLED = OPEN | EARLY, State.INSTALLED


class References:
    """Triggers and states of the references in one world."""

    def __init__(self, world: HeardWorld, told: Callable[[str], None]) -> None:
        self.world = world
        self.told = told
        self.tasks: set[asyncio.Task[Any]] = set()
        self.orders: list[str] = []
        self.restarts = 0
        self.matching_id = ""
        self.iccid = ""
        # of profiles for a card that keeps those of earlier items
        self.iccids: Iterator[str] | None = None
        self._acts: dict[str, Act] = {
            "ipa.poll": self._poll,
            "ipa.download": self._download,
            "ipa.discover": self._discover,
            "ipa.restart": self._restart_ipa,
            "euicc.reset": self._restart_device,
            "eim.queue-package": self._queue,
            "eim.cancel": self._cancel,
            "eim.inject": self._inject,
            "eim.manage": self._manage,
            "eim.restart": self._restart_eim,
            "smdp.order": self._order,
            "smdp.restart": self._restart_server,
            "smds.restart": self._restart_server,
        }

    async def trigger(self, action: str, given: Given) -> dict[str, Value]:
        """Make a reference act; raises Unresolved where it cannot."""
        procedure = _PROCEDURES.get(action)
        if procedure is not None:
            self.background(self.world.device.run(procedure(self.world.ipa)))
            return {}
        act = self._acts.get(action)
        if act is None:
            raise Unresolved(f"the reference has no action {action}")
        return await act(given)

    # --- the device ---

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something go on while the case waits for what comes of it."""
        task = asyncio.ensure_future(self._watched(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # a task that is cancelled before it begins has not touched it
        task.add_done_callback(lambda _: work.close())

    async def _watched(self, work: Awaitable[Any]) -> None:
        """Tell what a procedure of the product came to, for the log of the item."""
        try:
            outcome = await work
        except (LinkFailure, CardFailure) as error:
            # the end of a procedure, like any other
            self.told(f"{type(error).__name__}: {error}")
            return
        except Exception as error:
            self.told(f"{type(error).__name__}: {error}")
            raise
        self.told(str(outcome))

    async def _poll(self, given: Given) -> dict[str, Value]:
        self.background(self._polling())
        return {}

    async def _polling(self) -> Any:
        """Do what an IPA does of its own: first what was injected and answered later."""
        device, ipa = self.world.device, self.world.ipa
        await device.run(ipa.errands())
        return await device.run(ipa.poll())

    async def _download(self, given: Given) -> dict[str, Value]:
        code = str(given.get("activation-code") or self.activation_code())
        confirmation = given.get("confirmation-code")
        told = None if confirmation is None else str(confirmation)
        self.background(self.world.device.run(self.world.ipa.download(code, told)))
        return {}

    async def _discover(self, given: Given) -> dict[str, Value]:
        """Have the IPA ask the root SM-DS for events, and download what they announce."""
        root = f"1${self.world.smds.setup.party.address}$"
        self.background(self.world.device.run(self.world.ipa.download(root)))
        return {}

    def activation_code(self) -> str:
        """Return the code of the order that came last."""
        if not self.matching_id:
            raise Unresolved("no order: trigger smdp.order first, or give activation-code")
        return f"1${self.world.smdp.setup.party.address}${self.matching_id}"

    async def _restart_device(self, given: Given) -> dict[str, Value]:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.world.card.reset()
        if self.world.device.card is not None:
            self.world.device.card.restarted()
        return {}

    async def _restart_ipa(self, given: Given) -> dict[str, Value]:
        """Make the IPA anew with the store of the old one, and reset its card."""
        await self._restart_device(given)
        old = self.world.ipa
        self.restarts += 1
        Ipa.__init__(old, old.config, old.means.notebook.store,
                     self.world.entropy(f"ipa {self.restarts}"),
                     old.means.tls_certificate)  # fmt: skip
        return {}

    async def _restart_server(self, given: Given) -> dict[str, Value]:
        # what the server keeps is in its store; sessions that a restart would lose are not there
        return {}

    # --- the servers' operators ---

    async def _restart_eim(self, given: Given) -> dict[str, Value]:
        """Make the eIM anew with the store of the old one; what was not stored is lost."""
        old = self.world.eim
        self.restarts += 1
        EimServer.__init__(old, old.setup, old.store, self.world.entropy(f"eim {self.restarts}"),
                           self.world.eim_directory.certificate)  # fmt: skip
        return {}

    async def _manage(self, given: Given) -> dict[str, Value]:
        """Let the eIM manage a device again."""
        self.world.eim.enrol(str(given.get("eid") or self.world.euicc.eid))
        return {}

    async def _queue(self, given: Given) -> dict[str, Value]:
        operations = [operation(one) for one in _operations(given)]
        eid = str(given.get("eid") or self.world.euicc.eid)
        now = self.world.clock.now()
        expires = now + float(given["expires-in"]) if "expires-in" in given else None
        try:
            order = self.world.eim.order(eid, *operations, now=now, expires=expires)
        except OrderError as error:
            raise Declined(f"queue-package: {error}") from None
        self.orders.append(order.id)
        return {"order": order.id}

    async def _cancel(self, given: Given) -> dict[str, Value]:
        name = str(given.get("order") or (self.orders[-1] if self.orders else ""))
        try:
            self.world.eim.cancel(name)
        except OrderError as error:
            raise Declined(f"cancel: {error}") from None
        return {}

    async def _inject(self, given: Given) -> dict[str, Value]:
        self.background(self.world.inject())
        return {}

    def _wanted_iccid(self, given: Given) -> str | None:
        if "iccid" in given:
            return iccid_text(bytes.fromhex(given["iccid"]))
        return next(self.iccids) if self.iccids is not None else None

    async def _order(self, given: Given) -> dict[str, Value]:
        eid = given.get("eid")
        wait = float(given["expires-in"]) if "expires-in" in given else None
        made = self.world.smdp.order(
            str(given.get("type") or "30k"),
            eid=str(eid) if eid else None,
            expires=self.world.clock.now() + wait if wait is not None else None,
            release=said_yes(given, "release", "yes"),
            protection=str(given.get("protection") or PPK),
            rebinding=said_yes(given, "rebinding", "yes"),
            code=str(given["confirmation-code"]) if "confirmation-code" in given else None,
            smds=str(given["smds"]) if "smds" in given else None,
            matching_id=given.get("matching-id"),
            iccid=self._wanted_iccid(given),
        )
        self.matching_id, self.iccid = made.matching_id or "", made.iccid
        return {"matchingId": self.matching_id, "iccid": _octets(made.iccid)}

    # --- state ---

    def read(self, part: str) -> list[dict[str, Value]]:
        """Return the rows of a state; raises Unresolved where it cannot be seen."""
        match part:
            case "eim.queue":
                if not self.orders:
                    raise Unresolved("no order of this case")
                last = self.world.eim.outcome(self.orders[-1])
                state = _order_state(str(last.state))
                return [{"eid": last.eid, "order": last.id, "state": state}]
            case exported.PART:
                return [association(self.world.eim.setup)]
            case "smdp.order":
                found = self.world.smdp.state(self.iccid)
                if found is None:
                    return []
                told = self.world.smdp.notifications(found.eid) if found.eid else []
                about = sum(one["iccid"] == found.iccid for one in told)
                return [{**_smdp_order(found), "notifications": about}]
            case "smds.events":
                return [
                    {"eid": one.eid, "eventId": one.event_id, "rspServerAddress": one.address}
                    for one in self.world.smds.events(self.world.euicc.eid)
                ]
        return euicc_state.read(self.world.euicc, part)

    def bring(self, part: str, rows: list[dict[str, Value]]) -> None:
        """Bring a state about; raises Unresolved where the bench cannot."""
        if part == "smds.events":
            for row in rows:
                eid = str(row.get("eid", self.world.euicc.eid))
                address = str(row.get("rspServerAddress", self.world.smdp.setup.party.address))
                server = self.world.other_smds if "smds" in row else self.world.smds
                server.register_event(eid, str(row["eventId"]), address, self.world.clock.now())
            return
        if part == "ipa.clock":
            told = str(rows[0]["time"])
            now = self.world.clock.now()
            self.world.device_ahead = 0.0 if told == "now" else float(told) - now
            return
        euicc_state.bring(self.world.euicc, part, rows)
        if part == "euicc.eims":
            self._enrol()
            for known in self.world.euicc.draft().all(Eim):
                if known.id == self.world.eim_setup.eim_id:
                    self.world.believe(known.config)

    def _enrol(self) -> None:
        """Let the simulated eIM know the association: both ends of it agree."""
        known = self.world.euicc.draft().find(Eim, self.world.eim_setup.eim_id)
        if known is not None:
            self.world.eim.enrol(
                self.world.euicc.eid, counter=known.counter, token=known.token or 0
            )

    async def stop(self) -> None:
        """End what still goes on."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _operations(given: Given) -> list[dict[str, Any]]:
    listed = of_trigger("eim.queue-package", given).given["operations"]
    if any("op" not in one for one in listed):
        raise Unresolved("queue-package needs an operation, or `operations`")
    return [dict(one) for one in listed]


def operation(members: dict[str, Any]) -> Operation:
    """Return an operation from what an operator is told."""
    try:
        return from_members(members)
    except OrderError as error:
        raise Declined(f"queue-package: {error}") from None


def _octets(iccid: str) -> str:
    return iccid_octets(iccid).hex() if len(iccid) < 20 else iccid.lower()


def _order_state(state: str) -> str:
    return "open" if state in _OPEN else state if state == _DONE else "failed"


def _smdp_order(one: Any) -> dict[str, Value]:
    state = "open" if one.state in _WAITING else "done" if one.state == _INSTALLED else "failed"
    row: dict[str, Value] = {"iccid": _octets(one.iccid), "state": state}
    if one.eid:
        row["eid"] = one.eid
    if one.matching_id is not None:
        row["matchingId"] = one.matching_id
    return row
