from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_rows import VECTORS
from scapy.layers.http import HTTP, HTTPRequest, HTTPResponse
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw
from scapy.utils import rdpcap

from dissectors.layers import es9, es11, esipa
from dissectors.layers.body import NoBody, OtherBody
from dissectors.layers.generate import message_classes
from dissectors.layers.http import HttpRequestBody, HttpResponseBody
from dissectors.layers.json_message import JsonMessage
from dissectors.spec.functions import FUNCTIONS

EID = "89049032123451234512345678901235"
POLL = esipa.GetEimPackageRequest(eidValue=EID)


def test_a_message_brings_its_head() -> None:
    packet = IP() / TCP() / HTTP() / HTTPRequest(Host="eim.example.com") / POLL
    raw = bytes(packet)
    head, _, body = bytes(packet[HTTP]).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /gsma/rsp2/asn1 HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-gsma-rsp-asn1" in head
    assert b"\r\nContent-Length: 21" in head
    assert b"\r\nX-Admin-Protocol: gsma/rsp/v2.1.0" in head
    assert body == bytes(POLL)
    again = IP(raw)
    assert again["GetEimPackageRequest"].eidValue == EID
    assert bytes(again) == raw


def test_an_answer_brings_its_head() -> None:
    answer = esipa.GetEimPackageResponse(eimPackageError="eidNotFound")
    packet = HTTP(bytes(HTTP() / HTTPResponse() / answer))
    assert packet["GetEimPackageResponse"].eimPackageError == "eidNotFound"
    assert packet[HTTPResponse].Content_Type == b"application/x-gsma-rsp-asn1"


def test_json_by_path() -> None:
    for made, path in ((es9.Es9CancelSessionRequestJson, "es9plus/cancelSession"),
                       (esipa.EsipaCancelSessionRequestJson, "esipa/cancelSession")):  # fmt: skip
        packet = HTTP() / HTTPRequest() / made(transactionId="00")
        again = HTTP(bytes(packet))
        assert again[HTTPRequest].Path.decode() == f"/gsma/rsp2/{path}"
        assert again.lastlayer().__class__ is made


@pytest.mark.parametrize("media", [b"application/json", b"application/json;charset=UTF-8"])
def test_json_answers_by_their_members(media: bytes) -> None:
    body = es9.Es9GetBoundProfilePackageResponseJson(
        transactionId="00", boundProfilePackage="bf3600"
    )
    packet = HTTP() / HTTPResponse(Content_Type=media) / bytes(body)
    assert HTTP(bytes(packet)).lastlayer().__class__ is es9.Es9GetBoundProfilePackageResponseJson
    events = es11.Es11AuthenticateClientResponseJson(others={"eventEntries": []}, header={})
    packet = HTTP() / HTTPResponse(Content_Type=media) / bytes(events)
    assert HTTP(bytes(packet)).lastlayer().__class__ is es11.Es11AuthenticateClientResponseJson


def test_bodies_of_others() -> None:
    json = HTTP() / HTTPRequest(Path="/shop", Content_Type="application/json") / b'{"cart":1}'
    assert HTTP(bytes(json)).lastlayer().__class__ is Raw
    ours = HTTPRequest(Path="/gsma/rsp2/asn1", Content_Type="application/x-gsma-rsp-asn1")
    odd = HTTP(bytes(HTTP() / ours / b"\x05\x00\x01"))
    assert odd.lastlayer().__class__ is OtherBody
    assert odd.lastlayer().undecoded == bytes(odd.lastlayer()) == b"\x05\x00\x01"
    assert "3 octets that begin with 05 00 01 are no message" in odd.show(dump=True)


def test_coded_bodies_are_left_to_scapy() -> None:
    head = HTTPResponse(Content_Encoding="gzip", Content_Type="application/x-gsma-rsp-asn1")
    answer = esipa.GetEimPackageResponse(eimPackageError=1)
    raw = bytes(HTTP() / head / Raw(bytes(answer)))
    assert gzip.decompress(raw.partition(b"\r\n\r\n")[2]) == bytes(answer)
    assert HTTP(raw)[Raw].load == bytes(answer)


def test_captured_messages_come_back() -> None:
    named = set()
    for path in sorted((VECTORS / "captures").glob("http-es*.pcap")):
        for frame in rdpcap(str(path)):
            if TCP in frame and frame[TCP].payload and frame[TCP].payload.__class__ is HTTP:
                raw = bytes(frame[TCP].payload)
                packet = HTTP(raw)
                assert bytes(packet) == raw
                named.add(packet.lastlayer().__class__.__name__)
    assert {"GetEimPackageRequest", "GetEimPackageResponse", "NoPayload"} & named
    assert {"Es9InitiateAuthenticationRequestJson", "RemoteProfileProvisioningRequest"} <= named


def test_every_message_has_a_head() -> None:
    requests = {function.request for function in FUNCTIONS} | {"RemoteProfileProvisioningRequest"}
    for interface in ("ESipa", "ES9+", "ES11", "ES12", "ES2+"):
        for name, made in message_classes(interface).items():
            asks = made.kind == "request" if issubclass(made, JsonMessage) else name in requests
            below = HTTPRequest() if asks else HTTPResponse()
            below.add_payload(made())
            assert below.Content_Type, name
            assert not asks or (below.Method, below.Path[:11]) == (b"POST", b"/gsma/rsp2/"), name


def test_the_bound_classes_are_there_without_bytes() -> None:
    assert HttpRequestBody().__class__ is HttpRequestBody
    assert HttpResponseBody().__class__ is HttpResponseBody
    assert NoBody(function="HandleNotification", kind="response").summary() == (
        "HandleNotification response without a body"
    )


@given(st.binary(max_size=60), st.sampled_from(["application/x-gsma-rsp-asn1", "application/json"]),
       st.booleans())  # fmt: skip
def test_any_body_is_dissected_and_kept(body: bytes, media: str, asks: bool) -> None:
    start = "POST /gsma/rsp2/asn1 HTTP/1.1" if asks else "HTTP/1.1 200 OK"
    raw = f"{start}\r\nContent-Type: {media}\r\n\r\n".encode() + body
    packet = HTTP(raw)
    assert bytes(packet) == raw
    packet.show(dump=True)
