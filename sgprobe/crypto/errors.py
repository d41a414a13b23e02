"""What the cryptography says when the bytes it was given cannot be used."""

from __future__ import annotations


class CryptoError(ValueError):
    """Bytes from outside (a key, a point, a certificate, a segment) that are refused."""


class KeyFormatError(CryptoError):
    """The bytes are no key or no point on the named curve."""


class CertificateError(CryptoError):
    """The bytes are no certificate, CRL or OCSP response that can be read."""


class SegmentError(CryptoError):
    """A protected segment does not open; `reason` is one of `format`, `size`, `mac`, `padding`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class SigningInputError(CryptoError):
    """The parts given to a signing recipe are not the TLVs it covers."""
