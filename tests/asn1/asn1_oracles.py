"""pycrate over the same module files, as text; asn1tools stands in asn1tools_oracle.py.

Neither shares a line with our tag resolution. The overlays are laid on as text, here, once more.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

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
        case "GeneralizedTime":
            places = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
            return (*(value[start:end] for start, end in places), None, value[14:])
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
