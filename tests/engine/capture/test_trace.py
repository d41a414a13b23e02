from __future__ import annotations

import pytest
from trace_helpers import datagram, message, one, rules, session

from sgprobe.engine.capture.row import Rows
from sgprobe.events import Verdict, worst

PASS, FAIL, NONE = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE
INCONCLUSIVE = Verdict.INCONCLUSIVE

AGAIN = """
- name: the IPA asks again for what it lost
  when: $loss.drop
  where: {from: ipa, coap.block2.num: <any>}
  some: {coap.block2.num: <seen before>}
"""
BACK_OFF = """
- where: {from: ipa, coap.type: CON, coap.retransmission: true}
  every: {coap.back-off: <2 s..48 s>}
"""


def blocks(*numbers: int) -> list:
    return [datagram(at, type="CON", block2_num=n) for at, n in enumerate(numbers, 1)]


def test_what_was_lost_is_asked_for_again() -> None:
    assert one(AGAIN, blocks(0, 1, 1, 2), loss_drop=["2"]).verdict is PASS
    told = one(AGAIN, blocks(0, 1, 2), loss_drop=["2"])
    assert told.verdict is FAIL
    assert "not in an earlier row" in told.text


def test_seen_before_means_the_same_selection() -> None:
    rows = [datagram(1, block2_num=1, **{"from": "eim"}), datagram(2, block2_num=1)]
    assert one(AGAIN, rows, loss_drop=["2"]).verdict is FAIL


def test_a_rule_whose_when_is_not_there_is_skipped_and_checks_nothing() -> None:
    told = one(AGAIN, blocks(0, 1, 2))
    assert (told.verdict, told.checks, told.skipped) == (NONE, 0, True)
    assert "there is no $loss.drop here" in told.text


def test_the_back_off_is_a_time() -> None:
    first = datagram(1, type="CON", retransmission=False)
    rows = [first]
    rows += [
        datagram(n, type="CON", retransmission=True, **{"back-off": wait})
        for n, wait in ((2, 2.4), (5, 4.8))
    ]
    told = one(BACK_OFF, rows)
    assert (told.verdict, told.checks) == (PASS, 2)
    early = datagram(9, type="CON", retransmission=True, **{"back-off": 0.4})
    told = one(BACK_OFF, [*rows, early])
    assert told.verdict is FAIL
    assert told.frames == (9,)
    assert "1 of 3 datagrams" in told.text
    assert "coap.back-off is 0.4, expected 2 s..48 s" in told.text
    assert "frame 9" in told.text
    assert told.difference is not None
    assert not told.difference.good


def test_every_over_nothing_is_no_check() -> None:
    told = one(BACK_OFF, [datagram(1, type="CON", retransmission=False)])
    assert (told.verdict, told.checks, told.skipped) == (NONE, 0, False)
    assert "nothing was checked" in told.text
    assert worst([told.verdict]) is not PASS


def test_never() -> None:
    rule = "- never: {coap.code: 4.08}"
    assert one(rule, [datagram(1, code="2.04")]).verdict is PASS
    told = one(rule, [datagram(1, code="2.04"), datagram(7, code="4.08")])
    assert (told.verdict, told.frames) == (FAIL, (7,))
    assert "coap.code is 4.08" in told.text


def test_never_is_a_check_only_where_something_was_looked_at() -> None:
    rule = "- never: {tls.version: <lower than 1.2>}"
    assert one(rule, []).checks == 0
    # a session of DTLS has no version of TLS: it says nothing
    told = one(rule, [session(1, "dtls", version="1.2"), message(2, "A")])
    assert (told.verdict, told.checks) == (NONE, 0)
    told = one(rule, [session(1, version="1.3")])
    assert (told.verdict, told.checks) == (PASS, 1)
    assert one(rule, [session(1, version="1.1")]).verdict is FAIL


def test_never_of_an_option_that_nobody_sent_is_a_check() -> None:
    assert one("- never: {coap.observe: <any>}", [datagram(1, code="2.04")]).checks == 1


@pytest.mark.parametrize(
    ("bounds", "number", "verdict"),
    [
        ("2", 2, PASS),
        ("1..3", 3, PASS),
        ("1..3", 4, FAIL),
        ("1..3", 0, FAIL),
        ("0", 0, PASS),
        ("0", 1, FAIL),
    ],
)
def test_count(bounds: str, number: int, verdict: Verdict) -> None:
    rows = [datagram(1, code="2.04")]
    rows += [datagram(at, code="0.02") for at in range(2, 2 + number)]
    told = one(f"- {{where: {{coap.code: 0.02}}, count: {bounds}}}", rows)
    assert told.verdict is verdict
    assert str(number) in told.text
    assert verdict is PASS or told.frames == tuple(range(2, 2 + number))


def test_in_order() -> None:
    rule = "- in-order: [{type: A}, {type: B}]"
    between = message(2, "C")
    assert one(rule, [message(1, "A"), between, message(3, "B")]).verdict is PASS
    told = one(rule, [message(1, "B"), between, message(3, "A")])
    assert told.verdict is FAIL
    assert "number 2 of 2 does not come after frame 3" in told.text


def test_one_row_is_not_two_of_an_order() -> None:
    assert one("- in-order: [{type: A}, {type: A}]", [message(1, "A")]).verdict is FAIL


