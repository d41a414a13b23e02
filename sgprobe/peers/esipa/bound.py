"""What anyone can see of a bound profile package: its metadata, which is not encrypted."""

from __future__ import annotations

from dissectors.asn1.tlv import TlvError
from dissectors.link.apdu import ApduError
from dissectors.link.apdu_bpp import split_bpp
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa.wire import contents, elements, parts

# SGP.22 §2.6.4.2: what ends a segment
_MAC_OCTETS = 8


def segments(package: bytes) -> list[bytes]:
    """Return what LoadBoundProfilePackage sends, one STORE DATA chain each. SGP.22 §2.5.5."""
    try:
        return split_bpp(package)
    except (ApduError, TlvError) as error:
        raise NotAsn1(str(error)) from None


def metadata_of(package: bytes) -> bytes:
    """Return the StoreMetadataRequest (BF25) in a package, of which only a MAC is taken."""
    found = parts(package)
    if "A1" not in found:
        raise NotAsn1("the package holds no metadata")
    return b"".join(contents(one)[:-_MAC_OCTETS] for one in elements(found["A1"]))
