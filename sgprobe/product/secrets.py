"""Secrets of an operator's interface: named in the file, read when needed, shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MAX_OCTETS = 1 << 16
MASK = "***"
# shorter ones would blot out half of a text
_SHORTEST = 4
# headers that say who one is: never as plain text in a file
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
SECRET_WORDS = ("token", "key", "secret", "password")


class NoSecret(Exception):
    """A secret is not where the product file says."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that may be secret: plain text, a variable of the environment, or a file."""

    text: str = ""
    variable: str = ""
    file: Path | None = field(default=None, repr=False)

    @property
    def secret(self) -> bool:
        """Whether the value must not be shown."""
        return bool(self.variable) or self.file is not None

    def reveal(self) -> str:
        """Return the value; raises NoSecret, which names the place and never the value."""
        if self.variable:
            value = os.environ.get(self.variable)
            if not value:
                raise NoSecret(f"the environment has no {self.variable}")
        elif self.file is not None:
            try:
                with self.file.open("rb") as file:
                    value = file.read(MAX_OCTETS).decode("utf-8", "replace").strip()
            except OSError as error:
                raise NoSecret(f"{self.file.name} cannot be read: {error.strerror}") from None
        else:
            return self.text
        if not value.isprintable():
            raise NoSecret(f"{self.variable or 'the file'} holds more than one line of text")
        return value


def looks_secret(header: str) -> bool:
    """Say whether a header of that name says who one is."""
    name = header.lower()
    return name in SECRET_HEADERS or any(word in name for word in SECRET_WORDS)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return text without the secrets, nor their last words (`Bearer X` is `Bearer` and X)."""
    for secret in secrets:
        for piece in (secret, secret.rpartition(" ")[2]):
            if len(piece) >= _SHORTEST:
                text = text.replace(piece, MASK)
    return text
