#!/usr/bin/env python3
"""The trigger of own-fpa.yaml: the line of `sgprobe factory`, started anew for each action."""

import asyncio
import base64
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sgprobe.crypto.pki import TestPki
from sgprobe.host.station import ReaderDevice, Slot
from sgprobe.links.card_tcp import TcpReader
from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.fpa.journal import JournalError
from sgprobe.peers.fpa.line import Line

STORE = Path(tempfile.gettempdir()) / f"sgprobe-own-fpa-{os.getuid()}"
READER = ("127.0.0.1", 18480)


def line(number):
    return Line(STORE / f"line{number}", [TestPki.load()["p256"].anchor])


def take(given):
    source = Path(given["path"])
    kept = STORE / f"deliveries{given.get('line', 1)}" / source.name
    # what it was given may go away, what it loads from stays
    kept.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, kept, symlinks=True)
    else:
        shutil.copyfile(source, kept)
    try:
        found = line(given.get("line", 1)).import_delivery(kept, time.time())
    except Refused as refused:
        return {"state": "refused", "reason": str(refused)}
    if found.ok:
        return {"state": "accepted"}
    reason = "; ".join(map(str, found.faults[:3]))
    return {"state": "limited" if found.usable else "refused", "reason": reason}


def load(given):
    station = line(given.get("line", 1)).station(f"s{int(given.get('station', 1)):02d}")
    with asyncio.Runner() as runner:
        reader = TcpReader(READER)
        process = station.process(given.get("scanned"), given.get("override"))
        done = Slot(ReaderDevice(reader, runner.run)).run(process)
        runner.run(reader.close())
    return {"good": done.good, "reason": done.reason}


def report(given):
    final = given.get("final") == "yes"
    written = [
        one.octets()
        for number in (1, 2)
        if (STORE / f"line{number}").is_dir()
        for one in line(number).reports(time.time(), final=final)
    ]
    return {"reports": [base64.b64encode(one).decode() for one in written]}


def damaged(given):
    own = line(1)
    candidate = next(own.stock.find(given["eid"]))
    own.damaged(
        "s01",
        candidate.stocked.id,
        candidate.entry.package_id,
        given["eid"],
        "ff" * 10,
        time.time(),
    )
    return {}


def search(given):
    wanted = bytes.fromhex(given["octets"])
    kept = (path.read_bytes().lower() for path in STORE.rglob("*") if path.is_file())
    return {
        "found": any(
            one in octets for octets in kept for one in (wanted.lower(), wanted.hex().encode())
        )
    }


ACTIONS = {
    "import": take,
    "load": load,
    "report": report,
    "damaged": damaged,
    "octets": search,
    "product": lambda given: {},
}

asked = json.load(sys.stdin)
try:
    print(json.dumps(ACTIONS[asked["action"]](asked["given"])))
except (OSError, Refused, JournalError) as error:
    # one line is what a report has room for
    sys.exit(f"{type(error).__name__}: {error}")
