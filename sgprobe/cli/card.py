"""Offer a simulated eUICC to programs that expect a card, or read any eUICC.

sgprobe card serve vpcd                       a card in a reader of PC/SC (pcscd, vsmartcard-vpcd)
sgprobe card serve lpac --run 'lpac chip info'
sgprobe card serve at --link /tmp/modem       a modem on a pseudo terminal
sgprobe card serve tcp --at 127.0.0.1:9999
sgprobe card read pcsc                        EID, profiles and eIMs of the card in the first reader
sgprobe card read tcp:127.0.0.1:9999 --json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import sys
from pathlib import Path

from sgprobe.cli.command import UserError
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.cli.tape import add_tape, tape_path
from sgprobe.crypto.keys import RSP_CURVES, Curve
from sgprobe.host.cards import (
    READERS,
    CardPlan,
    Facts,
    find_reader,
    make_card,
    make_factory_card,
    profile_line,
    read_facts,
    served,
)
from sgprobe.host.stand import TEST_EUICCS
from sgprobe.links.at_port import PtyModem
from sgprobe.links.card import CardStatus, ReaderGone
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.card_tcp import VPCD_PORT, CardServer, VirtualCard
from sgprobe.links.lpac import StdioFault, run_lpac, serve_stdio, stdio_streams
from sgprobe.links.tape import Tape
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.rules import RuleError

_AGAIN = 1.0  # seconds until a reader that went away is looked for again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe card`."""
    commands = parser.add_subparsers(dest="command", metavar="serve|read", required=True)
    serve = commands.add_parser("serve", help="offer a simulated eUICC")
    serve.add_argument("link", choices=["vpcd", "lpac", "tcp", "at"])
    serve.add_argument("--run", metavar="COMMAND", help="lpac: what to run; "
                       "default: the lines come on stdin")  # fmt: skip
    serve.add_argument("--at", metavar="HOST:PORT", help="vpcd: where it listens; tcp: where we do")
    serve.add_argument("--link", dest="path", type=Path, metavar="PATH",
                       help="at: a symbolic link to make to the terminal")  # fmt: skip
    serve.add_argument("--curve", default="p256", choices=[str(one) for one in RSP_CURVES])
    serve.add_argument("--euicc", default="euicc", choices=TEST_EUICCS,
                       help="which eUICC of the test PKI")  # fmt: skip
    serve.add_argument("--rule-off", action="append", default=[], metavar="NAME",
                       help="do not keep this rule, such as EUICC.COUNTER")  # fmt: skip
    serve.add_argument("--db", type=Path, metavar="FILE", help="keep the eUICC in SQLite")
    serve.add_argument("--factory", type=Path, metavar="FILE",
                       help="an eUICC as it comes to a factory: no profile, but one-time keys; "
                       "its data (FF47) go to FILE")  # fmt: skip
    read = commands.add_parser("read", help="show what an eUICC tells of itself")
    read.add_argument("reader", nargs="?", default="pcsc",
                      help=f"{READERS}; default: pcsc")  # fmt: skip
    read.add_argument("--json", action="store_true", help="all of it, as JSON")
    for command in (serve, read):
        add_spec(command, "default SGP.32@1.2")
        add_tape(command)


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe card`."""
    spec = chosen_spec(arguments.spec)
    if spec is not None and spec.name != "SGP.32":
        raise UserError(f"--spec {spec}: a version of SGP.32 is wanted", "such as SGP.32@1.2")
    version = spec.version if spec is not None else "1.2"
    path = tape_path(arguments.tape, "card")
    tape = Tape.at(path) if path is not None else None
    act = _serve if arguments.command == "serve" else _read
    try:
        return asyncio.run(act(arguments, version, tape))
    except (ReaderGone, StdioFault) as error:
        raise UserError(str(error)) from None
    finally:
        if tape is not None:
            tape.close()
            print(f"capture {path}", file=sys.stderr)


# --- serve ---


async def _serve(arguments: argparse.Namespace, version: str, tape: Tape | None) -> int:
    for name in arguments.rule_off:
        if not name.startswith("EUICC."):
            raise UserError(f"--rule-off {name}: the rules here are EUICC.…")
    plan = CardPlan(arguments.curve, version, arguments.euicc, arguments.db,
                    frozenset(arguments.rule_off))  # fmt: skip
    try:
        card = make_card(plan) if arguments.factory is None else _factory_card(plan, arguments)
    except RuleError as error:
        raise UserError(f"--rule-off: {error}") from None
    print(f"EID {card.euicc.eid}", file=sys.stderr)
    act = {"vpcd": _serve_vpcd, "lpac": _serve_lpac, "tcp": _serve_tcp, "at": _serve_at}
    work = asyncio.ensure_future(act[arguments.link](arguments, served(card, tape=tape)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return 0


def _factory_card(plan: CardPlan, arguments: argparse.Namespace) -> Card:
    if plan.curve != Curve.P256:
        raise UserError(f"--factory: the one-time keys are on p256, not on {plan.curve}")
    card, data = make_factory_card(plan)
    try:
        arguments.factory.write_bytes(data)
    except OSError as error:
        raise UserError(f"--factory {arguments.factory}: {error.strerror}") from None
    return card


def _place(text: str | None, port: int) -> tuple[str, int]:
    if text is None:
        return "127.0.0.1", port
    host, _, number = text.rpartition(":")
    if not host or not (number.isascii() and number.isdigit()) or int(number) > 65_535:
        raise UserError(f"--at {text}: expected HOST:PORT")
    return host.strip("[]"), int(number)


async def _serve_vpcd(arguments: argparse.Namespace, slot: ServedCard) -> int:
    address = _place(arguments.at, VPCD_PORT)
    waiting = False
    while True:
        try:
            async with VirtualCard(slot, address) as virtual:
                print("in the slot", file=sys.stderr)
                waiting = False
                await virtual.served()
        except ReaderGone as error:
            if not waiting:
                print(f"{error}\nwaiting for it", file=sys.stderr)
            waiting = True
        await asyncio.sleep(_AGAIN)


async def _serve_tcp(arguments: argparse.Namespace, slot: ServedCard) -> int:
    host, port = _place(arguments.at, 0)
    try:
        async with CardServer(slot, host, port) as server:
            print("listens on {}:{}".format(*server.address), file=sys.stderr)
            await asyncio.get_running_loop().create_future()
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return 0


async def _serve_at(arguments: argparse.Namespace, slot: ServedCard) -> int:
    try:
        async with PtyModem(slot, arguments.path) as modem:
            print(f"modem {arguments.path or modem.path}", file=sys.stderr)
            await asyncio.get_running_loop().create_future()
    except OSError as error:
        raise UserError(f"no terminal: {error}") from None
    return 0


async def _serve_lpac(arguments: argparse.Namespace, slot: ServedCard) -> int:
    if arguments.run:
        said = await run_lpac(slot, shlex.split(arguments.run))
    else:
        try:
            streams = await stdio_streams()
        except ValueError as error:
            raise UserError(f"stdin and stdout are no pipes: {error}") from None
        said = await serve_stdio(slot, *streams)
    for one in said:
        print(json.dumps(one), file=sys.stdout if arguments.run else sys.stderr)
    final = [one["payload"].get("code") for one in said if one["type"] == "lpa"]
    return 0 if not final or final[-1] == 0 else 1


# --- read ---


async def _read(arguments: argparse.Namespace, version: str, tape: Tape | None) -> int:
    try:
        reader = find_reader(arguments.reader)
    except ValueError as error:
        raise UserError(str(error), f"readers are {READERS}") from None
    try:
        facts = await read_facts(reader, version, tape)
    except ReaderGone:
        raise
    except (CardFault, CardStatus) as error:
        print(f"no eUICC: {error}", file=sys.stderr)
        return 1
    print(json.dumps(facts.as_json(), indent=2) if arguments.json else _text(facts))
    return 0


def _text(facts: Facts) -> str:
    lines = [f"EID {facts.eid}"]
    if facts.info is not None:
        lines.append(f"SGP.22 {facts.info.get('svn', '')}, "
                     f"profiles of {facts.info.get('profileVersion', '')}")  # fmt: skip
    for name, value in (facts.addresses or {}).items():
        lines.append(f"{name} {value}")
    lines += [f"profile {profile_line(one)}" for one in facts.profiles]
    lines += [f"eIM {one.get('eimId', '')}" for one in facts.eims]
    lines += [f"{name}: {text}" for name, text in facts.missing.items()]
    return "\n".join(lines)
