"""Follows the handshake of one TLS or DTLS session and says which secrets open its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissectors.finding import Finding, finding
from dissectors.link import keylog, tls_codes, tls_keys
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow
from dissectors.link.tls_handshake import (
    DTLS12,
    TLS12,
    TLS13,
    ClientHello,
    Extension,
    HandshakeError,
    Message,
    ServerHello,
    message_name,
    read_alpn_choice,
    read_certificates,
    read_client_hello,
    read_encrypted_extensions,
    read_named_curve,
    read_psk_identity,
    read_server_hello,
    read_server_point,
    read_ticket,
    version_name,
)
from dissectors.link.tls_session import (
    CLOSE_NOTIFY,
    Alert,
    EarlyData,
    Protocol,
    Resumption,
    SessionInfo,
)
from dissectors.link.tls_suites import Suite, suite, suite_name

if TYPE_CHECKING:
    from dissectors.link.tls_openers import Opener

MAX_ALERTS = 32
MAX_TICKETS = 16
MAX_TRANSCRIPT = 1 << 18  # bytes of handshake messages kept for a pre-shared key


class SessionTracker:
    """What one handshake has shown so far."""

    __slots__ = (
        "_alerts",
        "_certificates",
        "_curve",
        "_hello_sequence",
        "_keys",
        "_master",
        "_openers",
        "_psk",
        "_server_key",
        "_tickets",
        "_transcript",
        "_transcript_bytes",
        "alpn",
        "client",
        "closed",
        "early_data",
        "first_frame",
        "flip",
        "flow",
        "full",
        "identity",
        "last_frame",
        "missing",
        "moved_to",
        "number",
        "opened",
        "protocol",
        "reason",
        "retransmissions",
        "server",
        "time",
        "unproven",
        "wrong",
    )

    def __init__(
        self,
        flow: Flow,
        number: int,
        protocol: Protocol,
        keys: KeyLog,
        psk: bytes | None,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        self.flow = flow
        self.number = number
        self.protocol = protocol
        self._keys = keys
        self._psk = psk
        self.first_frame = self.last_frame = frames[0] if frames else 0
        self.time = time
        self.client: ClientHello | None = None
        self.server: ServerHello | None = None
        self.alpn = ""
        self.early_data: EarlyData = ""
        self.identity = b""
        self.full = False  # a message of a full TLS 1.2 handshake was seen
        self._curve = 0
        self._server_key = b""
        self._certificates: list[tuple[bytes, ...]] = [(), ()]
        self._alerts: list[Alert] = []
        self._tickets: list[bytes] = []
        self._master: bytes | None = None
        self._openers: tuple[Opener, Opener] | None = None
        self._transcript: dict[tuple[int, int], bytes] = {}
        self._transcript_bytes = 0
        self._hello_sequence = 0
        self.flip = 0  # 1 where the flow's opener is the server
        self.missing: set[str] = set()
        self.unproven = False  # openers were made and no record has proved them right
        self.wrong = False
        self.reason = ""
        self.opened = 0
        self.closed = 0
        self.retransmissions = 0
        self.moved_to: list[Flow] = []

    @property
    def tls13(self) -> bool:
        """Tell whether TLS 1.3 was chosen."""
        return self.server is not None and self.server.version == TLS13

    @property
    def hellos(self) -> bool:
        """Tell whether both hellos have been seen."""
        return self.client is not None and self.server is not None

    @property
    def awaiting(self) -> bool:
        """Tell whether messages that the keys depend on may still come."""
        if self.client is None or self.server is None:
            return True
        chosen = self._suite()
        return (
            self._psk is not None
            and chosen is not None
            and chosen.plain_psk
            and self._openers is None
            and Extension.EXTENDED_MASTER_SECRET in self.server.extensions
            and not self.resumption()
            and not self._session_transcript()
        )

    def note_wrong(self) -> None:
        """Learn that the TLS 1.2 secret does not open the records."""
        self.wrong = True
        self.missing.add(keylog.CLIENT_RANDOM)

    def message(
        self, side: int, kind: int, body: bytes, frames: tuple[int, ...], sequence: int = -1
    ) -> list[Finding]:
        """Learn from one handshake message; DTLS gives its message_seq."""
        if frames:
            self.last_frame = frames[-1]
        try:
            faults = self._learn(side, kind, body)
        except HandshakeError as fault:
            faults = (fault,)
        if self._psk is not None and not self.opened:
            self._record(side, kind, body, sequence)
        if not faults:
            return []
        name = message_name(kind)
        return [finding(tls_codes.BAD_HANDSHAKE, str(f), name, f.offset) for f in faults]

    def _learn(self, side: int, kind: int, body: bytes) -> tuple[HandshakeError, ...]:
        if kind == Message.CLIENT_HELLO and side == 0:
            self.client = client = read_client_hello(body, self.protocol == "dtls")
            if Extension.EARLY_DATA in client.extensions and not self.early_data:
                self.early_data = "offered"
            return client.faults
        if kind == Message.SERVER_HELLO and side == 1:
            server = read_server_hello(body)
            if server.retry:
                if self.early_data:  # RFC 8446 §4.2.10
                    self.early_data = "rejected"
            else:
                self.server = server
                if server.version != TLS13:
                    self.alpn = read_alpn_choice(server.extensions)
            return server.faults
        if kind == Message.CERTIFICATE:
            self.full = True
            self._certificates[side] = read_certificates(body, self.tls13)
        elif kind == Message.ENCRYPTED_EXTENSIONS:
            extensions = read_encrypted_extensions(body)
            self.alpn = read_alpn_choice(extensions)
            if self.early_data == "offered":
                accepted = Extension.EARLY_DATA in extensions
                self.early_data = "accepted" if accepted else "rejected"
        elif kind == Message.SERVER_KEY_EXCHANGE:
            self.full = True
            chosen = self._suite()
            if chosen is not None and chosen.ecdhe and not chosen.psk:
                self._curve = read_named_curve(body)
                self._server_key = read_server_point(body)
        elif kind == Message.SERVER_HELLO_DONE:
            self.full = True
        elif kind == Message.CLIENT_KEY_EXCHANGE:
            self.full = True
            chosen = self._suite()
            if chosen is not None and chosen.psk:
                self.identity = read_psk_identity(body)
        elif kind == Message.NEW_SESSION_TICKET and not self.tls13:
            self._keep_ticket(read_ticket(body))
        return ()

    def _keep_ticket(self, ticket: bytes) -> None:
        if not ticket:
            return
        if self._master is not None and not self.unproven:
            self._keys.remember(ticket, self._master)
        elif len(self._tickets) < MAX_TICKETS:
            self._tickets.append(ticket)

    def _suite(self) -> Suite | None:
        return suite(self.server.suite) if self.server is not None else None

    def _record(self, side: int, kind: int, body: bytes, sequence: int) -> None:
        """Keep a message of the transcript that an extended master secret hashes."""
        if kind in (Message.HELLO_REQUEST, Message.HELLO_VERIFY_REQUEST):
            return  # RFC 5246 §7.4.1.1, RFC 6347 §4.2.1: not part of the transcript
        if self._transcript_bytes > MAX_TRANSCRIPT:
            return
        head = bytes((kind,)) + len(body).to_bytes(3, "big")
        if sequence < 0:
            sequence = len(self._transcript)
        else:  # RFC 6347 §4.2.6: as if it had come in one fragment
            head += sequence.to_bytes(2, "big") + bytes(3) + head[1:]
        phase = 1 if side else 0 if kind == Message.CLIENT_HELLO else 2
        key = (phase, 0 if phase == 0 else sequence)
        if phase == 0:
            if sequence < self._hello_sequence:
                return  # RFC 6347 §4.2.1: the one without the cookie does not count
            self._hello_sequence = sequence
        self._transcript[key] = head + body
        self._transcript_bytes += len(body)

    def openers(self) -> tuple[Opener, Opener] | None:
        """Return what opens the TLS 1.2 or DTLS 1.2 records of client and server, if anything."""
        if self._openers is not None:
            return self._openers
        client, server = self.client, self.server
        if client is None or server is None:
            self.lack_hello()
            return None
        chosen = self.usable_suite()
        if chosen is None:
            return None
        master = self._find_master(client, server, chosen)
        if master is None:
            self.missing.add(keylog.CLIENT_RANDOM)
            return None
        self._master = master
        self.unproven = True
        self._openers = tls_keys.openers_12(
            chosen,
            master,
            client.random,
            server.random,
            Extension.ENCRYPT_THEN_MAC in server.extensions,
        )
        return self._openers

    def lack_hello(self) -> None:
        """Note that a hello that the keys depend on was not captured."""
        if self.client is None and self.server is None:
            self.reason = "the capture starts inside the session: both hellos are missing"
        else:
            name = "ClientHello" if self.client is None else "ServerHello"
            self.reason = f"the {name} of the session was not captured"

    def usable_suite(self) -> Suite | None:
        """Return the chosen suite if its records can be opened with the right secrets."""
        if self.server is None:
            return None
        version = self.server.version
        chosen = suite(self.server.suite)
        if version not in (TLS12, TLS13, DTLS12):
            self.reason = f"{version_name(version)} is not decrypted"
        elif chosen is None or chosen.tls13 != (version == TLS13):
            self.reason = f"{suite_name(self.server.suite)} is not decrypted"
        else:
            return chosen
        return None

    def _find_master(self, client: ClientHello, server: ServerHello, chosen: Suite) -> bytes | None:
        master = self._keys.master(client.random)
        if master is None and self.resumption():
            master = self._keys.recall(server.session_id) or self._keys.recall(
                client.extensions.get(Extension.SESSION_TICKET, b"")
            )
        if master is None and self._psk is not None and chosen.plain_psk:
            extended = Extension.EXTENDED_MASTER_SECRET in server.extensions
            transcript = self._session_transcript()
            if transcript or not extended:
                randoms = client.random + server.random
                master = tls_keys.psk_master(self._psk, chosen, randoms, transcript, extended)
        return master

    def _session_transcript(self) -> bytes:
        """Return the messages from ClientHello to ClientKeyExchange, or nothing while one lacks."""
        keys = sorted(self._transcript)
        kinds = [self._transcript[key][0] for key in keys]
        if Message.SERVER_HELLO_DONE not in kinds or Message.CLIENT_KEY_EXCHANGE not in kinds:
            return b""
        keys = keys[: kinds.index(Message.CLIENT_KEY_EXCHANGE) + 1]
        if self.protocol == "dtls":  # messages may come in any order: none may lack in between
            server = [sequence for phase, sequence in keys if phase == 1]
            client = [self._hello_sequence] + [seq for phase, seq in keys if phase == 2]
            for sequences in (server, client):
                if sequences != list(range(sequences[0], sequences[-1] + 1) if sequences else ()):
                    return b""
        return b"".join(self._transcript[key] for key in keys)

    def confirm(self) -> None:
        """Learn that the secrets are right: keep them for sessions that resume this one."""
        self.unproven = False
        if self._master is None or self.server is None:
            return
        if self.server.session_id:
            self._keys.remember(self.server.session_id, self._master)
        for ticket in self._tickets:
            self._keys.remember(ticket, self._master)

    def secret(self, label: str) -> bytes | None:
        """Return a TLS 1.3 secret of this session."""
        return self._keys.secret(label, self.client.random) if self.client is not None else None

    def alert(
        self, side: int, data: bytes, encrypted: bool, frames: tuple[int, ...]
    ) -> Finding | None:
        """Note an alert, of two bytes or closed, and return a finding unless it is a goodbye."""
        readable = len(data) == 2
        alert = Alert(
            side,
            data[0] if readable else None,
            data[1] if readable else None,
            encrypted,
            frames,
        )
        if frames:
            self.last_frame = frames[-1]
        if len(self._alerts) < MAX_ALERTS:
            self._alerts.append(alert)
        if not readable or alert.description == CLOSE_NOTIFY:
            return None
        return finding(tls_codes.ALERT, f"the {('client', 'server')[side]} sent {alert}", "alert")

    def resumption(self) -> Resumption:
        """Say how the session was resumed, as far as the hellos show it."""
        client, server = self.client, self.server
        if client is None or server is None:
            return ""
        if server.version == TLS13:
            return "psk" if Extension.PRE_SHARED_KEY in server.extensions else ""
        ticket = client.extensions.get(Extension.SESSION_TICKET)
        # RFC 5246 §7.4.1.3: an echoed session ID says so; RFC 5077 §3.4 also allows an empty one
        if client.session_id and client.session_id == server.session_id:
            return "ticket" if ticket else "session id"
        if ticket and not client.session_id and not self.full:
            return "ticket"
        return ""

    def needed(self) -> tuple[str, ...]:
        """Return the key log lines, without their secrets, that closed records call for."""
        if self.client is None or not self.closed:
            return ()
        return tuple(f"{label} {self.client.random.hex()}" for label in sorted(self.missing))

    def why_closed(self) -> Finding:
        """Return the finding that says why records stay closed and what would open them."""
        if self.wrong:
            which = self.client.random.hex() if self.client is not None else ""
            text = f"the secrets given for client random {which} do not open its records"
            return finding(tls_codes.WRONG_KEYS, text, "record")
        if self.missing:
            text = "no key for this session; the key log needs " + ", ".join(self.needed())
            chosen = self._suite()
            if self.resumption() and not self.tls13:
                text += ", or the line of the session it resumes with that session captured"
            if chosen is not None and chosen.plain_psk:
                text += f", or give the pre-shared key of identity {self.identity!r}"
            return finding(tls_codes.NO_KEYS, text, "record")
        code = tls_codes.UNSUPPORTED if self.hellos else tls_codes.NO_HELLO
        return finding(code, self.reason, "record")

    def info(self) -> SessionInfo:
        """Return what is known by now."""
        reason = self.reason
        if self.wrong:
            reason = "the secrets given do not open the records"
        elif self.missing:
            reason = "key log lines are missing"
        return SessionInfo(
            flow=self.flow,
            number=self.number,
            protocol=self.protocol,
            first_frame=self.first_frame,
            last_frame=self.last_frame,
            time=self.time,
            client=self.client,
            server=self.server,
            alpn=self.alpn,
            group=self._group(),
            resumption=self.resumption(),
            early_data=self.early_data,
            psk_identity=self.identity,
            connection_ids=self.connection_ids(),
            certificates=(self._certificates[0], self._certificates[1]),
            alerts=tuple(self._alerts),
            opened=self.opened,
            closed=self.closed,
            retransmissions=self.retransmissions,
            moved_to=tuple(self.moved_to),
            needed=self.needed(),
            reason=reason if self.closed else "",
            flip=self.flip,
            server_key=self._key_share(),
        )

    def _key_share(self) -> bytes:
        if self.tls13 and self.server is not None:  # RFC 8446 §4.2.8: group, length, key
            return self.server.extensions.get(Extension.KEY_SHARE, b"")[4:]
        return self._server_key

    def _group(self) -> int:
        if self.server is not None:
            share = self.server.extensions.get(Extension.KEY_SHARE, b"")
            if len(share) >= 2:
                return share[0] << 8 | share[1]
        return self._curve

    def connection_ids(self) -> tuple[bytes, bytes] | None:
        """Return the IDs on the client's and on the server's records (RFC 9146 §3), if agreed."""
        if self.client is None or self.server is None:
            return None
        # each side names the ID that the records it receives shall carry
        on_server = self.client.extensions.get(Extension.CONNECTION_ID)
        on_client = self.server.extensions.get(Extension.CONNECTION_ID)
        if not on_server or not on_client:
            return None
        if on_server[0] + 1 != len(on_server) or on_client[0] + 1 != len(on_client):
            return None
        return on_client[1:], on_server[1:]
