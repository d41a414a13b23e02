"""Compact forms: what the other side knows is left out, and put back octet by octet. SGP.32 §5.14.

What the eUICC has signed must come out as it went in: the signature is over the full form. The IPA
leaves out only what `expand_…` would put back; whoever expands verifies the signature.
"""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.tlv import tlv
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import contents, elements, parts, retag

# SGP.22 §4.1: the AID of every ISD-P, but for its octets 14 and 15
_AID = bytes.fromhex("A0000005591010FFFFFFFF8900")
_AID_END = b"\x00"
# SGP.22 §2.5.6: a plain success; the eUICC's answer when nothing is said
PLAIN_SUCCESS = bytes.fromhex("3007A0053003800100")
_INSTALLED = bytes.fromhex("81020780")


@dataclass(frozen=True, slots=True)
class Known:
    """What an eIM knows of an eUICC, so that an IPA may leave it out."""

    info2: bytes | None = None
    # eUICC and EUM certificate
    certificates: tuple[bytes, bytes] | None = None
    # CtxParams1, where the eIM has made it
    context: bytes | None = None


def is_compact(data: bytes) -> bool:
    """Say whether BF38, BF21 or BF41 holds its compact form."""
    return wire.tag_of(elements(data)[0]) == "A2"


# --- AuthenticateServerResponse, BF38 ---


def compact_authentication(response: bytes, signed1: bytes, known: Known) -> bytes:
    """Return the compact form of BF38; what is no success stays as it is."""
    (inside,) = elements(response)[:1]
    if wire.tag_of(inside) != "A0":
        return response
    euicc_signed1, signature, euicc, eum = elements(inside)[:4]
    first = euicc_signed1
    if known.info2 is not None:
        short = _short_signed1(euicc_signed1, known)
        again = _full_signed1(short, signed1, known)
        first = short if again == euicc_signed1 else euicc_signed1
    left = (euicc, eum) == known.certificates
    certificates = [] if left else [retag(euicc, "A1"), retag(eum, "A2")]
    return tlv("BF38", tlv("A2", first, signature, *certificates))


def _short_signed1(euicc_signed1: bytes, known: Known) -> bytes:
    found = parts(euicc_signed1)
    resource = parts(found["BF22"])["84"]
    context = b"" if found["A0"] == known.context else tlv("A2", found["A0"])
    return tlv("A0", resource, context)


def expand_authentication(response: bytes, signed1: bytes, known: Known) -> bytes:
    """Return the full form of BF38, given what the server signed and what is known."""
    try:
        (inside,) = elements(response)[:1]
        first, signature, *certificates = elements(inside)
        full = first if wire.tag_of(first) == "30" else _full_signed1(first, signed1, known)
        given = {wire.tag_of(one): retag(one, "30") for one in certificates}
        kept = known.certificates
        euicc = given.get("A1") or (kept[0] if kept else None)
        eum = given.get("A2") or (kept[1] if kept else None)
    except (KeyError, ValueError) as error:
        raise NotAsn1(f"the compact form cannot be expanded: {error}") from None
    if euicc is None or eum is None:
        raise NotAsn1("the certificates are left out, and not known")
    return tlv("BF38", tlv("A0", full, signature, euicc, eum))


def _full_signed1(short: bytes, signed1: bytes, known: Known) -> bytes:
    if known.info2 is None:
        raise NotAsn1("EUICCInfo2 is left out, and not known")
    found = parts(short)
    server = parts(signed1)
    info2 = tlv("BF22", *(_replaced(one, found["84"]) for one in elements(known.info2)))
    context = elements(found["A2"])[0] if "A2" in found else known.context
    if context is None:
        raise NotAsn1("CtxParams1 is left out, and not known")
    return tlv("30", server["80"], server["83"], server["84"], info2, context)


def _replaced(element: bytes, resource: bytes) -> bytes:
    return resource if wire.tag_of(element) == "84" else element


# --- PrepareDownloadResponse, BF21 ---


def compact_preparation(response: bytes, offered: bytes | None) -> bytes:
    """Return the compact form of BF21; `offered` is the one-time key that the server proposed."""
    (inside,) = elements(response)[:1]
    if wire.tag_of(inside) != "A0":
        return response
    signed2, signature = elements(inside)[:2]
    found = parts(signed2)
    key = found["5F49"]
    short = tlv("30", b"" if contents(key) == offered else key, found.get("04", b""))
    return tlv("BF21", tlv("A2", short, signature))


