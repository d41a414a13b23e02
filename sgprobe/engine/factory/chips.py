"""eUICCs of a simulated EUM: their data for an SM-DPf, and packages loaded into them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import eid_octets, iccid_octets, make_eid
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.identities import FOREIGN_EIN
from sgprobe.crypto.ifpp_data import write_batch
from sgprobe.crypto.ifpp_keys import SPEC, OneTimePublic, Suite, prove, unavailable
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.card import euicc_state
from sgprobe.engine.factory.floor import suite_named
from sgprobe.engine.given import only, said_yes, whole_number
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.drive import drive
from sgprobe.peers.effects import Card, CardFailure
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised, eid_of
from sgprobe.peers.fpa import es10f
from sgprobe.peers.fpa.effects import StationProcedure
from sgprobe.peers.fpa.es10f import Broken, Unreadable
from sgprobe.peers.fpa.outcome import Code, Outcome

_GET_INFO2 = bytes.fromhex("BF2200")
_GIVEN = frozenset({"count", "keys", "suite", "eum", "euicc", "check-digits", "point", "same-key"})
# one-time keys that are none; the point at infinity as SEC 1 §2.3.3 has it
_POINTS = {
    "off-curve": bytes.fromhex("04" + "11" * 64),
    "zero": bytes.fromhex("04" + "00" * 64),
    "infinity": b"\0",
}
_GOOD = "good"
_EUM_FAULTS = tuple(name for name, fault in FAULTS.items() if "eum" in fault.parties)
# those of an eUICC's certificate that are no matter of its issuer or its curve
_EUICC_FAULTS = tuple(
    name for name, fault in FAULTS.items()
    if "euicc" in fault.parties and not (fault.curve or fault.other_serial or fault.issuer)
)  # fmt: skip
_OUTSIDE = "eid-outside-eum-range"
_MOST = 10_000


@dataclass(slots=True)
class Chip:
    """One eUICC: as it left the EUM, and what has come to it since."""

    number: int
    made: Personalised
    eum: Eum = field(repr=False)
    # octets in place of the point of each one-time key
    point: bytes = b""
    given_away: bool = False
    # packages that the device maker has fetched for it, and the results of their loads
    packages: list[Contents] = field(default_factory=list)
    loaded: int = 0
    results: list[bytes] = field(default_factory=list)
    # a signed state, and one that shows that a profile was removed
    state: bytes = b""
    evidence: bytes = b""
    _euicc: Euicc | None = None

    @property
    def eid(self) -> str:
        """The EID, 32 digits."""
        return self.made.eid

    @property
    def euicc(self) -> Euicc:
        """The eUICC at work."""
        if self._euicc is None:
            self._euicc = self.made.euicc(entropy=random.Random(self.eid))
        return self._euicc

    def publics(self) -> list[OneTimePublic]:
        """Return the public halves of the one-time keys, right or wrong."""
        keys = [one.public for one in self.made.one_time_keys]
        return [replace(one, point=self.point) for one in keys] if self.point else keys

    def proofs(self) -> list[Value]:
        """Return the one-time keys with their proofs."""
        signer = self.made.ecasd.identities[0].key
        return [prove(eid_octets(self.eid), one, signer) for one in self.publics()]

    def data(self, place: int) -> bytes:
        """Return what is given away of it (FF46)."""
        value: Value = {
            "eid": self.eid,
            "euiccCertificate": self.made.certificate.der.hex(),
            "oneTimeKeys": self.proofs(),
        }
        if place:
            value["euiccInfo2Ref"] = place
        return codec.load(SPEC).encode("EuiccIfppData", value)

    def names(self) -> dict[str, Value]:
        """Return what cases may call of it."""
        known: dict[str, Value] = {
            "eid": self.eid,
            "certificate": self.made.certificate.der.hex(),
            "one-time-keys": self.proofs(),
        }
        for place, key in enumerate(self.made.one_time_keys, 1):
            known["key" if place == 1 else f"key{place}"] = key.ref.hex()
        if self.packages:
            last = self.packages[-1]
            known |= {
                "iccid": last.iccid,
                "iccid-octets": iccid_octets(last.iccid).hex(),
                "package": last.package_id,
                "transaction": last.transaction_id,
            }
        if self.results:
            known["result"] = self.results[-1].hex()
        for name, signed in (("state", self.state), ("evidence", self.evidence)):
            if signed:
                known[name] = signed.hex()
        return known

    # --- at the line ---

    def load(self, package: Contents, now: float) -> Outcome:
        """Load one package; what comes of it is the eUICC's result, or what the line saw."""
        try:
            error = self._run(es10f.load_context(package.context), now)
            if error:
                return Outcome(code=Code.LOAD_CONTEXT_REFUSED, euicc_error=error)
            result, _ = self._run(es10f.push(es10f.segments(package.bound)), now)
        except CardFailure as failure:
            return Outcome(code=Code.LOAD_CONTEXT_REFUSED, status_word=failure.sw)
        except Broken as broken:
            sw = broken.cause.sw if isinstance(broken.cause, CardFailure) else None
            return Outcome(code=Code.BPP_ABORTED, status_word=sw, segment=broken.segment)
        except Unreadable as error:
            return Outcome(code=Code.RESULT_UNREADABLE, text=str(error))
        self.results.append(result)
        return Outcome(result=result)

    def _run(self, procedure: StationProcedure[Any], now: float) -> Any:
        def perform(effect: Any) -> bytes:
            assert isinstance(effect, Card)
            return self.euicc.command(effect.command, now)

        return drive(procedure, perform)

    def short_of_memory(self, octets: int) -> None:
        """Leave the eUICC so much room."""
        euicc_state.bring(self.euicc, "euicc.memory", [{"free": str(octets)}])

    def remove(self, challenge: Callable[[int], bytes], now: float) -> None:
        """Delete the profile, as a stock keeper does, and keep the signed state that says so."""
        self._run(es10f.delete_keys(challenge(16)), now)
        self._run(es10f.close_phase(challenge(16)), now)
        iccid = iccid_octets(self.packages[-1].iccid)
        self.euicc.command(tlv("BF33", tlv("5A", iccid)), now)
        self.evidence = self._signed_state(challenge, now)

    def tell_state(self, challenge: Callable[[int], bytes], now: float) -> None:
        """Keep what the eUICC signs of itself now."""
        self.state = self._signed_state(challenge, now)

    def _signed_state(self, challenge: Callable[[int], bytes], now: float) -> bytes:
        state = self._run(es10f.signed_state(challenge(16)), now)
        if isinstance(state, str):
            raise Unresolved(f"the eUICC tells no state: {state}")
        return bytes(state.raw)


