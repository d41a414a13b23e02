"""The stage of one item: who is under test, who is simulated, and how they reach one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec, parse_spec
from dissectors.spec.identity import iccid_octets
from sgprobe.cases.credentials import certificate_names, crl_names, key_names, located
from sgprobe.cases.errors import Problems
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import IFPP
from sgprobe.cases.packages import compile_package
from sgprobe.cases.planned import Impairment
from sgprobe.cases.suite import Suite
from sgprobe.cases.variants import Variant
from sgprobe.crypto import identities
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.keys import derive_key, spki
from sgprobe.engine.card_says import CardSays
from sgprobe.engine.compose import Composer
from sgprobe.engine.device_says import DeviceSays
from sgprobe.engine.disguise import Says
from sgprobe.engine.end import (
    ASKED,
    OVERLOOKS,
    STAPLE,
    Change,
    Command,
    DisguisedDirectory,
    HeardWorld,
    Serve,
    TappedEuicc,
)
from sgprobe.engine.factory_floor import FactoryFloor, floor_of
from sgprobe.engine.factory_says import FactorySays
from sgprobe.engine.fill import Filler
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.foreign_card import counter_of, reader_of, tokens_of
from sgprobe.engine.heard import History
from sgprobe.engine.links import impairment_of
from sgprobe.engine.names import Key, Names
from sgprobe.engine.references import References
from sgprobe.engine.row import Roles
from sgprobe.engine.settings import Settings, coap_knobs
from sgprobe.engine.slot import Slot
from sgprobe.exchange import Request
from sgprobe.host.world import ICCID_A, ICCID_B, IPA_NAME
from sgprobe.host.world import Plan as WorldPlan
from sgprobe.links.card_slot import Reader
from sgprobe.links.clock import WallClock
from sgprobe.links.coap_link import CoapKnobs
from sgprobe.links.handshake_fault import mender
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card as CardEffect
from sgprobe.peers.effects import Effect, Procedure
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.euicc.state import State
from sgprobe.peers.ipa import data as ipa_data
from sgprobe.product.model import ProductFile

# SGP.32 without a version of its own: what a case of SGP.22 is driven with
_IOT = "1.2"
_CURVES = {"nist-p256": "p256", "brainpool-p256r1": "brainpool"}
T = TypeVar("T")
_SEQUENCE = 1 << 31
_UNKNOWN_ICCID = "8949000000000000997"
_KEYS = {
    "keys.eim": "eim-sign",
    "keys.euicc": "euicc",
    "keys.stranger": "euicc2",
    "keys.smdp-auth": "dpauth",
    "keys.smdp-pb": "dppb",
    "keys.smds-auth": "dsauth",
}
_CERTS = {
    "certs.euicc": "euicc",
    "certs.eim": "eim-sign",
    "certs.smdp-auth": "dpauth",
    "certs.smdp-pb": "dppb",
    "certs.smds-auth": "dsauth",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What an item is played with."""

    role: str
    spec: Spec
    variant: Variant
    seed: int
    capture: Path | None = None
    off: frozenset[str] = frozenset()
    peers: dict[str, Settings] = field(default_factory=dict)
    suite: Suite | None = None
    product: ProductFile | None = None
    says: tuple[Says, ...] = ()
    client: dict[str, Any] = field(default_factory=dict)
    # how it does so as a server
    serves: dict[str, str] = field(default_factory=dict)
    # and how the product speaks CoAP
    coap: dict[str, str] = field(default_factory=dict)
    ixit: dict[str, Value] = field(default_factory=dict)
    # the IPA listens for packages
    injects: bool = False
    # the eUICC has no token for the eIM
    tokenless: bool = False
    # fields of the configuration of the reference under test
    model: dict[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, Settings]:
        """Return the settings of all roles, those of the product from a planted fault."""
        return {**self.peers, self.role: {"tls": self.serves}} if self.serves else self.peers


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
        self.foreign: Foreign | None = None
        if setting.product is not None:
            self.foreign = Foreign(setting.product, tokenless=setting.tokenless)
        self.world = HeardWorld(self._plan(iot.version), serve, setting.roles, setting.client)
        self.log: list[str] = []
        # the confirmation code of the order that came last: what a user would type
        self.code = ""
        # bodies that the eIM sends to SM-DP+ and SM-DS
        self.relayed: set[bytes] = set()
        self.references = References(self.world, self.log.append)
        self.history = history
        self._tokens: dict[str, int | None] = {}
        # an eUICC under test is heard over the card link; only a planted fault changes what it says
        if setting.role != "euicc" or setting.says:
            tapped: Any = TappedEuicc(self.world.euicc, command)
            self.world.card.euicc = tapped
        basic = _label(variant, "channel", "logical") == "basic"
        self.reader: Reader | None = None
        if self.foreign is not None and setting.role == "euicc":
            self.reader = reader_of(self.foreign)
        self.card = Slot(
            self.reader.transmit if self.reader is not None else self.world._transmit,
            reset=self.reader.reset if self.reader is not None else None,
            tape=self.world.tape,
            basic=basic,
        )
        self.floor: FactoryFloor | None = None
        if setting.spec.name == IFPP and self.foreign is None:
            self.floor = floor_of(self.world, f"{setting.seed}")
        self.names = self._names()
        # another device of the eIM's: what is for one goes to no other
        self.world.eim.enrol(identities.EIDS[1])
        if self.foreign is not None and setting.role == "eim":
            self._associate(self.foreign)
        self.device = DeviceSays(
            iot if setting.spec.name in ("SGP.32", IFPP) else setting.spec,
            history,
            self.command,
            self.world.euicc.eid,
            self.addresses,
            self.world.set["euicc"].key,
            lambda: self.ordered("matchingId"),
            lambda: self.code,
            self._collect,
        )

        device = CardSays(
            iot if setting.spec.name == IFPP else setting.spec,
            history,
            self.command,
            lambda request: self.world.smdp.answer(request, self.world.clock.now()),
            self.addresses["smdp"],
            self.eim_id,
            str(self.names.facts["eid"]),
            self._last_counter,
            lambda: self.ordered("matchingId"),
        )
        self.card_says: CardSays | FactorySays = device
        if self.floor is not None:
            self.card_says = FactorySays(self.floor, device, self.names.octets)

    def _knobs(self, role: str) -> CoapKnobs | None:
        """Return how a role speaks CoAP: as the case says, or as a planted fault does."""
        setting = self.setting
        told = setting.coap if role == setting.role else setting.peers.get(role, {}).get("coap", {})
        return coap_knobs(told, setting.seed)

    def _plan(self, version: str) -> WorldPlan:
        setting, foreign = self.setting, self.foreign
        own: dict[str, Any] = {}
        if foreign is not None:
            own = {
                "clock": WallClock(),
                "euicc": foreign.euicc(),
                "places": foreign.places,
                "absent": frozenset({setting.role}),
            }
        return WorldPlan(
            curve=self.curve,
            version=version,
            seed=setting.seed,
            tape=setting.capture,
            off=setting.off,
            binding=self.binding,
            injects=setting.injects,
            eim_knobs=self._knobs("eim"),
            ipa_knobs=self._knobs("ipa"),
            models={setting.role: setting.model},
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
        # ES9+' and ES11': an eIM under test stands between the IPA and the servers
        relays = {"smdp": "eim", "smds": "eim"} if self.setting.role == "eim" else {}
        return Roles(servers, relays)

    def _named(self) -> list[tuple[str, str]]:
        return [*self.addresses.items(), ("ipa", IPA_NAME)]

    def url(self, role: str) -> str:
        """Return where a role is asked; raises Unresolved where it has no address."""
        name = self.addresses.get(role)
        if role == "ipa" and self.setting.injects and self.foreign is None:
            name = IPA_NAME
        if name is None:
            raise Unresolved(f"the bench has no way to ask {role}")
        return f"{self.binding if role in ('eim', 'ipa') else 'https'}://{name}"

    def _associate(self, product: Foreign) -> None:
        """Let the eUICC know the eIM under test in place of ours, as a factory would do."""
        state: State = self.world.euicc._state
        draft = state.draft()
        for known in draft.all(Eim):
            draft.remove(known)
        ours, eim_id = known, self.eim_id
        config = {**ours.config, "eimId": eim_id, "eimFqdn": self.addresses["eim"]}
        key = self.names.keys["keys.eim"]
        config["eimPublicKeyData"] = {"eimPublicKey": spki(key).hex()}
        counter = product.number("eim-counter") or 0
        draft.put(Eim(eim_id, config, counter, product.token, ours.place))
        # numbers of notifications and results that this eIM has not had: each counts once for it
        draft.set(seq=int(self.world.clock.now() * 1000) % _SEQUENCE)
        state.commit(draft)
        self.world.euicc.reset()

    # --- names ---

    def _names(self) -> Names:
        world, own = self.world, self.world.set
        names = Names(self.setting.variant, self.history, f"{self.setting.seed} case")
        names.facts |= {
            "eid": world.euicc.eid,
            "eid.other": identities.EIDS[1],
            "eid.unknown": identities.UNKNOWN_EID,
            "iccid.a": iccid_octets(ICCID_A).hex(),
            "iccid.b": iccid_octets(ICCID_B).hex(),
            "iccid.unknown": iccid_octets(_UNKNOWN_ICCID).hex(),
            "eim.id": world.eim_setup.eim_id,
            "eim.address": self.addresses["eim"],
            "smdp.address": self.addresses["smdp"],
            "smds.address": self.addresses["smds"],
            "certs.ci": own.ci.der.hex(),
            "certs.eum": own["euicc"].intermediates[0].der.hex(),
        }
        names.facts |= {name: own[party].certificate.der.hex() for name, party in _CERTS.items()}
        names.facts |= {f"ixit.{name}": value for name, value in self.setting.ixit.items()}
        names.lazy |= {name: partial(self._certificate, name) for name in certificate_names()}
        names.lazy |= {name: partial(self._crl, name) for name in crl_names()}
        names.spare_keys = {name: partial(self._key, name) for name in key_names()}
        names.spare_keys["keys.eim-next"] = lambda: derive_key("case", "eim-next", own.curve)
        names.token = self.token_of
        suite = self.setting.suite
        for name in suite.packages if suite is not None else ():
            names.lazy[f"packages.{name}"] = partial(self._package, name)
        names.keys |= {name: own[party].key for name, party in _KEYS.items()}
        if self.foreign is not None:
            names.facts |= self.foreign.facts()
            names.keys |= self.foreign.keys()
        names.lazy |= self.floor.names() if self.floor is not None else {}
        names.lazy |= {
            "eim.last-counter": self._last_counter,
            "eim.association-token": lambda: self.token,
            "ci.key-id": lambda: _key_id(str(names.value("certs.ci"))),
            "ci.other-key-id": lambda: _key_id(world.other_set.ci.der.hex()),
            "spki.eim": lambda: spki(names.key("keys.eim")).hex(),
            "spki.eim-next": lambda: spki(names.key("keys.eim-next")).hex(),
            "smdp.address-capitals": self.addresses["smdp"].upper,
            "smdp.matching-id": lambda: self.ordered("matchingId"),
            "smdp.iccid": lambda: self.ordered("iccid"),
            "smdp.activation-code": lambda: self.references.activation_code(),
        }
        return names

    @property
    def sees_card(self) -> bool:
        """Say whether APDUs between the IPA and its eUICC pass the bench."""
        return self.foreign is None or self.setting.role != "ipa"

    def ordered(self, name: str) -> str:
        """Return a member of what the SM-DP+, under test or simulated, gave for its last order."""
        if self.foreign is not None and self.setting.role == "smdp":
            told = str(self.foreign.given.get(name) or "")
            if name == "matchingId" and not told:
                # SGP.22 §4.1: the third part of an activation code
                parts = str(self.foreign.given.get("activationCode") or "").split("$")
                return parts[2] if len(parts) > 2 else ""
            # operators tell digits, on ES2+ filled up with F; messages have the octets
            digits = told.upper().rstrip("F")
            is_text = name == "iccid" and digits.isdecimal() and digits.startswith("89")
            return iccid_octets(digits).hex() if is_text else told
        references = self.references
        if name == "iccid":
            return iccid_octets(references.iccid).hex() if references.iccid else ""
        return references.matching_id

    def _package(self, name: str) -> Value:
        """Return a package of suites/packages.yaml, addressed, counted and signed by the eIM."""
        suite = self.setting.suite
        if suite is None or name not in suite.packages:
            raise Unresolved(f"there is no package {name}")
        problems = Problems()
        template = compile_package(suite, name, self.iot, problems)
        if template is None or problems.errors:
            raise Unresolved(f"the package {name} does not fit {self.iot}")
        given = Filler(self.names).fill(template, {})
        kind = suite.packages[name][0]
        if kind != "EuiccPackageRequest":
            return given
        signed = {
            "eimId": self.eim_id,
            "eidValue": self.world.euicc.eid,
            "counterValue": self._last_counter() + 1,
            "euiccPackage": given,
        }
        composer = Composer(self.iot, self.names)
        return composer.sign(kind, {"euiccPackageSigned": signed}, "eimSignature", "keys.eim")

    def _certificate(self, name: str) -> Value:
        """Return a certificate of the test PKI, perhaps a faulty one."""
        party, fault = located(name)
        return self.world.set.get(party, fault).certificate.der.hex()

    def _key(self, name: str) -> Key:
        party, fault = located(name)
        return self.world.set.get(party, fault).key

    def _crl(self, name: str) -> Value:
        return self.world.set.source.crl(name.removeprefix("crls.")).hex()

    @property
    def token(self) -> int | None:
        """Return the association token that the eUICC has for the eIM."""
        return self.token_of(self.eim_id)

    def token_of(self, eim_id: str) -> int | None:
        """Return the token of an eIM; what signs its own deletion is signed with the last one."""
        if self.foreign is not None and self.reader is not None:
            own = self.foreign.token if eim_id == self.eim_id else None
            return tokens_of(self.history).get(eim_id, own)
        found = self.world.euicc.draft().find(Eim, eim_id)
        if found is not None:
            self._tokens[eim_id] = found.token
        return self._tokens.get(eim_id)

    @property
    def eim_id(self) -> str:
        """Return the eimId by which the eUICC knows the eIM."""
        return str(self.names.facts["eim.id"])

    def _last_counter(self) -> int:
        """Return the highest counter value of the eIM before the message that is judged."""
        if self.foreign is not None and self.reader is not None:
            return counter_of(self.foreign, self.history, self.eim_id)
        found = self.world.euicc.draft().find(Eim, self.eim_id)
        highest = found.counter if found is not None else 0
        for heard in self.history.said:
            if heard is self.names.current:
                break
            if heard.sender == "eim":
                highest = max([highest, *_counters(heard.value)])
        return highest

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
        if action == "smdp.order":
            self.code = str(given.get("confirmation-code") or "")
        if action == "euicc.reset" and self.reader is not None:
            await self.reader.reset()
            self.card.restarted()
            return {}
        if self._is_foreign(action):
            assert self.foreign is not None
            return await self.foreign.trigger(action, {"eid": self.names.facts["eid"], **given})
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
        if self._is_foreign(part):
            assert self.foreign is not None
            return await self.foreign.read(part)
        return self.references.read(part)

    async def bring(self, part: str, rows: list[dict[str, Value]]) -> None:
        """Bring a state about."""
        if self._is_foreign(part):
            assert self.foreign is not None
            await self.foreign.bring(part, rows)
            return
        if self.foreign is not None and self.setting.role == "eim" and part == "euicc.eims":
            self.foreign.agree(rows, self.eim_id)
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

    async def _relay(self, request: Request) -> Request:
        """Remember what the simulated eIM asks others: it is not the product that asks."""
        self.relayed.add(request.body)
        return request

    # --- life ---

    async def __aenter__(self) -> Stage:
        await self.world.__aenter__()
        relay: Any = DisguisedDirectory(self.world.eim_conductor.directory, self._relay)
        self.world.eim_conductor.directory = relay
        fault = self.setting.client.get(OVERLOOKS)
        if self._change is not None or fault is not None:
            mend = mender(fault) if fault not in (None, ASKED, STAPLE) else None
            world = self.world
            conductor = world.device if self.setting.role == "ipa" else world.eim_conductor
            spoken: Any = DisguisedDirectory(conductor.directory, self._change, mend)
            conductor.directory = spoken
        if self.foreign is not None and self.setting.role in ("eim", "smdp", "smds"):
            name = self.addresses[self.setting.role]
            binding = self.binding if self.setting.role == "eim" else "https"
            self.foreign.add_to(self.world, name, binding)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.references.stop()
        if self.foreign is not None and self.reader is not None:
            # what the next item has to go beyond
            counter_of(self.foreign, self.history, self.eim_id)
            await self.reader.close()
        if self.foreign is not None:
            await self.foreign.close()
        await self.world.__aexit__()


def _key_id(certificate: str) -> str:
    """Return the key id of a certificate issuer."""
    found = read_certificate(bytes.fromhex(certificate)).ski
    if found is None:
        raise Unresolved("the certificate issuer has no key id")
    return found.hex()


def _label(variant: Variant, axis: str, default: str) -> str:
    point = variant.point(axis)
    return point.label if point is not None else default


def _counters(value: Value) -> list[int]:
    """Return the counter values anywhere in a message."""
    found: list[int] = []
    pending: list[Value] = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if isinstance(one.get("counterValue"), int):
                found.append(one["counterValue"])
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return found


__all__ = ["Setting", "Stage"]
