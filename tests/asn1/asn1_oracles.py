"""Two other ASN.1 compilers over the same module files: pycrate, and asn1tools with its faults out.

Neither shares a line with our tag resolution. The overlays are laid on as text, here, once more.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.resolve import LEAVES
from dissectors.asn1.syntax import MODULES
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.asn1.versions import Spec, parse_spec

_DEFINITION = re.compile(r"^([A-Z][A-Za-z0-9-]*)\s*::=", re.MULTILINE)
_HEAD = (
    "{name} {{ {oid} }}\nDEFINITIONS AUTOMATIC TAGS EXTENSIBILITY IMPLIED ::=\nBEGIN\n{imports}\n"
)
_OIDS = {"RSPDefinitions": "2 23 146 1 1 2", "SGP32Definitions": "2 23 146 1 1 31"}


def _definitions(file: str) -> tuple[dict[str, str], list[str]]:
    """Return the definitions of a module file as text, and the names that it removes."""
    text = (MODULES / file).read_text(encoding="utf-8")
    absent = [
        name
        for line in re.findall(r"^-- absent: (.+)$", text, re.MULTILINE)
        for name in line.split(", ")
    ]
    body = re.sub(r"--[^\n]*", "", text).partition("BEGIN")[2].rpartition("END")[0]
    starts = [*_DEFINITION.finditer(body)]
    ends = [*(one.start() for one in starts[1:]), len(body)][: len(starts)]
    found = {one[1]: body[one.start() : end].strip() for one, end in zip(starts, ends, strict=True)}
    return found, absent


def _composed(spec: Spec) -> dict[str, str]:
    types: dict[str, str] = {}
    for file in spec.modules:
        found, absent = _definitions(file)
        types |= found
        for name in absent:
            del types[name]
    return types


def _module(name: str, types: dict[str, str], sources: dict[str, set[str]]) -> str:
    words = set(re.findall(r"\b[A-Z][A-Za-z0-9-]*\b", " ".join(types.values())))
    imports = []
    left = words - types.keys()
    for source, names in sources.items():
        if wanted := sorted(left & names):
            imports.append(f"{', '.join(wanted)} FROM {source}")
            left -= names
    head = _HEAD.format(name=name, oid=_OIDS[name], imports="IMPORTS " + " ".join(imports) + ";")
    return head + "\n\n".join(types.values()) + "\n\nEND\n"


def texts(spec: Spec) -> list[str]:
    """Return whole ASN.1 modules of one version, imports included."""
    pkix = (MODULES / "pkix.asn").read_text(encoding="utf-8")
    sources = {
        f"{head[1]} {{ {head[2].strip()} }}": set(_DEFINITION.findall(head[3]))
        for head in re.finditer(
            r"^(\w+) \{([^}]*)\}\nDEFINITIONS.*?BEGIN(.*?)^END$", pkix, re.MULTILINE | re.DOTALL
        )
    }
    if not spec.imports:
        return [pkix, _module("RSPDefinitions", _composed(spec), sources)]
    rsp = _composed(parse_spec(spec.imports))
    seen = {f"RSPDefinitions {{ {_OIDS['RSPDefinitions']} }}": set(rsp), **sources}
    return [
        pkix,
        _module("RSPDefinitions", rsp, sources),
        _module("SGP32Definitions", _composed(spec), seen),
    ]


# --- pycrate ---


@lru_cache(maxsize=16)
def pycrate_types(spec: Spec) -> dict[str, Any]:
    """Return pycrate's objects by type name."""
    from pycrate_asn1c.asnproc import compile_text, generate_modules  # type: ignore[import-untyped]
    from pycrate_asn1c.generator import PycrateGenerator  # type: ignore[import-untyped]
    from pycrate_asn1c.glob import GLOBAL  # type: ignore[import-untyped]

    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "types.py"
        GLOBAL.clear()
        compile_text(_written_out("\n".join(texts(spec))))
        generate_modules(PycrateGenerator, str(path))
        namespace: dict[str, Any] = {}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    objects: dict[str, Any] = {}
    for name in ("SGP32Definitions", "RSPDefinitions", "PKIX1Explicit88", "PEDefinitions"):
        module = namespace.get(name)
        for one in module._all_ if module else ():
            objects.setdefault(one._name, one)
    return objects


