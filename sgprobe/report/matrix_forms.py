"""The requirement matrix as Markdown, HTML, CSV and JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TextIO

from sgprobe.events import Verdict
from sgprobe.report.markdown import md
from sgprobe.report.markdown import table as md_table
from sgprobe.report.matrix import Cell, Matrix, Row
from sgprobe.report.page import esc, page, table
from sgprobe.report.run import SYMBOLS, WORDS
from sgprobe.report.table import write_rows

_PLANNED = "no case yet"
_UNCOVERED = "not covered"


def _word(verdict: Verdict | None) -> str:
    return WORDS[verdict] if verdict is not None else "not run"


def _signed(verdict: Verdict | None) -> str:
    return f"{SYMBOLS[verdict]} {WORDS[verdict]}" if verdict is not None else "not run"


def _official(cell: Cell) -> str:
    return ", ".join(
        name if mark == "certain" else f"{name} ({mark})" for name, mark in cell.case.official
    )


def _level(row: Row) -> str:
    return row.requirement.level + ("" if row.requirement.certain else ", uncertain")


def _together(row: Row, at: int) -> str:
    return _signed(row.verdicts[at]) if row.covered else _UNCOVERED


def said(matrix: Matrix) -> str:
    """Return the matrix in one sentence."""
    return f"{matrix.covered} of {len(matrix.rows)} requirements have a case"


# --- Markdown ---


def write_markdown(matrix: Matrix, out: TextIO) -> None:
    """Write the matrix as Markdown."""
    lines = ["# Requirements", "", f"{said(matrix)}.", ""]
    head = ["requirement", "clause", "level", "text", *map(md, matrix.products), "cases"]
    lines += md_table(head, [_markdown_row(row, matrix) for row in matrix.rows])
    out.write("\n".join(lines) + "\n")


def _markdown_row(row: Row, matrix: Matrix) -> list[str]:
    one = row.requirement
    verdicts = [_together(row, at) for at in range(len(matrix.products))]
    cases = "<br>".join(_markdown_cell(cell) for cell in row.cells) or _UNCOVERED
    return [md(one.id), md(one.clause), md(_level(row)), md(one.text), *verdicts, cases]


def _markdown_cell(cell: Cell) -> str:
    words = [_signed(verdict) for verdict in cell.verdicts] if cell.case.exists else [_PLANNED]
    official = f" ({md(_official(cell))})" if cell.case.official else ""
    told = f": {' / '.join(words)}" if words else ""
    return f"{md(cell.case.case)}{official}{told}"


# --- HTML ---


def write_html(matrix: Matrix, out: TextIO) -> None:
    """Write the matrix as one page."""
    before, after = page("Requirements and cases", "\0")
    out.write(before)
    out.write(f'<header><h1>Requirements: {said(matrix)}</h1></header>\n<main id="main">\n')
    for at, product in enumerate(matrix.products):
        count = Counter(row.verdicts[at] for row in matrix.rows if row.covered)
        parts = [f"{count[v]} {_word(v)}" for v in (*WORDS, None) if count[v]]
        out.write(
            f"<p><strong>{esc(product)}</strong>: {esc(' · '.join(parts) or 'nothing')}</p>\n"
        )
    missing = len(matrix.rows) - matrix.covered
    if missing:
        out.write(f'<p class="fail">{missing} requirements have no case.</p>\n')
    head = ("requirement", "clause", "level", "text", *matrix.products, "cases")
    body = "".join(_html_row(row, matrix) for row in matrix.rows)
    out.write(table(head, body) + "</main>\n")
    out.write(after)


def _html_row(row: Row, matrix: Matrix) -> str:
    one = row.requirement
    cells = f"<th scope='row'>{esc(one.id)}</th><td>{esc(one.clause)}</td>"
    cells += f"<td>{esc(_level(row))}</td><td>{esc(one.text)}</td>"
    for at in range(len(matrix.products)):
        verdict = row.verdicts[at] if row.covered else None
        cells += f'<td class="{verdict.value if verdict else "faint"}">{_together(row, at)}</td>'
    cases = "".join(_html_cell(cell) for cell in row.cells)
    cases = cases or f'<li class="fail">{_UNCOVERED}</li>'
    return f'<tr>{cells}<td><ul class="plain">{cases}</ul></td></tr>\n'


def _html_cell(cell: Cell) -> str:
    text = f"<code>{esc(cell.case.case)}</code>"
    if not cell.case.exists:
        text += f' <span class="faint">{_PLANNED}</span>'
    for verdict in cell.verdicts if cell.case.exists else ():
        text += f' <span class="{verdict.value if verdict else "faint"}">{_signed(verdict)}</span>'
    if cell.case.official:
        text += f'<br><span class="faint">{esc(_official(cell))}</span>'
    return f"<li>{text}</li>"


# --- CSV and JSON ---


def write_csv(matrix: Matrix, out: TextIO) -> None:
    """Write a row for each requirement and case."""
    head = ["requirement", "clause", "level", "certain", "text", "case", "case exists", "title",
            "roles", "official", *matrix.products]  # fmt: skip
    write_rows([head], out)
    for row in matrix.rows:
        one = row.requirement
        known = [one.id, one.clause, one.level, "yes" if one.certain else "no", one.text]
        if not row.cells:
            blank = [_UNCOVERED for _ in matrix.products]
            write_rows([[*known, "", "no", "", "", "", *blank]], out)
        for cell in row.cells:
            case = cell.case
            words = [_word(v) if case.exists else _PLANNED for v in cell.verdicts]
            exists = "yes" if case.exists else "no"
            told = [case.case, exists, case.title, case.roles, _official(cell), *words]
            write_rows([[*known, *told]], out)


def write_json(matrix: Matrix, out: TextIO) -> None:
    """Write the matrix for machines."""
    rows = [
        {
            "requirement": row.requirement.id,
            "clause": row.requirement.clause,
            "text": row.requirement.text,
            "level": row.requirement.level,
            "certain": row.requirement.certain,
            "covered": row.covered,
            "verdicts": _values(matrix, row.verdicts),
            "cases": [
                {
                    "case": cell.case.case,
                    "exists": cell.case.exists,
                    "title": cell.case.title,
                    "roles": list(cell.case.roles),
                    "official": [{"name": n, "certainty": m} for n, m in cell.case.official],
                    "verdicts": _values(matrix, cell.verdicts),
                }
                for cell in row.cells
            ],
        }
        for row in matrix.rows
    ]
    whole = {"products": list(matrix.products), "covered": matrix.covered, "requirements": rows}
    out.write(json.dumps(whole, indent=1).replace("\x7f", "\\u007f") + "\n")


def _values(matrix: Matrix, verdicts: tuple[Verdict | None, ...]) -> dict[str, str | None]:
    return {
        product: verdict.value if verdict is not None else None
        for product, verdict in zip(matrix.products, verdicts, strict=True)
    }


FORMS = {"md": write_markdown, "html": write_html, "csv": write_csv, "json": write_json}
