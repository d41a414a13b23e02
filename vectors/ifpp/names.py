"""The names, numbers and clocks of all stories; they never change, so examples are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.profiles.library import make_iccid

SEED = "evidence"
NETWORK = "00101"
START = 1_767_225_600.0  # 2026-01-01
LOADED, SEALED = START, START + 3600
CHALLENGE = keys.seeded(SEED, "witness", size=16)
STATION_CHALLENGE = keys.seeded(SEED, "station", size=16)
LAB_CHALLENGE = keys.seeded(SEED, "lab", size=16)
OPERATIONAL, BOOTSTRAP = make_iccid(1), make_iccid(901)
ORDER, DELIVERY, FACTORY = "O1", "D1", "factory-1"
CERTIFICATES = TestPki.load()[Curve.P256]
OPERATOR_KEY = keys.derive_key(SEED, "operator", Curve.P256)
DEVICE, CELL, DNS, PURPOSE = "10.0.0.2", "10.0.0.1", "198.51.100.53", "198.51.100.20"
CANARY_PORT, PURPOSE_PORT = 4747, 9999
HERE = Path(__file__).resolve().parent


def pretty(value: Any) -> str:
    """Return JSON as a file has it."""
    return json.dumps(value, indent=1) + "\n"
