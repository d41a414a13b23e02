"""Serve a simulated role on its own until Ctrl-C: an eIM, an SM-DP+, an SM-DS or an SM-DPf.

sgprobe serve eim                         prints its addresses, EIDs and trust file
sgprobe serve smdp --port 8443 --json     one JSON line when it is listening
sgprobe serve eim --coaps --coaps-port 5684  CoAP over DTLS beside HTTPS
sgprobe serve eim --db eim.sqlite --tape run.pcapng --keylog keys.log
sgprobe serve smdpf --deliveries out      clients show a certificate, as `sgprobe factory` does
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from sgprobe.cli.coap import add_coap, chosen_coap
from sgprobe.cli.command import UserError, file_fault, port
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.cli.tape import add_tape, tape_path
from sgprobe.crypto.keys import RSP_CURVES
from sgprobe.host.directory import Coap
from sgprobe.host.stand import ROLES, Plan, Stand
from sgprobe.peers.eim.rules import FAULTY, FAULTY_TOKEN
from sgprobe.peers.rules import RuleError

SMDPF = "smdpf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe serve`."""
    parser.add_argument("role", choices=(*ROLES, SMDPF))
    parser.add_argument("--host", default="127.0.0.1", help="default: loopback")
    parser.add_argument("--port", type=port, default=0, help="default: a free one")
    parser.add_argument("--coaps", action="store_true",
                        help="eim: CoAP over DTLS as well")  # fmt: skip
    parser.add_argument("--coaps-port", type=port, default=0, help="of UDP; default: a free one")
    add_coap(parser)
    parser.add_argument("--operator-port", type=port, default=0,
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
    parser.add_argument("--deliveries", type=Path, default=Path("deliveries"), metavar="DIR",
                        help="smdpf: where they are written (default: deliveries)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON line")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe serve`."""
    if arguments.role == SMDPF:
        return _run(lambda: _serve_factory(arguments))
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
        token=FAULTY_TOKEN if arguments.faulty else None,
        off=faults.union(arguments.rule_off),
        coaps=arguments.coaps,
        coaps_port=arguments.coaps_port,
        coap=Coap(chosen_coap(arguments)),
        ask_euicc=arguments.ask_euicc,
        known=dict(known_place(text) for text in arguments.at),
    )
    return _run(lambda: _serve(plan, arguments.json))


def _run(serve: Callable[[], Coroutine[Any, Any, None]]) -> int:
    try:
        asyncio.run(serve())
    except RuleError as error:
        raise UserError(f"--rule-off: {error}") from None
    except OSError as error:
        if error.filename is not None:
            raise file_fault(error) from None
        raise UserError(f"cannot listen: {error.strerror or error}", "try another --port") from None
    return 0


def known_place(text: str) -> tuple[str, tuple[str, int]]:
    """Read NAME=HOST:PORT."""
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    if not (name and host and port.isdigit()):
        raise UserError(f"--at {text!r}: expected NAME=HOST:PORT")
    return name, (host.strip("[]"), int(port))


def _until_stopped() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _serve_factory(arguments: argparse.Namespace) -> None:
    from sgprobe.host.factory_stand import FactoryPlan, FactoryStand

    plan = FactoryPlan(
        arguments.deliveries,
        arguments.host,
        arguments.port,
        arguments.db,
        tape_path(arguments.tape, "serve-smdpf"),
        arguments.keylog,
        frozenset(arguments.rule_off),
        operator_port=arguments.operator_port,
        known=dict(known_place(text) for text in arguments.at),
    )
    stop = _until_stopped()
    async with FactoryStand(plan, lambda text: print(text, file=sys.stderr)) as stand:
        told = stand.description()
        if arguments.json:
            print(json.dumps(told), flush=True)
        else:
            print(f"smdpf {told['name']}")
            print(f"  listens on   {stand.url}")
            print(f"  operator at  {told['operator']}")
            print(f"  deliveries   {plan.folder}")
            print(f"  trust        {told['trust']}")
            if plan.tape is not None:
                print(f"  capture      {plan.tape}")
            print("Ctrl-C ends.", flush=True)
        await stop.wait()


async def _serve(plan: Plan, as_json: bool) -> None:
    stop = _until_stopped()
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
