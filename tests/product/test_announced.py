"""Section S: what the simulated roles themselves announce is compared with answers."""

from __future__ import annotations

import random

import pytest

from dissectors.asn1 import codec
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.peers.eim.config import association
from sgprobe.peers.eim.config import setup as eim_setup
from sgprobe.peers.euicc.build import build
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.ipa.config import COMPACT, DIRECT, RETRIEVE_COAPS, RETRIEVE_HTTPS
from sgprobe.peers.ipa.config import Config as IpaConfig
from sgprobe.product.announced import (
    BRAINPOOL,
    COAP,
    EIM,
    EUICC,
    HTTPS,
    IPA,
    NIST,
    SMDP,
    Facts,
    compare,
    differences,
    places,
)
from sgprobe.product.answers import values_of
from sgprobe.product.references import load_references

PKI = TestPki.load()


@pytest.fixture(scope="module")
def references(catalogue):
    found = load_references(data_dir("suites") / "ics" / "reference", catalogue)
    return {role: values_of(answers) for role, answers in found.items()}


def info2(version: str = "1.2", **how):
    card = build(PKI, EuiccConfig(version=version, **how), entropy=random.Random(1))
    answer = card.command(bytes.fromhex("BF2200"), 0.0)
    return codec.load(f"SGP.32@{version}").decode("EUICCInfo2", answer).value


def names(found) -> list[tuple[str, str, str]]:
    return [(one.name, one.declared, one.announced) for one in found]


def test_the_reference_euicc_agrees(references) -> None:
    facts = Facts(euicc_info2=info2(), curves=frozenset({NIST, BRAINPOOL}))
    assert compare("euicc", facts, references["euicc"]) == []


def test_an_euicc_that_announces_less(references) -> None:
    facts = Facts(euicc_info2=info2(ecall=False, fallback=False), curves=frozenset({NIST}))
    found = compare("euicc", facts, references["euicc"])
    assert names(found) == [
        ("EU_ECALL", "yes", "no"),
        ("EU_FALLBACK", "yes", "no"),
        ("EU_BRP", "yes", "no"),
    ]
    assert {one.id for one in found} == {EUICC}
    assert not any(one.warning for one in found)


def test_an_euicc_with_an_ipa_in_use(references) -> None:
    facts = Facts(euicc_info2={**info2(), "ipaMode": "ipae"})
    assert names(compare("euicc", facts, references["euicc"])) == [("EU_IPAE", "no", "yes")]


def test_the_first_version_has_no_place_to_say_it(references) -> None:
    facts = Facts(euicc_info2=info2("1.0.1", ecall=False), version="1.0.1")
    assert compare("euicc", facts, references["euicc"]) == []


def test_the_sas_number_is_compared(references) -> None:
    facts = Facts(euicc_info2=info2())
    assert compare("euicc", facts, references["euicc"], {"sas-number": "SG-PR-0000"}) == []
    (found,) = compare("euicc", facts, references["euicc"], {"sas-number": "AA-BB-0000"})
    assert (found.name, found.announced) == ("sas-number", "SG-PR-0000")


def test_the_reference_ipa(references) -> None:
    told = Facts(ipa_capabilities=IpaConfig().capabilities, bindings=frozenset({HTTPS}))
    # by default it announces HTTPS alone, and it can do CoAP
    assert names(compare("ipa", told, references["ipa"])) == [("IPA_COAPS", "yes", "no")]


def test_an_ipa_that_announces_something_else(references) -> None:
    config = IpaConfig(
        features=frozenset({DIRECT, COMPACT}),
        protocols=frozenset({RETRIEVE_HTTPS, RETRIEVE_COAPS}),
    )
    found = compare("ipa", Facts(ipa_capabilities=config.capabilities), references["ipa"])
    assert names(found) == [
        ("IPA_INDIRECT", "yes", "no"),
        ("IPA_COMPACT", "no", "yes"),
        ("IPA_INJECT", "yes", "no"),
    ]
    assert {one.id for one in found} == {IPA}
    assert str(found[0]) == f"{IPA} IPA_INDIRECT: the ICS says yes; ipaFeatures bit 1: no"