def expand_preparation(
    response: bytes, transaction_id: bytes, offered: bytes | None, hash_cc: bytes | None
) -> bytes:
    """Return the full form of BF21."""
    (inside,) = elements(response)[:1]
    short, signature = elements(inside)[:2]
    found = parts(short)
    key = found.get("5F49")
    if key is None and offered is None:
        raise NotAsn1("the one-time key is left out, and none was offered")
    code = found.get("04", b"") or wire.optional("04", hash_cc)
    full = tlv("30", tlv("80", transaction_id), key or tlv("5F49", offered or b""), code)
    return tlv("BF21", tlv("A0", full, signature))


# --- CancelSessionResponse, BF41 ---


def compact_cancellation(response: bytes) -> bytes:
    """Return the compact form of BF41."""
    (inside,) = elements(response)[:1]
    if wire.tag_of(inside) != "A0":
        return response
    signed, signature = elements(inside)[:2]
    # reason [2]; alone it is [0]
    return tlv("BF41", tlv("A2", tlv("30", retag(elements(signed)[2], "80")), signature))


def expand_cancellation(response: bytes, transaction_id: bytes, oid: bytes) -> bytes:
    """Return the full form of BF41; `oid` is the OBJECT IDENTIFIER of the SM-DP+ as a TLV."""
    (inside,) = elements(response)[:1]
    short, signature = elements(inside)[:2]
    reason = parts(short).get("80")
    if reason is None:
        raise NotAsn1("the reason is left out, and nobody else knows it")
    full = tlv("30", tlv("80", transaction_id), retag(oid, "81"), retag(reason, "82"))
    return tlv("BF41", tlv("A0", full, signature))


# --- notifications ---


@dataclass(frozen=True, slots=True)
class Installed:
    """What an eIM knows of a download whose result comes: OID as a TLV, ICCID as octets."""

    address: str
    oid: bytes
    iccid: bytes


def compact_installation(result: bytes, about: Installed) -> bytes:
    """Return the compact form (A0) of BF37, or BF37 where the eIM could not restore it."""
    try:
        short = _short_installation(result)
        again = expand_installation(short, about)
    except (NotAsn1, KeyError, ValueError):
        return result
    return short if again == result else result


def _short_installation(result: bytes) -> bytes:
    data, signature = elements(result)[:2]
    found = parts(data)
    metadata = parts(found["BF2F"])
    (final,) = elements(found["A2"])
    if wire.tag_of(final) == "A0":
        inside = parts(final)
        aid, sima = contents(inside["4F"]), inside["04"]
        said = b"" if contents(sima) == PLAIN_SUCCESS else sima
        final = tlv("A0", tlv("4F", aid[13:15]), said)
    present = b"" if "5A" in metadata else tlv("01", b"\x00")
    short = tlv("A0", found["80"], retag(metadata["80"], "02"), present, tlv("A2", final))
    return tlv("A0", short, signature)


def expand_installation(compact: bytes, about: Installed) -> bytes:
    """Return the full form, BF37."""
    try:
        short, signature = elements(compact)[:2]
        found = parts(short)
        (final,) = elements(found["A2"])
        if wire.tag_of(final) == "A0":
            inside = parts(final)
            aid = _AID + contents(inside["4F"]) + _AID_END
            final = tlv("A0", tlv("4F", aid), inside.get("04") or tlv("04", PLAIN_SUCCESS))
        absent = "01" in found and contents(found["01"]) == b"\x00"
        metadata = tlv(
            "BF2F",
            retag(found["02"], "80"),
            _INSTALLED,
            tlv("0C", about.address.encode()),
            b"" if absent else tlv("5A", about.iccid),
        )
        data = tlv("BF27", found["80"], metadata, about.oid, tlv("A2", final))
    except (KeyError, ValueError) as error:
        raise NotAsn1(f"the compact result cannot be expanded: {error}") from None
    return tlv("BF37", data, signature)


def compact_notification(pending: bytes, eid: str | None, ci_key_id: bytes | None) -> bytes:
    """Return the compact form (A1) of another notification: the certificates are left out."""
    data, signature = elements(pending)[:2]
    octets = None if eid is None else bytes.fromhex(eid)
    owner = wire.optional("5A", octets)
    return tlv("A1", owner, data, signature, wire.optional("04", ci_key_id))


def expand_notification(compact: bytes, certificates: tuple[bytes, bytes]) -> bytes:
    """Return the full form of another notification."""
    found = parts(compact)
    return tlv("30", found["BF2F"], found["5F37"], *certificates)
