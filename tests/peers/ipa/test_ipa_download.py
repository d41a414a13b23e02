"""Downloads at the IPA: triggers, the way they take, what stops them, what is told. §3.2.3."""

from __future__ import annotations

import base64
import json

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.peers.effects import CardFailure, Response
from sgprobe.peers.eim.operations import ConfigureImmediate
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.ipa.config import Patience
from sgprobe.peers.ipa.download import Loaded, Stopped
from tests.peers.eim.test_eim_download import changed, refusing
from tests.peers.ipa.ipa_bench import Bench, asn1
from tests.peers.world import PKI

DIRECT, INDIRECT = {"features": frozenset({0})}, {"features": frozenset({1})}


def trigger(
    code: str = "", transaction: bytes | None = b"\1\2", data: bytes | None = None
) -> bytes:
    inside = tlv("A0", tlv("80", code.encode())) if data is None else data
    end = b"" if transaction is None else tlv("82", transaction)
    return tlv("BF54", inside, end)


def reported(bench: Bench) -> tuple[str, str]:
    """Return the tag of what the eIM was told, and the text or code of an error."""
    (result,) = [one for one in bench.results() if isinstance(one, m.TriggerResult)]
    found = parts(result.result)
    if "BF37" in found:
        return "BF37", ""
    error = parts(found["30"])
    text = contents(error.get("04") or error.get("80") or tlv("04")).decode()
    return "30", text


def functions(bench: Bench) -> list[str]:
    return [one.path.rpartition("/")[2] for one in bench.dp_link.seen]


WHOLE = ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage",
         "handleNotification"]  # fmt: skip


# --- direct ---


@pytest.mark.parametrize("version", ["1.0.1", "1.2", "1.3"])
def test_by_activation_code(version):
    bench = Bench(version, ipa=DIRECT)
    made = bench.smdp.order("small")
    bench.offer(trigger(f"1${bench.host}${made.matching_id}"))
    assert bench.poll().ok
    assert reported(bench) == ("BF37", "")
    assert functions(bench) == WHOLE
    assert bench.smdp.state(made.iccid).state == "installed"
    (result,) = bench.results()
    assert contents(parts(result.result)["82"]) == b"\1\2"
    request = bench.dp_link.seen[0]
    assert request.header("User-Agent") == "gsma-rsp-ipad"


def test_from_the_default_sm_dp():
    bench = Bench(ipa=DIRECT, euicc={"default_smdp": Bench().host})
    made = bench.smdp.order("small", eid=bench.eid, matching_id="")
    bench.offer(trigger(data=tlv("A0", tlv("81"))))
    assert bench.poll().ok
    assert bench.smdp.state(made.iccid).state == "installed"


def test_without_a_default_sm_dp_nobody_is_asked():
    bench = Bench(ipa=DIRECT)
    bench.offer(trigger(data=tlv("A0", tlv("81"))))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert bench.dp_link.seen == []


@pytest.mark.parametrize("address", ["", "testrootsmds.example.com"])
def test_by_an_event_of_an_sm_ds(address):
    bench = Bench(ipa=DIRECT)
    made = bench.smdp.order("small", eid=bench.eid)
    bench.smds.register_event(bench.eid, made.matching_id, bench.host, bench.clock.now)
    inside = tlv("80", address.encode()) if address else b""
    bench.offer(trigger(data=tlv("A0", tlv("A2", inside))))
    assert bench.poll().ok
    assert len(bench.ds_link.seen) == 2
    assert bench.smdp.state(made.iccid).state == "installed"


def test_without_an_event():
    bench = Bench(ipa=DIRECT)
    bench.offer(trigger(data=tlv("A0", tlv("A2"))))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert bench.said("DOWNLOAD") == ["the SM-DS has no event"]


def test_an_sm_ds_that_leads_to_itself_is_left():
    bench = Bench(ipa=DIRECT)
    bench.smds.register_event(bench.eid, "E", bench.ds_host, bench.clock.now)
    bench.offer(trigger(data=tlv("A0", tlv("A2"))))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert len(bench.ds_link.seen) <= 8


