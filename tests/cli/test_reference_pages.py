"""The generated pages of the reference are those that the tables make."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgprobe.cli.options_of import commands
from sgprobe.cli.reference_pages import pages
from sgprobe.events import Verdict

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["cli.md", "verdicts.md", "requirements.md", "errors.md"])
def test_page_is_made_of_the_tables(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    hint = "python -m sgprobe.cli.reference_pages docs/reference"
    assert written == pages()[name], hint


def test_every_verb_verdict_and_severity_is_there() -> None:
    made = pages()
    assert all(f"\n## {one.name}\n" in made["cli.md"] for one in commands())
    assert all(f"| {str(one).replace('_', ' ')} |" in made["verdicts.md"] for one in Verdict)
    assert "`der.length-not-minimal` | error" in made["errors.md"]
    assert "`delivery.digest`" in made["errors.md"]
