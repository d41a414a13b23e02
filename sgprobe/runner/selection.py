"""What a person selects: ids, folders of suites, clauses, files, the failed ones of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from sgprobe.cases.load import CASE_ENDING
from sgprobe.data import data_dir
from sgprobe.events import STREAM, ItemEnded, Verdict, read
from sgprobe.problems import did_you_mean

_CLAUSE = re.compile(r"(sgp|rfc)\.?([0-9]+)/(.+)", re.I)
_SPEC_LINE = re.compile(r"^spec: *(.*)$", re.M)
_BAD = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)


def paths_and_names(select: Iterable[str], out: Path) -> list[str]:
    """Return pytest arguments for what was selected; LookupError says what is not there."""
    chosen: dict[str, None] = {}
    texts = list(select)
    if not texts:
        return [str(data_dir("suites"))]
    for text in texts:
        for found in _chosen(text, out):
            chosen[found] = None
    return list(chosen)


def _chosen(text: str, out: Path) -> list[str]:
    if text == "@failed":
        return [one for ident in failed(out) for one in _by_id(ident)]
    if Path(text).exists():
        return [text]
    clause = _CLAUSE.fullmatch(text)
    if clause is not None:
        found = _by_clause(clause[1], clause[2], clause[3])
    elif (data_dir("suites") / text).is_dir() and ".." not in text:
        found = [str(data_dir("suites") / text)]
    else:
        found = _by_id(text)
    if not found:
        near = did_you_mean(text.partition("[")[0], list(cases()))
        raise LookupError(f"{text}: no such case, folder or clause" + (f"; {near}" if near else ""))
    return found


@lru_cache(maxsize=1)
def cases() -> dict[str, Path]:
    """Return the case files of the suites by id."""
    found = sorted(data_dir("suites").rglob("*" + CASE_ENDING))
    return {path.name.removesuffix(CASE_ENDING): path for path in found}


def _by_id(text: str) -> list[str]:
    ident, bracket, _ = text.partition("[")
    known = cases()
    if ident in known:
        return [f"{known[ident]}::{text}" if bracket else str(known[ident])]
    if bracket:
        return []
    # the beginning of ids, such as ESIPA-EIM-GEP
    return [str(path) for one, path in known.items() if one.startswith(text.upper() + "-")]


def _by_clause(document: str, number: str, section: str) -> list[str]:
    word = f"SGP.{number}" if document.lower() == "sgp" else f"RFC {number}"
    pattern = re.compile(re.escape(word) + r"(?: v[0-9.]+)? §" + re.escape(section) + r"(?![0-9])")
    found = []
    for path in cases().values():
        line = _SPEC_LINE.search(path.read_text(encoding="utf-8"))
        if line is not None and pattern.search(line[1]):
            found.append(str(path))
    return found


def failed(out: Path) -> list[str]:
    """Return the items of the last run that did not pass; LookupError where there is no run."""
    stream = out / STREAM
    if not stream.is_file():
        raise LookupError(f"@failed: no run in {out}")
    with stream.open(encoding="utf-8") as lines:
        return [one.item for one in read(lines)
                if isinstance(one, ItemEnded) and one.verdict in _BAD]  # fmt: skip
