"""The stage of one item: who is under test, who is simulated, and how they reach one another."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from dissectors.asn1.model import Value
from dissectors.asn1.versions import parse_spec
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import IFPP
from sgprobe.cases.planned import Impairment
from sgprobe.cases.variants import Variant
from sgprobe.crypto import identities
from sgprobe.engine import exported
from sgprobe.engine.acting import LASTING, Acting
from sgprobe.engine.association import know_product
from sgprobe.engine.capture.row import Roles
from sgprobe.engine.card.eim import CardEim
from sgprobe.engine.card.foreign import counter_of, reader_of
from sgprobe.engine.card.hidden import HiddenCard
from sgprobe.engine.card.profiles import fresh_iccids
from sgprobe.engine.card.says import CardSays
from sgprobe.engine.card.served import ServedSlot, offers_card
from sgprobe.engine.card.slot import Slot
from sgprobe.engine.card.states import CardStates
from sgprobe.engine.connecting import Connecting
from sgprobe.engine.corner import Corner, corner_of
from sgprobe.engine.corners import corners_of
from sgprobe.engine.device_says import DeviceSays
from sgprobe.engine.end import (
    NO_FAULT,
    OVERLOOKS,
    Change,
    Command,
    DisguisedDirectory,
    HeardWorld,
    Serve,
    TappedEuicc,
)
from sgprobe.engine.factory.bench import FactoryBench, PartyRequest
from sgprobe.engine.factory.floor import FactoryFloor, floor_of
from sgprobe.engine.factory.line import FactoryLine
from sgprobe.engine.factory.says import FactorySays
from sgprobe.engine.factory.stage import factory_of
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import History
from sgprobe.engine.known import Known
from sgprobe.engine.links import impairment_of
from sgprobe.engine.references import References
from sgprobe.engine.scale.figures import Published, counted
from sgprobe.engine.secrets import Secrets
from sgprobe.engine.settings import Setting, coap_knobs
from sgprobe.exchange import Request, Response
from sgprobe.host.world import IPA_NAME, OTHER_SMDP, OTHER_SMDS, SECOND, SECOND_SMDS
from sgprobe.host.world import Plan as WorldPlan
from sgprobe.links.card_slot import Reader
from sgprobe.links.clock import WallClock
from sgprobe.links.coap_link import CoapKnobs
from sgprobe.links.handshake_fault import mender
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card as CardEffect
from sgprobe.peers.effects import Effect, Procedure
from sgprobe.peers.ipa import data as ipa_data

# SGP.32 without a version of its own: what a case of SGP.22 is driven with
_IOT = "1.2"
_CURVES = {"nist-p256": "p256", "brainpool-p256r1": "brainpool"}
# who is not there where the SM-DPf is under test
_SERVERS = ("eim", "smdp", "smds")
T = TypeVar("T")


class Stage:
    """The references, one of which may be the product; an async context."""

    def __init__(self, setting: Setting, serve: Serve, command: Command, history: History) -> None:
        self.setting = setting
        variant = setting.variant
        self.curve = _CURVES[_label(variant, "curve", "nist-p256")]
        self.binding = {"coap": "coaps"}.get(_label(variant, "binding", "https"), "https")
        self.spec = setting.spec
        iot = setting.spec if setting.spec.name == "SGP.32" else parse_spec(f"SGP.32@{_IOT}")
        self.iot = iot
        self._change: Change | None = None
        self._connecting = Connecting()
        self.foreign: Foreign | None = None
        if setting.product is not None:
            self.foreign = Foreign(setting.product, tokenless=setting.tokenless)
        self.log: list[str] = []
        self.acting = Acting(self.log.append)
        self.world = HeardWorld(
            self._plan(iot.version),
            self.acting.hearing(serve),
            setting.roles,
            setting.client,
            setting.role,
        )
        # the confirmation code of the order that came last: what a user would type
        self.code = ""
        # bodies that the eIM sends to SM-DP+ and SM-DS
        self.relayed: set[bytes] = set()
        self.references = References(self.world, self.log.append)
        self.history = history
        # an eUICC under test is heard over the card link; only a planted fault changes what it says
        if not setting.faces and (setting.role != "euicc" or setting.says):
            tapped: Any = TappedEuicc(self.world.euicc, self.acting.noting(command))
            self.world.card.euicc = tapped
        self.reader: Reader | None = None
        if self.foreign is not None and setting.role == "euicc":
            self.reader = reader_of(self.foreign)
        self.card = self._slot()
        self.published = Published()
        self.floor: FactoryFloor | None = None
        self.line: FactoryLine | None = None
        self.factory: FactoryBench | None = None
        if setting.role == "fpa":
            self.line = FactoryLine(
                self.world, f"{setting.seed}", setting.off, command, self.foreign
            )
        elif setting.role != "smdpf" and setting.spec.name == IFPP and self.foreign is None:
            self.floor = floor_of(self.world, f"{setting.seed}")
        self.known = Known(
            setting,
            self.world,
            history,
            self.references,
            self.foreign,
            self.floor,
            iot,
            self.addresses,
            self.reader is not None,
        )
        self.names = self.known.names
        self.names.families["count"] = partial(counted, setting.scale)
        if self.line is not None:
            self.names.lazy |= self.line.called()
        if setting.role == "smdpf":
            self.factory = factory_of(setting, self.world, history, self.names, self.foreign, serve)
        self.card_states: CardStates | None = None
        if self.foreign is not None and self.reader is not None:
            self.card_states = CardStates(
                CardEim(self.foreign, self.known, self.command), self.log.append
            )
            self.references.iccids = fresh_iccids()
        secrets = Secrets(setting.role, self.world, history, self.foreign,
                          lambda: self.references.iccid, lambda: self.code)  # fmt: skip
        self.hidden: HiddenCard | None = None
        self.served: ServedSlot | None = None
        if self.foreign is not None and not self.sees_card:
            self.hidden = HiddenCard(self.world, self.foreign, self.known)
        elif self.foreign is not None and setting.role == "ipa":
            self.served = ServedSlot(self.world, self.foreign)
        own = (self.line, self.factory, self.card_states, self.hidden)
        self.corners: tuple[Corner, ...] = (
            *corners_of(
                setting, self.world, self.foreign, self.floor, self.factory, self.published, history
            ),
            *(one for one in own if one is not None),
            secrets,
        )
        # another device of the eIM's: what is for one goes to no other
        self.world.eim.enrol(identities.EIDS[1])
        if self.foreign is not None and setting.role == "eim":
            know_product(self.world, self.known, self.addresses["eim"], self.foreign)
        self.device = self._device_says()
        self.card_says = self._card_says()

    def _slot(self) -> Slot:
        """Return the card link: to the product's reader, or to the simulated eUICC."""
        reader = self.reader
        return Slot(
            reader.transmit if reader is not None else self.world.transmit,
            reset=reader.reset if reader is not None else None,
            tape=self.world.tape,
            basic=_label(self.setting.variant, "channel", "logical") == "basic",
        )

    def _device_says(self) -> DeviceSays:
        """Return what the simulated IPA asks servers with its eUICC."""
        setting = self.setting
        # to an eIM an IPA speaks ESipa, whatever the case is about
        speaks_iot = setting.spec.name in ("SGP.32", IFPP) or setting.role == "eim"
        return DeviceSays(
            self.iot if speaks_iot else setting.spec,
            self.history,
            self.command,
            self.world.euicc.eid,
            self.addresses,
            self.world.set["euicc"].key,
            lambda: self.known.ordered("matchingId"),
            lambda: self.code,
            self._collect,
            str(self.names.facts["event.id"]),
        )

    def _card_says(self) -> CardSays | FactorySays:
        """Return what a device has its eUICC asked by itself."""
        setting = self.setting
        device = CardSays(
            self.iot if setting.spec.name == IFPP else setting.spec,
            self.history,
            self.command,
            lambda request: self.world.smdp.answer(request, self.world.clock.now()),
            self.addresses["smdp"],
            self.known.eim_id,
            str(self.names.facts["eid"]),
            self.known.last_counter,
            lambda: self.known.ordered("matchingId"),
        )
        return device if self.floor is None else FactorySays(self.floor, device, self.names.octets)

    def _knobs(self, role: str) -> CoapKnobs | None:
        """Return how a role speaks CoAP: as the case says, or as a planted fault does."""
        setting = self.setting
        told = setting.coap if role == setting.role else setting.peers.get(role, {}).get("coap", {})
        return coap_knobs(told, setting.seed)

    def _plan(self, version: str) -> WorldPlan:
        setting, foreign = self.setting, self.foreign
        own: dict[str, Any] = {}
        if setting.role == "smdpf":
            own = {"absent": frozenset(_SERVERS)}
        if foreign is not None:
            own = {
                "clock": WallClock(),
                "euicc": foreign.euicc(),
                "places": foreign.places,
                "absent": own.get("absent", frozenset({setting.role})),
            }
        return WorldPlan(
            curve=self.curve,
            version=version,
            seed=setting.seed,
            tape=setting.capture,
            off=setting.off,
            binding=self.binding,
            injects=setting.injects,
            # who passes notifications on may have two receivers
            second=setting.role in ("eim", "ipa") and (foreign is None or SECOND in foreign.places),
            second_smds=setting.cascades and (foreign is None or SECOND_SMDS in foreign.places),
            eim_knobs=self._knobs("eim"),
            ipa_knobs=self._knobs("ipa"),
            models=setting.model,
            **own,
        )

    @property
    def addresses(self) -> dict[str, str]:
        """Return the names of the servers by role."""
        world = self.world
        names = {
            "eim": world.eim_setup.eim_id,
            "smdp": world.smdp.setup.party.address,
            "smds": world.smds.setup.party.address,
        }
        if self.foreign is not None:
            role = self.setting.role
            names |= {role: self.foreign.name(role, names.get(role, role))}
        return names

    @property
    def roles(self) -> Roles:
        """Return who stands behind an address of the capture."""
        servers = {}
        for name, url in self.world.addresses.items():
            role = next(role for role, known in self._named() if known == name)
            servers[url.partition("://")[2]] = role
        if self.foreign is not None:
            servers |= self.foreign.listeners(self.setting.role)
        if self.factory is not None:
            return self.factory.roles()
        # ES9+' and ES11': an eIM under test stands between the IPA and the servers
        relays = {"smdp": "eim", "smds": "eim"} if self.setting.role == "eim" else {}
        return Roles(servers, relays)

    def _named(self) -> list[tuple[str, str]]:
        more = [("smdp", OTHER_SMDP), ("smds", OTHER_SMDS), ("ipa", IPA_NAME)]
        return [*self.addresses.items(), *more]

    def url(self, role: str, sender: str = "") -> str:
        """Return where a role is asked; raises Unresolved where it has no address."""
        if self.factory is not None:
            return self.factory.url(role)
        name = self.addresses.get(role)
        if self.foreign is not None and (sender, role) == ("smdp", self.setting.role):
            return self.foreign.beside(self.world)
        if role == "ipa" and self.setting.injects and self.foreign is None:
            name = IPA_NAME
        if name is None:
            raise Unresolved(f"the bench has no way to ask {role}")
        return f"{self.binding if role in ('eim', 'ipa') else 'https'}://{name}"

    @property
    def sees_card(self) -> bool:
        """Say whether APDUs between the IPA and its eUICC pass the bench."""
        product = self.foreign
        return product is None or self.setting.role != "ipa" or offers_card(product)

    # --- the card ---

    async def command(self, command: bytes) -> bytes:
        """Send one ES10 command to the eUICC, over the card link."""
        return await self.card.command(command)

    async def _collect(self, request: bytes) -> bytes:
        """Answer an IpaEuiccDataRequest as the reference IPA does."""
        parties = [party for _, party in await self._run(self.world.ipa._parties()) if party]
        if not parties:
            raise Unresolved("the eUICC knows no eIM")
        collected = await self._run(ipa_data.collect(parties[0], request))
        return bytes(collected.answer)

    async def _run(self, procedure: Procedure[T]) -> T:
        """Run a procedure of the IPA that speaks to the card alone."""
        return await drive_async(procedure, self._perform)

    async def _perform(self, effect: Effect) -> bytes:
        if not isinstance(effect, CardEffect):
            raise Unresolved(f"the IPA wants {type(effect).__name__} for data of the eUICC")
        return await self.command(effect.command)

    # --- what steps ask of the product and of the links ---

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Make the product, or a simulated role, act."""
        if (corner := corner_of(self.corners, action)) is not None:
            return await corner.trigger(action, given)
        if action == "smdp.order":
            self.code = str(given.get("confirmation-code") or "")
        if action == "euicc.reset" and self.reader is not None:
            await self.reader.reset()
            self.card.restarted()
            return {}
        if self._is_foreign(action):
            assert self.foreign is not None
            given = {"eid": self.names.facts["eid"], **given}
            if self.setting.role == "ipa":
                return await self.acting.begin(self.foreign.trigger(action, given, LASTING))
            return await self.foreign.trigger(action, given)
        if action == "smdpf.bind":
            if self.floor is None:
                raise Unresolved("the bench has no eUICC data (FF46) of the product to bind to")
            return self.floor.bind(given)
        outputs = await self.references.trigger(action, given)
        if action in ("euicc.reset", "ipa.restart"):
            self.card.restarted()
        return outputs

    async def read(self, part: str) -> list[dict[str, Value]]:
        """Return the rows of a state."""
        if (corner := corner_of(self.corners, part)) is not None:
            return await corner.read(part)
        if self._is_foreign(part):
            assert self.foreign is not None
            rows = await self.foreign.read(part)
        else:
            rows = self.references.read(part)
        if part == exported.PART:
            return exported.rows(rows[0]["add-initial-eim"], self.iot.version, self.known.differs)
        return rows

    async def bring(self, part: str, rows: list[dict[str, Value]]) -> None:
        """Bring a state about."""
        if (corner := corner_of(self.corners, part)) is not None:
            await corner.bring(part, rows)
            return
        if self._is_foreign(part):
            assert self.foreign is not None
            await self.foreign.bring(part, rows)
            return
        if self.foreign is not None and self.setting.role == "eim" and part == "euicc.eims":
            await self.foreign.agree(rows, self.known.eim_id, str(self.names.facts["eid"]))
        self.references.bring(part, rows)

    def _is_foreign(self, name: str) -> bool:
        """Say whether a trigger or a state is the product's, and the product is not ours."""
        return self.foreign is not None and name.partition(".")[0] == self.setting.role

    def link(self, role: str, wanted: Impairment) -> None:
        """Put a link in a condition."""
        if role not in self.world.lines:
            raise Unresolved(f"the bench has no hand on the link to {role}")
        self.world.reach(role, wanted.up)
        self.world.impair(role, impairment_of(wanted, role, self.setting.role))

    def speak_through(self, change: Change) -> None:
        """Have what the product asks servers pass through a planted fault."""
        self._change = change
        if self.factory is not None:
            self.factory.network.disguise = lambda spoken: DisguisedDirectory(spoken, change)

    async def ask(self, url: str, request: Request, sender: str = "") -> Response:
        """Ask a server; a party of the factory flow with its own certificate.

        An eIM has connections of its own.
        """
        if self.factory is not None and isinstance(request, PartyRequest):
            return await self.factory.ask(request.party, request)
        world = self.world
        directory = world.eim_directory if sender == "eim" else world.directory
        return await directory.ask(url, request)

    async def connect(self, role: str, told: dict[str, Any]) -> str:
        """Make TLS connections to a role that carry nothing; return what became of them."""
        return await self._connecting.connect(self.world.directory, self.url(role), told)

    async def _relay(self, request: Request) -> Request:
        """Remember what the simulated eIM asks others: it is not the product that asks."""
        self.relayed.add(request.body)
        return request

    # --- life ---

    async def __aenter__(self) -> Stage:
        try:
            await self._begin()
        except BaseException:
            # what listens already must not be in the way of the next item
            await self.__aexit__()
            raise
        return self

    async def _begin(self) -> None:
        await self.world.__aenter__()
        if self.served is not None:
            await self.served.begin()
        if self.foreign is not None:
            await self.foreign.begin()
        if self.factory is not None:
            await self.factory.__aenter__()
        if self.card_states is not None:
            await self.card_states.settle()
        fault, world = self.setting.client.get(OVERLOOKS), self.world
        mend = mender(fault) if fault not in NO_FAULT else None
        conductor = world.device if self.setting.role == "ipa" else world.eim_conductor
        if mend is not None:
            mended: Any = DisguisedDirectory(conductor.directory, None, mend)
            conductor.directory = mended
        relay: Any = DisguisedDirectory(world.eim_conductor.directory, self._relay)
        world.eim_conductor.directory = relay
        if self._change is not None:
            spoken: Any = DisguisedDirectory(conductor.directory, self._change)
            conductor.directory = spoken
        if self.foreign is not None and self.setting.role in ("eim", "smdp", "smds"):
            name = self.addresses[self.setting.role]
            binding = self.binding if self.setting.role == "eim" else "https"
            self.foreign.add_to(self.world, name, binding)

    async def __aexit__(self, *_: object) -> None:
        await self._connecting.close()
        await self.acting.stop()
        await self.references.stop()
        if self.line is not None:
            await self.line.close()
        if self.foreign is not None and self.reader is not None:
            # what the next item has to go beyond
            counter_of(self.foreign, self.history, self.known.eim_id)
            await self.reader.close()
        if self.hidden is not None:
            self.hidden.end()
        if self.served is not None:
            await self.served.end()
        if self.foreign is not None:
            await self.foreign.close()
        if self.factory is not None:
            await self.factory.__aexit__()
        await self.world.__aexit__()


def _label(variant: Variant, axis: str, default: str) -> str:
    point = variant.point(axis)
    return point.label if point is not None else default