# pycrate 0.8.1 makes an automatic tag over a `[m] CHOICE` explicit, against X.680 §31.2.7; where a
# tag is written it is right, so these are written out as the rule gives them
_AUTOMATIC = (
    (
        r"transactionId TransactionId,\s+cancelSessionResponse CancelSessionResponse",
        "transactionId [0] TransactionId, cancelSessionResponse [1] CancelSessionResponse",
    ),
    (
        r"pendingNotification PendingNotification,\s+provideEimPackageResult ",
        "pendingNotification [0] PendingNotification, provideEimPackageResult [1] ",
    ),
)


def _written_out(text: str) -> str:
    for pattern, replacement in _AUTOMATIC:
        text = re.sub(pattern, replacement, text)
    return text


def pycrate_encode(spec: Spec, type_name: str, value: Any) -> bytes:
    """Return the DER that pycrate gives for a JER value of ours."""
    kind = pycrate_types(spec)[type_name]
    kind.set_val(_to_pycrate(spec, kind, value))
    encoded: bytes = kind.to_der()
    return encoded


def _to_pycrate(spec: Spec, kind: Any, value: Any) -> Any:
    """Convert a value, led by pycrate's own object and nothing of ours."""
    match kind.TYPE:
        case "SEQUENCE" if isinstance(value, str):
            # an X.509 object as DER: take what pycrate itself reads there
            name = kind._typeref.called[1] if kind._typeref else kind._name
            certificate = pycrate_types(spec)[name]
            certificate.from_der(bytes.fromhex(value))
            return certificate.get_val()
        case "SEQUENCE":
            return {name: _to_pycrate(spec, kind._cont[name], one) for name, one in value.items()}
        case "CHOICE":
            ((name, one),) = value.items()
            return name, _to_pycrate(spec, kind._cont[name], one)
        case "SEQUENCE OF" | "SET OF":
            return [_to_pycrate(spec, kind._cont, one) for one in value]
        case "INTEGER":
            return value if isinstance(value, int) else kind._cont[value]
        case "BIT STRING":
            length = value["length"]
            return int(value["value"] or "0", 16) >> (-length % 8), length
        case "OCTET STRING":
            return bytes.fromhex(value)
        case "OBJECT IDENTIFIER":
            return tuple(int(arc) for arc in value.split("."))
        case "NULL":
            return 0
        case "ANY":
            element = bytes.fromhex(value)
            whole = read_tlv(element)
            assert len(whole.tag) == 1, "pycrate's form of ANY is written for short tags only"
            number, form, tag_class = element[0] & 0x1F, element[0] >> 5 & 1, element[0] >> 6
            return f"_unk_{tag_class}{form}{number}", element[whole.body :]
    return value


def pycrate_decode(spec: Spec, type_name: str, data: bytes) -> Any:
    """Return what pycrate reads, in the form of `comparable`."""
    kind = pycrate_types(spec)[type_name]
    kind.from_der(data)
    return _from_pycrate(kind, kind.get_val())


def _from_pycrate(kind: Any, value: Any) -> Any:
    match kind.TYPE:
        case "SEQUENCE":
            return {name: _from_pycrate(kind._cont[name], one) for name, one in value.items()}
        case "CHOICE":
            name, one = value
            return {name: _from_pycrate(kind._cont[name], one)}
        case "SEQUENCE OF" | "SET OF":
            return [_from_pycrate(kind._cont, one) for one in value]
        case "BIT STRING":
            number, length = value
            octets = (number << (-length % 8)).to_bytes((length + 7) // 8, "big")
            return {"value": octets.hex(), "length": length}
        case "OCTET STRING":
            return value.hex()
        case "OBJECT IDENTIFIER":
            return ".".join(map(str, value))
        case "NULL":
            return None
        case "UTCTime" | "GeneralizedTime":
            return "".join(part for part in value if part)
        case "ANY":
            # "_unk_" and class, form, number, as digits; then the contents, as TLVs if constructed
            name, contents = value
            tag_class, form, number = int(name[5]), int(name[6]), int(name[7:])
            if not isinstance(contents, bytes):
                contents = b"".join(_scanned(one) for one in contents)
            return tlv(bytes([tag_class << 6 | form << 5 | number]), contents).hex()
    return value


def _scanned(element: Any) -> bytes:
    tag_class, form, number, _, contents = element
    return tlv(bytes([tag_class << 6 | form << 5 | number]), contents)


# --- asn1tools ---


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
