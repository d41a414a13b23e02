"""The stored schema and page are those of the tables; schema and loader agree on files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgprobe.data import data_dir
from sgprobe.product.draft import draft
from sgprobe.product.keys import ROLES
from sgprobe.product.load import load_text
from sgprobe.product.reference_page import page
from sgprobe.product.schema import product_schema
from tests.product.conftest import GOOD, TODAY
from tests.product.test_load import WRONG

ROOT = Path(__file__).resolve().parents[2]
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema judges the schema")
yaml = pytest.importorskip("yaml")
# what a schema cannot say: what files, other keys, days and origins are
BEYOND = (
    "SGP.32@9", "begins with", "'esipa' is a URL", "has no endpoint", "HOST:PORT", "simulates",
    "No such file", "private key", "is a must", "one for ipa", "answered already", "implies",
    "5 seconds", "one of ipa", "warning:", "is a secret", "no name of a module",
    "neither a URL", "no reference",
    "is taken from", "MODULE:FUNCTION", "there is no file", "begins with a program",
    "'until' is a date", "acme.yaml:", "stands in line", "'ask' goes", "no name of a header",
)  # fmt: skip


@pytest.fixture(scope="module")
def validator(catalogue):
    schema = product_schema(catalogue)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_the_stored_schema_is_that_of_the_tables(catalogue) -> None:
    stored = json.loads((data_dir("suites") / "product.schema.json").read_text("utf-8"))
    again = "python -m sgprobe schema --product > suites/product.schema.json"
    assert stored == product_schema(catalogue), again


def test_the_reference_page_is_that_of_the_tables(catalogue) -> None:
    stored = (ROOT / "docs" / "reference" / "product-file.md").read_text("utf-8")
    again = "python -m sgprobe.product.reference_page > docs/reference/product-file.md"
    assert stored == page(catalogue), again


def as_json(text: str):
    """Return what an editor sees: it reads types, but no dates."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [one for one in several if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, several in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(text, Loader)


def test_a_right_file_fits_the_schema(validator) -> None:
    assert list(validator.iter_errors(as_json(GOOD))) == []


SEEN = [row for row in WRONG if not any(one in row[2] for one in BEYOND)]


@pytest.mark.parametrize(("old", "new", "wanted"), SEEN, ids=[row[2][:50] for row in SEEN])
def test_the_schema_finds_what_it_can(validator, old: str, new: str, wanted: str) -> None:
    assert list(validator.iter_errors(as_json(GOOD.replace(old, new, 1)))), wanted


@pytest.mark.parametrize("role", ROLES)
def test_a_draft_is_right_and_fits_the_schema(validator, catalogue, role: str) -> None:
    answers = {one.name: one.answers[0] for one in catalogue.of(role) if one.name != "IPAE"}
    for text in (draft(role, catalogue), draft(role, catalogue, answers)):
        product = load_text(text, Path("new.yaml"), catalogue, TODAY)
        assert product.role == role
        if product.answers:
            assert list(validator.iter_errors(as_json(text))) == []
    assert set(product.answers) == set(answers)


@pytest.mark.parametrize(
    "name", ["a: b'c", "#1", "[x]", "yes", "1.0", "é — $x", "- a", "'", "a #b"]
)
def test_any_name_of_a_product_is_written_so_that_it_is_read(catalogue, name: str) -> None:
    text = draft("eim", catalogue, product=name, version=name)
    product = load_text(text, Path("new.yaml"), catalogue, TODAY)
    assert (product.product, product.version) == (name, name)


def test_a_draft_shows_what_its_role_needs(catalogue) -> None:
    texts = {role: draft(role, catalogue) for role in ROLES}
    assert [role for role, text in texts.items() if "# listen:" in text] == ["ipa"]
    assert "#   esipa: https://" in texts["eim"]
    assert "#   smdp-pb: dppb.pem" in texts["smdp"]
    assert "[C: a must where not EIM_COAPS" in texts["eim"]
    assert "[O, SGP.32" in texts["eim"]


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "products").glob("*.yaml")),
                         ids=lambda path: path.name)  # fmt: skip
def test_product_files_that_are_shipped(validator, catalogue, path: Path) -> None:
    text = path.read_text("utf-8")
    product = load_text(text, path, catalogue, TODAY)
    assert product.warnings == ()
    assert set(product.answers) == {one.name for one in catalogue.of(product.role)}
    assert list(validator.iter_errors(as_json(text))) == []
    assert text.startswith("# yaml-language-server: $schema=../../suites/product.schema.json")
