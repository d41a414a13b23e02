"""lpac's stdio interface, both ends: what asks, and what answers."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import ISDR, Channels, run

from sgprobe.links.card import ReaderGone
from sgprobe.links.lpac import (
    StdioCard,
    StdioFault,
    StdioReader,
    read_line,
    run_lpac,
    write_line,
)

# asks as lpac does: connect, open the ISD-R, one command, close, and its own result
CLIENT = """
    import json, sys
    def ask(func, param=None):
        print(json.dumps({"type": "apdu", "payload": {"func": func, "param": param}}), flush=True)
        return json.loads(sys.stdin.readline())["payload"]
    assert ask("connect")["ecode"] == 0
    channel = ask("logic_channel_open", "ISDR")["ecode"]
    assert channel == 1, channel
    got = ask("transmit", "8%dE2910002CAFE" % channel)
    assert got == {"ecode": 0, "data": "01CAFE9000"}, got
    ask("logic_channel_close", "%02X" % channel)
    ask("disconnect")
    print(json.dumps({"type": "http", "payload": {"url": "https://x", "tx": "616263",
                                                  "headers": ["A: b"]}}), flush=True)
    http = json.loads(sys.stdin.readline())
    print(json.dumps({"type": "lpa", "payload": {"code": 0, "data": http["payload"]}}), flush=True)
""".replace("ISDR", ISDR)

# answers as a driver does, from a table
DRIVER = """
    import json, sys
    for line in sys.stdin:
        asked = json.loads(line)["payload"]
        answers = {"connect": 0, "disconnect": 0, "logic_channel_open": 2,
                   "logic_channel_close": 0, "transmit": 0}
        payload = {"ecode": answers[asked["func"]]}
        if asked["func"] == "transmit":
            payload["data"] = asked["param"] + "9000"
        print(json.dumps({"type": "apdu", "payload": payload}), flush=True)
"""


def program(folder: Path, text: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(textwrap.dedent(text))
    return [sys.executable, str(path)]


def test_a_program_that_asks_as_lpac_does(tmp_path: Path) -> None:
    fetched: list[tuple[str, list[str], bytes]] = []

    async def fetch(url: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        fetched.append((url, list(headers), body))
        return 204, b"xyz"

    channels = Channels()
    said = run(run_lpac(channels.slot, program(tmp_path, CLIENT), fetch))  # type: ignore[arg-type]
    assert said == [{"type": "lpa", "payload": {"code": 0, "data": {"rcode": 204, "rx": "78797a"}}}]
    assert fetched == [("https://x", ["A: b"], b"abc")]
    assert channels.open == set()
    assert channels.resets == 1


def test_a_program_that_answers_as_a_driver_does(tmp_path: Path) -> None:
    async def work() -> None:
        reader = StdioReader(program(tmp_path, DRIVER))
        assert await reader.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
        assert await reader.transmit(bytes.fromhex("01A4040010" + ISDR)) == b"\x90\x00"
        # the channel of the driver takes the place of ours
        got = await reader.transmit(bytes.fromhex("81E2910001AA"))
        assert got == bytes.fromhex("82E2910001AA9000")
        await reader.reset()
        assert await reader.transmit(bytes.fromhex("81E2910001AA")) == b"\x68\x81"
        await reader.close()

    run(work())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(3)", "ended"),
        ("print('hello', flush=True); input(); input()", "no object with type and payload"),
        ("input(); print('{\"type\":\"lpa\",\"payload\":{}}', flush=True); input()", "answered"),
        ("input(); print('{\"type\":\"apdu\",\"payload\":{\"ecode\":\"x\"}}', flush=True); input()",
         "answered"),
        ("input(); print('[' * 2000000, flush=True); input()", "program|line|limit"),
        ("import time; time.sleep(9)", "did not answer connect within"),
    ],
)  # fmt: skip
def test_a_driver_that_does_not_speak_so(text: str, said: str, tmp_path: Path) -> None:
    async def work() -> None:
        reader = StdioReader(program(tmp_path, text), timeout=0.5 if "sleep" in text else 60)
        with pytest.raises(ReaderGone, match=said):
            await reader.transmit(bytes.fromhex("0070000001"))
        await reader.close()

    run(work())


def test_programs_that_are_not_there() -> None:
    with pytest.raises(StdioFault, match="cannot be run"):
        run(run_lpac(Channels().slot, ["/nowhere/lpac"]))
    with pytest.raises(ReaderGone, match="cannot be run"):
        run(StdioReader(["/nowhere/driver"]).transmit(b"\x00\x70\x00\x00\x01"))


@pytest.mark.parametrize(
    "text", ["print('no json', flush=True)", "print('{}' * 9, flush=True)",
             "print('{\"type\":1,\"payload\":{}}', flush=True)", "print('x' * 3000000, flush=True)"]
)  # fmt: skip
def test_a_program_that_says_something_else(text: str, tmp_path: Path) -> None:
    with pytest.raises(StdioFault):
        run(run_lpac(Channels().slot, program(tmp_path, text)))


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async def work() -> None:
        sleeping = program(tmp_path, "import os, time; os.close(1); time.sleep(60)")
        assert await run_lpac(Channels().slot, sleeping) == []

    # less than it sleeps
    run(work(), 45.0)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "func": st.sampled_from(
                ["connect", "disconnect", "logic_channel_open", "logic_channel_close", "transmit"]
            )
            | st.text(max_size=5)
            | st.none(),
            "param": st.text("0123456789abcdefG", max_size=20) | st.integers() | st.none(),
        },
    )
)
def test_any_question_is_answered(payload: dict[str, object]) -> None:
    answer = StdioCard(Channels().slot).answer(payload)
    assert isinstance(answer["ecode"], int)
    assert read_line(write_line("apdu", answer)) == ("apdu", answer)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists, max_leaves=5).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_line_is_an_object_or_a_fault(line: bytes) -> None:
    try:
        kind, payload = read_line(line)
    except StdioFault:
        return
    assert isinstance(kind, str)
    assert isinstance(payload, dict)


def test_nesting_without_end_is_a_fault() -> None:
    with pytest.raises(StdioFault):
        read_line(b"[" * 500_000)
