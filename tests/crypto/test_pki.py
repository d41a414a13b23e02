"""The test PKI as the roles see it: made again it is the same, loaded it is the same."""

from datetime import UTC, datetime, timedelta

import pytest

from dissectors.spec.identity import is_eid
from sgprobe.crypto import identities, keys
from sgprobe.crypto.certificates import same_oid
from sgprobe.crypto.chain import verify
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.pki import TestPki, variants
from sgprobe.crypto.shelf import STORED_SEED, STORED_START


def test_made_and_loaded_are_one(pki: TestPki) -> None:
    made = TestPki.make(STORED_SEED, STORED_START, lasting=True)
    for curve in keys.RSP_CURVES:
        for name, fault in [*((name, None) for name in identities.PARTIES), *variants()]:
            ours, stored = made[curve].get(name, fault), pki[curve].get(name, fault)
            assert ours.certificate.der == stored.certificate.der
            assert keys.point(ours.key) == keys.point(stored.key)
            assert ours.path == stored.path


def test_another_seed_gives_another_set(pki: TestPki) -> None:
    other = TestPki.make("another", STORED_START, lasting=True)
    assert other["p256"].ci_id != pki["p256"].ci_id


def test_a_set_of_today_has_the_lifetimes_of_the_profiles() -> None:
    today = datetime(2031, 5, 1, tzinfo=UTC)
    found = TestPki.make(STORED_SEED, today)["p256"]
    tls = found["dptls"].certificate
    assert tls.not_before == today
    assert tls.not_after == today + timedelta(days=398)
    for name in ("euicc", "dpauth", "dptls", "eim-tls", "eim-sign"):
        need = found.need(name)
        assert verify(found[name].path, [found.anchor], need, now=today, crls=[found.crl()]).ok


@pytest.mark.parametrize("curve", keys.RSP_CURVES)
def test_the_key_is_the_certificate_s(pki: TestPki, curve: keys.Curve) -> None:
    cases = [*((name, None) for name in identities.PARTIES), *variants()]
    for name, fault in cases:
        credential = pki[curve].get(name, fault)
        assert keys.spki(credential.key) == credential.certificate.spki
        shown = FAULTS[fault].curve if fault else None
        assert credential.certificate.curve is (shown(curve) if shown else curve)


def test_eids(pki: TestPki) -> None:
    assert identities.EIDS[0] == "89049032123451234512345678901235"
    for place, name in enumerate(("euicc", "euicc2", "euicc3")):
        eid = pki["p256"][name].certificate.serial_number
        assert eid == identities.EIDS[place]
        assert is_eid(eid)
        assert eid.startswith(identities.EIN)
    assert is_eid(identities.FOREIGN_EID)
    assert not identities.FOREIGN_EID.startswith(identities.EIN)


def test_one_oid_for_one_server(pki: TestPki) -> None:
    found = pki["brainpool"]
    smdps = (("dpauth", "dppb", "dptls"), ("dp2auth", "dp2pb", "dp2tls"))
    for names in (*smdps, ("dsauth", "dstls"), ("ds2auth", "ds2tls")):
        assert same_oid(*(found[name].certificate for name in names))
    assert not same_oid(found["dpauth"].certificate, found["dp2pb"].certificate)
    assert not same_oid(found["dsauth"].certificate, found["ds2auth"].certificate)


def test_secrets_are_not_printed(pki: TestPki) -> None:
    found = pki["p256"]
    secret = f"{found['ci'].key.private_numbers().private_value:x}"
    assert secret not in repr(found["ci"])
    assert secret not in repr(found)
