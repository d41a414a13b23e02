"""Captures of HTTP in clear: every interface and version, errors, departures, lost halves."""

from __future__ import annotations

from capture_bodies import (
    DOWNLOAD,
    EID,
    INJECTION,
    POLLS,
    SHORT,
    as_json,
    b64,
    body,
    done,
    failed,
    golden,
    json_download,
    json_packages,
    long_package,
    parts,
    tlv,
    wrapped,
)
from capture_http import JSON, Ask, asks, http1, http2, json_asks
from capture_scene import Capture, finished, scene
from capture_wire import EIM, IPA, SMDP, SMDS, Wire, one_way


def _plain(exchanges: list[Ask], server: tuple[str, int] = EIM, **more: bool) -> Wire:
    wire = Wire()
    talk = wire.connect(IPA, server)
    http1(wire, talk.data, exchanges, **more)
    talk.close()
    return wire


def _poll(version: str) -> None:
    title = f"the polling loop in SGP.32 {version}: packages, results, data, a trigger, an error"

    @scene(f"http-esipa-{version}", title)
    def make() -> Capture:
        return finished(_plain(asks(POLLS[version])))


for _version in POLLS:
    _poll(_version)


@scene("http-esipa-download", "an indirect download over ESipa, ended by CancelSession")
def esipa_download() -> Capture:
    return finished(_plain(asks(DOWNLOAD)))


@scene("http-esipa-injection", "the eIM is the client: TransferEimPackage")
def injection() -> Capture:
    wire = Wire()
    talk = wire.connect(("10.0.0.5", 50000), ("10.0.0.2", 8080))
    http1(wire, talk.data, asks(INJECTION))
    talk.close()
    return finished(wire)


@scene("http-esipa-json", "the JSON binding of ESipa: packages, results, errors in both forms")
def esipa_json() -> Capture:
    rows = json_packages()
    return finished(_plain(json_asks(rows, "/gsma/rsp2/esipa/", "ESipa")))


@scene("http-esipa-json-download", "a download in the JSON of ESipa")
def esipa_json_download() -> Capture:
    return finished(_plain(json_asks(json_download(True), "/gsma/rsp2/esipa/", "ESipa")))


@scene("http-es9-json", "a download over ES9+ in JSON, DER in base64 inside")
def es9_json() -> Capture:
    rows = json_asks(json_download(False), "/gsma/rsp2/es9plus/", "ES9+")
    return finished(_plain(rows, SMDP))


@scene("http-es9-asn1", "a download over ES9+ in the ASN.1 binding, each message inside A2")
def es9_asn1() -> Capture:
    rows = [
        ("InitiateAuthentication", "es9plus/044", "es9plus/049"),
        ("AuthenticateClient", "es9plus/045", "es9plus/050"),
        ("GetBoundProfilePackage", "es9plus/046", ""),
        ("HandleNotification", "es9plus/048", ""),
        ("CancelSession", "es9plus/047", "es9plus/052"),
    ]
    exchanges = [Ask(name, body(q), body(a), "ES9+") for name, q, a in rows]
    exchanges[2].answer = wrapped("es9plus/022")
    return finished(_plain(exchanges, SMDP))


@scene(
    "http-es11-asn1",
    "an SM-DS is asked for events in the ASN.1 binding",
    "only the answer BF40 tells ES11 from ES9+; the requests are read as ES9+",
)
def es11_asn1() -> Capture:
    exchanges = [
        Ask("InitiateAuthentication", body("es9plus/044"), body("es9plus/049"), "ES9+"),
        Ask("AuthenticateClient", body("es9plus/045"), body("es9plus/053"), "ES9+"),
        Ask("AuthenticateClient", body("es9plus/045"), wrapped("es9plus/038"), "ES9+"),
    ]
    for ask in exchanges[1:]:
        ask.answered_by = "ES11"
    return finished(_plain(exchanges, SMDS))


@scene(
    "http-es11-json",
    "an SM-DS is asked for events in JSON, on the paths of ES9+",
    "only eventEntries tell ES11 from ES9+; the requests are read as ES9+",
)
def es11_json() -> Capture:
    rows = json_download(False)[:2]
    events = [{"eventId": "1-AB-C", "rspServerAddress": "smdpplus.example.com"}]
    transaction = parts(body("es9plus/002"), 0, 0)[0][1].hex().upper()
    rows[1] = (*rows[1][:2], done(transactionId=transaction, eventEntries=events))
    exchanges = json_asks(rows, "/gsma/rsp2/es9plus/", "ES9+")
    exchanges[1].answered_by = "ES11"
    return finished(_plain(exchanges, SMDS))


