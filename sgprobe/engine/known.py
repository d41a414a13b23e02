"""What a case calls by name on a stage: identities, keys, certificates, counters, packages."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.spec.identity import iccid_octets
from sgprobe.cases.credentials import certificate_names, crl_names, key_names, located
from sgprobe.cases.errors import Problems
from sgprobe.cases.match import Unresolved
from sgprobe.cases.packages import compile_package
from sgprobe.crypto import identities
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.keys import PrivateKey, derive_key, spki
from sgprobe.crypto.padded import PARTS, PaddedKey
from sgprobe.engine.card.foreign import counter_of, token_of, tokens_of
from sgprobe.engine.card.usim import Network
from sgprobe.engine.factory.floor import FactoryFloor
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import History
from sgprobe.engine.message.compose import Composer
from sgprobe.engine.message.elements import numbers_named
from sgprobe.engine.message.fill import Filler
from sgprobe.engine.names import Key, Names
from sgprobe.engine.references import References
from sgprobe.engine.settings import Setting
from sgprobe.host.world import ICCID_A, ICCID_B, OTHER_SMDP, OTHER_SMDS, SECOND, SECOND_SMDS, World
from sgprobe.peers.euicc.records import Eim
from sgprobe.peers.profiles.library import subscription
from sgprobe.product.announced import differences

_UNKNOWN_ICCID = "8949000000000000997"
_EVENTS = {"event.id": 1, "event.other-id": 2}
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


@dataclass(slots=True)
class Known:
    """Looks up on a stage what `names` of a case stand for."""

    setting: Setting
    world: World
    history: History
    references: References
    foreign: Foreign | None
    floor: FactoryFloor | None
    # SGP.32, in the version that packages are written in
    iot: Spec
    addresses: dict[str, str]
    # the product is an eUICC in a reader: what it counts is known of what it was told
    in_reader: bool
    names: Names = field(init=False)
    _tokens: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = names = Names(self.setting.variant, self.history, f"{self.setting.seed} case")
        own = self.world.set
        names.facts |= self._facts()
        names.lazy |= {name: partial(self._certificate, name) for name in certificate_names()}
        names.lazy |= {name: partial(self._crl, name) for name in crl_names()}
        names.spare_keys = {name: partial(self._key, name) for name in key_names()}
        names.spare_keys["keys.eim-next"] = lambda: derive_key("case", "eim-next", own.curve)
        names.spare_keys |= {f"keys.euicc.short-{part}": partial(self._padded, part)
                             for part in PARTS}  # fmt: skip
        names.token = self.token_of
        names.differs = self.differs
        suite = self.setting.suite
        for name in suite.packages if suite is not None else ():
            names.lazy[f"packages.{name}"] = partial(self._package, name)
        names.keys |= {name: own[party].key for name, party in _KEYS.items()}
        if self.foreign is not None:
            names.facts |= self.foreign.facts()
            names.keys |= self.foreign.keys()
        names.lazy |= self.floor.names() if self.floor is not None else {}
        names.lazy |= {
            "eim.last-counter": self.last_counter,
            "eim.association-token": lambda: self.token_of(self.eim_id),
            "ci.key-id": lambda: _key_id(str(names.value("certs.ci"))),
            "ci.other-key-id": lambda: _key_id(self.world.other_set.ci.der.hex()),
            "spki.eim": lambda: spki(names.key("keys.eim")).hex(),
            "spki.eim-next": lambda: spki(names.key("keys.eim-next")).hex(),
            "smdp.address-capitals": self.addresses["smdp"].upper,
            "smdp.other-address": self._other_smdp,
            "smds.other-address": self._other_smds,
            "smdp.matching-id": lambda: self.ordered("matchingId"),
            "smdp.iccid": lambda: self.ordered("iccid"),
            "smdp.activation-code": lambda: self.references.activation_code(),
            "usim.authenticate": lambda: self._network().authenticate().hex(),
            "usim.authenticate-forged": lambda: self._network().authenticate(forged=True).hex(),
            "usim.response": lambda: self._network().response().hex(),
        }

    def _facts(self) -> dict[str, Value]:
        own = self.world.set
        facts: dict[str, Value] = {
            "eid": self.world.euicc.eid,
            "eid.other": identities.EIDS[1],
            "eid.unknown": identities.UNKNOWN_EID,
            "iccid.a": iccid_octets(ICCID_A).hex(),
            "iccid.b": iccid_octets(ICCID_B).hex(),
            "iccid.unknown": iccid_octets(_UNKNOWN_ICCID).hex(),
            "eim.id": self.world.eim_setup.eim_id,
            "eim.address": self.addresses["eim"],
            "smdp.address": self.addresses["smdp"],
            "smds.address": self.addresses["smds"],
            **{name: f"EVENT-{number}{self._moment()}" for name, number in _EVENTS.items()},
            "certs.ci": own.ci.der.hex(),
            "certs.eum": own["euicc"].intermediates[0].der.hex(),
        }
        facts |= {name: own[party].certificate.der.hex() for name, party in _CERTS.items()}
        return facts | {f"ixit.{name}": value for name, value in self.setting.ixit.items()}

    def _moment(self) -> str:
        """Return what no earlier run has used: the store of a product lives on."""
        return f"-{int(self.world.clock.now() * 1000):X}" if self.foreign is not None else ""

    def differs(self, type_: str, value: Value) -> list[str]:
        """Return where what the product announces differs from its ICS."""
        setting = self.setting
        told = {name: str(one) for name, one in setting.ixit.items()}
        return differences(type_, value, setting.answers, told, self.iot.version)

    # --- of the test PKI, perhaps faulty ---

    def _certificate(self, name: str) -> Value:
        party, fault = located(name)
        return self.world.set.get(party, fault).certificate.der.hex()

    def _key(self, name: str) -> Key:
        party, fault = located(name)
        return self.world.set.get(party, fault).key

    def _crl(self, name: str) -> Value:
        return self.world.set.source.crl(name.removeprefix("crls.")).hex()

    # --- of the eIM ---

    @property
    def eim_id(self) -> str:
        """Return the eimId by which the eUICC knows the eIM."""
        return str(self.names.facts["eim.id"])

    def token_of(self, eim_id: str) -> int | None:
        """Return the association token that the eUICC has for an eIM.

        What signs its own deletion is signed with the last one.
        """
        if self.foreign is not None and self.in_reader:
            told = self.foreign.token if eim_id == self.eim_id else None
            own = token_of(self.foreign, eim_id, told)
            return tokens_of(self.history).get(eim_id, own)
        found = self.world.euicc.draft().find(Eim, eim_id)
        if found is not None:
            self._tokens[eim_id] = found.token
        return self._tokens.get(eim_id)

    def last_counter(self) -> int:
        """Return the highest counter value of the eIM before the message that is judged."""
        if self.foreign is not None and self.in_reader:
            return counter_of(self.foreign, self.history, self.eim_id)
        found = self.world.euicc.draft().find(Eim, self.eim_id)
        highest = found.counter if found is not None else 0
        for heard in self.history.said:
            if heard is self.names.current:
                break
            if heard.sender == "eim":
                highest = max([highest, *numbers_named("counterValue", heard.value)])
        return highest

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
            "counterValue": self.last_counter() + 1,
            "euiccPackage": given,
        }
        composer = Composer(self.iot, self.names)
        return composer.sign(kind, {"euiccPackageSigned": signed}, "eimSignature", "keys.eim")

    def _padded(self, part: str) -> PaddedKey:
        """Return the eUICC's key, in whose signatures a part begins with a zero octet."""
        key = self.names.key("keys.euicc")
        if not isinstance(key, PrivateKey):
            raise Unresolved("the eUICC's private key is not known")
        return PaddedKey(key, part)

    # --- of the servers ---

    def _other_smdp(self) -> str:
        """Return the address of a second simulated SM-DP+."""
        if self.world.plan.second:
            return OTHER_SMDP
        raise Unresolved(f"the bench has one SM-DP+; `listen: {{{SECOND}: HOST:PORT}}` adds one")

    def _other_smds(self) -> str:
        """Return the address of a second simulated SM-DS."""
        if self.world.plan.second_smds:
            return OTHER_SMDS
        raise Unresolved(
            f"the bench has one SM-DS; `listen: {{{SECOND_SMDS}: HOST:PORT}}` adds one"
        )

    def _network(self) -> Network:
        """Return the home network of the profile that the simulated SM-DP+ gave last."""
        server = self.world.smdp
        order = server.state(self.references.iccid)
        if order is None:
            raise Unresolved("no order: trigger smdp.order first")
        kind = server.setup.types[order.kind]
        return Network(subscription(server.setup.seed, order.iccid, kind))

    def ordered(self, name: str) -> str:
        """Return a member of what the SM-DP+, under test or simulated, gave for its last order."""
        if self.foreign is not None and self.setting.role == "smdp":
            return _told(self.foreign, name)
        references = self.references
        if name == "iccid":
            return iccid_octets(references.iccid).hex() if references.iccid else ""
        return references.matching_id


def _told(product: Foreign, name: str) -> str:
    told = str(product.given.get(name) or "")
    if name == "matchingId" and not told:
        # SGP.22 §4.1: the third part of an activation code
        parts = str(product.given.get("activationCode") or "").split("$")
        return parts[2] if len(parts) > 2 else ""
    # operators tell digits, on ES2+ filled up with F; messages have the octets
    digits = told.upper().rstrip("F")
    is_text = name == "iccid" and digits.isdecimal() and digits.startswith("89")
    return iccid_octets(digits).hex() if is_text else told


def _key_id(certificate: str) -> str:
    """Return the key id of a certificate issuer."""
    found = read_certificate(bytes.fromhex(certificate)).ski
    if found is None:
        raise Unresolved("the certificate issuer has no key id")
    return found.hex()
