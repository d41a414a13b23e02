"""Prints one message: heading, tree, findings; or the same as JSON."""

from __future__ import annotations

import json

from dissectors.asn1 import codec
from dissectors.asn1.detect import DetectError, Detection, detect
from dissectors.asn1.print_tree import tree_lines
from dissectors.asn1.versions import Spec, grouped
from dissectors.finding import Finding, Severity
from sgprobe.cli.command import UserError

_WINDOW = 16  # octets of hex shown before and after the place of a finding


def show_message(
    octets: bytes, spec: Spec | None, type_name: str | None, form: str, with_bytes: bool
) -> int:
    """Print one message; 0 where it is clean, 1 where a finding is an error."""
    try:
        found = detect(octets, (spec,) if spec else None, type_name)
    except DetectError as error:
        # where the type was named there is nothing to point at
        text = str(error) if type_name else f"{error}\n{_caret(octets, 0)}"
        raise UserError(text, "`sgprobe asn1 show` lists the types and their tags") from None
    print(_as_json(found) if form == "json" else _as_tree(found, with_bytes))
    return 0 if found.decoded.ok else 1


def _as_tree(found: Detection, with_bytes: bool) -> str:
    loaded = codec.load(found.spec)
    tree = loaded.tree(found.type, found.decoded.raw)
    lines = [f"{found.type}   {grouped(found.specs)}   {len(tree.raw)} octets"]
    lines += [f"  also fits {name}   {grouped(specs)}" for name, specs in found.others]
    for line in tree_lines(loaded, tree):
        place = f"{line.start:>6} {line.tag:<6} " if with_bytes else ""
        text = f": {line.text}" if line.text else ""
        # the heading has named the message: its own line adds only bytes
        if line.depth or with_bytes:
            indent = line.depth if with_bytes else line.depth - 1
            lines.append(f"{place}{'  ' * (indent + 1)}{line.name}{text}")
    for finding in tree.findings:
        lines += _finding_lines(finding, tree.raw)
    return "\n".join(lines)


def _finding_lines(finding: Finding, octets: bytes) -> list[str]:
    where = f" at {finding.path}" if finding.path else ""
    head = f"{finding.severity}: {finding.code}{where}, offset {finding.offset}: {finding.text}"
    if finding.severity is Severity.INFO:
        return [head]
    return [head, _caret(octets, finding.offset)]


def _caret(octets: bytes, offset: int) -> str:
    """Return two lines: hex around an offset, and a caret below the octet there."""
    start = max(0, offset - _WINDOW)
    shown = octets[start : offset + _WINDOW]
    lead = "… " if start else ""
    tail = " …" if offset + _WINDOW < len(octets) else ""
    at = len(lead) + 3 * (offset - start)
    return f"    {lead}{shown.hex(' ').upper()}{tail}\n    {' ' * at}^^"


def _as_json(found: Detection) -> str:
    loaded = codec.load(found.spec)
    tree = loaded.tree(found.type, found.decoded.raw)
    message = {
        "type": found.type,
        "spec": list(found.specs),
        "also": [{"type": name, "spec": list(specs)} for name, specs in found.others],
        "value": found.decoded.value,
        "bytes": found.decoded.raw.hex(),
        "elements": [
            {"path": line.path, "type": line.type, "tag": line.tag, "range": [line.start, line.end]}
            for line in tree_lines(loaded, tree)
            if line.type
        ],
        "problems": [finding.as_dict() for finding in found.decoded.findings],
    }
    return json.dumps(message, indent=2, ensure_ascii=False)
