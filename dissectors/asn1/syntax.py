"""Reads module files with asn1tools' parser and lays the overlays of older versions over them."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

# one type as asn1tools' parser gives it: nested dicts and lists
RawType: TypeAlias = dict[str, Any]

MODULES = Path(__file__).parent / "modules"
_ABSENT = re.compile(r"^\s*-- absent:\s*(.+)$", re.MULTILINE)


class ModuleError(ValueError):
    """A module file of ours, or one that a user named, is not ASN.1 that we can read."""


@lru_cache(maxsize=64)
def parse_module(path: Path) -> tuple[dict[str, RawType], frozenset[str]]:
    """Return the types of one module file, and the names that its overlay removes."""
    import asn1tools.parser  # 110 ms; a warm start never comes here

    text = path.read_text(encoding="utf-8")
    try:
        parsed = asn1tools.parser.parse_string(text)
    except (asn1tools.errors.ParseError, ValueError) as error:
        raise ModuleError(f"{path.name}: {error}") from error
    types: dict[str, RawType] = {}
    for module in parsed.values():
        for name, raw in module["types"].items():
            # X.680 §13.2: a module without a tag default is EXPLICIT
            types[name] = {**raw, "tag default": module["tags"] or "EXPLICIT"}
    absent = {name.strip() for line in _ABSENT.findall(text) for name in line.split(",")}
    return types, frozenset(absent)


def compose(files: tuple[str, ...]) -> dict[str, RawType]:
    """Return the types of a module, with its overlays applied in the order given."""
    types: dict[str, RawType] = {}
    for name in files:
        changed, absent = parse_module(MODULES / name)
        types.update(changed)
        for gone in absent:
            if gone not in types:
                raise ModuleError(f"{name}: '-- absent: {gone}' names no type of a newer version")
            del types[gone]
    return types
