"""What a step says to the eUICC in the slot, and what it answers: commands, packages, raw APDUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.asn1.versions import Spec
from dissectors.finding import Finding
from dissectors.spec.functions import Function
from dissectors.trace.card_carrier import recognise_answer
from sgprobe.cases import planned as p
from sgprobe.cases.apdus import APDU, template_types
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import beside
from sgprobe.engine.card.slot import Carried, Slot
from sgprobe.engine.message.fill import Filler
from sgprobe.links.card import CardStatus
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa.bound import segments

_PACKAGE = "BoundProfilePackage"
_TAGS = {"isdr": b"\xe0", "isdrIot": b"\xe1"}


@dataclass(frozen=True, slots=True)
class RawApdu:
    """A command APDU as a case writes it; None is the channel of the dialogue."""

    command: bytes
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to a raw APDU, as a message."""

    value: Value
    type: str | None = None
    is_json: bool = True
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the eUICC answered: octets, what they are, and how they went."""

    octets: bytes
    read: Any
    status: str
    carried: Carried


def raw_apdu(planned: p.PlannedMessage, filler: Filler) -> RawApdu:
    """Return the APDU that a step writes."""
    value = filler.fill(planned.template, {}) if planned.template is not None else {}
    command = value.get("command")
    if not command:
        raise Unresolved("an APDU has no default; give `fields: {command: …}`")
    channel = None
    for _, template in planned.binding:
        given = filler.fill(template, {})
        if set(given) - {"channel"}:
            raise Unresolved("of what the bench sends a step can set the channel alone")
        channel = int(given["channel"])
    return RawApdu(bytes.fromhex(command), channel)


def most_segments(planned: p.PlannedMessage, filler: Filler) -> int | None:
    """Return how many segments of a package a step sends; None is all of them."""
    if planned.message.function is APDU:
        return None
    given: dict[str, Value] = {}
    for _, template in planned.binding:
        given |= filler.fill(template, {})
    other = set(given) - {"segments"}
    if other or (given and planned.message.type_name != _PACKAGE):
        raise Unresolved("of what the bench sends a step can set the segments of a package alone")
    return int(given["segments"]) if given else None


async def ask(
    slot: Slot,
    function: Function,
    asked: bytes | RawApdu,
    spec: Spec,
    most: int | None = None,
) -> Answer:
    """Send what a step says and return the answer; raises Unresolved where it cannot be sent."""
    slot.begin()
    if isinstance(asked, RawApdu):
        response = await slot.raw(asked.command, asked.channel)
        version = beside(spec, function)
        return Answer(response.data, Read(_value(response.data, response.sw, version)),
                      f"{response.sw:04X}", slot.carried)  # fmt: skip
    octets = b""
    try:
        for command in _commands(function, asked)[:most]:
            octets = await slot.command(command)
            if octets:
                break
        sw = slot.carried.sw
    except CardStatus as status:
        sw = status.sw
    read = recognise_answer(function, octets, beside(spec, function)) if octets else None
    return Answer(octets, read, f"{sw:04X}", slot.carried)


def _commands(function: Function, asked: bytes) -> list[bytes]:
    """Return the STORE DATA chains of a command."""
    if function.request != _PACKAGE:
        return [asked]
    try:
        return segments(asked)
    except NotAsn1 as error:
        raise Unresolved(f"the package cannot be cut into segments: {error}") from None


def _value(data: bytes, sw: int, spec: Spec) -> dict[str, Value]:
    """Return a response as the members of a message; of SELECT with the templates of ISD-R."""
    value: dict[str, Value] = {"data": data.hex(), "sw": f"{sw:04x}"}
    loaded = codec.load(spec)
    try:
        whole = read_tlv(data)
        there = {one.tag: data[one.start : one.end] for one in split(data, whole.body, whole.end)}
        for member, name in template_types().items():
            found = there.get(_TAGS[member])
            if found is not None and name in loaded:
                value[member] = loaded.decode(name, found).value
    except TlvError:
        pass
    return value


__all__ = ["APDU", "Answer", "RawApdu", "ask", "most_segments", "raw_apdu"]
