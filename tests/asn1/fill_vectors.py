"""Completes vector files in place: ids, and the bytes of rows that have a value and no hex yet.

    python tests/asn1/fill_vectors.py vectors/messages/*.json

Bytes come from pycrate, never from our own encoder. A row keeps its id for ever; a new row gets the
number after the highest. What is there already is not changed, only laid out in one way.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dissectors.asn1.versions import parse_spec

sys.path.insert(0, str(Path(__file__).parent))

from asn1_oracles import pycrate_encode

_ORDER = ("id", "type", "specs", "also", "likeliest", "typed", "flags", "origin", "notes", "hex",
          "value", "values", "result", "findings")  # fmt: skip


def fill(file: dict[str, Any]) -> None:
    """Give every row its id, its bytes, and members in order."""
    rows = file["messages"]
    last = max((int(row["id"].partition("/")[2]) for row in rows if row.get("id")), default=0)
    for row in rows:
        if not row.get("id"):
            last += 1
            row["id"] = f"{file['topic']}/{last:03d}"
        if "hex" not in row:
            spec = parse_spec(row["specs"][-1])
            row["hex"] = pycrate_encode(spec, row["type"], row["value"]).hex()
        row.setdefault("result", "valid")
        row.setdefault("findings", [])
        for name in ("also", "likeliest", "flags", "notes", "values"):
            if name in row and not row[name]:
                del row[name]
    file["messages"] = [{name: row[name] for name in _ORDER if name in row} for row in rows]
    used = {flag for row in rows for flag in row.get("flags", ())}
    unknown = used - file["flags"].keys()
    if unknown:
        raise SystemExit(f"{file['topic']}: flags without a meaning: {', '.join(sorted(unknown))}")


def laid_out(file: dict[str, Any]) -> str:
    """Return the text of a file: one line per simple member, values as compact JSON."""
    head = {name: value for name, value in file.items() if name != "messages"}
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    rows = []
    for row in file["messages"]:
        members = [
            f"   {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in row.items()
        ]
        rows.append("  {\n" + ",\n".join(members) + "\n  }")
    return text + ',\n "messages": [\n' + ",\n".join(rows) + "\n ]\n}\n"


def main(paths: list[str]) -> None:
    """Complete the files named."""
    for path in map(Path, paths):
        file = json.loads(path.read_text(encoding="utf-8"))
        fill(file)
        path.write_text(laid_out(file), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
