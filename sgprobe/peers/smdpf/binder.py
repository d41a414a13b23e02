"""Makes one prebound package from one task; tasks know nothing of each other and run anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import ifpp, keys
from sgprobe.crypto.bpp import Protected, protect
from sgprobe.crypto.ifpp_keys import OneTimePublic, Suite
from sgprobe.crypto.kdf import KEY_OCTETS, SessionKeys
from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.profiles.library import ProfileType, package
from sgprobe.peers.smdp.metadata import store_metadata

_METADATA = parse_spec("SGP.22@2.5")


@dataclass(frozen=True, slots=True)
class Task:
    """All that one binding needs, beside the key that signs."""

    iccid: str
    eid: str
    kind: ProfileType
    public: OneTimePublic
    package_id: str
    transaction: bytes
    not_after: float
    # what the server's one-time key of this binding comes from; it is kept nowhere
    entropy: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Press:
    """What all bindings of one SM-DPf share."""

    binder: ifpp.Binder
    # of suite h1s, which shows a certificate more
    quantum: ifpp.Binder | None
    address: str
    seed: str = field(repr=False)
    # whether the secret of ML-KEM goes into the keys of a package
    mixes: bool = True
    # whether the parts of a package stand in their order
    ordered: bool = True

    def bind(self, task: Task) -> Prebound:
        """Make the package of a task; the server's one-time key ends with it."""
        content = ifpp.Content(
            iccid_octets(task.iccid),
            store_metadata(_METADATA, task.iccid, task.kind, self.address),
            self._protected(task),
        )
        hybrid = self.quantum if task.public.suite is Suite.H1S else None
        bound = ifpp.bind(
            hybrid or self.binder,
            eid_octets(task.eid),
            task.public,
            content,
            transaction=task.transaction,
            not_after=datetime.fromtimestamp(task.not_after, UTC),
            mixes=self.mixes,
            ordered=self.ordered,
            random=_stream(task.entropy),
        )
        der = bound.encoded(bytes.fromhex(task.package_id))
        return Prebound(
            task.package_id, task.eid, task.public.ref.hex(), task.iccid,
            task.transaction.hex(), int(task.public.suite), der,
        )  # fmt: skip

    def _protected(self, task: Task) -> Protected:
        own = protection_keys(self.seed, task.iccid)
        # the cache of packages is for servers that bind one profile again and again
        made = package.__wrapped__(self.seed, task.iccid, task.kind)
        return protect(made, own)


def protection_keys(seed: str, iccid: str) -> SessionKeys:
    """Return the keys of a profile: it is protected before its eUICC is known. SGP.22 §2.5.3."""
    block = keys.seeded(seed, "PPK", iccid, size=3 * KEY_OCTETS)
    return SessionKeys(block[:16], block[16:32], block[32:])


def _stream(entropy: bytes) -> Callable[[int], bytes]:
    """Return a source of octets that depends on nothing but the entropy of its task."""
    count = 0

    def octets(size: int) -> bytes:
        nonlocal count
        count += 1
        return keys.seeded(entropy.hex(), "binding", str(count), size=size)

    return octets


# runs tasks and gives packages in their order: `map` here, a pool of processes in the host
Runner = Callable[[Press, Iterable[Task]], Iterator[Prebound]]


def one_by_one(press: Press, tasks: Iterable[Task]) -> Iterator[Prebound]:
    """Bind in this process."""
    return map(press.bind, tasks)


def of_order(
    kind: ProfileType, owner: str, profile_class: str, policy: tuple[str, ...]
) -> ProfileType:
    """Return a profile type with what the order says of it."""
    return replace(kind, owner=owner or kind.owner, profile_class=profile_class, policy=policy)