@pytest.mark.parametrize("code", ["2$host$id", "1$$", "1$host", "", "1$ho st$id", "1$host$i d"])
def test_a_code_that_is_none_connects_to_nobody(code):
    bench = Bench(ipa=DIRECT)
    bench.offer(trigger(code))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert bench.said("DOWNLOAD") == ["the activation code is none"]


def test_a_confirmation_code_that_nobody_knows():
    bench = Bench(ipa=DIRECT)
    made = bench.smdp.order("small", code="1234")
    bench.offer(trigger(f"1${bench.host}${made.matching_id}$$1"))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert functions(bench)[-1] == "cancelSession"
    assert bench.smdp.state(made.iccid).state == "released"


def test_a_confirmation_code_that_is_known():
    bench = Bench(ipa={**DIRECT, "confirmation_code": "1234"})
    made = bench.smdp.order("small", code="1234")
    bench.offer(trigger(f"1${bench.host}${made.matching_id}$$1"))
    assert bench.poll().ok
    assert reported(bench)[0] == "BF37"
    assert "1234" not in repr(bench.ipa.config) + repr(bench.ipa.means)


def test_the_oid_of_the_code_is_compared():
    bench = Bench(ipa=DIRECT)
    made = bench.smdp.order("small")
    bench.offer(trigger(f"1${bench.host}${made.matching_id}$2.999.99"))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert functions(bench) == ["initiateAuthentication"]


@pytest.mark.parametrize("version", ["1.0.1", "1.2"])
def test_what_the_server_said_is_told(version):
    bench = Bench(version, ipa=DIRECT)
    bench.dp_link.instead = refusing("authenticateClient", "8.2.6", "3.8")
    bench.offer(trigger(f"1${bench.host}$ID"))
    assert bench.poll().ok
    assert reported(bench) == ("30", "8.2.6/3.8")


def test_a_server_out_of_reach_is_told_after_some_tries():
    bench = Bench(ipa={**DIRECT, "patience": Patience(tries=3)})
    bench.dp_link.down = True
    bench.offer(trigger(f"1${bench.host}$ID"))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"
    assert len(bench.dp_link.seen) == 3


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_an_emergency_call_comes_first(version):
    bench = Bench(version, ipa=DIRECT)
    bench.ipa.means.notebook.note(emergency=True)
    bench.offer(trigger(f"1${bench.host}$ID"))
    assert bench.poll().ok
    (result,) = bench.results()
    assert result.result == tlv("BF54", tlv("82", b"\1\2"), tlv("30", tlv("80", b"\x68")))
    assert bench.dp_link.seen == []


def test_a_report_that_is_lost_is_sent_again_unchanged():
    bench = Bench(ipa={**DIRECT, "patience": Patience(tries=1)})
    name, made = bench.download()
    bench.link.lose_request = {1}
    assert bench.poll().out_of_reach
    bench.euicc.reset()
    bench.boot()
    assert bench.poll().ok
    first, again = [one.body for one in bench.link.seen if one.body[:2] == b"\xbf\x50"]
    assert first == again
    assert bench.state(name) == "done"
    assert list(bench.profiles()).count(made.iccid) == 1


def test_a_trigger_whose_result_is_not_taken_is_not_carried_out_again():
    bench = Bench(ipa={**INDIRECT, "patience": Patience(tries=1)}, indirect=True)
    name, made = bench.download(indirect=True)
    bench.link.instead = lambda request: Response(400) if request.body[:2] == b"\xbf\x3d" else None
    for _ in range(3):
        bench.poll()
        bench.boot()
    assert len(bench.requests(m.InitiateAuthentication)) == 1
    bench.link.instead = lambda request: None
    assert bench.poll().ok
    assert len(bench.requests(m.InitiateAuthentication)) == 1
    assert (bench.state(name), made.iccid in bench.profiles()) == ("done", True)


