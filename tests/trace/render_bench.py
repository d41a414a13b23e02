"""What the tests of the forms share: hostile messages, and a way to print."""

from __future__ import annotations

import io

from capture_bodies import as_json, body, json_download, long_package
from capture_cards import CARD, apdus, gsmtap
from capture_coap import Manner, coap
from capture_http import JSON, Ask, asks, http1
from capture_wire import EIM, IPA, Wire
from trace_bench import NOTHING, POLL, over_http, poll, read_wire

from dissectors.trace.read import Trace
from dissectors.trace.render import Style, make

# a terminal's escapes, line ends, halves of pairs, direction marks, markup, formulas
NASTY = "\x1b[31m\x9b2J\x07\r\n\u2028\u202e\ud800\x00<&>\"';#%=2+3"


def shown(form: str, trace: Trace, style: Style | None = None) -> str:
    """Print a trace in a form."""
    out = io.StringIO()
    renderer = make(form, out, style or Style())
    for message in trace.messages:
        renderer.message(message)
    renderer.finish(trace)
    return out.getvalue()


def hostile() -> Trace:
    """Return messages full of what no form may print as it is."""
    key = "smdpAddress" + NASTY
    nasty = {"header": {"functionExecutionStatus": {"statusCodeData": {
        "subjectCode": NASTY, "reasonCode": NASTY, "message": NASTY}}},
        key: {NASTY: [NASTY, {"transactionId": NASTY}], "euiccInfo1": "!" + NASTY},
        "transactionId": NASTY}  # fmt: skip
    path = "/gsma/rsp2/es9plus/initiateAuthentication"
    return over_http(
        Ask("x", as_json(nasty), as_json(nasty), path=path, media=JSON),
        Ask("x", POLL, NASTY.encode("utf-8", "surrogatepass"), status=500, answer_media="text/x"),
        poll(path="/\x1b[31m\xff'\"<&>", method="POST"),
        poll(admin="\x1b]0;x\x07", media="\x9b<script>"),
    )


def everything() -> Trace:
    """Return messages of every role and carrier, with faults, blocks and repetitions."""
    wire = Wire()
    eim = wire.connect(IPA, EIM)
    smdp = wire.connect(("10.0.0.2", 50001), ("10.0.0.6", 80))
    smds = wire.connect(("10.0.0.2", 50002), ("10.0.0.7", 80))
    http1(wire, eim.data, asks([("esipa-packages/004", "esipa-packages/016")]))
    for name, question, answer in json_download(False)[:2]:
        http1(wire, smdp.data, [Ask(name, question, answer, path=f"/gsma/rsp2/es9plus/{name}",
                                    media=JSON)])  # fmt: skip
    http1(wire, smds.data, [Ask("x", body("es9plus/045"), body("es9plus/053"))])
    gsmtap(wire, apdus(wire, CARD[:2]))
    fate = lambda number, sender: [] if number in (2, 5) else [0.1]  # noqa: E731
    rows = [*asks([("esipa-packages/035", "esipa-packages/050")]),
            Ask("x", body("esipa-download/035"), long_package(2))]  # fmt: skip
    coap(wire, rows, Manner(fate=fate, szx=5), ("10.0.0.2", 4000))
    http1(wire, eim.data, [Ask("x", POLL, NOTHING[:-2]), Ask("x", POLL, b"no", status=503)])
    return read_wire(wire)
