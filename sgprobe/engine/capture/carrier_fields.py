"""The fields of what carries messages: HTTP, CoAP and APDUs, as trace assertions name them."""

from __future__ import annotations

from typing import Any

from dissectors.link.apdu import CommandApdu, ResponseApdu, channel_of
from dissectors.link.apdu_message import CardMessage
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import parse_block
from dissectors.link.coap.codes import EMPTY, TYPE_NAMES, code_text
from dissectors.link.coap.options import REGISTRY, Format, Option, Options
from dissectors.link.coap.transfers import CoapTransfer, DatagramRecord
from dissectors.link.http import HttpMessage, Kind

Fields = dict[str, Any]


def http_fields(message: HttpMessage) -> Fields:
    """Return the fields of one HTTP message."""
    head = message.head
    found: Fields = {"http.version": head.version}
    if head.kind is Kind.REQUEST:
        found["http.method"] = head.method
        found["http.path"] = head.path
    else:
        found["http.status"] = head.status
        if message.request is not None:
            found["http.path"] = message.request.path
    for name, value in head.headers:
        key = f"http.header.{name}"
        found[key] = (*found.get(key, ()), value)
    return found


def record_fields(record: DatagramRecord) -> Fields:
    """Return the fields of one CoAP datagram, derived ones among them."""
    found: Fields = {"coap.size": record.size}
    if record.findings:
        found["coap.problem"] = tuple(one.code for one in record.findings)
    message = record.message
    if message is None:
        return found
    found |= _head(message.type, message.code, message.mid, message.token, message.options)
    found["coap.payload-size"] = len(message.payload)
    found["coap.duplicate"] = record.duplicate
    found["coap.retransmission"] = record.retransmission
    found["coap.transmission"] = record.transmission
    if record.back_off is not None:
        found["coap.back-off"] = record.back_off
    if message.code >= 0x40:
        found["coap.separate"] = record.separate
    if 0 < message.code < 0x20:
        found["coap.path"] = opt.uri_path(message.options)
    return found


def transfer_fields(transfer: CoapTransfer) -> Fields:
    """Return the fields of the first datagram of a message."""
    found = _head(transfer.type, transfer.code, transfer.mid, transfer.token, transfer.options)
    found["coap.path"] = transfer.path
    if transfer.request is not None:
        found["esipa.round-trip"] = transfer.time - transfer.request.time
    return found


def _head(kind: int, code: int, mid: int, token: bytes, options: Options) -> Fields:
    found: Fields = {
        "coap.type": TYPE_NAMES[kind],
        "coap.code": code_text(code),
        "coap.code-class": code >> 5,
        "coap.message-id": mid,
    }
    if code != EMPTY:
        found["coap.token"] = token.hex()
    for option in options:
        key = f"coap.option.{option[0]}"
        found[key] = (*found.get(key, ()), _read(option))
    return found | _named(options)


# numbers of options that have a name of their own here
_NAMES = {
    opt.URI_HOST: "coap.host",
    opt.OBSERVE: "coap.observe",
    opt.CONTENT_FORMAT: "coap.content-format",
    opt.ETAG: "coap.etag",
    opt.SIZE1: "coap.size1",
    opt.SIZE2: "coap.size2",
}


def _named(options: Options) -> Fields:
    found: Fields = {}
    for option in options:
        name = _NAMES.get(option[0])
        if name is not None and name not in found:
            found[name] = _read(option)
    queries = opt.uri_queries(options)
    if queries:
        found["coap.query"] = queries
    for number, name in ((opt.BLOCK1, "coap.block1"), (opt.BLOCK2, "coap.block2")):
        value = opt.first(options, number)
        block = None if value is None else parse_block(value)
        if block is not None:
            found[f"{name}.num"] = block.num
            found[f"{name}.size"] = block.size
            found[f"{name}.more"] = block.more
    return found


def _read(option: Option) -> str | int:
    """Return the value of an option as its format says: a number, a text, else hex."""
    number, value = option
    rule = REGISTRY.get(number)
    if rule is not None and rule.format is Format.UINT:
        return opt.uint(value)
    if rule is not None and rule.format is Format.STRING:
        return value.decode("utf-8", "backslashreplace")
    return value.hex()


def card_fields(card: CardMessage, answer: bool) -> Fields:
    """Return the fields of the APDUs that carried a command, or its answer."""
    cla, ins, p1, p2 = card.header
    found: Fields = {
        "apdu.cla": f"{cla:02X}",
        "apdu.ins": f"{ins:02X}",
        "apdu.p1": f"{p1:02X}",
        "apdu.p2": f"{p2:02X}",
        "apdu.channel": card.channel,
        "apdu.segments": len(card.response_frames if answer else card.command_frames),
    }
    if answer:
        found["apdu.sw"] = card.status
    return found


def exchange_fields(command: CommandApdu, response: ResponseApdu) -> Fields:
    """Return the fields of one APDU and its answer."""
    return {
        "apdu.cla": f"{command.cla:02X}",
        "apdu.ins": f"{command.ins:02X}",
        "apdu.p1": f"{command.p1:02X}",
        "apdu.p2": f"{command.p2:02X}",
        "apdu.channel": channel_of(command.cla),
        "apdu.command-size": len(command.data),
        "apdu.response-size": len(response.data),
        "apdu.sw": f"{response.sw:04X}",
    }
