"""The words that forms for people share: times, ends, one line of what a message says."""

from __future__ import annotations

from typing import Any

from dissectors.link.coap.transfers import CoapTransfer
from dissectors.link.http import HttpMessage
from dissectors.trace.message import REQUEST, Message
from dissectors.trace.render import Style

# what tells one message of a type from another, in the order of worth
_TELLING = ("eidValue", "iccid", "counterValue", "seqNumber", "transactionId", "eimTransactionId",
            "smdpAddress", "activationCode", "matchingId")  # fmt: skip
_MOST = 3


def printable(text: str) -> str:
    """Escape what could move a cursor or break a line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def end_name(style: Style, address: str, role: str) -> str:
    """Return how an end of a message is called: by the person, else by its role."""
    host = address.rpartition(":")[0].strip("[]")
    return printable(style.roles.get(address) or style.roles.get(host) or role or address)


def carrier_word(message: Message) -> str:
    """Return how a message was carried, in one or two words."""
    carrier = message.carrier
    if message.status is not None:
        return f"{message.transport} {message.status}"
    if isinstance(carrier, HttpMessage):
        return f"{message.transport} {printable(carrier.head.method)}"
    if isinstance(carrier, CoapTransfer):
        return f"{message.transport} {carrier.type_name}"
    return message.transport


def refused(message: Message) -> bool:
    """Say whether an answer carries an error; that there is nothing to do is none."""
    status = message.status
    if isinstance(status, int) and status >= 400:
        return True
    if isinstance(status, str) and message.transport.startswith("coap") and status >= "4":
        return True
    said = outcome(message)
    return bool(said) and "noEimPackageAvailable" not in said


def outcome(message: Message) -> str:
    """Return the error that an answer carries, or ""."""
    for path, value in walk(message.value):
        name = path.rsplit(".", 1)[-1]
        if "rror" in name and isinstance(value, str | int) and not isinstance(value, bool):
            return f"{name} {value}"
        if name == "statusCodeData" and isinstance(value, dict):
            return f"{value.get('subjectCode')} / {value.get('reasonCode')}"
    return ""


def telling(message: Message) -> list[tuple[str, str]]:
    """Return the members that tell this message from the next of its type."""
    found: dict[str, str] = {}
    for path, value in walk(message.value):
        name = path.rsplit(".", 1)[-1].split("[")[0]
        # a value of zeros alone was hidden: it tells nothing
        if name in _TELLING and isinstance(value, str | int) and str(value).strip("0"):
            found.setdefault(name, str(value))
    return [(name, found[name]) for name in _TELLING if name in found][:_MOST]


def walk(value: Any, path: str = "", budget: int = 400) -> list[tuple[str, Any]]:
    """List the members of a value with their paths; at most `budget` of them."""
    rows: list[tuple[str, Any]] = []
    pending = [(path, value)]
    while pending and len(rows) < budget:
        at, one = pending.pop()
        if at:
            rows.append((at, one))
        if isinstance(one, dict):
            below = [(f"{at}.{name}" if at else name, kid) for name, kid in one.items()]
            pending += reversed(below)
        elif isinstance(one, list):
            pending += [(f"{at}[{i}]", kid) for i, kid in reversed(list(enumerate(one[:budget])))]
    return rows


def title(message: Message) -> str:
    """Return what a message is called."""
    if message.type is not None and message.type[:1].isupper():
        return message.type
    return f"{message.function} {message.kind}"


def is_request(message: Message) -> bool:
    """Say whether a message is a request."""
    return message.kind == REQUEST
