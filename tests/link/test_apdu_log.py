"""Text logs of APDUs in each format, mixed with noise, broken and hostile."""

from __future__ import annotations

import json
import time

import pytest
from card_bench import EID, GET_EID, Heard
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.apdu import ISDR_AID
from dissectors.link.apdu_log import ApduLog, looks_like_apdu_log

E = EID.hex().upper()


def read(text: str | bytes, piece: int = 10_000) -> Heard:
    heard = Heard()
    log = ApduLog(
        heard.messages.append, lambda problem, frames: heard.problems.append((problem, frames))
    )
    raw = text.encode() if isinstance(text, str) else text
    for at in range(0, len(raw), piece):
        log.data(raw[at : at + piece])
    log.end()
    return heard


FORMATS = {
    "arrows": f"=> 80E2910006BF3E035C015A\n<= {E}9000\n",
    "arrows the other way": f"-> 80 E2 91 00 06 BF 3E 03 5C 01 5A\n<- {E}9000\n",
    "shell arrows": f">> 80:E2:91:00:06:BF:3E:03:5C:01:5A\n<< {E} 90 00\n",
    "pySim trace": f"-> 80e2910006 bf3e035c015a\n<- 9000: {EID.hex()}\n",
    "pySim trace, fetched": "-> 80e2910006 bf3e035c015a\n<- 6115: \n-> 00c0000015 \n"
            f"<- 9000: {E}\n",
    "names": f"APDU: 80 E2 91 00 06 BF 3E 03 5C 01 5A\nSW: 9000, RESP: {E}\n",
    "names, data apart": f"APDU: 80E2910006BF3E035C015A\nDATA: {E}\nSW: 9000\n",
    "card terms": f"C-APDU: 80E2910006BF3E035C015A\nR-APDU: {E}9000\n",
    "tx and rx": f"[12:00] card tx: 80E2910006BF3E035C015A\n[12:01] card rx: {E}9000\n",
    "loader": f"Command : '80E2910006BF3E035C015A'\nResponse : '{E}9000'\n",
    "lpac": "[DEBUG] [APDU] [TX] CLA: 80, INS: E2, P1: 91, P2: 00, Lc: 06, Data: BF3E035C015A\n"
            "[DEBUG] [APDU] [RX] SW1: 61, SW2: 15, Data: \n"
            "[DEBUG] [APDU] [TX] CLA: 80, INS: C0, P1: 00, P2: 00, Lc: 15, Data: \n"
            f"[DEBUG] [APDU] [RX] SW1: 90, SW2: 00, Data: {E}\n",
    "lpac in colour": "\x1b[0;32m[DEBUG] [APDU] [TX] CLA: 80, INS: E2, P1: 91, P2: 00, Lc: 06, "
            "Data: BF3E035C015A\x1b[0m\n"
            f"\x1b[0;31m[DEBUG] [APDU] [RX] SW1: 90, SW2: 00, Data: {E}\x1b[0m\n",
    "arrows in colour": f"\x1b[32m=> 80E2910006BF3E035C015A\x1b[0m\n\x1b[1;31m<= {E}9000\x1b[0m\n",
    "modem": f'AT+CSIM=22,"80E2910006BF3E035C015A"\n\n+CSIM: 46,"{E}9000"\n',
    "JSON lines": json.dumps({"cmd": "80E2910006BF3E035C015A", "rsp": E + "9000"}) + "\n",
    "JSON lines apart": '{"command": "80E2910006BF3E035C015A"}\n{"response": "' + E + '9000"}\n',
    "bare lines": f"80E2910006BF3E035C015A\n{E}9000\n",
    "bare pair": f"80E2910006BF3E035C015A | {E}9000\n",
    "bare pair with arrow": f"80E2910006BF3E035C015A => {E}9000\n",
    "CR LF and comments": f"# made by hand\r\n\r\n=> 80E2910006BF3E035C015A\r\n// \r\n<= {E}9000",
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("piece", [1, 10_000])
def test_format_is_read(name: str, piece: int) -> None:
    heard = read(FORMATS[name], piece)
    assert heard.codes == []
    assert [(m.command, m.response, m.sw) for m in heard.messages] == [(GET_EID, EID, 0x9000)]
    assert looks_like_apdu_log(FORMATS[name].encode())


def test_line_numbers_are_frames() -> None:
    [message] = read(f"# a\n=> 80E2910006BF3E035C015A\n\n<= {E}9000\n").messages
    assert (message.command_frames, message.response_frames) == ((2, 4), (2, 4))


@pytest.mark.parametrize(
    ("stamp", "when"),
    [
        ("2026-11-21T02:54:00.500Z ", 1795229640.5),
        ("[2026-11-21 02:54:00,500] ", 1795229640.5),
        ("2026-11-21T03:54:00+01:00 INFO card: ", 1795229640.0),
        ("[1795229640.25] ", 1795229640.25),
        ("", 0.0),
    ],
)
def test_time_stamps_in_front(stamp: str, when: float) -> None:
    [message] = read(f"{stamp}=> 80E2910006BF3E035C015A\n{stamp}<= {E}9000\n").messages
    assert message.time == when


def test_time_of_json_lines() -> None:
    line = json.dumps({"cmd": "80E2910006BF3E035C015A", "rsp": E + "9000", "time": 12.5})
    assert read(line).messages[0].time == 12.5


def test_stdio_driver_opens_channels() -> None:
    lines = [
        {"type": "apdu", "payload": {"func": "connect", "param": None}},
        {"type": "apdu", "payload": {"ecode": 0}},
        {"type": "apdu", "payload": {"func": "logic_channel_open", "param": ISDR_AID.hex()}},
        {"type": "apdu", "payload": {"ecode": 2}},
        {"type": "lpa", "payload": {"code": 0}},
        {"type": "apdu", "payload": {"func": "transmit", "param": "82E2910006BF3E035C015A"}},
        {"type": "apdu", "payload": {"ecode": 0, "data": E + "9000"}},
        {"type": "apdu", "payload": {"func": "transmit", "param": "82E2910003BF2D00"}},
        {"type": "apdu", "payload": {"ecode": -1}},
    ]
    heard = read("".join(json.dumps(line) + "\n" for line in lines))
    [message] = heard.messages
    assert (message.channel, message.isdr, message.response) == (2, True, EID)
    assert heard.codes == ["apdu-log-line"]


def test_reset_lines() -> None:
    for line in ("ATR: 3B 9F 96 80", "-- RESET"):
        heard = read(f"=> 0070000001\n<= 019000\n{line}\n=> 81E2910006BF3E035C015A\n<= 6881\n")
        assert "es10-channel-closed" in heard.codes


@pytest.mark.parametrize(
    ("text", "codes", "lines"),
    [
        ("hello there\n", ["apdu-log-line"], [(1,)]),
        ("\n=> 80E29\n", ["apdu-log-line"], [(2,)]),
        ("=> 80E2910003BF2D00\n<= 900\n", ["apdu-log-line"], [(2,)]),
        ("<= 9000\n", ["apdu-log-order"], [(1,)]),
        ("=> 80E2910003BF2D00\n=> 80E2910003BF2E00\n<= 9000\n", ["apdu-log-order"], [(1,)]),
        ("=> 80E2910003BF2D00\n", ["apdu-log-order"], [(1,)]),
        ("=> 80E2910005BF2D00\n<= 9000\n", ["apdu-malformed"], [(1, 2)]),
        ('{"cmd": \n', ["apdu-log-line"], [(1,)]),
        ('{"cmd": 5}\n', ["apdu-log-line"], [(1,)]),
        ('{"cmd": "80E2910003BF2D00", "rsp": "9"}\n', ["apdu-log-line"], [(1,)]),
        ("\xff\xfe\x00\n", ["apdu-log-line"], [(1,)]),
    ],
)
def test_bad_line_is_a_finding(text: str, codes: list[str], lines: list[tuple[int, ...]]) -> None:
    heard = read(text)
    told = [(problem.code, frames) for problem, frames in heard.problems]
    assert told == list(zip(codes, lines))


def test_good_lines_among_noise_are_read() -> None:
    heard = read(f"starting\n=> 80E2910006BF3E035C015A\nstill waiting\n<= {E}9000\ndone\n")
    assert [m.response for m in heard.messages] == [EID]
    assert heard.codes == ["apdu-log-line"] * 3


@pytest.mark.parametrize(
    "text",
    [
        b"x" * 3_000_000,
        b"noise\n" * 50_000,
        b"=> 80 " + b" " * 200_000 + b"x\n",
        b"ATR: 3B" + b" 3" * 100_000 + b"x\n",
        b"ATR: 3B" + b" :" * 100_000 + b"x\n",
        b"=> " * 80_000 + b"\n",
        b"SW: 9000, RESP: " * 15_000 + b"\n",
        b"80" * 100_000 + b"x\n",
        b"80 " * 80_000 + b"| x\n",
        b"RESET" + b"-" * 200_000 + b"x\n",
        b"{" * 200_000 + b"\n",
        b'{"a":' * 40_000 + b"\n",
    ],
)
def test_hostile_lines_take_linear_time(text: bytes) -> None:
    start = time.process_time()
    heard = read(text, 100_000)
    assert time.process_time() - start < 3
    assert 0 < len(heard.problems) <= 202


def test_a_line_without_end_is_not_kept() -> None:
    log = ApduLog(lambda _: None, lambda *_: None)
    for _ in range(100):
        log.data(b"x" * 50_000)
    assert len(log._rest) < 400_000


def test_findings_of_noise_are_counted() -> None:
    heard = read("noise\n" * 500)
    assert len(heard.problems) == 201
    assert heard.problems[-1][0].text.startswith("300 further")


PARTS = ["=> ", "<= ", "-> ", "<- 9000: ", "APDU: ", "SW: 9000", "80E2910003BF2D00", "9000", "\n",
         "{", '"cmd":', '"type":"apdu"', '{"payload":3}', "[APDU] [TX] CLA: 80", " | ", "ATR: 3B",
         "2026-11-21T99:00:00 ", "99999999999.5 ", '+CSIM: 4,"9000"', "\x1b[0m", "\0"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=30),
    size=st.integers(1, 9),
)
def test_any_text_gives_messages_or_findings(parts: list[str], size: int) -> None:
    text = "".join(parts)
    whole, pieces = read(text), read(text, size)
    assert whole.messages == pieces.messages
    assert whole.problems == pieces.problems


@pytest.mark.parametrize(
    "head", [b"", b"\xd4\xc3\xb2\xa1" + bytes(20), b"GET / HTTP/1.1\r\n\r\n", b"just some text\n",
             b"deadbeef\ncafebabe\nfeedface\n", b'{"n":1,"frames":[1]}\n'],
)  # fmt: skip
def test_other_files_are_no_logs(head: bytes) -> None:
    assert not looks_like_apdu_log(head)
