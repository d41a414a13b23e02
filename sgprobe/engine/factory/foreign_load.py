"""A package that another SM-DPf has bound, to see what a server makes of its result."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.factory.chips import Chip
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package
from sgprobe.peers.smdp.metadata import store_metadata

_RSP = parse_spec("SGP.22@2.5")
_OTHER, _ADDRESS = "dp2pb", "other-smdpf.example"
# serial numbers that no order of the bench has
_FIRST = 77_000_000


def foreign_package(
    chip: Chip, certificates: CertificateSet, octets: Callable[[int], bytes]
) -> Contents:
    """Return a package of another SM-DPf for the last one-time key of an eUICC."""
    public = chip.made.one_time_keys[-1].public
    iccid, kind = make_iccid(_FIRST + chip.number % 1_000_000), PROFILE_TYPES["small"]
    content = ifpp.Content(
        iccid_octets(iccid),
        store_metadata(_RSP, iccid, kind, _ADDRESS),
        package("other", iccid, kind),
    )
    party = binder(certificates, _OTHER)
    bound = ifpp.bind(party, eid_octets(chip.eid), public, content, random=octets)
    return Contents(
        octets(16).hex(), chip.eid, public.ref.hex(), iccid, bound.transaction.hex(),
        bound.context, bound.package,
    )  # fmt: skip
