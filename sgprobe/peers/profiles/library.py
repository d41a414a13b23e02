"""The profile types that the bench offers, and the subscriptions they are made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from dissectors.spec.identity import luhn_digit
from sgprobe.crypto.bsp import MAX_PLAIN
from sgprobe.crypto.keys import seeded
from sgprobe.crypto.milenage import opc
from sgprobe.peers.profiles.icon import png
from sgprobe.peers.profiles.package import Fault, Subscription, build

# ITU-T E.118 numbers below 89 99 and a test network: nobody's
ICCID_ISSUER = "8999001"
TEST_NETWORK = "00101"
# by which the bench knows its profiles in a card
PROVIDER = "sgprobe"
# 3GPP TS 34.108 §8.1.2: what a test profile authenticates with, no secret (SGP.22 §5.5.5)
TEST_KEY = bytes(range(16))
# a profile that says to be another one inside
_OTHER_ICCID = "8999001999999999991"


@dataclass(frozen=True, slots=True)
class ProfileType:
    """A kind of profile that can be ordered: its name and how large its package is."""

    name: str
    size: int
    service_provider: str = PROVIDER
    profile_name: str = "sgprobe Test Profile"
    # a number is one that SGP.22 has no name for
    profile_class: str | int = "operational"
    # SGP.22 §2.4.5.3: some of pprUpdateControl, ppr1, ppr2
    policy: tuple[str, ...] = ()
    icon: bytes = field(default=b"", repr=False)
    # MCC and MNC as 3GPP TS 24.008 codes them; nobody's without
    owner: str = "00f110"
    # planted in the package, to be searched for where nobody may see it
    marker: bytes = field(default=b"", repr=False)
    # members of the metadata, of SGP.32 too, as JSON: what else the SM-DP+ stores
    metadata: str = ""
    # why no eUICC may install its package
    fault: Fault | None = None
    # a test profile that authenticates with a key of its own. SGP.22 §5.5.5
    own_key: bool = False
    # octets of the package in one segment
    segment: int = MAX_PLAIN
    # the SM-DP+ does not look whether it suits the eUICC
    careless: bool = False


PROFILE_TYPES = {
    kind.name: kind
    for kind in (
        ProfileType("small", 0, profile_name="Small"),
        ProfileType("30k", 30_000, profile_name="30 kB"),
        ProfileType("100k", 100_000, profile_name="100 kB"),
        ProfileType("500k", 500_000, profile_name="500 kB"),
        ProfileType("test", 0, profile_name="Test", profile_class="test"),
        # SGP.22 §2.5.3: metadata that does not fit one segment
        ProfileType("icon", 0, profile_name="With icon", icon=png(1000)),
        ProfileType("ppr1", 0, profile_name="Not to be disabled", policy=("ppr1",)),
        ProfileType("ppr2", 0, profile_name="Not to be deleted", policy=("ppr2",)),
    )
}

# each is what an eUICC must not install, for one reason
BROKEN_TYPES = {
    kind.name: kind
    for kind in (
        ProfileType("broken", 0, profile_name="Broken", fault=Fault.AFTER_END),
        ProfileType("other-iccid", 0, profile_name="Other ICCID", fault=Fault.OTHER_ICCID),
        ProfileType("other-network", 0, profile_name="Other network", owner="00f120"),
        ProfileType("unknown-template", 0, profile_name="Template", fault=Fault.UNKNOWN_TEMPLATE),
        ProfileType("no-usim", 0, profile_name="No USIM", fault=Fault.NO_USIM),
        ProfileType("no-domain", 0, profile_name="No domain", fault=Fault.NO_DOMAIN),
        ProfileType("own-key", 0, profile_name="Own key", profile_class="test", own_key=True),
        ProfileType("unknown-class", 0, profile_name="Unknown class", profile_class=7),
        ProfileType("no-owner", 0, profile_name="No owner", policy=("ppr2",), owner=""),
        ProfileType("long-segments", 5_000, profile_name="Long segments", segment=1_199),
        ProfileType("forced-ppr1", 0, profile_name="Forced", policy=("ppr1",), careless=True),
        ProfileType("forced-ppr2", 0, profile_name="Forced", policy=("ppr2",), careless=True),
    )
}


def make_iccid(serial: int) -> str:
    """Return the ICCID of a serial number: 19 digits, the last one Luhn's."""
    body = f"{ICCID_ISSUER}{serial:011d}"
    return body + luhn_digit(body)


def subscription(seed: str, iccid: str, kind: ProfileType) -> Subscription:
    """Return the subscription that `seed` gives to an ICCID: always the same one."""

    def secret(name: str) -> bytes:
        return seeded(seed, "subscription", name, iccid, size=16)

    k = TEST_KEY if kind.profile_class == "test" and not kind.own_key else secret("K")
    digits = f"{int.from_bytes(secret('numbers'), 'big'):039d}"
    return Subscription(
        iccid=iccid,
        imsi=(TEST_NETWORK + iccid[-11:-1]).ljust(15, "0")[:15],
        k=k,
        opc=opc(k, seeded(seed, "operator", "OP", size=16)),
        pin="0000",
        puk=digits[-8:],
        adm=digits[-16:-8],
        ota=(secret("S-ENC"), secret("S-MAC"), secret("DEK")),
        service_provider=kind.service_provider,
        profile_type=f"sgprobe {kind.name}",
    )


@lru_cache(maxsize=64)
def package(seed: str, iccid: str, kind: ProfileType) -> bytes:
    """Return the UPP of an ICCID."""
    inside = _OTHER_ICCID if kind.fault is Fault.OTHER_ICCID else iccid
    return build(subscription(seed, inside, kind), kind.size, kind.marker, kind.fault)
