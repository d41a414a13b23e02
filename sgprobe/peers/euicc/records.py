"""What the eUICC keeps through a power cut: one frozen record for each thing, JSON inside.

Octets stand as lower hex, like in JER values, so that a record is JSON as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar

from dissectors.asn1.model import Value
from sgprobe.peers.euicc.values import places
from sgprobe.peers.store import Record


@dataclass(frozen=True, slots=True)
class Kept:
    """One record; `kind` and `key` make its place in the store."""

    kind: ClassVar[str]

    @property
    def key(self) -> str:
        """What tells it from others of its kind."""
        return ""

    def record(self) -> Record:
        """Return the record as JSON data."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Profile(Kept):
    """An installed profile: its ISD-P, its state and its metadata as a StoreMetadataRequest."""

    kind: ClassVar[str] = "profile"

    iccid: str
    aid: str
    metadata: Value
    size: int
    # the CI under which it was loaded, whose identity signs its notifications
    ci: str
    enabled: bool = False
    nickname: str | None = None
    fallback: bool = False
    dp: Value = None
    connectivity: str | None = None
    # in the eUICC since it was made
    preloaded: bool = False

    @property
    def key(self) -> str:
        return self.iccid

    @property
    def profile_class(self) -> str:
        """The class: test, provisioning or operational."""
        return str(self.metadata.get("profileClass") or "operational")

    @property
    def pprs(self) -> frozenset[int]:
        """The places of its profile policy rules."""
        return places(self.metadata.get("profilePolicyRules"))

    @property
    def is_emergency(self) -> bool:
        """Whether its metadata marks it for emergency calls."""
        return bool(self.metadata.get("ecallIndication"))


@dataclass(frozen=True, slots=True)
class Package(Kept):
    """The profile elements of an installed profile, as they were loaded."""

    kind: ClassVar[str] = "package"

    iccid: str
    elements: str

    @property
    def key(self) -> str:
        return self.iccid


@dataclass(frozen=True, slots=True)
class Usage(Kept):
    """What a modem has changed in a profile: contents by path, PINs, PUKs, sequence numbers."""

    kind: ClassVar[str] = "usage"

    iccid: str
    files: Value = field(default_factory=dict)
    # path of the directory and reference to value, state and tries that are left
    pins: Value = field(default_factory=dict)
    puks: Value = field(default_factory=dict)
    sqn: Value = None

    @property
    def key(self) -> str:
        return self.iccid


@dataclass(frozen=True, slots=True)
class Eim(Kept):
    """An associated eIM: its configuration without counter and token, which stand beside it."""

    kind: ClassVar[str] = "eim"

    id: str
    config: Value
    counter: int
    token: int | None = None
    # the order of association
    place: int = 0

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Notification(Kept):
    """A pending notification: a whole PIR, or the signed parts of another notification."""

    kind: ClassVar[str] = "notification"

    seq: int
    event: int
    address: str
    iccid: str | None
    signed: str
    # of the identity whose certificates go along; None in a PIR
    ci: str | None = None

    @property
    def key(self) -> str:
        return f"{self.seq:010d}"


@dataclass(frozen=True, slots=True)
class Result(Kept):
    """An eUICC Package Result that nobody has acknowledged."""

    kind: ClassVar[str] = "result"

    seq: int
    eim: str
    signed: str

    @property
    def key(self) -> str:
        return f"{self.seq:010d}"


@dataclass(frozen=True, slots=True)
class OneTimeKey(Kept):
    """A one-time key pair that a retry may use again; the pair is derived from its seed."""

    kind: ClassVar[str] = "otpk"

    point: str
    seed: str
    curve: str
    smdp: str
    place: int = 0

    @property
    def key(self) -> str:
        return self.point


@dataclass(frozen=True, slots=True)
class Revocation(Kept):
    """A loaded CRL; part 0 is a base CRL, others are its partial CRLs."""

    kind: ClassVar[str] = "crl"

    ci: str
    part: int
    der: str

    @property
    def key(self) -> str:
        return f"{self.ci}/{self.part:05d}"


@dataclass(frozen=True, slots=True)
class Installation(Kept):
    """A profile installation that has begun: what its result must say if it is interrupted."""

    kind: ClassVar[str] = "installation"

    transaction: str
    address: str
    smdp: str
    ci: str
    command: str
    iccid: str | None = None
    # the one-time key of a package that was bound beforehand
    key_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Settings(Kept):
    """Everything of which there is one: counters, addresses, and what to return to."""

    kind: ClassVar[str] = "settings"

    # the last sequence number, shared by notifications and package results
    seq: int = 0
    token: int = 0
    place: int = 0
    default_smdp: str = ""
    immediate: Value = field(default=None)
    # {"eim", "counter", "transaction", "iccid", "result", "notes"} while a rollback is granted
    rollback: Value = field(default=None)
    # where ReturnFromFallback, DisableEmergencyProfile and leaving a test profile lead
    fallback_return: str | None = None
    emergency_return: str | None = None
    test_return: str | None = None
    ipae: bool = False


KINDS: tuple[type[Kept], ...] = (
    Profile,
    Package,
    Usage,
    Eim,
    Notification,
    Result,
    OneTimeKey,
    Revocation,
    Installation,
    Settings,
)
