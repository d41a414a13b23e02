"""The fields of a TLS or DTLS session, as trace assertions name them."""

from __future__ import annotations

from typing import Any

from dissectors.link.tls_handshake import group_name, version_name
from dissectors.link.tls_session import SessionInfo
from dissectors.link.tls_suites import suite_name
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CertificateError

_SIGNATURE_ALGORITHMS = 13
# RFC 5746 §3.2, §3.3
_RENEGOTIATION_INFO, _SCSV = 0xFF01, 0x00FF
# IANA "TLS SignatureScheme", in the names of RFC 8446 §4.2.3 and RFC 8734 §3
_SCHEMES = {
    0x0201: "rsa_pkcs1_sha1",
    0x0203: "ecdsa_sha1",
    0x0401: "rsa_pkcs1_sha256",
    0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0601: "rsa_pkcs1_sha512",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512",
    0x081A: "ecdsa_brainpoolP256r1tls13_sha256",
    0x081B: "ecdsa_brainpoolP384r1tls13_sha384",
    0x081C: "ecdsa_brainpoolP512r1tls13_sha512",
}
# RFC 5280 §4.2.1.12
_PURPOSES = {"1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth"}
# IANA "TLS Cipher Suites": NULL, RC4, DES, 3DES and EXPORT suites, whose names are not all known
# here. Up to 0x2E all suites are of these kinds, or take a key exchange without an ephemeral key.
_WEAK_TO = 0x2E
_WEAK = frozenset(
    {*range(0x60, 0x67), 0x8A, 0x8B, 0x8E, 0x8F, 0x92, 0x93, 0xC001, 0xC002, 0xC003, 0xC006,
     0xC007, 0xC008, 0xC00B, 0xC00C, 0xC00D, 0xC010, 0xC011, 0xC012, *range(0xC015, 0xC01D),
     0xC033, 0xC034, 0xC039, 0xC03A, 0xC03B}
)  # fmt: skip
_WEAK_WORDS = ("_NULL_", "_RC4_", "_DES", "_3DES_", "_EXPORT", "_anon_", "TLS_RSA_WITH_")


def session_fields(session: SessionInfo, octets: tuple[int, int]) -> dict[str, Any]:
    """Return the fields of a session; `octets` of application data are those of client, server."""
    found: dict[str, Any] = {
        "tls.client-certificate": bool(session.certificates[0]),
        "tls.handshake-number": session.number,
    }
    if session.client is not None:
        found |= _offered(session)
    if session.server is not None:
        found[f"{session.protocol}.version"] = _version(session.version)
        found["tls.cipher"] = suite_name(session.server.suite)
        found["tls.resumed"] = session.resumption or "no"
        found["tls.extended-master-secret"] = session.extended_master_secret
        found["tls.compression"] = session.server.compression
    if session.server_key:
        found["tls.server-key"] = session.server_key.hex()
    found |= _certificate(session.certificates[1])
    if session.group:
        found["tls.group"] = group_name(session.group)
    if session.alpn:
        found["tls.alpn"] = session.alpn
    if session.protocol == "dtls":
        found["dtls.cookie"] = session.client is not None and bool(session.client.cookie)
        found["dtls.connection-id"] = any(session.connection_ids or ())
        found["dtls.retransmissions"] = session.retransmissions
    # without keys nothing is known of the data; what stays closed beside what opens is damaged
    if session.opened or not session.closed:
        found["tls.client-octets"], found["tls.server-octets"] = octets
    return found


def _certificate(chain: tuple[bytes, ...]) -> dict[str, Any]:
    """Return what the server's own certificate says; no more than that it is there, if broken."""
    if not chain:
        return {}
    found: dict[str, Any] = {"tls.certificate.chain": len(chain)}
    try:
        leaf = read_certificate(chain[0])
    except CertificateError:
        return found
    try:
        issuer = read_certificate(chain[-1]).aki
    except CertificateError:
        issuer = None
    if issuer is not None:
        found["tls.certificate.issuer-key"] = issuer.hex()
    return found | {
        "tls.certificate.names": list(leaf.dns),
        "tls.certificate.registered-ids": list(leaf.rids),
        "tls.certificate.policies": list(leaf.policies),
        "tls.certificate.key-usage": sorted(map(_usage, leaf.key_usage or ())),
        "tls.certificate.extended-key-usage": sorted(
            _PURPOSES.get(oid, oid) for oid in leaf.extended_usage or ()
        ),
    }


def _usage(name: str) -> str:
    """Return a key usage as X.509 writes it: `digital_signature` is `digitalSignature`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _offered(session: SessionInfo) -> dict[str, Any]:
    client = session.client
    assert client is not None
    found: dict[str, Any] = {
        "tls.offered-versions": [_version(v) for v in client.versions],
        "tls.offered-ciphers": [suite_name(s) for s in client.suites],
        "tls.weak-ciphers": [suite_name(s) for s in client.suites if is_weak(s)],
        "tls.secure-renegotiation": _RENEGOTIATION_INFO in client.extensions
        or _SCSV in client.suites,
        "tls.offered-groups": [group_name(g) for g in client.groups],
        "tls.offered-alpn": list(client.alpn),
        "tls.signature-schemes": _schemes(client.extensions.get(_SIGNATURE_ALGORITHMS, b"")),
    }
    if client.server_name:
        found["tls.sni"] = client.server_name
    return found


def is_weak(suite: int) -> bool:
    """Say whether a suite protects nothing, too little, or not after its key is lost."""
    name = suite_name(suite)
    return suite <= _WEAK_TO or suite in _WEAK or any(word in name for word in _WEAK_WORDS)


def _version(version: int) -> str:
    """Return the number alone; that of SSL 3.0 sorts below those of TLS."""
    if version == 0x0300:
        return "0 (SSL 3.0)"
    return version_name(version).removeprefix("D").removeprefix("TLS ")


def _schemes(extension: bytes) -> list[str]:
    numbers = [extension[at] << 8 | extension[at + 1] for at in range(2, len(extension) - 1, 2)]
    return [_SCHEMES.get(number) or f"0x{number:04X}" for number in numbers]
