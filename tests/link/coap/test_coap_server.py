"""Bodies that come up in blocks at the same time: each peer's stay apart."""

from __future__ import annotations

from dissectors.link.coap import options as opt
from dissectors.link.coap.block import cut
from dissectors.link.coap.codes import CON, CONTINUE, POST, REQUEST_ENTITY_INCOMPLETE
from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.server import Call, Reply, ServerKnobs, ServerTransfers

BODIES = {"first": bytes(range(60)), "second": b"another body of three blocks in all"}
PATH = ((opt.URI_PATH, b"x"),)


def uploaded(knobs: ServerKnobs) -> list[bytes | int]:
    """Send the blocks of two peers in turns; return whole bodies, and codes of refusal."""
    server, came = ServerTransfers(knobs, 100.0), []
    for number in range(4):
        for peer, body in BODIES.items():
            if number * 16 >= len(body):
                continue
            block, payload = cut(body, number, 0)
            options = opt.sort((*PATH, (opt.BLOCK1, block.encode())))
            message = CoapMessage(CON, POST, number, b"", options, payload)
            outcome = server.request(message, peer, float(number))
            if isinstance(outcome, Call):
                came.append(outcome.request.body)
            elif isinstance(outcome, Reply) and outcome.code != CONTINUE:
                came.append(outcome.code)
    return came


def test_two_peers_upload_at_the_same_time() -> None:
    assert sorted(map(bytes, uploaded(ServerKnobs()))) == sorted(BODIES.values())


def test_a_server_may_mix_them_up() -> None:
    came = uploaded(ServerKnobs(mixes=True))
    assert REQUEST_ENTITY_INCOMPLETE in came
    assert not set(BODIES.values()) <= set(came)
