"""Captured frames to application payloads: containers, IP, TCP, TLS, DTLS, HTTP, CoAP, APDU."""
