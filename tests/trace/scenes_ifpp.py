"""Captures of in-factory provisioning: a load in the factory, and the HTTP interfaces before it."""

from __future__ import annotations

import base64
import json
import random
from functools import cache

from capture_cards import arrows, gsmtap
from capture_http import JSON, Ask, http1, http2
from capture_scene import Capture, finished, scene
from capture_secure import V13, contexts, tls
from capture_wire import Wire
from card_bench import Exchange, ToyCard, selected, transfer
from tls_endpoints import Log

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from dissectors.link.apdu_bpp import split_bpp
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.profiles.library import ProfileType, make_iccid, package
from sgprobe.peers.smdp.metadata import store_metadata

IFPP = codec.load("IFPP@0")
BASE = "/ifpp/v0/"
MSP, DPF, DM = ("10.0.0.20", 49152), ("10.0.0.30", 80), ("10.0.0.40", 49152)
DER = "application/octet-stream"
CHALLENGE = "c1" * 16
_KIND = ProfileType("small", 0)


@cache
def chip() -> tuple[Eum, Personalised]:
    eum = Eum(TestPki.load()["p256"], entropy=random.Random(41))
    return eum, eum.personalise(41, Kind(keys=(Suite.C1, Suite.C1)))


@cache
def bound() -> ifpp.Bound:
    _, made = chip()
    iccid = make_iccid(41)
    metadata = store_metadata(parse_spec("SGP.22@2.7"), iccid, _KIND, "smdpf.example.com")
    content = ifpp.Content(iccid_octets(iccid), metadata, package("seed", iccid, _KIND))
    dpf, public = binder(TestPki.load()["p256"]), made.one_time_keys[0].public
    source = random.Random(42).randbytes
    return ifpp.bind(dpf, eid_octets(made.eid), public, content, random=source)


def encoded(name: str, value: object) -> bytes:
    return IFPP.encode(name, value)


def commands() -> list[tuple[str, list[bytes]]]:
    """What an FPA says, function by function; a package comes in pieces."""
    ask = {"challenge": CHALLENGE}
    return [
        ("GetIfppInfo", [encoded("GetIfppInfoRequest", {"bindingVersion": "v0"})]),
        ("IfppLoadContext", [bound().context]),
        ("LoadBoundProfilePackage", split_bpp(bound().package)),
        # used already
        ("IfppLoadContext", [bound().context]),
        ("GetIfppResults", [encoded("GetIfppResultsRequest", {"selector": {"all": None}})]),
        ("CloseFactoryPhase", [encoded("CloseFactoryPhaseRequest", ask)]),
        ("DeleteOneTimeKeys",
         [encoded("DeleteOneTimeKeysRequest", {"selector": {"allUnused": None}, **ask})]),
        ("CloseFactoryPhase", [encoded("CloseFactoryPhaseRequest", ask)]),
        ("GetSignedIfppState", [encoded("GetSignedIfppStateRequest", ask)]),
    ]  # fmt: skip


def load(wire: Wire, block: int = 255) -> list[Exchange]:
    """Load a profile into an eUICC of ours; return the APDUs, and note what was said."""
    euicc = chip()[1].euicc(entropy=random.Random(43))
    card = ToyCard(lambda channel, command: euicc.command(command, 0.0))
    out = list(selected(1))
    for function, pieces in commands():
        answer = b""
        for piece in pieces:
            steps = [one for step in transfer(card, piece, 1, block) for one in step]
            answer = b"".join(reply[:-2] for request, reply in steps if request[1] == 0xC0)
            out += steps
        wire.say("request", "ES10f", function, b"".join(pieces))
        wire.say("response", "ES10f", function, answer)
    return out


@scene("card-ifpp", "a load in the factory: context, package, results, the end of the phase")
def card_ifpp() -> Capture:
    wire = Wire(link="raw")
    gsmtap(wire, load(wire))
    return finished(wire)


@scene("log-ifpp", "the same as an APDU trace with times, blocks of 128 bytes")
def log_ifpp() -> Capture:
    wire = Wire()
    return Capture(arrows(load(wire, 128)).encode(), wire.sent, "log")


# --- HTTP ---


def as_json(**members: object) -> bytes:
    header = {"functionRequesterIdentifier": "2.999.100", "functionCallIdentifier": "C-1"}
    return json.dumps({"header": header, **members}).encode()


def done(**members: object) -> bytes:
    status = {"status": "Executed-Success"}
    return json.dumps({"header": {"functionExecutionStatus": status}, **members}).encode()


def failed(subject: str, reason: str) -> bytes:
    data = {"subjectCode": subject, "reasonCode": reason}
    status = {"status": "Failed", "statusCodeData": data}
    return json.dumps({"header": {"functionExecutionStatus": status}}).encode()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def report(result: bytes) -> bytes:
    header = {
        "reportId": "4e" * 16, "deliveryId": "D-1", "stationId": "S-07", "firstSequence": 1,
        "lastSequence": 1, "previousDigest": "00" * 32, "createdAt": "20260301130000Z",
        "final": True,
    }  # fmt: skip
    item = {
        "sequence": 1, "packageId": "50" * 16, "eid": eid_octets(chip()[1].eid).hex(),
        "iccid": bound().iccid.hex(), "attempt": 1, "startedAt": "20260301120000Z",
        "durationMs": 15400, "outcome": {"euiccResult": result.hex()},
    }  # fmt: skip
    return encoded("ProfileLoadingReport", {"header": header, "items": [item]})


def evidence() -> tuple[bytes, bytes]:
    """Return what the eUICC says after the load: its result, and its signed state."""
    euicc = chip()[1].euicc(entropy=random.Random(43))
    for piece in (bound().context, *split_bpp(bound().package)):
        result = euicc.command(piece, 0.0)
    ask = encoded("GetSignedIfppStateRequest", {"challenge": CHALLENGE})
    return result, euicc.command(ask, 0.0)


