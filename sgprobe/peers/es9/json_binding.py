"""The JSON binding of the RSP servers: members, header and status. SGP.22 §6.5."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from dissectors.asn1.tlv import TlvError, read_tag
from sgprobe.peers.es9.messages import Event, Form, Member, attributes
from sgprobe.peers.es9.status import Refusal, refuse

SUCCESS, WARNING, FAILED, EXPIRED = (
    "Executed-Success",
    "Executed-WithWarning",
    "Failed",
    "Expired",
)
TRANSACTION_OCTETS = 16  # SGP.22: TransactionId, 1 to 16 octets


class NotJson(ValueError):
    """The body is no JSON object."""


class BadMember(ValueError):
    """A member has not the form it must have."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NotJson("the body is no JSON text") from None
    if not isinstance(value, dict):
        raise NotJson("the body is no JSON object")
    return value


def write_object(value: dict[str, Any]) -> bytes:
    """Return the JSON text of an object."""
    return json.dumps(value, separators=(",", ":")).encode()


def read_message(kind: type[Any], value: dict[str, Any]) -> Any:
    """Return the message in a JSON object; unknown members are ignored.

    A missing or unreadable member is a refusal with the status of that.
    """
    found: dict[str, Any] = {}
    for name, member in attributes(kind):
        if value.get(member.json) is None:
            if not member.optional:
                raise refuse("element-missing", member.json)
            continue
        try:
            found[name] = read_member(member, value[member.json])
        except BadMember as error:
            raise refuse("element-invalid", f"{member.json}: {error}") from None
    return kind(**found)


def write_message(message: Any) -> dict[str, Any]:
    """Return the JSON members of a message; a flag that is not set is left out."""
    written: dict[str, Any] = {}
    for name, member in attributes(type(message)):
        value = getattr(message, name)
        if member.form is not Form.FLAG or value:
            written[member.json] = write_member(member, value)
    return written


def read_member(member: Member, value: Any) -> Any:
    """Return the Python value of one member."""
    if member.form is Form.FLAG:
        if not isinstance(value, bool):
            raise BadMember("no boolean")
        return value
    if member.form is Form.EVENTS:
        return _read_events(value)
    if not isinstance(value, str):
        raise BadMember("no text")
    if member.form is Form.TEXT:
        if not value.isprintable():
            # lone surrogates and control characters stand in no address
            raise BadMember("no printable text")
        return value
    if member.form is Form.HEX:
        return read_transaction_id(value)
    octets = read_base64(value)
    if member.form is Form.TLV:
        _check_tag(member, octets)
    return octets


def write_member(member: Member, value: Any) -> Any:
    """Return one value as it stands in JSON."""
    if member.form is Form.HEX:
        return value.hex().upper()
    if member.form in (Form.OCTETS, Form.TLV):
        return base64.b64encode(value).decode()
    if member.form is Form.EVENTS:
        return [{"eventId": one.event_id, "rspServerAddress": one.address} for one in value]
    return value


def read_transaction_id(text: str) -> bytes:
    """Return a transaction id, in either case."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise BadMember("no hex text") from None
    # fromhex() skips blanks
    if len(text) != 2 * len(octets) or not 1 <= len(octets) <= TRANSACTION_OCTETS:
        raise BadMember(f"not 1 to {TRANSACTION_OCTETS} octets")
    return octets


def read_base64(text: str) -> bytes:
    """Return the octets of standard base64 with padding. RFC 4648 §4."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadMember("no base64 text") from None


def _check_tag(member: Member, octets: bytes) -> None:
    try:
        tag = octets[: read_tag(octets, 0, len(octets))]
    except TlvError:
        raise BadMember("no TLV") from None
    if member.tag and tag.hex().upper() != member.tag:
        raise BadMember(f"tag {tag.hex().upper()}, not {member.tag}")


def _read_events(value: Any) -> tuple[Event, ...]:
    if not isinstance(value, list):
        raise BadMember("no list")
    events = []
    for one in value:
        event_id = one.get("eventId") if isinstance(one, dict) else None
        address = one.get("rspServerAddress") if isinstance(one, dict) else None
        if not isinstance(event_id, str) or not isinstance(address, str):
            raise BadMember("an entry without eventId and rspServerAddress")
        events.append(Event(event_id, address))
    return tuple(events)


def success() -> dict[str, Any]:
    """Return the header of a function that was executed. SGP.22 §6.5.1.4."""
    return {"functionExecutionStatus": {"status": SUCCESS}}


def failure(refusal: Refusal) -> dict[str, Any]:
    """Return the header of a function that failed; the detail stays here, it may name secrets."""
    status = refusal.status
    return {
        "functionExecutionStatus": {
            "status": FAILED,
            "statusCodeData": {
                "subjectCode": status.subject,
                "reasonCode": status.reason,
                "message": status.text,
            },
        }
    }


def read_header(members: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return status, subject code, reason code and message of an answer; "" where not given."""
    header = members.get("header")
    execution = header.get("functionExecutionStatus") if isinstance(header, dict) else None
    if not isinstance(execution, dict):
        return FAILED, "", "", "no functionExecutionStatus"
    data = execution.get("statusCodeData")
    data = data if isinstance(data, dict) else {}

    def text(holder: dict[str, Any], name: str) -> str:
        value = holder.get(name)
        return value[:200] if isinstance(value, str) else ""

    return (
        text(execution, "status"),
        text(data, "subjectCode"),
        text(data, "reasonCode"),
        text(data, "message"),
    )
