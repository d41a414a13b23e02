"""Names beside the message itself: fields of its binding, of a trace, and of a state."""

from __future__ import annotations

# what `http:`, `coap:` and `apdu:` of a step may name; a dot at the end takes any further name
BINDING: dict[str, dict[str, str]] = {
    "http": {
        "status": "the status code",
        "version": "1.1 or 2",
        "method": "the method",
        "path": "the path",
        "header.": "a header by its name in small letters",
    },
    "coap": {
        "code": "the code, such as 2.04",
        "type": "CON, NON, ACK or RST",
        "content-format": "the number of the content format",
        "block1.size": "the size of blocks sent",
        "block2.size": "the size of blocks received",
        "option.": "an option by its number",
    },
    "apdu": {
        "sw": "the status word, such as 9000",
        "segments": "the number of commands that carried the message",
        "channel": "the logical channel",
    },
}

# what a simulated role's binding may be set to
SETTINGS: dict[str, dict[str, str]] = {
    "coap": {
        "block2-size": "the size of blocks that the role sends",
        "block1-size": "the size of blocks that the role takes",
        "separate": "answers come after an empty acknowledgement",
    },
    "http": {
        "version": "1.1 or 2",
        "header.": "a header by its name in small letters",
    },
}

# what trace assertions look at; derived ones are computed over the flow
TRACE: dict[str, str] = {
    "from": "the role that sends",
    "to": "the role that receives",
    "type": "the ASN.1 type of the message",
    "function": "the function of the interface",
    "interface": "ESipa, ES9+, ES10b, …",
    "kind": "request or response",
    "transport": "https, coap, coaps, apdu, …",
    "status": "the HTTP status, CoAP code or status word",
    "size": "octets of the message",
    "tls.version": "the version of TLS, such as 1.2",
    "tls.cipher": "the name of the cipher suite",
    "dtls.version": "the version of DTLS",
    "http.version": "1.1 or 2",
    "http.status": "the status code",
    "coap.type": "CON, NON, ACK or RST",
    "coap.code": "the code, such as 4.08",
    "coap.token": "the token in hex",
    "coap.message-id": "the number of the message",
    "coap.block1.num": "the number of the block sent",
    "coap.block1.size": "its size",
    "coap.block2.num": "the number of the block asked for",
    "coap.block2.size": "its size",
    "coap.retransmission": "true where the same message was sent before",
    "coap.back-off": "the time since the same message was last sent",
    "coap.content-format": "the number of the content format",
    "datagram.size": "octets of UDP payload",
    "apdu.sw": "the status word",
    "esipa.round-trip": "the time from request to response",
    "value.": "a member of the message, by its path",
    "http.header.": "a header by its name in small letters",
    "coap.option.": "an option by its number",
}

# the columns of a state's rows, and the words that one may hold
STATE_COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "euicc.profiles": {"iccid": (), "state": ("enabled", "disabled"), "fallback": ("yes", "no")},
    "euicc.eims": {"eimId": (), "counterValue": (), "associationToken": ()},
    "euicc.notifications": {"seqNumber": (), "operation": (
        "install", "enable", "disable", "delete"), "iccid": ()},
    "eim.queue": {"eid": (), "order": (), "state": ("open", "done", "failed")},
    "smdp.order": {"iccid": (), "eid": (), "matchingId": (), "confirmationCode": (),
                   "state": ("available", "linked", "confirmed", "released", "downloaded",
                             "installed", "error")},
    "smds.events": {"eid": (), "eventId": (), "rspServerAddress": ()},
    "smdpf.profiles": {"prepared": ()},
}  # fmt: skip


def known(name: str, table: dict[str, object] | dict[str, str]) -> bool:
    """Say whether a table has a name, or a family that it belongs to."""
    if name in table and not name.endswith("."):
        return True
    return any(name.startswith(one) and len(name) > len(one) for one in table if one[-1] == ".")
