"""Pack the evidence of a run into one file, or verify such a file.

sgprobe bundle RESULTS --out evidence.zip       events, captures with keys, reports, product file
sgprobe bundle RESULTS --redact all             without captures, identities and keys
sgprobe bundle RESULTS --sign key.pem           signed (ECDSA or Ed25519)
sgprobe bundle verify evidence.zip              find any change
sgprobe bundle verify evidence.zip --key cert.pem

The digest of the manifest is printed: filed elsewhere, it shows later that nothing was changed.
A password of the key is read from SGPROBE_KEY_PASSWORD. Exit code of verify: 0 whole, 1 changed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from sgprobe.cli.command import NO_RUN, UserError
from sgprobe.report.bundle import BadBundle, pack, verify
from sgprobe.report.folder import NoResults
from sgprobe.report.redact import KINDS
from sgprobe.report.text import many, plain

_PASSWORD = "SGPROBE_KEY_PASSWORD"
_MOST_NAMED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe bundle`."""
    parser.add_argument("words", nargs="+", metavar="RESULTS | verify FILE")
    parser.add_argument("--out", metavar="FILE", help="default: RESULTS.zip beside the folder")
    parser.add_argument(
        "--redact", metavar="WHAT", help=f"hide {', '.join(KINDS)} (with commas between), or all"
    )
    parser.add_argument("--sign", metavar="KEY", help="private key in PEM")
    parser.add_argument("--key", metavar="PEM", help="verify: public key or certificate")
    parser.add_argument("--sha256", metavar="HEX", help="verify: the digest that was printed")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe bundle`."""
    words: list[str] = arguments.words
    if words[0] == "verify":
        if len(words) != 2:
            raise UserError("verify takes one file", "such as `sgprobe bundle verify evidence.zip`")
        return _verify(words[1], arguments)
    if len(words) != 1:
        raise UserError("one results folder is packed at a time")
    return _pack(words[0], arguments)


def _pack(text: str, arguments: argparse.Namespace) -> int:
    folder = Path(text)
    if not folder.is_dir():
        raise UserError(f"{plain(text)}: no such folder", NO_RUN)
    out = Path(arguments.out) if arguments.out else _beside(folder)
    sign = _signer(arguments.sign) if arguments.sign else None
    try:
        packed = pack(folder, out, redact=_kinds(arguments.redact), sign=sign)
    except NoResults as error:
        raise UserError(str(error), "a run writes its events with --out") from None
    except OSError as error:
        raise UserError(f"{plain(str(error.filename or out))}: {error.strerror}") from None
    for name in packed.left_out[:_MOST_NAMED]:
        print(f"left out: {plain(name)}")
    if len(packed.left_out) > _MOST_NAMED:
        print(f"left out: {len(packed.left_out) - _MOST_NAMED} more; the manifest names all")
    print(f"{plain(str(packed.path))}: {many(packed.files, 'file')}"
          + (", signed" if sign else ""))  # fmt: skip
    print(f"SHA-256 of the manifest: {packed.sha256}")
    return 0


def _beside(folder: Path) -> Path:
    whole = folder.resolve()
    return whole.with_name(f"{whole.name or 'evidence'}.zip")


def _kinds(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset()
    kinds = frozenset(part.strip() for part in text.split(",") if part.strip())
    if kinds == {"all"}:
        return frozenset(KINDS)
    unknown = sorted(kinds - set(KINDS))
    if unknown or not kinds:
        word = unknown[0] if unknown else text
        raise UserError(f"--redact: no kind {plain(word)!r}", f"known: {', '.join(KINDS)}, all")
    return kinds


def _verify(text: str, arguments: argparse.Namespace) -> int:
    check = _checker(arguments.key) if arguments.key else None
    try:
        checked = verify(Path(text), check=check, sha256=arguments.sha256 or "")
    except BadBundle as error:
        raise UserError(str(error)) from None
    for finding in checked.findings:
        print(f"{plain(text)}: {finding}")
    if checked.findings:
        return 1
    print(f"{plain(text)}: whole, {many(len(checked.manifest['files']), 'file')}")
    print(f"SHA-256 of the manifest: {checked.sha256}")
    if check is None and not arguments.sha256:
        told = "signed; --key checks by whom" if checked.signed else "not signed"
        print(f"{told}: compare the digest with one that was filed elsewhere")
    return 0


# --- signatures ---


def _signer(file: str) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    password = os.environ.get(_PASSWORD)
    try:
        key = load_pem_private_key(_bytes(file), password.encode() if password else None)
    except (ValueError, TypeError) as error:
        hint = f"its password stands in {_PASSWORD}" if "assword" in str(error) else ""
        raise UserError(f"{plain(file)}: no private key in PEM that opens", hint) from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        private = key
        return lambda data: private.sign(data, ec.ECDSA(hashes.SHA256()))
    raise UserError(f"{plain(file)}: an EC or Ed25519 key is needed")


def _checker(file: str) -> Callable[[bytes, bytes], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    data = _bytes(file)
    key: object
    try:
        if b"BEGIN CERTIFICATE" in data:
            key = load_pem_x509_certificate(data).public_key()
        else:
            key = load_pem_public_key(data)
    except ValueError:
        raise UserError(f"{plain(file)}: no public key or certificate in PEM") from None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise UserError(f"{plain(file)}: an EC or Ed25519 key is needed")
    public = key

    def check(signature: bytes, manifest: bytes) -> bool:
        try:
            if isinstance(public, ed25519.Ed25519PublicKey):
                public.verify(signature, manifest)
            else:
                public.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    return check


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"{plain(file)}: {error.strerror}") from None
