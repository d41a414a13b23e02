"""Personalisation: an eUICC gets its EID, certificate, CI keys and one-time keys. SGP.41 §5.1."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.spec.identity import eid_octets, make_eid
from sgprobe.crypto import ifpp_keys, ifpp_quantum, keys
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.crl import read_crl
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.identities import COUNTRY, EIN, EUM_ORGANIZATION, PARTIES
from sgprobe.crypto.ifpp_keys import SPEC, OneTimeKey, Suite
from sgprobe.crypto.issuing import END_OF_TIME, Plan, issue
from sgprobe.crypto.pki import CertificateSet, Credential
from sgprobe.crypto.profiles import PROFILES
from sgprobe.peers.euicc.build import Preloaded, manufacture
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.ecasd import Ecasd, Identity
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.factory_records import Factory, FactoryKey
from sgprobe.peers.euicc.records import Revocation
from sgprobe.peers.euicc.state import State
from sgprobe.peers.euicc.turn import Entropy
from sgprobe.peers.eum.rules import RULES
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import MemoryStore, Store

_SEED = 32
_START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the eUICCs of one order have in common."""

    config: Config = field(default_factory=Config)
    # the suite of each one-time key; what the eUICC supports is all of them, or `suites`
    keys: tuple[Suite, ...] = (Suite.C1,)
    suites: tuple[Suite, ...] = ()
    results: int = 16
    # OIDs of the SM-DPfs that may load; None: all whose certificates are good
    allowed: tuple[str, ...] | None = None
    # DER CRLs that are in the eUICC when it leaves
    crls: tuple[bytes, ...] = ()
    profiles: tuple[Preloaded, ...] = ()

    @property
    def supported(self) -> tuple[Suite, ...]:
        """The suites that the eUICC says it has."""
        return tuple(sorted(set(self.suites or self.keys)))


@dataclass(frozen=True, slots=True)
class Personalised:
    """One eUICC as it leaves the EUM, its private keys inside."""

    eid: str
    kind: Kind
    ecasd: Ecasd = field(repr=False)
    one_time_keys: tuple[OneTimeKey, ...] = field(repr=False)

    @property
    def certificate(self) -> Certificate:
        """CERT.EUICC."""
        return self.ecasd.identities[0].certificate

    def data(self, place: int = 0) -> bytes:
        """Return what is given away (FF46); `place` is that of its EUICCInfo2 in the batch."""
        eid, signer = eid_octets(self.eid), self.ecasd.identities[0].key
        value: Value = {
            "eid": eid.hex(),
            "euiccCertificate": self.certificate.der.hex(),
            "oneTimeKeys": [ifpp_keys.prove(eid, one.public, signer) for one in self.one_time_keys],
        }
        if place:
            value["euiccInfo2Ref"] = place
        return codec.load(SPEC).encode("EuiccIfppData", value)

    def euicc(
        self,
        store: Store | None = None,
        *,
        off: Iterable[str] = (),
        entropy: Entropy | None = None,
    ) -> Euicc:
        """Return the eUICC at work; a store that holds it already wins."""
        memory = MemoryStore() if store is None else store
        state = State(memory, f"euicc/{eid_octets(self.eid).hex()}")
        draft = state.draft()
        if draft.find(Factory) is None:
            allowed = None if self.kind.allowed is None else list(self.kind.allowed)
            suites = [int(one) for one in self.kind.supported]
            draft.put(Factory(suites, results=self.kind.results, allowed=allowed))
            for place, one in enumerate(self.one_time_keys):
                ref, seed = one.ref.hex(), one.seed.hex()
                draft.put(FactoryKey(ref, int(one.suite), seed, place=place))
            for der in self.kind.crls:
                crl = read_crl(der)
                ci = crl.aki.hex() if crl.aki is not None else ""
                draft.put(Revocation(ci, crl.partial_number or 0, der.hex()))
            state.commit(draft)
        return manufacture(self.kind.config, memory, self.ecasd, off, self.kind.profiles, entropy)


class Eum:
    """An EUM of the test PKI. Its random numbers are the system's unless it is given others."""

    def __init__(
        self,
        certificates: CertificateSet,
        *,
        name: str = "eum",
        fault: str | None = None,
        entropy: Entropy | None = None,
        start: datetime = _START,
        off: frozenset[str] = frozenset(),
    ) -> None:
        self.rules = Rules(RULES, off)
        # with a fault, an EUM whose certificate is not to be trusted
        self._credential: Credential = certificates.get(name, fault)
        self._anchor = certificates.anchor
        self._ci = certificates.ci_id
        self._curve = certificates.curve
        self.entropy: Entropy = entropy or random.SystemRandom()
        self._start = start

    @property
    def certificate(self) -> Certificate:
        """CERT.EUM."""
        return self._credential.certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """CERT.EUM and what is between it and the CI, as a batch shows them."""
        return tuple(one.der for one in self._credential.path)

    def personalise(
        self,
        number: int,
        kind: Kind | None = None,
        eid: str | None = None,
        *,
        fault: str | None = None,
    ) -> Personalised:
        """Make the eUICC with a number of this EUM's range; another call makes other keys.

        `eid` is one that the EUM should not have given, such as one with wrong check digits;
        `fault` is one of the eUICC's certificate.

        QuantumUnavailable says that a suite cannot be used here.
        """
        chosen = kind or Kind()
        for suite in set(chosen.keys):
            if why := ifpp_keys.unavailable(suite):
                raise ifpp_quantum.QuantumUnavailable(why)
        eid = eid or eid_of(number)
        private = keys.derive_key(self.entropy.randbytes(_SEED).hex(), eid, self._curve)
        certificate = read_certificate(self._issue(eid, number, private, fault))
        identity = Identity(self._ci, private, certificate, self.certificate)
        made = tuple(self._one_time(place, suite) for place, suite in enumerate(chosen.keys))
        return Personalised(eid, chosen, Ecasd((identity,), (self._anchor,)), made)

    def _one_time(self, place: int, suite: Suite) -> OneTimeKey:
        source: Entropy = self.entropy
        if not self.rules.on("EUM.KEY-FRESH"):
            # the fault of a source of randomness that begins anew with each eUICC
            source = random.Random(place)
        return OneTimeKey(source.randbytes(ifpp_keys.REF_OCTETS), suite, source.randbytes(_SEED))

    def _issue(self, eid: str, number: int, private: keys.PrivateKey, fault: str | None) -> bytes:
        profile = PROFILES["euicc"]
        serial = int.from_bytes(self.entropy.randbytes(20), "big")
        plan = Plan(
            subject=(
                ("C", COUNTRY),
                ("O", EUM_ORGANIZATION),
                ("serialNumber", eid),
                ("CN", f"Test eUICC {number}"),
            ),
            issuer=PARTIES[self._credential.name].subject,
            public=private.public_key(),
            signer=self._credential.key,
            # RFC 5280 §4.1.2.2: positive, 20 octets at most
            serial=serial >> 2 | 1 << 157,
            not_before=self._start,
            not_after=END_OF_TIME,
            key_usage=profile.key_usage,
            policy=profile.policy,
        )
        return issue(plan if fault is None else FAULTS[fault].change(plan))


def eid_of(number: int) -> str:
    """Return the EID with a number of the test EUM's range, check digits included. SGP.29."""
    return make_eid(f"{EIN}{number:022d}")
