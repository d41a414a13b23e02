"""Redaction: nothing that is to be hidden is left, in any form, in any place."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from capture_bodies import EID, b64, body, golden, json_packages, parts, tlv
from capture_http import JSON, Ask
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_captures import arguments, index
from trace_bench import PACKAGE, over_coap, over_http, poll

from dissectors.asn1 import codec
from dissectors.finding import Finding, Severity
from dissectors.link.coap.transfers import CoapTransfer
from dissectors.link.http import HttpMessage
from dissectors.trace.message import Message
from dissectors.trace.redact import KINDS, Veil, redactor
from dissectors.trace.render import FORMS
from sgprobe.cli import run

ALL = frozenset(KINDS)
HIDDEN = frozenset().union(*KINDS.values())
ICCID, ICCID_OCTETS = "89014103211118510720", "98101430121181157002"
FORMAT_NAMES = sorted(FORMS)


def message(value: Any, **more: Any) -> Message:
    base = Message((1,), 0.0, "a:1", "b:2", "http", "ESipa", "X", "request", "x", (), None, value,
                   b"octets")  # fmt: skip
    return dataclasses.replace(base, **more)


def veiled(value: Any, *kinds: str, **more: Any) -> Any:
    return Veil(frozenset(kinds or ALL))(message(value, **more)).value


# --- what stays and what goes ---


def test_no_kinds_change_nothing() -> None:
    whole = over_http(poll()).messages[1]
    assert redactor(frozenset())(whole) is whole
    assert Veil(frozenset()).text(EID) == EID


def test_members_are_hidden_by_name_and_kind() -> None:
    value = {"iccid": ICCID_OCTETS, "eidValue": EID, "matchingId": "AB-CD", "eimId": "eim"}
    assert veiled(value, "iccid") == value | {"iccid": "0" * 20}
    assert veiled(value, "eid") == value | {"eidValue": "0" * 32}
    assert veiled(value, "keys") == value | {"matchingId": "00000"}
    assert veiled(value)["eimId"] == "eim"


def test_the_shape_of_a_hidden_member_stays() -> None:
    certificate = {"tbs": {"serial": 77, "flag": True, "none": None}, "list": ["ab", 3]}
    hidden = veiled({"euiccCertificate": certificate}, "eid")["euiccCertificate"]
    assert hidden == {"tbs": {"serial": 0, "flag": True, "none": None}, "list": ["00", 0]}


@pytest.mark.parametrize(
    "text",
    [
        EID,
        ICCID,
        f"EID {EID}, ICCID {ICCID}.",
        ICCID_OCTETS,
        EID.encode().hex(),
        ICCID.encode().hex(),
        "30820112" + EID + "aabb",
        "3012" + ICCID_OCTETS + "0102",
        "989400000000000000f5" + "00" * 4,
        b64(bytes.fromhex("5a10" + EID)),
        b64(b"\x30\x80" + EID.encode() + b"\x00"),
        b64(bytes.fromhex("5a0a" + ICCID_OCTETS)),
    ],
)
def test_identities_are_found_wherever_they_stand(text: str) -> None:
    for value in (text, {"any": text}, {"a": [{"b": [text]}]}, {text: 1}):
        shown = json.dumps(veiled(value, "eid", "iccid"))
        for secret in (EID, ICCID, ICCID_OCTETS, text):
            assert secret not in shown


def test_other_numbers_stay() -> None:
    value = {
        "counter": "8" * 40,
        "hex": "ab" * 32,
        "time": "20261121051600Z",
        "version": "89.1",
        "text": "call 8901 now",
        "b64": b64(bytes(range(64))),
    }
    assert veiled(value) == value


def test_bytes_are_made_of_what_is_shown() -> None:
    whole = over_http(poll()).messages[1]
    hidden = Veil(ALL)(whole)
    assert hidden.octets
    again = codec.load("SGP.32@1.2").decode("GetEimPackageResponse", hidden.octets)
    assert again.value == hidden.value
    assert again.findings == ()
    assert len(hidden.octets) == len(PACKAGE)


def test_bytes_are_left_out_where_they_cannot_be_made() -> None:
    asked = over_http(Ask("x", body("esipa-download/016"), b"")).messages[0]
    assert Veil(frozenset({"eid"}))(asked).octets == b""  # a certificate of zeros is none
    name, question, answer = json_packages()[0]
    rows = over_http(Ask("x", question, answer, path=f"/gsma/rsp2/esipa/{name}", media=JSON))
    for whole in rows.messages:
        assert Veil(ALL)(whole).octets == b""
    cut = over_http(Ask("x", poll().request, PACKAGE[:-3])).messages[1]
    assert Veil(frozenset({"keys"}))(cut).octets == b""


def test_what_no_version_knows_is_hidden() -> None:
    extended = tlv("BF4F", tlv("5A", bytes.fromhex(EID)), tlv("85", b"secret-key"))
    whole = over_http(Ask("x", extended, b"")).messages[0]
    assert b"secret-key".hex() in json.dumps(whole.value)
    for kind in KINDS:
        shown = json.dumps(Veil(frozenset({kind}))(whole).as_dict())
        assert b"secret-key".hex() not in shown


def test_octets_of_a_malformed_message_are_hidden() -> None:
    problem = Finding("x", Severity.ERROR, "", 0, "")
    value = {"a": "0123456789abcdef01", "b": "short", "c": "0123"}
    assert veiled(value, "keys", problems=(problem,)) == value | {"a": "0" * 18}
    assert veiled(value, "keys") == value


def test_members_that_did_not_open_are_hidden() -> None:
    spoiled = b64(parts(body("es9plus/004"), 0)[1][2][:900])
    for text in (spoiled, "###" + spoiled):
        question = json.dumps({"authenticateServerResponse": text}).encode()
        ask = Ask("x", question, b"", path="/gsma/rsp2/es9plus/authenticateClient", media=JSON)
        whole = over_http(ask).messages[0]
        assert whole.malformed
        shown = Veil(ALL)(whole).as_json()
        assert text not in shown
        assert EID not in shown


# --- beside the value ---


def test_problems_are_veiled() -> None:
    problem = Finding("x", Severity.WARNING, f"a.{EID}", 0, f"{ICCID}, AB-CD-EF, {EID}")
    hidden = Veil(ALL)(message({"matchingId": "AB-CD-EF"}, problems=(problem,)))
    assert hidden.problems[0].path == "a." + "0" * 32
    assert hidden.problems[0].text == f"{'0' * 20}, {'0' * 8}, {'0' * 32}"


def test_paths_of_http_are_veiled() -> None:
    whole = over_http(poll(path=f"/devices/{EID}/esipa?iccid={ICCID}")).messages[0]
    assert EID in whole.problems[0].text
    hidden = Veil(ALL)(whole)
    for shown in (hidden.as_json(), repr(hidden.carrier)):
        assert EID not in shown
        assert ICCID not in shown


def test_carriers_keep_only_what_forms_show() -> None:
    whole = over_http(poll(headers={"Authorization": "Bearer secret"})).messages[1]
    hidden = Veil(frozenset({"keys"}))(whole)
    assert isinstance(hidden.carrier, HttpMessage)
    assert (hidden.carrier.head.status, hidden.carrier.body, hidden.carrier.request) == (
        200,
        b"",
        None,
    )
    assert hidden.carrier.head.headers == ()
    whole = over_coap(poll()).messages[0]
    hidden = Veil(ALL)(whole)
    assert isinstance(hidden.carrier, CoapTransfer)
    assert (hidden.carrier.body, hidden.carrier.options) == (b"", ())
    assert hidden.carrier.number == whole.carrier.number  # type: ignore[union-attr]


def test_what_was_hidden_once_is_hidden_in_texts_after_it() -> None:
    veil = Veil(ALL)
    veil(message({"matchingId": "QX-77-LONG", "iccid": ICCID_OCTETS}))
    assert veil.text("query QX-77-LONG") == "query " + "0" * 10
    assert veil.text(ICCID_OCTETS.upper()) == "0" * 20
    assert veil.text(ICCID) == "0" * 20
    assert veil.text("status 200") == "status 200"
    for n in range(5000):
        veil(message({"matchingId": f"M-{n:06d}"}))
    assert veil.text("M-004999") == "0" * 8  # the newest are remembered, in bounded number
    assert len(veil._secrets) <= 3000


# --- every form, every capture ---


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            if name in HIDDEN:
                yield from _texts(below)
            else:
                yield from _secrets(below)
    elif isinstance(value, list):
        for one in value:
            yield from _secrets(one)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= 8 and value.strip("0"):
        yield value
        if len(value) in (20, 32) and set(value) <= set("0123456789f"):
            octets = bytes.fromhex(value)
            yield "".join(value[n + 1] + value[n] for n in range(0, len(value), 2)).rstrip("f")
            yield base64.b64encode(octets).decode()[1:-4]
            yield value.encode().hex()
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            # of a certificate only what tells who it is: its names are those of every EUM
            if (isinstance(one, str) and len(one) >= 60) or isinstance(one, dict | list):
                yield from _texts(one)


def _open(value: Any) -> Iterator[str]:
    """Walk the texts that are not to be hidden: fillers stand in several members."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name not in HIDDEN:
                yield from _open(below)
    elif isinstance(value, list):
        for one in value:
            yield from _open(one)
    elif isinstance(value, str):
        yield value


