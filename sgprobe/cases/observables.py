"""Names beside the message itself: fields of its binding, of a trace, and of a state."""

from __future__ import annotations

# what `http:`, `coap:` and `apdu:` of a step may name; a dot at the end takes any further name
BINDING: dict[str, dict[str, str]] = {
    "http": {
        "status": "the status code",
        "version": "1.1 or 2",
        "client": "sent to an SM-DPf: whose certificate TLS shows, such as other-dm, or none",
        "method": "the method",
        "path": "the path",
        "header.": "a header by its name in small letters",
        "pace": "sent: the pause before each octet of the body, such as 1 s",
    },
    "coap": {
        "code": "the code, such as 2.04; sent: that of a method, such as 0.01",
        "path": "sent: the path",
        "type": "sent: CON or NON",
        "content-format": "sent: the number of the content format",
        "block1.size": "sent: the size of blocks of the request",
        "block1.then-size": "sent: the size of all blocks of the request but the first",
        "block2.size": "sent: the size of blocks that are asked for",
        "block1.order": "sent: the numbers of the blocks that are sent, such as 0 2, or 0 1 1 rest",
        "block2.order": "sent: the numbers of the blocks that are asked for after the first",
        "block2.twice": "sent: yes: each block of the answer but the first is asked for twice",
        "token": "sent: the token in hex",
        "tokens": "sent: one for all blocks, or each, which is usual",
        "message-id": "sent: the number of the first message",
        "option.": "sent: the octets of an option by its number, in hex",
        "copies": "sent: how often the first message is sent at once",
        "datagram": "sent: a datagram in place of the message, in hex",
        "client": "sent: other: by a second client; insecure: by one without DTLS, to port 5683 "
        "where the product is at 5684",
        "association": "sent: in a new DTLS association; new: the client has forgotten the one "
        "before, closed: it has ended it, resumed: and offers its session again",
        "record": "sent: what becomes of the DTLS record of the first message: twice, damaged or "
        "plain (in epoch 0, without protection)",
        "port": "sent: new: the client sends from another port from now on",
    },
    "apdu": {
        "sw": "the status word, such as 9000",
        "segments": "the number of commands that carried the message; of a package that is sent, "
        "how many of its segments go",
        "channel": "the logical channel, also of an APDU that is sent",
    },
}

# what a simulated role's binding may be set to
SETTINGS: dict[str, dict[str, str]] = {
    "coap": {
        "block2-size": "the size of blocks that the role sends",
        "block1-size": "the size of blocks that the role takes",
        "separate": "answers come after an empty acknowledgement",
        "ack-delay": "how long a request waits for its answer before it is acknowledged alone",
        "max-body": "the largest body that the role takes",
        "copies": "how often each message is sent; of a datagram DTLS lets no copy through",
        "etag": "no: blocks of answers have no ETag",
        "connection-id": "yes: as a client it asks for a connection id in DTLS",
        "handshake": "what becomes of its DTLS handshakes as a client: early (Finished before "
        "ChangeCipherSpec), reversed (datagrams), fragments, or lost (the server's flight, once)",
        "fault": "what is wrong in its messages: token, reset, etag, incomplete, continue, errors, "
        "pong, blocks or padding",
    },
    "card": {
        "endless": "yes: the first answer to a command of ES10 never ends; each piece of it comes "
        "with status word 61FF",
    },
    "http": {
        "version": "1.1 or 2",
        "header.": "a header by its name in small letters",
    },
    "tls": {
        "certificate": "what is wrong with the certificate of the role, such as expired: a word of "
        "`sgprobe pki`; signing: the eIM shows that of its packages; large-chain: nothing is "
        "wrong, four certificates have 12 kB",
        "fault": "what is wrong in its handshake: suite, version, compression, signature, point "
        "or finished; key: the key share of its first handshake comes again; renegotiation: none, "
        "the client of its first connection is asked for another handshake",
        "ciphers": "the cipher suites that it takes or, as a client, offers, in OpenSSL's words",
        "groups": "the groups that it takes or offers, in OpenSSL's words",
        "highest": "the highest version that it speaks: 1.1, 1.2 or 1.3",
        "lowest": "the lowest version that it speaks: 1.1 or 1.2",
        "client": "stranger: the device shows the certificate of another eUICC where it is asked",
        "ask-client": "yes: it asks for the certificate of the client",
        "overlooks": "a fault in the handshakes of clients that it takes for right: finished; "
        "ca-hint: the CI that a client names",
        "resumes": "yes: it lets clients resume their sessions",
        "staple": "what it staples about its certificate: good, revoked or unknown, as OCSP says",
    },
}

