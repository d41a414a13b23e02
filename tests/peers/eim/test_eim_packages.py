"""eUICC packages as the eIM signs them: fields, tags, signature, token. SGP.32 §2.11.1.1."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from sgprobe.crypto.signing import EIM_SIGNATURE, association_token
from sgprobe.peers.eim.forms import OrderError, from_members, to_members
from sgprobe.peers.eim.operations import (
    OPERATIONS,
    AddEim,
    ConfigureImmediate,
    Delete,
    DeleteEim,
    Disable,
    Download,
    Enable,
    GetData,
    GetRat,
    ListEim,
    ListProfiles,
    SetDefaultSmdp,
    SetFallback,
    UnsetFallback,
    UpdateEim,
)
from sgprobe.peers.esipa.wire import contents, elements, parts
from tests.peers.eim.eim_bench import Bench
from tests.peers.world import PKI, A, B

ICCID = "5a0a98990001000000000002"
SPKI = keys.spki(keys.derive_key("another eIM", "eim", keys.Curve.P256))
CERTIFICATE = PKI["p256"]["eim-sign"].certificate.der


def commands(bench: Bench, *operations) -> tuple[str, list[str]]:
    """Return the tag of the list, and the operations in it, in hex."""
    bench.order(*operations)
    (listed,) = elements(elements(bench.package())[0])[-1:]
    return listed[:1].hex(), [one.hex() for one in elements(listed)]


@pytest.mark.parametrize(
    ("operation", "octets"),
    [
        (Enable(B), f"a30c{ICCID}"),
        (Enable(B, rollback=True), f"a30e{ICCID}0500"),
        (Disable(B), f"a40c{ICCID}"),
        (Delete(B), f"a50c{ICCID}"),
        (ListProfiles(), "bf2d00"),
        (ListProfiles(iccid=B), f"bf2d0ea00c{ICCID}"),
        (ListProfiles(tags="5A9F70"), "bf2d055c035a9f70"),
        (GetRat(), "a600"),
        (ConfigureImmediate(), "a7028000"),
        (ConfigureImmediate(enabled=False), "a700"),
        (
            ConfigureImmediate(smdp_oid="2.999.10", smdp_address="a.b"),
            "a70c8000810388370a8203612e62",
        ),
        (SetFallback(B), f"a80c{ICCID}"),
        (UnsetFallback(), "a900"),
        (SetDefaultSmdp("a.b"), "bf65058003612e62"),
    ],
    ids=lambda value: value.op if hasattr(value, "op") else "",
)
def test_psmo(operation, octets):
    assert commands(Bench(), operation) == ("a0", [octets])


def test_eco():
    bench = Bench()
    key = SPKI[1:].hex()  # A0 replaces the outer tag
    shown = commands(
        bench,
        AddEim("b", fqdn="b.c", id_type="fqdn", counter=5, public_key=SPKI.hex(), token=True),
        UpdateEim("b", counter=0, public_key=SPKI.hex()),
        DeleteEim("b"),
        ListEim(),
    )
    inside = f"8001628103622e638201028301058401ffa55ba0{key}"
    assert shown == (
        "a1",
        [
            tlv("A8", bytes.fromhex(inside)).hex(),
            tlv("AA", bytes.fromhex(f"800162830100a55ba0{key}")).hex(),
            "a903800162",
            "ab00",
        ],
    )


def test_an_eim_is_added_with_a_certificate():
    _, (octets,) = commands(Bench(), AddEim("b", certificate=CERTIFICATE.hex()))
    key = parts(bytes.fromhex(octets))["A5"]
    assert contents(elements(key)[0]) == contents(CERTIFICATE)
    assert elements(key)[0][:1] == b"\xa1"


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
@pytest.mark.parametrize("token", [None, 0, 5, 127, 128, 300, 70_000])
def test_the_signature_covers_the_token_that_is_not_sent(version, token):
    bench = Bench(version, token=False)
    bench.eim.enrol(bench.eid, token=token)
    bench.order(Enable(B))
    signed, signature = elements(bench.package())
    assert len(contents(signature)) == 64
    public = bench.setup.signer("").public_key()
    assert EIM_SIGNATURE.verify(public, signature, signed, association_token(token))
    assert not EIM_SIGNATURE.verify(public, signature, signed, association_token(9))
    assert list(parts(signed)) == ["80", "5A", "81", "82", "A0"]


@pytest.mark.parametrize("given", [True, False])
def test_transaction_ids_are_there_when_they_are_declared(given):
    bench = Bench(eim={"transaction_ids": given})
    bench.order(Enable(B))
    value = bench.value(bench.package())
    assert ("eimTransactionId" in value) == given
    assert (value["eimId"], value["eidValue"]) == ("eim.example.com", bench.eid)


def test_transaction_ids_are_never_the_same():
    bench = Bench()
    seen = set()
    for _ in range(5):
        bench.order(ListProfiles())
        package = bench.package()
        seen.add(bench.value(package)["eimTransactionId"])
        bench.provide(bench.euicc.command(package, 0))
    assert len(seen) == 5


def test_several_operations_keep_their_order_under_one_signature():
    bench = Bench()
    tag, listed = commands(bench, Disable(A), Delete(B), ListProfiles())
    assert (tag, [one[:2] for one in listed]) == ("a0", ["a4", "a5", "bf"])


@pytest.mark.parametrize(
    "operations",
    [
        (Enable(B), ListEim()),
        (GetData(("euicc-info2",)), ListProfiles()),
        (Download(smdp="a.b"), Download(smdp="a.b")),
        (),
    ],
)
def test_what_does_not_go_together_is_refused(operations):
    with pytest.raises(OrderError):
        Bench().order(*operations)


@pytest.mark.parametrize(
    "operation",
    [
        Enable("8999001000000000002X"),
        Enable("89990010000000000012345"),
        ListProfiles(tags="5"),
        ConfigureImmediate(smdp_oid="two"),
        AddEim("", public_key=SPKI.hex()),
        AddEim("b" * 129, public_key=SPKI.hex()),
        AddEim("b", public_key="30"),
        AddEim("b", certificate="30"),
        AddEim("b", id_type="name"),
        AddEim("b", protocols=("http",)),
        AddEim("b", ci="zz"),
        GetData(("eid",)),
        GetData(("notifications",), event="upgrade"),
        Download(activation_code="2$a.b$"),
        Download(activation_code="1$a.b$ID", smdp="c.d"),
        Download(smdp="a.b", smds=""),
    ],
    ids=lambda value: value.op,
)
def test_what_no_package_can_carry_is_refused_and_nothing_is_signed(operation):
    bench = Bench()
    with pytest.raises(OrderError):
        bench.order(operation)
    assert bench.eim.orders() == []
    assert bench.eim.device(bench.eid).counter == 0


@pytest.mark.parametrize("operation", [SetFallback(B), UnsetFallback(), SetDefaultSmdp("a.b")])
def test_a_version_has_only_its_operations(operation):
    with pytest.raises(OrderError, match=r"v1\.1"):
        Bench("1.0.1").order(operation)


def test_v1_has_its_own_name_for_immediate_enabling():
    bench = Bench("1.0.1")
    assert commands(bench, ConfigureImmediate(smdp_address="a.b"))[1] == ["a70780008203612e62"]


def test_only_a_known_eid_gets_orders():
    with pytest.raises(OrderError, match="not managed"):
        Bench(enrol=False).order(Enable(B))


def test_every_operation_comes_back_from_its_members():
    samples = {
        "enable": Enable(B, rollback=True),
        "list-profiles": ListProfiles(tags="5A"),
        "add-eim": AddEim("b", protocols=("retrieve-https",), token=True),
        "get-data": GetData(("results",), result=3),
        "download": Download(smdp="a.b", matching_id="ID", indirect=True),
    }
    for op, kind in OPERATIONS.items():
        sample = samples.get(op)
        if sample is not None:
            assert from_members(to_members(sample)) == sample
        assert kind.op == op


@pytest.mark.parametrize(
    "members",
    [
        None,
        {},
        {"op": "enabel"},
        {"op": ["enable"]},
        {"op": "enable"},
        {"op": "enable", "iccid": 7},
        {"op": "enable", "iccid": B, "force": True},
        {"op": "enable", "iccid": B, "rollback": "yes"},
        {"op": "get-data", "tags": "results"},
        {"op": "get-data", "tags": [1]},
        {"op": "get-data", "tags": ["results"] * 65},
        {"op": "add-eim", "eim-id": "b", "counter": True},
        {"op": "enable", "iccid": "\ud800"},
    ],
)
def test_members_that_are_no_operation_are_refused(members):
    with pytest.raises(OrderError):
        from_members(members)
