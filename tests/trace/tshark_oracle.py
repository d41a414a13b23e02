"""What tshark finds in the stored captures, in a form that ours can be held against.

    TSHARK=/path/to/tshark python tests/trace/tshark_oracle.py

writes `vectors/captures/tshark.json` again; tshark must be 4.6 or later.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from stored_captures import FOLDER, Row, index

from dissectors.trace.message import Message
from dissectors.trace.paths import find

STORED = FOLDER / "tshark.json"
# an ESipa message: its tag, and all values of these members in it, sorted
MEMBERS = ("eidValue", "counterValue", "seqNumber")
_BODIES = ("http.file_data", "http2.data.data", "http2.body.reassembled.data")
_ROOTS = ("sgp32.EsipaMessageFromIpaToEim", "sgp32.EsipaMessageFromEimToIpa")
_VALUES = (("sgp32.eidValue",), ("sgp32.counterValue",), ("sgp32.seqNumber", "sgp22.seqNumber"))
_FIELDS = ("frame.protocols", *_BODIES, *_ROOTS, *(name for names in _VALUES for name in names))
_SHOWN = "http or http2 or coap or sgp32 or sgp22"
Found = dict[str, list[str]]


def find_tshark() -> str | None:
    """Return a tshark of 4.6 or later, which are those that know SGP.32."""
    path = os.environ.get("TSHARK") or shutil.which("tshark")
    if path is None:
        return None
    out = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)\.\d+", out)
    new = version is not None and (int(version[1]), int(version[2])) >= (4, 6)
    return path if new else None


def command(row: Row) -> list[str]:
    """Return the arguments of tshark for a capture."""
    out = ["-n", "-r", str(FOLDER / row["file"]), "-o", "tcp.reassemble_out_of_order:TRUE"]
    out += ["-d", "media_type==application/octet-stream,sgp32"]
    if "keylog" in row:
        out += ["-o", f"tls.keylog_file:{FOLDER / row['keylog']}"]
    if "psk" in row:
        out += ["-o", f"dtls.psk:{row['psk']}"]
    out += ["-Y", _SHOWN, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    for name in _FIELDS:
        out += ["-e", name]
    return out


def ask(tshark: str, row: Row) -> Found:
    """Return what tshark finds in a capture: bodies of HTTP, ESipa messages, card messages."""
    done = subprocess.run([tshark, *command(row)], capture_output=True, text=True, check=False)
    if "valid" in done.stderr and not done.stdout:
        raise RuntimeError(done.stderr)
    bodies: list[str] = []
    messages: list[str] = []
    cards = 0
    for line in done.stdout.splitlines():
        cells = dict(zip(_FIELDS, line.split("\t"), strict=True))
        bodies += [short(bytes.fromhex(one)) for name in _BODIES for one in split(cells[name])]
        tags = [int(one) for name in _ROOTS for one in split(cells[name])]
        values = [
            joined([one for name in names for one in split(cells[name])]) for names in _VALUES
        ]
        if tags:
            # several messages in one frame cannot be told apart
            messages.append("/".join(["+".join(f"{tag:02x}" for tag in tags), *values]))
        protocols = cells["frame.protocols"].split(":")
        cards += bool({"sgp22", "sgp32"} & set(protocols)) and "gsm_sim" in protocols
    return {"bodies": bodies, "esipa": messages, "cards": [str(cards)]}


def joined(values: list[str]) -> str:
    """Return values as one text, whatever their order."""
    return "+".join(sorted(values))


def split(cell: str) -> list[str]:
    """Return the values of one cell."""
    return [one for one in cell.split("|") if one]


def short(body: bytes) -> str:
    """Return what stands for a body."""
    return hashlib.sha256(body).hexdigest()[:16]


def ours(messages: list[Message]) -> Found:
    """Return the same of our messages."""
    bodies = [short(one.octets) for one in messages if one.octets and "http" in one.transport]
    told = []
    for one in messages:
        if one.interface == "ESipa" and one.octets[:1] == b"\xbf":
            values = [
                joined([str(found) for found in find(one.value, (name,))]) for name in MEMBERS
            ]
            told.append("/".join([one.octets[1:2].hex(), *values]))
    cards = sum(one.transport == "apdu" for one in messages)
    return {"bodies": bodies, "esipa": told, "cards": [str(cards)]}


def readable() -> dict[str, Row]:
    """Return the captures that are captures: not the logs of APDUs."""
    return {name: row for name, row in index().items() if not row["file"].endswith(".log")}


def main() -> None:
    tshark = find_tshark()
    if tshark is None:
        sys.exit("no tshark 4.6 or later; TSHARK=path names one")
    out = subprocess.run([tshark, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\d+\.\d+\.\d+", out)
    assert version is not None
    rows = {name: ask(tshark, row) for name, row in readable().items()}
    lines = [f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in rows.items()]
    head = f'"tshark": "{version[0]}",\n"command": "python tests/trace/tshark_oracle.py",\n'
    STORED.write_text("{\n" + head + '"captures": {\n' + ",\n".join(lines) + "\n}\n}\n")


if __name__ == "__main__":
    main()
