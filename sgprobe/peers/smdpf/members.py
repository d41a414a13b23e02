"""Members of the JSON bodies of the SM-DPf: numbers, lists and octets, each bounded."""

from __future__ import annotations

import re
from typing import Any

from sgprobe.peers.es9.json_binding import BadMember, read_base64
from sgprobe.peers.smdpf.status import refuse

Members = dict[str, Any]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def name_of(members: Members, name: str, default: str | None = None) -> str:
    """Return an identifier: it becomes part of paths and file names."""
    value = members.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise refuse("element-missing", name)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refuse("element-invalid", name)
    return value


def number(members: Members, name: str, least: int, most: int, default: int | None = None) -> int:
    """Return a number within its bounds."""
    value = members.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise refuse("element-missing", name)
    if type(value) is not int or not least <= value <= most:
        raise refuse("element-invalid", f"{name}: {least} to {most}")
    return value


def listed(members: Members, name: str, most: int) -> list[Any]:
    """Return a list, empty where it is not there."""
    value = members.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise refuse("element-invalid", f"{name}: at most {most}")
    return value


def texts(members: Members, name: str, most: int, length: int = 64) -> list[str]:
    """Return a list of texts."""
    values = listed(members, name, most)
    for value in values:
        if not isinstance(value, str) or len(value) > length:
            raise refuse("element-invalid", name)
    return values


def octets(value: Any, name: str) -> bytes:
    """Return the octets of a base64 text."""
    if not isinstance(value, str):
        raise refuse("element-invalid", name)
    try:
        return read_base64(value)
    except BadMember as error:
        raise refuse("element-invalid", f"{name}: {error}") from None


def need_octets(members: Members, name: str) -> bytes:
    """Return the octets of a member that must be there."""
    if members.get(name) is None:
        raise refuse("element-missing", name)
    return octets(members[name], name)