def test_first_and_last() -> None:
    rows = [message(1, "A"), message(2, "B"), message(3, "A", **{"from": "eim"})]
    where = "where: {from: ipa}"
    assert one(f"- {{{where}, first: {{type: A}}}}", rows).verdict is PASS
    assert one(f"- {{{where}, first: {{type: B}}}}", rows).frames == (1,)
    assert one(f"- {{{where}, last: {{type: B}}}}", rows).verdict is PASS
    assert one(f"- {{{where}, last: {{type: A}}}}", rows).frames == (2,)


@pytest.mark.parametrize("word", ["some", "first", "last"])
def test_what_has_to_be_there_and_is_not(word: str) -> None:
    rule = f"- {{where: {{from: eim}}, {word}: {{type: A}}}}"
    assert one(rule, [message(1, "A")]).verdict is FAIL
    # a capture without any message says nothing about the product
    assert one(rule, [session(1)]).verdict is INCONCLUSIVE


def test_iut_is_the_role_under_test() -> None:
    rule = "- never: {from: iut, type: A}"
    rows = [message(1, "A", **{"from": "eim"})]
    assert one(rule, rows, role="ipa").verdict is PASS
    assert one(rule, rows, role="eim").verdict is FAIL
    with pytest.raises(ValueError, match="no role is given"):
        one(rule, rows, role="")


def test_names_decide_what_is_looked_at() -> None:
    rows = [datagram(1, code="0.02"), message(1, "A"), session(1, version="1.2")]
    assert one("- {where: {from: ipa}, count: 1}", rows).verdict is PASS
    assert one("- every: {coap.code: 0.02}", rows).checks == 1
    assert one("- every: {tls.version: 1.2}", rows).checks == 1
    assert one("- every: {type: A}", rows).checks == 1


def test_a_message_outside_of_tls_is_not_overlooked() -> None:
    rows = [message(1, "A", **{"tls.version": "1.3"}), message(2, "A")]
    rule = "- {where: {type: A}, every: {tls.version: 1.3}}"
    assert one(rule, rows).frames == (2,)


def test_members_of_a_message_by_the_end_of_their_path() -> None:
    value = {"list": [{"enable": {"iccid": "01"}}, {"enable": {"iccid": "02"}}]}
    rows = [message(1, "A", value)]
    assert one("- some: {value.iccid: 02}", rows).verdict is PASS
    assert one("- some: {value.enable.iccid: 02}", rows).verdict is PASS
    assert one("- some:\n    value.list[0].enable.iccid: 02", rows).verdict is FAIL
    assert one("- never: {value.iccid: 02}", rows).verdict is FAIL
    assert one("- every: {value.iccid: 02}", rows).verdict is FAIL
    assert one("- every: {value.iccid: '<one of 01, 02>'}", rows).verdict is PASS


def test_a_value_used_twice_is_found() -> None:
    rule = "- {where: {type: A}, never: {value.counter: <seen before>}}"
    assert one(rule, [message(n, "A", {"counter": n}) for n in (1, 2, 3)]).verdict is PASS
    rows = [message(n, "A", {"counter": n % 2}) for n in (1, 2, 3)]
    assert one(rule, rows).frames == (3,)


def test_lists_are_one_value() -> None:
    rows = [session(1, offered_ciphers=["X", "Y"], weak_ciphers=[])]
    assert one("- every: {tls.offered-ciphers: <contains Y>}", rows).verdict is PASS
    assert one("- every: {tls.offered-ciphers: <contains Z>}", rows).verdict is FAIL
    assert one("- every: {tls.weak-ciphers: <empty>}", rows).verdict is PASS
    assert one("- every: {tls.weak-ciphers: <empty>}", [session(1, weak_ciphers=["R"])]).frames


def test_a_name_without_a_value_judges_nobody() -> None:
    rule = "- {where: {type: A}, every: {value.eid: $eid}}"
    rows = [message(1, "A", {"eid": "89"})]
    assert one(rule, rows, eid="89").verdict is PASS
    told = one(rule, rows)
    assert told.verdict is INCONCLUSIVE
    assert "$eid has no value here" in told.text
    for word in ("some", "never", "first"):
        assert one(f"- {word}: {{value.eid: $eid}}", rows).verdict is INCONCLUSIVE
    assert one("- {where: {value.eid: $eid}, count: 1}", rows).verdict is INCONCLUSIVE


def test_what_was_left_out_passes_nothing() -> None:
    rows = Rows((datagram(1, code="2.04"),), left_out=3)
    told = one("- never: {coap.code: 4.08}", rows)
    assert told.verdict is INCONCLUSIVE
    assert "3 more rows" in told.text
    # what was seen stands
    assert one("- never: {coap.code: 2.04}", rows).verdict is FAIL
    assert one("- some: {coap.code: 2.04}", rows).verdict is PASS
    assert one("- some: {coap.code: 4.08}", rows).verdict is INCONCLUSIVE


def test_many_frames_are_cut_in_the_text_alone() -> None:
    rows = [datagram(n, code="4.08") for n in range(1, 31)]
    told = one("- never: {coap.code: 4.08}", rows)
    assert "(30 in all)" in told.text
    assert len(told.frames) == 30


def test_a_path_that_is_none_is_told_with_its_place() -> None:
    with pytest.raises(AssertionError, match="value.a..b"):
        rules("- never: {value.a..b: 1}")


def test_none_counted_where_there_was_nothing_to_count_is_no_check() -> None:
    rule = "- {where: {coap.code: 0.02}, count: 0}"
    assert one(rule, [message(1, "A")]).checks == 0
    assert one(rule, [datagram(1, code="2.04")]).checks == 1
