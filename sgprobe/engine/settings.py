"""What an item is played with, and settings of simulated roles that a case names under `peers`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.link.coap.exchange import RequestKnobs
from dissectors.link.coap.server import SUPPORTED, ServerKnobs
from dissectors.link.coap.transmission import MessageKnobs, Transmission
from sgprobe.cases import planned as p
from sgprobe.cases.match import Unresolved
from sgprobe.cases.runsets import ORDINARY_SCALE
from sgprobe.cases.suite import Suite
from sgprobe.cases.variants import Variant
from sgprobe.engine.given import said_yes, seconds_of
from sgprobe.engine.heard import History
from sgprobe.engine.message.disguise import Says
from sgprobe.engine.message.fill import Filler
from sgprobe.engine.names import Names
from sgprobe.links.coap_fault import CoapFault, rewriter
from sgprobe.links.coap_link import CoapKnobs
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.flight_fault import FlightFault, Flights
from sgprobe.product.model import ProductFile

Settings = dict[str, dict[str, Any]]
# settings that make a reference faulty; no case needs them of a simulated role
COAP_FAULTS = (
    "cookies",
    "deduplicates",
    "any-option",
    "etag-overlooked",
    "token-overlooked",
    "ack-timeout",
    "retransmissions",
    "dtls",
    "mixes-uploads",
)
# as many datagrams as an item sends
_MANY = 1000
_Word = TypeVar("_Word", bound=StrEnum)
_ALL_OPTIONS = frozenset(range(1 << 16))


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
    # there are two SM-DS
    cascades: bool = False
    # the eUICC has no token for the eIM
    tokenless: bool = False
    # the ICS of the product, or of the reference that stands for it
    answers: Mapping[str, bool | str] = field(default_factory=dict)
    # by role: fields of its configuration that are not the usual ones
    model: dict[str, dict[str, Any]] = field(default_factory=dict)
    # of counts and durations of throughput
    scale: Fraction = ORDINARY_SCALE
    # whom the product speaks as besides its role
    faces: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, Settings]:
        """Return the settings of all roles, those of the product from a planted fault."""
        return {**self.peers, self.role: {"tls": self.serves}} if self.serves else self.peers


def settings_of(peers: tuple[p.PlannedPeer, ...], variant: Variant) -> dict[str, Settings]:
    """Return settings by role and family, with the points of the variant in place."""
    filler = Filler(Names(variant, History(), ""))
    found: dict[str, Settings] = {}
    for peer in peers:
        for family, template in peer.settings:
            found.setdefault(peer.role, {})[family] = filler.fill(template, {})
    return found


def coap_knobs(told: Mapping[str, Any], seed: int) -> CoapKnobs | None:
    """Return how a role speaks CoAP; None where nothing is told of it."""
    if not told:
        return None
    sizes = [int(told[name]) for name in ("block2-size", "block1-size") if name in told]
    size = min((exponent(size) for size in sizes), default=6)
    server = ServerKnobs(
        szx=size,
        max_body=int(told.get("max-body", 1 << 20)),
        ack_delay=seconds_of(told, "ack-delay"),
        separate=said_yes(told, "separate"),
        etag=said_yes(told, "etag", "yes"),
        known=_ALL_OPTIONS if "any-option" in told else SUPPORTED,
        mixes=said_yes(told, "mixes-uploads"),
    )
    return CoapKnobs(
        Transmission(
            ack_timeout=seconds_of(told, "ack-timeout") or 2.0,
            max_retransmit=int(told.get("retransmissions", 4)),
        ),
        _message_knobs(told),
        server,
        RequestKnobs(
            szx=size,
            checks_etag="etag-overlooked" not in told,
            checks_token="token-overlooked" not in told,
        ),
        seed,
        cookies=said_yes(told, "cookies", "yes"),
        flights=Flights(_word(told, "handshake", FlightFault)) if "handshake" in told else None,
        fault=_word(told, "dtls", PeersFault) if "dtls" in told else None,
        connection_ids=said_yes(told, "connection-id"),
    )


def _word(told: Mapping[str, Any], name: str, words: type[_Word]) -> _Word:
    """Return a word of a closed list."""
    try:
        return words(str(told[name]))
    except ValueError:
        raise Unresolved(f"{name} is one of {', '.join(words)}, not {told[name]}") from None


def _message_knobs(told: Mapping[str, Any]) -> MessageKnobs:
    fault = rewriter(_word(told, "fault", CoapFault)) if "fault" in told else None
    copies = int(told.get("copies", 1))
    return MessageKnobs(
        copies=dict.fromkeys(range(1, _MANY), copies) if copies != 1 else {},
        deduplicate=said_yes(told, "deduplicates", "yes"),
        rewrite=fault,
    )


def exponent(size: int) -> int:
    """Return SZX of a block size. RFC 7959 §2.2."""
    for exponent in range(7):
        if 16 << exponent == size:
            return exponent
    raise Unresolved(f"a block has 16, 32, 64, 128, 256, 512 or 1024 octets, not {size}")