@dataclass(slots=True)
class Manufacture:
    """The EUM at work: each eUICC has a number of its own."""

    certificates: CertificateSet
    seed: str
    # the number of the last eUICC
    count: int = 0

    def make(self, given: Mapping[str, Any]) -> list[Chip]:
        """Personalise eUICCs as a case says; raises Unresolved."""
        only("eum.personalise", given, *_GIVEN)
        wanted, keys = (
            whole_number(given, name, 1, least=1, most=_MOST) for name in ("count", "keys")
        )
        suite = _usable(str(given.get("suite", "c1")))
        fault = _fault(given, "eum", _EUM_FAULTS)
        point = str(given.get("point", ""))
        if point and point not in _POINTS:
            raise Unresolved(f"point is one of {', '.join(_POINTS)}")
        eum = Eum(self.certificates, fault=fault, entropy=random.Random(f"{self.seed} eum"))
        kind = Kind(config=Config(local_management=True), keys=(suite,) * keys)
        own = _fault(given, "euicc", _EUICC_FAULTS)
        made = [self._one(eum, kind, _POINTS.get(point, b""), own, given) for _ in range(wanted)]
        if said_yes(given, "same-key"):
            # one key under many names
            same = made[0].publics()[0].point
            for chip in made:
                chip.point = same
        return made

    def _one(
        self, eum: Eum, kind: Kind, point: bytes, fault: str | None, given: Mapping[str, Any]
    ) -> Chip:
        self.count += 1
        entropy = random.Random(f"{self.seed} chip {self.count}")
        eum.entropy = entropy
        eid = eid_of(self.count)
        if fault == _OUTSIDE:
            # all that is its own names this EID
            eid, fault = make_eid(f"{FOREIGN_EIN}{self.count:022d}"), None
        if given.get("check-digits") == "wrong":
            eid = eid[:-2] + f"{(int(eid[-2:]) + 1) % 100:02d}"
        return Chip(self.count, eum.personalise(self.count, kind, eid, fault=fault), eum, point)


def batch(name: str, chips: Iterable[Chip]) -> bytes:
    """Return a batch (FF47) of eUICC data; EUM chain and EUICCInfo2 stand in it once."""
    listed = list(chips)
    if not listed:
        raise Unresolved(
            "there is no eUICC whose data could be given away: eum.personalise makes it"
        )
    info = listed[0].euicc.command(_GET_INFO2, 0.0)
    items = [one.data(0) for one in listed]
    return write_batch(name, listed[0].eum.chain, [info], items)


def _fault(given: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str | None:
    word = str(given.get(name, _GOOD))
    if word not in (_GOOD, *known):
        raise Unresolved(f"{name} is {_GOOD}, {', '.join(known)}")
    return None if word == _GOOD else word


def _usable(word: str) -> Suite:
    suite = suite_named(word)
    if missing := unavailable(suite):
        raise Unresolved(f"suite {word} cannot be used here: {missing}")
    return suite
