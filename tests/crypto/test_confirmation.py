"""The confirmation code's hash against values from the openssl command."""

from sgprobe.crypto import confirmation

# printf sgprobe-code | openssl dgst -sha256, and again with the transaction id 00112233 behind it
STORED = "a572f3710362eb9df64c929b25f8dcfc32257e8d329f6f63e48c5bced6ad8657"
HASH_CC = "15224af348cde611e63f66c71abb1f62a95b7f4cebf76beef30f0db69f6e7bf4"
TRANSACTION = bytes.fromhex("00112233")


def test_both_hashes() -> None:
    stored = confirmation.code_hash("sgprobe-code")
    assert stored.hex() == STORED
    assert confirmation.hash_cc(stored, TRANSACTION).hex() == HASH_CC


def test_only_the_right_code_in_the_right_session_matches() -> None:
    stored, received = bytes.fromhex(STORED), bytes.fromhex(HASH_CC)
    assert confirmation.matches(stored, TRANSACTION, received)
    assert not confirmation.matches(stored, TRANSACTION + b"\0", received)
    assert not confirmation.matches(confirmation.code_hash("other"), TRANSACTION, received)
    assert not confirmation.matches(stored, TRANSACTION, b"")