def test_somebody_at_the_device_can_download():
    bench = Bench(ipa=DIRECT)
    made = bench.smdp.order("small", code="7")
    code = bench.smdp.activation_code(made)
    assert isinstance(bench.driver.run(bench.ipa.download(code, "7")), Loaded)
    assert bench.smdp.state(made.iccid).state == "installed"
    assert bench.link.seen == []
    assert bench.driver.run(bench.ipa.download("nonsense")) == Stopped(
        "the activation code is none"
    )


# --- what the IPA looks at ---


def test_the_certificate_in_tls():
    seen = {"good": "dptls", "other": "dp2tls"}
    outcomes = {}
    for name, party in seen.items():
        bench = Bench(ipa=DIRECT)
        der = PKI["p256"][party].certificate.der
        bench.ipa = type(bench.ipa)(
            bench.config, bench.ipa_store, lambda size: bytes(size), lambda address, der=der: der
        )
        made = bench.smdp.order("small")
        bench.offer(trigger(f"1${bench.host}${made.matching_id}"))
        assert bench.poll().ok
        outcomes[name] = reported(bench)[0]
    assert outcomes == {"good": "BF37", "other": "30"}


def test_policy_rules_that_the_rat_forbids():
    for ipa, indirect in ((DIRECT, False), (INDIRECT, True)):
        bench = Bench(ipa=ipa, indirect=indirect, euicc={"rat": ()})
        _, made = bench.download("ppr1", indirect=indirect)
        assert bench.poll().ok
        assert functions(bench)[-1] == "cancelSession"
        member = json.loads(bench.dp_link.seen[-1].body)["cancelSessionResponse"]
        signed = elements(elements(base64.b64decode(member))[0])[0]
        assert elements(signed)[2] == b"\x82\x01\x03"
        assert bench.smdp.state(made.iccid).state == "error"


@pytest.mark.parametrize("indirect", [False, True])
def test_other_metadata_than_announced(indirect):
    # an eIM that does not look
    bench = Bench(ipa=INDIRECT if indirect else DIRECT, indirect=indirect, off={"EIM.METADATA"})
    bench.config = type(bench.config)(features=bench.config.features)
    bench.boot()
    bench.download(indirect=indirect)

    def change(members):
        metadata = base64.b64decode(members["profileMetadata"])
        members["profileMetadata"] = base64.b64encode(metadata.replace(b"Small", b"Large")).decode()

    changed(bench, "authenticateClient", change)
    assert bench.poll().ok
    assert bench.said("DOWNLOAD") == ["the package holds other metadata than announced"]
    assert functions(bench)[-1] == "cancelSession"


@pytest.mark.parametrize("package", ["BF3500", "BF3600", "BF3602A000", "BF36"])
def test_a_package_that_is_none(package):
    bench = Bench(ipa=DIRECT)
    name, _ = bench.download()
    changed(
        bench,
        "getBoundProfilePackage",
        lambda members: members.update(
            boundProfilePackage=base64.b64encode(bytes.fromhex(package)).decode()
        ),
    )
    assert bench.poll().ok
    assert bench.state(name) == "failed"
    # nothing of it met the card
    assert bench.card.sent("BF36") == []


def test_an_error_in_a_segment_stops_the_loading():
    bench = Bench(ipa=INDIRECT, indirect=True)
    name, _ = bench.download("30k", indirect=True)

    def change(members):
        package = bytearray(base64.b64decode(members["boundProfilePackage"]))
        package[-10_000] ^= 1
        members["boundProfilePackage"] = base64.b64encode(package).decode()

    changed(bench, "getBoundProfilePackage", change)
    assert bench.poll().ok
    assert bench.state(name) == "failed"
    loaded = [one for one in bench.card.commands if one[:1] == b"\x86"]
    assert 10 < len(loaded) < 28
    # the result of the eUICC got through to the SM-DP+
    assert functions(bench)[-1] == "handleNotification"
    assert bench.waiting() == (0, 0)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_reader_that_fails_between_segments(after):
    bench = Bench(ipa=DIRECT)
    name, made = bench.download("30k")
    count = [0]

    def instead(command):
        count[0] += command[:1] in (b"\x86", b"\x88", b"\xa0")
        if count[0] > after and command[:1] in (b"\x86", b"\x88", b"\xa0"):
            raise CardFailure(0x6F00)
        return None

    bench.card.instead = instead
    assert bench.poll().ok
    assert bench.state(name) == "failed"
    assert made.iccid not in bench.profiles()
    # SGP.22 §3.1.3: the server is told, and the order is over
    assert bench.smdp.state(made.iccid).state == "error"
    bench.card.instead = lambda command: None
    again, other = bench.download("30k")
    bench.poll()
    assert (bench.state(again), other.iccid in bench.profiles()) == ("done", True)


