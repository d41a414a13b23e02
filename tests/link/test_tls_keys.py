"""Key schedules against published values; the handshakes with OpenSSL prove the rest."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from tls_forge import p_hash

from dissectors.link import tls_keys
from dissectors.link.tls_suites import suite


def test_traffic_keys_of_rfc_8448() -> None:
    # RFC 8448 §3: server handshake traffic secret, its write key and IV
    secret = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
    key = tls_keys.expand_label(secret, b"key", 16, "sha256")
    assert key.hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert tls_keys.expand_label(secret, b"iv", 12, "sha256").hex() == "5d313eb2671276ee13000b30"


def test_expand_label_is_hkdf() -> None:
    for name, algorithm in (("sha256", hashes.SHA256()), ("sha384", hashes.SHA384())):
        for label, length in ((b"key", 32), (b"iv", 12), (b"traffic upd", 32)):
            info = length.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
            expected = HKDFExpand(algorithm, length, info).derive(b"s" * 48)
            assert tls_keys.expand_label(b"s" * 48, label, length, name) == expected


def test_prf_agrees_with_the_formula() -> None:
    for name in ("sha256", "sha384"):
        for length in (1, 32, 48, 104, 200):
            expected = p_hash(b"secret", b"labelseed", length, name)
            assert tls_keys.prf(b"secret", b"label", b"seed", length, name) == expected


def test_prf_of_a_published_vector() -> None:
    # IETF TLS mailing list, April 2009: test vector of P_SHA256
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    out = tls_keys.prf(secret, b"test label", seed, 100, "sha256")
    assert out.hex().startswith("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a")
    assert out.hex().endswith("87347b66")


def test_a_key_update_changes_the_secret_and_keeps_its_length() -> None:
    for code, length in ((0x1301, 32), (0x1302, 48)):
        chosen = suite(code)
        assert chosen is not None
        after = tls_keys.next_secret(chosen, bytes(length))
        assert len(after) == length
        assert after != bytes(length)
