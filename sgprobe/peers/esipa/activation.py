"""Activation codes, with and without the LPA: prefix. SGP.22 §4.1, SGP.32 §2.11.1.3."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "LPA:"
MAX_CODE = 255
_FORMAT = "1"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
# SGP.22 §4.1.1: upper case letters, digits, hyphens; lower case is met in the field
_MATCHING_ID = re.compile(r"[A-Za-z0-9-]*")
_OID = re.compile(r"[0-9]+(?:\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """An activation code: the SM-DP+, the matching id, its OID, and whether a code is wanted."""

    address: str
    matching_id: str = ""
    oid: str | None = None
    code_required: bool = False

    @property
    def text(self) -> str:
        """The code as a trigger carries it: without its prefix."""
        fields = [_FORMAT, self.address, self.matching_id]
        if self.oid or self.code_required:
            fields.append(self.oid or "")
        if self.code_required:
            fields.append("1")
        return "$".join(fields)


def read_code(text: str) -> ActivationCode | None:
    """Return the activation code in a text, None where it is none."""
    fields = text.removeprefix(PREFIX).split("$")
    if len(text) > MAX_CODE + len(PREFIX) or not 3 <= len(fields) <= 5 or fields[0] != _FORMAT:
        return None
    address, matching_id = fields[1:3]
    oid = fields[3] if len(fields) > 3 and fields[3] else None
    flag = fields[4] if len(fields) > 4 else ""
    if not _HOST.fullmatch(address) or not _MATCHING_ID.fullmatch(matching_id):
        return None
    if (oid is not None and not _OID.fullmatch(oid)) or flag not in ("", "1"):
        return None
    return ActivationCode(address, matching_id, oid, flag == "1")
