"""The bindings of ESipa: octets against samples written by hand, and both ways in every version."""

from __future__ import annotations

import base64
import json

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.eim.operations import Download, Enable, GetData
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.esipa.json_binding import JsonBinding
from tests.peers.test_whole import KNOWN
from tests.peers.world import B, World

VERSIONS = ["1.0.1", "1.1", "1.2", "1.3"]
EID = "89049032123451234512345678901235"
UNSIGNED = bytes.fromhex("BF5105A203800161")
NOTE = tlv("30", b"")

# SGP.32 v1.1 and later unless marked otherwise; written by hand after the tag rules
REQUESTS: list[tuple[str, m.Request, str]] = [
    ("1.2", m.GetEimPackage(EID), f"BF4F125A10{EID}"),
    ("1.2", m.GetEimPackage(EID, True, 1), f"BF4F175A10{EID}8000810101"),
    ("1.2", m.GetEimPackage(EID, rplmn=b"\x62\xf2\x10"), f"BF4F175A10{EID}820362F210"),
    ("1.0.1", m.GetEimPackage(EID, rplmn=b"\x62\xf2\x10"), f"BF4F175A10{EID}810362F210"),
    ("1.0.1", m.GetEimPackage(EID, True), f"BF4F145A10{EID}8000"),
    ("1.2", m.ProvideEimPackageResult(None, m.EuiccResult(UNSIGNED)), "BF5008BF5105A203800161"),
    ("1.2", m.ProvideEimPackageResult(EID, m.EuiccResult(UNSIGNED)),
     f"BF501A5A10{EID}BF5105A203800161"),
    ("1.0.1", m.ProvideEimPackageResult(None, m.EuiccResult(UNSIGNED)), "BF5008BF5105A203800161"),
    ("1.2", m.ProvideEimPackageResult(None, m.DataResult(bytes.fromhex("BF5205A103020101"))),
     "BF5008BF5205A103020101"),
    ("1.2", m.ProvideEimPackageResult(None, m.PackageError(2)), "BF5005A003020102"),
    ("1.2", m.ProvideEimPackageResult(None, m.PackageError(2, b"\1")), "BF5008A006800101020102"),
    ("1.0.1", m.ProvideEimPackageResult(None, m.PackageError(2)), "BF5003020102"),
    ("1.2", m.HandleNotification(
        result=m.ProvideEimPackageResult(None, m.EuiccResult(UNSIGNED))),
     "BF3D0BBF5008BF5105A203800161"),
    ("1.0.1", m.HandleNotification(
        result=m.ProvideEimPackageResult(None, m.EuiccResult(UNSIGNED))),
     "BF3D0AA108BF5105A203800161"),
    ("1.2", m.InitiateAuthentication(bytes(16), "a.b", None, b"\1\2"),
     "BF391B8110" + "00" * 16 + "8303612E6282020102"),
    ("1.0.1", m.InitiateAuthentication(bytes(16), "a.b", None, None),
     "BF39178110" + "00" * 16 + "8303612E62"),
    ("1.2", m.CancelSession(bytes.fromhex("01020304"), bytes.fromhex("BF410381017F")),
     "BF410B800401020304A10381017F"),
]  # fmt: skip
ANSWERS: list[tuple[str, str, m.Answer, str]] = [
    ("1.2", m.GEP, m.Failed(1), "BF4F03020101"),
    ("1.2", m.GEP, m.Failed(2), "BF4F03020102"),
    ("1.2", m.GEP, m.EimPackage(bytes.fromhex("BF5404A0028100")), "BF4F07BF5404A0028100"),
    ("1.2", m.PER, m.Acknowledged((1, 2)), "BF5009BF5306800101800102"),
    ("1.2", m.PER, m.Acknowledged((128, 65535)), "BF500CBF530980020080800300FFFF"),
    ("1.2", m.PER, m.Acknowledged(), "BF50023000"),
    ("1.0.1", m.PER, m.Acknowledged(), "BF5000"),
    ("1.2", m.PER, m.Failed(2), "BF5003020102"),
    ("1.2", m.CAN, m.Done(), "BF4102A000"),
    ("1.2", m.CAN, m.Failed(1), "BF4103810101"),
    ("1.2", m.IAU, m.Failed(52), "BF3903810134"),
    ("1.2", m.ACL, m.Failed(50), "BF3B03820132"),
    ("1.2", m.GBP, m.Failed(95), "BF3A0381015F"),
    ("1.2", m.ACL, m.AuthenticatedEvent(b"\1\2"), "BF3B06A10480020102"),
    ("1.2", m.ACL, m.AuthenticatedEvent(b"\1\2", bytes.fromhex("BF5404A0028100")),
     "BF3B0DA10B80020102BF5404A0028100"),
]  # fmt: skip
TRANSFERRED: list[tuple[str, m.Answer, str]] = [
    ("1.2", m.Received(), "BF4E020500"),
    ("1.2", m.Failed(2), "BF4E03020102"),
    ("1.2", m.EuiccResult(UNSIGNED), "BF4E08BF5105A203800161"),
    ("1.2", m.EuiccResult(UNSIGNED, (NOTE,)), "BF4E0E300CBF5105A203800161A0023000"),
    ("1.0.1", m.EuiccResult(UNSIGNED, (NOTE,)), "BF4E11300FBF5105A203800161BF2B04A0023000"),
]


