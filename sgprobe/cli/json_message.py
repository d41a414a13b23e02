"""Prints one JSON body of ES9+, ESipa or another interface, its members opened."""

from __future__ import annotations

import json

from dissectors.asn1.versions import Spec, grouped
from dissectors.finding import Severity
from dissectors.spec.functions import FUNCTIONS
from dissectors.trace.json_body import read_json
from dissectors.trace.json_functions import (
    by_name,
    function_of,
    kind_of,
    parse,
    with_events,
)
from dissectors.trace.message import Recognised
from dissectors.trace.render.tree import json_lines
from dissectors.trace.render.words import printable
from sgprobe.cli.command import UserError


def show_json(octets: bytes, spec: Spec | None, name: str | None, form: str) -> int:
    """Print one body; 0 where it is clean, 1 where a finding is an error."""
    found = _recognise(octets, spec, name)
    print(_as_json(found, octets) if form == "json" else _as_tree(found, octets))
    return 1 if any(one.severity is Severity.ERROR for one in found.problems) else 0


def _recognise(octets: bytes, spec: Spec | None, name: str | None) -> Recognised:
    parsed = parse(octets)
    if parsed.problem is not None:
        where = f" at offset {parsed.problem.offset}" if parsed.problem.offset else ""
        raise UserError(f"this begins like JSON and is none{where}: {parsed.problem.text}")
    kind = kind_of(parsed.members)
    names = sorted({f.json for f in FUNCTIONS if f.json is not None})
    if name is not None and name not in names:
        raise UserError(f"--type {name}: no JSON function", f"known: {', '.join(names)}")
    if name is not None:
        function = by_name(name, parsed.members)
    else:
        function = function_of(kind, "", parsed.members)
    if function is None:
        raise UserError(
            "this is JSON of no function that its members would tell",
            f"name the function with --type: {', '.join(names)}",
        )
    function = with_events(function, parsed.value)
    read = read_json(function, kind, parsed, spec)
    return Recognised(function, kind, function.json, read.specs, read.value, read.problems, True)


def _as_tree(found: Recognised, octets: bytes) -> str:
    versions = f"   {grouped(found.spec)}" if found.spec else ""
    head = f"{found.function.name} {found.kind}   {found.function.interface}{versions}"
    lines = [f"{head}   {len(octets)} octets"]
    lines += (line[1:] for line in json_lines(found.value))
    for one in found.problems:
        where = f" at {printable(one.path)}" if one.path else ""
        lines.append(f"{one.severity}: {one.code}{where}: {printable(one.text)}")
    return "\n".join(lines)


def _as_json(found: Recognised, octets: bytes) -> str:
    message = {
        "interface": found.function.interface,
        "function": found.function.name,
        "kind": found.kind,
        "type": found.type,
        "spec": list(found.spec),
        "value": found.value,
        "bytes": octets.hex(),
        "problems": [problem.as_dict() for problem in found.problems],
    }
    return json.dumps(message, indent=2)
