"""Rows of the stored captures, and their datagrams as scapy sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from scapy.layers.inet import UDP
from scapy.utils import rdpcap

from dissectors.link.keylog import KeyLog
from sgprobe.data import data_dir
from sgprobe.engine.capture.row import Roles, Row, Rows
from sgprobe.engine.capture.rows import read_rows

FOLDER = data_dir("vectors") / "captures"
CLIENT, SERVER = ("127.0.0.1", 40001), ("127.0.0.1", 5683)
EIM = Roles(servers={"127.0.0.1:5683": "eim", "127.0.0.1:8443": "eim"})


@cache
def index() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((FOLDER / "index.json").read_text())}


@cache
def stored(name: str) -> Rows:
    """Return the rows of a stored capture, with its keys."""
    row = index()[name]
    keys = KeyLog()
    if "keylog" in row:
        keys.add_text((FOLDER / row["keylog"]).read_bytes())
    psk = bytes.fromhex(row.get("psk", "")) or None
    return read_rows(FOLDER / row["file"], keys=keys, psk=psk)


def of(rows: Rows, unit: str) -> list[Row]:
    return [row for row in rows.rows if row.unit == unit]


def values(rows: Rows, unit: str, name: str) -> list[Any]:
    return [value for row in of(rows, unit) for value in row.values(name)]


def udp(name: str) -> Iterator[tuple[int, float, tuple[str, int], bytes]]:
    for frame, packet in enumerate(rdpcap(str(FOLDER / index()[name]["file"])), 1):
        if UDP in packet:
            source = packet[UDP].underlayer.src
            data = bytes(packet[UDP].payload)[: packet[UDP].len - 8]
            yield frame, float(packet.time), (source, packet[UDP].sport), data
