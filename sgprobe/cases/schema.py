"""The JSON Schemas of case and steps files, made of the tables, for editors."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dissectors.asn1 import model as asn1
from dissectors.asn1.versions import SPECS, Spec
from sgprobe.cases import keys as k
from sgprobe.cases.literals import members
from sgprobe.cases.messages import arrows, find, schema
from sgprobe.cases.model import ENDS, IUT, ROLES
from sgprobe.cases.observables import BINDING, SETTINGS, TRACE
from sgprobe.cases.variants import KNOWN_AXES

Schema = dict[str, Any]
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_ANY: Schema = {}
_DURATION = r"^([0-9]+(\.[0-9]+)? ?(ms|s|min|h|d)|\$.+)$"


def case_schema() -> Schema:
    """Return the schema of case files."""
    return _file(k.CASE, "A conformance case of sgprobe")


def steps_schema() -> Schema:
    """Return the schema of steps files."""
    return _file(k.STEPS_FILE, "Steps that cases of sgprobe call")


def _file(table: tuple[k.Key, ...], title: str) -> Schema:
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **_object(table),
        "definitions": {
            "steps": {"type": "array", "items": {"$ref": "#/definitions/step"}},
            "step": {"anyOf": [{"$ref": "#/definitions/message"}, *_verbs()]},
            "message": _message(),
            "value": {},
            "damage": _damage(),
            "trace": _object(k.TRACE),
            "select": _table(TRACE),
            "peer": _peer(),
            "answer": _answer(),
            **{f"fields-{name}": one for name, one in _message_fields().items()},
        },
    }
    return whole


def _object(table: tuple[k.Key, ...]) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": {key.name: _described(key) for key in table},
        "additionalProperties": False,
    }
    required = [key.name for key in table if key.required]
    if required:
        made["required"] = required
    return made


def _described(key: k.Key) -> Schema:
    return {"description": f"{key.help}\n\nSuch as: {key.name}: {key.example}", **_kind(key.kind)}


def _kind(kind: k.Kind) -> Schema:
    roles: Schema = {"enum": list(ROLES)}
    fixed: dict[k.Kind, Schema] = {
        k.Kind.ID: {"type": "string", "pattern": "^[A-Z0-9]+(-[A-Z0-9]+)+$"},
        k.Kind.ROLES: {"anyOf": [roles, {"type": "array", "items": roles, "minItems": 1}]},
        k.Kind.ROLE: {"enum": [*ENDS, IUT]},
        k.Kind.TEXTS: {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        k.Kind.CLAUSES: {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        },
        k.Kind.VARIANTS: _variants(),
        k.Kind.STEPS: {"$ref": "#/definitions/steps"},
        k.Kind.BRANCHES: {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/definitions/step"}, {"$ref": "#/definitions/steps"}]},
        },
        k.Kind.PEERS: {
            "type": "object",
            "properties": {role: {"$ref": "#/definitions/peer"} for role in (*ENDS, IUT)},
            "additionalProperties": False,
        },
        k.Kind.TRACE: {"type": "array", "items": {"$ref": "#/definitions/trace"}},
        k.Kind.FIELDS: {"type": ["object", "string", "null"]},
        k.Kind.MUTATE: {"anyOf": [{"$ref": "#/definitions/damage"}, {"type": "object"}]},
        k.Kind.VALUES: {"type": "object"},
        k.Kind.CAPTURE: {"type": "object", "additionalProperties": {"type": "string"}},
        k.Kind.INPUTS: {"type": "object", "additionalProperties": {"type": "string"}},
        k.Kind.DURATION: {"type": "string", "pattern": _DURATION},
        k.Kind.FLAG: {"enum": ["yes", True]},
        k.Kind.REFERENCE: {"type": "string", "pattern": "^\\$"},
        k.Kind.TRIGGER: {"enum": list(k.TRIGGERS)},
        k.Kind.LINK: {
            "anyOf": [
                {"enum": list(k.LINK_WORDS)},
                {"type": "string", "pattern": "^\\$"},
                _impairments(),
            ]
        },
        k.Kind.STATE: {"enum": list(k.STATES)},
        k.Kind.OTHERWISE: {"enum": ["inconclusive"]},
        k.Kind.SELECT: {"$ref": "#/definitions/select"},
        k.Kind.SELECTS: {"type": "array", "items": {"$ref": "#/definitions/select"}},
        k.Kind.VALUE: {"$ref": "#/definitions/value"},
    }
    return fixed.get(kind, _TEXT)


def _variants() -> Schema:
    axes: dict[str, Schema] = {
        name: {"anyOf": [{"type": "array", "items": {"enum": list(points)}}, {"type": "object"}]}
        for name, points in KNOWN_AXES.items()
    }
    axes["except"] = {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
    free: Schema = {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": _TEXT},
            {"type": "object", "minProperties": 1},
        ]
    }
    return {"type": "object", "properties": axes, "additionalProperties": free}


def _impairments() -> Schema:
    return {
        "type": "object",
        "properties": dict.fromkeys(k.LINK_IMPAIRMENTS, _ANY),
        "additionalProperties": False,
        "minProperties": 1,
    }


def _table(table: dict[str, str]) -> Schema:
    """Return an object whose names a table gives; a family takes any further name."""
    plain = {name: {"description": text} for name, text in table.items() if name[-1] != "."}
    families = [name for name in table if name[-1] == "."]
    made: Schema = {"type": "object", "properties": plain, "additionalProperties": False}
    if families:
        made["patternProperties"] = {
            f"^{name.replace('.', chr(92) + '.')}": {} for name in families
        }
    return made


def _damage() -> Schema:
    bare = [word for word, takes in k.DAMAGE.items() if not takes]
    return {
        "anyOf": [
            {"enum": bare},
            {"type": "string", "pattern": "^\\$"},
            {
                "type": "object",
                "properties": {
                    word: {"description": f"takes {takes or 'nothing'}"}
                    for word, takes in k.DAMAGE.items()
                },
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }


def _verbs() -> list[Schema]:
    return [_object(table + k.COMMON) for table in k.VERBS.values()]


def _arrow_names() -> dict[str, list[str]]:
    """Return every arrow with the messages that it may carry; `iut` stands for any role."""
    found: dict[str, dict[str, None]] = {}
    for (sender, receiver), names in arrows().items():
        for left in (sender, IUT):
            for right in (receiver, IUT):
                if left != IUT or right != IUT:
                    found.setdefault(f"{left} -> {right}", {}).update(dict.fromkeys(names))
    return {arrow: list(names) for arrow, names in found.items()}


def _message() -> Schema:
    """Return the schema of a message step: every arrow by name, and the fields that go with it."""
    every = _arrow_names()
    properties: Schema = {key.name: _described(key) for key in k.MESSAGE + k.COMMON}
    for name, table in BINDING.items():
        properties[name] = {**properties[name], **_table(table)}
    for arrow, names in every.items():
        properties[arrow] = {"enum": names, "description": "The message that goes this way."}
    conditions = []
    for name in _message_fields():
        ways = [arrow for arrow, names in every.items() if name in names]
        if ways:
            conditions.append(
                {
                    "if": {
                        "anyOf": [
                            {"required": [arrow], "properties": {arrow: {"const": name}}}
                            for arrow in ways
                        ]
                    },
                    "then": {
                        "properties": {
                            one: {"$ref": f"#/definitions/fields-{name}"}
                            for one in ("fields", "exactly")
                        }
                    },
                }
            )
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": [arrow]} for arrow in every],
        "allOf": conditions,
    }


@lru_cache(maxsize=1)
def _message_fields() -> dict[str, Schema]:
    """Return the members of each message, of all versions together, to complete in an editor."""
    found: dict[str, Schema] = {}
    for (sender, receiver), names in arrows().items():
        for name in names:
            properties: Schema = found.setdefault(name, {})
            for spec in SPECS:
                _add_members(properties, sender, receiver, name, spec)
    # a dotted path is no property of its own: the loader knows the types
    return {
        name: {
            "anyOf": [
                {"type": ["string", "null"]},
                {
                    "type": "object",
                    "properties": properties,
                    "patternProperties": {r"[.\[]": {}},
                    "additionalProperties": False,
                },
            ]
        }
        for name, properties in sorted(found.items())
        if properties
    }


def _add_members(into: Schema, sender: str, receiver: str, name: str, spec: Spec) -> None:
    message = find(sender, receiver, name, spec)
    type_ = message.type(spec) if message is not None else None
    if message is None or type_ is None:
        return
    types = schema(spec, message)
    for part in members(types.shape(type_)):
        told = into.setdefault(part.name, {})
        told["description"] = part.type.label
        shape = types.shape(part.type)
        if isinstance(shape, asn1.Integer) and shape.names:
            known = told.setdefault("examples", [])
            known += [one for _, one in shape.names if one not in known]


def _peer() -> Schema:
    answers: Schema = {
        "anyOf": [
            {"$ref": "#/definitions/answer"},
            {"type": "array", "items": {"$ref": "#/definitions/answer"}},
        ]
    }
    names = {name for _, several in arrows().items() for name in several}
    properties: Schema = {f"on {name}": answers for name in sorted(names)}
    properties["refuses"] = {"enum": ["yes", True], "description": "No default behaviour."}
    properties.update({name: _table(table) for name, table in SETTINGS.items()})
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _answer() -> Schema:
    return {"anyOf": [{"enum": list(k.REPLY_WORDS)}, _object(k.REPLY)]}
