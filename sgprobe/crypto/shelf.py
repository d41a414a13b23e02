"""The files of a test PKI: one folder for each curve, and an index that says what each file is."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.forge import CRLS, Forge, Made
from sgprobe.crypto.identities import PARTIES
from sgprobe.crypto.issuing import pem
from sgprobe.crypto.keys import Curve, key_from_pem, key_pem
from sgprobe.crypto.profiles import PROFILES

INDEX = "index.json"
SCHEMA = "sgprobe/pki/1"

# the set that travels with sgprobe
STORED_SEED = "sgprobe test PKI 1"
STORED_START = datetime.fromisoformat("2025-01-01T00:00:00+00:00")

_ORIGIN = "made by sgprobe: `sgprobe pki make --seed SEED`; nothing is taken from the SGP.26 set"
_NOTES = (
    "Test keys, published: never trust these certificates outside a laboratory.",
    "Names, OIDs and EIDs follow the SGP.26 test set, variant O; the keys do not.",
    "In a lasting set nothing ends within 30 years; SGP.26 gives TLS certificates 398 days.",
    "Signatures are deterministic (RFC 6979): the same seed and start give the same bytes.",
)


class ShelfError(CryptoError):
    """A file of a stored PKI is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A stored set on one curve; each file is read when it is first asked for."""

    folder: Path
    curve: Curve
    certificates: dict[tuple[str, str | None], tuple[str, str]] = field(repr=False)
    crls: dict[str, str] = field(repr=False)

    def made(self, name: str, fault: str | None = None) -> Made:
        """Return a party's certificate and key from their files."""
        found = self.certificates.get((name, fault))
        if found is None:
            what = f"{name} with the fault {fault}" if fault else name
            raise ShelfError(f"{self.folder / INDEX} has no {what} on {self.curve}")
        certificate, key = found
        return Made(self._der(certificate), key_from_pem(_text(self.folder / key)))

    def crl(self, name: str) -> bytes:
        """Return a CRL in DER from its file."""
        if name not in self.crls:
            raise ShelfError(f"{self.folder / INDEX} has no CRL {name} on {self.curve}")
        return self._der(self.crls[name])

    def _der(self, file: str) -> bytes:
        path = self.folder / file
        body = "".join(line for line in _text(path).splitlines() if not line.startswith("-----"))
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            raise ShelfError(f"{path} is no PEM file") from None


def open_shelf(folder: Path) -> dict[Curve, Shelf]:
    """Return the stored sets of a folder, by curve."""
    path = folder / INDEX
    try:
        index = json.loads(_text(path))
        if index["schema"] != SCHEMA:
            raise ShelfError(f"{path} has the schema {index['schema']!r}, not {SCHEMA!r}")
        return {Curve(name): _shelf(folder, name, rows) for name, rows in index["sets"].items()}
    except ShelfError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ShelfError(f"{path} is no index of a test PKI: {error!r}") from None


def write_shelf(folder: Path, forges: Iterable[Forge], faults: Iterable[str]) -> int:
    """Write the sets of `forges` with the named faults; return how many files were written."""
    files: dict[str, str] = {}
    chosen = tuple(faults)
    sets = {}
    head: dict[str, Any] = {}
    for forge in forges:
        head = {"seed": forge.seed, "start": forge.start.isoformat(), "lasting": forge.lasting}
        sets[str(forge.curve)] = {
            "certificates": list(_certificate_rows(forge, chosen, files)),
            "crls": list(_crl_rows(forge, files)),
        }
    index = {"schema": SCHEMA, "origin": _ORIGIN, "notes": _NOTES, **head, "sets": sets}
    files[INDEX] = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return len(files)


def _certificate_rows(
    forge: Forge, faults: tuple[str, ...], files: dict[str, str]
) -> Iterator[dict[str, str | None]]:
    for name, party in PARTIES.items():
        variants = [None, *(fault for fault in faults if name in FAULTS[fault].parties)]
        for fault in variants:
            made = forge.made(name, fault)
            place = f"{forge.curve}/faults" if fault else str(forge.curve)
            stem = f"{place}/{name}.{fault}" if fault else f"{place}/{name}"
            # a faulty certificate holds the party's own key, unless the curve is the fault
            own = fault is None or FAULTS[fault].curve is not None
            key = f"{stem if own else f'{forge.curve}/{name}'}.key.pem"
            files[f"{stem}.cert.pem"] = pem(made.der, "CERTIFICATE")
            files[key] = key_pem(made.key)
            row = {
                "name": name,
                "fault": fault,
                "certificate": f"{stem}.cert.pem",
                "key": key,
                "clause": PROFILES[party.profile].clause,
            }
            if fault:
                row |= {"text": FAULTS[fault].text, "rule": FAULTS[fault].rule.name}
            yield row


def _crl_rows(forge: Forge, files: dict[str, str]) -> Iterator[dict[str, str]]:
    for name, kind in CRLS.items():
        file = f"{forge.curve}/{name}.crl.pem"
        files[file] = pem(forge.crl(name), "X509 CRL")
        yield {"name": name, "file": file, "text": kind.text}


def _shelf(folder: Path, curve: str, rows: dict[str, Any]) -> Shelf:
    certificates = {
        (row["name"], row["fault"]): (row["certificate"], row["key"])
        for row in rows["certificates"]
    }
    crls = {row["name"]: row["file"] for row in rows["crls"]}
    return Shelf(folder, Curve(curve), certificates, crls)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ShelfError(f"{path} cannot be read: {error}") from None
