"""Every way in which a certificate of the test PKI can be wrong: one row for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sgprobe.crypto import identities, profiles, rules
from sgprobe.crypto.issuing import Plan
from sgprobe.crypto.keys import Curve

AUTH = ("dpauth", "dppb", "dsauth")
TLS = ("dptls", "dstls", "eim-tls")
SERVERS = AUTH + TLS
LEAVES = ("euicc", *SERVERS, "eim-sign")
ALL = ("eum", *LEAVES)

_DAY = timedelta(days=1)
# a stored set must stay not yet valid as long as anybody uses it
_FAR = timedelta(days=30 * 365)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it does, to which parties, and the rule that must see it.

    `issuer` names another party that signs, "self" the holder; `curve` the key's curve when it is
    not the set's own.
    """

    text: str
    parties: tuple[str, ...]
    rule: rules.Rule
    change: Callable[[Plan], Plan] = lambda plan: plan
    issuer: str | None = None
    curve: Callable[[Curve], Curve] | None = None
    other_serial: bool = False


def _set(**fields: object) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        return replace(plan, **fields)  # type: ignore[arg-type]

    return change


def _expired(plan: Plan) -> Plan:
    before = plan.not_before
    return replace(plan, not_before=before - 365 * _DAY, not_after=before - _DAY)


def _not_yet_valid(plan: Plan) -> Plan:
    return replace(plan, not_before=plan.not_before + _FAR, not_after=plan.not_before + 2 * _FAR)


def _named(kind: str, value: str) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        subject = tuple((name, value if name == kind else old) for name, old in plan.subject)
        return replace(plan, subject=subject)

    return change


def _other_role(plan: Plan) -> Plan:
    """Swap the role with its neighbour: DPauth with DPpb, TLS with auth, EUM with eUICC."""
    swaps = {1: 2, 2: 1, 3: 4, 4: 5, 5: 4, 6: 7, 7: 4}
    prefix, _, number = (plan.policy or "").rpartition(".")
    return replace(plan, policy=f"{prefix}.{swaps[int(number)]}")


def _constraint(kind: str, value: str) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        tree = tuple((name, value if name == kind else old) for name, old in plan.permitted or ())
        return replace(plan, permitted=tree)

    return change


def _other_curve(curve: Curve) -> Curve:
    return Curve.BRAINPOOL if curve is Curve.P256 else Curve.P256


FAULTS: dict[str, Fault] = {
    "expired": Fault("ended a day before the set began", ALL, rules.VALIDITY, _expired),
    "not-yet-valid": Fault("begins far in the future", ALL, rules.VALIDITY, _not_yet_valid),
    "wrong-signature": Fault("last octet of s changed", ALL, rules.SIGNATURE, _set(spoilt=True)),
    "wrong-curve": Fault(
        "a key on the other RSP curve", ("euicc", *AUTH), rules.CURVE, curve=_other_curve
    ),
    "curve-p384": Fault("a key on P-384", LEAVES, rules.CURVE, curve=lambda _: Curve.P384),
    "unknown-ci": Fault(
        "issued by a CI nobody trusts",
        ("eum", *SERVERS, "eim-sign"),
        rules.ANCHOR,
        issuer="foreign-ci",
    ),
    "self-signed": Fault("issued by itself", SERVERS, rules.ANCHOR, issuer="self"),
    "wrong-role": Fault(
        "policy OID of another role", ("euicc", *AUTH, "dptls", "dstls"), rules.ROLE, _other_role
    ),
    "wrong-key-usage": Fault(
        "keyAgreement only",
        LEAVES,
        rules.KEY_USAGE,
        _set(key_usage=frozenset({"key_agreement"})),
    ),
    "revoked": Fault("listed in the CRL of its issuer", ALL, rules.REVOCATION, other_serial=True),
    "unknown-critical-extension": Fault(
        "a critical extension nobody knows", ALL, rules.CRITICAL, _set(unknown_critical=True)
    ),
    "wrong-rid": Fault("another registeredID", SERVERS, rules.OID, _set(rid=identities.WRONG_RID)),
    # the eUICC and its manufacturer
    "eid-outside-eum-range": Fault(
        "an EID that its EUM may not give out",
        ("euicc",),
        rules.NAME_CONSTRAINT,
        _named("serialNumber", identities.FOREIGN_EID),
    ),
    "wrong-organization": Fault(
        "an organisation that is not its EUM's",
        ("euicc",),
        rules.NAME_CONSTRAINT,
        _named("O", "another organisation"),
    ),
    "wrong-subject": Fault(
        "the EID of another eUICC of the same EUM",
        ("euicc",),
        rules.EID,
        _named("serialNumber", identities.EIDS[1]),
    ),
    "wrong-name": Fault(
        "a subject that is not the issuer name of its eUICC certificates",
        ("eum",),
        rules.ISSUER,
        _named("CN", "another EUM"),
    ),
    "wrong-name-constraints": Fault(
        "permits another range of EIDs",
        ("eum",),
        rules.NAME_CONSTRAINT,
        _constraint("serialNumber", identities.FOREIGN_EIN),
    ),
    "no-name-constraints": Fault(
        "permits no names", ("eum",), rules.NAME_CONSTRAINT, _set(permitted=None)
    ),
    "no-ca-flag": Fault(
        "basicConstraints are missing", ("eum",), rules.CA, _set(ca=False, path_length=None)
    ),
    "wrong-issuer-role": Fault("policy OID of an eUICC", ("eum",), rules.ISSUER_ROLE, _other_role),
    "no-cert-sign": Fault(
        "digitalSignature instead of keyCertSign",
        ("eum",),
        rules.CERT_SIGN,
        _set(key_usage=profiles.DIGITAL_SIGNATURE),
    ),
    # TLS servers
    "wrong-extended-usage": Fault(
        "clientAuth only",
        TLS,
        rules.EXTENDED_USAGE,
        _set(extended_usage=(profiles.CLIENT_AUTH,)),
    ),
    "no-extended-usage": Fault(
        "extendedKeyUsage is missing", TLS, rules.EXTENDED_USAGE, _set(extended_usage=())
    ),
    "wrong-host": Fault(
        "a DNS name of another host", TLS, rules.HOST, _set(dns=(identities.WRONG_HOST,))
    ),
    "name-only-in-subject": Fault("no DNS name", TLS, rules.HOST, _set(dns=())),
    "wildcard-too-wide": Fault("the DNS name *.com", TLS, rules.HOST, _set(dns=("*.com",))),
    "issuer-without-ca-flag": Fault(
        "issued below a CA that is none", TLS, rules.CA, issuer="flagless-ca"
    ),
    "path-too-long": Fault(
        "issued by a CA below a CA of pathLen 0", TLS, rules.LENGTH, issuer="deep-ca"
    ),
}