# --- indirect ---


def test_the_sequence_of_an_indirect_download():
    bench = Bench(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    assert bench.poll().ok
    kinds = [type(one).__name__ for one in bench.requests()]
    assert kinds == ["GetEimPackage", "InitiateAuthentication", "AuthenticateClient",
                     "GetBoundProfilePackage", "HandleNotification", "GetEimPackage"]  # fmt: skip
    (begun,) = bench.requests(m.InitiateAuthentication)
    assert begun.address == bench.host
    order = bench.eim.orders()[0]
    assert begun.eim_transaction_id == bytes.fromhex(order.transaction)


@pytest.mark.parametrize(
    ("name", "code"),
    [(m.IAU, 1), (m.IAU, 2), (m.IAU, 3), (m.IAU, 50), (m.IAU, 51), (m.IAU, 52), (m.IAU, 127),
     *((m.ACL, code) for code in (*range(1, 12), 127)), (m.GBP, 1), (m.GBP, 95), (m.GBP, 77)],
)  # fmt: skip
def test_an_error_of_the_eim_ends_the_download_and_is_told_once(name, code):
    bench = Bench(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    first = {m.IAU: 0x39, m.ACL: 0x3B, m.GBP: 0x3A}[name]
    error = asn1(bench.binding.write_answer(name, m.Failed(code)))
    bench.link.instead = lambda request: error if request.body[1] == first else None
    assert bench.poll().ok
    assert len([one for one in bench.results() if isinstance(one, m.TriggerResult)]) == 1
    if name != m.GBP:
        assert bench.card.sent("BF21") == []


def test_the_matching_id_of_the_trigger_is_used_where_the_eim_gives_none():
    bench = Bench(ipa=INDIRECT, indirect=True)
    _, made = bench.download(indirect=True)
    assert bench.poll().ok
    (sent,) = bench.card.sent("BF38")
    context = elements(sent)[-1]
    assert contents(parts(context)["80"]).decode() == made.matching_id


def test_without_direct_download_the_eim_is_asked_whatever_it_says():
    bench = Bench(ipa=INDIRECT)
    bench.download()
    bench.poll()
    assert len(bench.requests(m.InitiateAuthentication)) == 1


@pytest.mark.parametrize("features", [{0}, {0, 1}])
def test_an_empty_trigger(features):
    bench = Bench(ipa={"features": frozenset(features)})
    bench.offer(tlv("BF54"))
    assert bench.poll().ok
    assert reported(bench)[0] == "30"


def test_a_link_that_is_cut_before_the_package():
    bench = Bench(ipa={**INDIRECT, "patience": Patience(tries=1)}, indirect=True)
    name, made = bench.download(indirect=True)
    bench.link.lose_request = {3}
    assert bench.poll().out_of_reach
    assert made.iccid not in bench.profiles()
    assert bench.poll().ok
    assert bench.state(name) == "done"


# --- immediate enable ---


@pytest.mark.parametrize("configured", [False, True])
def test_what_was_downloaded_is_enabled_at_once_where_that_is_wanted(configured):
    bench = Bench(ipa={**DIRECT, "immediate_enable": True})
    if configured:
        bench.do(ConfigureImmediate())
    name, made = bench.download()
    bench.poll()
    assert bench.state(name) == "done"
    now = bench.euicc.enabled_profile
    assert (now.iccid == iccid_octets(made.iccid).hex()) == configured
    bench.poll()
    causes = [one.cause for one in bench.requests(m.GetEimPackage) if one.state_change]
    assert causes == ([5] if configured else [])
    assert len(bench.card.sent("BF5A")) == 1
