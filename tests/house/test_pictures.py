"""The pictures of the README are those that a run makes."""

from __future__ import annotations

import importlib.util
import re

from readme import ROOT

PICTURES = ROOT / "docs" / "pictures"
SPEC = importlib.util.spec_from_file_location("pictures_make", PICTURES / "make.py")
assert SPEC is not None
assert SPEC.loader is not None
make = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make)


def test_the_failure_is_what_a_run_prints() -> None:
    stored = (PICTURES / "failure.txt").read_text(encoding="utf-8")
    assert make.steady(make.failure()) == make.steady(stored), "python docs/pictures/make.py"
    assert f"```text\n{stored}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_sequence_is_that_of_a_run() -> None:
    def arrows(svg: str) -> list[str]:
        return re.findall(r'font-weight="[^"]*"[^>]*>([A-Za-z ]+)</text>', svg)

    stored = (PICTURES / "download.svg").read_text(encoding="utf-8")
    assert "GetBoundProfilePackage request" in arrows(stored)
    assert arrows(make.sequence()) == arrows(stored), "python docs/pictures/make.py"