VALUES = [row["value"] for row in golden().values() if row["result"] == "valid"]
SECRETS = sorted(
    {secret for value in VALUES for secret in _secrets(value)}
    - {text for value in VALUES for text in _open(value)}
    | {EID, "8901234567890123458", b"Test eUICC".hex()}
)


def test_there_are_secrets_to_look_for() -> None:
    assert len(SECRETS) > 20
    assert EID in SECRETS


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_nothing_leaks_in_any_capture(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    looked = 0
    for name, row in index().items():
        if form in ("svg", "mermaid") and name.startswith(("tls", "dtls", "link", "file")):
            continue  # the same messages as elsewhere
        code = run(["decode", *arguments(row), "--as", form, "--redact", "iccid,eid,keys"])
        assert code in (0, 1), name
        out = capsys.readouterr()
        shown = (out.out + out.err).lower()
        looked += len(shown)
        for secret in SECRETS:
            assert secret.lower() not in shown, (name, secret)
    assert looked > 20_000


def test_the_same_is_there_without_redaction(capsys: pytest.CaptureFixture[str]) -> None:
    seen = set()
    for row in index().values():
        run(["decode", *arguments(row), "--as", "ndjson"])
        shown = capsys.readouterr().out.lower()
        seen |= {secret for secret in SECRETS if secret.lower() in shown}
    assert EID in seen
    assert len(seen) > 10


def test_pictures_hide_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    row = index()["http-esipa-1.2"]
    for form, more in itertools.product(("svg", "mermaid"), ([], ["--redact", "none"])):
        run(["decode", *arguments(row), "--as", form, *more])
        assert (EID in capsys.readouterr().out) == bool(more)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.sampled_from([EID, ICCID, ICCID_OCTETS, b64(bytes.fromhex("5a10" + EID)), "x", "?"]),
            st.integers(),
            st.none(),
            st.booleans(),
        ),
        lambda kids: st.one_of(
            st.lists(kids, max_size=3),
            st.dictionaries(st.sampled_from(["iccid", "a", "?85", "matchingId"]), kids, max_size=3),
        ),
        max_leaves=10,
    )
)
def test_any_value_is_veiled_and_keeps_its_shape(value: Any) -> None:
    found = veiled(value)
    shown = json.dumps(found)
    for secret in (EID, ICCID, ICCID_OCTETS):
        assert secret not in shown
    assert type(found) is type(value)
