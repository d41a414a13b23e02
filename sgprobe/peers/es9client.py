"""The client half of ES9+, ES9+' and ES11, which an IPA and an eIM share.

Each function is a procedure (see `effects`): it posts, reads the answer in either binding, checks
what a client must check, and returns the message with the exact octets that the eUICC will need.
It raises `ServerRefusal` when the server says no, `ServerFault` when its answer is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.crypto.certificates import read_certificate, same_oid
from sgprobe.crypto.errors import CertificateError
from sgprobe.peers.effects import Post, Procedure, Request, Response
from sgprobe.peers.es9 import asn1_binding, json_binding
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.front import JSON_ANSWER_MEDIA, PROTOCOL_HEADER
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.status import (
    ACL,
    CAN,
    GBP,
    HNT,
    IAU,
    Refusal,
    Status,
    status_of,
    status_of_number,
)
from sgprobe.peers.rules import Rule, Rules

PREFIX = "LPA"
JSON, ASN1 = "json", "asn1"
USER_AGENT = "gsma-rsp-lpad"
# a bound package of 200 kB in base64, and room
MAX_ANSWER = 1 << 20

RULES: tuple[Rule, ...] = (
    Rule("LPA.SERVER-ADDRESS", "SGP.22 §3.0.1", "the server signed the address that was asked"),
    Rule("LPA.CHALLENGE", "SGP.22 §3.0.1", "the server signed the challenge of the eUICC"),
    Rule("LPA.TRANSACTION-ID", "SGP.22 §3.0.1", "the transaction id stays the same"),
    Rule("LPA.CI-KNOWN", "SGP.22 §5.6.1", "the server asks for a CI that the eUICC can sign under"),
    Rule("LPA.SERVER-OID", "SGP.22 §3.0.1", "the OID of the certificate is the one expected"),
    Rule("LPA.BINDING-OID", "SGP.22 §3.1.3", "DPauth and DPpb certificate name the same OID"),
    Rule("LPA.CONTENT-TYPE", "SGP.22 §6.5.2", "the answer has the media type of the binding"),
)


class ServerRefusal(Exception):
    """The server executed nothing and said why: subject and reason code, or an ASN.1 number."""

    def __init__(
        self,
        function: str,
        subject: str = "",
        reason: str = "",
        message: str = "",
        number: int | None = None,
    ) -> None:
        code = f"{subject}/{reason}" if subject else "no code" if number is None else f"{number}"
        super().__init__(f"{function} failed: {code} {message}".rstrip()[:300])
        self.function = function
        self.subject = subject
        self.reason = reason
        self.message = message
        self.number = number

    @property
    def status(self) -> Status | None:
        """The status of the table that this is; None for a code that it does not have."""
        return status_of(self.subject, self.reason)


class ServerFault(Exception):
    """The server's answer breaks the protocol; `rule` names the check of the client, if any."""

    def __init__(self, function: str, text: str, rule: str = "", status: int | None = None) -> None:
        super().__init__(f"{function}: {text}"[:300])
        self.function = function
        self.rule = rule
        # the HTTP status, where that is what is wrong
        self.status = status


@dataclass(frozen=True, slots=True)
class Expected:
    """What the client knows before the server answers InitiateAuthentication."""

    challenge: bytes
    # CIs under which the eUICC can sign, whole key ids
    ci_key_ids: tuple[bytes, ...] = ()
    oid: str | None = None


