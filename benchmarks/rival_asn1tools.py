"""The rival where tshark is absent: dpkt, reassembly without a thought, and asn1tools, as NDJSON.

    python benchmarks/rival_asn1tools.py CAPTURE

It is what a careful person writes in an afternoon: segments in order of their numbers, each once,
messages by Content-Length; CoAP without blocks. No problem is looked for, no version but one is
tried.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import dpkt

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "asn1"))

from asn1tools_oracle import asn1tools_types

from dissectors.asn1.versions import parse_spec

_HEAD = re.compile(rb"(POST|HTTP/1.1)[^\r]*\r\n(?:[^\r]+\r\n)*?Content-Length: (\d+)\r\n"
                   rb"(?:[^\r]+\r\n)*\r\n")  # fmt: skip
Key = tuple[bytes, bytes, int, int]


def bodies(path: str) -> Iterator[tuple[bool, bytes]]:
    """Walk the bodies of a capture, each with whether it is a request."""
    streams: dict[Key, dict[int, bytes]] = {}
    seen: set[tuple[Key, int, int]] = set()
    with Path(path).open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(frame).data
            layer = ip.data
            key = (ip.src, ip.dst, layer.sport, layer.dport)
            if isinstance(layer, dpkt.udp.UDP):
                message = layer.data
                once = (key, message[1], message[2] << 8 | message[3])
                if once not in seen:
                    seen.add(once)
                    yield message[1] < 32, message.partition(b"\xff")[2]
            elif layer.data:
                streams.setdefault(key, {}).setdefault(layer.seq, layer.data)
    for segments in streams.values():
        text = b"".join(segments[number] for number in sorted(segments))
        at = 0
        while found := _HEAD.match(text, at):
            at = found.end() + int(found[2])
            yield found[1] == b"POST", text[found.end() : at]


def shown(value: object) -> str:
    """Return octets as hex for JSON."""
    return value.hex() if isinstance(value, bytes) else str(value)


def main() -> None:
    types = asn1tools_types(parse_spec("SGP.32@1.2"))
    asking = types["EsipaMessageFromIpaToEim"]
    answering = types["EsipaMessageFromEimToIpa"]
    for number, (is_request, body) in enumerate(bodies(sys.argv[1]), 1):
        kind = asking if is_request else answering
        value = kind.decode(body) if body else None
        print(json.dumps({"n": number, "value": value, "bytes": body.hex()}, default=shown))


if __name__ == "__main__":
    main()
