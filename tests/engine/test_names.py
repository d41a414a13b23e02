"""Names and the matchers that need keys or history, with whatever a product sends for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from compose_helpers import EID, SPEC, message, names
from hypothesis import given
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import parse_spec
from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved
from sgprobe.cases.model import Point
from sgprobe.cases.variants import Variant
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.heard import Heard
from sgprobe.engine.names import plain
from sgprobe.yamlfile import read
from sgprobe.yamlnode import Source

HERE = Source("test.yaml", 1, 1, 1, 1)
SET = TestPki.load()["p256"]
POLL = message("ipa", "eim", "GetEimPackageRequest")


def heard(octets: bytes, value: Any, sender: str = "ipa", type_: str = POLL.type_name) -> Heard:
    return Heard(1, 0.0, sender, "eim", POLL.function, True, False, type_, SPEC, value, octets,
                 "https")  # fmt: skip


def matcher(word: str, reference: str) -> t.Matcher:
    return t.Matcher(word, f"<{word} {reference}>", HERE, parts=(t.Ref(reference, HERE),))


# --- values ---


def test_captures_go_before_facts() -> None:
    one = names()
    assert one.value("eid") == EID
    one.history.captured["eid"] = "00"
    assert one.value("eid") == "00"


def test_a_part_of_a_capture() -> None:
    one = names()
    one.history.captured["all"] = {"a": {"b": 5}}
    assert one.value("all.a.b") == 5
    for name in ("all.a.c", "all.a.b.c", "all.x"):
        with pytest.raises(Unresolved, match="is not there"):
            one.value(name)


def test_what_nobody_knows() -> None:
    with pytest.raises(Unresolved, match="\\$nobody is not known here"):
        names().value("nobody")
    with pytest.raises(Unresolved, match="has no point"):
        names().point("curve")


def test_a_point_of_an_axis_and_its_parts() -> None:
    one = names()
    node = read("{drop: [2], toward: eim}", "axis.yaml")
    one.variant = Variant("eim", (("loss", Point("second lost", "second-lost", node)),))
    assert one.value("loss") == {"drop": ["2"], "toward": "eim"}
    assert one.value("loss.drop") == ["2"]
    assert one.point("loss") == "second lost"
    with pytest.raises(Unresolved, match="not there in this variant"):
        one.value("loss.delay")
    assert plain(node) == one.value("loss")


def test_what_is_drawn_is_drawn_from_the_seed() -> None:
    assert names().octets(16) == names().octets(16)
    one = names()
    assert one.octets(16) != one.octets(16)


def test_spare_keys_are_made_when_they_are_asked_for() -> None:
    one = names()
    one.spare_keys["keys.more"] = lambda: SET["euicc"].key
    assert one.key("keys.more") is SET["euicc"].key
    with pytest.raises(Unresolved, match="product file may give it under `keys`"):
        one.key("keys.nobody")


# --- built, seen ---


def test_built_looks_at_what_the_role_said() -> None:
    one = names()
    one.history.said.append(heard(b"", {"a": [{"b": "01"}]}, sender="euicc"))
    assert one.judge(matcher("built", "euicc"), {"b": "01"}, "x").good
    assert one.judge(matcher("built", "euicc"), {"b": "02"}, "x").hint == (
        "the simulated euicc made no such value"
    )
    assert not one.judge(matcher("built", "smdp"), {"b": "01"}, "x").good


def test_seen_does_not_look_at_the_message_itself() -> None:
    one = names()
    one.current = heard(b"", {"a": "01"})
    one.history.said.append(one.current)
    seen = t.Matcher("seen", "<seen before>", HERE)
    assert not one.judge(seen, "01", "a").good
    one.history.said.insert(0, replace(one.current, n=0))
    assert one.judge(seen, "01", "a").good


def test_a_signature_needs_a_message() -> None:
    with pytest.raises(Unresolved, match="no message"):
        names().judge(matcher("signature", "keys.eim"), "00", "eimSignature")


# --- certificates ---


def judged(value: Any, path: str = "euiccCertificate", current: Heard | None = None) -> Any:
    one = names(**{"certs.ci": SET.ci.der.hex()})
    one.current = current
    return one.judge(matcher("certificate", "certs.ci"), value, path)


def with_eum(eum: bytes) -> Heard:
    """Return an answer of an eUICC with a certificate of its manufacturer."""
    spec = parse_spec("SGP.22@2.5")
    member = tlv("30", b"\x80\x01\x00")
    octets = tlv("BF38", tlv("A0", member + tlv("5F37", bytes(64)) +
                                   SET["euicc"].certificate.der + eum))  # fmt: skip
    return replace(heard(octets, {}), type="AuthenticateServerResponse", spec=spec)


PATH = "authenticateResponseOk.euiccCertificate"


def test_a_chain_is_judged_with_the_certificate_beside() -> None:
    own = SET["euicc"].certificate.der.hex()
    for path in ("eimCertificate", "someCertificate"):
        assert judged(SET["eim-sign"].certificate.der.hex(), path).good
    assert judged(SET["dpauth"].certificate.der.hex(), "someCertificate").good
    assert not judged(SET["dpauth"].certificate.der.hex(), "smdpCertificate").good
    assert not judged(own, PATH).good
    assert judged(own, PATH, with_eum(SET["euicc"].intermediates[0].der)).good
    stranger = TestPki.load()["brainpool"]["euicc"].certificate.der.hex()
    assert not judged(stranger, PATH).good


@given(st.binary(max_size=60))
def test_any_certificate_is_judged(octets: bytes) -> None:
    assert not judged(octets.hex()).good
    own = SET["euicc"].certificate.der.hex()
    assert not judged(own, PATH, with_eum(tlv("30", octets))).good


@pytest.mark.parametrize("value", [None, 5, {}, [], "xyz", "00" * 5000, True])
def test_what_is_no_certificate(value: Any) -> None:
    found = judged(value)
    assert not found.good
    assert len(found.hint) <= 200


def test_the_type_is_there() -> None:
    """The message of `with_eum` is one that its type reads."""
    octets = with_eum(SET["euicc"].intermediates[0].der).octets
    loaded = codec.load(parse_spec("SGP.22@2.5"))
    tree = loaded.tree("AuthenticateServerResponse", octets)
    assert tree.octets("authenticateResponseOk.eumCertificate") == (
        SET["euicc"].intermediates[0].der
    )
