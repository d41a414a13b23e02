"""What the eUICC knows only until the next reset: the RSP session and what waits for a REFRESH."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.ifpp_keys import Hybrid, session_keys
from sgprobe.crypto.kdf import SessionKeys
from sgprobe.crypto.keys import PrivateKey, ecdh
from sgprobe.peers.euicc.ecasd import Identity
from sgprobe.peers.euicc.records import Profile, Settings

if TYPE_CHECKING:
    from sgprobe.peers.euicc.bpp import Loader


@dataclass(frozen=True, slots=True)
class Server:
    """The server that AuthenticateServer has accepted, with what later steps compare."""

    transaction: bytes
    address: str
    certificate: Certificate
    # dpauth or dsauth
    role: str
    identity: Identity
    # euiccSignature1 as its whole TLV: smdpSignature2 covers it
    signature1: bytes

    @property
    def oid(self) -> str:
        """The OID that SM-DP+ or SM-DS has in its certificate."""
        return self.certificate.oid or ""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What PrepareDownload has agreed: the certificate for binding and the one-time key."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)
    point: bytes
    # what a package that was bound beforehand may add to the agreement
    hybrid: Hybrid | None = field(default=None, repr=False)

    def session_keys(self, peer: bytes, host_id: bytes, eid: bytes) -> SessionKeys:
        """Return the keys of the package; `peer` is the server's one-time point."""
        return session_keys(ecdh(self.key, peer), host_id, eid, self.hybrid)


@dataclass(frozen=True, slots=True)
class FactoryLoad:
    """What a load context (FF41) says of the package that is to come."""

    ref: str
    iccid: str
    # SHA-256 of BF23 and of BF36, and how long BF36 is
    channel: bytes
    package: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """The profile that was installed in this session, for ImmediateEnable."""

    iccid: str
    smdp: str
    address: str


@dataclass(frozen=True, slots=True)
class Undo:
    """How the profiles were before a switch whose REFRESH the device may still refuse."""

    profiles: tuple[Profile, ...]
    settings: Settings
    notifications: tuple[int, ...]


@dataclass(slots=True)
class Session:
    """All volatile state; a reset makes a new one."""

    challenge: bytes | None = None
    server: Server | None = None
    agreed: Agreed | None = None
    factory: FactoryLoad | None = None
    loader: Loader | None = None
    fresh: Fresh | None = None
    refresh_pending: bool = False
    undo: Undo | None = None

    def forget_server(self) -> None:
        """Drop the RSP session: a new one begins with a new challenge."""
        self.server = None
        self.agreed = None
        self.factory = None
        self.loader = None