# how the client of a bare connection speaks TLS
CONNECT: dict[str, str] = {
    **{name: SETTINGS["tls"][name] for name in ("ciphers", "groups", "highest", "lowest")},
    "fault": "finished: one bit of its Finished is wrong",
    "compression": "yes: it offers DEFLATE before no compression",
    "record": "how many octets of its handshake stand in one record",
    "trusts": "the key id of the CI that it names in trusted_ca_keys, in hex; it takes whatever "
    "the server shows",
    "leave": "hello: after its ClientHello it says nothing more, and keeps the connection",
    "copies": "how many such connections are made at once",
}

# what trace assertions look at; derived ones are computed over the flow
TRACE: dict[str, str] = {
    "from": "the role that sends; of a session the one that opened it",
    "to": "the role that receives",
    "transport": "http, https, coap, coaps or apdu; of a session tls or dtls",
    # of messages
    "type": "the ASN.1 type of the message",
    "function": "the function of the interface",
    "interface": "ESipa, ES9+, ES10b, …",
    "kind": "request or response",
    "status": "the HTTP status, CoAP code or status word",
    "size": "octets of the message",
    "problem": "what the decoder finds wrong with the message, such as binding.media-type",
    "esipa.round-trip": "of a response: the time since its request was whole",
    "value.": "a member of the message, by its path or the end of it",
    # of HTTP messages
    "http.version": "1.1 or 2",
    "http.method": "of a request: the method",
    "http.path": "the path; of a response that of its request",
    "http.status": "of a response: the status code",
    "http.header.": "a header by its name in small letters",
    # of alerts, each with what is known of its session; `from` is who sent it
    "tls.alert": "the name of an alert, such as bad_certificate",
    "tls.alert-level": "warning or fatal",
    # of CoAP datagrams
    "coap.type": "CON, NON, ACK or RST",
    "coap.code": "the code, such as 4.08",
    "coap.code-class": "the class of the code: 0, 2, 4 or 5",
    "coap.token": "the token in hex",
    "coap.message-id": "the number of the message",
    "coap.path": "the path that Uri-Path spells",
    "coap.query": "an argument of Uri-Query",
    "coap.host": "the name in Uri-Host",
    "coap.observe": "the number in Observe",
    "coap.content-format": "the number of the content format",
    "coap.etag": "the ETag in hex",
    "coap.block1.num": "the number of the block sent",
    "coap.block1.size": "its size",
    "coap.block1.more": "true where more blocks follow",
    "coap.block2.num": "the number of the block asked for, or of the one that came",
    "coap.block2.size": "its size",
    "coap.block2.more": "true where more blocks follow",
    "coap.size1": "the size of the whole request, as announced",
    "coap.size2": "the size of the whole response, as announced",
    "coap.size": "octets of the CoAP message, without what protects it",
    "coap.payload-size": "octets of its payload",
    "coap.duplicate": "true where the same message came before",
    "coap.retransmission": "true where its sender sent the same message before",
    "coap.transmission": "1 where it is new, 2 where it came once before, and so on",
    "coap.back-off": "the time since the same message was last sent",
    "coap.retransmissions": "of a message: how often its datagrams were sent again",
    "coap.separate": "of a response: true where it came after an empty acknowledgement",
    "coap.problem": "what the decoder finds wrong, such as coap-token-length",
    "coap.option.": "an option by its number",
    # of datagrams of a DTLS handshake
    "dtls.handshake": "the name of a handshake message, such as hello_verify_request",
    "dtls.retransmission": "true where the same fragment was sent before",
    "dtls.back-off": "the time since the same fragment was last sent",
    "datagram.size": "octets of UDP payload",
    # of exchanges with a card
    "apdu.cla": "the class byte in hex, such as 81",
    "apdu.ins": "the instruction byte in hex, such as E2",
    "apdu.p1": "the first parameter in hex",
    "apdu.p2": "the second parameter in hex",
    "apdu.channel": "the number of the logical channel",
    "apdu.command-size": "octets of command data",
    "apdu.response-size": "octets of response data",
    "apdu.segments": "of a message: how many commands carried it",
    "apdu.sw": "the status word, such as 9000",
    # of sessions; messages and datagrams inside one have them too
    "tls.version": "the version of TLS, such as 1.2",
    "tls.cipher": "the name of the cipher suite, of TLS or DTLS",
    "tls.group": "the group of the key exchange, such as secp256r1",
    "tls.sni": "the name of the server that the client asked for",
    "tls.alpn": "the protocol that was chosen, such as h2",
    "tls.resumed": "no, session id, ticket or psk",
    "tls.extended-master-secret": "true where RFC 7627 was agreed",
    "tls.client-certificate": "true where the client showed a certificate",
    "tls.server-key": "the server's half of an ephemeral key exchange, in hex",
    "tls.compression": "the number of the compression method, 0 is none",
    "tls.certificate.chain": "how many certificates the server showed",
    "tls.certificate.issuer-key": "the key id of who has issued the last one, in hex",
    "tls.certificate.names": "a list: the DNS names in the server's certificate",
    "tls.certificate.registered-ids": "a list: the registeredIDs in it",
    "tls.certificate.policies": "a list: the policies in it",
    "tls.certificate.key-usage": "a list: its key usages, such as digitalSignature",
    "tls.certificate.extended-key-usage": "a list: its extended key usages, such as serverAuth",
    "tls.offered-versions": "a list: the versions offered, such as 1.3",
    "tls.offered-ciphers": "a list: the cipher suites offered",
    "tls.weak-ciphers": "a list: of those offered the weak ones (NULL, RC4, DES, 3DES, EXPORT, "
    "anonymous, static RSA)",
    "tls.handshake-number": "which handshake on its connection it is, from 1",
    "tls.secure-renegotiation": "true where the ClientHello says that the client knows RFC 5746",
    "tls.offered-groups": "a list: the groups offered",
    "tls.offered-alpn": "a list: the protocols offered",
    "tls.signature-schemes": "a list: the schemes offered, such as ecdsa_secp256r1_sha256",
    "tls.client-octets": "octets of application data that the client sent; absent where nothing "
    "could be opened",
    "tls.server-octets": "the same of the server",
    "dtls.version": "the version of DTLS, such as 1.2",
    "dtls.cookie": "true where the client echoed a cookie",
    "dtls.connection-id": "true where connection IDs were agreed",
    "dtls.retransmissions": "how many fragments of the handshake came again",
}

