"""The passive path: every application message once, whatever the link did to its datagrams."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from coap_net import Net, endpoint, lossy
from coap_sink import Entry, Sink, observe, told
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block, cut
from dissectors.link.coap.exchange import (
    Request,
    RequestArrived,
    RequestKnobs,
    Response,
    ResponseArrived,
    make_request,
    make_response,
    plan_upload,
)
from dissectors.link.coap.message import CoapMessage, encode, encode_raw
from dissectors.link.coap.observer import Observer
from dissectors.link.coap.server import ServerKnobs
from dissectors.link.coap.transfers import Budget, CoapTransfer, Limits
from dissectors.link.coap.transmission import MessageKnobs

PATH = opt.path_options("/gsma/rsp2/asn1")


def names(transfer: CoapTransfer) -> list[str]:
    return [item.code for item in transfer.findings]


def con(mid: int, token: bytes = b"t", payload: bytes = b"", code: int = 2, *extra: opt.Option):
    options = opt.sort((*PATH, *extra)) if code < 0x20 else opt.sort(extra)
    return encode(CoapMessage(codes.CON, code, mid, token, options, payload))


def ack(mid: int, code: int = 0, token: bytes = b"t", payload: bytes = b"", *extra: opt.Option):
    token = token if code else b""
    return encode(CoapMessage(codes.ACK, code, mid, token, opt.sort(extra), payload))


def block(number: int, num: int, more: bool, szx: int) -> opt.Option:
    return number, Block(num, more, szx).encode()


def test_a_piggybacked_exchange() -> None:
    sink = observe(
        [
            (1.0, "c", con(1, b"t", b"ask", 2, (12, b"\x2a"), (15, b"a=b"))),
            (1.5, "s", ack(1, 0x44, b"t", b"tell", (12, b"\x2a"))),
        ]
    )
    request, response = sink.transfers
    assert (request.code_text, request.type_name, request.path) == (
        "0.02",
        "CON",
        "/gsma/rsp2/asn1",
    )
    assert (request.queries, request.content_format, request.body) == (("a=b",), 42, b"ask")
    assert (request.frames, request.time, request.is_request) == ((1,), 1.0, True)
    assert (response.code_text, response.type_name, response.body) == ("2.04", "ACK", b"tell")
    assert (response.frames, response.time, response.is_request) == ((2,), 1.5, False)
    assert response.request is not None
    assert response.request.number == request.number
    assert response.path == "/gsma/rsp2/asn1"
    assert sink.problems == []


def test_a_separate_exchange_and_its_records() -> None:
    sink = observe(
        [
            (0.0, "c", con(1)),
            (2.5, "c", con(1)),
            (2.6, "s", ack(1)),
            (2.7, "s", ack(1)),
            (9.0, "s", con(900, b"t", b"late", 0x44)),
            (9.05, "s", con(900, b"t", b"late", 0x44)),
            (11.0, "s", con(900, b"t", b"late", 0x44)),
            (11.1, "c", ack(900)),
        ]
    )
    assert told(sink) == [("0.02", b""), ("2.04", b"late")]
    told_twice = [(r.duplicate, r.retransmission, r.transmission) for r in sink.records]
    related = [(r.first_frame, r.acknowledges, r.answers, r.separate) for r in sink.records]
    facts = [(*twice, *links) for twice, links in zip(told_twice, related, strict=True)]
    assert facts == [
        (False, False, 1, 1, None, None, False),
        (True, True, 2, 1, None, None, False),
        (False, False, 1, 3, 1, None, False),
        (True, False, 2, 3, 1, None, False),
        (False, False, 1, 5, None, 1, True),
        (True, False, 2, 5, None, 1, True),
        (True, True, 3, 5, None, 1, True),
        (False, False, 1, 8, 5, None, False),
    ]
    assert [r.back_off for r in sink.records] == [
        None,
        2.5,
        None,
        pytest.approx(0.1),
        None,
        pytest.approx(0.05),
        pytest.approx(1.95),
        None,
    ]
    assert sink.records[6].since_first == 2.0
    assert [r.transfer for r in sink.records] == [1, 1, None, None, 2, 2, 2, None]


def test_back_off_of_a_real_endpoint_doubles() -> None:
    net = Net(endpoint(4), endpoint(2), fate=lambda number, sender: [])
    net.client.request(make_request("/a"), "S", 0.0)
    net.run()
    records = observe(net.log).records
    waits = [r.back_off for r in records if r.retransmission]
    assert len(waits) == 4
    assert waits[0] is not None
    assert 2 <= waits[0] <= 3
    assert waits == pytest.approx([waits[0] * 2**n for n in range(4)])
    assert observe(net.log).problems == [("coap-unanswered", (1,))]


def test_blocks_both_ways_make_two_messages() -> None:
    body, answer = bytes(range(200)), bytes(range(250, 0, -1))
    net = Net(
        endpoint(1), endpoint(2), lambda event: make_response(0x44, answer, content_format=42)
    )
    net.client.request(
        make_request("/a", body, content_format=42), "S", 0.0, RequestKnobs(szx=2, ask_szx=2)
    )
    net.run()
    sink = observe(net.log)
    assert told(sink) == [("0.02", body), ("2.04", answer)]
    request, response = sink.transfers
    assert (request.frames, request.blocks) == ((1, 3, 5, 7), 4)
    assert (response.frames, response.blocks) == ((8, 10, 12, 14), 4)
    assert response.request is not None
    assert response.request.number == request.number
    assert (response.content_format, response.path) == (42, "/a")
    assert [r.transfer for r in sink.records] == [1] * 7 + [2] * 7
    assert [str(r.block1) for r in sink.records[:4]] == ["0/1/64"] * 2 + ["1/1/64"] * 2
    assert str(sink.records[8].block2) == "1/0/64"
    assert sink.problems == []
    assert not request.findings
    assert not response.findings


# Whatever happens on the way.


def conversation(seed: int, loss: float = 0.15) -> tuple[Net, list[tuple[str, bytes]]]:
    """Run a few exchanges over a bad link; return what the applications said."""
    rng = random.Random(seed)
    net = Net(
        endpoint(seed),
        endpoint(seed + 1, server_knobs=ServerKnobs(separate=seed % 3 == 0)),
        lambda event: make_response(0x44, rng.randbytes(rng.choice((0, 20, 700)))),
        lossy(seed, loss),
    )
    for number in range(4):
        szx = rng.choice((2, 4, 6))
        body = rng.randbytes(rng.choice((0, 30, 500)))
        knobs = RequestKnobs(szx=szx, ask_szx=szx)
        net.client.request(make_request(f"/{number % 2}", body), "S", net.now, knobs)
        net.run()
    said: list[tuple[str, bytes]] = [("0.02", r.request.body) for r in net.requests]
    said += [("2.04", e.response.body) for e in net.events if isinstance(e, ResponseArrived)]
    return net, sorted(said)


@pytest.mark.parametrize("seed", range(25))
def test_each_message_is_told_once_over_a_bad_link(seed: int) -> None:
    net, said = conversation(seed)
    sink = observe(net.log)
    whole = sorted((t.code_text, t.body) for t in sink.transfers if t.complete)
    for message in said:
        assert message in whole
        whole.remove(message)
    # The rest was sent and lost for good: the receiver never had it, the capture has.
    failed = sum(not isinstance(e, ResponseArrived) for e in net.events if hasattr(e, "failure"))
    assert len(whole) <= 2 * failed
    numbers = [t.number for t in sink.transfers]
    assert len(set(numbers)) == len(numbers)
    assert len(sink.records) == len(net.log)


@pytest.mark.parametrize("where", ["c", "s"])
def test_each_message_is_told_once_wherever_the_capture_was_taken(where: str) -> None:
    for seed in range(12):
        net, _ = conversation(seed, loss=0.05)
        other = "s" if where == "c" else "c"
        arrived = [(at, other, data) for at, name, data in net.arrived if name == where]
        entries = sorted([e for e in net.log if e[1] == where] + arrived, key=lambda e: e[0])
        sink = observe(entries)
        whole = [(t.code_text, t.body) for t in sink.transfers if t.complete]
        if where == "s":
            wanted = [("0.02", r.request.body) for r in net.requests]
        else:
            wanted = [("2.04", e.response.body) for e in net.events if hasattr(e, "response")]
        for message in wanted:
            assert message in whole
            whole.remove(message)


def test_order_is_that_of_completion() -> None:
    whole = bytes(40)
    sink = observe(
        [
            (0.0, "c", con(1, b"a", whole[:16], 2, block(27, 0, True, 0), (15, b"x"))),
            (0.1, "c", con(2, b"b", b"quick")),
            (0.2, "s", ack(2, 0x44, b"b")),
            (0.3, "s", ack(1, 0x5F, b"a", b"", block(27, 0, True, 0))),
            (0.4, "c", con(3, b"a", whole[16:32], 2, block(27, 1, True, 0), (15, b"x"))),
            (0.5, "s", ack(3, 0x5F, b"a", b"", block(27, 1, True, 0))),
            (0.6, "c", con(4, b"a", whole[32:], 2, block(27, 2, False, 0), (15, b"x"))),
            (0.7, "s", ack(4, 0x44, b"a", b"", block(27, 2, False, 0))),
        ]
    )
    assert told(sink) == [("0.02", b"quick"), ("2.04", b""), ("0.02", whole), ("2.04", b"")]
    assert [t.number for t in sink.transfers] == [2, 3, 1, 4]


def test_answer_captured_before_its_question() -> None:
    sink = observe([(0.0, "s", ack(1, 0x44, b"t", b"tell")), (0.0001, "c", con(1, b"t", b"ask"))])
    assert told(sink) == [("0.02", b"ask"), ("2.04", b"tell")]
    assert sink.transfers[1].request is not None
    assert sink.problems == []


def test_answer_to_a_request_before_the_capture_is_not_given_to_the_next() -> None:
    """A client that keeps its token: the capture starts between its request and the answer."""
    for pause in (0.2, 2.0):
        sink = observe(
            [
                (0.0, "s", ack(1, 0x44, b"t", b"old")),
                (0.1, "c", con(2, b"t", b"ask")),
                (0.1 + pause, "c", con(3, b"other", b"")),
                (9.0, "s", ack(2, 0x44, b"t", b"new")),
            ]
        )
        answers = {t.body: t.request for t in sink.transfers if not t.is_request}
        assert answers[b"old"] is None
        assert answers[b"new"] is not None


def test_neighbours_swapped_in_one_direction() -> None:
    body = bytes(range(100))
    net = Net(endpoint(1), endpoint(2), lambda event: Response(0x44, (), body[::-1]))
    net.client.request(make_request("/a", body), "S", 0.0, RequestKnobs(szx=1, ask_szx=1))
    net.run()
    for side in "cs":
        places = [n for n, entry in enumerate(net.log) if entry[1] == side]
        for first, second in zip(places[::2], places[1::2], strict=False):
            entries = list(net.log)
            entries[first], entries[second] = entries[second], entries[first]
            sink = observe(entries)
            assert sorted(told(sink)) == sorted([("0.02", body), ("2.04", body[::-1])])
            assert all(t.complete for t in sink.transfers)


def test_only_one_direction_was_captured() -> None:
    body = bytes(range(100))
    net = Net(endpoint(1), endpoint(2), lambda event: Response(0x44, (), body[::-1]))
    net.client.request(make_request("/a", body), "S", 0.0, RequestKnobs(szx=1, ask_szx=1))
    net.run()
    up = observe([e for e in net.log if e[1] == "c"])
    assert [t for t in told(up) if t[1]] == [("0.02", body)]
    down = observe([e for e in net.log if e[1] == "s"])
    response = down.transfers[-1]
    assert response.body == body[::-1]
    assert response.request is None
    assert "coap-request-unseen" in names(response)


def test_non_confirmable_exchange() -> None:
    ask = encode(CoapMessage(codes.NON, codes.POST, 1, b"t", PATH, b"ask"))
    tell = encode(CoapMessage(codes.NON, codes.CHANGED, 9, b"t", (), b"tell"))
    sink = observe([(0.0, "c", ask), (0.1, "c", ask), (0.2, "s", tell), (0.3, "s", tell)])
    assert told(sink) == [("0.02", b"ask"), ("2.04", b"tell")]
    assert [r.duplicate for r in sink.records] == [False, True, False, True]
    assert not any(r.retransmission or r.separate for r in sink.records)


def test_both_ends_ask_under_the_same_ids_and_tokens() -> None:
    sink = observe(
        [
            (0.0, "c", con(1, b"t", b"up")),
            (0.1, "s", con(1, b"t", b"down")),
            (0.2, "s", ack(1, 0x44, b"t", b"up done")),
            (0.3, "c", ack(1, 0x44, b"t", b"down done")),
        ]
    )
    assert [(t.side, t.body) for t in sink.transfers] == [
        (0, b"up"),
        (1, b"down"),
        (1, b"up done"),
        (0, b"down done"),
    ]
    assert [t.request.number for t in sink.transfers[2:] if t.request] == [1, 2]


def test_token_used_again_for_the_next_request() -> None:
    entries: list[Entry] = []
    for number in range(5):
        entries.append((number, "c", con(number, b"", b"ask%d" % number)))
        entries.append((number + 0.5, "s", ack(number, 0x44, b"", b"tell%d" % number)))
    sink = observe(entries)
    assert [t.body for t in sink.transfers[1::2]] == [b"tell%d" % n for n in range(5)]
    assert [t.request.number for t in sink.transfers[1::2] if t.request] == [1, 3, 5, 7, 9]
    assert sink.problems == []


def test_message_id_used_again() -> None:
    late = observe([(0.0, "c", con(1, b"a")), (300.0, "c", con(1, b"a"))])
    assert len(late.transfers) == 2
    assert names(late.transfers[1]) == []
    early = observe([(0.0, "c", con(1, b"a")), (1.0, "c", con(1, b"b"))])
    assert names(early.transfers[1]) == ["coap-mid-reused"]


def test_response_sent_twice_under_two_ids() -> None:
    same = [(0.0, "c", con(1)), (0.1, "s", ack(1))]
    first = (1.0, "s", con(901, b"t", b"x", 0x44))
    sink = observe([*same, first, (2.0, "s", con(902, b"t", b"x", 0x44))])
    assert told(sink) == [("0.02", b""), ("2.04", b"x")]
    assert sink.problems == [("coap-response-again", (4,))]
    sink = observe([*same, first, (2.0, "s", con(902, b"t", b"y", 0x44))])
    assert told(sink) == [("0.02", b""), ("2.04", b"x"), ("2.04", b"y")]
    assert names(sink.transfers[2]) == ["coap-response-other"]


def test_notifications_are_messages_of_their_own() -> None:
    get = encode(CoapMessage(codes.CON, codes.GET, 1, b"t", ((6, b""), *PATH)))
    entries = [(0.0, "c", get)]
    for number in range(3):
        note = CoapMessage(
            codes.NON, 0x45, 50 + number, b"t", ((6, bytes((number + 1,))),), b"same"
        )
        entries.append((1.0 + number, "s", encode(note)))
    sink = observe(entries)
    assert [t.body for t in sink.transfers] == [b"", b"same", b"same", b"same"]
    assert all(t.request is not None for t in sink.transfers[1:])
    assert not any(names(t) for t in sink.transfers)


def test_reset_and_ping() -> None:
    ping, pong = (encode(CoapMessage(kind, 0, 5)) for kind in (codes.CON, codes.RST))
    sink = observe(
        [
            (0.0, "c", ping),
            (0.1, "s", pong),
            (0.2, "c", con(6)),
            (0.3, "s", encode(CoapMessage(codes.RST, 0, 6))),
        ]
    )
    assert sink.problems == [("coap-request-reset", (4,))]
    assert [r.acknowledges for r in sink.records] == [None, 1, None, 3]


def test_wrong_token_in_an_ack() -> None:
    sink = observe([(0.0, "c", con(1, b"good")), (0.1, "s", ack(1, 0x44, b"evil", b"x"))])
    assert names(sink.transfers[1]) == ["coap-token-differs"]
    assert sink.transfers[1].request is not None


# Blocks that go wrong.


def uploaded(*blocks: tuple[int, bool, bytes], answer: int = 0x44) -> list[Entry]:
    entries: list[Entry] = []
    for mid, (num, more, payload) in enumerate(blocks):
        token = bytes((mid,))
        data = con(mid, token, payload, 2, block(27, num, more, 0))
        entries.append((float(mid), "c", data))
        code = 0x5F if more else answer
        entries.append((mid + 0.5, "s", ack(mid, code, token, b"", block(27, num, more, 0))))
    return entries


def pieces(body: bytes) -> list[tuple[int, bool, bytes]]:
    return [
        (b.num, b.more, payload)
        for b, payload in (cut(body, n, 0) for n in range(-(-len(body) // 16)))
    ]


def test_repeated_block_under_a_new_id() -> None:
    body = bytes(range(40))
    one, two, three = pieces(body)
    sink = observe(uploaded(one, two, two, three))
    assert told(sink) == [("0.02", body), ("2.04", b"")]
    assert names(sink.transfers[0]) == ["coap-block-repeated"]


def test_block_that_never_came_is_named() -> None:
    body = bytes(range(64))
    one, _, three, four = pieces(body)
    sink = observe(uploaded(one, three, four, answer=0x88))
    request, response = sink.transfers
    assert (request.complete, request.missing, request.body) == (False, ((16, 32),), body[:16])
    assert "coap-block-incomplete" in names(request)
    assert (response.code_text, response.complete) == ("4.08", True)
    assert response.request is not None
    assert response.request.number == request.number


def test_upload_cut_off_by_the_end_of_the_capture() -> None:
    body = bytes(range(64))
    sink = observe(uploaded(*pieces(body)[:2]))
    (request,) = sink.transfers
    assert (request.missing, request.body) == (((32, None),), body[:32])
    assert request.findings[-1].text == "missing: bytes 32 to the end"
    assert sink.problems == []


def test_unanswered_block_is_part_of_what_is_missing() -> None:
    sink = observe(uploaded(*pieces(bytes(64))[:2])[:-1])
    assert [t.complete for t in sink.transfers] == [False]
    assert sink.problems == []


def test_frames_name_the_retransmissions_too() -> None:
    entries = uploaded(*pieces(bytes(40)))
    entries.insert(3, (1.9, "c", entries[2][2]))
    assert observe(entries).transfers[0].frames == (1, 3, 4, 6)


def test_restarted_upload_is_two_messages() -> None:
    old, new = bytes(64), bytes(range(64))
    sink = observe(uploaded(*pieces(old)[:2], *pieces(new)))
    assert [(t.complete, t.body) for t in sink.transfers] == [
        (False, old[:32]),
        (True, new),
        (True, b""),
    ]
    assert "coap-block-restarted" in names(sink.transfers[0])


def test_early_error_ends_the_upload() -> None:
    entries = uploaded(*pieces(bytes(64))[:2])
    entries[-1] = (9.0, "s", ack(1, 0x8D, b"\1"))
    sink = observe(entries)
    assert [(t.code_text, t.complete) for t in sink.transfers] == [("0.02", False), ("4.13", True)]


def test_last_block_again_after_the_end() -> None:
    body = bytes(range(40))
    sink = observe([*uploaded(*pieces(body)), (9.0, "c", con(77, b"z", *again(body)))])
    assert told(sink) == [("0.02", body), ("2.04", b"")]
    assert ("coap-block-repeated", (7,)) in sink.problems


def again(body: bytes) -> tuple[bytes, int, opt.Option]:
    num, more, payload = pieces(body)[-1]
    return payload, 2, block(27, num, more, 0)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ((1, True, bytes(15)), "coap-block-size"),
        ((1, True, bytes(17)), "coap-block-size"),
        ((0, True, b"x" * 16), "coap-block-restarted"),
        ((2, True, bytes(16)), "coap-block-order"),
    ],
)
def test_odd_blocks_are_named(wrong: tuple[int, bool, bytes], code: str) -> None:
    sink = observe(uploaded((0, True, bytes(16)), wrong))
    assert code in names(sink.transfers[0])


def test_reserved_exponent_is_named() -> None:
    sink = observe([(0.0, "c", con(1, b"t", b"x", 2, block(27, 0, False, 7)))])
    assert names(sink.transfers[0]) == ["coap-block-szx"]


def downloaded(*answers: tuple[int, bool, bytes, bytes]) -> list[Entry]:
    entries: list[Entry] = []
    for mid, (num, more, payload, etag) in enumerate(answers):
        token = bytes((mid,))
        asks = (block(23, num, False, 0),) if mid else ()
        entries.append((float(mid), "c", con(mid, token, b"", 2, *asks)))
        options = (block(23, num, more, 0), (4, etag))
        entries.append((mid + 0.5, "s", ack(mid, 0x45, token, payload, *options)))
    return entries


def test_etag_that_changes_midway_gives_no_mixed_body() -> None:
    old, new = bytes(48), b"x" * 48
    sink = observe(
        downloaded(
            (0, True, old[:16], b"1"), (1, True, new[16:32], b"2"), (2, False, new[32:], b"2")
        )
    )
    responses = [t for t in sink.transfers if not t.is_request]
    assert [(t.complete, t.missing) for t in responses] == [
        (False, ((16, None),)),
        (False, ((0, 16),)),
    ]
    assert "coap-etag-changed" in names(responses[0])


def test_new_download_is_not_mixed_with_one_that_was_left() -> None:
    old, new = bytes(48), b"x" * 16 + bytes(16) + b"y" * 16
    blocks = [(n, n < 2, body[16 * n : 16 * n + 16]) for body in (old, new) for n in range(3)]
    entries: list[Entry] = []
    for mid, (num, more, payload) in enumerate([*blocks[:2], *blocks[3:]]):
        token = bytes((mid,))
        asks = (block(23, num, False, 0),) if num else ()
        entries.append((float(mid), "c", con(mid, token, b"", 2, *asks)))
        entries.append((mid + 0.5, "s", ack(mid, 0x45, token, payload, block(23, num, more, 0))))
    sink = observe(entries)
    assert [(t.code_text, t.complete, t.body) for t in sink.transfers] == [
        ("0.02", True, b""),
        ("0.02", True, b""),
        ("2.05", False, old[:32]),
        ("2.05", True, new),
    ]
    assert [t.request.number for t in sink.transfers[2:] if t.request] == [1, 3]


def test_download_ended_by_an_error() -> None:
    entries = downloaded((0, True, bytes(16), b"1"), (1, True, bytes(16), b"1"))
    entries[-1] = (9.0, "s", ack(1, 0x88, b"\1"))
    sink = observe(entries)
    assert [(t.code_text, t.complete) for t in sink.transfers] == [
        ("0.02", True),
        ("2.05", False),
        ("4.08", True),
    ]
    assert [t.request.number for t in sink.transfers[1:] if t.request] == [1, 1]


def test_later_block_asked_without_a_download() -> None:
    asks = (0.0, "c", con(1, b"t", b"", 2, block(23, 9, False, 2)))
    refused = observe([asks, (0.1, "s", ack(1, 0x80, b"t"))])
    assert told(refused) == [("0.02", b""), ("4.00", b"")]
    given_ = observe([asks, (0.1, "s", ack(1, 0x45, b"t", b"end", block(23, 9, False, 2)))])
    assert [(t.code_text, t.missing) for t in given_.transfers] == [
        ("0.02", ()),
        ("2.05", ((0, 576),)),
    ]
    assert observe([asks]).problems == [("coap-unanswered", (1,))]


def test_last_block_asked_twice() -> None:
    entries = downloaded((0, True, bytes(16), b"1"), (1, False, b"end", b"1"))
    entries.append((5.0, "c", con(7, b"z", b"", 2, block(23, 1, False, 0))))
    entries.append((5.1, "s", ack(7, 0x45, b"z", b"end", block(23, 1, False, 0), (4, b"1"))))
    sink = observe(entries)
    assert [t.code_text for t in sink.transfers] == ["0.02", "2.05"]
    assert sink.problems == [("coap-block-repeated", (6,))]


def test_announced_size_is_compared() -> None:
    entries = uploaded(*pieces(bytes(40)))
    entries[0] = (0.0, "c", con(0, b"\0", bytes(16), 2, block(27, 0, True, 0), (60, b"\x30")))
    assert names(observe(entries).transfers[0]) == ["coap-size-differs"]


def test_block1_kept_in_the_download_is_named() -> None:
    """Some clients do it; the download goes on all the same."""
    entries = downloaded((0, True, bytes(16), b"1"), (1, False, b"end", b"1"))
    both = (block(23, 1, False, 0), block(27, 0, False, 0))
    entries[2] = (1.0, "c", con(1, b"\1", b"", 2, *both))
    sink = observe(entries)
    assert [t.code_text for t in sink.transfers] == ["0.02", "2.05"]
    assert sink.problems == [("coap-block1-kept", (3,))]


# Malformed and hostile.


def test_malformed_messages_are_told_with_their_fault() -> None:
    broken = encode_raw(CoapMessage(0, 2, 1, b"t", PATH), marker=True)
    nine = encode_raw(CoapMessage(0, 2, 2, b"123456789", PATH, b"x"))
    sink = observe([(0.0, "c", broken), (0.1, "c", nine), (0.2, "c", b"\x40"), (0.3, "c", b"")])
    assert [(t.complete, t.path, names(t)) for t in sink.transfers] == [
        (False, "/gsma/rsp2/asn1", ["coap-empty-payload"]),
        (False, "/gsma/rsp2/asn1", ["coap-token-length"]),
    ]
    assert sink.problems == [("coap-short", (3,)), ("coap-short", (4,))]
    assert len(sink.records) == 4


def test_unanswered_requests_are_named_and_no_response_is_honoured() -> None:
    quiet = con(2, b"q", b"", 2, (opt.NO_RESPONSE, b"\x1a"))
    sink = observe([(0.0, "c", con(1, b"t")), (0.1, "c", quiet)])
    assert sink.problems == [("coap-unanswered", (1,))]


def test_a_gigabyte_announced_is_not_kept() -> None:
    """Millions of bytes come, in blocks past a hole and from the start; little stays."""
    limits = Limits(max_body=1 << 20)
    budget = Budget(max_held=2 << 20)
    sink = Sink()
    observer = Observer(sink, records=False, limits=limits, budget=budget)
    payload = bytes(1024)
    tracemalloc.start()
    try:
        for number in range(4_000):
            for name in range(3):
                options = (
                    (15, b"%d" % name),
                    block(27, number + (name == 2), True, 6),
                    (60, b"\x40\0\0\0"),
                )
                data = con((3 * number + name) & 0xFFFF, b"", payload, 2, *options)
                observer.datagram(0, data, (number,), number * 0.001)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert budget.held <= budget.max_held + 4096
    assert peak < 40 << 20
    observer.end()
    assert len([t for t in sink.transfers if not t.complete]) == 3
    assert budget.held == 0
    assert budget.entries == 0


def test_many_flows_share_one_budget() -> None:
    budget = Budget(max_entries=2000)
    observers = [Observer(Sink(), records=False, budget=budget) for _ in range(100)]
    for number in range(100):
        for observer in observers:
            data = con(number, number.to_bytes(4, "big"))
            observer.datagram(0, data, (number,), number * 0.001)
    assert budget.entries < 2 * budget.max_entries
    for observer in observers:
        observer.end()
        observer.end()
    assert (budget.entries, budget.flows) == (0, 0)


def test_one_busy_flow_keeps_all_ids_that_a_retransmission_may_bring_back() -> None:
    """A load generator: thousands of requests a second from one port, one of them lost."""
    sink = Sink()
    observer = Observer(sink, records=False, budget=Budget(max_entries=50_000))
    for number in range(10_000):
        observer.datagram(0, con(number, number.to_bytes(4, "big")), (number,), number * 0.0002)
    observer.datagram(0, con(5, (5).to_bytes(4, "big")), (10_001,), 2.4)
    assert len(sink.transfers) == 10_000


def test_bodies_past_the_budget_keep_nothing() -> None:
    budget = Budget(max_held=4096)
    observer = Observer(Sink(), records=False, budget=budget)
    for number in range(50):
        options = ((15, b"%d" % number), block(27, 0, True, 6))
        observer.datagram(0, con(number, b"", bytes(1024), 2, *options), (number,), 0.0)
    assert budget.held <= 4096 + 1024


def test_outsized_options_are_not_kept() -> None:
    many = con(1, b"", b"x", 2, *[(65000, b"")] * 2000)
    long = con(2, b"", b"x", 2, *[(65000 + n, bytes(500)) for n in range(0, 40, 2)])
    sink = observe([(0.0, "c", many), (1.0, "c", long)])
    assert [len(t.options) for t in sink.transfers] == [64, 5]
    assert [(t.path, t.body) for t in sink.transfers] == [("/gsma/rsp2/asn1", b"x")] * 2


def test_millions_of_tokens_are_not_kept() -> None:
    budget = Budget(max_entries=3000)
    sink = Sink()
    observer = Observer(sink, records=False, budget=budget)
    for number in range(30_000):
        data = con(number & 0xFFFF, number.to_bytes(4, "big"))
        observer.datagram(0, data, (number,), number * 0.0001)
    assert budget.entries < 2 * budget.max_entries
    sink.transfers.clear()
    observer.end()
    assert budget.entries == 0
    assert ("coap-too-many", ()) in sink.problems


def test_too_many_bodies_in_the_making() -> None:
    entries = [
        (n * 0.001, "c", con(n, b"%d" % n, bytes(16), 2, block(27, 0, True, 0), (15, b"%d" % n)))
        for n in range(300)
    ]
    sink = observe(entries, end=False, limits=Limits(max_transfers=10))
    assert len(sink.transfers) == 290
    assert "coap-too-many" in names(sink.transfers[0])


def test_body_that_nobody_goes_on_with_is_told_after_exchange_lifetime() -> None:
    entries = [
        (0.0, "c", con(1, b"a", bytes(16), 2, block(27, 0, True, 0))),
        (300.0, "c", con(2, b"b", bytes(16), 2, block(27, 0, True, 0), (15, b"x"))),
    ]
    sink = observe(entries, end=False)
    assert [t.missing for t in sink.transfers] == [((16, None),)]


datagrams = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.binary(max_size=12)
        | st.builds(
            lambda kind, code, mid, token, num, more, szx, which, payload: encode_raw(
                CoapMessage(kind, code, mid, token, (block(which, num, more, szx),), payload)
            ),
            st.integers(0, 3),
            st.sampled_from((0, 1, 2, 0x44, 0x45, 0x5F, 0x88, 0x21)),
            st.integers(0, 5),
            st.sampled_from((b"", b"a", b"b")),
            st.integers(0, 4),
            st.booleans(),
            st.sampled_from((0, 0, 0, 1, 7)),
            st.sampled_from((23, 27)),
            st.sampled_from((b"", bytes(16), b"x" * 16, bytes(5))),
        ),
        st.floats(0, 20),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(datagrams)
def test_any_datagrams_are_survived_and_accounted_for(entries) -> None:
    sink = Sink()
    budget = Budget(max_entries=50, max_held=64)
    observer = Observer(sink, budget=budget, limits=Limits(max_transfers=2, max_tokens=3))
    for frame, (side, data, at) in enumerate(entries, 1):
        observer.datagram(side, data, (frame,), at)
    observer.end()
    assert (budget.entries, budget.held) == (0, 0)
    assert len(sink.records) == len(entries)
    numbers = [t.number for t in sink.transfers]
    assert len(set(numbers)) == len(numbers)


def test_speed_is_far_from_quadratic() -> None:
    def run(count: int) -> float:
        observer = Observer(Sink(), records=False)
        data = [
            (con(n & 0xFFFF, n.to_bytes(4, "big")), ack(n & 0xFFFF, 0x44, n.to_bytes(4, "big")))
            for n in range(count)
        ]
        start = time.process_time()
        for number, (up, down) in enumerate(data):
            observer.datagram(0, up, (number,), number * 0.001)
            observer.datagram(1, down, (number,), number * 0.001)
        return time.process_time() - start

    run(1000)
    assert run(16_000) < 8 * 4 * run(4000)


def test_endpoint_and_observer_agree_on_planned_violations() -> None:
    """A test bench that skips a block sees its own fault in the capture."""
    plan = plan_upload(bytes(range(250)), 2)
    net = Net(endpoint(1), endpoint(2))
    knobs = RequestKnobs(uploads=(plan[0], plan[2]))
    net.client.request(make_request("/a"), "S", 0.0, knobs)
    net.run()
    sink = observe(net.log)
    assert [(t.code_text, t.complete) for t in sink.transfers] == [("0.02", False), ("4.08", True)]


def test_rewritten_response_shows_in_the_capture() -> None:
    def rewrite(message: CoapMessage) -> CoapMessage:
        return message.with_option(65001, b"") if message.code == 0x45 else message

    def answer(event: RequestArrived) -> Response:
        return make_response(0x45, b"x")

    net = Net(endpoint(1), endpoint(2, message_knobs=MessageKnobs(rewrite=rewrite)), answer)
    net.client.request(Request(codes.GET, opt.path_options("/a")), "S", 0.0)
    net.run(until=5.0)
    assert names(observe(net.log).transfers[1]) == ["coap-option-unknown"]
