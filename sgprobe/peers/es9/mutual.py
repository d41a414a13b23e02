"""The server's half of the common mutual authentication. SGP.22 §3.1.2, §5.6.1, §5.6.3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dissectors.asn1.codec import Codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto.signing import SERVER_SIGNATURE1
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.euicc import AuthenticateServerAnswer, Euicc, EuiccJudge
from sgprobe.peers.es9.messages import AuthenticateClient, InitiateAuthentication, Initiated
from sgprobe.peers.es9.party import Branch, Party
from sgprobe.peers.es9.sessions import Session, Sessions
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.rules import Rule, Rules

RandomSource = Callable[[int], bytes]

CHALLENGE_OCTETS = 16
TRANSACTION_OCTETS = 16
# SGP.22 v2 servers take eUICCs of version 2; v3 eUICCs keep a v2 number in svn
SUPPORTED_SVN = 2

_COMMON = (
    ("ADDRESS", "SGP.22 §5.6.1", "the address that the LPA asks for is this server's"),
    ("SVN", "SGP.22 §5.6.1", "the eUICC's version is supported"),
    ("CI-SIGNING", "SGP.22 §5.6.1", "the server trusts a CI under which the eUICC can sign"),
    ("CI-VERIFICATION", "SGP.22 §5.6.1", "the server has a certificate that the eUICC can verify"),
    ("SESSION-EXPIRY", "SGP.22 §3.0.1", "a session ends by time"),
    ("SESSION-END", "SGP.22 §3.0.1", "an ended session is unknown from then on"),
    ("TRANSACTION-ID", "SGP.22 §5.6.3", "the signed transaction id is the one of the session"),
    ("CI-KNOWN", "SGP.22 §5.6.3", "the CI of the EUM certificate is trusted"),
    ("CI-CHOSEN", "SGP.22 §5.6.3", "the eUICC signs under the CI that was chosen"),
    ("EUM-CERTIFICATE", "SGP.22 §5.6.3", "the EUM certificate is valid"),
    ("EUM-EXPIRY", "SGP.22 §5.6.3", "the EUM certificate has not expired"),
    ("EUICC-CERTIFICATE", "SGP.22 §5.6.3", "the eUICC certificate is valid"),
    ("EUICC-EXPIRY", "SGP.22 §5.6.3", "the eUICC certificate has not expired"),
    ("EID-RANGE", "SGP.22 §4.5.2.1", "the EID is within the EUM's range"),
    ("EUICC-SIGNATURE1", "SGP.22 §5.6.3", "euiccSignature1 covers euiccSigned1"),
    ("SERVER-CHALLENGE", "SGP.22 §5.6.3", "the eUICC signed the challenge of this session"),
    ("SERVER-ADDRESS", "SGP.22 §5.6.3", "the eUICC signed the address of this server"),
    ("CONTENT-TYPE", "SGP.22 §6.5.1", "the media type of the request is that of the binding"),
)


def common_rules(prefix: str) -> tuple[Rule, ...]:
    """Return the rules that every RSP server has, under its prefix."""
    return tuple(Rule(f"{prefix}.{name}", clause, text) for name, clause, text in _COMMON)


@dataclass(frozen=True, slots=True)
class Means:
    """What a server's functions work with."""

    party: Party
    codec: Codec
    rules: Rules
    sessions: Sessions
    random: RandomSource
    # of the rules ("SMDP") and of the status names ("smdp")
    prefix: str

    def on(self, rule: str) -> bool:
        """Say whether a rule of this server is to be kept."""
        return self.rules.on(f"{self.prefix}.{rule}")

    def find(self, transaction_id: bytes, now: float) -> Session:
        """Return a session that lives, or refuse."""
        session = self.sessions.get(transaction_id, now if self.on("SESSION-EXPIRY") else None)
        if session is None:
            raise refuse("transaction-unknown", "no such session")
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        if self.on("SESSION-END"):
            self.sessions.end(session.transaction_id)

    def check_inner_id(self, session: Session, transaction_id: bytes) -> None:
        """Refuse a signed part of another session."""
        if transaction_id != session.transaction_id and self.on("TRANSACTION-ID"):
            raise refuse("transaction-unknown", "the signed transaction id is another")


