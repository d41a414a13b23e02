"""What a client of ES9+ and ES11 compares with the certificate that a server shows in TLS."""

from __future__ import annotations

from sgprobe.crypto.certificates import read_certificate, same_oid
from sgprobe.crypto.chain import host_matches

TLS_NAME, TLS_OID = "TLS-NAME", "TLS-OID"


def differs(seen: bytes, signer: bytes, server: str) -> tuple[str, ...]:
    """Return which rules the server of a name breaks; raises CertificateError.

    `seen` is its certificate in TLS, `signer` the one that serverSignature1 is made with.
    """
    shown, auth = read_certificate(seen), read_certificate(signer)
    host = server.partition(":")[0]
    named = any(host_matches(name, host) for name in shown.dns)
    found = ((TLS_NAME, named), (TLS_OID, same_oid(shown, auth)))
    return tuple(rule for rule, good in found if not good)
