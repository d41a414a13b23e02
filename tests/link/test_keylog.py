"""Key logs: what is read, what is complained about, and that no secret is repeated in words."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link import keylog
from dissectors.link.keylog import KeyLog

CR = "11" * 32
OTHER = "22" * 32
MASTER = "ab" * 48
TRAFFIC = "cd" * 32


def test_reads_every_label_it_serves() -> None:
    keys = KeyLog()
    text = f"CLIENT_RANDOM {CR} {MASTER}\n"
    labels = (
        keylog.CLIENT_EARLY,
        keylog.CLIENT_HANDSHAKE,
        keylog.SERVER_HANDSHAKE,
        keylog.CLIENT_TRAFFIC,
        keylog.SERVER_TRAFFIC,
    )
    for i, label in enumerate(labels):
        text += f"{label} {OTHER} {i:02x}{TRAFFIC[2:]}\n"
    assert keys.add_text(text) == []
    assert len(keys) == 6
    assert keys.master(bytes.fromhex(CR)) == bytes.fromhex(MASTER)
    assert keys.master(bytes.fromhex(OTHER)) is None
    for i, label in enumerate(labels):
        assert keys.secret(label, bytes.fromhex(OTHER)) == bytes.fromhex(f"{i:02x}{TRAFFIC[2:]}")


@pytest.mark.parametrize(
    "text",
    [
        f"CLIENT_RANDOM {CR} {MASTER}",
        f"\ufeffCLIENT_RANDOM {CR} {MASTER}\r\n",
        f"# made by a browser\r\n\r\n  CLIENT_RANDOM\t{CR.upper()}   {MASTER.upper()}  \r\n",
        f"CLIENT_RANDOM {CR} {MASTER}\n".encode(),
        f"CLIENT_RANDOM {CR} {MASTER}\r\n".encode("utf-16"),
        f"\ufeffCLIENT_RANDOM {CR} {MASTER}\n".encode(),
        f"ECH_SECRET {CR} {TRAFFIC}\nEXPORTER_SECRET {CR} {TRAFFIC}\nRSA 0011 {MASTER}\n"
        f"QUIC_CLIENT_TRAFFIC_SECRET_0 {CR} {TRAFFIC}\nCLIENT_RANDOM {CR} {MASTER}\n",
    ],
)
def test_tolerates(text: str | bytes) -> None:
    keys = KeyLog()
    assert keys.add_text(text) == []
    assert keys.master(bytes.fromhex(CR)) == bytes.fromhex(MASTER)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"CLIENT_RANDOM {CR}", "needs a client random and a secret"),
        (f"CLIENT_RANDOM {CR} {MASTER} {MASTER}", "needs a client random and a secret"),
        (f"CLIENT_RANDOM {CR[:-1]} {MASTER}", "not an even number of hex digits"),
        (f"CLIENT_RANDOM {CR} {MASTER[:-2]}zz", "not an even number of hex digits"),
        (f"CLIENT_RANDOM {CR[:-2]} {MASTER}", "31 bytes, not 32"),
        (f"CLIENT_RANDOM {CR} {MASTER[:-2]}", "47 bytes, not 48"),
        (f"SERVER_TRAFFIC_SECRET_0 {CR} {MASTER[:40]}", "20 bytes, not 32 or 48"),
        (f"{CR} {MASTER}\x00\xff€", "no label"),
        ("-----BEGIN CERTIFICATE-----", "no label"),
        (MASTER, "no label"),
    ],
)
def test_names_the_bad_line_and_keeps_the_good_ones(line: str, words: str) -> None:
    keys = KeyLog()
    good = f"CLIENT_RANDOM {OTHER} {MASTER}\n"
    findings = keys.add_text(f"# one\r\n{line}\r\n{good}".encode())
    assert [(f.code, f.path, f.offset) for f in findings] == [("keylog-bad-line", "line 2", 7)]
    assert words in findings[0].text
    assert MASTER[:16] not in findings[0].text
    assert keys.master(bytes.fromhex(OTHER)) is not None


def test_a_second_secret_for_the_same_session_is_told_and_used() -> None:
    keys = KeyLog()
    keys.add_text(f"CLIENT_RANDOM {CR} {MASTER}\n")
    assert keys.add_text(f"CLIENT_RANDOM {CR} {MASTER}\n") == []
    (found,) = keys.add_text(f"CLIENT_RANDOM {CR} {'ef' * 48}\n")
    assert found.code == "keylog-conflict"
    assert "ef" * 8 not in found.text
    assert keys.master(bytes.fromhex(CR)) == b"\xef" * 48


def test_adds_up_over_blocks() -> None:
    keys = KeyLog()
    keys.add_text(f"CLIENT_RANDOM {CR} {MASTER}\n")
    keys.add_text(f"CLIENT_RANDOM {OTHER} {MASTER}\n")
    assert len(keys) == 2


def test_a_file_of_rubbish_has_a_bounded_list_of_findings() -> None:
    findings = KeyLog().add_text("CLIENT_RANDOM\n" * 5000)
    assert len(findings) == keylog.MAX_FINDINGS + 1


def test_secrets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keylog, "MAX_SECRETS", 2)
    keys = KeyLog()
    text = "".join(f"CLIENT_RANDOM {os.urandom(32).hex()} {MASTER}\n" for _ in range(3))
    assert [f.code for f in keys.add_text(text)] == ["keylog-full"]
    assert len(keys) == 2


def test_resumable_sessions_are_found_by_id_and_ticket_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keylog, "MAX_RESUMABLE", 100)
    keys = KeyLog()
    keys.remember(b"id", b"one")
    keys.remember(b"t" * 60_000, b"two")
    assert keys.recall(b"id") == b"one"
    assert keys.recall(b"t" * 60_000) == b"two"
    assert keys.recall(b"t" * 59_999) is None
    assert keys.recall(b"") is None
    for i in range(200):
        keys.remember(i.to_bytes(4, "big"), b"x")
    assert keys.recall(b"id") is None
    assert keys.recall((199).to_bytes(4, "big")) == b"x"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_any_text_gives_findings_only(text: bytes | str) -> None:
    for found in KeyLog().add_text(text):
        assert found.code.startswith("keylog-")
        assert found.path.startswith("line ")
