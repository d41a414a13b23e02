"""Path building and the answers of the rules, beyond the faults that have their own table."""

from datetime import timedelta

import pytest

from sgprobe.crypto import rules
from sgprobe.crypto.chain import MAX_PATH, Anchor, Need, host_matches, verify
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.rules import Outcome


def outcome(checks: tuple[rules.Check, ...], rule: rules.Rule) -> set[Outcome]:
    return {one.outcome for one in checks if one.rule == rule.name}


def test_a_bare_key_is_an_anchor(pki: TestPki) -> None:
    found = pki["brainpool"]
    anchor = Anchor.of_key(found.ci.spki)
    assert anchor.ski == found.ci_id
    assert verify(found["dpauth"].path, [anchor], found.need("dpauth")).ok
    other = verify(found["dpauth"].path, [pki["p256"].anchor], found.need("dpauth"))
    assert other.failed(rules.ANCHOR)
    assert found.ci_id.hex().upper() in other.failures[0].detail


def test_without_a_clock_dates_are_not_checked(pki: TestPki, now) -> None:
    found = pki["p256"]
    path = found.get("dpauth", "expired").path
    without = verify(path, [found.anchor], found.need("dpauth"))
    assert without.ok
    assert outcome(without.checks, rules.VALIDITY) == {Outcome.NOT_CHECKED}
    assert verify(path, [found.anchor], found.need("dpauth"), now=now).failed(rules.VALIDITY)


def test_the_bounds_of_validity_are_included(pki: TestPki) -> None:
    found = pki["p256"]
    leaf = found["dpauth"].certificate
    second = timedelta(seconds=1)
    for now, valid in (
        (leaf.not_before - second, False),
        (leaf.not_before, True),
        (leaf.not_after, True),
        (leaf.not_after + second, False),
    ):
        report = verify([leaf], [found.anchor], found.need("dpauth"), now=now)
        assert report.ok is valid


def test_without_a_crl_revocation_is_not_checked_and_not_passed(pki: TestPki, now) -> None:
    found = pki["p256"]
    path = found.get("dpauth", "revoked").path
    report = verify(path, [found.anchor], found.need("dpauth"), now=now)
    assert outcome(report.checks, rules.REVOCATION) == {Outcome.NOT_CHECKED}


@pytest.mark.parametrize(
    ("name", "rule"),
    [("ci-expired", rules.CRL_VALIDITY), ("ci-wrong-signature", rules.CRL_SIGNATURE)],
)
def test_a_faulty_crl_fails_its_own_rule(pki: TestPki, now, name: str, rule: rules.Rule) -> None:
    found = pki["p256"]
    crl = found.crl(name)
    report = verify(found["dpauth"].path, [found.anchor], found.need("dpauth"), now=now, crls=[crl])
    assert [one.rule for one in report.failures] == [rule.name]
    if name == "ci-wrong-signature":
        # what nobody signed revokes nothing
        path = found.get("dpauth", "revoked").path
        report = verify(path, [found.anchor], found.need("dpauth"), now=now, crls=[crl])
        assert not report.failed(rules.REVOCATION)


def test_a_crl_of_another_issuer_says_nothing(pki: TestPki, now) -> None:
    found = pki["p256"]
    path = found.get("dpauth", "revoked").path
    for crl in (found.crl("foreign-ci"), pki["brainpool"].crl()):
        report = verify(path, [found.anchor], found.need("dpauth"), now=now, crls=[crl])
        assert report.ok
        assert outcome(report.checks, rules.REVOCATION) == {Outcome.NOT_CHECKED}


def test_a_role_is_not_another_role(pki: TestPki) -> None:
    found = pki["p256"]
    for name in ("dpauth", "dppb", "dptls", "dsauth", "dstls", "euicc"):
        for role in ("dpauth", "dppb", "dptls", "dsauth", "dstls", "euicc"):
            report = verify(found[name].path, [found.anchor], Need(role))
            assert report.ok is (role == name), (name, role)


def test_the_eim_s_signing_certificate_is_no_tls_certificate(pki: TestPki) -> None:
    found = pki["p256"]
    report = verify(found["eim-sign"].path, [found.anchor], Need("eim-tls"))
    assert [one.rule for one in report.failures] == [rules.EXTENDED_USAGE.name]


def test_an_euicc_needs_an_eum_between_it_and_the_ci(pki: TestPki) -> None:
    found = pki["p256"]
    leaf, eum = found["euicc"].path
    alone = verify([leaf], [found.anchor], Need("euicc"))
    assert alone.failed(rules.ANCHOR)
    assert alone.failed(rules.NAME_CONSTRAINT)
    # a card whose EUM is trusted as such is within its range
    assert verify([leaf], [Anchor.of(eum)], Need("euicc")).ok
    # an eUICC is no EUM: neither by flag nor by role
    below = verify([found["dpauth"].certificate, leaf, eum], [found.anchor], Need("dpauth"))
    assert below.ok  # the CI signed it; what else is shown does not matter
    assert len(below.path) == 1


def test_the_order_of_intermediates_does_not_matter(pki: TestPki, now) -> None:
    found = pki["p256"]
    leaf, *rest = found.get("dptls", "path-too-long").path
    report = verify([leaf, *reversed(rest)], [found.anchor], found.need("dptls"), now=now)
    assert [one.rule for one in report.failures] == [rules.LENGTH.name]
    assert len(report.path) == 3


def test_loops_and_long_lists_end(pki: TestPki) -> None:
    found = pki["p256"]
    foreign = found["foreign-ci"].certificate
    leaf = found.get("dptls", "unknown-ci").certificate
    report = verify([leaf] + [foreign] * 500, [found.anchor], found.need("dptls"))
    assert report.failed(rules.ANCHOR)
    assert len(report.path) <= MAX_PATH + 1


def test_a_pinned_leaf_is_trusted_as_it_stands(pki: TestPki, now) -> None:
    found = pki["p256"]
    shown = found.get("eim-tls", "unknown-ci")
    pinned = Anchor.of(shown.certificate)
    assert verify([shown.certificate], [pinned], found.need("eim-tls"), now=now).ok
    # another certificate of the same holder is not the pinned one
    other = found["eim-tls"].certificate
    assert verify([other], [pinned], found.need("eim-tls"), now=now).failed(rules.ANCHOR)


def test_a_version_3_role_is_not_judged(pki: TestPki) -> None:
    from dataclasses import replace

    found = pki["p256"]
    leaf = replace(found["dpauth"].certificate, policies=("2.23.146.1.2.1.0.0.1.2",))
    report = verify([leaf], [found.anchor], Need("dpauth"))
    assert outcome(report.checks, rules.ROLE) == {Outcome.NOT_CHECKED}
    near = replace(leaf, policies=("2.23.146.1.2.1.0.01",))
    assert verify([near], [found.anchor], Need("dpauth")).failed(rules.ROLE)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("eim.example.com", "EIM.example.COM", True),
        ("eim.example.com", "eim.example.com.", True),
        ("*.example.com", "eim.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("e*.example.com", "eim.example.com", False),
        ("*.com", "example.com", False),
        ("*", "localhost", False),
        ("", "", True),
        ("eim.example.com", "eim.example.org", False),
    ],
)
def test_host_names(pattern: str, host: str, matches: bool) -> None:
    assert host_matches(pattern, host) is matches


def test_every_rule_has_a_clause() -> None:
    assert all(rule.clause and rule.text for rule in rules.RULES.values())
    assert len({rule.name for rule in rules.RULES.values()}) == len(rules.RULES) == 24
