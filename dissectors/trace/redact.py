"""Hides subscriber identities and key material in messages before they are printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from dissectors.trace.message import Message

# members whose values are hidden, by kind; the rest of a message stays
KINDS: dict[str, frozenset[str]] = {
    "iccid": frozenset({"iccid"}),
    "eid": frozenset({"eidValue", "eid", "imei"}),
    "keys": frozenset({"ppkEnc", "ppkCmac", "initialMacChainingValue", "hashCc", "matchingId",
                       "activationCode", "confirmationCode"}),
}  # fmt: skip


def redactor(kinds: frozenset[str]) -> Callable[[Message], Message]:
    """Return the change of a message that hides the given kinds."""
    if not kinds:
        return lambda message: message
    names = frozenset().union(*(KINDS[kind] for kind in kinds))
    # a certificate names its EID, and the bytes of a message carry all that is hidden in its value
    opaque = names | ({"euiccCertificate"} if "eid" in kinds else frozenset())

    def change(message: Message) -> Message:
        value = _hide(message.value, opaque)
        if value == message.value:
            return message
        return dataclasses.replace(message, value=value, octets=b"", carrier={})

    return change


def _hide(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _mask(below) if name in names else _hide(below, names)
            for name, below in value.items()
        }
    if isinstance(value, list):
        return [_hide(one, names) for one in value]
    return value


def _mask(value: Any) -> Any:
    """Keep the kind of a value; hex stays hex of the same length, so that its type still fits."""
    if isinstance(value, str):
        return "0" * len(value)
    return _all_masked(value)


def _all_masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_mask(one) for one in value]
    return 0 if isinstance(value, int) and not isinstance(value, bool) else value
