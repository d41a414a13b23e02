"""Every tag that the resolver gives, against the table of wire tags written from the spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dissectors.asn1 import model as m
from dissectors.asn1.resolve import build_schema, identifier
from dissectors.asn1.versions import SPECS, Spec, parse_spec

WIRE_TAGS = json.loads((Path(__file__).parent / "wire_tags.json").read_text(encoding="utf-8"))
NEWEST = {"IFPP": "IFPP@0", "SGP.22": "SGP.22@2.7", "SGP.32": "SGP.32@1.3"}

Table = dict[str, Any]


def expected_table(spec: Spec) -> Table:
    """Return the table of a version: the newest one, and what differs from it."""
    table: Table = {}
    if spec.imports:
        table |= expected_table(parse_spec(spec.imports))
    own = WIRE_TAGS[NEWEST[spec.name]] | WIRE_TAGS[str(spec)]
    # a type that is redefined takes its inline types with it
    redefined = {name for name in own if "." not in name and "[" not in name}
    table = {key: row for key, row in table.items() if _head(key) not in redefined}
    table = {key: row for key, row in (table | own).items() if row is not None}
    return {key: row for key, row in table.items() if _is_there(table, key)}


def _head(key: str) -> str:
    return key.partition(".")[0].partition("[")[0]


def _is_there(table: Table, key: str) -> bool:
    """Say whether the type and the member that a row stands for exist in this version."""
    head, _, rest = key.partition(".")
    member = rest.partition(".")[0].partition("[")[0]
    parent = head.partition("[")[0]
    return parent in table and (not member or member in table[head]["fields"])


def _chain(schema: m.Schema, type_: m.Type) -> Any:
    """Return the tags up to the contents; a list for the alternatives of an untagged CHOICE."""
    if type_.tags:
        return " ".join(tag.hex().upper() for tag in type_.tags)
    first = [tag.hex().upper() for tag in schema.first_tags(type_)]
    return first[0] if len(first) == 1 else first or None


def _rows(schema: m.Schema, key: str, type_: m.Type) -> dict[str, Table]:
    """Return what the resolver says of a type and of the inline types in it."""
    row: Table = {"tag": _chain(schema, type_)}
    rows = {key: row}
    shape = type_.shape
    if isinstance(shape, m.Sequence | m.Choice):
        fields = shape.fields if isinstance(shape, m.Sequence) else shape.arms
        row["fields"] = {field.name: _chain(schema, field.type) for field in fields}
        for field in fields:
            below = _rows(schema, f"{key}.{field.name}", field.type)
            # leaves and empty sequences have no row of their own
            if not below[f"{key}.{field.name}"].get("fields"):
                del below[f"{key}.{field.name}"]
            rows |= below
    elif isinstance(shape, m.ListOf):
        rows |= _rows(schema, f"{key}[]", shape.element)
    return rows


@pytest.fixture(scope="module", params=SPECS, ids=str)
def both(request: pytest.FixtureRequest) -> tuple[Table, Table]:
    schema = build_schema(request.param)
    found: Table = {}
    for key, type_ in schema.types.items():
        if ":" not in key:
            found |= _rows(schema, key, type_)
    return expected_table(request.param), found


def test_every_type_has_the_tags_of_the_table(both: tuple[Table, Table]) -> None:
    expected, found = both
    wrong = {}
    for key, row in expected.items():
        got = dict(found.get(key, {}))
        # an untagged CHOICE of its own says null, an inline type says only its members
        if "tag" not in row or row["tag"] is None:
            got.pop("tag", None)
        want = {name: value for name, value in row.items() if value is not None}
        if got != want:
            wrong[key] = (want, got)
    assert wrong == {}


def test_the_table_leaves_no_type_out(both: tuple[Table, Table]) -> None:
    expected, found = both
    assert found.keys() - expected.keys() == set()


def test_fields_stand_in_the_order_of_the_table(both: tuple[Table, Table]) -> None:
    expected, found = both
    for key, row in expected.items():
        if "fields" in row:
            assert list(found[key]["fields"]) == list(row["fields"]), key


@pytest.mark.parametrize(
    ("tag_class", "number", "constructed", "octets"),
    [
        ("CONTEXT", 0, False, "80"),
        ("CONTEXT", 30, True, "BE"),
        ("CONTEXT", 31, False, "9F1F"),
        ("CONTEXT", 81, True, "BF51"),
        ("CONTEXT", 127, False, "9F7F"),
        ("CONTEXT", 128, True, "BF8100"),
        ("APPLICATION", 55, False, "5F37"),
        ("APPLICATION", 26, False, "5A"),
        ("PRIVATE", 3, True, "E3"),
        ("UNIVERSAL", 16, True, "30"),
    ],
)
def test_identifier_octets(tag_class: str, number: int, constructed: bool, octets: str) -> None:
    assert identifier(tag_class, number, constructed) == bytes.fromhex(octets)


# X.680 §31.2.7: where a tag stands round an untagged CHOICE or an open type. The table of tags
# shows the outermost one alone, which is the same with and without a wrapper
WRAPPERS = {
    "IFPP@0": {
        "DeleteOneTimeKeysRequest.selector", "GetIfppResultsRequest.selector",
        "ReportItem.outcome",
    },
    "SGP.22@2.7": {
        "DisableProfileRequest.profileIdentifier", "EnableProfileRequest.profileIdentifier",
        "HandleNotification.pendingNotification", "ProfileInfoListRequest.searchCriteria",
        "ProfileInstallationResultData.finalResult",
        "RetrieveNotificationsListRequest.searchCriteria",
        "VendorSpecificExtension[].vendorSpecificData",
    },
    "SGP.32@1.3": {
        "CompactEuiccSigned1.ctxParams1", "CompactProfileInstallationResultData.compactFinalResult",
        "EimConfigurationData.eimPublicKeyData", "EimConfigurationData.trustedPublicKeyDataTls",
        "EimPackageErrorWithCid.correlationId", "EimPackageReceivedWithCid.correlationId",
        "EuiccResultData.addEimResult", "EuiccResultData.listEimResult",
        "GetEimConfigurationDataRequest.searchCriteria",
        "HandleNotificationEsipa.pendingNotification",
        "InitiateAuthenticationOkEsipa.ctxParams1",
        "IpaEuiccDataRequest.searchCriteriaEuiccPackageResult",
        "IpaEuiccDataRequest.searchCriteriaNotification",
        "ProfileDownloadTriggerRequest.profileDownloadData",
        "RetrieveNotificationsListRequest.searchCriteria",
    },
}  # fmt: skip


def _wrappers(schema: m.Schema, key: str, type_: m.Type) -> set[str]:
    """Return the members of a type that have a tag round an untagged CHOICE or an open type."""
    shape = type_.shape
    if isinstance(shape, m.ListOf):
        return _wrappers(schema, f"{key}[]", shape.element)
    if not isinstance(shape, m.Sequence | m.Choice):
        return set()
    found = set()
    for field in shape.fields if isinstance(shape, m.Sequence) else shape.arms:
        inner = field.type.shape
        own = schema.types[inner.key].tags if isinstance(inner, m.Ref) else ()
        if field.type.tags and not own and isinstance(schema.shape(field.type), m.Choice | m.Open):
            found.add(f"{key}.{field.name}")
        found |= _wrappers(schema, f"{key}.{field.name}", field.type)
    return found


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_tag_round_an_untagged_choice_is_explicit(name: str) -> None:
    schema = build_schema(parse_spec(name))
    own = {_head(key) for key in WIRE_TAGS[name]}
    found: set[str] = set()
    for key, type_ in schema.types.items():
        if key in own:
            found |= _wrappers(schema, key, type_)
    assert found == WRAPPERS[name]
