"""What an interactive session has at hand: all layers, the codec, and the packets of a capture."""

from __future__ import annotations

from typing import Any

from scapy.layers.http import HTTP, HTTPRequest, HTTPResponse
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw, ls
from scapy.plist import PacketList
from scapy.sendrecv import sniff
from scapy.utils import hexdump, rdpcap, wrpcap

from dissectors.asn1 import codec
from dissectors.asn1.detect import Detection, detect
from dissectors.asn1.model import Value
from dissectors.asn1.versions import SPECS
from dissectors.layers import (
    apdu,
    body,
    coap,
    dtls,
    es2,
    es2f,
    es9,
    es10a,
    es10b,
    es10c,
    es10f,
    es11,
    es12,
    esbpp,
    esed1,
    esed2,
    esipa,
    gsmtap,
    http,
)
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.base import LayerError
from dissectors.layers.session import RspSession, read_packets

_INTERFACES = (
    esipa, es9, es11, es10a, es10b, es10c, es12, es2, es10f, es2f, esed1, esed2, esbpp,
)  # fmt: skip
_SCAPY = (HTTP, HTTPRequest, HTTPResponse, IP, IPv6, TCP, UDP, Raw)
_OURS = (
    apdu.Apdu, apdu.ApduResponse, apdu.StoreData, body.NoBody, body.OtherBody, coap.Coap,
    dtls.DtlsAlert, dtls.DtlsContent, dtls.DtlsHandshake, dtls.DtlsRecord, gsmtap.Gsmtap,
    gsmtap.SimExchange,
)  # fmt: skip


def decode(data: bytes | str, type_name: str | None = None) -> Detection:
    """Find what a message is; `data` is octets or hex."""
    return detect(_octets(data), None, type_name)


def encode(type_name: str, value: Value, spec: str | None = None) -> bytes:
    """Return the DER of a JER value, in the newest version that has the type."""
    made = packet_class(type_name)
    return codec.load(spec or made.newest).encode(type_name, value)


def packet(data: bytes | str, type_name: str | None = None) -> Packet:
    """Return a message as a packet of its own class; `data` is octets or hex."""
    octets = _octets(data)
    return packet_class(type_name or detect(octets).type)(octets)


def _octets(data: bytes | str) -> bytes:
    return bytes.fromhex(data) if isinstance(data, str) else bytes(data)


def packet_list(packets: list[Packet], name: str) -> PacketList:
    """Return packets as the list that Scapy's users know."""
    return PacketList(packets, name=name)


def names() -> dict[str, Any]:
    """Return the names of an interactive session."""
    found: dict[str, Any] = {}
    for module in reversed(_INTERFACES):
        found |= {name: getattr(module, name) for name in module.__all__}
    found |= {layer.__name__: layer for layer in (*_SCAPY, *_OURS)}
    tools = (decode, encode, packet, packet_class, apdu.store_data, read_packets, RspSession,
             LayerError, sniff, ls, rdpcap, wrpcap, hexdump, detect)  # fmt: skip
    found |= {tool.__name__: tool for tool in tools}
    return found | {"codec": codec, "SPECS": SPECS, "http": http}
