"""The golden messages as the tests of this room read them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from scapy.layers.inet import UDP
from scapy.utils import rdpcap

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


@lru_cache(maxsize=1)
def rows() -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for path in sorted((VECTORS / "messages").glob("*.json")):
        if not path.name.endswith(".schema.json"):
            found += json.loads(path.read_text(encoding="utf-8"))["messages"]
    return tuple(found)


def octets(row: dict[str, Any]) -> bytes:
    return bytes.fromhex(row["hex"])


def valid_of(type_name: str) -> list[dict[str, Any]]:
    return [row for row in rows() if row["type"] == type_name and row["result"] == "valid"]


def datagrams(prefix: str, port: int) -> list[bytes]:
    """Return the payloads of UDP that stored captures have to or from a port."""
    found: list[bytes] = []
    for path in sorted((VECTORS / "captures").glob(f"{prefix}*.pcap")):
        for frame in rdpcap(str(path)):
            if UDP in frame and port in (frame[UDP].sport, frame[UDP].dport):
                found.append(frame[UDP].original[8 : frame[UDP].len])
    assert found, f"no capture {prefix} with port {port}"
    return found
