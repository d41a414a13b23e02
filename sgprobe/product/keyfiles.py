"""Files with certificates and public keys: PEM or DER, read when the product file is."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from sgprobe.crypto import keys
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.yamlnode import Source

MAX_OCTETS = 1 << 18
_MAX_PARTS = 32
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_CERTIFICATE, _PUBLIC = b"CERTIFICATE", b"PUBLIC KEY"


class KeyFileError(ValueError):
    """A file holds no certificate and no public key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One file: its certificates in their order, or one public key (SubjectPublicKeyInfo)."""

    path: Path
    certificates: tuple[Certificate, ...]
    # of the first certificate, or the key itself
    spki: bytes
    source: Source

    @property
    def key(self) -> keys.PublicKey:
        """Return the public key."""
        return keys.public_from_spki(self.spki)


def read_key_file(path: Path, source: Source) -> KeyFile:
    """Return what a file holds; raises KeyFileError, which says what is wrong."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise KeyFileError(f"cannot be read: {reason or error}") from None
    if len(octets) > MAX_OCTETS:
        raise KeyFileError(f"holds more than {MAX_OCTETS} octets")
    try:
        certificates, public = _parts(octets)
    except CryptoError as error:
        raise KeyFileError(f"{error}") from None
    if certificates:
        spki = certificates[0].spki
    elif public:
        spki = public[0]
    else:
        raise KeyFileError("holds no certificate and no public key")
    return KeyFile(path, tuple(certificates), spki, source)


def _parts(octets: bytes) -> tuple[list[Certificate], list[bytes]]:
    certificates: list[Certificate] = []
    public: list[bytes] = []
    labelled = _PEM.findall(octets)
    if not labelled and octets[:1] == b"\x30":
        return _der(octets)
    for label, text in labelled[:_MAX_PARTS]:
        try:
            der = base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raise KeyFileError("holds PEM that is not base64") from None
        if label == _CERTIFICATE:
            certificates.append(read_certificate(der))
        elif label == _PUBLIC:
            keys.public_from_spki(der)
            public.append(der)
        elif label.endswith(b"PRIVATE KEY"):
            raise KeyFileError("holds a private key: the bench needs the public half alone")
    return certificates, public


def _der(octets: bytes) -> tuple[list[Certificate], list[bytes]]:
    try:
        return [read_certificate(octets)], []
    except CryptoError:
        keys.public_from_spki(octets)
        return [], [octets]
