"""HandleNotification and lists of notifications: expanded, verified, forwarded once. §5.14.7."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import make_eid
from sgprobe.peers.effects import Response
from sgprobe.peers.eim.config import Limits
from sgprobe.peers.eim.operations import Enable, GetData
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.compact import compact_notification
from sgprobe.peers.esipa.wire import contents, elements, parts, tag_of
from sgprobe.peers.euicc.build import Preloaded
from tests.peers.eim.eim_bench import Bench
from tests.peers.euicc.euicc_bench import notifying
from tests.peers.world import PKI, A, B, World


def switched(**how) -> tuple[Bench, list[bytes]]:
    """Return a world whose eUICC has notified an enabling and a disabling."""
    bench = Bench(**how)
    bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.euicc.refresh_done(True, 0)
    listed = bench.driver.run(bench.ipa.means.es10.notifications())
    assert len(listed) == 2
    return bench, listed


def sent(bench: World) -> list[bytes]:
    """Return the notifications that reached the SM-DP+."""
    bodies = [one.body for one in bench.dp_link.seen]
    return [base64.b64decode(json.loads(one)["pendingNotification"]) for one in bodies]


def seq(pending: bytes) -> int:
    return contents(parts(parts(pending)["BF2F"])["80"])[0]


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
def test_a_notification_is_forwarded_as_it_is_with_its_certificates(version):
    bench, listed = switched(version=version)
    for one in listed:
        assert bench.ask(m.HandleNotification(one)) == m.Done()
    assert sent(bench) == listed
    assert [tag_of(one) for one in elements(listed[0])] == ["BF2F", "5F37", "30", "30"]


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
def test_a_compact_notification_is_expanded(version):
    bench, listed = switched(version=version)
    eid = None if version == "1.0.1" else bench.eid
    for one in listed:
        answer = bench.ask(m.HandleNotification(compact_notification(one, eid, None)))
        # v1.0.1 does not say whose it is
        assert answer == (m.Failed(400) if version == "1.0.1" else m.Done())
    assert sent(bench) == ([] if version == "1.0.1" else listed)


def test_a_duplicate_is_forwarded_once():
    bench, listed = switched()
    for one in (*listed, *listed):
        assert bench.ask(m.HandleNotification(one)) == m.Done()
    assert sent(bench) == listed


def test_the_view_follows_what_is_notified():
    bench, listed = switched()
    bench.eim.enrol(bench.eid, token=1)
    for one in listed:
        bench.ask(m.HandleNotification(one))
    assert bench.eim.device(bench.eid).profiles[A]["enabled"] is False
    assert bench.eim.device(bench.eid).profiles[B]["enabled"] is True


def forged(pending: bytes) -> bytes:
    metadata, signature, *certificates = elements(pending)
    broken = signature[:-1] + bytes([signature[-1] ^ 1])
    return tlv("30", metadata, broken, *certificates)


def test_a_notification_that_is_not_genuine_goes_nowhere():
    bench, listed = switched()
    assert bench.ask(m.HandleNotification(forged(listed[0]))) == m.Failed(400)
    assert sent(bench) == []


def test_certificates_of_another_euicc_do_not_help():
    bench, listed = switched()
    metadata, signature, _, eum = elements(listed[0])
    other = PKI["p256"]["euicc2"].certificate.der
    assert bench.ask(m.HandleNotification(tlv("30", metadata, signature, other, eum))) == m.Failed(
        400
    )


def test_of_three_the_two_that_are_genuine_are_acknowledged():
    bench, listed = switched()
    bench.order(Enable(A))
    result = m.EuiccResult(bench.execute(), (forged(listed[0]), listed[1]))
    answer = bench.provide(result)
    number = contents(parts(elements(elements(result.result)[0])[0])["83"])[0]
    assert answer == m.Acknowledged((number, seq(listed[1])))
    assert sent(bench) == [listed[1]]


@pytest.mark.parametrize("version", ["1.0.1", "1.2"])
def test_notifications_beside_a_result_are_acknowledged_and_forwarded(version):
    bench, listed = switched(version=version)
    bench.order(Enable(A))
    raw = bench.execute()
    eid = None if version == "1.0.1" else bench.eid
    answer = bench.provide(m.EuiccResult(raw, tuple(listed)), eid)
    number = contents(parts(elements(elements(raw)[0])[0])["83"])[0]
    assert answer == m.Acknowledged((number, seq(listed[0]), seq(listed[1])))
    assert sent(bench) == listed


def test_each_goes_to_its_own_server():
    other = "testsmdpplus2.example.com"
    asked = []

    def second(request):
        asked.append(request)
        yield from ()
        return Response(204)

    smdp = World().host
    profiles = (
        Preloaded(A, enabled=True, metadata=notifying(smdp, other)),
        Preloaded(B, metadata=notifying(smdp)),
    )
    bench = Bench(euicc={"profiles": profiles})
    bench.driver.handlers[f"https://{other}"] = second
    bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.euicc.refresh_done(True, 0)
    for one in bench.driver.run(bench.ipa.means.es10.notifications()):
        assert bench.ask(m.HandleNotification(one)) == m.Done()
    assert (len(asked), len(bench.dp_link.seen)) == (1, 2)


def test_an_euicc_that_is_not_ours():
    _, listed = switched()
    other = Bench(enrol=False)
    other.eim.enrol(make_eid("890490321234512345123456789077"))
    assert other.ask(m.HandleNotification(listed[0])) == m.Failed(400)


def test_a_server_that_refuses_is_not_asked_again():
    bench, listed = switched()
    bench.dp_link.instead = lambda request: Response(400)
    assert bench.ask(m.HandleNotification(listed[0])) == m.Done()
    bench.clock.now += 10_000
    assert bench.driver.run(bench.eim.errands()) == 0
    assert len(bench.dp_link.seen) == 1


def test_a_server_in_trouble_is_asked_with_growing_pauses_and_not_for_ever():
    bench, listed = switched(limits=Limits(forwards=4))
    bench.dp_link.down = True
    assert bench.ask(m.HandleNotification(listed[0])) == m.Done()
    moments = []
    for _ in range(400):
        before = len(bench.dp_link.seen)
        bench.clock.now += 5
        bench.driver.run(bench.eim.errands())
        if len(bench.dp_link.seen) > before:
            moments.append(bench.clock.now)
    pauses = [b - a for a, b in pairwise(moments)]
    assert len(bench.dp_link.seen) == 4
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 2 * pauses[0]


def test_two_errands_at_once_send_each_notification_once():
    bench, listed = switched()
    bench.dp_link.down = True
    bench.ask(m.HandleNotification(listed[0]))
    bench.dp_link.down = False
    bench.clock.now += 60
    seen = len(bench.dp_link.seen)
    first, second = bench.eim.errands(), bench.eim.errands()
    for one in (first, second):
        next(one)
    post = first.send(bench.clock.now)
    # while it is on its way, the other finds nothing to do
    with pytest.raises(StopIteration) as done:
        second.send(bench.clock.now)
    assert done.value.value == 0
    first.send(bench.driver._perform(post))
    with pytest.raises(StopIteration) as done:
        first.send(bench.clock.now)
    assert done.value.value == 1
    assert len(bench.dp_link.seen) == seen + 1


def test_a_full_outbox_takes_nothing_and_acknowledges_nothing():
    bench, listed = switched(limits=Limits(outbox=1))
    bench.dp_link.down = True
    assert bench.ask(m.HandleNotification(listed[0])) == m.Done()
    assert bench.ask(m.HandleNotification(listed[1])) == m.Failed(400)
    bench.dp_link.down = False
    bench.clock.now += 60
    assert bench.driver.run(bench.eim.errands()) == 1
    assert bench.ask(m.HandleNotification(listed[1])) == m.Done()
    assert sent(bench)[1:] == listed


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
def test_notifications_and_results_in_data_are_taken(version):
    bench, listed = switched(version=version)
    bench.order(Enable(A))
    bench.execute()
    bench.euicc.refresh_done(True, 0)
    wanted = ("notifications",) if version == "1.0.1" else ("notifications", "results")
    bench.eim.cancel(bench.eim.orders()[-1].id)
    name = bench.order(GetData(wanted))
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert bench.waiting() == (0, 0)
    assert len(sent(bench)) == 4
    assert sent(bench)[:2] == listed


def test_a_pir_of_no_download_is_refused():
    bench = Bench(ipa={"features": frozenset({1})}, indirect=True)
    bench.download(indirect=True)
    assert bench.poll().ok
    (pir,) = [one for one in sent_all(bench) if tag_of(one) == "BF37"]
    other = Bench()
    assert other.ask(m.HandleNotification(pir)) == m.Failed(400)


def sent_all(bench: World) -> list[bytes]:
    bodies = [one.body for one in bench.dp_link.seen if one.path.endswith("Notification")]
    return [base64.b64decode(json.loads(one)["pendingNotification"]) for one in bodies]
