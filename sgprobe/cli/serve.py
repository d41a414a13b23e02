"""Serve a simulated role on its own until Ctrl-C: an eIM, an SM-DP+ or an SM-DS.

sgprobe serve eim                         prints its addresses, EIDs and trust file
sgprobe serve smdp --port 8443 --json     one JSON line when it is listening
sgprobe serve eim --coaps --coaps-port 5684  CoAP over DTLS beside HTTPS
sgprobe serve eim --db eim.sqlite --tape run.pcapng --keylog keys.log
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from sgprobe.cli.coap import add_coap, chosen_coap
from sgprobe.cli.command import UserError
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.cli.tape import add_tape, tape_path
from sgprobe.crypto.keys import RSP_CURVES
from sgprobe.host.directory import Coap
from sgprobe.host.stand import ROLES, Plan, Stand
from sgprobe.peers.eim.rules import FAULTY
from sgprobe.peers.rules import RuleError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe serve`."""
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--host", default="127.0.0.1", help="default: loopback")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--coaps", action="store_true",
                        help="eim: CoAP over DTLS as well")  # fmt: skip
    parser.add_argument("--coaps-port", type=int, default=0, help="of UDP; default: a free one")
    add_coap(parser)
    parser.add_argument("--operator-port", type=int, default=0,
                        help="of the operator interface, on loopback")  # fmt: skip
    parser.add_argument("--curve", default="p256", choices=[str(curve) for curve in RSP_CURVES])
    add_spec(parser, "eim: the version it speaks; default SGP.32@1.2")
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite; default: in memory")
    add_tape(parser)
    parser.add_argument("--keylog", type=Path, metavar="FILE", help="append TLS keys")
    parser.add_argument("--rule-off", action="append", default=[], metavar="NAME",
                        help="do not keep this rule, such as EIM.RESULT-SIGNATURE")  # fmt: skip
    parser.add_argument("--faulty", action="store_true",
                        help="eim: a product to learn from, with three faults")  # fmt: skip
    parser.add_argument("--at", action="append", default=[], metavar="NAME=HOST:PORT",
                        help="where another server is")  # fmt: skip
    parser.add_argument("--ask-euicc", action="store_true",
                        help="mutual TLS: ask for an eUICC's certificate")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON line")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe serve`."""
    spec = chosen_spec(arguments.spec)
    if spec is not None and spec.name != "SGP.32":
        raise UserError(f"--spec {spec}: a version of SGP.32 is wanted", "such as SGP.32@1.2")
    if arguments.faulty and arguments.role != "eim":
        raise UserError("--faulty is of the eIM", "sgprobe serve eim --faulty")
    faults = FAULTY if arguments.faulty else frozenset()
    if arguments.coaps and arguments.role != "eim":
        raise UserError("--coaps: CoAP carries ESipa, which an eIM speaks", "serve eim --coaps")
    plan = Plan(
        arguments.role,
        curve=arguments.curve,
        version=spec.version if spec is not None else "1.2",
        host=arguments.host,
        port=arguments.port,
        operator_port=arguments.operator_port,
        database=arguments.db,
        tape=tape_path(arguments.tape, f"serve-{arguments.role}"),
        keylog=arguments.keylog,
        off=faults.union(arguments.rule_off),
        coaps=arguments.coaps,
        coaps_port=arguments.coaps_port,
        coap=Coap(chosen_coap(arguments)),
        ask_euicc=arguments.ask_euicc,
        known=dict(known_place(text) for text in arguments.at),
    )
    try:
        asyncio.run(_serve(plan, arguments.json))
    except RuleError as error:
        raise UserError(f"--rule-off: {error}") from None
    except OSError as error:
        raise UserError(f"cannot listen: {error.strerror or error}", "try another --port") from None
    return 0


def known_place(text: str) -> tuple[str, tuple[str, int]]:
    """Read NAME=HOST:PORT."""
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    if not (name and host and port.isdigit()):
        raise UserError(f"--at {text!r}: expected NAME=HOST:PORT")
    return name, (host.strip("[]"), int(port))


async def _serve(plan: Plan, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Stand(plan) as stand:
        told = stand.description()
        if as_json:
            print(json.dumps(told), flush=True)
        else:
            print(f"{told['role']} {told['name']}")
            for url in stand.description()["urls"]:  # type: ignore[attr-defined]
                print(f"  listens on   {url}")
            print(f"  operator at  {told['operator']}")
            for eid in stand.eids:
                print(f"  knows EID    {eid}")
            print(f"  trust        {told['trust']}")
            if plan.tape is not None:
                print(f"  capture      {plan.tape}")
            print("Ctrl-C ends.", flush=True)
        await stop.wait()
