"""Client and server looped in memory: exchanges, separate responses, block-wise, knobs."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from coap_net import Net, endpoint, lossy

from dissectors.link.coap import codes
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import Block
from dissectors.link.coap.exchange import (
    BlockAnswered,
    Failure,
    Request,
    RequestArrived,
    RequestFailed,
    RequestKnobs,
    Response,
    ResponseArrived,
    ResponseFailed,
    Upload,
    make_request,
    make_response,
    plan_upload,
)
from dissectors.link.coap.message import CoapMessage, decode, encode, encode_raw
from dissectors.link.coap.server import MAX_PER_PEER, ServerKnobs
from dissectors.link.coap.transmission import MessageKnobs, Problem

PATH = "/gsma/rsp2/asn1"


def octets(length: int, seed: int = 5) -> bytes:
    return random.Random(seed).randbytes(length)


def echo(event: RequestArrived) -> Response:
    return make_response(codes.CHANGED, event.request.body, content_format=42)


def messages(net: Net, side: str = "cs") -> list[CoapMessage]:
    return [decode(data)[0] for _, name, data in net.log if name in side]  # type: ignore[misc]


def final(net: Net) -> ResponseArrived | RequestFailed:
    (event,) = [e for e in net.events if not isinstance(e, BlockAnswered | Problem)]
    assert isinstance(event, ResponseArrived | RequestFailed)
    return event


def body_of(net: Net) -> bytes:
    event = final(net)
    assert isinstance(event, ResponseArrived), event
    return event.response.body


def test_piggybacked_response() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    handle = net.client.request(make_request(PATH, b"hello", content_format=42), "S", 0.0)
    net.run()
    (request,) = net.requests
    assert (request.request.path, request.request.body) == (PATH, b"hello")
    assert request.request.content_format == 42
    event = final(net)
    assert isinstance(event, ResponseArrived)
    assert (event.handle, event.time) == (handle, 0.02)
    assert event.response == make_response(0x44, b"hello", content_format=42)
    assert [request.message, event.message] == messages(net)
    assert [m.type for m in messages(net)] == [codes.CON, codes.ACK]
    assert messages(net)[0].token == messages(net)[1].token


@pytest.mark.parametrize("length", [0, 1, 8])
def test_token_is_echoed(length: int) -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(token=b"t" * length))
    net.run()
    assert {m.token for m in messages(net)} == {b"t" * length}
    assert body_of(net) == b""


def test_slow_answer_is_acknowledged_first_and_then_a_message_of_its_own() -> None:
    net = Net(endpoint(1), endpoint(2), echo, think=10.0)
    net.client.request(make_request(PATH, b"slow"), "S", 0.0)
    net.run()
    assert body_of(net) == b"slow"
    assert [(name, m.type, m.code) for (_, name, _), m in zip(net.log, messages(net))] == [
        ("c", codes.CON, codes.POST),
        ("s", codes.ACK, codes.EMPTY),
        ("s", codes.CON, codes.CHANGED),
        ("c", codes.ACK, codes.EMPTY),
    ]
    assert net.log[1][0] == pytest.approx(1.01)  # half of ACK_TIMEOUT after it came
    assert net.log[2][0] == pytest.approx(10.01)


def test_separate_by_knob() -> None:
    net = Net(endpoint(1), endpoint(2, server_knobs=ServerKnobs(separate=True)), echo)
    net.client.request(make_request(PATH, b"x"), "S", 0.0)
    net.run()
    assert [m.type for m in messages(net, "s")] == [codes.ACK, codes.CON]
    assert body_of(net) == b"x"


def test_response_that_overtakes_its_ack_ends_retransmission() -> None:
    """RFC 7252 §5.2.2: the empty ACK is lost, the response counts as one."""

    def fate(number: int, sender: str) -> list[float]:
        return [] if number == 2 else [0.01]

    knobs = ServerKnobs(separate=True)
    net = Net(endpoint(1), endpoint(2, server_knobs=knobs), echo, fate, think=1.0)
    net.client.request(make_request(PATH, b"x"), "S", 0.0)
    net.run()
    assert body_of(net) == b"x"
    assert [m.code for m in messages(net, "c")] == [codes.POST, codes.EMPTY]


def test_block_is_not_sent_again_when_its_ack_was_lost_but_its_response_came() -> None:
    def fate(number: int, sender: str) -> list[float]:
        data = net.log[-1][2]
        return [] if sender == "s" and data[1] == codes.EMPTY else [0.01]

    knobs = ServerKnobs(separate=True, szx=2)
    net = Net(endpoint(1), endpoint(2, server_knobs=knobs), fate=fate, think=0.5)
    net.answer = lambda event: make_response(0x45, octets(300))
    net.client.request(make_request(PATH), "S", 0.0)
    net.run()
    assert body_of(net) == octets(300)
    assert len([m for m in messages(net, "c") if m.code]) == 5  # one message per block


def test_ack_of_one_request_with_the_token_of_another() -> None:
    client = endpoint(1)
    for number, peer in enumerate("ST"):
        knobs = RequestKnobs(mid=number, token=b"tok%d" % number)
        client.request(make_request(f"/{number}"), peer, 0.0, knobs)
    client.request(make_request("/2"), "S", 0.0, RequestKnobs(mid=7, token=b"tok2"))
    client.receive(encode(CoapMessage(codes.ACK, codes.CHANGED, 0, b"tok2")), "S", 0.1)
    assert all(isinstance(event, Problem) for event in client.events())


def test_non_confirmable_exchange() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH, b"x", confirmable=False), "S", 0.0)
    net.run()
    assert [m.type for m in messages(net)] == [codes.NON, codes.NON]
    assert body_of(net) == b"x"


def test_silent_server() -> None:
    net = Net(endpoint(1), endpoint(2), echo, lambda number, sender: [])
    net.client.request(make_request(PATH), "S", 0.0)
    net.run()
    event = final(net)
    assert isinstance(event, RequestFailed)
    assert event.failure is Failure.GAVE_UP
    assert len(net.log) == 5


def test_server_that_never_answers() -> None:
    net = Net(endpoint(1, response_timeout=30.0), endpoint(2), lambda event: None)
    net.client.request(make_request(PATH), "S", 0.0)
    net.run()
    event = final(net)
    assert isinstance(event, RequestFailed)
    assert (event.failure, event.time) == (Failure.TIMEOUT, 30.0)
    assert [m.type for m in messages(net)] == [codes.CON, codes.ACK]


def test_reset_fails_the_request() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(mid=5))
    net.client.send(0.0)
    net.client.receive(encode(CoapMessage(codes.RST, 0, 5)), "S", 0.1)
    (event,) = net.client.events()
    assert isinstance(event, RequestFailed)
    assert event.failure is Failure.RESET


@pytest.mark.parametrize("kind", [codes.ACK, codes.CON, codes.NON])
def test_wrong_token_is_no_response(kind: int) -> None:
    client = endpoint(1, response_timeout=20.0)
    client.request(make_request(PATH), "S", 0.0, RequestKnobs(mid=5, token=b"good"))
    client.send(0.0)
    client.receive(encode(CoapMessage(kind, codes.CHANGED, 5, b"evil")), "S", 0.1)
    assert not [e for e in client.events() if not isinstance(e, Problem)]
    replies = [decode(d.data)[0] for d in client.send(0.1)]
    assert replies == ([CoapMessage(codes.RST, 0, 5)] if kind == codes.CON else [])


def test_duplicate_response_is_acknowledged_again_and_told_once() -> None:
    client = endpoint(1)
    client.request(make_request(PATH), "S", 0.0, RequestKnobs(token=b"t", mid=5))
    client.send(0.0)
    client.receive(encode(CoapMessage(codes.ACK, 0, 5)), "S", 0.1)
    response = encode(CoapMessage(codes.CON, codes.CHANGED, 900, b"t", (), b"body"))
    acks = []
    for now in (1.0, 3.0, 7.0):
        client.receive(response, "S", now)
        acks += [decode(d.data)[0] for d in client.send(now)]
    assert acks == [CoapMessage(codes.ACK, 0, 900)] * 3
    assert len(client.events()) == 1


def test_unacknowledged_separate_response_is_repeated_four_times() -> None:
    silent_acks = MessageKnobs(skip_acks=range(1, 1000))
    net = Net(
        endpoint(1, message_knobs=silent_acks),
        endpoint(2, server_knobs=ServerKnobs(separate=True)),
        echo,
    )
    net.client.request(make_request(PATH, b"x"), "S", 0.0)
    net.run()
    assert [m.code for m in messages(net, "s")] == [codes.EMPTY] + [codes.CHANGED] * 5
    assert net.others == [ResponseFailed(1, Failure.GAVE_UP, net.others[0].time)]
    assert body_of(net) == b"x"


def test_unknown_critical_option_is_refused_and_elective_ignored() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(Request(codes.POST, (*opt.path_options("/a"), (65001, b"x"))), "S", 0.0)
    net.client.request(Request(codes.POST, (*opt.path_options("/a"), (65000, b"x"))), "S", 0.0)
    net.run()
    first, second = net.events
    assert isinstance(first, ResponseArrived)
    assert isinstance(second, ResponseArrived)
    assert (first.response.code, first.response.body) == (codes.BAD_OPTION, b"option 65001")
    assert second.response.code == codes.CHANGED
    assert len(net.requests) == 1


def test_an_answer_does_not_outgrow_a_question_full_of_unknown_options() -> None:
    server = endpoint(2)
    options = tuple((number, b"") for number in range(40001, 60001, 2))
    server.receive(encode(CoapMessage(codes.CON, codes.POST, 1, b"", options)), "C", 0.0)
    (datagram,) = server.send(0.0)
    assert datagram.data[1] == codes.BAD_OPTION
    assert len(datagram.data) < 100


def test_proxy_requests_are_refused() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(Request(codes.POST, ((opt.PROXY_SCHEME, b"http"),)), "S", 0.0)
    net.run()
    event = final(net)
    assert isinstance(event, ResponseArrived)
    assert event.response.code == codes.PROXYING_NOT_SUPPORTED


# Block-wise.


@pytest.mark.parametrize("confirmable", [True, False], ids=["CON", "NON"])
@pytest.mark.parametrize("szx", range(7))
@pytest.mark.parametrize("length", [0, 15, 16, 17, 1024, 1025, 3000])
def test_bodies_of_any_length_in_blocks_of_any_size(
    szx: int, length: int, confirmable: bool
) -> None:
    body = octets(length)
    net = Net(endpoint(1), endpoint(2), echo)
    request = make_request(PATH, body, confirmable=confirmable)
    net.client.request(request, "S", 0.0, RequestKnobs(szx=szx, ask_szx=szx))
    net.run()
    assert [r.request.body for r in net.requests] == [body]
    assert body_of(net) == body
    assert max(len(m.payload) for m in messages(net)) <= 16 << szx


def test_request_and_response_in_blocks_look_as_in_rfc_7959_figure_11() -> None:
    """§3.3: 2.31 per block, the last answer carries both options, Block1 is then left out."""
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH, octets(150)), "S", 0.0, RequestKnobs(szx=2, ask_szx=2))
    net.run()

    def blocks(message: CoapMessage) -> tuple[str, ...]:
        found = []
        for name, number in (("1", opt.BLOCK1), ("2", opt.BLOCK2)):
            value = message.uint_option(number)
            if value is not None:
                found.append(f"{name}:{value >> 4}/{value >> 3 & 1}/{16 << (value & 7)}")
        return (codes.code_text(message.code), *found)

    assert [blocks(m) for m in messages(net)] == [
        ("0.02", "1:0/1/64"),
        ("2.31", "1:0/1/64"),
        ("0.02", "1:1/1/64"),
        ("2.31", "1:1/1/64"),
        ("0.02", "1:2/0/64", "2:0/0/64"),
        ("2.04", "1:2/0/64", "2:0/1/64"),
        ("0.02", "2:1/0/64"),
        ("2.04", "2:1/1/64"),
        ("0.02", "2:2/0/64"),
        ("2.04", "2:2/0/64"),
    ]
    assert len({m.token for m in messages(net, "c")}) == 5


def test_one_token_for_all_blocks() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    knobs = RequestKnobs(szx=2, token_per_block=False)
    net.client.request(make_request(PATH, octets(3000)), "S", 0.0, knobs)
    net.run()
    assert len({m.token for m in messages(net)}) == 1
    assert body_of(net) == octets(3000)


def test_server_asks_for_smaller_blocks() -> None:
    """RFC 7959 §2.5: the number is scaled, not started again."""
    net = Net(endpoint(1), endpoint(2, server_knobs=ServerKnobs(szx=4)), echo)
    net.client.request(make_request(PATH, octets(3000)), "S", 0.0)
    net.run()
    assert body_of(net) == octets(3000)
    uploads = [m for m in messages(net, "c") if m.option(opt.BLOCK1) is not None]
    assert [len(m.payload) for m in uploads] == [1024] + [256] * 7 + [184]
    second = uploads[1].uint_option(opt.BLOCK1)
    assert second is not None
    assert second >> 4 == 4


def test_size_options() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    request = make_request(PATH, octets(2000))
    asks = Request(request.code, opt.replace(request.options, opt.SIZE2, b""), request.body)
    net.client.request(asks, "S", 0.0, RequestKnobs(announce_size=True))
    net.run()
    assert messages(net, "c")[0].uint_option(opt.SIZE1) == 2000
    event = final(net)
    assert isinstance(event, ResponseArrived)
    assert opt.first_uint(event.response.options, opt.SIZE2) == 2000
    assert event.response.body == octets(2000)


def test_too_large_request_gets_413_with_size1() -> None:
    net = Net(endpoint(1), endpoint(2, server_knobs=ServerKnobs(max_body=2000)), echo)
    net.client.request(make_request(PATH, octets(3000)), "S", 0.0)
    net.client.request(make_request(PATH, octets(3000)), "S", 0.0, RequestKnobs(announce_size=True))
    net.run()
    sent = messages(net, "c")
    assert len(sent) == 2 + 1  # the announced one ends at once
    for event in net.events:
        if isinstance(event, ResponseArrived):
            assert event.response.code == codes.REQUEST_ENTITY_TOO_LARGE
            assert opt.first_uint(event.response.options, opt.SIZE1) == 2000
    assert net.requests == []
    assert net.server.server.open == 0


def upload(net: Net, *blocks: Upload, peer: str = "S") -> None:
    net.client.request(make_request(PATH), peer, net.now, RequestKnobs(uploads=blocks))
    net.run()


def codes_of(net: Net) -> list[str]:
    return [codes.code_text(m.code) for m in messages(net, "s")]


def test_repeated_block_is_continued_and_does_no_harm() -> None:
    plan = plan_upload(octets(250), 2)
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, plan[0], plan[1], plan[1], plan[2], plan[3])
    assert codes_of(net) == ["2.31"] * 4 + ["2.04"]
    assert [r.request.body for r in net.requests] == [octets(250)]


def test_skipped_block_gets_408() -> None:
    plan = plan_upload(octets(250), 2)
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, plan[0], plan[1], plan[3])
    assert codes_of(net) == ["2.31", "2.31", "4.08"]
    assert net.requests == []
    assert net.server.server.open == 0


def test_changed_block_gets_408() -> None:
    plan = plan_upload(octets(250), 2)
    other = Upload(plan[1].block, bytes(64))
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, plan[0], plan[1], other)
    assert codes_of(net) == ["2.31", "2.31", "4.08"]


def test_upload_may_start_again_midway() -> None:
    plan = plan_upload(octets(250), 2)
    fresh = plan_upload(octets(250, 6), 2)
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, plan[0], plan[1], *fresh)
    assert [r.request.body for r in net.requests] == [octets(250, 6)]


@pytest.mark.parametrize(
    ("block", "payload", "answer"),
    [
        (Block(0, True, 2), bytes(63), "4.00"),
        (Block(0, True, 2), bytes(65), "4.00"),
        (Block(0, False, 2), bytes(65), "4.00"),
        (Block(0, True, 7), bytes(1024), "4.00"),
        (Block(7, True, 2), bytes(64), "4.08"),
        (Block(7, False, 2), bytes(64), "4.08"),
    ],
)
def test_blocks_that_break_the_rules(block: Block, payload: bytes, answer: str) -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, Upload(block, payload))
    assert codes_of(net) == [answer]
    assert net.server.server.open == 0


def test_other_content_format_midway_gets_408() -> None:
    server = endpoint(9)
    answers = []
    for number, content_format in enumerate((42, 42, 50)):
        options = make_request(PATH, content_format=content_format).options
        options = opt.replace(options, opt.BLOCK1, Block(number, True, 0).encode())
        message = CoapMessage(codes.CON, codes.POST, number, b"", options, bytes(16))
        server.receive(encode(message), "C", 0.0)
        answers += [codes.code_text(decode(d.data)[0].code) for d in server.send(0.0)]
    assert answers == ["2.31", "2.31", "4.08"]


def test_two_clients_on_one_path_are_not_mixed() -> None:
    server = endpoint(9)
    bodies = {peer: octets(400, number) for number, peer in enumerate("AB")}
    plans = {peer: plan_upload(body, 2) for peer, body in bodies.items()}
    done = {}
    for step in range(7):
        for number, peer in enumerate("AB"):
            planned = plans[peer][step]
            message = CoapMessage(
                codes.CON,
                codes.POST,
                10 * number + step,
                b"",
                opt.replace(opt.path_options(PATH), opt.BLOCK1, planned.block.encode()),
                planned.payload,
            )
            server.receive(encode(message), peer, 0.0)
            for event in server.events():
                assert isinstance(event, RequestArrived)
                done[event.address] = event.request.body
    assert done == bodies


def test_abandoned_transfers_are_freed_after_exchange_lifetime() -> None:
    net = Net(endpoint(1), endpoint(2), lambda event: make_response(0x45, octets(5000)))
    knobs = RequestKnobs(uploads=plan_upload(octets(250), 2)[:2])
    net.client.request(make_request("/a"), "S", 0.0, knobs)
    net.client.request(make_request("/b"), "S", 0.0, RequestKnobs(downloads=()))
    net.run(until=240)
    assert net.server.server.open == 2
    net.run(until=300)
    assert net.server.server.open == 0
    assert net.server.server._uploads.held == net.server.server._downloads.held == 0


def test_a_peer_holds_only_a_few_transfers() -> None:
    server = endpoint(9)
    for number in range(100):
        for peer in ("greedy", "modest"):
            if peer == "modest" and number:
                continue
            options = opt.replace(opt.path_options(f"/{number}"), opt.BLOCK1, b"\x0e")
            message = CoapMessage(codes.CON, codes.POST, number, b"", options, bytes(1024))
            server.receive(encode(message), peer, 0.0)
    assert server.server.open == MAX_PER_PEER + 1
    assert server.server._uploads.held == 1024 * (MAX_PER_PEER + 1)


def test_download_block_asked_twice_is_the_same_and_executes_nothing() -> None:
    asks = tuple(Block(n, False, 4) for n in (1, 1, 3, 2))
    body = octets(1000)
    net = Net(endpoint(1), endpoint(2), lambda event: make_response(0x45, body))
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(ask_szx=4, downloads=asks))
    net.run()
    payloads = [m.payload for m in messages(net, "s")]
    assert payloads == [body[256 * n : 256 * n + 256] for n in (0, 1, 1, 3, 2)]
    assert len(net.requests) == 1


@pytest.mark.parametrize(
    ("ask", "answer"),
    [(Block(9, False, 4), "4.00"), (Block(1, False, 7), "4.00"), (Block(1, False, 5), "2.05")],
)
def test_odd_questions_for_blocks(ask: Block, answer: str) -> None:
    net = Net(endpoint(1), endpoint(2), lambda event: make_response(0x45, octets(1000)))
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(ask_szx=4, downloads=(ask,)))
    net.run()
    assert codes_of(net) == ["2.05", answer]


def test_block_of_no_transfer_gets_408() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    asks = Request(codes.POST, opt.replace(opt.path_options(PATH), opt.BLOCK2, b"\x12"))
    net.client.request(asks, "S", 0.0)
    net.run()
    assert codes_of(net) == ["4.08"]


def test_server_may_send_smaller_blocks_than_asked_for() -> None:
    body = octets(1000)
    net = Net(
        endpoint(1),
        endpoint(2, server_knobs=ServerKnobs(szx=2)),
        lambda event: make_response(0x45, body),
    )
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(ask_szx=5))
    net.run()
    assert body_of(net) == body


def test_smaller_block_moves_the_number_and_not_the_place() -> None:
    body = octets(1000)
    net = Net(
        endpoint(1),
        endpoint(2, server_knobs=ServerKnobs(szx=2)),
        lambda event: make_response(0x45, body),
    )
    knobs = RequestKnobs(downloads=(Block(1, False, 4),))
    net.client.request(make_request(PATH), "S", 0.0, knobs)
    net.run()
    last = messages(net, "s")[-1]
    assert (last.payload, last.option(opt.BLOCK2)) == (body[256:320], Block(4, True, 2).encode())


def rewriting(**changes: object) -> MessageKnobs:
    """Return knobs that change the responses with a given Block2 number."""

    def rewrite(message: CoapMessage) -> CoapMessage:
        value = message.uint_option(opt.BLOCK2)
        if value is None or message.code < 0x40:
            return message
        change = changes.get(f"b{value >> 4}")
        return change(message) if callable(change) else message

    return MessageKnobs(rewrite=rewrite)


def test_a_block_that_is_another_the_second_time_is_told() -> None:
    knobs = RequestKnobs(ask_szx=2, asks_twice=True)
    seen: list[int] = []

    def second_differs(message: CoapMessage) -> CoapMessage:
        seen.append(1)
        other = bytes(len(message.payload))
        same = [getattr(message, f) for f in FIELDS]
        return message if len(seen) == 1 else CoapMessage(*same, other)

    for change, told in ((None, None), (second_differs, Failure.BLOCKS)):
        server = endpoint(2, message_knobs=rewriting(b2=change)) if change else endpoint(2)
        net = Net(endpoint(1), server, lambda event: make_response(0x44, octets(400)))
        net.client.request(make_request(PATH), "S", 0.0, knobs)
        net.run()
        event = final(net)
        if told is None:
            assert body_of(net) == octets(400)
            # 400 octets are seven blocks of 64, of which all but the first come twice
            assert len(messages(net, "s")) == 13
        else:
            assert isinstance(event, RequestFailed)
            assert event.failure is told
            assert "when asked for again" in event.text
        assert len(net.requests) == 1


def changed_etag(message: CoapMessage) -> CoapMessage:
    return message.with_option(opt.ETAG, b"other")


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (changed_etag, Failure.ETAG),
        (lambda m: m.with_option(opt.BLOCK2, Block(1, True, 2).encode()), Failure.BLOCKS),
        (lambda m: m.with_option(opt.BLOCK2, Block(5, True, 2).encode()), Failure.BLOCKS),
        (lambda m: m.with_option(opt.BLOCK2, Block(2, True, 7).encode()), Failure.BLOCKS),
        (lambda m: m.with_option(opt.BLOCK2), Failure.BLOCKS),
        (lambda m: CoapMessage(*[getattr(m, f) for f in FIELDS], b"short"), Failure.BLOCKS),
        (lambda m: m.with_option(65001, b""), Failure.OPTION),
    ],
    ids=["etag", "old number", "later number", "szx 7", "no block", "short", "critical option"],
)
def test_client_never_mixes_a_body_of_a_server_that_breaks_the_rules(change, failure) -> None:
    net = Net(
        endpoint(1),
        endpoint(2, message_knobs=rewriting(b2=change)),
        lambda event: make_response(0x44, octets(400)),
    )
    net.client.request(make_request(PATH), "S", 0.0, RequestKnobs(ask_szx=2))
    net.run()
    event = final(net)
    assert isinstance(event, RequestFailed)
    assert event.failure is failure


FIELDS = ("type", "code", "mid", "token", "options")


def test_get_starts_again_when_the_etag_changes_and_post_does_not() -> None:
    bodies = [octets(400, 1), octets(400, 2)]

    def run(code: int) -> Net:
        changes = Counter[str]()

        def once(message: CoapMessage) -> CoapMessage:
            changes["n"] += 1
            return changed_etag(message) if changes["n"] == 1 else message

        net = Net(
            endpoint(1),
            endpoint(2, message_knobs=rewriting(b2=once)),
            lambda event: make_response(0x45, bodies[len(net.requests) - 1]),
        )
        net.client.request(make_request(PATH, code=code), "S", 0.0, RequestKnobs(ask_szx=2))
        net.run()
        return net

    assert body_of(run(codes.GET)) == bodies[1]
    assert isinstance(final(run(codes.POST)), RequestFailed)


def test_client_starts_again_after_408() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH, octets(400)), "S", 0.0, RequestKnobs(szx=2))
    net.run(stop=lambda: len(net.log) >= 5)
    net.server.server.forget("C")  # as a server that restarted
    net.run()
    assert "4.08" in codes_of(net)
    assert body_of(net) == octets(400)
    assert len(net.requests) == 1


def test_response_larger_than_the_limit_is_given_up() -> None:
    net = Net(
        endpoint(1, max_response=3000), endpoint(2), lambda event: make_response(0x45, bytes(9000))
    )
    net.client.request(make_request(PATH), "S", 0.0)
    net.run()
    event = final(net)
    assert isinstance(event, RequestFailed)
    assert event.failure is Failure.TOO_LARGE
    assert len(messages(net, "s")) == 3


def test_plan_that_never_ends_the_upload() -> None:
    net = Net(endpoint(1), endpoint(2), echo)
    upload(net, *plan_upload(octets(250), 2)[:2])
    event = final(net)
    assert isinstance(event, RequestFailed)
    assert event.failure is Failure.PLAN
    assert net.requests == []


def test_both_ends_may_ask_on_one_address() -> None:
    """The injection mode: the eIM asks the IPA on the address that the IPA polls from."""
    net = Net(endpoint(1), endpoint(2), echo)
    net.client.request(make_request(PATH, b"up"), "S", 0.0)
    net.server.request(make_request("/inject", b"down"), "C", 0.0)
    net.run(until=1.0)
    told = [e for e in net.events if isinstance(e, RequestArrived)]
    assert [e.request.path for e in told] == ["/inject"]
    net.client.respond(told[0].reference, Response(codes.CHANGED, (), b"ok"), net.now)
    net.run()
    assert [e.response.body for e in net.others if isinstance(e, ResponseArrived)] == [b"ok"]


def test_requests_that_a_server_could_not_tell_apart_wait_for_one_another() -> None:
    """Blocks of two bodies under the same options from one peer would be mixed, RFC 9175 §3.1."""
    bodies = [octets(400, 1), octets(400, 2)]
    for concurrent in (False, True):
        net = Net(endpoint(1), endpoint(2), echo)
        for body in bodies:
            knobs = RequestKnobs(szx=2, concurrent=concurrent)
            net.client.request(make_request(PATH, body), "S", 0.0, knobs)
        net.client.request(make_request("/other", b"x"), "S", 0.0)
        net.run()
        arrived = [r.request.body for r in net.requests if r.request.path == PATH]
        assert (arrived == bodies) is not concurrent


def test_forgotten_peer() -> None:
    net = Net(endpoint(1), endpoint(2), lambda event: None)
    net.client.request(make_request(PATH, octets(3000)), "S", 0.0)
    net.run(stop=lambda: len(net.log) >= 4)
    net.client.forget("S", net.now)
    net.server.forget("C", net.now)
    event = net.client.events()[-1]
    assert isinstance(event, RequestFailed)
    assert event.failure is Failure.FORGOTTEN
    assert net.server.server.open == 0
    assert net.server.layer.peers == 0


def test_cancelled_request_is_silent() -> None:
    client = endpoint(1)
    handle = client.request(make_request(PATH), "S", 0.0, RequestKnobs(token=b"t", mid=5))
    client.send(0.0)
    client.cancel(handle, 0.1)
    client.receive(encode(CoapMessage(codes.ACK, codes.CHANGED, 5, b"t")), "S", 0.2)
    client.handle_timer(1000.0)
    assert client.events() == []
    assert client.send(1000.0) == []


# Over a bad link.


def outcome(seed: int, length: int = 3000, szx: int = 4) -> tuple[Net, bytes]:
    body = octets(length, seed)
    net = Net(endpoint(seed), endpoint(seed + 10_000), echo, lossy(seed), think=seed % 3 * 0.9)
    net.client.request(make_request(PATH, body), "S", 0.0, RequestKnobs(szx=szx, ask_szx=szx))
    net.run()
    return net, body


def test_lossy_link_executes_once_and_keeps_the_body_or_gives_up() -> None:
    ended = Counter[str]()
    for seed in range(60):
        net, body = outcome(seed)
        assert len(net.requests) <= 1
        event = final(net)
        if isinstance(event, ResponseArrived):
            assert net.requests[0].request.body == body
            assert event.response.body == body
            ended["whole"] += 1
        else:
            assert event.failure is Failure.GAVE_UP, event
            ended["gave up"] += 1
    assert ended["whole"] > 40


def test_lossy_link_and_a_profile_of_30_kb() -> None:
    whole = 0
    for seed in range(20):
        net, body = outcome(seed, 30_000, 6)
        event = final(net)
        assert len(net.requests) <= 1
        if isinstance(event, ResponseArrived):
            whole += 1
            assert (net.requests[0].request.body, event.response.body) == (body, body)
        else:
            assert event.failure is Failure.GAVE_UP
    assert whole >= 10


def test_lossy_link_really_loses_doubles_and_reorders() -> None:
    net, _ = outcome(7)
    assert len(net.arrived) != len(net.log)
    assert any(count > 1 for count in Counter(data for _, _, data in net.log).values())


def test_without_deduplication_the_lossy_link_does_harm() -> None:
    """The guard of the two tests above: with the cache off, some request runs twice."""
    executed = []
    for seed in range(40):
        net = Net(
            endpoint(seed),
            endpoint(seed + 1, message_knobs=MessageKnobs(deduplicate=False)),
            echo,
            lossy(seed, loss=0.3),
        )
        net.client.request(make_request(PATH, b"once"), "S", 0.0)
        net.run()
        executed.append(len(net.requests))
    assert max(executed) > 1


# Hostile peers.


def test_garbage_does_not_stop_an_endpoint() -> None:
    rng = random.Random(3)
    net = Net(endpoint(1), endpoint(2), echo)
    valid = encode_raw(
        CoapMessage(0, 2, 7, b"t", opt.replace(opt.path_options("/a"), 27, b"\x08"), bytes(16))
    )
    for number in range(3000):
        data = bytearray(valid if number % 2 else rng.randbytes(rng.randrange(40)))
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
        for end in (net.server, net.client):
            end.receive(bytes(data), number % 7, number * 0.001)
            end.events()
            end.send(0.0)
            end.handle_timer(number * 0.001)
    net.now = 10.0
    net.client.request(make_request(PATH, octets(3000)), "S", net.now)
    net.run()
    assert body_of(net) == octets(3000)
