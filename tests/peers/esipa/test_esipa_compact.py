"""Compact forms: shorter, and whole again octet by octet; only what is known is left out."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto.signing import (
    EUICC_CANCEL_SESSION_SIGNATURE,
    EUICC_NOTIFICATION_SIGNATURE,
    EUICC_SIGN_PIR,
    EUICC_SIGNATURE1,
    EUICC_SIGNATURE2,
)
from sgprobe.peers.eim.operations import Download, Enable, GetData
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.compact import (
    Installed,
    Known,
    compact_authentication,
    compact_cancellation,
    compact_installation,
    compact_notification,
    compact_preparation,
    expand_authentication,
    expand_cancellation,
    expand_installation,
    expand_notification,
    expand_preparation,
    is_compact,
)
from sgprobe.peers.esipa.profile import oid_element
from sgprobe.peers.esipa.wire import contents, elements, parts, tag_of
from tests.peers.eim import test_eim_download as downloads
from tests.peers.test_whole import KNOWN
from tests.peers.world import B, World


@pytest.fixture(scope="module")
def full() -> dict:
    """Return the messages of a whole download in their full form."""
    bench = downloads.bench_of()
    bench.download("small", indirect=True)
    assert bench.poll().ok
    return {
        "initiated": downloads.answers(bench, m.IAU)[0],
        "response": downloads.requests(bench, m.AuthenticateClient)[0].response,
        "authenticated": downloads.answers(bench, m.ACL)[0],
        "prepared": downloads.requests(bench, m.GetBoundProfilePackage)[0].response,
        "result": downloads.requests(bench, m.HandleNotification)[0].pending,
        "host": bench.host,
        "key": bench.euicc.chip.ecasd.identities[0].key.public_key(),
    }


def known_of(full: dict, **how) -> Known:
    signed1, _, euicc, eum = elements(elements(full["response"])[0])
    found = parts(signed1)
    # an eIM knows an older state of the memory
    old = [tlv("84", b"\x81\x01\x00") if tag_of(one) == "84" else one
           for one in elements(found["BF22"])]  # fmt: skip
    every = {"info2": tlv("BF22", *old), "certificates": (euicc, eum), "context": found["A0"]}
    return Known(**{name: every[name] for name in how if how[name]})


@pytest.mark.parametrize("info2", [False, True])
@pytest.mark.parametrize("certificates", [False, True])
@pytest.mark.parametrize("context", [False, True])
def test_authentication(full, info2, certificates, context):
    known = known_of(full, info2=info2, certificates=certificates, context=context)
    signed1 = full["initiated"].signed1
    compact = compact_authentication(full["response"], signed1, known)
    assert is_compact(compact)
    first, _, *rest = elements(elements(compact)[0])
    # what is left out is what is known, no more and no less
    assert tag_of(first) == ("A0" if info2 else "30")
    assert [tag_of(one) for one in rest] == ([] if certificates else ["A1", "A2"])
    if info2:
        assert ("A2" in parts(first)) != context
    again = expand_authentication(compact, signed1, known)
    assert again == full["response"]
    signed, signature = elements(elements(again)[0])[:2]
    assert EUICC_SIGNATURE1.verify(full["key"], signature, signed)
    assert len(compact) <= len(full["response"])


def test_the_size_of_what_is_saved(full):
    known = known_of(full, info2=True, certificates=True, context=True)
    compact = compact_authentication(full["response"], full["initiated"].signed1, known)
    assert (len(full["response"]) > 1000, len(compact) < 120) == (True, True)


def test_an_eim_that_knows_nothing_of_it_says_so(full):
    known = known_of(full, info2=True, certificates=True, context=True)
    signed1 = full["initiated"].signed1
    compact = compact_authentication(full["response"], signed1, known)
    for missing in ("info2", "certificates", "context"):
        wanted = {name: name != missing for name in ("info2", "certificates", "context")}
        with pytest.raises(NotAsn1):
            expand_authentication(compact, signed1, known_of(full, **wanted))


def test_info2_that_changed_elsewhere_is_sent_whole(full):
    known = known_of(full, info2=True, certificates=True)
    changed = known.info2.replace(bytes.fromhex("8203020500"), bytes.fromhex("8203020400"))
    other = Known(changed, known.certificates)
    compact = compact_authentication(full["response"], full["initiated"].signed1, other)
    assert tag_of(elements(elements(compact)[0])[0]) == "30"
    assert expand_authentication(compact, b"", other) == full["response"]


def test_an_error_stays_as_it_is(full):
    error = tlv("BF38", tlv("A1", tlv("80", b"\1"), tlv("02", b"\1")))
    assert compact_authentication(error, full["initiated"].signed1, Known()) == error
    error = tlv("BF21", tlv("A1", tlv("80", b"\1"), tlv("02", b"\1")))
    assert compact_preparation(error, None) == error
    error = tlv("BF41", tlv("81", b"\x05"))
    assert compact_cancellation(error) == error


@pytest.mark.parametrize("reused", [False, True])
def test_preparation(full, reused):
    signed2 = elements(elements(full["prepared"])[0])[0]
    key = contents(parts(signed2)["5F49"])
    transaction = contents(parts(signed2)["80"])
    offered = key if reused else b"\x04" + bytes(64)
    compact = compact_preparation(full["prepared"], offered)
    assert ("5F49" in parts(elements(elements(compact)[0])[0])) != reused
    again = expand_preparation(compact, transaction, offered, None)
    assert again == full["prepared"]
    signed, signature = elements(elements(again)[0])
    covered = (signed, full["authenticated"].signature2)
    assert EUICC_SIGNATURE2.verify(full["key"], signature, *covered)


def test_a_one_time_key_that_nobody_knows(full):
    signed2 = elements(elements(full["prepared"])[0])[0]
    key = contents(parts(signed2)["5F49"])
    with pytest.raises(NotAsn1):
        expand_preparation(compact_preparation(full["prepared"], key), b"\1", None, None)


def test_cancellation():
    bench = downloads.bench_of()
    made = bench.smdp.order("small", code="1")
    bench.order(Download(smdp=bench.host, matching_id=made.matching_id, indirect=True))
    bench.poll()
    (asked,) = downloads.requests(bench, m.CancelSession)
    initiated = downloads.answers(bench, m.IAU)[0]
    compact = compact_cancellation(asked.response)
    assert len(compact) < len(asked.response)
    oid = oid_element(initiated.certificate)
    again = expand_cancellation(compact, asked.transaction_id, oid)
    assert again == asked.response
    signed, signature = elements(elements(again)[0])
    key = bench.euicc.chip.ecasd.identities[0].key.public_key()
    assert EUICC_CANCEL_SESSION_SIGNATURE.verify(key, signature, signed)


def about(full: dict, **changes) -> Installed:
    metadata = parts(full["authenticated"].metadata)
    values = {
        "address": full["host"],
        "oid": oid_element(full["authenticated"].certificate),
        "iccid": contents(metadata["5A"]),
        **changes,
    }
    return Installed(**values)


def test_installation(full):
    compact = compact_installation(full["result"], about(full))
    assert tag_of(compact) == "A0"
    assert len(compact) < len(full["result"]) - 50
    again = expand_installation(compact, about(full))
    assert again == full["result"]
    data, signature = elements(again)
    assert EUICC_SIGN_PIR.verify(full["key"], signature, data)


def test_an_answer_of_the_package_interpreter_that_says_more_is_kept(full):
    data, signature = elements(full["result"])
    *head, final = elements(data)
    aid = parts(elements(final)[0])["4F"]
    more = tlv("04", bytes.fromhex("300AA0083003800100820107"))
    other = tlv("BF27", *head, tlv("A2", tlv("A0", aid, more)))
    result = tlv("BF37", other, signature)
    compact = compact_installation(result, about(full))
    assert tag_of(compact) == "A0"
    assert more in compact
    assert expand_installation(compact, about(full)) == result


@pytest.mark.parametrize(
    "other",
    [
        {"address": "other.example.com"},
        {"oid": bytes.fromhex("060388370B")},
        {"iccid": iccid_octets("8999001000000000999")},
    ],
)
def test_what_the_eim_could_not_restore_is_sent_whole(full, other):
    assert compact_installation(full["result"], about(full, **other)) == full["result"]


def test_an_error_in_a_result_is_kept():
    bench = downloads.bench_of(euicc={"profile_classes": frozenset({"test"})})
    bench.download("small", indirect=True)
    bench.poll()
    (asked,) = downloads.requests(bench, m.HandleNotification)
    authenticated = downloads.answers(bench, m.ACL)[0]
    full = {"authenticated": authenticated, "host": bench.host}
    compact = compact_installation(asked.pending, about(full))
    assert expand_installation(compact, about(full)) == asked.pending


def test_notification():
    world = World()
    world.order(Enable(B))
    world.dp_link.down = True
    world.poll()
    (pending, *_) = world.driver.run(world.ipa.means.es10.notifications())
    data, signature, *certificates = elements(pending)
    compact = compact_notification(pending, world.eid, None)
    assert expand_notification(compact, tuple(certificates)) == pending
    assert len(compact) < 250 < len(pending)
    key = world.euicc.chip.ecasd.identities[0].key.public_key()
    assert EUICC_NOTIFICATION_SIGNATURE.verify(key, signature, data)


# --- in the traffic ---


@pytest.mark.parametrize("features", [{1}, {1, 2}, {1, 5}, {1, 2, 3, 4, 5}])
def test_compact_forms_are_used_when_agreed_and_never_else(features):
    bench = downloads.bench_of(features=features)
    bench.do(GetData(KNOWN))
    bench.download("small", indirect=True)
    assert bench.poll().ok
    compact = 5 in features
    (asked,) = downloads.requests(bench, m.AuthenticateClient)
    assert is_compact(asked.response) == compact
    (asked,) = downloads.requests(bench, m.GetBoundProfilePackage)
    assert is_compact(asked.response) == compact
    (asked,) = downloads.requests(bench, m.HandleNotification)
    # without the metadata the IPA does not know what the eIM can restore
    assert tag_of(asked.pending) == ("A0" if compact and 4 not in features else "BF37")
    (begun,) = downloads.answers(bench, m.IAU)
    assert (begun.transaction_id is None) == compact
    assert (len(begun.ci_key_id) < 20) == compact
    (told,) = downloads.answers(bench, m.ACL)
    assert (told.metadata is None) == (compact and 4 in features)


def test_compact_bytes_saved():
    sizes = {}
    for features in ({1, 2}, {1, 2, 3, 4, 5}):
        bench = downloads.bench_of(features=features)
        bench.do(GetData(KNOWN))
        before = len(bench.link.seen)
        bench.download("small", indirect=True)
        assert bench.poll().ok
        sizes[len(features)] = sum(len(one.body) for one in bench.link.seen[before:])
    assert sizes[5] < sizes[2] / 2
