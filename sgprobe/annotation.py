"""Lines that GitHub Actions shows beside the file that they speak of."""

from __future__ import annotations

from sgprobe.fileerror import safe


def annotation(
    level: str, text: str, *, file: str = "", line: int = 0, column: int = 0, title: str = ""
) -> str:
    """Return a workflow command; `level` is error, warning or notice."""
    parts = {"file": file, "line": line, "col": column, "title": title}
    given = ",".join(f"{name}={_value(str(part))}" for name, part in parts.items() if part)
    return f"::{level} {given}::{_data(text)}" if given else f"::{level}::{_data(text)}"


def _data(text: str) -> str:
    lines = (safe(line) for line in text.replace("\r\n", "\n").split("\n"))
    return "%0A".join(line.replace("%", "%25") for line in lines)


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
