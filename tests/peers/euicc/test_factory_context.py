"""FF41: the order of its checks, what each refuses, and which keys stay as they were."""

from dataclasses import replace

import pytest
from euicc_bench import make
from factory_bench import (
    FOUR,
    IFPP,
    SET,
    SMALL,
    Device,
    chip,
    content,
    flipped,
    iccid_of,
    need,
    signed_again,
)

from dissectors.asn1.tlv import read_tlv, tlv
from sgprobe.crypto import ifpp, keys
from sgprobe.crypto.identities import PARTIES
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.issuing import Plan, issue
from sgprobe.crypto.profiles import PROFILES
from sgprobe.peers.euicc.config import Config, Limits
from sgprobe.peers.eum.personalisation import Kind

UNTOUCHED = ["unused"] * 4


@pytest.fixture
def device() -> Device:
    return Device()


def test_a_good_context_reserves_its_key_and_no_other(device: Device) -> None:
    assert device.context(device.bind(key=1).context) is False
    assert device.states() == ["unused", "reserved", "unused", "unused"]


def test_the_same_context_again_is_resumed(device: Device) -> None:
    bound = device.bind()
    assert device.context(bound.context) is False
    assert device.context(bound.context) is True
    device.euicc.reset()
    assert device.context(bound.context) is True
    assert device.load(bound) == "ok"


def test_a_reserved_key_is_for_its_package(device: Device) -> None:
    bound = device.bind()
    assert device.context(bound.context) is False
    assert device.context(device.bind(2).context) == "otkReservedForOther"
    # the same transaction with another package is another package
    other = device.bind(2, transaction=bound.transaction)
    assert device.context(other.context) == "otkReservedForOther"
    assert device.load(bound) == "ok"


def test_every_field_wrong_in_turn(device: Device) -> None:
    bound = device.bind()
    for members, code in (
        ({"bindingVersion": 1}, "malformed"),
        ({"eid": chip(2).eid}, "eidMismatch"),
        ({"suite": "h1"}, "unsupportedSuite"),
        ({"suite": 9}, "unsupportedSuite"),
        ({"keyRef": "00" * 8}, "unknownKeyRef"),
        ({"ciPkId": "00" * 20}, "certificateNotTrusted"),
        ({"smdpfOid": "2.999.11"}, "invalidCertificate"),
        ({"kemCiphertext": "00" * 1088}, "kemCiphertextInvalid"),
        ({"bppLength": 1 << 24}, "insufficientMemory"),
    ):
        assert device.context(signed_again(bound, **members)) == code, members
    assert device.states() == UNTOUCHED
    assert device.state()["stateCounter"] == 0


@pytest.mark.parametrize(
    "members", [{"transactionId": ""}, {"transactionId": "00" * 17}, {"bf23Digest": "00" * 31},
                {"bppDigest": "00" * 33}, {"eid": "00" * 15}, {"iccid": "00" * 9}],
    ids=str,
)  # fmt: skip
def test_a_field_of_another_size_is_malformed(device: Device, members: dict[str, str]) -> None:
    bound = device.bind()
    ((name, octets),) = members.items()
    value = IFPP.decode("IfppLoadContextRequest", bound.context).value
    whole = IFPP.encode("IfppLoadContextRequest", value)
    old = bytes.fromhex(value["tbs"][name])
    at = whole.index(old)
    # the length octet stands before the contents, in the element, in tbs and in the message
    spoilt = rewritten(whole, at, len(old), bytes.fromhex(octets))
    assert device.context(spoilt) == "malformed"


def rewritten(whole: bytes, at: int, size: int, octets: bytes) -> bytes:
    """Replace one member of tbs, every length above it made right."""
    outer = read_tlv(whole)
    tbs = read_tlv(whole, outer.body, outer.end)
    tag = whole[at - 2 : at - 1]
    before, after = whole[tbs.body : at - 2], whole[at + size : tbs.end]
    return tlv(outer.tag, tlv(tbs.tag, before, tlv(tag, octets), after), whole[tbs.end : outer.end])


def test_a_member_that_nobody_knows_is_passed_over(device: Device) -> None:
    bound, dpf = device.bind(), binder(SET)
    outer = read_tlv(bound.context)
    tbs = read_tlv(bound.context, outer.body, outer.end)
    more = bound.context[tbs.body : tbs.end] + bytes.fromhex("9f6301aa")
    signature = tlv("81", keys.sign(dpf.key, tlv("30", more)))
    shown = tlv("A3", *(tlv("04", one) for one in dpf.certificates))
    assert device.context(tlv("FF41", tlv("A0", more), signature, shown)) is False


def test_what_is_no_context_is_malformed(device: Device) -> None:
    for octets in ("FF4100", "FF410430028000", "FF4102A000"):
        assert device.context(bytes.fromhex(octets)) == "malformed"
    assert device.sw("FF4105A0") == 0x6A80