@scene("http-es2-es12", "ES2+ and ES12 in plain JSON: orders, events, a refusal, progress")
def servers() -> Capture:
    head = {"functionRequesterIdentifier": "2.999.10", "functionCallIdentifier": "call-1"}
    profile = {"iccid": "8901234567890123458", "profileType": "P1"}
    event = {"eid": EID, "eventId": "E1", "rspServerAddress": "smdpplus.example.com",
             "forwardingIndicator": True}  # fmt: skip
    orders = [
        ("downloadOrder", as_json({"header": head, "eid": EID, **profile}),
         done(iccid=profile["iccid"])),
        ("confirmOrder", as_json({"header": head, "iccid": profile["iccid"],
                                  "confirmationCode": "1234", "releaseFlag": True}),
         done(eid=EID, matchingId="AB-CD")),
        ("releaseProfile", as_json({"header": head, "iccid": profile["iccid"]}),
         failed("8.2.1", "3.9", "unknown ICCID")),
    ]  # fmt: skip
    events = [
        ("registerEvent", as_json({"header": head, **event}), done()),
        ("deleteEvent", as_json({"header": head, "eid": EID, "eventId": "E1"}), done()),
    ]
    wire = Wire()
    for rows, prefix, interface, client, server in (
        (orders, "/gsma/rsp2/es2plus/", "ES2+", ("10.0.0.9", 50001), SMDP),
        (events, "/gsma/rsp2/es12/", "ES12", ("10.0.0.6", 50002), SMDS),
    ):
        talk = wire.connect(client, server)
        http1(wire, talk.data, json_asks(rows, prefix, interface))
        talk.close()
    return finished(wire)


@scene("http-errors", "answers with 4xx and 5xx, with a text, with JSON, with nothing")
def errors() -> Capture:
    question = body("esipa-packages/001")
    text = "text/plain"

    def ask(status: int, answer: bytes, media: str = text) -> Ask:
        return Ask("GetEimPackage", question, answer, status=status, answer_media=media)

    exchanges = [
        ask(400, b"Unsupported X-Admin-Protocol"),
        ask(404, b"<html><body>Not found</body></html>", "text/html"),
        ask(415, b""),
        ask(500, b"\x00\xff\x01\x80", "application/octet-stream"),
        ask(501, b""),
        ask(503, failed("8.8.1", "3.8", "try later"), "application/json"),
        ask(500, body("esipa-packages/028"), ""),
        ask(200, b"", ""),
    ]
    return finished(_plain(exchanges))


@scene("http-departures", "other paths, ports, media types, methods and protocol headers")
def departures() -> Capture:
    (one, two) = SHORT
    esipa = {"function": "GetEimPackage", "request": body(one[0]), "answer": body(one[1])}
    result = {"function": "ProvideEimPackageResult", "request": body(two[0]),
              "answer": body(two[1])}  # fmt: skip
    _, question, answer = json_packages()[0]
    exchanges = [
        Ask(**esipa, path="/eim/esipa", media="application/octet-stream"),
        Ask(**result, path="/", media=""),
        Ask(**esipa, admin="gsma/rsp/v1.3.0"),
        Ask(**result, admin="", method="PUT"),
        Ask(**esipa, media=JSON, answer_media="application/x-gsma-rsp-asn1"),
        Ask("GetEimPackage", question, answer, path="/api/v1/esipa/getEimPackage", media="text/x"),
        Ask("GetEimPackage", question, answer, media="application/x-gsma-rsp-asn1"),
        Ask("InitiateAuthentication", json_download(False)[0][1], json_download(False)[0][2],
            "ES9+", "/smdp/auth", "application/json"),
    ]  # fmt: skip
    return finished(_plain(exchanges, ("10.0.0.5", 8080)))


