from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sgprobe.cases.fmt import format_text
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError
from sgprobe.yamlfile import read
from sgprobe.yamlnode import Items, Node, Scalar

FILES = sorted(
    one
    for one in data_dir("suites").rglob("*.yaml")
    if one.name.endswith((".case.yaml", ".steps.yaml"))
)


def meaning(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [meaning(item) for item in node]
    return {key.text: meaning(value) for key, value in node.entries}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_of_the_suites_have_the_one_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text


def test_keys_are_ordered_and_comments_kept() -> None:
    text = """\
# first
title: T   # the title
case: A-1
steps:
- {because: b, ipa -> eim: GetEimPackageRequest}
- within: 3 s
  # above the arrow
  eim -> ipa: GetEimPackageResponse
# last
"""
    formatted = format_text(text)
    assert formatted.index("case:") < formatted.index("title:")
    assert formatted.index("eim -> ipa") < formatted.index("within")
    for comment in ("# first", "# the title", "# above the arrow", "# last"):
        assert formatted.count(comment) == 1
    assert format_text(formatted) == formatted


_SCALAR = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12
) | st.sampled_from(
    [
        "",
        "a: b",
        "x #y",
        "- z",
        "[a",
        "{b}",
        "'q'",
        '"',
        "\\",
        "<any>",
        "$x",
        "no",
        "012",
        "&a",
        "*b",
        "!t",
        "|",
        ">",
        "@",
        "a:",
        ":a",
        "---",
        "\n",
        " x ",
    ]
)
_DATA = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_SCALAR, inner, max_size=4),
    max_leaves=15,
)


@given(data=_DATA, flow=st.sampled_from([None, True, False]))
def test_meaning_is_kept_and_a_second_time_changes_nothing(data: object, flow: bool | None) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    try:
        before = meaning(read(text, "x"))
    except FileError:
        return  # what has tags or is empty is no case file
    formatted = format_text(text)
    assert meaning(read(formatted, "y")) == before, formatted
    assert format_text(formatted) == formatted