def test_the_first_check_that_fails_decides(device: Device) -> None:
    wrong = {
        "bindingVersion": 1, "eid": chip(2).eid, "suite": 9, "keyRef": "00" * 8,
        "ciPkId": "00" * 20, "smdpfOid": "2.999.11", "kemCiphertext": "00", "bppLength": 1 << 24,
    }  # fmt: skip
    bound, codes = device.bind(), []
    while wrong:
        codes.append(device.context(signed_again(bound, **wrong)))
        wrong.pop(next(iter(wrong)))
    assert codes == [
        "malformed", "eidMismatch", "unsupportedSuite", "unknownKeyRef", "certificateNotTrusted",
        "invalidCertificate", "kemCiphertextInvalid", "insufficientMemory",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("unknown-ci", "certificateNotTrusted"),
        ("self-signed", "certificateNotTrusted"),
        ("wrong-signature", "invalidCertificate"),
        ("wrong-role", "invalidCertificate"),
        ("wrong-key-usage", "invalidCertificate"),
        ("wrong-curve", "invalidCertificate"),
        ("unknown-critical-extension", "invalidCertificate"),
        # an eUICC has no clock
        ("expired", False),
    ],
)
def test_certificates_of_the_sm_dpf(device: Device, fault: str, code: object) -> None:
    assert device.context(device.bind(dpf=binder(SET, fault=fault)).context) == code
    assert (device.states() == UNTOUCHED) == (code is not False)


@pytest.mark.parametrize("name", ["dpauth", "dptls", "dsauth"])
def test_a_certificate_of_another_role_binds_nothing(device: Device, name: str) -> None:
    assert device.context(device.bind(dpf=binder(SET, name)).context) == "invalidCertificate"


def test_a_revoked_certificate_is_refused_where_the_crl_was_loaded() -> None:
    revoked = binder(SET, fault="revoked")
    with_crl = chip(3, Kind(crls=(SET.crl().der,)))
    assert Device(with_crl).context(Device(with_crl).bind(dpf=revoked).context) == (
        "certificateRevoked"
    )
    assert Device().context(Device().bind(dpf=revoked).context) is False
    assert Device(with_crl).load(Device(with_crl).bind()) == "ok"


def below_sub_ca(issuer: str) -> ifpp.Binder:
    """An SM-DPf whose CERT.DPpb is not the CI's own, with the whole path along."""
    beside, above = SET["dppb"], SET[issuer]
    profile = PROFILES["dppb"]
    leaf = issue(
        Plan(
            subject=PARTIES["dppb"].subject,
            issuer=PARTIES[issuer].subject,
            public=beside.key.public_key(),
            signer=above.key,
            serial=4711,
            not_before=beside.certificate.not_before,
            not_after=beside.certificate.not_after,
            key_usage=profile.key_usage,
            policy=profile.policy,
            rid=PARTIES["dppb"].rid,
        )
    )
    path = (leaf, *(one.der for one in above.path))
    return replace(binder(SET), certificates=path)


def test_a_path_with_a_ca_between(device: Device) -> None:
    good = below_sub_ca("sub-ca")
    assert len(good.certificates) == 2
    alone = replace(good, certificates=good.certificates[:1])
    assert device.context(device.bind(dpf=alone).context) == "certificateNotTrusted"
    for issuer in ("deep-ca", "flagless-ca"):
        bad = below_sub_ca(issuer)
        assert device.context(device.bind(dpf=bad).context) == "invalidCertificate"
    assert device.load(device.bind(dpf=good)) == "ok"


def test_no_certificate_or_none_that_can_be_read(device: Device) -> None:
    for shown in ((), (b"\x30\x00",)):
        dpf = replace(binder(SET), certificates=shown)
        assert device.context(device.bind(dpf=dpf).context) == "invalidCertificate"


def test_an_sm_dpf_that_is_not_let_in() -> None:
    made = chip(4, Kind(keys=(Suite.C1,) * 2, allowed=("2.999.12",)))
    device = Device(made)
    assert device.context(device.bind().context) == "smdpfNotAllowed"
    assert device.load(device.bind(dpf=binder(SET, "dp2pb"))) == "ok"


def test_a_signature_that_does_not_fit(device: Device) -> None:
    bound = device.bind()
    value = IFPP.decode("IfppLoadContextRequest", bound.context).value
    at = bound.context.index(bytes.fromhex(value["signature"]))
    assert device.context(flipped(bound.context, at + 10)) == "invalidSignature"
    # somebody else's signature, with the right certificate
    thief = replace(binder(SET), key=SET["dp2pb"].key)
    assert device.context(device.bind(dpf=thief).context) == "invalidSignature"


def test_a_key_reference_that_was_swapped_uses_no_key_up(device: Device) -> None:
    bound = device.bind(key=0)
    ref = device.chip.one_time_keys[1].ref.hex()
    swapped = bound.context.replace(bound.public.ref, bytes.fromhex(ref))
    assert device.context(swapped) == "invalidSignature"
    assert device.states() == UNTOUCHED
    # even where the SM-DPf itself signs it: BF23 was made for the other key
    assert device.context(signed_again(bound, keyRef=ref)) is False
    assert device.push(bound.package) == ("initialiseSecureChannel", "invalidSignature")
    assert device.states() == ["unused", "reserved", "unused", "unused"]
    assert device.load(bound) == "ok"