@dataclass(frozen=True, slots=True)
class Es9Client:
    """A client of one server: `address` is what is posted to, `server` the FQDN it must sign."""

    address: str
    server: str
    version: str = "2.5"
    binding: str = JSON
    user_agent: str = USER_AGENT
    rules: Rules = field(default_factory=lambda: Rules(RULES))

    def initiate_authentication(
        self, challenge: bytes, info1: bytes, oid: str | None = None
    ) -> Procedure[m.Initiated]:
        """Begin a session; `info1` is the eUICC's BF20."""
        request = m.InitiateAuthentication(challenge, info1, self.server)
        answer = yield from self._ask(request)
        if not isinstance(answer, m.Initiated):
            raise _other_kind(IAU, answer)
        self._check_initiated(answer, Expected(challenge, _signing_ids(self, info1), oid))
        return answer

    def authenticate_client(
        self,
        session: m.Initiated,
        response: bytes,
        *,
        use_matching_id_for_acr: bool = False,
    ) -> Procedure[m.Authenticated | m.AuthenticatedAcr | m.AuthenticatedEvents]:
        """Pass on the eUICC's AuthenticateServerResponse (BF38)."""
        request = m.AuthenticateClient(session.transaction_id, response, use_matching_id_for_acr)
        answer = yield from self._ask(request)
        if not isinstance(answer, m.Authenticated | m.AuthenticatedAcr | m.AuthenticatedEvents):
            raise _other_kind(ACL, answer)
        self._check_same(request, answer.transaction_id)
        if isinstance(answer, m.Authenticated):
            self._check_binding_oid(session, answer)
        return answer

    def get_bound_profile_package(
        self, transaction_id: bytes, response: bytes
    ) -> Procedure[m.Bound]:
        """Pass on the eUICC's PrepareDownloadResponse (BF21), fetch the package (BF36)."""
        request = m.GetBoundProfilePackage(transaction_id, response)
        answer = yield from self._ask(request)
        if not isinstance(answer, m.Bound):
            raise _other_kind(GBP, answer)
        self._check_same(request, answer.transaction_id)
        return answer

    def handle_notification(self, pending: bytes) -> Procedure[None]:
        """Deliver a notification; returns when the server has acknowledged it."""
        yield from self._ask(m.HandleNotification(pending))

    def cancel_session(self, transaction_id: bytes, response: bytes) -> Procedure[None]:
        """Pass on the eUICC's CancelSessionResponse (BF41)."""
        yield from self._ask(m.CancelSession(transaction_id, response))

    def _ask(self, request: m.Request) -> Procedure[m.Answer]:
        name = m.NAMES[type(request)]
        response: Response = yield Post(self.address, self._write(name, request))
        return self._read(name, response)

    def _write(self, name: str, request: m.Request) -> Request:
        headers = (
            ("User-Agent", self.user_agent),
            (PROTOCOL_HEADER, f"gsma/rsp/v{self.version}.0"),
        )
        if self.binding == ASN1:
            return Request(ASN1_PATH, ASN1_MEDIA, asn1_binding.write_request(request), headers)
        path = m.BY_NAME[name].path or ""
        body = json_binding.write_object(json_binding.write_message(request))
        return Request(path, JSON_ANSWER_MEDIA, body, headers)

    def _read(self, name: str, response: Response) -> m.Answer:
        if name == HNT and response.status == 204:
            return m.Done()
        if response.status != 200:
            raise ServerFault(name, f"HTTP status {response.status}", status=response.status)
        if len(response.body) > MAX_ANSWER:
            raise ServerFault(name, f"an answer of {len(response.body)} octets")
        if name == HNT:
            return self._read_acknowledgement(response.body)
        wanted = ASN1_MEDIA if self.binding == ASN1 else "application/json"
        media = response.media.partition(";")[0].strip().lower()
        if media != wanted and self.rules.on("LPA.CONTENT-TYPE"):
            raise ServerFault(name, f"media type {media[:60]!r}", "LPA.CONTENT-TYPE")
        read: Callable[[str, bytes], m.Answer]
        read = self._read_asn1 if self.binding == ASN1 else self._read_json
        return read(name, response.body)

    def _read_acknowledgement(self, body: bytes) -> m.Answer:
        """Accept 200 in place of 204, unless its header says that the function failed."""
        try:
            members = json_binding.read_object(body)
        except NotJson:
            return m.Done()
        status, subject, reason, message = json_binding.read_header(members)
        if "header" in members and status not in (json_binding.SUCCESS, json_binding.WARNING):
            raise ServerRefusal(HNT, subject, reason, message)
        return m.Done()

    def _read_asn1(self, name: str, body: bytes) -> m.Answer:
        try:
            answer = asn1_binding.read_answer(codec.load(f"SGP.22@{self.version}"), name, body)
        except NotAsn1 as error:
            raise ServerFault(name, str(error)) from None
        if isinstance(answer, asn1_binding.Number):
            status = status_of_number(answer.column, answer.value)
            if status is None:
                raise ServerRefusal(name, number=answer.value)
            raise ServerRefusal(name, status.subject, status.reason, status.text, answer.value)
        return answer

    def _read_json(self, name: str, body: bytes) -> m.Answer:
        try:
            members = json_binding.read_object(body)
        except NotJson as error:
            raise ServerFault(name, str(error)) from None
        status, subject, reason, message = json_binding.read_header(members)
        if status not in (json_binding.SUCCESS, json_binding.WARNING):
            raise ServerRefusal(name, subject, reason, message)
        if name == CAN:
            return m.Done()
        refused: Refusal | None = None
        for kind in m.ANSWERS[name]:
            try:
                answer: m.Answer = json_binding.read_message(kind, members)
                return answer
            except Refusal as refusal:
                # the first kind is the usual one: its complaint says most
                refused = refused or refusal
        raise ServerFault(name, refused.detail if refused else "no members")

    def _check_initiated(self, answer: m.Initiated, expected: Expected) -> None:
        try:
            read = codec.load(f"SGP.22@{self.version}")
            signed = Octets(read, "ServerSigned1", answer.server_signed1).value
            element = read_tlv(answer.ci_key_id)
        except ValueError as error:
            raise ServerFault(IAU, str(error)) from None
        # addresses are FQDNs, which have no case
        if signed["serverAddress"].lower() != self.server.lower():
            self._breach(IAU, "LPA.SERVER-ADDRESS", signed["serverAddress"])
        if bytes.fromhex(signed["euiccChallenge"]) != expected.challenge:
            self._breach(IAU, "LPA.CHALLENGE", "another challenge")
        if bytes.fromhex(signed["transactionId"]) != answer.transaction_id:
            self._breach(IAU, "LPA.TRANSACTION-ID", "signed and unsigned differ")
        wanted = answer.ci_key_id[element.body : element.end]
        if expected.ci_key_ids and wanted not in expected.ci_key_ids:
            self._breach(IAU, "LPA.CI-KNOWN", wanted.hex().upper())
        if expected.oid is not None and _oid(answer.certificate) != expected.oid:
            self._breach(IAU, "LPA.SERVER-OID", "another OID")

    def _check_same(
        self, request: m.AuthenticateClient | m.GetBoundProfilePackage, transaction_id: bytes
    ) -> None:
        if transaction_id != request.transaction_id:
            self._breach(m.NAMES[type(request)], "LPA.TRANSACTION-ID", "another transaction id")

    def _check_binding_oid(self, session: m.Initiated, answer: m.Authenticated) -> None:
        name = m.NAMES[m.AuthenticateClient]
        try:
            auth = read_certificate(session.certificate)
            binding = read_certificate(answer.certificate)
        except CertificateError as error:
            raise ServerFault(name, str(error)) from None
        if not same_oid(auth, binding):
            self._breach(name, "LPA.BINDING-OID", "the certificates name different OIDs")

    def _breach(self, function: str, rule: str, detail: str) -> None:
        if self.rules.on(rule):
            raise ServerFault(function, f"{self.rules[rule].text}: {detail[:100]}", rule)


def _other_kind(name: str, answer: m.Answer) -> ServerFault:
    return ServerFault(name, f"an answer of the kind {type(answer).__name__}")


def _oid(der: bytes) -> str | None:
    try:
        return read_certificate(der).oid
    except CertificateError:
        return None


def _signing_ids(client: Es9Client, info1: bytes) -> tuple[bytes, ...]:
    try:
        value = Octets(codec.load(f"SGP.22@{client.version}"), "EUICCInfo1", info1).value
    except NotAsn1:
        # the card's own words are passed on as they are; the server judges them
        return ()
    return tuple(bytes.fromhex(one) for one in value["euiccCiPKIdListForSigning"])