def post(function: str, interface: str, path: str, body: bytes, answer: bytes,
         **more: object) -> Ask:  # fmt: skip
    return Ask(function, body, answer, interface, BASE + path, JSON, admin="", **more)  # type: ignore[arg-type]


def get(function: str, interface: str, path: str, answer: bytes, media: str = JSON) -> Ask:
    return Ask(function, b"", answer, interface, BASE + path, "", media, method="GET",
               admin="")  # fmt: skip


def asks() -> list[Ask]:
    """A whole order: eUICC data, packages, delivery, report, removal."""
    eum, made = chip()
    result, state = evidence()
    package_ = bound().encoded(b"P" * 16)
    files = "esbpp/deliveries/D-1/"
    manifest = json.dumps({"format": "ifpp-rb-delivery", "version": 0, "deliveryId": "D-1"})
    line = json.dumps({"n": 1, "eid": made.eid, "off": 0, "len": len(package_)})

    order = as_json(orderId="O-1", profileType="small", count=1, notifyAddress="https://msp")
    return [
        post("OrderProfiles", "ES2f", "es2f/orders", order, done(orderId="O-1")),
        post("DeliverEuiccData", "Esed1", "esed1/batches",
             as_json(batch=b64(batch(eum, "B-1", [made]))), done(accepted=1, verdicts=[])),
        post("RequestPackages", "Esbpp", "esbpp/requests",
             as_json(orderId="O-1", entries=[{"eid": made.eid}]), done(jobId="J-1"), status=200),
        get("ShowJob", "Esbpp", "esbpp/jobs/J-1", done(state="done", deliveryId="D-1")),
        get("FetchDelivery", "Esbpp", files + "manifest.json", manifest.encode()),
        get("FetchDelivery", "Esbpp", files + "shards/0000.idx",
            f"{line}\n{line}\n".encode(), DER),
        get("FetchDelivery", "Esbpp", files + "shards/0000.bin", package_, DER),
        Ask("ReportLoading", report(result), done(verdicts=[]), "Esbpp", BASE + "esbpp/reports",
            DER, JSON, admin=""),
        post("ReportLoading", "Esbpp", "esbpp/reports", as_json(report=b64(report(result))),
             done(verdicts=[])),
        get("ShowGaps", "Esbpp", "esbpp/reports/D-1/gaps", done(stations=[])),
        Ask("TellOperator", as_json(orderId="O-1", proven=[bound().iccid.hex()]), b"", "ES2f",
            "/mno/reports", JSON, admin=""),
        post("ReportRemovals", "Esbpp", "esbpp/removals",
             as_json(removals=[{"iccid": bound().iccid.hex(), "evidence": b64(state)}]),
             done(verdicts=[])),
        post("WithdrawProfiles", "ES2f", "es2f/orders/O-1/withdraw", as_json(),
             failed("8.2", "3.8")),
        get("ShowOrder", "ES2f", "es2f/orders/O-1", done(states={"installed": 1})),
    ]  # fmt: skip


def odd() -> list[Ask]:
    """What does not open, or is no message."""
    eum, made = chip()
    whole = batch(eum, "B-1", [made])
    deep = {"a": 1}
    for _ in range(30):
        deep = {"a": deep, "batch": "AAAA"}  # type: ignore[dict-item]
    return [
        post("DeliverEuiccData", "Esed1", "esed1/batches", as_json(batch="!"), b"", status=400),
        post("DeliverEuiccData", "Esed1", "esed1/batches",
             as_json(batch=b64(whole[:-1])), failed("9.41.1", "6.1")),
        post("ReportLoading", "Esbpp", "esbpp/reports", b"{", b"", status=400),
        get("ShowJob", "Esbpp", "esbpp/jobs/J-2", b"no such job", "text/plain"),
        post("DeliverEuiccData", "Esed1", "esed1/batches", as_json(**deep), b"", status=400),
        post("ReportLoading", "Esbpp", "esbpp/reports", b"\xff\x4a\x03\x02\x01\x00", b"",
             status=400),
        post("OrderProfiles", "ES2f", "es2f/orders", b"", b"", status=400),
        get("FetchDelivery", "Esbpp", "esbpp/deliveries/D-1/shards/0000.bin",
            bound().encoded(b"P" * 16)[:500], DER),
    ]  # fmt: skip


@scene("http-ifpp-odd", "Esbpp with members and bodies that do not open")
def http_ifpp_odd() -> Capture:
    wire = Wire()
    talk = wire.connect(DM, DPF)
    http1(wire, talk.data, odd())
    talk.close()
    return finished(wire)


@scene("http-ifpp", "ES2f, Esed1 and Esbpp over HTTP/1.1: an order, data, packages, reports")
def http_ifpp() -> Capture:
    wire = Wire()
    talk = wire.connect(DM, DPF)
    http1(wire, talk.data, asks())
    talk.close()
    return finished(wire)


@scene("http2-ifpp", "the same over HTTP/2", fixed=False)
def http2_ifpp() -> Capture:
    wire = Wire()
    talk = wire.connect(DM, DPF)
    http2(wire, talk.data, [one for one in asks() if one.method == "POST"])
    talk.close()
    return finished(wire)


@scene("tls13-ifpp", "the same over TLS 1.3", origin="sessions of OpenSSL; frames and bodies as "
       "elsewhere")  # fmt: skip
def tls13_ifpp() -> Capture:
    log, wire = Log(), Wire()
    secured = tls(wire, contexts(log, version=V13))
    http1(wire, secured.send, asks())
    secured.close()
    return finished(wire, keys=log.text)