def initiate(means: Means, request: InitiateAuthentication, now: float) -> Initiated:
    """Begin a session: choose CIs, make a challenge, sign."""
    status = means.prefix.lower()
    if len(request.euicc_challenge) != CHALLENGE_OCTETS:
        raise refuse("element-invalid", f"the eUICC's challenge is {CHALLENGE_OCTETS} octets")
    # SGP.22 §5.6.1: an FQDN, which has no case
    if request.address.lower() != means.party.address.lower() and means.on("ADDRESS"):
        raise refuse(f"{status}-address", request.address[:100])
    try:
        info1 = Octets(means.codec, "EUICCInfo1", request.euicc_info1).value
    except NotAsn1 as error:
        raise refuse("element-invalid", str(error)) from None
    if bytes.fromhex(info1["svn"])[0] != SUPPORTED_SVN and means.on("SVN"):
        raise refuse(f"{status}-version", info1["svn"])
    ci_key_id = _choose_signing(means, info1)
    branch = _choose_branch(means, info1)
    session = Session(
        transaction_id=means.random(TRANSACTION_OCTETS),
        euicc_challenge=request.euicc_challenge,
        server_challenge=means.random(CHALLENGE_OCTETS),
        branch=branch,
        ci_key_id=ci_key_id,
        started=now,
    )
    signed1 = means.codec.encode(
        "ServerSigned1",
        {
            "transactionId": session.transaction_id.hex(),
            "euiccChallenge": session.euicc_challenge.hex(),
            "serverAddress": means.party.address,
            "serverChallenge": session.server_challenge.hex(),
        },
    )
    signature1 = SERVER_SIGNATURE1.sign(branch.auth.key, signed1)
    means.sessions.add(session)
    return Initiated(
        session.transaction_id,
        signed1,
        signature1,
        tlv("04", ci_key_id),
        branch.auth.certificate.der,
    )


def _choose_signing(means: Means, info1: Value) -> bytes:
    """Return the first CI of the eUICC's signing list that is trusted."""
    proposed = [bytes.fromhex(one) for one in info1["euiccCiPKIdListForSigning"]]
    for ci_key_id in proposed:
        if means.party.trusts(ci_key_id):
            return ci_key_id
    if means.on("CI-SIGNING") or not proposed:
        raise refuse(f"{means.prefix.lower()}-security", "no CI to sign under")
    return proposed[0]


def _choose_branch(means: Means, info1: Value) -> Branch:
    """Return the branch under the first CI of the eUICC's verification list that there is."""
    for one in info1["euiccCiPKIdListForVerification"]:
        branch = means.party.branch(bytes.fromhex(one))
        if branch is not None:
            return branch
    if means.on("CI-VERIFICATION"):
        raise refuse(f"{means.prefix.lower()}-certificate", "no CI to verify under")
    return means.party.branches[0]


def authenticate(
    means: Means, judge: EuiccJudge, session: Session, request: AuthenticateClient, now: float
) -> Euicc:
    """Return the eUICC that answered the challenge, or refuse.

    A wrong answer leaves the session: who cannot sign cannot end another's session.
    """
    answer = AuthenticateServerAnswer(means.codec, request.response)
    if answer.error is not None:
        means.end(session)
        raise refuse("euicc-error", f"authenticateErrorCode {answer.error}")
    euicc_der, eum_der = answer.certificates
    certificate = judge.judge(euicc_der, eum_der, now, session.ci_key_id)
    euicc = answer.euicc(certificate)
    if not answer.is_signed_by(euicc.key) and means.on("EUICC-SIGNATURE1"):
        raise refuse("euicc-signature", "euiccSignature1")
    means.check_inner_id(session, answer.transaction_id)
    if answer.server_challenge != session.server_challenge and means.on("SERVER-CHALLENGE"):
        raise refuse("euicc-signature", "the challenge is another")
    if answer.server_address != means.party.address and means.on("SERVER-ADDRESS"):
        raise refuse("euicc-signature", "the address is another")
    means.sessions.prove(session)
    return euicc
