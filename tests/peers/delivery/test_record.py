"""Binding records are what the signed context says."""

from __future__ import annotations

from pathlib import Path

import pytest
from delivery_made import prebound
from smdpf_made import bench, chip, pki

from dissectors.asn1 import codec
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.ifpp_keys import signed_part
from sgprobe.crypto.keys import verify
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import check_delivery
from sgprobe.peers.delivery.entry import EntryError
from sgprobe.peers.delivery.record import binding_record


def test_a_record_is_what_was_bound(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(1)
    made.know(chip(1))
    name, (entry,) = made.deliver(chip(1))
    files = made.smdpf.jobs.files(name)
    book = DeliveryBook(files, check_delivery(files, [pki().anchor]).usable)
    (place,) = book.find(chip(1).eid)
    record = binding_record(book.package(place))
    assert (record["eid"], record["iccid"]) == (entry.eid, entry.iccid)
    assert (record["keyRef"], record["transactionId"]) == (entry.key_ref, entry.transaction)
    assert record["packageId"] == entry.package
    assert record["bppDigestRight"]
    context = bytes.fromhex(record["loadContext"])
    value = codec.load("IFPP@0").decode("IfppLoadContextRequest", context).value
    leaf = read_certificate(bytes.fromhex(value["certificates"][0]))
    assert leaf.public_key is not None
    assert verify(leaf.public_key, bytes.fromhex(value["signature"]), signed_part(context))


@pytest.mark.parametrize("der", [b"", b"\xff\x48\x00", prebound(1).der])
def test_what_is_no_package_has_no_record(der: bytes) -> None:
    with pytest.raises(EntryError):
        binding_record(der)