@pytest.mark.parametrize(("version", "message", "octets"), REQUESTS)
def test_requests_as_octets(version, message, octets):
    binding = Asn1Binding(version)
    assert binding.write_request(message).hex().upper() == octets
    assert binding.read_request("", bytes.fromhex(octets)) == message


@pytest.mark.parametrize(("version", "name", "message", "octets"), ANSWERS)
def test_answers_as_octets(version, name, message, octets):
    binding = Asn1Binding(version)
    assert binding.write_answer(name, message).hex().upper() == octets
    assert binding.read_answer(name, bytes.fromhex(octets)) == message


@pytest.mark.parametrize(("version", "message", "octets"), TRANSFERRED)
def test_answers_to_injected_packages_as_octets(version, message, octets):
    binding = Asn1Binding(version)
    assert binding.write_transferred(message).hex().upper() == octets
    if NOTE not in getattr(message, "notifications", ()):
        assert binding.read_transferred(bytes.fromhex(octets)) == message


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("BF4E03BF6000", m.Received()),
        ("BF4E09BF6006A0048002AABB", m.Received()),
        ("BF4E06BF6103810102", m.Failed(2)),
        ("BF4E0CBF6109A0048002AABB810101", m.Failed(1)),
    ],
)
def test_v1_3_may_add_a_correlation_identifier(octets, message):
    assert Asn1Binding("1.3").read_transferred(bytes.fromhex(octets)) == message


def test_an_empty_answer_of_v1_0_1_is_understood_by_all():
    for version in VERSIONS:
        binding = Asn1Binding(version)
        body = bytes.fromhex("BF5000") if version == "1.0.1" else bytes.fromhex("BF50023000")
        assert binding.read_answer(m.PER, body) == m.Acknowledged()


# --- a whole life, in both bindings ---


def life(version: str, json_binding: bool) -> World:
    """Return a world in which every function was used."""
    features = frozenset({1}) if version == "1.0.1" else frozenset({1, 2, 3})
    world = World(version, indirect=True, ipa={"features": features, "json": json_binding})
    world.do(GetData(KNOWN))
    world.do(Enable(B))
    world.download(indirect=True)
    world.poll()
    made = world.smdp.order("small", code="1")
    world.order(Download(smdp=world.host, matching_id=made.matching_id, indirect=True))
    world.poll()
    world.order(Download(smdp="nobody.example.com", matching_id="X", indirect=True))
    world.poll()
    return world


@pytest.mark.parametrize("version", VERSIONS)
def test_both_bindings_carry_the_same(version):
    plain, other = life(version, False), life(version, True)
    asn1, by_json = Asn1Binding(version), JsonBinding(version)
    assert len(plain.link.seen) == len(other.link.seen)
    names = set()
    pairs = zip(plain.link.seen, plain.link.answered, other.link.seen, other.link.answered)
    for request, answer, json_request, json_answer in pairs:
        read = asn1.read_request(request.path, request.body)
        assert by_json.read_request(json_request.path, json_request.body) == read
        name = m.NAMES[type(read)]
        names.add(name)
        # what goes in as one comes out as the other
        again = by_json.read_request(by_json.path(name), by_json.write_request(read))
        assert again == read
        if name == m.HNT:
            assert (answer.status, json_answer.status) == (204, 204)
            continue
        told = asn1.read_answer(name, answer.body)
        assert by_json.read_answer(name, json_answer.body) == told
        assert by_json.read_answer(name, by_json.write_answer(name, told)) == told
    assert names == {*m.BY_NAME} - {m.TEP}


