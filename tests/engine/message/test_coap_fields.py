"""What cases say of CoAP messages, and of how a role speaks CoAP."""

from __future__ import annotations

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.cases.observables import BINDING, SETTINGS
from sgprobe.engine.message.coap_fields import with_coap
from sgprobe.engine.message.fill import ABSENT
from sgprobe.engine.settings import COAP_FAULTS, coap_knobs
from sgprobe.exchange import Request
from sgprobe.links.associations import Leaving
from sgprobe.links.coap_shape import REST, Which
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.flight_fault import FlightFault, RecordFault

ASKED = Request("/gsma/rsp2/asn1", "application/x-gsma-rsp-asn1", b"body")
WORDS = {
    "code": "0.01", "path": "/x", "type": "NON", "content-format": "0", "block1.size": "64",
    "block2.size": "16", "block1.order": "0 1 rest", "block2.order": "2, 1", "token": "0102",
    "tokens": "one", "message-id": "7", "option.": "01", "copies": "2", "datagram": "40 00 12 34",
    "block2.twice": "yes", "block1.then-size": "32", "client": "other", "association": "resumed",
    "record": "damaged", "port": "new",
}  # fmt: skip


def test_every_field_of_the_language_is_taken() -> None:
    assert set(WORDS) == set(BINDING["coap"])
    told = {name if name != "option." else "option.65001": value for name, value in WORDS.items()}
    made = with_coap(ASKED, told)
    shape = made.shape
    assert (made.method, made.path, made.body) == ("GET", "/x", b"body")
    assert (shape.upload_szx, shape.download_szx, shape.token) == (2, 0, b"\x01\x02")
    assert (shape.uploads, shape.downloads) == ((0, 1, REST), (2, 1))
    assert shape.options == ((65001, b"\x01"),)
    assert (shape.confirmable, shape.one_token, shape.copies) == (False, True, 2)
    assert shape.later_szx == 1
    assert (shape.client, shape.leaving) == (Which.OTHER, Leaving.RESUMED)
    assert (shape.record, shape.moved) == (RecordFault.DAMAGED, True)
    assert shape.knobs(b"body", 6).asks_twice


def test_a_content_format_is_left_out() -> None:
    assert with_coap(ASKED, {"content-format": ABSENT}).shape.no_content_format


@pytest.mark.parametrize(
    "told",
    [
        {"code": "2.04"}, {"type": "ACK"}, {"block1.size": "63"}, {"token": "x"},
        {"message-id": "-1"}, {"tokens": "none"}, {"block1.order": "0 x"}, {"option.x": "00"},
        {"block2.order": "1 rest"}, {"client": "third"}, {"association": "old"},
        {"record": "lost"}, {"port": "5684"},
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_told(told: dict[str, str]) -> None:
    with pytest.raises(Unresolved):
        with_coap(ASKED, told)


def test_settings_reach_the_endpoint() -> None:
    told = {
        "block2-size": "64", "block1-size": "256", "separate": "yes", "ack-delay": "3 s",
        "max-body": "512", "etag": "no", "copies": "2", "fault": "token", "deduplicates": "no",
        "any-option": "yes", "etag-overlooked": "yes", "token-overlooked": "yes", "cookies": "no",
        "ack-timeout": "300 ms", "retransmissions": "7", "handshake": "reversed",
        "dtls": "replay", "mixes-uploads": "yes", "connection-id": "yes",
    }  # fmt: skip
    assert set(told) == {*SETTINGS["coap"], *COAP_FAULTS}
    knobs = coap_knobs(told, 1)
    assert knobs is not None
    assert knobs.server is not None
    assert knobs.message is not None
    assert knobs.request is not None
    server = knobs.server
    assert (server.szx, server.max_body, server.ack_delay) == (2, 512, 3.0)
    assert (server.separate, server.etag) == (True, False)
    assert (knobs.message.deduplicate, knobs.message.copies[1]) == (False, 2)
    assert (knobs.transmission.ack_timeout, knobs.transmission.max_retransmit) == (0.3, 7)
    assert not knobs.request.checks_etag
    assert not knobs.request.checks_token
    assert knobs.flights is not None
    assert (knobs.flights.fault, knobs.fault) == (FlightFault.REVERSED, PeersFault.REPLAY)
    assert server.mixes
    assert knobs.connection_ids


def test_a_role_of_which_nothing_is_told_has_no_knobs() -> None:
    assert coap_knobs({}, 1) is None


@pytest.mark.parametrize(
    "told",
    [
        {"fault": "x"}, {"ack-delay": "soon"}, {"block1-size": "65"}, {"handshake": "late"},
        {"dtls": "none"},
    ],
)  # fmt: skip
def test_a_setting_that_is_none_is_told(told: dict[str, str]) -> None:
    with pytest.raises(Unresolved):
        coap_knobs(told, 1)
