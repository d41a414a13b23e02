"""All reports by name; a damaged stream breaks none of them."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe import events as e
from sgprobe.report.folder import read_run
from sgprobe.report.write import FILES, chosen, print_report, render, write_reports

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(synthetic.HOSTILE),
    lambda kid: st.lists(kid, max_size=3) | st.dictionaries(st.text(max_size=5), kid, max_size=3),
    max_leaves=6,
)
_LINES = [json.loads(e.to_line(event)) for event in synthetic.run_events(14, numbers=[0, 12, 13])]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return all members of a JSON value, as container and key."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        found += [(value, key) for key in value if key not in ("event", "item")]
    elif isinstance(value, list):
        found += [(value, at) for at in range(len(value))]
    for container, key in list(found):
        found += _places(container[key])
    return found


@settings(max_examples=60)
@given(st.data())
def test_no_report_breaks_on_a_damaged_stream(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = copy.deepcopy(_LINES)
    for _ in range(data.draw(st.integers(1, 6))):
        container, key = data.draw(st.sampled_from(_places(data.draw(st.sampled_from(lines)))))
        container[key] = data.draw(_JSON)
    folder = tmp_path_factory.mktemp("damaged")
    (folder / e.STREAM).write_text("\n".join(map(json.dumps, lines)) + "\n")
    run = read_run(folder)
    written = render(run, folder, FILES)
    assert all(path.exists() for path in written)
    for form in ("console", "github"):
        out = io.StringIO()
        print_report(run, form, out)
        assert all(line.isprintable() for line in out.getvalue().split("\n"))
    assert len(json.loads((folder / "results.json").read_text())["items"]) == len(run.items)


def test_a_report_replaces_the_one_before(tmp_path: Path) -> None:
    synthetic.write(tmp_path, count=4)
    first = render(read_run(tmp_path), tmp_path, FILES)
    sizes = {path: path.stat().st_size for path in first if path.is_file()}
    synthetic.write(tmp_path, count=1, verdicts=("pass",))
    second = render(read_run(tmp_path), tmp_path, FILES)
    assert first == second
    shrunk = {path.name for path, size in sizes.items() if path.stat().st_size < size}
    assert {"report.html", "junit.xml", "results.json", "results.csv"} <= shrunk
    assert len(list((tmp_path / "allure").glob("*-result.json"))) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_names_of_reports() -> None:
    assert chosen(["junit", "html", "junit"]) == ["junit", "html"]
    assert chosen(["all"]) == list(FILES)
    assert chosen(["none"]) == []
    with pytest.raises(LookupError, match="htm"):
        chosen(["htm"])


def test_at_the_end_of_a_run_an_unknown_name_is_told_and_the_rest_written(tmp_path: Path) -> None:
    synthetic.write(tmp_path, count=4)
    said = io.StringIO()
    written = write_reports(tmp_path, ["htm", "junit"], said, env={})
    assert [path.name for path in written] == ["junit.xml"]
    assert "no report 'htm'; known: html" in said.getvalue()


def test_on_github_annotations_and_summary_come_by_themselves(tmp_path: Path) -> None:
    synthetic.write(tmp_path / "run")
    page, printed = tmp_path / "page.md", io.StringIO()
    page.write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}
    assert write_reports(tmp_path / "run", [], io.StringIO(), printed=printed, env=env) == []
    assert printed.getvalue().startswith("::error file=")
    assert page.read_text().startswith("before\n## ✘ sgprobe")


def test_without_a_stream_there_is_no_report(tmp_path: Path) -> None:
    said = io.StringIO()
    assert write_reports(tmp_path, ["html"], said, env={}) == []
    assert "no events.ndjson here" in said.getvalue()
