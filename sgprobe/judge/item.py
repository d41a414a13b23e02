"""One item of evidence: absent, refused with the reason, or accepted with what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MAX_FILE = 32 << 20


class Refused(Exception):
    """An item is not believed; the text says why."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One item; `value` is what it says, None where it is absent or refused."""

    key: str
    value: T | None = None
    refused: str = ""

    @property
    def state(self) -> str:
        """Say what became of the item in one word."""
        return "accepted" if self.value is not None else "refused" if self.refused else "absent"

    @property
    def lack(self) -> str:
        """Say why the item does not count."""
        return f"{self.key} refused: {self.refused}" if self.refused else f"{self.key} is missing"


def octets_of(path: Path) -> bytes:
    """Return what a file of evidence holds."""
    be_file(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise Refused(f"{path.name} is larger than {MAX_FILE >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name}: {error.strerror or error}") from None


def be_file(path: Path) -> None:
    """Refuse what is no file: nobody waits for a pipe."""
    if not path.is_file():
        raise Refused(f"{path.name} is {'no file' if path.exists() else 'not there'}")


def members_of(octets: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object in a file."""
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        raise Refused(f"{name} is no JSON") from None
    if not isinstance(value, dict):
        raise Refused(f"{name} is no JSON object")
    return value


def text_of(members: dict[str, Any], name: str) -> str:
    """Return a text of a JSON object."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"'{name}' is missing or no text")
    return value


def file_of(files: Mapping[str, Path], name: str) -> Path:
    """Return a file of an item; Refused says that it is not named."""
    if name not in files:
        raise Refused(f"its file '{name}' is not named")
    return files[name]