def test_members_of_json():
    world = life("1.2", True)
    shown = {one.path.rpartition("/")[2]: json.loads(one.body) for one in reversed(world.link.seen)}
    assert shown["getEimPackage"] == {"eidValue": world.eid}
    assert shown["provideEimPackageResult"].keys() == {"eidValue", "eimPackageResult"}
    assert shown["initiateAuthentication"].keys() == {
        "euiccChallenge", "euiccInfo1", "eimTransactionId"}  # fmt: skip
    assert len(base64.b64decode(shown["initiateAuthentication"]["euiccChallenge"])) == 16
    assert shown["authenticateClient"].keys() == {"transactionId", "authenticateServerResponse"}
    transaction = shown["authenticateClient"]["transactionId"]
    assert transaction == transaction.upper()
    told = {
        one.path.rpartition("/")[2]: json.loads(answer.body or b"{}")
        for one, answer in zip(world.link.seen[2:-4], world.link.answered[2:-4])
    }
    assert told["initiateAuthentication"].keys() == {
        "header", "transactionId", "serverSigned1", "serverSignature1", "serverCertificate",
        "euiccCiPKIdentifierToBeUsed", "matchingId", "ctxParams1"}  # fmt: skip
    signature = base64.b64decode(told["initiateAuthentication"]["serverSignature1"])
    assert signature[:3].hex() == "5f3740"
    header = told["authenticateClient"]["header"]["functionExecutionStatus"]
    assert header == {"status": "Executed-Success"}
    last = json.loads(world.link.answered[-1].body)
    assert last["eimPackageError"] == 1


def test_bare_signatures_and_octets_are_accepted_in_json():
    world = life("1.2", True)
    pairs = zip(world.link.seen, world.link.answered)
    (body, *_) = [
        answer.body for one, answer in pairs if one.path.endswith("initiateAuthentication")
    ]
    members = json.loads(body)
    binding = JsonBinding("1.2")
    whole = binding.read_answer(m.IAU, body)
    for name, header in (("serverSignature1", 3), ("euiccCiPKIdentifierToBeUsed", 2)):
        bare = base64.b64decode(members[name])[header:]
        members[name] = base64.b64encode(bare).decode()
    assert binding.read_answer(m.IAU, json.dumps(members).encode()) == whole


@pytest.mark.parametrize("name", [m.IAU, m.ACL, m.GBP, m.CAN])
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18, 50, 51, 52, 56, 95, 127])
def test_an_error_means_the_same_in_json(name, code):
    binding = JsonBinding("1.3")
    told = binding.read_answer(name, binding.write_answer(name, m.Failed(code)))
    known = codes.status(name, code) != codes.status(name, 126)
    assert told == m.Failed(code if known else 127)


def test_each_version_has_its_codes():
    assert codes.told(m.ACL, 18, "1.2") == 127
    assert codes.told(m.ACL, 18, "1.3") == 18
    assert codes.told(m.GBP, 6, "1.2") == 6
    assert codes.told(m.GBP, 6, "1.3") == 127
    assert codes.told(m.GEP, 2, "1.0.1") == 127
    assert codes.told(m.IAU, 127, "1.0.1") == 1


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        (m.GEP, "BF5000"),
        (m.GEP, "BF4F00"),
        (m.GEP, "BF4F06020101020101"),
        (m.PER, "BF4F03020101"),
        (m.IAU, "BF3900"),
        (m.IAU, "BF3902A000"),
        (m.ACL, "BF3B02A100"),
        (m.GBP, "BF3A02A000"),
        (m.GEP, ""),
        (m.GEP, "BF4F"),
    ],
)
def test_what_is_no_answer(name, octets):
    with pytest.raises(NotAsn1):
        Asn1Binding("1.2").read_answer(name, bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("name", "members"),
    [
        (m.GEP, {}),
        (m.GEP, {"eimPackageError": "1"}),
        (m.GEP, {"eimPackageError": -1}),
        (m.GEP, {"euiccPackageRequest": 5}),
        (m.GEP, {"euiccPackageRequest": "??"}),
        (m.IAU, {}),
        (m.IAU, {"serverSigned1": "MAA="}),
        (m.ACL, {}),
        (m.ACL, {"transactionId": "XY"}),
        (m.GBP, {"boundProfilePackage": "MAA="}),
    ],
)
def test_what_is_no_answer_in_json(name, members):
    header = {"functionExecutionStatus": {"status": "Executed-Success"}}
    body = json.dumps({"header": header, **members}).encode()
    with pytest.raises((NotJson, NotAsn1)):
        JsonBinding("1.2").read_answer(name, body)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "message",
    [
        m.Received(),
        m.Failed(1),
        m.EuiccResult(UNSIGNED),
        m.DataResult(bytes.fromhex("BF5202A000")),
    ],
)
def test_injection_in_json(version, message):
    binding = JsonBinding(version)
    assert binding.read_transferred(binding.write_transferred(message)) == message
    package = m.TransferEimPackage(bytes.fromhex("BF5303800105"))
    body = binding.write_request(package)
    assert json.loads(body) == {"eimAcknowledgements": "v1MDgAEF"}
    assert binding.read_transfer("", body) == package
