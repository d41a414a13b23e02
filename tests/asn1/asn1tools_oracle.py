"""asn1tools over the module files, its known faults out of the schema; and our values beside its.

The value forms of three codecs differ; `comparable` brings ours to what the other two print.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1_oracles import texts

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.resolve import LEAVES
from dissectors.asn1.versions import Spec


@lru_cache(maxsize=32)
def asn1tools_types(spec: Spec, opaque: bool = False) -> dict[str, Any]:
    """Return asn1tools' DER types by name, its known fault patched out of the schema.

    asn1tools 0.169.0 writes both tags where a tag stands over a `[m] CHOICE`. Each such type gets a
    twin without the tag of its own, which is used wherever a tag replaces it. With `opaque`, X.509
    objects are sequences of nothing known, whose members are passed over.
    """
    import asn1tools

    modules = asn1tools.parse_string("\n".join(texts(spec)))
    for name in LEAVES if opaque else ():
        modules["PKIX1Explicit88"]["types"][name]["members"] = []
    tagged = {
        name
        for module in modules.values()
        for name, raw in module["types"].items()
        if raw["type"] == "CHOICE" and "tag" in raw
    }
    for module in modules.values():
        for name in tagged & module["types"].keys():
            module["types"][f"{name}-Bare"] = {
                key: value for key, value in module["types"][name].items() if key != "tag"
            }
        for names in module["imports"].values():
            names += [f"{name}-Bare" for name in names if name in tagged]
        for raw in module["types"].values():
            _use_twins(raw, tagged, module["tags"] == "AUTOMATIC")
    compiled = asn1tools.compile_dict(modules, "der")
    types: dict[str, Any] = {}
    for name in ("SGP32Definitions", "RSPDefinitions", "PKIX1Explicit88"):
        for key, one in compiled.modules.get(name, {}).items():
            types.setdefault(key, one)
    return types


def _use_twins(raw: dict[str, Any], tagged: set[str], automatic: bool) -> None:
    members = [one for one in raw.get("members", ()) if one]
    if automatic and not any("tag" in one for one in members):
        for number, one in enumerate(members):
            one["tag"] = {"number": number}
    for one in [*members, *([raw["element"]] if "element" in raw else [])]:
        if one["type"] in tagged and "tag" in one:
            one["type"] += "-Bare"
        if one["type"] == "ANY" and "tag" in one:
            # X.680 §31.2.7: a tag over an open type is explicit
            one["tag"]["kind"] = "EXPLICIT"
        _use_twins(one, tagged, automatic)


def asn1tools_decode(spec: Spec, type_name: str, data: bytes) -> Any:
    """Return what asn1tools reads, in the form of `comparable`."""
    return _from_asn1tools(asn1tools_types(spec)[type_name].decode(data))


def _from_asn1tools(value: Any) -> Any:
    match value:
        case dict():
            return {name: _from_asn1tools(one) for name, one in value.items()}
        case list():
            return [_from_asn1tools(one) for one in value]
        case (str() as name, datetime() as moment):
            year = "%y" if name == "utcTime" else "%Y"
            return {name: moment.strftime(f"{year}%m%d%H%M%SZ")}
        case datetime():
            return value.strftime("%Y%m%d%H%M%SZ")
        case (str() as name, one):
            return {name: _from_asn1tools(one)}
        case (bytes() as octets, int() as length):
            return {"value": octets[: (length + 7) // 8].hex(), "length": length}
        case bytes() | bytearray():
            return value.hex()
    return value


# --- our values, in the form that all three can be compared in ---


def comparable(schema: m.Schema, type_: m.Type, value: Any, asn1tools: bool = False) -> Any:
    """Return a value of ours: numbers for names, certificates opened, unknown elements left out.

    asn1tools fills in defaults, and splits the first number of an object identifier at 40 even
    where it is 2.40 or above.
    """
    match schema.shape(type_):
        case m.Sequence(fields) if isinstance(value, dict):
            found = {
                one.name: comparable(schema, one.type, value[one.name], asn1tools)
                for one in fields
                if one.name in value
            }
            for one in fields:
                if asn1tools and one.default is not None:
                    found.setdefault(one.name, one.default)
            return found
        case m.Choice(arms):
            ((name, inner),) = value.items()
            arm = next(one for one in arms if one.name == name)
            return {name: comparable(schema, arm.type, inner, asn1tools)}
        case m.ListOf(element):
            return [comparable(schema, element, one, asn1tools) for one in value]
        case m.Integer(names) if isinstance(value, str):
            return {label: number for number, label in names}[value]
        case m.Leaf(name):
            opened = codec.load(schema.spec).decode(name, bytes.fromhex(value))
            return comparable(schema, schema.types[name], opened.value, asn1tools)
        case m.Oid() if asn1tools:
            top, second, *rest = (int(arc) for arc in value.split("."))
            first = 40 * top + second
            return ".".join(map(str, (first // 40, first % 40, *rest)))
    return value
