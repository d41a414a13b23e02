"""The OpenAPI document of the operator interface, made from its routes and operations.

`python -m sgprobe.peers.eim.openapi` writes it to the file beside this one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sgprobe.peers.eim.forms import FIELDS, MAX_LIST, MAX_TEXT, Field
from sgprobe.peers.eim.operations import OPERATIONS
from sgprobe.peers.eim.records import Kind, State
from sgprobe.peers.eim.rest import MAX_OPERATIONS, MAX_PAIRS, MEDIA, ROUTES, Route

FILE = Path(__file__).with_name("openapi.json")

_HEX = {"type": "string", "pattern": "^([0-9a-fA-F]{2})*$"}
_TEXT = {"type": "string"}
_INTEGER = {"type": "integer"}
_NULLABLE_INTEGER = {"type": ["integer", "null"]}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_BOOLEAN = {"type": "boolean"}
_OBJECT = {"type": "object"}
_EID = {"type": "string", "pattern": "^[0-9]{32}$"}


def document() -> dict[str, Any]:
    """Return the whole document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _function(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Operator interface of the simulated eIM",
            "version": "1",
            "license": {"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _function(route: Route) -> dict[str, Any]:
    names = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    told: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.text,
        "responses": {
            str(route.status): _content(route.gives, "What was asked for."),
            "4XX": _content("Error", "What is wrong with the request."),
        },
    }
    if names:
        told["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": _EID if name == "eid" else _TEXT,
            }
            for name in names
        ]
    if route.takes:
        body = {MEDIA: {"schema": _ref(route.takes)}}
        told["requestBody"] = {"required": True, "content": body}
    return told


def _content(schema: str, text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA: {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> dict[str, Any]:
    operations = {op: _operation(op) for op in OPERATIONS}
    return {
        "Association": _object({"eim-id": _TEXT, "version": _TEXT, "add-initial-eim": _HEX}),
        "Devices": {"type": "array", "items": _ref("Device")},
        "Device": _device(),
        "Enrolment": _object(
            {
                "certificates": {
                    "type": "array",
                    "maxItems": MAX_PAIRS,
                    "items": _object({"euicc": _HEX, "eum": _HEX}, closed=True),
                },
                "counter": _INTEGER,
                "token": _NULLABLE_INTEGER,
                "key": _TEXT,
            },
            required=[],
            closed=True,
        ),
        "NewOrder": _object(
            {
                "operations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_OPERATIONS,
                    "items": _ref("Operation"),
                },
                "expires-in": {"type": ["integer", "null"], "description": "Seconds from now."},
            },
            required=["operations"],
            closed=True,
        ),
        "Orders": {"type": "array", "items": _ref("Order")},
        "Order": _order(),
        "Operation": {
            "oneOf": [_ref(_schema_name(op)) for op in operations],
            "discriminator": {
                "propertyName": "op",
                "mapping": {op: _ref(_schema_name(op))["$ref"] for op in operations},
            },
        },
        **{_schema_name(op): schema for op, schema in operations.items()},
        "Error": _object({"error": _TEXT}),
    }


def _object(
    members: dict[str, Any], required: list[str] | None = None, closed: bool = False
) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "object", "properties": members}
    if required is None:
        required = list(members)
    if required:
        told["required"] = required
    if closed:
        told["additionalProperties"] = False
    return told


def _device() -> dict[str, Any]:
    members = {
        "eid": _EID,
        "associated": _BOOLEAN,
        "counter": _INTEGER,
        "token": _NULLABLE_INTEGER,
        "key": _TEXT,
        "profiles": _OBJECT,
        "eims": _OBJECT,
        "stale": _BOOLEAN,
        "cause": _NULLABLE_INTEGER,
        "rplmn": _NULLABLE_TEXT,
        "alarm": _TEXT,
        "facts": _OBJECT,
    }
    return _object(members, [name for name in members if name != "facts"])


def _order() -> dict[str, Any]:
    return _object(
        {
            "id": _TEXT,
            "eid": _EID,
            "kind": {"enum": [str(one) for one in Kind]},
            "state": {"enum": [str(one) for one in State]},
            "reason": _TEXT,
            "operations": {"type": "array", "items": _ref("Operation")},
            "results": {"type": "array", "items": _OBJECT},
            "created": {"type": "number"},
            "expires": {"type": ["number", "null"]},
            "counter": _NULLABLE_INTEGER,
            "transaction": _NULLABLE_TEXT,
            "deliveries": _INTEGER,
            "own": _BOOLEAN,
        }
    )


def _schema_name(op: str) -> str:
    return "".join(part.capitalize() for part in op.split("-"))


def _operation(op: str) -> dict[str, Any]:
    kind = OPERATIONS[op]
    members: dict[str, Any] = {"op": {"const": op}}
    members.update((field.name, _member(field)) for field in FIELDS[op])
    required = ["op", *(field.name for field in FIELDS[op] if field.required)]
    told = _object(members, required, closed=True)
    text = " ".join((kind.__doc__ or "").split())
    return {**told, "description": f"{text} Since SGP.32 v{kind.since}."}


def _member(field: Field) -> dict[str, Any]:
    if field.type == "array":
        return {"type": "array", "maxItems": MAX_LIST, "items": _TEXT}
    if field.type == "string":
        return {"type": "string", "maxLength": MAX_TEXT}
    return {"type": field.type}


def text() -> str:
    """Return the document as the file holds it."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
