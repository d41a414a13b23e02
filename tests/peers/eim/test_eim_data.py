"""IPA eUICC data: requested octet by octet, kept, refused. SGP.32 §2.11.1.2, §2.11.2.2."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.eim.operations import Download, GetData
from sgprobe.peers.esipa import messages as m
from tests.peers.eim.eim_bench import Bench
from tests.peers.world import World

ALL = (
    "default-smdp",
    "euicc-info1",
    "euicc-info2",
    "root-smds",
    "association-token",
    "eum-certificate",
    "euicc-certificate",
    "ipa-capabilities",
    "device-info",
)


@pytest.mark.parametrize(
    ("version", "asked", "octets"),
    [
        ("1.2", GetData(("euicc-info2",)), "5c02bf22"),
        ("1.2", GetData(("notifications",), notification=5), "5c01a0a103800105"),
        ("1.2", GetData(("notifications",), event="enable"), "5c01a0a10481020640"),
        ("1.2", GetData(("results",), result=200), "5c01a2a204800200c8"),
        ("1.2", GetData(("euicc-certificate",), ci="f54172bd"), "5c01a60404f54172bd"),
        ("1.0.1", GetData(("euicc-info2",)), "5c03bf22a6"),
        ("1.0.1", GetData(("notifications",), notification=5), "5c03bf2ba6a103800105"),
    ],
)
def test_requests(version, asked, octets):
    bench = Bench(version, eim={"transaction_ids": False})
    bench.order(asked)
    assert bench.package() == tlv("BF52", bytes.fromhex(octets))


@pytest.mark.parametrize("version", ["1.0.1", "1.1", "1.2", "1.3"])
def test_all_that_is_told_is_kept(version):
    world = World(version, certificates=False, euicc={"default_smdp": "dp.example.com"})
    order = world.do(GetData(ALL))
    assert str(order.state) == "done"
    facts = world.eim.facts(world.eid)
    identity = world.euicc.chip.ecasd.identities[0]
    assert facts.certificates == ((identity.certificate.der.hex(), identity.eum.der.hex()),)
    assert facts.default_smdp == "dp.example.com"
    assert facts.root_smds == world.ds_host
    assert facts.info1.startswith("bf20")
    assert facts.info2.startswith("bf22")
    assert facts.features == (0, 1)
    assert facts.protocols == (0, 2)
    assert bytes.fromhex(facts.device_info)[:1] == b"\xa9"


def told(bench: Bench, *inside: bytes) -> m.Answer:
    transaction = bench.eim.orders()[-1].transaction
    data = tlv("A0", *inside, tlv("87", bytes.fromhex(transaction)))
    return bench.provide(m.DataResult(tlv("BF52", data)))


def asked(**how) -> tuple[Bench, str]:
    bench = Bench(**how)
    name = bench.order(GetData(("association-token",)))
    bench.package()
    return bench, name


def test_a_token_that_nobody_signed_replaces_none():
    bench, name = asked()
    assert told(bench, tlv("84", b"\x63")) == m.Acknowledged()
    assert bench.eim.device(bench.eid).token == 1
    bench, name = asked(token=False)
    told(bench, tlv("84", b"\x63"))
    assert bench.eim.device(bench.eid).token == 0x63
    assert bench.state(name) == "done"


@pytest.mark.parametrize(("code", "state"), [(1, "failed"), (5, "failed"), (127, "failed")])
def test_an_error_fails_the_order_and_invents_no_numbers(code, state):
    bench, name = asked()
    answer = tlv("BF52", tlv("A1", tlv("02", bytes([code]))))
    assert bench.provide(m.DataResult(answer)) == m.Acknowledged()
    assert bench.state(name) == state


def test_an_emergency_call_puts_it_off():
    bench, name = asked()
    bench.provide(m.DataResult(tlv("BF52", tlv("A1", tlv("02", b"\x68")))))
    assert bench.state(name) == "queued"
    assert bench.get() == m.Failed(1)


def test_v1_has_another_form_of_error():
    bench = Bench("1.0.1")
    name = bench.order(GetData(("euicc-info1",)))
    bench.package()
    # it names nobody: nothing is booked
    assert bench.provide(m.DataResult(tlv("BF52", tlv("81", b"\x01"))), None) == m.Acknowledged()
    assert bench.state(name) == "sent"


@pytest.mark.parametrize("wanted", [{}, {"indirect": True}])
def test_triggers(wanted):
    bench = Bench(eim={"transaction_ids": False})
    bench.order(Download(activation_code="LPA:1$a.b$ID$2.999.10", **wanted))
    package = bench.package()
    assert tlv("A0", tlv("80", b"1$a.b$ID$2.999.10")) in package
    # the eIM recognises what it drives by its transaction alone
    assert (b"\x82\x10" in package) == bool(wanted)


@pytest.mark.parametrize(
    ("download", "octets"),
    [
        (Download(), "a0028100"),
        (Download(smds=""), "a002a200"),
        (Download(smds="x"), "a005a203800178"),
        (Download(smdp="a.b", matching_id="ID"), tlv("A0", tlv("80", b"1$a.b$ID")).hex()),
    ],
)
def test_trigger_data(download, octets):
    bench = Bench(eim={"transaction_ids": False})
    bench.order(download)
    assert bench.package() == tlv("BF54", bytes.fromhex(octets))


def direct(**how) -> tuple[Bench, str, bytes]:
    """Return a world in which a direct download was made, and its result."""
    bench = Bench(ipa={"features": frozenset({0})}, **how)
    name, _ = bench.download()
    bench.poll()
    body = next(one.body for one in bench.link.seen if one.body[:2] == b"\xbf\x50")
    return bench, name, body


def test_a_result_of_a_direct_download_ends_its_order():
    bench, name, _ = direct()
    assert bench.state(name) == "done"
    # the IPA told the SM-DP+ itself
    assert bench.dp_link.seen[-1].path.endswith("handleNotification")
    assert len(bench.eim.device(bench.eid).profiles) == 1


def test_a_result_that_is_not_genuine_does_not():
    bench, _, body = direct()
    other = Bench()
    name, _ = other.download()
    other.package()
    transaction = bytes.fromhex(other.outcome(name).transaction)
    broken = bytearray(body)
    broken[-1] ^= 1
    old = bytes.fromhex(bench.eim.orders()[0].transaction)
    other.post(bytes(broken).replace(old, transaction))
    assert other.state(name) == "sent"
    other.post(body.replace(old, transaction))
    assert other.state(name) == "done"


@pytest.mark.parametrize("version", ["1.0.1", "1.2"])
def test_a_failed_download_has_its_reason(version):
    bench = Bench(version, ipa={"features": frozenset({0})})
    name = bench.order(Download(smdp=bench.host, matching_id="NOBODYS"))
    assert bench.poll().ok
    assert str(bench.outcome(name).state) == "failed"
    assert "8.2.6/3.8" in bench.outcome(name).reason
