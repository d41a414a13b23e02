"""The JSON Schema of product files, made of the tables, for editors."""

from __future__ import annotations

from typing import Any

from dissectors.asn1.versions import SPECS
from sgprobe.product import keys as k
from sgprobe.product.actions import VERBS
from sgprobe.product.reading import CASE_ID
from sgprobe.questions import BOTH, NO, YES, Catalogue, Question, Setting

Schema = dict[str, Any]
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_TIME = r"^[0-9]+(\.[0-9]+)? ?(ms|s|min|h|d)$"
_HIDDEN: Schema = {
    "anyOf": [
        {"type": ["string", "number"]},
        *(
            {
                "type": "object",
                "properties": {name: {"type": "string", "minLength": 1}},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("env", "file")
        ),
    ]
}


def product_schema(catalogue: Catalogue) -> Schema:
    """Return the schema of product files."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A product under test of sgprobe",
        **_object(k.PRODUCT, catalogue),
        "definitions": {
            "way": {**_object(k.WAY, catalogue), "oneOf": [{"required": [one]} for one in k.WAYS]},
            "call": {
                **_object(k.CALL, catalogue),
                "oneOf": [{"required": [one]} for one in k.METHODS],
            },
        },
    }


def _object(table: tuple[k.Key, ...], catalogue: Catalogue) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": {key.name: _described(key, catalogue) for key in table},
        "additionalProperties": False,
    }
    required = [key.name for key in table if key.required]
    return {**made, "required": required} if required else made


def _described(key: k.Key, catalogue: Catalogue) -> Schema:
    help_ = f"{key.help}\n\nSuch as: {key.name}: {key.example}"
    return {"description": help_, **_kind(key, catalogue)}


def _kind(key: k.Key, catalogue: Catalogue) -> Schema:
    match key.kind:
        case k.Kind.TABLE:
            return _object(key.inside, catalogue)
        case k.Kind.ROWS:
            return {"type": "array", "items": _object(key.inside, catalogue)}
        case k.Kind.ANSWERS:
            return _names(
                {one.name: _question(one) for one in catalogue.questions.values()},
                {name: {} for name in catalogue.aliases},
            )
        case k.Kind.SETTINGS:
            return _names({one.name: _setting(one) for one in catalogue.settings.values()})
        case k.Kind.VERB:
            return _verb(key.name)
        case k.Kind.CALLS:
            call = {"$ref": "#/definitions/call"}
            return {"anyOf": [call, {"type": "array", "items": call, "minItems": 1}]}
        case k.Kind.ROLE:
            return {"enum": list(k.ROLES)}
        case k.Kind.SPEC:
            return {"examples": [str(spec) for spec in SPECS], "type": "string"}
        case k.Kind.FILES:
            return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        case k.Kind.TIME:
            return {"type": "string", "pattern": _TIME}
        case k.Kind.DATE:
            return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        case k.Kind.CASE:
            return {"type": "string", "pattern": f"^{CASE_ID.pattern}$"}
        case k.Kind.WORDS:
            return {"type": "array", "items": _TEXT}
        case k.Kind.HEADERS:
            return {"type": "object", "additionalProperties": _HIDDEN}
        case k.Kind.VALUES:
            return {"type": "object", "additionalProperties": _TEXT}
        case k.Kind.STATUSES:
            status = {"type": "integer", "minimum": 100, "maximum": 599}
            return {"anyOf": [status, {"type": "array", "items": status}]}
        case k.Kind.TAKE:
            return {"type": "object", "additionalProperties": _take()}
        case k.Kind.TEMPLATE:
            return {}
    return _TEXT


def _names(*tables: dict[str, Schema]) -> Schema:
    properties = {name: one for table in tables for name, one in table.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _question(question: Question) -> Schema:
    words: list[Any] = list(question.answers)
    if not question.values:
        # an editor reads an unquoted yes as a text or as true, by its version of YAML
        words = [YES, NO, BOTH, True, False]
    one: Schema = {"enum": words}
    several = {"type": "array", "items": one, "minItems": 1}
    whole = {
        "type": "object",
        "properties": {"answer": {"anyOf": [one, several]}, "reason": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    place = f" ({question.clause})" if question.clause else ""
    told = f"{question.role}: {question.text}{place}"
    return {"description": told, "anyOf": [one, several, whole]}


def _setting(setting: Setting) -> Schema:
    told = f"{setting.role}: {setting.text}"
    if setting.default:
        told += f" Default: {setting.default}."
    return {"description": told, **({"enum": list(setting.values)} if setting.values else _TEXT)}


def _verb(name: str) -> Schema:
    way = {"$ref": "#/definitions/way"}
    actions = {
        action: {"description": text, "allOf": [way]}
        for action, text in VERBS[name].actions.items()
    }
    # a trigger of cases may be one that the table has not
    more: Any = way if name == "trigger" else False
    by_action = {"type": "object", "properties": actions, "additionalProperties": more}
    return {"anyOf": [way, by_action]}


def _take() -> Schema:
    words = {
        "type": "object",
        "properties": {
            "from": {"type": "string"},
            "words": {"type": "object", "additionalProperties": _TEXT},
        },
        "required": ["from"],
        "additionalProperties": False,
    }
    return {"anyOf": [{"type": "string"}, words]}