@scene("http-others", "traffic of others around two of our exchanges: it is passed over")
def others() -> Capture:
    wire = Wire()
    for port, lines in (
        (80, b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n\r\n"),
        (8081, b'POST /shop/cancelOrder HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n'
               b'Content-Length: 12\r\n\r\n{"order": 1}'),
        (25, b"EHLO mail.example.com\r\n"),
    ):  # fmt: skip
        talk = wire.connect(("10.0.0.3", 40000 + port), ("10.0.0.4", port))
        talk.data(0, lines)
        talk.data(
            1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if port > 25 else b"250 ok\r\n"
        )
        talk.close()
    talk = wire.connect(IPA, EIM)
    http1(wire, talk.data, asks(SHORT))
    talk.close()
    for port in (53, 123, 9999):
        wire.datagram(
            ("10.0.0.3", 5000), ("10.0.0.4", port), b"\x41\x01\x00\x00\x00\x01\x00\x00" * 4
        )
    return finished(wire)


@scene("http-malformed", "answers that break the encoding rules, each decoded as far as it goes")
def malformed() -> Capture:
    rows = [row for row in golden().values() if row["type"] == "GetEimPackageResponse"]
    bad = [row["id"] for row in rows if row["result"] == "invalid"][:8]
    whole = body("esipa-packages/006")
    exchanges = asks([("esipa-packages/001", name) for name in bad])
    short = bytes.fromhex("3003020101")
    cuts = [whole[:-1], whole[:40], whole + bytes(2), b"\xbf", b"\xbf\x4f", short, bytes(20)]
    exchanges += [Ask("GetEimPackage", body("esipa-packages/001"), answer) for answer in cuts]
    exchanges.append(Ask("unknown", b"\x01\x02\x03", b"", status=400))
    return finished(_plain(exchanges))


@scene("http-begins-inside", "the capture begins inside an answer of a connection that goes on")
def begins_inside() -> Capture:
    wire = Wire()
    talk = wire.connect(IPA, EIM)
    http1(wire, talk.data, asks([("esipa-packages/001", "esipa-packages/016")]))
    wire.frames = wire.frames[-1:]
    wire.sent.clear()
    talk.data(1, bytes(200) + b"the rest of an answer" * 9)
    http1(wire, talk.data, asks(SHORT))
    talk.close()
    return finished(wire)


@scene(
    "http-answers-alone",
    "only what the eIM sends was captured",
    "the requests are not in the capture, nor is the path: answers are known by their bytes; an "
    "empty one is nothing by itself",
)
def answers_alone() -> Capture:
    wire = _plain(asks([*SHORT, ("esipa-packages/001", "esipa-packages/028")]))
    wire.sent = [one for one in wire.sent if one.kind == "response"]
    return finished(wire, one_way("10.0.0.5"))


@scene("http-requests-alone", "only what the IPA sends was captured")
def requests_alone() -> Capture:
    wire = _plain(asks([*SHORT, ("esipa-download/063", "")]))
    wire.sent = [one for one in wire.sent if one.kind == "request"]
    return finished(wire, one_way("10.0.0.2"))


@scene("http-pipelined", "four requests before the first answer")
def pipelined() -> Capture:
    return finished(_plain(asks([*SHORT, *SHORT]), pipelined=True))


@scene("http-chunked", "chunked bodies, one of 30 KB")
def chunked() -> Capture:
    exchanges = asks(SHORT, chunked=True)
    exchanges.append(
        Ask("GetBoundProfilePackage", body("esipa-download/035"), long_package(29), chunked=True)
    )
    return finished(_plain(exchanges))


@scene("http-gzip", "bodies coded with gzip, counted and chunked", fixed=False)
def gzipped() -> Capture:
    exchanges = [*asks(SHORT, gzipped=True), *asks(SHORT, gzipped=True, chunked=True)]
    return finished(_plain(exchanges))


@scene("http2-clear", "HTTP/2 with prior knowledge, one stream after the other", fixed=False)
def http2_clear() -> Capture:
    wire = Wire()
    talk = wire.connect(IPA, EIM)
    http2(wire, talk.data, asks([*POLLS["1.2"][:4]]))
    talk.close()
    return finished(wire)


@scene("http2-streams", "HTTP/2: four streams at once, answered in reverse", fixed=False)
def http2_streams() -> Capture:
    wire = Wire()
    talk = wire.connect(IPA, EIM, mss=500)
    exchanges = asks(SHORT)
    exchanges += json_asks(json_packages()[:1], "/gsma/rsp2/esipa/", "ESipa")
    exchanges.append(Ask("GetBoundProfilePackage", body("esipa-download/035"), long_package(5)))
    http2(wire, talk.data, exchanges, at_once=True)
    talk.close()
    return finished(wire)


@scene("http-json-odd", "JSON that is cut, nested, of other types, with members that do not open")
def json_odd() -> Capture:
    path = "/gsma/rsp2/es9plus/"
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    good = json_download(False)[0]
    signature = b64(tlv("5F37", bytes(64)))
    rows = [
        ("initiateAuthentication", good[1][:-3], good[2]),
        ("initiateAuthentication", good[1], b'{"header": NaN}'),
        ("initiateAuthentication", good[1], b"[]"),
        ("initiateAuthentication", good[1], done(serverSigned1="!!", serverSignature1="AAAA")),
        ("initiateAuthentication", good[1], as_json({"serverSignature1": signature})),
        ("authenticateClient", deep, done(transactionId="\u202eabc\x9b31m\ud800")),
        ("handleNotification", as_json({"pendingNotification": b64(b"\x30\x80\x00")}), b""),
    ]
    return finished(_plain(json_asks(rows, path, "ES9+"), SMDP))
