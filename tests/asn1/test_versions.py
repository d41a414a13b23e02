"""The table of versions, and that every module file it names is there and is used."""

import re
from itertools import pairwise

import pytest

from dissectors.asn1.syntax import MODULES
from dissectors.asn1.versions import SPECS, Spec, parse_spec


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_spec_is_read_back_from_its_own_name(spec: Spec) -> None:
    assert parse_spec(str(spec)) is spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SGP.32@1.2", "SGP.32@1.2"),
        ("sgp32@1.2", "SGP.32@1.2"),
        ("SGP32@v1.2", "SGP.32@1.2"),
        ("Sgp.32@V1.0.1", "SGP.32@1.0.1"),
        (" sgp.22@2.7\n", "SGP.22@2.7"),
        ("ifpp@0", "IFPP@0"),
        ("IFPP@v0", "IFPP@0"),
    ],
)
def test_case_dot_and_prefix_do_not_matter(text: str, expected: str) -> None:
    assert str(parse_spec(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "SGP.32", "SGP.32@", "SGP.32@1", "SGP.32@1.20", "SGP.32@1.0", "SGP.22@1.2", "SGP.32@2.7",
     "SGP.41@1.0", "IFPP@1", "IFPP", "SGP.32@1.2@", "SGP..32@1.2",
     "SGP.32@vv1.2", "1.2", "x" * 10_000],
)  # fmt: skip
def test_an_unknown_version_is_told_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"SGP\.22@2\.2, .*SGP\.32@1\.3$") as caught:
        parse_spec(text)
    assert len(str(caught.value)) < 250


def test_the_oldest_version_of_each_specification_stands_first() -> None:
    for name in ("SGP.22", "SGP.32"):
        versions = [
            [int(part) for part in spec.version.split(".")] for spec in SPECS if spec.name == name
        ]
        assert versions == sorted(versions)
        assert len(versions) > 1


def test_a_version_is_the_newer_one_and_one_overlay_more() -> None:
    for older, newer in pairwise(SPECS):
        if older.name == newer.name:
            assert older.modules[:-1] == newer.modules
        assert older.modules[-1].removesuffix(".asn").endswith(f"-{older.version}")


def test_only_sgp32_imports_and_what_it_imports_is_known() -> None:
    for spec in SPECS:
        assert bool(spec.imports) == (spec.name == "SGP.32")
        if spec.imports:
            assert str(parse_spec(spec.imports)) == spec.imports


def test_every_module_file_is_there_and_used() -> None:
    named = {file for spec in SPECS for file in spec.modules} | {"pkix.asn"}
    assert {path.name for path in MODULES.iterdir()} == named


def test_the_first_line_of_a_module_file_names_its_version() -> None:
    for spec in SPECS:
        first = (MODULES / spec.modules[-1]).read_text(encoding="utf-8").splitlines()[0]
        assert re.match(rf"-- {re.escape(spec.name)} v{re.escape(spec.version)}[:,]", first)
