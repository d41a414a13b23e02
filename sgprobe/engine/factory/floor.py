"""A chip in the factory: one-time keys in the eUICC, and an SM-DPf that binds profiles to them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dissectors.asn1.model import Value
from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets, iccid_text
from sgprobe.cases.credentials import PARTIES
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import ifpp
from sgprobe.crypto.bpp import Announced
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import REF_OCTETS, OneTimeKey, Suite
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.given import only
from sgprobe.host.world import World
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.factory_records import Factory, FactoryKey
from sgprobe.peers.profiles.library import (
    BROKEN_TYPES,
    PROFILE_TYPES,
    ProfileType,
    make_iccid,
    package,
    subscription,
)
from sgprobe.peers.profiles.package import imsi_octets
from sgprobe.peers.smdp.metadata import store_metadata

_METADATA = parse_spec("SGP.22@2.5")
_TYPES = {**PROFILE_TYPES, **BROKEN_TYPES}
_KEYS = 4
_SEED = 32
_SMDPF = "smdp-pb"
# serial numbers of profiles, apart from those of the SM-DP+
_FIRST = 41_000
# what a secure channel says, by the words of cases
_ANNOUNCED = {"operation": "operation", "key-type": "key_type", "key-octets": "key_octets"}
_GIVEN = frozenset({"key", "eid", "iccid", "type", "by", "suite", *_ANNOUNCED})


@dataclass(frozen=True, slots=True)
class Wish:
    """What an SM-DPf is to bind: to which one-time key, by its place."""

    place: int
    eid: str
    iccid: str
    kind: ProfileType
    by: str
    suite: Suite


class FactoryFloor:
    """Puts one-time keys into a simulated eUICC, as its EUM would, and binds profiles to them."""

    def __init__(self, euicc: Euicc, own: CertificateSet, address: str, seed: str) -> None:
        self._own = own
        self._address = address
        self._seed = seed
        self._random = random.Random(f"{seed} factory")
        self.eid = euicc.eid
        self._euicc = euicc
        self.keys: tuple[OneTimeKey, ...] = ()
        self._bound_keys = 0
        self._profiles = 0
        # what nobody but the eUICC may see of each profile that was bound, by its name
        self.secrets: dict[str, bytes] = {}
        self.last: ifpp.Bound | None = None
        self._oid = binder(own, PARTIES[_SMDPF][0]).oid
        # whether a load context of the last package was asked for
        self._announced = False
        self.equip([Suite.C1] * _KEYS)

    def equip(self, suites: Sequence[Suite]) -> None:
        """Give the eUICC its one-time keys, one for each suite, in place of those that it has."""
        if len(suites) > _KEYS:
            raise Unresolved(f"the eUICC takes {_KEYS} one-time keys, not {len(suites)}")
        octets = self._random.randbytes
        self.keys = tuple(OneTimeKey(octets(REF_OCTETS), one, octets(_SEED)) for one in suites)
        draft = self._euicc.draft()
        for known in draft.all(FactoryKey):
            draft.remove(known)
        has = sorted({int(Suite.C1), *map(int, suites)})
        factory = draft.find(Factory)
        draft.put(replace(factory, suites=has) if factory is not None else Factory(has))
        self._bound_keys, self._announced = 0, True
        for place, one in enumerate(self.keys):
            draft.put(FactoryKey(one.ref.hex(), int(one.suite), one.seed.hex(), place=place))
        self._euicc.adopt(draft)

    def settle(self, results: int | None, allowed: list[str] | None) -> None:
        """Say how many results the eUICC has room for, and which SM-DPfs may load."""
        draft = self._euicc.draft()
        factory = draft.find(Factory)
        assert factory is not None
        room = factory.results if results is None else results
        draft.put(replace(factory, results=room, allowed=allowed))
        self._euicc.adopt(draft)

    # --- names ---

    def names(self) -> dict[str, Any]:
        """Return what cases call keys and packages; each is looked up when it is used."""
        found: dict[str, Any] = {
            f"otk.{place}": partial(self._ref, place) for place in range(1, _KEYS + 1)
        }
        return found | {
            "smdpf.iccid": lambda: self._bound().iccid.hex(),
            "smdpf.transaction": lambda: self._bound().transaction.hex(),
            "smdpf.oid": lambda: self._oid,
        }

    def _ref(self, place: int) -> str:
        if place > len(self.keys):
            raise Unresolved(f"the eUICC has {len(self.keys)} one-time keys, and no number {place}")
        return self.keys[place - 1].ref.hex()

    def _bound(self) -> ifpp.Bound:
        if self.last is None:
            raise Unresolved("the SM-DPf has bound nothing yet: smdpf.bind comes first")
        return self.last

    # --- the SM-DPf ---

    def bind(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Bind a profile as a case says; the package is the one that is loaded next."""
        only("smdpf.bind", given, *_GIVEN)
        wish = self._wish(given)
        pair = self.keys[wish.place - 1]
        public = OneTimeKey(pair.ref, wish.suite, pair.seed).public
        content = ifpp.Content(
            iccid_octets(wish.iccid),
            store_metadata(_METADATA, wish.iccid, wish.kind, self._address),
            package(self._seed, wish.iccid, wish.kind),
        )
        person = subscription(self._seed, wish.iccid, wish.kind)
        for name, octets in (
            ("K", person.k),
            ("OPc", person.opc),
            ("IMSI", imsi_octets(person.imsi)),
        ):
            self.secrets[f"{name} of profile {wish.iccid}"] = octets
        signs_twice = wish.suite is Suite.H1S
        party = binder(self._own, PARTIES[wish.by][0], with_quantum=signs_twice)
        self.last = ifpp.bind(
            party, eid_octets(wish.eid), public, content,
            announced=_announced(given), random=self._random.randbytes,
        )  # fmt: skip
        self._announced, self._oid = False, party.oid
        return {}

    def _wish(self, given: Mapping[str, Any]) -> Wish:
        self._profiles += 1
        plain = Wish(
            0, self.eid, make_iccid(_FIRST + self._profiles), _TYPES["small"], _SMDPF, Suite.C1
        )  # fmt: skip
        if "key" in given:
            place = int(given["key"])
        else:
            self._bound_keys = place = self._bound_keys + 1
        if not 1 <= place <= len(self.keys):
            raise Unresolved(f"the eUICC has {len(self.keys)} one-time keys, and no number {place}")
        kind = str(given.get("type", plain.kind.name))
        by = str(given.get("by", plain.by))
        if kind not in _TYPES or by not in PARTIES:
            raise Unresolved(f"the SM-DPf has no type {kind}, or there is no {by}")
        iccid = plain.iccid
        if "iccid" in given:
            iccid = iccid_text(bytes.fromhex(str(given["iccid"])))
        eid = str(given.get("eid", plain.eid))
        suite = self.keys[place - 1].suite
        if "suite" in given:
            suite = suite_named(str(given["suite"]))
        return replace(
            plain, place=place, eid=eid, iccid=iccid, kind=_TYPES[kind], by=by, suite=suite
        )

    # --- what is loaded ---

    def context(self) -> bytes:
        """Return the load context of a package that none was asked for; it may be a new one."""
        if self.last is None or self._announced:
            self.bind({})
        self._announced = True
        return self._bound().context

    def package(self) -> bytes:
        """Return the package that was bound last."""
        if self.last is None:
            self.bind({})
        return self._bound().package


def _announced(given: Mapping[str, Any]) -> Announced:
    """Return what the secure channel is to say, in hex; a case may have the SM-DPf say nonsense."""
    told = {name: given[word] for word, name in _ANNOUNCED.items() if word in given}
    try:
        return Announced(**{name: bytes.fromhex(str(one))[0] for name, one in told.items()})
    except (ValueError, IndexError):
        raise Unresolved(f"{', '.join(_ANNOUNCED)} are one octet each, in hex") from None


def suite_named(label: str) -> Suite:
    """Return a suite by its name in the module; raises Unresolved."""
    for suite in Suite:
        if suite.label == label:
            return suite
    raise Unresolved(f"there is no suite {label}; known are {', '.join(s.label for s in Suite)}")


def floor_of(world: World, seed: str) -> FactoryFloor:
    """Return the factory around the simulated eUICC of a world."""
    return FactoryFloor(world.euicc, world.set, world.smdp.setup.party.address, seed)
