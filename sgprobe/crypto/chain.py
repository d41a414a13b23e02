"""Certificate paths checked rule by rule, as an eUICC, an SM-DP+, an eIM or an IPA does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sgprobe.crypto import keys, rules
from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.crl import Crl, check_crl
from sgprobe.crypto.profiles import ID_ROLE_V3, ISSUER_ROLE, PROFILES, SERVER_AUTH
from sgprobe.crypto.rules import Check, Outcome, check

# a path longer than this is not followed; SGP.22 v3's longest variant has 4 certificates
MAX_PATH = 8


@dataclass(frozen=True, slots=True)
class Anchor:
    """A trusted issuer: its key and key id; a CI is known to an eUICC by no more than these."""

    spki: bytes = field(repr=False)
    ski: bytes
    certificate: Certificate | None = field(default=None, repr=False)

    @property
    def curve(self) -> keys.Curve | None:
        """The curve of the trusted key."""
        return keys.curve_of(keys.public_from_spki(self.spki))

    @classmethod
    def of(cls, certificate: Certificate) -> Anchor:
        """Trust a certificate: a CI, another CA, or a pinned leaf."""
        key = certificate.public_key
        made = keys.ski(key) if key else b""
        return cls(certificate.spki, certificate.ski or made, certificate)

    @classmethod
    def of_key(cls, spki: bytes) -> Anchor:
        """Trust a public key."""
        return cls(spki, keys.ski(keys.public_from_spki(spki)))


@dataclass(frozen=True, slots=True)
class Need:
    """What the leaf must be: its role (a profile name), and its host, OID or EID where known."""

    role: str
    host: str | None = None
    oid: str | None = None
    eid: str | None = None
    curves: frozenset[keys.Curve] = frozenset(keys.RSP_CURVES)


@dataclass(frozen=True, slots=True)
class Report:
    """Every check of one path, in the order of the rules, and the path itself from the leaf up."""

    checks: tuple[Check, ...]
    path: tuple[Certificate, ...]
    anchor: Anchor | None

    @property
    def ok(self) -> bool:
        """Whether no rule failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The failed checks."""
        return tuple(one for one in self.checks if one.outcome is Outcome.FAILED)

    def failed(self, rule: rules.Rule) -> bool:
        """Say whether this rule failed for any certificate of the path."""
        return any(one.rule == rule.name for one in self.failures)


def verify(
    certificates: Sequence[Certificate],
    anchors: Iterable[Anchor],
    need: Need,
    *,
    now: datetime | None = None,
    crls: Sequence[Crl] = (),
    off: frozenset[str] = frozenset(),
) -> Report:
    """Check a leaf (first) with its intermediates against trusted anchors.

    Without `now` no date is checked: an eUICC has no clock. Rules named in `off` are reported as
    not checked.
    """
    path, anchor = _build(certificates, tuple(anchors))
    checks = [
        *_path_checks(path, anchor, need, now),
        *_revocation_checks(path, anchor, crls, now),
        *_leaf_checks(path, anchor, need),
    ]
    if off:
        checks = [
            Check(one.rule, Outcome.NOT_CHECKED, one.subject, "switched off")
            if one.rule in off
            else one
            for one in checks
        ]
    return Report(tuple(checks), path, anchor)


def _build(
    certificates: Sequence[Certificate], anchors: tuple[Anchor, ...]
) -> tuple[tuple[Certificate, ...], Anchor | None]:
    path = [certificates[0]]
    others = list(certificates[1 : MAX_PATH * 2])
    while len(path) <= MAX_PATH:
        current = path[-1]
        for anchor in anchors:
            pinned = anchor.certificate is not None and anchor.certificate.der == current.der
            if pinned or _names(current, anchor.ski, anchor.certificate):
                return tuple(path), anchor
        found = [one for one in others if _names(current, one.ski, one)]
        if not found:
            break
        # the one whose name fits too, when two claim the same key id
        issuer = next((one for one in found if one.subject == current.issuer), found[0])
        others.remove(issuer)
        path.append(issuer)
    return tuple(path), None


def _names(child: Certificate, ski: bytes | None, issuer: Certificate | None) -> bool:
    if child.aki is not None and ski:
        return child.aki == ski
    return issuer is not None and issuer.subject == child.issuer


def _path_checks(
    path: tuple[Certificate, ...], anchor: Anchor | None, need: Need, now: datetime | None
) -> Iterator[Check]:
    profile = PROFILES[need.role]
    top = path[-1]
    wanted = f"issuer key id {top.aki.hex().upper() if top.aki else 'not given'}"
    yield check(rules.ANCHOR, anchor is not None, top.label, wanted)
    curves = {certificate.curve for certificate in path}
    if anchor and not profile.extended_usage:
        curves.add(anchor.curve)
    for place, certificate in enumerate(path):
        label = certificate.label
        issuer = path[place + 1] if place + 1 < len(path) else None
        above = anchor.certificate if issuer is None and anchor else issuer
        spki = issuer.spki if issuer else anchor.spki if anchor else None
        if above is not None and above.der != certificate.der:
            yield check(rules.ISSUER, above.subject == certificate.issuer, label)
        yield check(rules.SIGNATURE, _is_signed(certificate, spki, above), label)
        one_curve = bool(profile.extended_usage) or len(curves) == 1
        supported = certificate.curve in need.curves
        named = certificate.curve or "another"
        yield check(rules.CURVE, supported and one_curve, label, f"curve {named}")
        dates = f"{certificate.not_before} to {certificate.not_after}"
        valid = None if now is None else certificate.not_before <= now <= certificate.not_after
        yield check(rules.VALIDITY, valid, label, dates)
        unknown = ", ".join(certificate.not_understood)
        yield check(rules.CRITICAL, not unknown, label, unknown)
    for place, issuer in enumerate(path[1:]):
        label = issuer.label
        yield check(rules.CA, issuer.ca, label)
        usage = issuer.key_usage or frozenset()
        yield check(rules.CERT_SIGN, "key_cert_sign" in usage, label, ", ".join(sorted(usage)))
        short = issuer.path_length is None or place <= issuer.path_length
        yield check(rules.LENGTH, short, label, f"{place} CA certificates below")
        if profile.policy:
            role = ISSUER_ROLE.get(need.role, "ci") if place == 0 else "ci"
            yield check(rules.ISSUER_ROLE, _has_role(issuer, role), label, f"role {role}")


def _is_signed(
    certificate: Certificate, spki: bytes | None, above: Certificate | None
) -> bool | None:
    if spki is None:
        return None
    if above is not None and above.der == certificate.der:
        # trusted as it stands
        return True
    return certificate.ecdsa_sha256 and keys.is_signed_by(
        spki, certificate.signature, certificate.tbs
    )


def _revocation_checks(
    path: tuple[Certificate, ...],
    anchor: Anchor | None,
    crls: Sequence[Crl],
    now: datetime | None,
) -> Iterator[Check]:
    for place, certificate in enumerate(path):
        issuer = path[place + 1] if place + 1 < len(path) else None
        above = issuer or (anchor.certificate if anchor else None)
        spki = issuer.spki if issuer else anchor.spki if anchor else b""
        usage = above.key_usage if above else None
        may_sign = None if usage is None else "crl_sign" in usage
        listed: bool | None = None
        for crl in crls:
            if crl.issuer != certificate.issuer or not _same_key(crl.aki, above):
                continue
            found = check_crl(crl, spki, may_sign, now)
            yield from found
            if found[0].outcome is Outcome.PASSED:
                listed = bool(listed) or certificate.serial in crl.revoked
        detail = "no CRL of its issuer" if listed is None else f"serial {certificate.serial:X}"
        holds = None if listed is None else not listed
        yield check(rules.REVOCATION, holds, certificate.label, detail)


def _same_key(aki: bytes | None, issuer: Certificate | None) -> bool:
    return aki is None or issuer is None or issuer.ski is None or aki == issuer.ski


def _leaf_checks(
    path: tuple[Certificate, ...], anchor: Anchor | None, need: Need
) -> Iterator[Check]:
    profile = PROFILES[need.role]
    leaf = path[0]
    label = leaf.label
    if profile.policy:
        found = ", ".join(leaf.policies) or "no policy"
        yield check(rules.ROLE, _has_role(leaf, need.role), label, found)
    usage = leaf.key_usage or frozenset()
    yield check(rules.KEY_USAGE, profile.key_usage <= usage, label, ", ".join(sorted(usage)))
    if SERVER_AUTH in profile.extended_usage:
        uses = leaf.extended_usage or frozenset()
        yield check(rules.EXTENDED_USAGE, SERVER_AUTH in uses, label, ", ".join(sorted(uses)))
    if need.role == "euicc":
        issuer = path[1] if len(path) > 1 else anchor.certificate if anchor else None
        holds = issuer is not None and issuer.permits(leaf)
        yield check(rules.NAME_CONSTRAINT, holds, label, f"EID {leaf.serial_number}")
    if need.eid is not None:
        holds = leaf.serial_number == need.eid
        yield check(rules.EID, holds, label, f"{leaf.serial_number}; wanted {need.eid}")
    if need.oid is not None:
        found = ", ".join(leaf.rids) or "none"
        yield check(rules.OID, leaf.oid == need.oid, label, f"{found}; wanted {need.oid}")
    if need.host is not None:
        holds = any(host_matches(name, need.host) for name in leaf.dns)
        found = ", ".join(leaf.dns) or "no DNS name"
        yield check(rules.HOST, holds, label, f"{found}; wanted {need.host}")


def _has_role(certificate: Certificate, role: str) -> bool | None:
    """Say whether the flat role OID is there; None when only an uncertain v3 OID is."""
    if PROFILES[role].policy in certificate.policies:
        return True
    v3 = any(f"{policy}.".startswith(f"{ID_ROLE_V3}.") for policy in certificate.policies)
    return None if v3 else False


def host_matches(pattern: str, host: str) -> bool:
    """Say whether a DNS name of a certificate covers `host`. RFC 6125 §6.4.3."""
    wanted, given = host.lower().rstrip("."), pattern.lower()
    if wanted == given:
        return True
    first, dot, rest = given.partition(".")
    # the wildcard stands for one whole label, and not for a top-level domain's
    return first == "*" and "." in rest and bool(dot) and wanted.partition(".")[2] == rest