# what a rule looks at: the first unit here of which it uses a name; messages where there is none
UNITS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("message", "messages of the interfaces", (
        "type", "function", "interface", "kind", "status", "size", "problem", "esipa.", "value.",
        "coap.retransmissions", "apdu.segments")),
    ("http", "HTTP messages, of the interfaces or not", ("http.",)),
    ("alert", "alerts", ("tls.alert", "tls.alert-level")),
    ("datagram", "datagrams", (
        "coap.", "datagram.", "dtls.handshake", "dtls.retransmission", "dtls.back-off")),
    ("apdu", "exchanges of a command and its answer with a card", ("apdu.",)),
    ("session", "TLS and DTLS sessions, those that failed too", ("tls.", "dtls.")),
)  # fmt: skip


def unit_of(names: tuple[str, ...]) -> str:
    """Return the unit that a rule with these names looks at."""
    for unit, _, starts in UNITS:
        if any(_begins(name, start) for name in names for start in starts):
            return unit
    return "message"


def _begins(name: str, start: str) -> bool:
    return name.startswith(start) if start[-1] == "." else name == start


# the columns of a state's rows, and the words that one may hold
STATE_COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "euicc.profiles": {
        "iccid": (), "state": ("enabled", "disabled"), "fallback": ("yes", "no"),
        "fallbackAllowed": ("yes", "no"), "emergency": ("yes", "no"),
        "class": ("test", "provisioning", "operational"), "rules": ("none", "ppr1", "ppr2"),
        "notify": ()},
    "euicc.one-time-keys": {},
    "euicc.rat": {"pprIds": (), "allowedOperators": ()},
    "euicc.memory": {"free": (), "eims": (), "results": (), "notifications": (), "crls": (),
                     "result": (), "package": (), "immediate": ()},
    "euicc.eims": {"eimId": (), "counterValue": (), "associationToken": (), "fqdn": (),
                   "indirect": ("yes", "no"), "protocols": (),
                   "tlsCertificate": (), "tlsKeyOf": ()},
    "euicc.notifications": {"seqNumber": (), "operation": (
        "install", "enable", "disable", "delete"), "iccid": ()},
    "euicc.keys": {"suite": ("c1", "h1", "h1s")},
    "euicc.factory": {"results": (), "smdpfs": ()},
    "euicc.secrets": {"searched": (), "found": ()},
    "system.evidence": {"scene": (), "name": (), "without": (), "flip": (), "members": ()},
    "system.verdict": {
        "name": (),
        "class": ("GENUINE_IFPP", "BORN_CONNECTED_EUM_PRELOAD", "PRELOADED_UNCOORDINATED",
                  "BOOTSTRAP_RELABELLED", "FIELD_PROVISIONED", "INVALID_EVIDENCE", "INCONCLUSIVE"),
        "grade": ("PROVEN", "STRONG", "WEAK", "none"),
        "place": ("AT_DEVICE_PRODUCTION", "AT_EUM_PERSONALISATION", "IN_FIELD", "UNKNOWN"),
        "network": ("NOT_NEEDED", "NEEDED", "UNKNOWN"), "parties": (), "refused": (),
        "absent": (), "used": (), "missing": (), "because": (), "remarks": ()},
    "bench.vectors": {"vectors": (), "tried": (), "wrong": ()},
    "dm.hybrid": {"eid": (), "suite": (), "key": (), "ciphertext": (), "opened": ("yes", "no"),
                  "classical": ("yes", "no")},
    "dm.protection": {"transport": ("hybrid", "classical"), "packages": ("hybrid", "classical"),
                      "verdict": ("PACKAGES", "TRANSPORT_ONLY", "NONE")},
    "scale.figures": {
        "asked": (), "items": (), "good": (), "short": (), "refused": (), "lost": (), "twice": (),
        "stations": (), "found": (), "right": ("yes", "no"), "foreign": (), "reports": (),
        "batches": (), "gaps": ()},
    "eim.queue": {"eid": (), "order": (), "state": ("open", "done", "failed")},
    "eim.configuration": {"eimId": (), "protocols": (), "differs": ()},
    "eim.store": {"profile": (), "keys": (), "code": ()},
    "ipa.clock": {"time": ()},
    "ipa.store": {"profile": (), "keys": (), "code": ()},
    "smdp.order": {"iccid": (), "eid": (), "matchingId": (), "confirmationCode": (),
                   "state": ("open", "done", "failed"), "notifications": ()},
    "smds.events": {"eid": (), "eventId": (), "rspServerAddress": (), "smds": ("other",)},
    "smdpf.profiles": {"prepared": ()},
    "smdpf.affected": {"iccid": (), "eid": (), "state": ()},
    "dm.delivery": {
        "delivery": (), "packages": (), "devices": (), "iccids": (), "faults": (), "leaks": (),
        "keysTold": (), "fresh": ("yes", "no"), "opened": (), "signed": (), "chained": (),
        "formed": ()},
    "msp.told": {"provenInstalled": (), "provenFailed": (), "notProven": (), "conflicts": (),
                 "removed": (), "withdrawn": ()},
    "fpa.deliveries": {"delivery": (), "state": ("accepted", "limited", "refused"), "reason": (),
                       "escaped": ("yes", "no")},
    "fpa.devices": {
        "device": (), "eid": (), "verdict": ("good", "held", "absent"), "reason": (),
        "profiles": (), "keys": (), "contexts": (), "segments": (),
        "told": ("as bound", "otherwise")},
    "fpa.outcomes": {"outcome": (), "items": ()},
    "fpa.packages": {"package": (), "place": (), "first": (), "last": (), "successes": (),
                     "result": (), "segment": (), "refused": ()},
    "fpa.stations": {"station": (), "items": (), "loaded": (), "sequence": ("whole", "broken"),
                     "chain": ("whole", "broken")},
    "fpa.network": {"attempts": (), "canaries": ()},
    "fpa.secrets": {"searched": (), "found": ()},
    "fpa.clock": {"ahead": ()},
    "fpa.store": {"room": ("none",)},
}  # fmt: skip


def known(name: str, table: dict[str, object] | dict[str, str]) -> bool:
    """Say whether a table has a name, or a family that it belongs to."""
    if name in table and not name.endswith("."):
        return True
    return any(name.startswith(one) and len(name) > len(one) for one in table if one[-1] == ".")
