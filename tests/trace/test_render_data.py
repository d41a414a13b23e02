"""Forms for machines: NDJSON, JSON, CSV, XML."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest
from capture_bodies import EID
from hypothesis import given, settings
from hypothesis import strategies as st
from render_bench import NASTY, everything, hostile, shown
from stored_captures import golden, index, trace
from trace_bench import over_http, poll

from dissectors.trace.message import Message
from dissectors.trace.read import Trace
from dissectors.trace.render import Style


def rows(found: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(found)))


def of(value: object) -> Trace:
    message = Message((1,), 0.5, "a:1", "b:2", "http", "ESipa", "F", "request", "x", (), None,
                      value, b"", n=1)  # fmt: skip
    return Trace([message])


def test_json_is_the_ndjson_in_an_array() -> None:
    for name in ("http-esipa-1.2", "http-json-odd", "tls13-no-keys"):
        array = json.loads(shown("json", trace(name)))
        assert array == [json.loads(line) for line in golden(name).splitlines()]
    assert shown("json", Trace()) == "[]\n"
    assert shown("ndjson", Trace()) == ""


def test_csv_columns() -> None:
    fields = ("n", "type", "eidValue", "psmoList.enable.iccid", "bytes", "flow", "sender", "nix")
    found = rows(shown("csv", over_http(poll()), Style(fields=fields)))
    assert found[0] == list(fields)
    assert found[1][:4] == ["1", "GetEimPackageRequest", EID, ""]
    assert found[2][3] == "989400000000000000f5"
    assert found[1][4].startswith("bf4f")
    assert found[1][5:] == ["1", "ipa", ""]


def test_csv_of_default_columns() -> None:
    found = rows(shown("csv", trace("http-errors")))
    assert found[0] == ["n", "time", "src", "dst", "interface", "function", "kind", "type",
                        "status"]  # fmt: skip
    assert len(found) == 17
    assert found[2][7:] == ["", "400"]


def test_csv_of_lists_objects_and_nothing() -> None:
    value = {"list": [1, None, "x"], "deep": [{"a": 1}], "none": None, "flag": True, "num": 1.5,
             "tagged": [{"t": 1}, {"t": 2}]}  # fmt: skip
    fields = ("list", "deep", "none", "flag", "num", "t", "frames", "spec", "value")
    found = rows(shown("csv", of(value), Style(fields=fields)))[1]
    assert found[:8] == ["1||x", '[{"a":1}]', "", "True", "1.5", "1|2", "1", ""]
    assert json.loads(found[8]) == value


def test_csv_of_problems() -> None:
    found = rows(shown("csv", over_http(poll(path="/x", media="")), Style(fields=("problems",))))
    assert found[1] == ["binding.media-type|binding.path"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+2", "'=1+2"),
        ("+49", "'+49"),
        ("+a", "'+a"),
        ("-5", "-5"),
        ("-5.5", "-5.5"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("a=1", "a=1"),
        ("-٥", "'-٥"),
    ],
)
def test_no_text_is_a_formula(text: str, cell: str) -> None:
    found = rows(shown("csv", of({"a": text}), Style(fields=("a",))))
    assert found[1] == [cell]
    found = rows(shown("csv", of({"a": [text, "x"]}), Style(fields=("a",))))
    assert found[1] == [cell + "|x"] or cell == text


def test_csv_refuses_what_is_no_path() -> None:
    with pytest.raises(ValueError, match="path"):
        shown("csv", Trace(), Style(fields=("a..b",)))


def test_csv_of_hostile_text_is_whole_and_printable() -> None:
    fields = ("n", "value", "transactionId", "subjectCode", "src", "bytes")
    found = shown("csv", hostile(), Style(fields=fields))
    assert found.encode("utf-8")
    for row in rows(found):
        assert len(row) == len(fields)
        for cell in row:
            assert cell.isprintable()
            assert not cell.startswith(("=", "+", "@"))


def test_xml_of_every_capture_is_well_formed() -> None:
    for name in index():
        whole = trace(name)
        root = ET.fromstring(shown("xml", whole).encode("utf-8"))
        assert root.tag == "pdml"
        packets = root.findall("packet")
        assert len(packets) == len(whole.messages)
        for packet, message in zip(packets, whole.messages, strict=True):
            general, esim = packet.findall("proto")
            assert general.get("name") == "geninfo"
            shows = {field.get("name"): field.get("show") for field in general}
            assert shows["num"] == str(message.frames[-1])
            assert shows["src"] == message.src
            assert esim.get("showname") == message.interface
            assert esim.get("size") == str(len(message.octets))
            fields = {field.get("name"): field for field in esim}
            assert fields["esim.bytes"].get("value") == message.octets.hex()
            assert fields["esim.function"].get("show") == message.function


def test_xml_names_every_member() -> None:
    root = ET.fromstring(shown("xml", over_http(poll())))
    shows = {field.get("name"): field.get("show") for field in root.iter("field")}
    assert shows["eidValue"] == EID
    path = "euiccPackageRequest.euiccPackageSigned.euiccPackage.psmoList[0].enable.iccid"
    assert shows[path] == "989400000000000000f5"


def test_xml_of_hostile_text_is_well_formed_and_printable() -> None:
    found = shown("xml", hostile())
    root = ET.fromstring(found.encode("utf-8"))
    shows = [field.get("show") for field in root.iter("field")]
    assert any(text and "\\x1b[31m" in text and "<&>\"';#%=2+3" in text for text in shows)
    assert all(line.isprintable() for line in found.splitlines())


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4))
def test_any_text_in_every_data_form(value: dict[str, str]) -> None:
    whole = of(value)
    assert json.loads(shown("ndjson", whole))["value"] == value
    root = ET.fromstring(shown("xml", whole).encode("utf-8"))
    assert len(list(root.iter("packet"))) == 1
    assert len(rows(shown("csv", whole, Style(fields=("value", "n"))))[1]) == 2


def test_all_forms_of_all_roles() -> None:
    whole = everything()
    for form in ("ndjson", "json", "csv", "xml"):
        assert shown(form, whole).encode("utf-8")
    assert NASTY
