"""Forms for people: tree, summary, sessions and notes."""

from __future__ import annotations

import re

import pytest
from capture_bodies import EID
from capture_scene import SCENES
from capture_wire import cut
from render_bench import everything, hostile, shown
from stored_captures import trace
from trace_bench import over_http, poll, read_wire

from capture_http import http1  # isort: skip
from capture_wire import EIM, IPA, Wire  # isort: skip

import capture_catalogue  # noqa: F401  isort: skip

from dissectors.finding import Finding, Severity
from dissectors.trace.redact import Veil
from dissectors.trace.render import FORMS, MACHINE_FORMS, Style
from dissectors.trace.render.sessions import closing_lines, note_lines, session_lines
from dissectors.trace.render.words import (
    carrier_word,
    end_name,
    outcome,
    printable,
    refused,
    telling,
    title,
    walk,
)

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]")


def test_the_tree() -> None:
    lines = shown("tree", over_http(poll())).splitlines()
    assert lines[0] == "1  GetEimPackageRequest   ESipa   ipa → eim   http POST"
    assert lines[1] == (
        "   0.000 s, frame 4, flow 1, 10.0.0.2:49152 → 10.0.0.5:80, 21 octets, "
        "SGP.32@1.0.1, 1.1, 1.2, 1.3"
    )
    assert lines[2] == f"   eidValue: {EID} (EID {EID})"
    assert lines[4] == "2  GetEimPackageResponse   ESipa   eim → ipa   http 200"
    assert any(
        line.strip() == "iccid: 989400000000000000f5 (ICCID 8949000000000000005)" for line in lines
    )


def test_the_tree_with_bytes() -> None:
    found = shown("tree", over_http(poll(media="")), Style(with_bytes=True))
    assert f"        3 5A    eidValue: {EID}" in found
    assert "binding.media-type" in found
    info = over_http(poll())
    info.messages[0].problems = (Finding("x.info", Severity.INFO, "a.b", 0, "said"),)
    assert "x.info" not in shown("tree", info)
    assert "   info: x.info at a.b: said" in shown("tree", info, Style(with_bytes=True))


def test_the_tree_of_json_and_of_what_was_veiled() -> None:
    found = shown("tree", trace("http-esipa-json"))
    assert "\n   euiccPackageRequest\n     euiccPackageSigned\n       eimId: " in found
    assert "\n         psmoList\n           [0]\n             enable\n" in found
    whole = trace("http-esipa-1.2")
    whole.messages = [Veil(frozenset({"eid", "iccid"}))(one) for one in whole.messages]
    veiled = shown("tree", whole)
    assert EID not in veiled
    assert f"eidValue: {'0' * 32}" in veiled


def test_the_summary() -> None:
    lines = shown("summary", over_http(poll(), poll(status=500))).splitlines()
    assert lines[0].split() == ["1", "0.000", "s", "ipa", "→", "eim", "http", "POST",
                                "GetEimPackageRequest", "eidValue", EID]  # fmt: skip
    assert lines[3].endswith("  ! binding.status")
    flows = shown("summary", over_http(poll()), Style(with_bytes=True))
    assert "flow 1 " in flows


def test_roles_are_named_by_address_host_or_table() -> None:
    style = Style(roles={"10.0.0.5:80": "lab", "10.0.0.2": "dut", "2001:db8::1": "six"})
    assert end_name(style, "10.0.0.5:80", "eim") == "lab"
    assert end_name(style, "10.0.0.5:81", "eim") == "eim"
    assert end_name(style, "10.0.0.2:9", "ipa") == "dut"
    assert end_name(style, "[2001:db8::1]:9", "ipa") == "six"
    assert end_name(style, "1.1.1.1:9", "") == "1.1.1.1:9"
    assert end_name(Style(roles={"a": "x\x1b"}), "a:1", "") == "x\\x1b"
    assert "dut → lab" in shown("tree", over_http(poll()), style)


