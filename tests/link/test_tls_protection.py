"""The way of one direction along its keys and sequence numbers, with records sealed here."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from tls_forge import Forge

from dissectors.link import tls_protection
from dissectors.link.tls_keys import openers_12
from dissectors.link.tls_protection import WINDOW, Protection, Protection12, Protection13, Stage
from dissectors.link.tls_suites import suite

SUITE = suite(0x1301)
assert SUITE is not None
EARLY, SHAKE, APP = b"e" * 32, b"h" * 32, b"a" * 32


def expand(secret: bytes, label: bytes, size: int) -> bytes:
    info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
    return HKDFExpand(SHA256(), size, info).derive(secret)


def seal(secret: bytes, number: int, content: bytes) -> tuple[bytes, bytes]:
    """RFC 8446 §5.2, written from there."""
    iv = expand(secret, b"iv", 12)
    nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big"), strict=True))
    header = b"\x17\x03\x03" + (len(content) + 17).to_bytes(2, "big")
    return header, AESGCM(expand(secret, b"key", 16)).encrypt(nonce, content + b"\x17", header)


def stages(*secrets: tuple[str, bytes | None]) -> Protection13:
    assert SUITE is not None
    return Protection13([Stage(label, SUITE, secret) for label, secret in secrets])


def test_records_open_in_order_and_by_stage() -> None:
    way = stages(("early", EARLY), ("shake", SHAKE), ("app", APP))
    assert way.open(*seal(EARLY, 0, b"one")) == b"one\x17"
    assert way.open(*seal(EARLY, 1, b"two")) == b"two\x17"
    assert way.open(*seal(EARLY, 1, b"two")) is None
    way.advance("early")
    assert way.label == "shake"
    assert way.open(*seal(SHAKE, 0, b"three")) == b"three\x17"
    way.advance("shake")
    assert way.open(*seal(APP, 0, b"four")) == b"four\x17"
    way.update()
    after = expand(APP, b"traffic upd", 32)
    assert way.open(*seal(after, 0, b"five")) == b"five\x17"
    assert way.generation == 1


def test_the_last_stage_is_not_left() -> None:
    """No number is used twice where the next secret is not known."""
    way = stages(("early", EARLY))
    assert way.open(*seal(EARLY, 0, b"one")) == b"one\x17"
    way.advance("early")
    assert way.open(*seal(EARLY, 0, b"one")) is None
    way.extend([Stage("shake", SUITE, SHAKE)])
    assert way.open(*seal(SHAKE, 0, b"two")) == b"two\x17"


def test_a_step_that_was_not_seen_is_found() -> None:
    way = stages(("early", EARLY), ("shake", SHAKE), ("app", APP))
    assert way.open(*seal(SHAKE, 0, b"x")) == b"x\x17"
    assert way.label == "shake"
    assert way.open(*seal(APP, 0, b"y")) == b"y\x17"
    assert way.label == "app"
    way.update()  # of the application secret, not of the one that was passed
    assert way.open(*seal(expand(APP, b"traffic upd", 32), 0, b"z")) == b"z\x17"


def test_a_missing_secret_is_stepped_over() -> None:
    way = stages(("shake", None), ("app", APP))
    assert way.blind
    assert way.lacking == {"shake"}
    assert way.open(*seal(SHAKE, 0, b"x")) is None
    assert way.open(*seal(APP, 0, b"y")) == b"y\x17"
    assert not way.blind
    assert way.lacking == set()


def test_lost_records_are_searched_within_the_window() -> None:
    way = stages(("app", APP))
    assert way.open(*seal(APP, 5, b"x")) is None
    way.lost(5, 5)
    assert way.open(*seal(APP, 5, b"x")) == b"x\x17"
    way.lost(1, 100)
    assert way.open(*seal(APP, 6 + 99, b"y")) == b"y\x17"
    assert way.open(*seal(APP, 6 + 102, b"z")) is None  # the window is closed again
    way.lost(0, 10 * WINDOW)
    assert way.open(*seal(APP, 106 + WINDOW + 1, b"far")) is None
    assert way.open(*seal(APP, 106 + WINDOW, b"near")) == b"near\x17"


def test_lost_steps_and_key_updates_are_searched_too() -> None:
    way = stages(("shake", SHAKE), ("app", APP))
    way.lost(1, 20)
    assert way.open(*seal(APP, 7, b"x")) == b"x\x17"
    way.lost(1, 20)
    updated = expand(APP, b"traffic upd", 32)
    assert way.open(*seal(updated, 3, b"y")) == b"y\x17"
    assert way.generation == 1
    assert way.open(*seal(updated, 4, b"z")) == b"z\x17"


def test_the_budget_ends_every_search() -> None:
    way = stages(("app", APP))
    body = bytes(16384)
    tries = 0
    while way._budget >= 0:
        way.lost(0, WINDOW)
        assert way.open(b"\x17\x03\x03\x40\x00", body) is None
        tries += 1
    assert tries < tls_protection.BUDGET // 16384
    way.lost(0, 5)
    assert way.open(*seal(APP, 3, b"x")) is None
    assert way.open(*seal(APP, 0, b"x")) == b"x\x17"  # what needs no search still opens


def test_tls12_numbers() -> None:
    forge = Forge(0xC02B, dtls=False)
    chosen = suite(0xC02B)
    assert chosen is not None
    openers = openers_12(chosen, forge.master, forge.client_random, forge.server_random, False)
    way = Protection12(openers[0])

    def record(number: int) -> tuple[bytes, bytes]:
        wire = forge.seal(0, 23, b"content", number=number)
        return wire[:5], wire[5:]

    assert way.open(*record(0)) == b"content"
    assert way.open(*record(0)) is None
    assert way.open(*record(2)) is None
    way.lost(1, 1)
    assert way.open(*record(2)) == b"content"
    way.lost(0, 50)
    assert way.open(*record(40)) == b"content"
    assert way.open(*record(41)) == b"content"
    assert way.open(*record(43)) is None


def test_nothing_opens_without_secrets() -> None:
    blind = Protection(inner=True)
    blind.lost(1, 2)
    assert blind.blind
    assert blind.open(*seal(APP, 0, b"x")) is None
