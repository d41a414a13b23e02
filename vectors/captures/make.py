"""Makes the captures of this folder again: files, key logs, golden NDJSON and the index.

    python vectors/captures/make.py            everything that is fixed, and all goldens
    python vectors/captures/make.py --all      also what is random: sessions of OpenSSL
    python vectors/captures/make.py NAME...    these alone

A capture that is random in part (`fixed` is false in the index) is made anew only when it is asked
for; its golden NDJSON is always that of the stored file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"
for folder in (TESTS / "trace", TESTS / "link", TESTS / "link" / "coap", HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from capture_catalogue import SCENES, Capture, Scene  # noqa: E402

from dissectors.link.keylog import KeyLog  # noqa: E402
from dissectors.trace.read import Options, Trace, read_trace  # noqa: E402

INDEX = HERE / "index.json"


def entry(scene: Scene, capture: Capture, stored: dict[str, object] | None) -> dict[str, object]:
    """Write the file of a capture and return its row of the index."""
    name = f"{scene.name}.{capture.suffix}"
    (HERE / name).write_bytes(capture.data)
    row: dict[str, object] = {
        "name": scene.name,
        "file": name,
        "title": scene.title,
        "origin": scene.origin,
        "fixed": scene.fixed,
        "sha256": hashlib.sha256(capture.data).hexdigest(),
    }
    if capture.keys:
        row["keylog"] = f"{scene.name}.keys"
        (HERE / f"{scene.name}.keys").write_bytes(capture.keys)
    if capture.psk:
        row["psk"] = capture.psk
    if scene.notes:
        row["notes"] = list(scene.notes)
    row["sent"] = [
        {"kind": one.kind, "interface": one.interface, "function": one.function,
         "size": len(one.body), "sha256": hashlib.sha256(one.body).hexdigest()}
        | ({"lost": True} if one.lost else {})
        for one in capture.sent
    ]  # fmt: skip
    return row


def decode(row: dict[str, object]) -> Trace:
    """Decode a stored capture with its keys."""
    keys = KeyLog()
    if "keylog" in row:
        keys.add_text((HERE / str(row["keylog"])).read_bytes())
    psk = bytes.fromhex(str(row.get("psk", ""))) or None
    return read_trace(HERE / str(row["file"]), Options(keys=keys, psk=psk))


def golden(row: dict[str, object]) -> str:
    """Return the NDJSON of a stored capture."""
    return "".join(message.as_json() + "\n" for message in decode(row).messages)


def dump(rows: list[dict[str, object]]) -> str:
    """Return the index: one line for each capture's parts, so that changes can be read."""
    lines = []
    for row in rows:
        sent = ",\n".join("    " + json.dumps(one) for one in row["sent"])  # type: ignore[attr-defined]
        head = json.dumps({k: v for k, v in row.items() if k != "sent"}, ensure_ascii=False)
        sent = f"\n{sent}\n  " if sent else ""
        lines.append(f'  {head[:-1]}, "sent": [{sent}]}}')
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--goldens", action="store_true", help="leave the captures as they are")
    arguments = parser.parse_args()
    stored = {row["name"]: row for row in json.loads(INDEX.read_text())} if INDEX.exists() else {}
    rows = []
    for name, scene in SCENES.items():
        asked = name in arguments.names if arguments.names else scene.fixed or arguments.all
        if name not in stored or (asked and not arguments.goldens):
            rows.append(entry(scene, scene.make(), stored.get(name)))
        else:
            rows.append(stored[name])
        (HERE / f"{name}.ndjson").write_text(golden(rows[-1]), encoding="utf-8")
    INDEX.write_text(dump(rows), encoding="utf-8")
    wanted = {"make.py", "README.md", "index.json", "index.schema.json"}
    wanted |= {str(row[part]) for row in rows for part in ("file", "keylog") if part in row}
    wanted |= {f"{row['name']}.ndjson" for row in rows}
    for path in HERE.iterdir():
        if path.is_file() and path.name not in wanted and not path.name.startswith("tshark"):
            print("not in the index:", path.name)


if __name__ == "__main__":
    main()