def test_an_ipa_that_uses_what_it_denies() -> None:
    facts = Facts(bindings=frozenset({COAP}))
    assert names(compare("ipa", facts, {"IPA_COAPS": False, "IPA_HTTPS": True})) == [
        ("IPA_COAPS", "no", "yes")
    ]


def test_the_reference_eim(references) -> None:
    made = association(eim_setup(PKI), protocols=range(4), indirect=True)
    facts = Facts(eim_configuration=made, bindings=frozenset({HTTPS, COAP}))
    assert compare("eim", facts, references["eim"]) == []


def test_an_eim_that_announces_something_else(references) -> None:
    made = {**association(eim_setup(PKI), indirect=True), "eimIdType": "eimIdTypeOid"}
    facts = Facts(eim_configuration=made, bindings=frozenset({HTTPS}))
    found = compare("eim", facts, {**references["eim"], "EIM_INDIRECT": False})
    assert names(found) == [
        ("EIM_COAPS", "yes", "no"),
        ("EIM_INJECT", "yes", "no"),
        ("EIM_INDIRECT", "no", "yes"),
        ("EIM_ID_TYPE", "fqdn", "oid"),
        ("EIM_COAPS", "yes", "no"),
    ]
    assert {one.id for one in found} == {EIM}
    # that nobody answers may be the network's fault
    assert [one.warning for one in found] == [False, False, False, False, True]


def test_curves_of_an_smdp(references) -> None:
    facts = Facts(curves=frozenset({NIST}))
    (found,) = compare("smdp", facts, references["smdp"])
    assert (found.id, found.name) == (SMDP, "DP_BRP")
    assert compare("smdp", Facts(curves=frozenset({NIST, BRAINPOOL})), references["smdp"]) == []


def test_tls_is_a_warning() -> None:
    facts = Facts(
        tls_versions=frozenset({"1.2", "1.3"}),
        tls_suites=frozenset({"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"}),
    )
    found = compare("smdp", facts, {}, {"tls-version": "1.2", "cbc-suites": "no"})
    assert names(found) == [("tls-version", "1.2", "1.3"), ("cbc-suites", "no", "yes")]
    assert all(one.warning for one in found)
    assert compare("smdp", facts, {}, {"tls-version": "1.3", "cbc-suites": "yes"}) == []


def test_nothing_seen_or_answered_is_nothing_to_compare(references) -> None:
    assert compare("smdp", Facts(), {}, {"tls-version": "1.2", "cbc-suites": "yes"}) == []
    for role in ("ipa", "euicc", "eim", "smdp", "smds"):
        assert compare(role, Facts(), references.get(role, {})) == []
    facts = Facts(euicc_info2=info2(), curves=frozenset())
    assert compare("euicc", facts, {}) == []


def test_what_an_euicc_leaves_out_is_not_compared(references) -> None:
    told = {name: one for name, one in info2().items() if name not in ("rspCapability", "ipaMode")}
    assert compare("euicc", Facts(euicc_info2=told), references["euicc"]) == []
    without_crl = {**info2(), "rspCapability": {"value": "80", "length": 1}}
    found = compare("euicc", Facts(euicc_info2=without_crl), references["euicc"])
    assert names(found) == [("EU_CRL", "yes", "no")]


def test_bits() -> None:
    assert places({"value": "c0", "length": 2}) == {0, 1}
    assert places({"value": "0480", "length": 9}) == {5, 8}
    assert places({"value": "ff", "length": 3}) == {0, 1, 2}
    assert places({"value": "", "length": 9}) == set()


def test_a_type_that_announces_is_compared_by_its_name(references) -> None:
    told = info2()
    assert differences("EUICCInfo2", told, references["euicc"], {}, "1.2") == []
    less = {**told, "iotSpecificInfo": {"iotVersion": told["iotSpecificInfo"]["iotVersion"]}}
    assert differences("EUICCInfo2", less, references["euicc"], {}, "1.2") == [
        "EU_ECALL: the ICS says yes; ecallSupported: no",
        "EU_FALLBACK: the ICS says yes; fallbackSupported: no",
    ]
    assert differences("EUICCInfo2", less, {}, {}, "1.2") == []
