"""Bytes to eSIM messages and back: ASN.1, links, Scapy layers, traces. No sockets, no verdicts."""
