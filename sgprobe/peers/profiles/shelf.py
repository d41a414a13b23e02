"""The stored profile packages of vectors/profiles: made again, they come out the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package, subscription

SEED = "sgprobe profiles 1"
INDEX = "index.json"
# by file name: profile type and serial number of the ICCID
STORED = {"small.der": ("small", 1), "30k.der": ("30k", 2), "100k.der": ("100k", 3)}
_CHECKED = (
    "Read and written again, octet for octet, by pycrate 0.8.1 (PEDefinitions v3) and by"
    " osmocom/pysim at commit 597f1e03, whose check of the basic structure it passes."
)
_ORIGIN = (
    "Made by sgprobe (sgprobe.peers.profiles.shelf); every octet is its own. The structure is that"
    " of the TCA eUICC Profile Package interoperable format 2.3. The keys are published test keys."
)


def files() -> Iterator[tuple[str, bytes]]:
    """Give every file of the folder with its contents."""
    entries = {}
    for name, (kind, serial) in STORED.items():
        iccid = make_iccid(serial)
        data = package(SEED, iccid, PROFILE_TYPES[kind])
        person = subscription(SEED, iccid, PROFILE_TYPES[kind])
        entries[name] = {
            "type": kind,
            "octets": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "iccid": iccid,
            "imsi": person.imsi,
            "k": person.k.hex(),
            "opc": person.opc.hex(),
            "pin": person.pin,
            "puk": person.puk,
            "adm": person.adm,
        }
        yield name, data
    index = {
        "schema": "sgprobe/profiles/1",
        "origin": _ORIGIN,
        "checked": _CHECKED,
        "seed": SEED,
        "files": entries,
    }
    yield INDEX, (json.dumps(index, indent=2) + "\n").encode()
