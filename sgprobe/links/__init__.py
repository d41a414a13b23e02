"""Sockets: HTTPS, CoAP over DTLS, card links, impairment, clocks, capture writer."""
