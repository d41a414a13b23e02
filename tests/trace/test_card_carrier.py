"""Card messages to eSIM messages: functions by tag and version, status words, logs and tracers."""

from __future__ import annotations

import pytest
from capture_bodies import body, golden
from capture_cards import CARD, IOT, OLD, apdus, gsmtap, load_package
from capture_wire import Wire
from card_bench import OK, Exchange
from trace_bench import codes, read_wire

from dissectors.asn1.versions import parse_spec
from dissectors.link.apdu import store_data
from dissectors.spec import functions
from dissectors.trace.card_carrier import recognise_answer, recognise_command
from dissectors.trace.message import Message

CARD_ROWS = [
    (f, row)
    for f in functions.FUNCTIONS
    if f.interface in functions.CARD and f.request != "BoundProfilePackage"
    for row in golden().values()
    if row["type"] == f.request and row["result"] == "valid" and not row.get("typed")
]


def traced(*exchanges: Exchange, **options) -> list[Message]:
    wire = Wire()
    gsmtap(wire, exchanges)
    return read_wire(wire, **options).messages


def one(command: bytes, response: bytes = b"", status: str = "9000") -> list[Exchange]:
    blocks = store_data(command)
    answer = response + bytes.fromhex(status)
    return [*((block, OK) for block in blocks[:-1]), (blocks[-1], answer)]


@pytest.mark.parametrize(("f", "row"), CARD_ROWS, ids=[r[1]["id"] for r in CARD_ROWS])
def test_every_golden_command_is_its_function(f, row) -> None:
    request = traced(*one(bytes.fromhex(row["hex"])))[0]
    kin = {
        (g.interface, g.name)
        for g in functions.FUNCTIONS
        if g.request == f.request or g.request in row.get("also", {})
    }
    assert (request.interface, request.function) in kin
    if not row.get("also"):
        assert request.type == row["type"]
        assert request.spec == tuple(row["specs"])
    assert codes(request) == []


@pytest.mark.parametrize("rows", [CARD, IOT, OLD])
def test_commands_with_their_answers(rows) -> None:
    wire = Wire()
    gsmtap(wire, apdus(wire, rows))
    messages = read_wire(wire).messages
    assert [(m.kind, m.interface, m.function, m.octets) for m in messages] == [
        (one.kind, one.interface, one.function, one.body) for one in wire.sent
    ]
    for request, answer in zip(messages[::2], messages[1::2], strict=True):
        assert (request.src, request.dst) == ("device", "card")
        assert (answer.src, answer.dst) == ("card", "device")
        assert (request.sender, answer.sender) == ("ipa", "euicc")
        assert (request.status, answer.status) == (None, "9000")
        assert request.transport == answer.transport == "apdu"
        assert codes(request) == codes(answer) == []


@pytest.mark.parametrize(
    ("spec", "name"),
    [("SGP.32@1.2", "IpaeActivation"), ("SGP.22@2.5", "LpaeActivation"), (None, "LpaeActivation")],
)
def test_of_functions_with_the_same_octets_the_spec_that_is_spoken_decides(spec, name) -> None:
    asked = parse_spec(spec) if spec is not None else None
    found = recognise_command(bytes.fromhex("BF420480020780"), asked)
    assert found is not None
    assert found.function.name == name


def test_a_command_that_the_version_spoken_does_not_have_is_recognised() -> None:
    found = recognise_command(bytes.fromhex("BF58030101FF"), parse_spec("SGP.22@2.5"))
    assert found is not None
    assert found.function.name == "ProfileRollback"
    refused = bytes.fromhex("BF5803020101")
    answer = recognise_answer(found.function, refused, parse_spec("SGP.22@2.5"))
    assert answer is not None
    assert answer.type == "ProfileRollbackResponse"


def test_a_loaded_package_is_one_message() -> None:
    wire = Wire()
    gsmtap(wire, load_package(wire))
    request, answer = read_wire(wire).messages
    assert (request.function, request.type) == ("LoadBoundProfilePackage", "BoundProfilePackage")
    assert answer.type == "ProfileInstallationResult"
    assert len(request.frames) > 3


def test_a_status_word_without_data_is_told() -> None:
    request, answer = traced(*one(body("es10/149"), status="6A88"))
    assert request.function == "GetEID"
    assert (answer.type, answer.status, answer.octets) == (None, "6A88", b"")
    assert "binding.status" in codes(answer)
    for status in ("9000", "9110"):
        assert codes(traced(*one(body("es10/070"), body("es10/072"), status))[1]) == []


def test_the_version_tells_functions_of_one_tag_apart() -> None:
    """BF5A was EnableUsingDD in v1.0.1 and is ImmediateEnable."""
    for name in ("es10-iot/021", "es10-iot/022"):
        request = traced(*one(body(name)))[0]
        assert request.spec == tuple(golden()[name]["specs"])
        assert codes(request) == []


def test_a_command_of_no_table() -> None:
    request, answer = traced(*one(bytes.fromhex("DF5103010203"), status="6A80"))
    assert (request.function, request.type) == ("unknown", None)
    assert "binding.body" in codes(request)
    assert (answer.function, answer.status) == ("unknown", "6A80")
    request = traced(*one(body("esipa-packages/006")))[0]
    assert request.type == "GetEimPackageResponse"
    assert "is no command to a card" in next(
        p.text for p in request.problems if p.code == "binding.body"
    )


def test_damaged_answers_are_decoded_as_far_as_they_go() -> None:
    _, answer = traced(*one(body("es10/149"), body("es10/150")[:-4]))
    assert answer.type == "GetEuiccDataResponse"
    assert answer.malformed


def test_one_version_alone() -> None:
    request = traced(*one(body("es10-iot/022")), spec=parse_spec("SGP.32@1.0.1"))[0]
    assert request.spec == ("SGP.32@1.0.1",)


def test_other_apdus_are_no_messages() -> None:
    select = bytes.fromhex("00A4040010A0000005591010FFFFFFFF8900000100")
    assert traced((select, OK), (b"\x80\x12\x00\x00\x10", OK)) == []
