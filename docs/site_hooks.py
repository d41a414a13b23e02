"""What the site changes of the pages.

Links that leave docs/ name the file of the repository instead, and
what belongs to a numbered item stands four columns in, as this Markdown wants it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

_ITEM = re.compile(r"\d+\. ")
_LINK = re.compile(r"\[([^\]]*)\]\((\.\.?/[^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Rewrite the links of one page."""
    folder = posixpath.dirname(page.file.src_uri)

    def other(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, found[2]))
        return found[0] if target.startswith("docs/") else f"{found[1]} (`{target}`)"

    return "\n".join(_indented(_LINK.sub(other, markdown)))


def _indented(markdown: str) -> Iterator[str]:
    inside = False
    for line in markdown.splitlines():
        if line.strip() and not line.startswith(" "):
            inside = bool(_ITEM.match(line))
        yield f" {line}" if inside and line.startswith("   ") else line
