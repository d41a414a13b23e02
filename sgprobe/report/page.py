"""The frame of every HTML page: one file, no network, readable without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from string import Template

from sgprobe.data import data_dir
from sgprobe.report.text import plain, short

_TEMPLATES = "reports/templates"


@lru_cache(maxsize=8)
def template(name: str) -> str:
    """Return the text of a template."""
    return (data_dir(_TEMPLATES) / name).read_text(encoding="utf-8")


def page(title: str, body: str, script: str = "") -> tuple[str, str]:
    """Return what stands before and after the body; `body` marks the place with a NUL."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    whole = Template(template("page.html")).substitute(
        title=esc(title), style=template("page.css"), script=script, digest=digest, body=body
    )
    before, _, after = whole.partition("\0")
    return before, after


def esc(text: str, most: int = 4000) -> str:
    """Return one line of text for HTML, in an element or an attribute."""
    return escape(plain(short(text, most)))


def esc_lines(text: str, most: int = 20_000) -> str:
    """Return text of several lines for HTML."""
    return "\n".join(escape(plain(line)) for line in short(text, most).split("\n"))


def rows(cells: Iterable[Iterable[str]]) -> str:
    """Return table rows of cells that are HTML already."""
    return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)


def table(head: Iterable[str], body: str, kind: str = "") -> str:
    """Return a table; a head that begins with `#` is over numbers."""
    cells = "".join(
        f'<th scope="col" class="n">{esc(text[1:])}</th>'
        if text.startswith("#")
        else f'<th scope="col">{esc(text)}</th>'
        for text in head
    )
    classes = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide"><table{classes}><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and values; the values are HTML already."""
    return (
        "<dl>" + "".join(f"<dt>{esc(name)}</dt><dd>{value}</dd>" for name, value in pairs) + "</dl>"
    )
