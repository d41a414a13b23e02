"""Sequence diagrams: what is laid out, valid SVG and Mermaid, nothing outside the picture."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from capture_bodies import SHORT
from capture_http import asks, http1
from capture_wire import EIM, IPA, Wire
from render_bench import everything, hostile, shown
from stored_captures import index, trace
from trace_bench import over_http, poll, read_wire

from dissectors.trace.read import Trace
from dissectors.trace.render import Style
from dissectors.trace.render.sequence import MOST, Arrow, Diagram, Note, build
from dissectors.trace.render.svg import draw

SVG = "{http://www.w3.org/2000/svg}"
CHROMIUM = shutil.which("chromium")


def laid_out(name: str, style: Style | None = None) -> Diagram:
    whole = trace(name)
    return build(whole.messages, whole, style or Style())


# --- the layout ---


def test_lanes_stand_in_the_order_of_roles() -> None:
    whole = everything()
    diagram = build(whole.messages, whole, Style())
    assert [lane.split("\n") for lane in diagram.lanes] == [
        ["euicc", "card"],
        ["ipa", "10.0.0.2"],
        ["ipa", "device"],
        ["eim", "10.0.0.5"],
        ["smdp", "10.0.0.6"],
        ["smds", "10.0.0.7"],
    ]
    for arrow, message in zip(diagram.arrows, whole.messages, strict=True):
        assert diagram.lanes[arrow.source].startswith(message.sender)
        assert arrow.is_answer == (message.kind == "response")


def test_an_sm_ds_is_one_lane_though_its_requests_look_like_es9() -> None:
    for name in ("http-es11-asn1", "http-es11-json"):
        assert [lane.split("\n")[0] for lane in laid_out(name).lanes] == ["ipa", "smds"]


def test_named_roles_are_lanes() -> None:
    style = Style(roles={"10.0.0.5": "my <eIM>"})
    assert laid_out("http-esipa-1.2", style).lanes == ["ipa\n10.0.0.2", "my <eIM>\n10.0.0.5"]


def test_blocks_and_repetitions_are_folded() -> None:
    folded = [arrow.folded for arrow in laid_out("coap-loss-client").arrows]
    assert any("blocks" in text and "sent again" in text for text in folded)
    assert [arrow.folded for arrow in laid_out("coap-blocks").arrows][-1] == "29 blocks"
    assert {arrow.folded for arrow in laid_out("http-esipa-1.2").arrows} == {""}


def test_faults_and_refusals_are_bad() -> None:
    diagram = laid_out("http-errors")
    assert [arrow.bad for arrow in diagram.arrows] == [False, True] * 8
    assert diagram.summary == "16 messages in 0.030 s, 8 with faults"
    bad = [arrow.label for arrow in laid_out("http-esipa-1.2").arrows if arrow.bad]
    assert bad == ["ProvideEimPackageResultResponse"]  # an error of the protocol, not of the bytes


def test_pauses_and_losses_stand_between_the_messages() -> None:
    notes = [row for row in laid_out("coap-separate").rows if isinstance(row, Note)]
    assert [note.text for note in notes] == ["2.5 s pass", "2.5 s pass"]
    assert not any(note.is_fault for note in notes)
    rows = laid_out("tcp-cut").rows
    cut = [n for n, row in enumerate(rows) if isinstance(row, Note) and row.is_fault]
    assert cut
    assert min(cut) < max(n for n, row in enumerate(rows) if isinstance(row, Arrow))


def test_closed_sessions_are_told() -> None:
    assert [note.text for note in laid_out("tls13-no-keys").notes] == [
        "1 encrypted session could not be opened: keys are missing"
    ]


def test_long_captures_are_cut_and_counted() -> None:
    wire = Wire()
    talk = wire.connect(IPA, EIM)
    http1(wire, talk.data, asks(SHORT * 130))
    whole = read_wire(wire)
    for form in ("svg", "mermaid"):
        found = shown(form, whole)
        assert f"… and {520 - MOST} more messages" in found
        assert found.count("GetEimPackageRequest") <= MOST
    root = ET.fromstring(shown("svg", whole))
    assert len([g for g in root.iter(SVG + "g") if g.find(SVG + "title") is not None]) == MOST


def test_nothing_at_all() -> None:
    assert shown("mermaid", Trace()).startswith("sequenceDiagram\n    participant p0")
    root = ET.fromstring(shown("svg", Trace()))
    assert root.find(SVG + "desc").text == "0 messages in 0.000 s"  # type: ignore[union-attr]


# --- SVG ---


@pytest.mark.parametrize(
    "name", [n for n in sorted(index()) if not n.startswith(("tls12", "dtls"))]
)
def test_every_picture_is_xml_and_inside_its_frame(name: str) -> None:
    _check(ET.fromstring(shown("svg", trace(name))))


def _check(root: ET.Element) -> None:
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    assert width >= 860
    for element in root.iter():
        for name in ("x", "x1", "x2"):
            if element.get(name) is not None:
                assert 0 <= float(element.get(name, 0)) <= width
        for name in ("y", "y1", "y2"):
            if element.get(name) is not None:
                assert 0 <= float(element.get(name, 0)) <= height
        if element.tag == SVG + "text" and element.text:
            assert element.text.isprintable()
            size = float(element.get("font-size", 13))
            long = len(element.text) * size * 0.56
            middle = {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
            start = float(element.get("x", 0)) - long * middle
            assert start >= -6, element.text
            assert start + long <= width + 12, element.text


def test_pictures_of_hostile_text_are_valid() -> None:
    whole = hostile()
    root = ET.fromstring(shown("svg", whole))
    _check(root)
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    style = Style(roles={"10.0.0.5": '"><script>alert(1)</script>\x1b\ud800'})
    for form in ("svg", "mermaid"):
        found = shown(form, whole, style)
        assert found.encode("utf-8")
        assert "<script" not in found
        assert all(line.isprintable() for line in found.splitlines())
    ET.fromstring(shown("svg", whole, style))


def test_long_words_make_room() -> None:
    whole = over_http(poll())
    whole.messages[0].type = "T" * 60
    style = Style(roles={"10.0.0.2": "a role with a very long name indeed, for a lane"})
    root = ET.fromstring(shown("svg", whole, style))
    _check(root)
    assert float(root.get("width", 0)) > 860


def test_a_message_to_itself_is_a_loop() -> None:
    arrow = Arrow(0, 0, "label", "detail", "0.0 s", "1", False, (), "", False)
    found = draw(Diagram(["one\n::1"], [arrow], [], "1 messages in 0.000 s"))
    assert "<path d=" in found
    _check(ET.fromstring(found))


def test_faults_are_red_and_answers_dashed() -> None:
    root = ET.fromstring(shown("svg", trace("http-errors")))
    lines = [e for e in root.iter(SVG + "line") if e.get("marker-end")]
    assert [e.get("marker-end") for e in lines] == ["url(#ask)", "url(#fault)"] * 8
    assert [e.get("stroke-dasharray") is not None for e in lines] == [False, True] * 8
    assert {e.get("stroke") for e in lines if e.get("marker-end") == "url(#fault)"} == {"#c81e1e"}
    told = [e.text for e in root.iter(SVG + "text") if e.get("fill") == "#c81e1e"]
    assert "⚠ binding.not-read: 28 octets with status 400: 'Unsupported X-Admin-Protocol'" in told


@pytest.mark.oracle("chromium")
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to draw with")
def test_a_browser_draws_every_word_inside(tmp_path: Path) -> None:
    """Chromium measures the words that we only estimate."""
    drawn = shown("svg", everything())
    script = (
        "<script>const s=document.querySelector('svg');const w=s.viewBox.baseVal.width;"
        "let bad=[];for(const t of s.querySelectorAll('text')){const b=t.getBBox();"
        "if(b.x<-1||b.x+b.width>w+1)bad.push(t.textContent)}"
        "document.title=bad.length?'BAD '+bad.join('|'):'GOOD '+s.querySelectorAll('text').length;"
        "</script>"
    )
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{drawn}{script}", encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    found = re.search(r"<title>((?:GOOD|BAD)[^<]*)</title>", done.stdout)
    if found is None:
        pytest.skip("chromium did not draw")
    assert found[1].startswith("GOOD"), found[1]


# --- Mermaid ---

_TEXT = r"(?:[^#;<>\"%\n]|#(?:35|37|59|lt|gt|quot);|<br/>)*"
_LINE = re.compile(
    r"sequenceDiagram"
    rf"|    participant p\d+ as {_TEXT}"
    rf"|    p\d+--?>>p\d+: {_TEXT}"
    rf"|    Note over p\d+(?:,p\d+)?: {_TEXT}"
    r"|    rect rgb\(253, 226, 226\)"
    r"|    end"
)


def _mermaid(found: str) -> None:
    depth, lanes = 0, 0
    for line in found.splitlines():
        assert _LINE.fullmatch(line), line
        lanes += line.startswith("    participant")
        depth += line.startswith("    rect")
        depth -= line == "    end"
        assert 0 <= depth <= 1
        for lane in re.findall(r"^    (?:Note over )?p(\d+)", line):
            assert int(lane) < lanes or line.startswith("    participant")
    assert depth == 0


@pytest.mark.parametrize("name", sorted(index()))
def test_every_mermaid_is_of_its_grammar(name: str) -> None:
    _mermaid(shown("mermaid", trace(name)))


def test_mermaid_of_hostile_text_and_of_all_roles() -> None:
    _mermaid(shown("mermaid", hostile(), Style(roles={"10.0.0.5": "a;b#c%d\n"})))
    found = shown("mermaid", everything())
    _mermaid(found)
    assert "    participant p0 as euicc card" in found
    assert re.search(r"rect .*\n    p\d-->>p\d: GetEimPackageResponse", found)
