"""An eUICC as a server meets it: its certificates judged, its answer to AuthenticateServer read."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dissectors.asn1.codec import Codec
from dissectors.asn1.model import Value
from dissectors.spec.identity import IdentityError, eid_octets
from sgprobe.crypto import rules as path_rules
from sgprobe.crypto import signing
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Need, Report, verify
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.keys import Curve, PublicKey
from sgprobe.crypto.rules import Check
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.party import Party
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.rules import Rules

_CACHED = 512
# rules that judge the EUM as an issuer
_ISSUER_RULES = frozenset(
    rule.name
    for rule in (path_rules.CA, path_rules.CERT_SIGN, path_rules.LENGTH, path_rules.ISSUER_ROLE)
)
# the last second that datetime can hold; an eUICC certificate may end at the end of the year 9999
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 1


@dataclass(frozen=True, slots=True)
class Euicc:
    """An eUICC that has proved itself: who it is, and what it said of itself and its device."""

    eid: str
    key: PublicKey = field(repr=False)
    curve: Curve
    spki: bytes = field(repr=False)
    info2: Value = field(repr=False)
    matching_id: str
    device_info: Value = field(repr=False)
    signature1: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The paths of an EUM and an eUICC certificate, judged without a date."""

    eum: Report
    whole: Report

    def is_of_eum(self, check: Check) -> bool:
        """Say whether a failure of the whole path is the EUM's: as an issuer, or on its own."""
        if check.rule in _ISSUER_RULES:
            return True
        if check.rule == path_rules.ANCHOR.name:
            # the path leads to this EUM, and no CI stands above
            return len(self.whole.path) > 1
        return any(
            one.rule == check.rule and one.subject == check.subject for one in self.eum.failures
        )


class EuiccJudge:
    """Judges the certificates of eUICCs; the same pair is verified once, its dates each time."""

    def __init__(self, party: Party, rules: Rules, prefix: str) -> None:
        self._party = party
        self._rules = rules
        self._prefix = prefix
        self._cache: OrderedDict[tuple[bytes, bytes], Verdict] = OrderedDict()

    def _on(self, name: str) -> bool:
        return self._rules.on(f"{self._prefix}.{name}")

    def judge(
        self, euicc_der: bytes, eum_der: bytes, now: float, ci_key_id: bytes | None
    ) -> Certificate:
        """Return the eUICC's certificate, or refuse with the status of what is wrong.

        `ci_key_id` is the CI that was asked for; None accepts every trusted one.
        """
        eum = _read(eum_der, "eum-invalid")
        euicc = _read(euicc_der, "euicc-invalid")
        verdict = self._verdict(euicc, eum)
        self._judge_eum(verdict, eum, now, ci_key_id)
        failed = [one for one in verdict.whole.failures if not verdict.is_of_eum(one)]
        if failed and self._on("EUICC-CERTIFICATE"):
            raise refuse("euicc-invalid", failed[0].rule)
        if self._on("EUICC-EXPIRY"):
            _check_dates(euicc, now, "euicc-invalid", "euicc-expired")
        return euicc

    def _verdict(self, euicc: Certificate, eum: Certificate) -> Verdict:
        key = (euicc.der, eum.der)
        verdict = self._cache.get(key)
        if verdict is None:
            anchors, crls = self._party.anchors, self._party.crls
            range_off = frozenset({path_rules.NAME_CONSTRAINT.name})
            off = frozenset() if self._on("EID-RANGE") else range_off
            verdict = Verdict(
                verify((eum,), anchors, Need("eum"), crls=crls),
                verify((euicc, eum), anchors, Need("euicc"), crls=crls, off=off),
            )
            self._cache[key] = verdict
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return verdict

    def _judge_eum(
        self, verdict: Verdict, eum: Certificate, now: float, ci_key_id: bytes | None
    ) -> None:
        anchor = verdict.eum.anchor
        if anchor is None and self._on("CI-KNOWN"):
            raise refuse("ci-unknown", eum.label)
        failed = [one for one in verdict.eum.failures if one.rule != path_rules.ANCHOR.name]
        failed += [one for one in verdict.whole.failures if one.rule in _ISSUER_RULES]
        if failed and self._on("EUM-CERTIFICATE"):
            raise refuse("eum-invalid", failed[0].rule)
        if self._on("EUM-EXPIRY"):
            _check_dates(eum, now, "eum-invalid", "eum-expired")
        other = ci_key_id is not None and anchor is not None and anchor.ski != ci_key_id
        if other and self._on("CI-CHOSEN"):
            raise refuse("ci-unknown", "another CI than the one chosen")


def _read(der: bytes, status: str) -> Certificate:
    try:
        return read_certificate(der)
    except CertificateError as error:
        raise refuse(status, str(error)) from None


def _check_dates(certificate: Certificate, now: float, invalid: str, expired: str) -> None:
    moment = datetime.fromtimestamp(min(max(now, 0), _LAST), UTC)
    if moment < certificate.not_before:
        raise refuse(invalid, "not valid yet")
    if moment > certificate.not_after:
        raise refuse(expired, "not valid any more")


class AuthenticateServerAnswer:
    """The AuthenticateServerResponse (BF38) of an eUICC: an error code, or what it signed."""

    def __init__(self, codec: Codec, data: bytes) -> None:
        try:
            self._octets = Octets(codec, "AuthenticateServerResponse", data)
        except NotAsn1 as error:
            raise refuse("element-invalid", str(error)) from None
        value = self._octets.value
        self.error: str | int | None = None
        if "authenticateResponseOk" not in value:
            self.error = value["authenticateResponseError"]["authenticateErrorCode"]
            return
        signed = value["authenticateResponseOk"]["euiccSigned1"]
        self.transaction_id = bytes.fromhex(signed["transactionId"])
        self.server_address: str = signed["serverAddress"]
        self.server_challenge = bytes.fromhex(signed["serverChallenge"])
        self.info2: Value = signed["euiccInfo2"]
        self._context: Value = signed["ctxParams1"]["ctxParamsForCommonAuthentication"]

    @property
    def certificates(self) -> tuple[bytes, bytes]:
        """The eUICC's and the EUM's certificate."""
        raw = self._octets.raw
        return raw("authenticateResponseOk.euiccCertificate"), raw(
            "authenticateResponseOk.eumCertificate"
        )

    @property
    def signature1(self) -> bytes:
        """The euiccSignature1 TLV."""
        return self._octets.raw("authenticateResponseOk.euiccSignature1")

    def is_signed_by(self, key: PublicKey) -> bool:
        """Say whether euiccSignature1 covers euiccSigned1."""
        signed = self._octets.raw("authenticateResponseOk.euiccSigned1")
        return signing.EUICC_SIGNATURE1.verify(key, self.signature1, signed)

    def euicc(self, certificate: Certificate) -> Euicc:
        """Return the eUICC whose certificate this is."""
        eid, key, curve = certificate.serial_number, certificate.public_key, certificate.curve
        if eid is None or key is None or curve is None or not _is_eid(eid):
            raise refuse("euicc-invalid", "no EID or no usable key")
        return Euicc(
            eid=eid,
            key=key,
            curve=curve,
            spki=certificate.spki,
            info2=self.info2,
            matching_id=self._context.get("matchingId", ""),
            device_info=self._context["deviceInfo"],
            signature1=self.signature1,
        )


def _is_eid(text: str) -> bool:
    # the check digits are not judged: the certificate vouches for the EID
    try:
        eid_octets(text)
    except IdentityError:
        return False
    return True
