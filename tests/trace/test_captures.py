"""Every stored capture: what was sent is decoded once, in order, as its golden file says."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import jsonschema
import pytest
from capture_catalogue import SCENES
from stored_captures import FOLDER, golden, index, options, trace

import dissectors.trace
from dissectors.finding import Severity
from dissectors.link.keylog import KeyLog
from dissectors.trace.message import Message
from dissectors.trace.parallel import rows_of
from dissectors.trace.read import Options, Trace, read_trace
from dissectors.trace.render import Style
from dissectors.trace.render.lines import NdjsonForm

NAMES = sorted(index())
SCHEMA = json.loads((Path(dissectors.trace.__file__).parent / "message.schema.json").read_text())
MESSAGE = jsonschema.Draft202012Validator(SCHEMA)
# at their end all that was captured is told: what is lost in them cannot be
_LOSSES = {"tcp-gap", "tcp-cut", "coap-lost-blocks", "coap-begins-inside", "file-truncated"}


def test_the_index_is_of_its_schema_and_names_every_file() -> None:
    schema = json.loads((FOLDER / "index.schema.json").read_text())
    jsonschema.validate(list(index().values()), schema)
    named = {f"{name}.ndjson" for name in NAMES}
    named |= {row[part] for row in index().values() for part in ("file", "keylog") if part in row}
    kept = {"README.md", "index.json", "index.schema.json", "make.py", "tshark.json"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} - kept == named
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8 << 20
    assert sorted(SCENES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_messages(name: str) -> None:
    row = index()[name]
    assert hashlib.sha256((FOLDER / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    found = "".join(message.as_json() + "\n" for message in trace(name).messages)
    assert found == golden(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_message_that_was_sent_is_found_once_in_order(name: str) -> None:
    row, messages = index()[name], trace(name).messages
    sent = [(one["kind"], one["interface"], one["function"], one["sha256"]) for one in row["sent"]]
    lost = [one.get("lost", False) for one in row["sent"]]
    whole = [one for one, gone in zip(sent, lost, strict=True) if not gone]
    partly = [one[:3] for one, gone in zip(sent, lost, strict=True) if gone]
    assert bool(partly) == (name in _LOSSES)
    left = []
    for message in messages:
        if whole and _essence(message) == whole[0]:
            whole.pop(0)
        else:
            left.append(message)
    assert whole == []
    # of a message that is not whole, what there is comes at most once, and says what it lacks
    assert len(left) <= len(partly)
    for message in left:
        assert message.problems
        assert message.function == "unknown" or _essence(message)[:3] in partly


def _essence(message: Message) -> tuple[str, str, str, str]:
    digest = hashlib.sha256(message.octets).hexdigest()
    return message.kind, message.interface, message.function, digest


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_holds_every_golden(name: str) -> None:
    for number, line in enumerate(golden(name).splitlines(), 1):
        message = json.loads(line)
        MESSAGE.validate(message)
        assert message["n"] == number
        assert message["frames"]
        assert message["type"] is not None or message["value"] is None
        assert message["bytes"] or message["type"] is None


def test_the_schema_refuses_what_is_no_message() -> None:
    good = json.loads(golden("http-esipa-1.2").splitlines()[0])
    for change in (
        {"n": 0},
        {"frames": [0]},
        {"transport": "udp"},
        {"kind": "answer"},
        {"spec": ["SGP.32"]},
        {"bytes": "ABC"},
        {"problems": [{"code": "x"}]},
        {"flow": 1},
    ):
        assert not MESSAGE.is_valid(good | change), change
    assert not MESSAGE.is_valid({name: good[name] for name in good if name != "status"})
    assert MESSAGE.is_valid(good)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not index()[name]["file"].endswith(".log")]
)
def test_two_processes_print_what_one_does(name: str) -> None:
    row, both = index()[name], Trace()
    form = NdjsonForm(io.StringIO(), Style())
    walk = rows_of(
        str(FOLDER / row["file"]), options(row), lambda message: True, form.line, 2, both
    )
    rows = [line for batch in walk for _, line, _ in batch]
    text = "".join(form.numbered(line or "", n) for n, line in enumerate(rows, 1))
    assert text == golden(name)
    alone = trace(name)
    assert both.summary is not None
    assert alone.summary is not None
    assert (both.summary.frames, both.summary.flows) == (alone.summary.frames, alone.summary.flows)
    assert _told(both) == _told(alone)
    assert both.errors == alone.errors
    assert len(both.sessions) == len(alone.sessions)


def _told(trace: Trace) -> list[str]:
    return sorted(f"{finding} {frames}" for finding, frames in trace.notes)


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.fixed])
def test_what_is_fixed_is_made_again_the_same(name: str) -> None:
    row, capture = index()[name], SCENES[name].make()
    assert hashlib.sha256(capture.data).hexdigest() == row["sha256"]
    assert [hashlib.sha256(one.body).hexdigest() for one in capture.sent] == [
        one["sha256"] for one in row["sent"]
    ]
    if "keylog" in row:
        assert capture.keys == (FOLDER / row["keylog"]).read_bytes()


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if not scene.fixed])
def test_what_is_random_is_made_anew_and_found(name: str) -> None:
    capture = SCENES[name].make()
    keys = KeyLog()
    keys.add_text(capture.keys)
    psk = bytes.fromhex(capture.psk) or None
    found = read_trace(io.BytesIO(capture.data), Options(keys=keys, psk=psk)).messages
    whole = [one for one in capture.sent if not one.lost]
    if len(whole) == len(capture.sent):
        assert len(found) == len(whole)
    for message in found:
        if whole and whole[0].body == message.octets:
            assert (whole[0].kind, whole[0].function) == (message.kind, message.function)
            whole.pop(0)
    assert whole == []


def test_only_what_is_meant_to_be_malformed_has_errors() -> None:
    faulty = {"http-malformed", "http-json-odd", "coap-lost-blocks", "tcp-gap", "tcp-cut"}
    faulty |= {"coap-begins-inside", "http-ifpp-odd"}
    for name in NAMES:
        malformed = any(message.malformed for message in trace(name).messages)
        assert malformed == (name in faulty), name


def test_notes_of_the_captures_are_few_and_known() -> None:
    noted = {}
    for name in NAMES:
        told = {f.code for f, _ in trace(name).notes if f.severity is not Severity.INFO}
        if told:
            noted[name] = told
    assert noted == {
        "coap-lost-blocks": {"coap-unanswered"},
        "file-corrupt": {"capture-corrupt"},
        "file-truncated": {"capture-truncated"},
        "tcp-cut": {"packet-cut", "http-gap"},
    }
