"""What the bench's own ML-KEM and ML-DSA are tried with before a case relies on them.

Known answers of this project are always there. Project Wycheproof's vectors are none of its files:
the environment variable WYCHEPROOF names a folder with its `testvectors_v1`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.data import data_dir
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.outcome import NotHere

VECTORS = "bench.vectors"
FOLDER = "WYCHEPROOF"
_NO_KEY = b"\x30\x00"
_MOST_FILE = 64 << 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """What became of one file of vectors: how many were tried, and which came out otherwise."""

    name: str
    tried: int
    wrong: tuple[str, ...]


def unready(suite: Suite) -> str:
    """Return why cases of a suite cannot be judged here; nothing where they can."""
    missing = unavailable(suite)
    if missing or not suite.hybrid:
        return missing or ""
    wrong = [one for one in (known_answers(), *_named()) if one.wrong]
    return "".join(
        f"the library disagrees with {one.name}: {', '.join(one.wrong[:3])}" for one in wrong[:1]
    )


def _named() -> tuple[Agreement, ...]:
    folder = os.environ.get(FOLDER)
    return agreements(Path(folder)) if folder else ()


@lru_cache(maxsize=1)
def known_answers() -> Agreement:
    """Try the known answers of the binding: the key of a seed, and what it decapsulates."""
    kept = json.loads((data_dir("vectors") / "kat" / "ifpp.json").read_bytes())["kem"]
    key = quantum.KemKey(bytes.fromhex(kept["seed"]))
    wrong = []
    if hashlib.sha256(key.public).hexdigest() != kept["public_sha256"]:
        wrong.append("key of a seed")
    secret, ciphertext = quantum.encapsulate(key.public)
    if key.decapsulate(ciphertext) != secret:
        wrong.append("secret of a ciphertext")
    other = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    if key.decapsulate(other) == secret:
        wrong.append("implicit rejection")
    return Agreement("the known answers of ML-KEM-768", 3, tuple(wrong))


@lru_cache(maxsize=4)
def agreements(folder: Path) -> tuple[Agreement, ...]:
    """Try the vectors of a folder; NotHere says that they cannot be read."""
    return tuple(_tried(folder, name, each) for name, each in _FILES.items())


def _tried(folder: Path, name: str, each: Callable[[Any], Iterator[tuple[str, bool]]]) -> Agreement:
    path = folder / f"{name}.json"
    try:
        if path.stat().st_size > _MOST_FILE:
            raise NotHere(f"{path.name} is larger than {_MOST_FILE >> 20} MB")
        outcomes = [one for group in json.loads(path.read_bytes())["testGroups"]
                    for one in each(group)]  # fmt: skip
    except OSError as error:
        raise NotHere(f"{FOLDER} names no folder with {path.name}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotHere(f"{path.name} is no file of test vectors: {error}"[:200]) from None
    return Agreement(name, len(outcomes), tuple(ident for ident, good in outcomes if not good))


def _decapsulation(group: Any) -> Iterator[tuple[str, bool]]:
    for one in group["tests"]:
        key = quantum.KemKey(bytes.fromhex(one["seed"]))
        try:
            good = key.decapsulate(bytes.fromhex(one["c"])).hex() == one["K"]
        except (CryptoError, ValueError):
            good = False
        yield str(one["tcId"]), good == (one["result"] == "valid")


def _keys_of_seeds(group: Any) -> Iterator[tuple[str, bool]]:
    for one in group["tests"]:
        made = quantum.KemKey(bytes.fromhex(one["seed"])).public.hex()
        yield str(one["tcId"]), made == one["ek"]


def _signatures(kind: str) -> Callable[[Any], Iterator[tuple[str, bool]]]:
    def tried(group: Any) -> Iterator[tuple[str, bool]]:
        spki = _spki(kind, bytes.fromhex(group["publicKey"]))
        for one in group["tests"]:
            # the binding signs with an empty context string
            if not one.get("ctx"):
                raw = bytes.fromhex(one["sig"]), bytes.fromhex(one["msg"])
                yield str(one["tcId"]), quantum.verify(spki, *raw) == (one["result"] == "valid")

    return tried


def _spki(kind: str, raw: bytes) -> bytes:
    """Return a key as a certificate holds it; what is no key verifies nothing."""
    from cryptography.hazmat.primitives.asymmetric import mldsa

    known: Any = {"44": mldsa.MLDSA44PublicKey, "65": mldsa.MLDSA65PublicKey}[kind]
    try:
        key = known.from_public_bytes(raw)
    except ValueError:
        return _NO_KEY
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


_FILES: dict[str, Callable[[Any], Iterator[tuple[str, bool]]]] = {
    "mlkem_768_test": _decapsulation,
    "mlkem_768_keygen_seed_test": _keys_of_seeds,
    "mldsa_44_verify_test": _signatures("44"),
    "mldsa_65_verify_test": _signatures("65"),
}


class VectorShelf(Corner):
    """Tries the library of the bench itself with vectors that others have made."""

    names = frozenset({VECTORS})

    async def read(self, part: str) -> Rows:
        """Return a row for each file of vectors; NotHere where they or the library are absent."""
        if why := unavailable(Suite.H1S):
            raise NotHere(why)
        folder = os.environ.get(FOLDER)
        if not folder:
            raise NotHere(
                f"{FOLDER} names no folder with Project Wycheproof's testvectors_v1: "
                "the vectors are none of the bench's own files"
            )
        tried = (known_answers(), *agreements(Path(folder)))
        return [
            {"vectors": one.name, "tried": str(one.tried), "wrong": " ".join(one.wrong) or "none"}
            for one in tried
        ]
