"""Batches of eUICC data (FF47): read with every octet that a signature covers, and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.tlv import Tlv, TlvError, read_tlv, split, tlv
from dissectors.finding import Severity
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import SPEC


class BatchError(CryptoError):
    """The octets are no batch of eUICC data."""


@dataclass(frozen=True, slots=True)
class DataItem:
    """The data of one eUICC; each one-time key is a whole OneTimePublicKey."""

    # 32 digits as they came: nobody has looked at them yet
    eid: str
    certificate: bytes = field(repr=False)
    one_time_keys: tuple[bytes, ...] = field(repr=False)
    # EUICCInfo2 (BF22); None where the batch has none at the place named
    info: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: what its items share, and the items."""

    batch_id: str
    eum_certificates: tuple[bytes, ...] = field(repr=False)
    items: tuple[DataItem, ...] = field(repr=False)


def read_batch(octets: bytes) -> Batch:
    """Return the batch in `octets`; BatchError says what is wrong with its form."""
    decoded = codec.load(SPEC).decode("EuiccDataBatch", octets)
    wrong = [one for one in decoded.findings if one.severity is Severity.ERROR]
    if wrong:
        raise BatchError(f"the batch cannot be read: {wrong[0].path}: {wrong[0].text}")
    value = decoded.value
    infos = [bytes.fromhex(one) for one in value["euiccInfo2List"]]
    try:
        items = tuple(
            _item(one, octets[raw.start : raw.end], infos)
            for one, raw in zip(value["items"], _elements(octets, b"\xa3"), strict=True)
        )
    except TlvError as error:
        raise BatchError(f"the batch cannot be read: {error}") from None
    shown = tuple(bytes.fromhex(one) for one in value["eumCertificates"])
    return Batch(value["batchId"], shown, items)


def _item(value: dict[str, object], raw: bytes, infos: list[bytes]) -> DataItem:
    place = value.get("euiccInfo2Ref", 0)
    info = infos[place] if isinstance(place, int) and 0 <= place < len(infos) else None
    given = tuple(raw[one.start : one.end] for one in _elements(raw, b"\xa2"))
    return DataItem(str(value["eid"]), bytes.fromhex(str(value["euiccCertificate"])), given, info)


def _elements(whole: bytes, tag: bytes) -> Iterator[Tlv]:
    """Give the elements of the list with this tag in the one TLV `whole`."""
    outer = read_tlv(whole)
    for one in split(whole, outer.body, outer.end):
        if one.tag == tag:
            yield from split(whole, one.body, one.end)


def write_batch(
    batch_id: str, eum_certificates: Iterable[bytes], infos: Iterable[bytes], items: Iterable[bytes]
) -> bytes:
    """Return the batch of these items (FF46), each as it is."""
    return tlv(
        "FF47",
        tlv("80", batch_id.encode()),
        tlv("A1", *(tlv("04", one) for one in eum_certificates)),
        tlv("A2", *(tlv("04", one) for one in infos)),
        tlv("A3", *items),
    )
