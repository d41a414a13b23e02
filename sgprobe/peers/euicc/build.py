"""An eUICC made ready: identities of the test PKI, and the profiles it leaves the factory with."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.ecasd import Ecasd, ecasd
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.factory_rules import FACTORY_RULES
from sgprobe.peers.euicc.profiles import free_aid
from sgprobe.peers.euicc.records import Package, Profile, Settings
from sgprobe.peers.euicc.rules import RULES
from sgprobe.peers.euicc.state import State
from sgprobe.peers.euicc.turn import Entropy
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import MemoryStore, Store


@dataclass(frozen=True, slots=True)
class Preloaded:
    """A profile that is there from the start; `metadata` adds to what its name gives."""

    iccid: str
    name: str = "Preloaded"
    enabled: bool = False
    metadata: Value = None
    elements: bytes = b""
    connectivity: bytes | None = None

    def install(self, aid: str, ci: str) -> Profile:
        """Return the profile as a record."""
        given = {
            "iccid": iccid_octets(self.iccid).hex(),
            "serviceProviderName": "sgprobe",
            "profileName": self.name,
            **(self.metadata or {}),
        }
        return Profile(
            iccid=given["iccid"],
            aid=aid,
            metadata=given,
            size=len(self.elements),
            ci=ci,
            enabled=self.enabled,
            connectivity=self.connectivity.hex() if self.connectivity is not None else None,
            preloaded=True,
        )


def build(
    pki: TestPki,
    config: Config | None = None,
    *,
    name: str = "euicc",
    curves: Iterable[Curve | str] = (Curve.P256, Curve.BRAINPOOL),
    store: Store | None = None,
    off: Iterable[str] = (),
    profiles: Iterable[Preloaded] = (),
    entropy: Entropy | None = None,
) -> Euicc:
    """Return an eUICC of the test PKI; the first curve is the preferred one.

    Profiles are put in only where the store is empty: a store that holds this eUICC wins.
    """
    identity = ecasd([pki[curve] for curve in curves], name)
    memory = MemoryStore() if store is None else store
    source = entropy or random.Random(name)
    return manufacture(config or Config(), memory, identity, off, profiles, source)


def manufacture(
    config: Config,
    store: Store,
    identity: Ecasd,
    off: Iterable[str] = (),
    profiles: Iterable[Preloaded] = (),
    entropy: Entropy | None = None,
) -> Euicc:
    """Return an eUICC of any identity, with profiles put in where the store is empty."""
    _preload(config, store, identity.eid.hex(), identity.identities[0].ci.hex(), profiles)
    rules = Rules((*RULES, *FACTORY_RULES), frozenset(off))
    return Euicc(config, store, identity, rules, entropy or random.SystemRandom())


def _preload(
    config: Config, store: Store, eid: str, ci: str, profiles: Iterable[Preloaded]
) -> None:
    state = State(store, f"euicc/{eid}")
    draft = state.draft()
    if draft.find(Settings) is not None:
        return
    draft.set(default_smdp=config.default_smdp, ipae=config.ipae_mode)
    for one in profiles:
        profile = one.install(free_aid(draft), ci)
        draft.put(profile)
        if one.elements:
            draft.put(Package(profile.iccid, one.elements.hex()))
    state.commit(draft)
