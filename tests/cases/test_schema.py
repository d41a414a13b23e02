from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sgprobe.cases import keys
from sgprobe.cases.reference_page import page
from sgprobe.cases.schema import case_schema, steps_schema
from sgprobe.data import data_dir

jsonschema = pytest.importorskip("jsonschema", reason="no independent JSON Schema validator here")
SUITES = data_dir("suites")
CASES = sorted(SUITES.rglob("*.case.yaml"))


def test_the_stored_schemas_are_those_of_the_tables() -> None:
    """`sgprobe schema > suites/case.schema.json` and `--steps` remake them."""
    for name, made in (("case", case_schema()), ("steps", steps_schema())):
        stored = json.loads((SUITES / f"{name}.schema.json").read_text(encoding="utf-8"))
        assert stored == made, name


def test_the_reference_page_is_that_of_the_tables() -> None:
    """`python -m sgprobe.cases.reference_page > docs/reference/case-language.md` remakes it."""
    path = Path(__file__).resolve().parents[2] / "docs/reference/case-language.md"
    assert path.read_text(encoding="utf-8") == page()


@pytest.fixture(scope="module")
def validator() -> Any:
    made = case_schema()
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def as_an_editor_reads(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_cases_of_the_suites_are_valid(path: Path, validator: Any) -> None:
    text = path.read_text(encoding="utf-8")
    errors = [error.message[:200] for error in validator.iter_errors(as_an_editor_reads(text))]
    assert not errors


def test_steps_files_are_valid() -> None:
    made = jsonschema.Draft7Validator(steps_schema())
    for path in SUITES.rglob("*.steps.yaml"):
        made.validate(as_an_editor_reads(path.read_text(encoding="utf-8")))


WRONG = [
    ("iut: eim", "iut: emi"),
    ("title:", "titel:"),
    ("case: ESIPA-EIM-GEP-006", "case: a.b"),
    ("ipa -> eim: GetEimPackageRequest", "ipa -> eim: GetEimPackagRequest"),
    ("ipa -> eim: GetEimPackageRequest", "ipa -> eimm: GetEimPackageRequest"),
    ("within: $ixit.answer-limit", "within: soon"),
    ("trigger: eim.queue-package", "trigger: eim.queue"),
    ("binding: [https, coap]", "binding: [https, coaps]"),
    ("      eidValue: $eid", "      eidValu: $eid"),
    ("{tls.version:", "{tls.versoin:"),
    ("because: What", "becuase: What"),
]


@pytest.mark.parametrize(("old", "new"), WRONG, ids=[new.strip() for _, new in WRONG])
def test_wrong_cases_are_refused(old: str, new: str, validator: Any) -> None:
    text = (SUITES / "esipa/eim/ESIPA-EIM-GEP-006.case.yaml").read_text(encoding="utf-8")
    assert old in text
    assert not validator.is_valid(as_an_editor_reads(text.replace(old, new, 1)))


def test_every_key_has_help_and_an_example() -> None:
    tables = (
        keys.CASE,
        keys.STEPS_FILE,
        keys.COMMON,
        keys.MESSAGE,
        keys.TRACE,
        keys.REPLY,
        *keys.VERBS.values(),
    )
    for key in (key for table in tables for key in table):
        assert key.help.endswith("."), key
        assert key.example, key