def test_an_iccid_that_is_there(device: Device) -> None:
    assert device.load(device.bind(1, key=0)) == "ok"
    assert device.context(device.bind(1, key=1).context) == "iccidExists"
    assert device.states() == ["consumed", "unused", "unused", "unused"]


def test_a_package_for_another_eid_is_refused(device: Device) -> None:
    assert device.context(Device(chip(2)).bind().context) == "eidMismatch"


def test_room_for_results() -> None:
    made = chip(5, Kind(keys=(Suite.C1,) * 3, results=2))
    device = Device(made)
    assert [device.load(device.bind(at, key=at)) for at in range(2)] == ["ok", "ok"]
    assert device.context(device.bind(2, key=2).context) == "resultStoreFull"
    assert device.results() == ["ok", "ok"]
    assert device.states() == ["consumed", "consumed", "unused"]


def test_little_memory() -> None:
    config = Config(limits=Limits(memory=8_000))
    device = Device(chip(6, Kind(config=config, keys=(Suite.C1,) * 2)))
    large = replace(SMALL, name="20k", size=20_000)
    bound = device.bind(content=content(1, large))
    assert device.context(bound.context) == "insufficientMemory"
    # a context that says too little is found out by the package
    assert device.context(signed_again(bound, bppLength=10)) is False
    where, why = device.push(bound.package)
    assert where == "loadProfileElements"
    assert why == "installFailedDueToInsufficientMemoryForProfile"
    assert device.states() == ["reserved", "unused"]
    assert device.load(device.bind(2, key=1)) == "ok"


# --- hybrid suites ---


@pytest.mark.parametrize("suite", [Suite.H1, Suite.H1S])
def test_a_hybrid_package_loads(suite: Suite) -> None:
    made = chip(7, Kind(keys=(suite,)))
    dpf = binder(SET, with_quantum=True)
    device = Device(made)
    bound = device.bind(dpf=dpf)
    assert device.load(bound) == "ok"
    assert device.iccids() == [iccid_of(1)]
    tbs = IFPP.decode("IfppLoadContextRequest", bound.context).value["tbs"]
    assert len(tbs["kemCiphertext"]) == 2 * 1088


def hybrid(suite: Suite = Suite.H1) -> Device:
    need(suite)
    return Device(chip(8, Kind(keys=(suite, suite), suites=tuple(Suite))))


def test_a_ciphertext_of_another_length() -> None:
    device = hybrid()
    bound = device.bind()
    for octets in (None, "00" * 1087, "00" * 1089):
        assert device.context(signed_again(bound, kemCiphertext=octets)) == "kemCiphertextInvalid"
    assert device.states() == ["unused", "unused"]


def test_another_ciphertext_is_found_by_the_first_mac() -> None:
    device = hybrid()
    bound = device.bind()
    tbs = IFPP.decode("IfppLoadContextRequest", bound.context).value["tbs"]
    spoilt = flipped(bytes.fromhex(tbs["kemCiphertext"])).hex()
    unsigned = bound.context.replace(bytes.fromhex(tbs["kemCiphertext"]), bytes.fromhex(spoilt))
    assert device.context(unsigned) == "invalidSignature"
    assert device.context(signed_again(bound, kemCiphertext=spoilt)) is False
    assert device.push(bound.package) == ("configureISDP", "scp03tSecurityError")


def test_no_downgrade() -> None:
    device = hybrid()
    public = replace(device.chip.one_time_keys[0].public, suite=Suite.C1, kem=b"")
    assert device.context(device.bind(public=public).context) == "unsupportedSuite"
    # and h1 does not pass for h1s
    device = hybrid(Suite.H1S)
    public = replace(device.chip.one_time_keys[0].public, suite=Suite.H1)
    assert device.context(device.bind(public=public).context) == "unsupportedSuite"


def test_both_signatures_of_h1s_are_needed() -> None:
    device = hybrid(Suite.H1S)
    dpf = binder(SET, with_quantum=True)
    bound = device.bind(dpf=dpf)
    value = IFPP.decode("IfppLoadContextRequest", bound.context).value
    for name in ("signature", "pqSignature"):
        at = bound.context.index(bytes.fromhex(value[name]))
        assert device.context(flipped(bound.context, at + 40)) == "invalidSignature"
    del value["pqSignature"]
    assert device.context(IFPP.encode("IfppLoadContextRequest", value)) == "invalidSignature"
    # an ML-DSA key of another SM-DPf
    other = binder(SET, "dp2pb", with_quantum=True)
    mixed = replace(
        dpf, quantum=other.quantum, certificates=(dpf.certificates[0], other.certificates[-1])
    )
    assert device.context(device.bind(dpf=mixed).context) == "invalidSignature"
    assert device.states() == ["unused", "unused"]
    assert device.load(bound) == "ok"


def test_an_euicc_without_ifpp_knows_none_of_it() -> None:
    for tag in range(0x40, 0x4B):
        device = Device(chip(1, FOUR))
        device.euicc = make()
        assert device.sw(bytes([0xFF, tag, 0])) == 0x6A88
