"""Every rule of the eIM: kept, it refuses; switched off, it lets pass.

One scenario for each rule, so that a rule that guards nothing cannot hide.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from dissectors.spec.identity import iccid_octets, make_eid
from sgprobe.crypto import keys
from sgprobe.crypto.signing import EIM_SIGNATURE, association_token, signature_value
from sgprobe.engine.card.euicc_state import bring
from sgprobe.exchange import Request
from sgprobe.peers.eim.config import association
from sgprobe.peers.eim.forms import OrderError
from sgprobe.peers.eim.operations import Download, Enable, GetData, GetRat
from sgprobe.peers.eim.rules import RULES
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.euicc.values import places
from sgprobe.peers.rules import RuleError
from tests.peers.eim import test_eim_download as downloads
from tests.peers.eim.eim_bench import OTHER_KEY, Bench
from tests.peers.eim.test_eim_notifications import forged, sent
from tests.peers.test_whole import KNOWN
from tests.peers.world import PKI, A, B, World

OTHER = make_eid("890490321234512345123456789077")
OK = [{"enableResult": "ok"}]
NOBODY = "00000000000000000000000000000000"

Play = Callable[[Callable[..., Bench]], str]
SCENARIOS: dict[str, tuple[Play, str]] = {}


def scenario(rule: str, refused: str):
    """Keep what a faulty IPA, eUICC or server does, and what an eIM that checks answers."""

    def keep(function: Play) -> Play:
        SCENARIOS[f"EIM.{rule}"] = function, refused
        return function

    return keep


def failed(answer: m.Answer) -> str:
    return str(answer.code) if isinstance(answer, m.Failed) else ""


POLL = "BF4F125A10"


@scenario("CONTENT-TYPE", "415")
def _(make):
    bench = make()
    status = bench.post(bytes.fromhex(POLL + bench.eid), media="text/plain").status
    return "" if status == 200 else str(status)


@scenario("PROTOCOL-HEADER", "400")
def _(make):
    bench = make()
    headers = (("X-Admin-Protocol", "something/else"),)
    status = bench.post(bytes.fromhex(POLL + bench.eid), headers=headers).status
    return "" if status == 200 else str(status)


@scenario("EID-PRESENT", "4")
def _(make):
    answer = failed(make().get(""))
    return answer if answer == "4" else ""


@scenario("EID-VALID", "3")
def _(make):
    answer = failed(make().get(NOBODY))
    return answer if answer == "3" else ""


@scenario("EID-KNOWN", "2")
def _(make):
    answer = failed(make().get(OTHER))
    return answer if answer == "2" else ""


@scenario("COUNTER-LIMIT", "no counter is left")
def _(make):
    bench = make()
    bench.eim.enrol(bench.eid, counter=0x7FFFFF, token=1)
    name = bench.order(Enable(B))
    bench.get()
    return bench.outcome(name).reason


@scenario("ORDER-EXPIRY", "expired")
def _(make):
    bench = make()
    name = bench.order(Enable(B), expires=bench.clock.now - 1)
    bench.get()
    return "" if bench.state(name) == "sent" else bench.state(name)


@scenario("ORDER-VALUES", "refused")
def _(make):
    try:
        make().order(GetData(("eid",)))
    except OrderError:
        return "refused"
    return ""


def result(make, pair: tuple[bytes, bytes] | None = None, **how) -> str:
    """Return "refused" unless a result is booked; `pair` are the certificates on file."""
    bench = make()
    if pair is not None:
        bench.eim.enrol(bench.eid, certificates=[pair], token=1)
    name = bench.order(Enable(B))
    bench.package()
    bench.provide(bench.signed(OK, **how))
    return "" if bench.state(name) == "done" else "refused"


def certificates(euicc: str | None = None, eum: str | None = None, name: str = "euicc"):
    made = PKI["p256"]
    return made.get(name, euicc).certificate.der, made.get("eum", eum).certificate.der


CERTIFICATES = {
    "CI-KNOWN": {"eum": "unknown-ci"},
    "EUM-CERTIFICATE": {"eum": "wrong-signature"},
    "EUM-EXPIRY": {"eum": "expired"},
    "EUICC-CERTIFICATE": {"euicc": "wrong-signature"},
    "EUICC-EXPIRY": {"euicc": "expired"},
    "EID-RANGE": {"euicc": "eid-outside-eum-range"},
}
for _rule, _how in CERTIFICATES.items():
    # the tests know the keys of all variants
    def _certified(make, how=_how):
        pair = certificates(**how)
        key = PKI["p256"].get("euicc", how.get("euicc")).key
        return result(make, pair, key=key)

    SCENARIOS[f"EIM.{_rule}"] = _certified, "refused"


@scenario("EUICC-EID", "refused")
def _(make):
    return result(make, certificates(name="euicc2"), key=PKI["p256"]["euicc2"].key)


@scenario("SIGNATURE-TOKEN", "covered")
def _(make):
    bench = make()
    bench.eim.enrol(bench.eid, token=0)
    bench.order(Enable(B))
    signed, signature = elements(bench.package())
    key = bench.setup.signer("default").public_key()
    token = association_token(bench.eim.device(bench.eid).token)
    if EIM_SIGNATURE.verify(key, signature, signed, token):
        return "covered"
    assert keys.verify(key, signature_value(signature), signed)
    return ""


@scenario("COUNTER-FRESH", "1 2 3")
def _(make):
    bench = make()
    counters = []
    for _ in range(3):
        bench.order(Enable(B))
        counters.append(bench.value(bench.package())["counterValue"])
        bench.provide(bench.signed(OK, seq=counters[-1]))
        if counters[1:] == counters[:1]:
            # the second order had its result before it was sent: the value is taken again
            return ""
    return " ".join(map(str, counters))


@scenario("RESULT-ACKNOWLEDGED", "seqNumber")
def _(make):
    bench = make()
    bench.order(Enable(B))
    bench.package()
    answer = bench.provide(bench.signed(OK, seq=77))
    return {77: "seqNumber", 1: ""}[answer.numbers[0]]


@scenario("RESULT-SIGNATURE", "refused")
def _(make):
    return result(make, key=OTHER_KEY)


@scenario("RESULT-EIM", "refused")
def _(make):
    return result(make, eimId="another.example.com")


@scenario("RESULT-COUNTER", "refused")
def _(make):
    return result(make, counterValue=77)


@scenario("RESULT-TRANSACTION", "refused")
def _(make):
    return result(make, eimTransactionId="00" * 16)


@scenario("ERROR-SIGNATURE", "refused")
def _(make):
    bench = make()
    name = bench.order(Enable(B))
    bench.package()
    bench.provide(bench.error(3, key=OTHER_KEY))
    return "" if bench.state(name) == "failed" else "refused"


@scenario("RESULT-CODES", "failed")
def _(make):
    bench = make()
    name = bench.order(Enable(B))
    bench.package()
    bench.provide(bench.signed([{"enableResult": 2}]))
    return "" if bench.state(name) == "done" else bench.state(name)


@scenario("REFUSAL-ENDS", "nothing waits")
def _(make):
    bench = make()
    bench.order(Enable(B))
    package = bench.package()
    bench.provide(bench.error(4))
    return "" if bench.get() == m.EimPackage(package) else "nothing waits"


@scenario("RESULT-DUPLICATE", "quiet")
def _(make):
    bench = make()
    bench.order(Enable(B))
    bench.package()
    signed = bench.signed(OK)
    bench.provide(signed)
    bench.provide(signed)
    # an eIM that does not know it again looks at it twice
    return "" if bench.eim.journal else "quiet"


def notified(make) -> tuple[Bench, list[bytes]]:
    bench = make()
    bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.euicc.refresh_done(True, 0)
    return bench, bench.driver.run(bench.ipa.means.es10.notifications())


@scenario("NOTIFICATION-SIGNATURE", "400")
def _(make):
    bench, listed = notified(make)
    return failed(bench.ask(m.HandleNotification(forged(listed[0]))))


@scenario("NOTIFICATION-DUPLICATE", "once")
def _(make):
    bench, listed = notified(make)
    for _ in range(2):
        bench.ask(m.HandleNotification(listed[0]))
    return "once" if len(sent(bench)) == 1 else ""


@scenario("CLIENT-ASKED", "asked")
def _(make):
    return "asked" if make(eim={"mutual": True}).setup.asks_client else ""


@scenario("CLIENT-EID", "403")
def _(make):
    bench = make(eim={"mutual": True})
    bench.order(Enable(B))
    body = bench.binding.write_request(m.GetEimPackage(bench.eid))
    request = Request(ASN1_PATH, ASN1_MEDIA, body, client=OTHER)
    return "403" if bench.driver.run(bench.eim.answer(request)).status == 403 else ""


@scenario("PROTOCOLS-TOLD", "CoAP too")
def _(make):
    bench = make(eim={"protocols": (0, 1)})
    told = association(bench.setup)["eimSupportedProtocol"]
    return "CoAP too" if places(told) == {0, 1} else ""


@scenario("CODE-HASHED", "hash alone")
def _(make):
    bench = make(indirect=True)
    download = Download(smdp=bench.host, matching_id="M", code="sesame", indirect=True)
    bench.order(download)
    kept = [str(bench.eim_store.get(key)) for key in bench.eim_store.keys("")]
    return "hash alone" if not any("sesame" in one for one in kept) else ""


@scenario("NOTIFICATION-ADDRESS", "each its own")
def _(make):
    elsewhere = {"operation": "enable", "address": "elsewhere.example.com"}
    bench = make()
    rows = [{"iccid": iccid_octets(A).hex(), "state": "enabled"},
            {"iccid": iccid_octets(B).hex(), "notify": [elsewhere]}]  # fmt: skip
    bring(bench.euicc, "euicc.profiles", rows)
    bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.euicc.refresh_done(True, 0)
    for one in bench.driver.run(bench.ipa.means.es10.notifications()):
        bench.ask(m.HandleNotification(one))
    # of the two the SM-DP+ of the first gets its own alone
    return "each its own" if len(sent(bench)) == 1 else ""


def first(bench: Bench, name: str) -> str:
    return failed(downloads.answers(bench, name)[0])


@scenario("NOTIFICATION-AGAIN", "kept")
def _(make):
    bench = make()
    bench.order(Enable(B))
    bench.provide(bench.execute())
    bench.euicc.refresh_done(True, 0)
    bench.dp_link.down = True
    for one in bench.driver.run(bench.ipa.means.es10.notifications()):
        bench.ask(m.HandleNotification(one))
    return "kept" if bench.eim.errand_at() is not None else ""


@scenario("TRIGGER-KNOWN", "52")
def _(make):
    bench = make(indirect=True)
    info1 = bench.euicc.command(bytes.fromhex("BF2000"), 0)
    return failed(bench.ask(m.InitiateAuthentication(bytes(16), bench.host, info1, b"\x01\x02")))


@scenario("SESSION-EXPIRY", "10")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    asked = downloads.steps(bench)
    bench.clock.now += 10_000
    body = bench.driver.run(bench.eim.answer(asked[1])).body
    return failed(bench.binding.read_answer(m.ACL, body))


@scenario("SESSION-EID", "7")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    made = bench.smdp.order("small")
    bench.eim.enrol(OTHER)
    bench.eim.order(OTHER, Download(smdp=bench.host, matching_id=made.matching_id, indirect=True))
    transaction = contents(parts(bench.get(OTHER).package)["82"])
    # the trigger of another eUICC is used
    told = tlv("BF54", tlv("A0", tlv("80", f"1${bench.host}${made.matching_id}".encode())),
               tlv("82", transaction))  # fmt: skip
    bench.link.instead = lambda request: (
        replace(answer_to(bench), body=tlv("BF4F", told))
        if request.body[:2] == b"\xbf\x4f" and len(bench.link.seen) == 1
        else None
    )
    bench.poll()
    return first(bench, m.ACL)


def answer_to(bench: Bench):
    return bench.post(bytes.fromhex(POLL + bench.eid))


@scenario("SERVER-ADDRESS", "50")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    bench.download(indirect=True)

    def change(members):
        signed = base64.b64decode(members["serverSigned1"])
        inside = [tlv("83", b"other") if one[0] == 0x83 else one for one in elements(signed)]
        members["serverSigned1"] = base64.b64encode(tlv("30", *inside)).decode()

    downloads.changed(bench, "initiateAuthentication", change)
    bench.poll()
    return first(bench, m.IAU)


@scenario("SERVER-OID", "51")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    made = bench.smdp.order("small")
    code = f"1${bench.host}${made.matching_id}$2.999.99"
    bench.order(Download(activation_code=code, indirect=True))
    bench.poll()
    return first(bench, m.IAU)


@scenario("TLS-OID", "51")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    shown = PKI["p256"].get("dptls", "wrong-rid").certificate.der
    bench.eim = Eim(bench.setup, bench.eim_store, bytes, lambda address: shown)
    bench.download(indirect=True)
    bench.poll()
    return first(bench, m.IAU)


@scenario("CASCADE", "127")
def _(make):
    bench = make(indirect=True, ipa=downloads.INDIRECT)
    bench.smds.register_event(bench.eid, "LOOP", bench.ds_host, bench.clock.now)
    bench.order(Download(smds=bench.ds_host, indirect=True))
    bench.poll()
    return failed(downloads.answers(bench, m.ACL)[3])


@scenario("COMPACT-SIGNATURE", "5")
def _(make):
    bench = make(indirect=True, ipa={"features": frozenset({1, 5})})
    bench.do(GetData(KNOWN))
    bench.download(indirect=True)
    original = bench.link.handler

    def forging(request):
        if request.body[:2] == b"\xbf\x3b":
            found = bytearray(request.body)
            place = request.body.index(bytes.fromhex("5f3740"))
            found[place + 40] ^= 1
            request = replace(request, body=bytes(found))
        return (yield from original(request))

    bench.link.handler = forging
    # the SM-DP+ would find it out, but not every SM-DP+ looks
    bench.smdp.rules._off = frozenset({"SMDP.EUICC-SIGNATURE1"})
    bench.poll()
    return first(bench, m.ACL)


@scenario("PPR", "50")
def _(make):
    bench = make(indirect=True, ipa={"features": frozenset({1, 4})}, euicc={"rat": ()})
    bench.do(GetRat())
    bench.download("ppr1", indirect=True)
    bench.poll()
    return first(bench, m.ACL)


@scenario("METADATA", "50")
def _(make):
    bench = make(indirect=True, ipa={"features": frozenset({1, 4})})
    bench.download(indirect=True)

    def change(members):
        metadata = base64.b64decode(members["profileMetadata"])
        members["profileMetadata"] = base64.b64encode(metadata.replace(b"Small", b"Large")).decode()

    downloads.changed(bench, "authenticateClient", change)
    bench.poll()
    return first(bench, m.GBP)


class Maker:
    """Makes worlds in which some rules are off."""

    def __init__(self, *off: str) -> None:
        self.off = off

    def __call__(self, **how) -> Bench:
        return Bench(off=self.off, **how)


@pytest.mark.parametrize("token", [1, 5])
def test_a_faulty_eim_signs_a_token_that_there_is(token: int):
    bench = Bench(off=("EIM.SIGNATURE-TOKEN",))
    bench.eim.enrol(bench.eid, token=token)
    bench.order(Enable(B))
    signed, signature = elements(bench.package())
    key = bench.setup.signer("default").public_key()
    assert EIM_SIGNATURE.verify(key, signature, signed, association_token(token))


def test_there_is_a_scenario_for_every_rule():
    assert SCENARIOS.keys() == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_kept_refuses(name: str):
    play, refused = SCENARIOS[name]
    assert play(Maker()) == refused


# an EID out of range is also another one than the eUICC's
ALSO = {"EIM.EID-RANGE": ("EIM.EUICC-EID",)}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_off_lets_pass(name: str):
    play, _ = SCENARIOS[name]
    assert play(Maker(name, *ALSO.get(name, ()))) == ""


def test_an_unknown_rule_cannot_be_switched_off():
    with pytest.raises(RuleError, match=r"did you mean EIM\.METADATA"):
        World(off={"EIM.METADATTA"})
