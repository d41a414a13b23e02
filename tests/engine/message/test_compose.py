"""What the bench says: overlay, signatures made again where they must be, damage after signing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from compose_helpers import EID, KEY, OTHER, SPEC, composer, fields, message, mutations

from dissectors.asn1 import codec
from dissectors.asn1.writer import EncodeError
from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import keys
from sgprobe.crypto.signing import association_token
from sgprobe.engine.message.compose import Composed, names_in, needs_default, with_binding
from sgprobe.engine.message.damage import DamageError
from sgprobe.engine.message.fill import ABSENT, PLACEHOLDER
from sgprobe.exchange import Request, Response
from sgprobe.links.http_side import PacedRequest
from sgprobe.yamlnode import Source

TYPE = "EuiccPackageRequest"
PACKAGE = message("ipa", "euicc", TYPE)
POLL = message("ipa", "eim", "GetEimPackageRequest")
ANSWER = message("eim", "ipa", "GetEimPackageResponse")
ACL = message("ipa", "smdp", "authenticateClient")
GOOD = "11" * 64


def package(signature: str = PLACEHOLDER, counter: int = 5) -> dict[str, Any]:
    """Return a package as a role would make it."""
    return {
        "euiccPackageSigned": {
            "eimId": "eim.test", "eidValue": EID, "counterValue": counter,
            "euiccPackage": {"psmoList": [{"enable": {"iccid": "98103254769810321432"}}]},
        },
        "eimSignature": signature,
    }  # fmt: skip


def compose(text: str | None, base: Any = ABSENT, mutate: str | None = None) -> Composed:
    template = None if text is None else fields(text, PACKAGE)
    damage = () if mutate is None else mutations(mutate, PACKAGE)
    return composer().compose(PACKAGE, template, base, damage)


def verifies(body: bytes, key: Any = KEY) -> bool:
    """Say whether the signature holds: over the signed part and the token of an eIM without one."""
    tree = codec.load(SPEC).tree(TYPE, body)
    signed, signature = tree.octets("euiccPackageSigned"), tree.octets("eimSignature")
    data = signed + association_token(None)
    return keys.verify(key.public_key(), signature[3:], data)


# --- overlay ---


def test_what_a_step_does_not_name_comes_from_the_role() -> None:
    made = compose("euiccPackageSigned.counterValue: 7", package())
    assert made.value["euiccPackageSigned"] == package(counter=7)["euiccPackageSigned"]


def test_the_default_is_not_changed_itself() -> None:
    base = package()
    compose("euiccPackageSigned.counterValue: 7", base)
    assert base == package()


def test_another_alternative_of_a_choice_replaces_the_default() -> None:
    base = {"euiccPackageRequest": package(GOOD)}
    made = composer().compose(ANSWER, fields("eimPackageError: eidNotFound", ANSWER), base, ())
    assert list(made.value) == ["eimPackageError"]
    assert made.body.hex() == "bf4f03020102"


def test_absent_leaves_out() -> None:
    base = {"eidValue": EID, "rPLMN": "62f210"}
    made = composer().compose(POLL, fields("rPLMN: <absent>", POLL), base, ())
    assert made.body.hex() == "bf4f125a10" + EID


def test_a_message_without_default_has_to_be_whole() -> None:
    with pytest.raises(Unresolved, match="has no default"):
        composer().compose(POLL, None, ABSENT, ())
    with pytest.raises(EncodeError):
        composer().compose(ANSWER, fields("euiccPackageRequest.eimSignature: 00", ANSWER), ABSENT,
                           ())  # fmt: skip


# --- signatures ---


def test_a_placeholder_is_signed_and_never_sent() -> None:
    for text in (None, "euiccPackageSigned.counterValue: 7"):
        made = compose(text, package())
        assert verifies(made.body)
        assert bytes(64) not in made.body
        assert made.value["eimSignature"] != PLACEHOLDER


def test_a_finished_signature_stays_where_nothing_it_covers_changed() -> None:
    made = compose("{}", package(GOOD))
    assert made.value["eimSignature"] == GOOD
    made = compose("euiccPackageSigned.counterValue: 5", package(GOOD))
    assert made.value["eimSignature"] == GOOD


def test_a_finished_signature_is_made_again_where_a_covered_part_changed() -> None:
    made = compose("euiccPackageSigned.counterValue: 6", package(GOOD))
    assert verifies(made.body)


def test_a_signature_that_a_step_writes_is_sent_as_written() -> None:
    """A wrong signature is what the step is about: it is not mended."""
    text = f"{{euiccPackageSigned.counterValue: 7, eimSignature: {'22' * 64}}}"
    assert compose(text, package()).value["eimSignature"] == "22" * 64
    assert compose(text, package(GOOD)).value["eimSignature"] == "22" * 64


def test_a_matcher_names_the_key() -> None:
    made = compose("eimSignature: <signature by $keys.stranger>", package())
    assert verifies(made.body, OTHER)
    assert not verifies(made.body)


def test_a_matcher_names_what_is_covered() -> None:
    made = compose("eimSignature: <signature by $keys.eim over euiccPackageSigned>", package())
    tree = codec.load(SPEC).tree(TYPE, made.body)
    assert keys.verify(KEY.public_key(), bytes.fromhex(made.value["eimSignature"]),
                       tree.octets("euiccPackageSigned"))  # fmt: skip


def test_sign_with_takes_another_key() -> None:
    made = compose(None, package(), "{eimSignature: {sign-with: $keys.stranger}}")
    assert verifies(made.body, OTHER)
    assert bytes(64) not in made.body


def test_sign_with_after_damage_signs_what_was_damaged() -> None:
    mutate = ("{euiccPackageSigned.counterValue: {append: 01}, "
              "eimSignature: {sign-with: $keys.eim}}")  # fmt: skip
    made = compose(None, package(), mutate)
    tree = codec.load(SPEC).tree(TYPE, made.body)
    assert tree.octets("euiccPackageSigned.counterValue").hex() == "81020501"
    assert verifies(made.body)


def test_damage_comes_after_signing() -> None:
    made = compose(None, package(), "{eimSignature: {flip-bit: 7}}")
    assert not verifies(made.body)
    good = compose(None, package())
    assert len(good.body) == len(made.body)
    assert (
        compose(None, package(), "euiccPackageSigned: remove").body.hex().startswith("bf51435f37")
    )


def test_nothing_is_signed_with_a_public_key() -> None:
    one = composer()
    one.names.keys["keys.eim"] = KEY.public_key()
    with pytest.raises(Unresolved, match="public key"):
        one.compose(PACKAGE, None, package(), ())


def test_a_key_that_is_not_there_names_the_setting() -> None:
    one = composer()
    del one.names.keys["keys.eim"]
    with pytest.raises(Unresolved, match="bench lacks \\$keys.eim; the product file"):
        one.compose(PACKAGE, None, package(), ())


# --- damage in both bindings ---


def test_damage_of_what_is_not_there_is_told() -> None:
    with pytest.raises(DamageError, match="rPLMN"):
        composer().compose(POLL, None, {"eidValue": EID}, mutations("rPLMN: remove", POLL))


@pytest.mark.parametrize(
    ("mutate", "member", "wanted"),
    [
        ("{transactionId: {flip-bit: 0}}", "transactionId", "8102"),
        ("{transactionId: remove}", "transactionId", None),
        ("{transactionId: {truncate: 1}}", "transactionId", "01"),
    ],
)
def test_damage_of_a_plain_member_of_json(mutate: str, member: str, wanted: str | None) -> None:
    base = {"transactionId": "0102"}
    made = composer().compose(ACL, None, base, mutations(mutate, ACL))
    assert json.loads(made.body).get(member) == wanted


def test_damage_inside_a_member_of_json() -> None:
    """The member stays base64; only the element inside differs."""
    member = "authenticateServerResponse"
    base = {"transactionId": "0102", member: {"authenticateResponseError": {
        "transactionId": "0102", "authenticateErrorCode": 5}}}  # fmt: skip
    path = f"{member}.authenticateResponseError.authenticateErrorCode"
    good = json.loads(composer().compose(ACL, None, base, ()).body)
    bad = json.loads(
        composer().compose(ACL, None, base, mutations(f"{{{path}: {{replace: 7f}}}}", ACL)).body
    )
    assert good["transactionId"] == bad["transactionId"]
    one, other = base64.b64decode(good[member]).hex(), base64.b64decode(bad[member]).hex()
    assert other == one.replace("020105", "02017f")


# --- the binding ---


def test_headers_are_set_replaced_and_left_out() -> None:
    asked = Request("/p", "application/json", b"", (("X-Admin-Protocol", "v2"), ("A", "1")))
    made = with_binding(asked, {"header.x-admin-protocol": ABSENT, "header.b": "2",
                                "header.content-type": "text/plain", "path": "/q"})  # fmt: skip
    assert made == Request("/q", "text/plain", b"", (("A", "1"), ("b", "2")))
    answer = with_binding(Response(200, "text/plain"), {"status": "503"})
    assert answer.status == 503
    with pytest.raises(Unresolved, match="cannot set http path"):
        with_binding(answer, {"path": "/"})


def test_a_body_may_go_out_slowly() -> None:
    made = with_binding(Request("/p", "text/plain", b"ab"), {"pace": "2 s", "header.a": "1"})
    assert made == PacedRequest("/p", "text/plain", b"ab", (("a", "1"),), pace=2.0)
    with pytest.raises(Unresolved, match="is no time"):
        with_binding(made, {"pace": "soon"})
    with pytest.raises(Unresolved, match="cannot set http pace"):
        with_binding(Response(200, "text/plain"), {"pace": "2 s"})


def test_what_the_points_of_an_axis_leave_open_is_left_to_the_role() -> None:
    whole = fields(f"{{euiccPackageSigned: {{eimId: a, eidValue: {EID}, counterValue: 1, "
                   f"euiccPackage.psmoList: []}}, eimSignature: '{GOOD}'}}", PACKAGE)  # fmt: skip
    part = fields(f"{{eimSignature: '{GOOD}'}}", PACKAGE)
    for points, wanted in (({"a": whole}, False), ({"a": whole, "b": part}, True)):
        template = t.ByPoint("axis", points, Source("x.yaml"))
        assert needs_default(PACKAGE, SPEC, template) is wanted
        assert "eimSignature" in names_in(template)


def test_what_is_scrambled_differs_each_time_and_is_drawn_from_the_seed() -> None:
    damage = mutations("{eimSignature: {scramble: 2}}", PACKAGE)
    first, again = composer(), composer()
    made = [first.compose(PACKAGE, None, package(), damage).body for _ in range(3)]
    assert len(set(made)) == 3
    assert made == [again.compose(PACKAGE, None, package(), damage).body for _ in range(3)]
