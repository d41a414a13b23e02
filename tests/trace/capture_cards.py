"""Card traffic for captures: a device, a toy card, tracers and logs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from capture_bodies import body
from capture_wire import Sent, Wire
from card_bench import Exchange, ToyCard, selected, transfer

from dissectors.link.apdu_bpp import split_bpp
from dissectors.link.gsmtap import UDP_PORT, build_gsmtap

# function, interface, command and answer by the ids of golden messages
CARD: list[tuple[str, str, str, str]] = [
    ("GetEuiccConfiguredAddresses", "ES10a", "es10/001", "es10/002"),
    ("GetEUICCInfo1", "ES10b", "es10/041", "es10/042"),
    ("GetEUICCChallenge", "ES10b", "es10/039", "es10/040"),
    ("AuthenticateServer", "ES10b", "es10/085", "es10/089"),
    ("PrepareDownload", "ES10b", "es10/008", "es10/010"),
    ("ListNotification", "ES10b", "es10/054", "es10/056"),
    ("RetrieveNotificationsList", "ES10b", "es10/060", "es10/063"),
    ("RemoveNotificationFromList", "ES10b", "es10/070", "es10/072"),
    ("GetProfilesInfo", "ES10c", "es10/112", "es10/116"),
    ("EnableProfile", "ES10c", "es10/122", "es10/126"),
    ("GetEID", "ES10c", "es10/149", "es10/150"),
    ("SetNickname", "ES10c", "es10/151", "es10/153"),
]
IOT: list[tuple[str, str, str, str]] = [
    ("GetEimConfigurationData", "ES10b", "es10-iot/040", "es10-iot/042"),
    ("AddInitialEim", "ES10b", "es10-iot/004", "es10-iot/007"),
    ("LoadEuiccPackage", "ES10b", "esipa-packages/073", "esipa-packages/075"),
    ("GetCerts", "ES10b", "es10-iot/015", "es10-iot/017"),
    ("ProfileRollback", "ES10b", "es10-iot/028", "es10-iot/029"),
    ("ImmediateEnable", "ES10b", "es10-iot/021", "es10-iot/023"),
    ("ExecuteFallbackMechanism", "ES10b", "es10-iot/044", "es10-iot/046"),
    ("GetConnectivityParameters", "ES10b", "es10-iot/074", "es10-iot/075"),
]
OLD: list[tuple[str, str, str, str]] = [
    ("ImmediateEnable", "ES10b", "es10-iot/022", "es10-iot/023"),
    ("eUICCMemoryReset", "ES10c", "es10-iot/084", "es10-iot/091"),
    ("SetDefaultDpAddress", "ES10a", "es10/004", "es10/006"),
]


def apdus(
    wire: Wire, rows: Sequence[tuple[str, str, str, str]], channel: int = 1, block: int = 255
) -> list[Exchange]:
    """Hold commands with a card; return the APDUs, and note what was said."""
    answers: list[bytes] = []
    card = ToyCard(lambda channel, command: answers[0])
    out = list(selected(channel))
    for function, interface, command, answer in rows:
        answers[:] = [body(answer)]
        wire.say("request", interface, function, body(command))
        wire.say("response", interface, function, body(answer))
        for step in transfer(card, body(command), channel, block):
            out += step
    return out


def load_package(wire: Wire, channel: int = 1) -> list[Exchange]:
    """Load a bound profile package; the card answers the last segment."""
    package, result = body("es10/018"), body("es10/019")
    segments = split_bpp(package)
    answers = [b""] * (len(segments) - 1) + [result]
    card = ToyCard(lambda channel, command: answers.pop(0))
    out = list(selected(channel))
    for segment in segments:
        for step in transfer(card, segment, channel, 255):
            out += step
    wire.say("request", "ES10b", "LoadBoundProfilePackage", package)
    wire.say("response", "ES10b", "LoadBoundProfilePackage", result)
    return out


def gsmtap(wire: Wire, exchanges: Sequence[Exchange]) -> None:
    """Put APDUs on the wire as a SIM tracer sends them."""
    for command, response in exchanges:
        wire.datagram(
            ("127.0.0.1", 44729), ("127.0.0.1", UDP_PORT), build_gsmtap(command, response)
        )


def gsmtap_frames(wire: Wire, exchanges: Sequence[Exchange]) -> None:
    """Put APDUs on the wire as frames of the GSMTAP link type."""
    for command, response in exchanges:
        wire.frame(build_gsmtap(command, response))


def two_channels(
    wire: Wire, one: Sequence[tuple[str, str, str, str]], two: Sequence[tuple[str, str, str, str]]
) -> list[Exchange]:
    """Let two applications take turns; T=0 lets nobody in between a command and its fetches."""
    steps: list[list[tuple[list[Exchange], list[Sent]]]] = []
    out: list[Exchange] = []
    for channel, rows in ((1, one), (2, two)):
        out += selected(channel)
        steps.append([])
        for row in rows:
            heard = Wire()
            exchanges = apdus(heard, [row], channel)[len(selected(channel)) :]
            groups: list[list[Exchange]] = []
            for exchange in exchanges:
                if exchange[0][1] == 0xC0:
                    groups[-1].append(exchange)
                else:
                    groups.append([exchange])
            steps[-1] += [(group, []) for group in groups[:-1]] + [(groups[-1], heard.sent)]
    turn = 0
    while any(steps):
        turn = 1 - turn if steps[1 - turn] else turn
        group, said = steps[turn].pop(0)
        out += group
        wire.sent += said
    return out


# --- logs ---


def pysim(exchanges: Sequence[Exchange]) -> str:
    lines = []
    for command, response in exchanges:
        lines.append(f"-> {command.hex()}")
        lines.append(f"<- {response[-2:].hex()}: {response[:-2].hex()}".rstrip())
    return "\n".join(lines) + "\n"


def arrows(exchanges: Sequence[Exchange]) -> str:
    lines = ["# a trace with times"]
    for number, (command, response) in enumerate(exchanges):
        stamp = f"2026-02-03T04:05:{number // 10 % 60:02d}.{number % 10}00Z"
        lines.append(f"[{stamp}] => {command.hex(' ').upper()}")
        lines.append(f"[{stamp}] <= {response.hex(' ').upper()}")
    return "\n".join(lines) + "\n"


def modem(exchanges: Sequence[Exchange]) -> str:
    lines = []
    for command, response in exchanges:
        lines.append(f'AT+CSIM={2 * len(command)},"{command.hex().upper()}"')
        lines.append(f'+CSIM: {2 * len(response)},"{response.hex().upper()}"')
        lines.append("")
    return "\n".join(lines) + "\n"


def json_lines(exchanges: Sequence[Exchange]) -> str:
    rows = [
        {"time": 1_750_000_000 + number / 10, "cmd": command.hex(), "rsp": response.hex()}
        for number, (command, response) in enumerate(exchanges)
    ]
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def stdio(exchanges: Sequence[Exchange]) -> str:
    rows = []
    for command, response in exchanges:
        asked = {"func": "transmit", "param": command.hex().upper()}
        told = {"ecode": 0, "data": response.hex().upper()}
        rows += [{"type": "apdu", "payload": asked}, {"type": "apdu", "payload": told}]
    return "\n".join(json.dumps(row) for row in rows) + "\n"
