"""Reads `evidence.yaml`: what the examiner declares, and which file is which item of evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dissectors.spec.identity import is_eid
from sgprobe.fileerror import FileError, Problem
from sgprobe.judge.rules import KEPT
from sgprobe.peers.rules import Rules
from sgprobe.problems import Problems, shown
from sgprobe.yamlfile import read_file
from sgprobe.yamlnode import Mapping, Node, Scalar, Source
from sgprobe.yamltable import known_word, only, text, texts

NAME = "evidence.yaml"
# the files of each item, and what the item is called
ITEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "E1": ("order, signed by the operator", ("order",)),
    "E2": ("eUICC data of the EUM", ("batch",)),
    "E3": ("prebound package with its signed load context", ("package",)),
    "E4": ("delivery with its signed manifest", ("delivery",)),
    "E5": ("station log and APDU trace of the load", ("log", "trace")),
    "E6": ("result of the load, signed by the eUICC", ("result",)),
    "E7": ("signed state for the witness's challenge", ("state",)),
    "E8": ("network capture of the line", ("capture", "counters")),
    "E9": ("shielded boot: APDU trace and vector", ("trace", "vector")),
    "E10": ("open first boot: capture of everything", ("capture", "counters", "cell")),
    "E11": ("answer of the operator, signed", ("answer",)),
    "E12": ("loading report and the SM-DPf's verdict", ("report", "verdict")),
    "E13": ("custody record", ("custody",)),
    "E14": ("preload statement, signed by the EUM", ("statement",)),
}
_READERS = ("station", "independent")
_KEYS = ("evidence", "device", "operator", "witness", "first-function", "canary", "known", "items")
_FORMS = {
    "EID": re.compile(r"\d{32}", re.ASCII),
    "network": re.compile(r"\d{5,6}", re.ASCII),
    "hex": re.compile(r"([0-9a-fA-F]{2})+", re.ASCII),
    "port": re.compile(r"\d{1,5}", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """The exchange that the device is for: the first one that succeeds ends its first boot."""

    transport: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What the examiner declares, and the files of each item."""

    folder: Path
    eid: str
    network: str
    # the operator's public key, SPKI in DER
    key: bytes = field(repr=False)
    sponsors: frozenset[str] = frozenset()
    challenge: str = ""
    purpose: Purpose | None = None
    canary: int = 0
    # addresses whose traffic is understood: name servers, time servers
    known: frozenset[str] = frozenset()
    items: Table[str, Table[str, Path]] = field(default_factory=dict)
    # who kept the APDU trace of E5
    reader: str = "station"
    rules: Rules = field(default=KEPT, repr=False)


def read_plan(folder: Path) -> Plan:
    """Return the plan of an evidence directory; FileError says all that is wrong with it."""
    path = folder / NAME
    node = read_file(path, str(path))
    problems = Problems()
    if not isinstance(node, Mapping):
        raise FileError([Problem(node.source, "the file holds no keys")])
    only(node, _KEYS, problems)
    if text(node, "evidence", problems) not in ("0", ""):
        problems.add(_place(node, "evidence"), "this reads evidence of format 0")
    device = _formed(node, "device", "EID", problems)
    if device and not is_eid(device):
        problems.add(_place(node, "device"), f"the check digits of EID {device} are wrong")
    operator = _part(node, "operator", ("network", "key", "sponsors"), problems, need=True)
    witness = _part(node, "witness", ("challenge",), problems)
    canary = _part(node, "canary", ("port",), problems)
    items, reader = _items(node, folder, problems)
    plan = Plan(
        folder,
        device,
        _formed(operator, "network", "network", problems) if operator else "",
        bytes.fromhex(_formed(operator, "key", "hex", problems) if operator else ""),
        frozenset(one.text for one in texts(operator, "sponsors", problems))
        if operator
        else frozenset(),
        _formed(witness, "challenge", "hex", problems).lower() if witness else "",
        _purpose(node, problems),
        _port(canary, problems) if canary else 0,
        frozenset(one.text for one in texts(node, "known", problems)),
        items,
        reader,
    )
    problems.raise_errors()
    return plan


def _place(node: Mapping, name: str) -> Source:
    return (node.get(name) or node).source


def _part(
    node: Mapping, name: str, names: tuple[str, ...], problems: Problems, *, need: bool = False
) -> Mapping | None:
    value = node.get(name)
    if isinstance(value, Mapping):
        only(value, names, problems)
        return value
    if value is not None or need:
        problems.add((value or node).source, f"'{name}' needs keys of its own: {', '.join(names)}")
    return None


def _formed(node: Mapping, name: str, form: str, problems: Problems) -> str:
    given = text(node, name, problems)
    if given and not _FORMS[form].fullmatch(given):
        problems.add(_place(node, name), f"{shown(given)} is no {form}")
        return ""
    return given


def _port(node: Mapping, problems: Problems) -> int:
    number = int(_formed(node, "port", "port", problems) or 0)
    if number > 0xFFFF:
        problems.add(_place(node, "port"), f"{number} is no port")
    return number


def _purpose(node: Mapping, problems: Problems) -> Purpose | None:
    part = _part(node, "first-function", ("transport", "address", "port"), problems)
    if part is None:
        return None
    given = part.get("transport")
    transport = known_word(given, ("tcp", "udp"), problems) if given else ""
    if not transport:
        problems.add(part.source, "'transport' is tcp or udp")
    return Purpose(transport, text(part, "address", problems), _port(part, problems))


def _items(
    node: Mapping, folder: Path, problems: Problems
) -> tuple[dict[str, dict[str, Path]], str]:
    found: dict[str, dict[str, Path]] = {}
    reader = "station"
    table = node.get("items")
    if not isinstance(table, Mapping):
        problems.add((table or node).source, f"'items' names evidence: {', '.join(ITEMS)}")
        return found, reader
    only(table, ITEMS, problems)
    for key, value in table.entries:
        if key.text not in ITEMS:
            continue
        names = ITEMS[key.text][1] + (("reader",) if key.text == "E5" else ())
        if not isinstance(value, Mapping):
            problems.add(value.source, f"{key.text} names files: {', '.join(names)}")
            continue
        only(value, names, problems)
        for part, file in value.entries:
            if part.text == "reader":
                reader = known_word(file, _READERS, problems) or reader
            elif part.text in names:
                path = _path(file, folder, problems)
                if path is not None:
                    found.setdefault(key.text, {})[part.text] = path
    return found, reader


def _path(node: Node, folder: Path, problems: Problems) -> Path | None:
    """Return the path of a named file; whether it is there is for the item to say."""
    given = node.text if isinstance(node, Scalar) else ""
    if not given:
        problems.add(node.source, "the name of a file is missing here")
        return None
    pure = PurePosixPath(given)
    path = folder / pure
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        inside = False
    if pure.is_absolute() or not inside:
        problems.add(node.source, f"{shown(given)} is outside of the evidence directory")
        return None
    return path
