"""The profile types that the bench offers, and the subscriptions they are made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from dissectors.spec.identity import luhn_digit
from sgprobe.crypto.keys import seeded
from sgprobe.crypto.milenage import opc
from sgprobe.peers.profiles.icon import png
from sgprobe.peers.profiles.package import Subscription, build

# ITU-T E.118 numbers below 89 99 and a test network: nobody's
ICCID_ISSUER = "8999001"
TEST_NETWORK = "00101"
# 3GPP TS 34.108 §8.1.2: what a test profile authenticates with, no secret (SGP.22 §5.5.5)
TEST_KEY = bytes(range(16))


@dataclass(frozen=True, slots=True)
class ProfileType:
    """A kind of profile that can be ordered: its name and how large its package is."""

    name: str
    size: int
    service_provider: str = "sgprobe"
    profile_name: str = "sgprobe Test Profile"
    profile_class: str = "operational"
    # SGP.22 §2.4.5.3: some of pprUpdateControl, ppr1, ppr2
    policy: tuple[str, ...] = ()
    icon: bytes = field(default=b"", repr=False)
    # MCC and MNC as 3GPP TS 24.008 codes them
    owner: str = "00f110"
    # planted in the package, to be searched for where nobody may see it
    marker: bytes = field(default=b"", repr=False)
    # its package goes on after its end, which no eUICC may take. TCA PP §8
    broken: bool = False


PROFILE_TYPES = {
    kind.name: kind
    for kind in (
        ProfileType("small", 0, profile_name="Small"),
        ProfileType("30k", 30_000, profile_name="30 kB"),
        ProfileType("100k", 100_000, profile_name="100 kB"),
        ProfileType("test", 0, profile_name="Test", profile_class="test"),
        # SGP.22 §2.5.3: metadata that does not fit one segment
        ProfileType("icon", 0, profile_name="With icon", icon=png(1000)),
        ProfileType("ppr1", 0, profile_name="Not to be disabled", policy=("ppr1",)),
        ProfileType("ppr2", 0, profile_name="Not to be deleted", policy=("ppr2",)),
    )
}

BROKEN_TYPES = {"broken": ProfileType("broken", 0, profile_name="Broken", broken=True)}


def make_iccid(serial: int) -> str:
    """Return the ICCID of a serial number: 19 digits, the last one Luhn's."""
    body = f"{ICCID_ISSUER}{serial:011d}"
    return body + luhn_digit(body)


def subscription(seed: str, iccid: str, kind: ProfileType) -> Subscription:
    """Return the subscription that `seed` gives to an ICCID: always the same one."""

    def secret(name: str) -> bytes:
        return seeded(seed, "subscription", name, iccid, size=16)

    k = TEST_KEY if kind.profile_class == "test" else secret("K")
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
    made = build(subscription(seed, iccid, kind), kind.size, kind.marker)
    return made + made if kind.broken else made
