"""IPA eUICC data at the IPA: what is asked for, no more, under its tag, in its order. §2.11.1.2."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.peers.eim.operations import Enable, ListProfiles
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, parts, tag_of
from tests.peers.ipa.ipa_bench import Bench, tags
from tests.peers.world import B

ALL = ["81", "83", "84", "A0", "A2", "A5", "A6", "A8", "A9", "BF20", "BF22"]
FIRST = ["80", "83", "84", "A5", "A6", "A8", "A9", "BF20", "BF22", "BF2B"]


def asked(bench: Bench, *inside: bytes, tag_list: bytes) -> bytes:
    """Return the element in the answer to a data request."""
    bench.offer(tlv("BF52", tlv("5C", tag_list), *inside))
    assert bench.poll().ok
    result = bench.results()[-1]
    assert isinstance(result, m.DataResult), result
    return elements(result.result)[0]


def told(bench: Bench, *inside: bytes, tag_list: bytes) -> list[str]:
    answer = asked(bench, *inside, tag_list=tag_list)
    assert tag_of(answer) == "A0", answer.hex()
    return [tag_of(one) for one in elements(answer)]


@pytest.mark.parametrize(("version", "names"), [("1.0.1", FIRST), ("1.2", ALL), ("1.3", ALL)])
def test_everything_is_told_once_and_in_the_order_of_the_type(version, names):
    bench = Bench(version, euicc={"default_smdp": "dp.example.com"})
    found = told(bench, tag_list=tags([*names, *reversed(names)]))
    assert sorted(found) == sorted(names)
    answer = bench.results()[-1].result
    decoded = bench.binding.codec.decode("IpaEuiccDataResponse", answer)
    assert decoded.ok, decoded.findings


@pytest.mark.parametrize("name", ALL)
def test_only_what_is_asked_for_is_told(name):
    bench = Bench(euicc={"default_smdp": "dp.example.com"})
    assert told(bench, tag_list=bytes.fromhex(name)) == [name]


def test_what_is_not_there_is_left_out():
    bench = Bench(token=False)
    assert told(bench, tag_list=tags(["81", "84", "83"])) == ["83"]


@pytest.mark.parametrize(
    "names", [["BF7F"], ["5A"], ["BF2D"], ["BF22", "BF7F"], ["80"], ["87"], ["BF2B"]]
)
def test_a_tag_that_is_no_data(names):
    assert asked(Bench(), tag_list=tags(names)).hex() == "a103020101"


def test_a_tag_that_is_cut_off():
    assert asked(Bench(), tag_list=b"\xa8\xbf").hex() == "a103020101"


def test_an_empty_list_asks_for_nothing():
    assert told(Bench(), tag_list=b"") == []


def test_the_transaction_comes_back_in_data_and_in_errors():
    bench = Bench()
    transaction = tlv("83", b"\1\2\3")
    answer = asked(bench, transaction, tag_list=b"\x83")
    assert contents(parts(answer)["87"]) == b"\1\2\3"
    answer = asked(bench, transaction, tag_list=b"\x5a")
    assert answer == tlv("A1", tlv("80", b"\1\2\3"), tlv("02", b"\1"))


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("size", [20, 4, 1])
def test_the_ci_picks_the_certificates(curve, size):
    bench = Bench()
    place = 0 if curve == "p256" else 1
    identity = bench.euicc.chip.ecasd.identities[place]
    answer = asked(bench, tlv("04", identity.ci[:size]), tag_list=tags(["A5", "A6"]))
    found = parts(answer)
    assert b"\x30" + found["A6"][1:] == identity.certificate.der
    assert b"\x30" + found["A5"][1:] == identity.eum.der


@pytest.mark.parametrize("ci", [bytes(20), b""])
def test_a_ci_that_picks_none(ci):
    answer = asked(Bench(), tlv("04", ci), tag_list=tags(["A6"]))
    assert answer.hex() == "a103020105"


def busy(**how) -> Bench:
    """Return a world whose eUICC keeps two results and two notifications."""
    bench = Bench(**how)
    bench.dp_link.down = True
    for operation in (ListProfiles(), Enable(B)):
        bench.order(operation)
        package = bench.driver.run(bench.eim.perform(m.GetEimPackage(bench.eid))).package
        bench.euicc.command(package, 0)
        bench.eim.cancel(bench.eim.orders()[-1].id)
    bench.euicc.refresh_done(True, 0)
    assert bench.waiting() == (2, 2)
    return bench


@pytest.mark.parametrize(
    ("criteria", "count"),
    [(b"", 2), (tlv("A1", tlv("80", b"\x03")), 1), (tlv("A1", tlv("80", b"\x63")), 0),
     (tlv("A1", tlv("81", b"\x06\x40")), 1), (tlv("A1", tlv("81", b"\x07\x80")), 0)],
)  # fmt: skip
def test_notifications_are_picked(criteria, count):
    answer = asked(busy(), criteria, tag_list=b"\xa0")
    assert len(elements(parts(answer)["A0"])) == count


@pytest.mark.parametrize(
    ("criteria", "count"),
    [(b"", 2), (tlv("A2", tlv("80", b"\x01")), 1), (tlv("A2", tlv("80", b"\x63")), 0)],
)
def test_results_are_picked(criteria, count):
    answer = asked(busy(), criteria, tag_list=b"\xa2")
    assert len(elements(parts(answer)["A2"])) == count


def test_v1_tells_the_whole_answer_of_the_card():
    bench = busy(version="1.0.1")
    answer = asked(bench, tag_list=tags(["BF2B"]))
    both = elements(parts(answer)["BF2B"])[0]
    assert tag_of(both) == "A3"
    assert [len(elements(one)) for one in elements(both)] == [2, 2]
    answer = asked(bench, tlv("A1", tlv("82")), tag_list=tags(["BF2B"]))
    assert tag_of(elements(parts(answer)["BF2B"])[0]) == "A2"


@pytest.mark.parametrize(("version", "octets"), [("1.2", "a103020168"), ("1.0.1", "81017f")])
def test_nothing_is_told_during_an_emergency_call(version, octets):
    bench = Bench(version)
    bench.ipa.means.notebook.note(emergency=True)
    assert asked(bench, tag_list=tags(["BF22"])).hex() == octets


def test_a_card_that_fails_is_no_data():
    bench = Bench()
    bench.card.failing("BF22", 0x6F00)
    assert asked(bench, tag_list=tags(["BF22"])).hex() == "a10302017f"


def test_the_capabilities_are_what_the_ipa_can_do():
    bench = Bench(ipa={"features": frozenset({0, 1, 5}), "protocols": frozenset({0, 3})})
    answer = asked(bench, tag_list=b"\xa8")
    assert parts(answer)["A8"].hex() == "a808800202c481020490"


def test_acknowledgements_of_an_answer_are_followed():
    bench = busy()
    bench.offer(
        tlv("BF52", tlv("5C", b"\xa2")), answer=tlv("BF50", tlv("BF53", tlv("80", b"\x01")))
    )
    assert bench.poll().ok
    assert [one[-1] for one in bench.card.sent("BF30")][:1] == [1]
