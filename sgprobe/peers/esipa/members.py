"""The members of a JSON object of ESipa, each read in its form or refused. SGP.32 §6.4."""

from __future__ import annotations

from typing import Any

from sgprobe.peers.es9.json_binding import BadMember, NotJson, read_base64, read_transaction_id

_MAX_TEXT = 256


class Members:
    """Reads members; NotJson says which one has not its form."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def text(self, name: str) -> str | None:
        """Return a text, None where it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
            raise NotJson(f"{name} is no printable text of at most {_MAX_TEXT} characters")
        return value

    def octets(self, name: str) -> bytes | None:
        """Return the octets of a base64 text, None where it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise NotJson(f"{name} is no text")
        try:
            return read_base64(value)
        except BadMember as error:
            raise NotJson(f"{name}: {error}") from None

    def need(self, name: str) -> bytes:
        """Return the octets of a base64 text that must be there."""
        value = self.octets(name)
        if value is None:
            raise NotJson(f"{name} is missing")
        return value

    def identifier(self, name: str) -> bytes | None:
        """Return a transaction id, None where it is not there."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return read_transaction_id(value)
        except BadMember as error:
            raise NotJson(f"{name}: {error}") from None

    def number(self, name: str) -> int | None:
        """Return an integer of at most two octets, None where it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 16:
            raise NotJson(f"{name} is no small integer")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, False where it is not there."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, bool):
            raise NotJson(f"{name} is no boolean")
        return bool(value)