def test_words_of_a_message() -> None:
    told = {(m.kind, title(m)): m for m in everything().messages}
    assert carrier_word(told["request", "GetEimPackageRequest"]) == "http POST"
    assert carrier_word(told["request", "ProvideEimPackageResult"]) == "coap CON"
    assert carrier_word(told["request", "GetEuiccInfo1Request"]) == "apdu"
    assert carrier_word(told["response", "EUICCInfo1"]) == "apdu 9000"
    failed = trace("http-esipa-json").messages[-1]
    assert outcome(failed) == "8.1.1 / 3.9"
    assert refused(failed)
    none = trace("http-esipa-1.2").messages[-1]
    assert outcome(none) == "eimPackageError noEimPackageAvailable"
    assert not refused(none)
    assert telling(none) == []
    assert [name for name, _ in telling(trace("http-esipa-1.2").messages[2])] == [
        "eidValue", "iccid", "counterValue",
    ]  # fmt: skip
    for code, expected in (("2.04", False), ("4.00", True), ("5.03", True)):
        none.status, none.transport = code, "coap"
        assert refused(none) is expected


def test_the_walk_is_bounded_and_named() -> None:
    assert walk({"a": [1, {"b": 2}]}) == [
        ("a", [1, {"b": 2}]), ("a[0]", 1), ("a[1]", {"b": 2}), ("a[1].b", 2),
    ]  # fmt: skip
    assert len(walk(list(range(5000)))) == 400
    deep: object = 1
    for _ in range(3000):
        deep = [deep]
    assert len(walk(deep)) == 400


def test_text_that_moves_a_cursor_is_escaped() -> None:
    assert printable("a\x1b[31m\n\u202e\ud800é") == "a\\x1b[31m\\n\\u202e\\ud800é"


@pytest.mark.parametrize("form", ["tree", "summary"])
def test_nothing_hostile_reaches_the_terminal(form: str) -> None:
    for style in (Style(), Style(with_bytes=True)):
        found = shown(form, hostile(), style)
        assert CONTROL.search(found) is None
        assert "\\x1b[31m" in found
        assert found.encode("utf-8")


def test_closed_sessions_say_what_they_need() -> None:
    closed = trace("tls13-no-keys")
    lines = list(session_lines(closed))
    assert lines[0].startswith("encrypted: TLS 1.3 10.0.0.2:49152 → 10.0.0.5:443, SNI eim.example")
    assert "TLS_AES_256_GCM_SHA384" in lines[0]
    assert any("records stay closed" in line for line in lines)
    assert any(line.startswith("  needs --keylog with: ") for line in lines)
    assert list(session_lines(trace("tls12-aes128-gcm"))) == []
    shut = trace("tls12-one-key")
    assert sum(line.startswith("encrypted:") for line in session_lines(shut)) == 1
    assert any("server certificate: " in line for line in session_lines(shut))


def test_many_sessions_and_notes_are_counted() -> None:
    closed = trace("tls13-no-keys")
    closed.sessions *= 80
    lines = list(session_lines(closed))
    assert sum(line.startswith("encrypted:") for line in lines) == 50
    assert lines[-1] == "… and 30 more sessions without keys"
    closed.more_sessions = 9
    assert list(session_lines(closed))[-1].endswith("and 9 that were not looked at")
    note = (Finding("x", Severity.ERROR, "", 0, "text\x1b"), (1, 5))
    closed.notes, closed.more_notes = [note] * 70, 5
    lines = list(note_lines(closed))
    assert lines[0] == "error: frame 5: x: text\\x1b"
    assert lines[-1] == "… and 25 more notes"
    assert list(closing_lines(closed, str.upper))[-1] == "… AND 25 MORE NOTES"


def test_notes_follow_the_messages() -> None:
    wire = Wire()
    talk = wire.connect(IPA, EIM)
    http1(wire, talk.data, [poll()] * 2)
    found = shown("tree", read_wire(wire, cut(150)))
    assert "warning: frame 4: packet-cut: the capture cut" in found


def test_a_message_without_frames() -> None:
    whole = over_http(poll())
    whole.messages[0].frames = ()
    for form in FORMS:
        assert shown(form, whole)
    assert "no frame" in shown("tree", whole)


def test_the_forms() -> None:
    assert set(FORMS) - MACHINE_FORMS == {"tree", "summary"}
    assert SCENES
