"""Play a scenario with every role on loopback: eIM, SM-DP+, SM-DS, IPA and eUICC.

sgprobe world poll
sgprobe world indirect --curve brainpool --spec SGP.32@1.3 --tape run.pcapng
sgprobe world poll --coaps           ESipa over CoAP and DTLS
sgprobe world direct --link nbiot    over a slow and lossy network
sgprobe world all                    every scenario on both curves, in v1.0.1 and v1.3

The dialogue is printed from the capture that the run itself wrote; it opens in Wireshark, too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from dissectors.trace.read import read_trace
from dissectors.trace.render import Style, make
from sgprobe.cli.coap import add_coap, chosen_coap
from sgprobe.cli.command import UserError
from sgprobe.cli.link import add_link, chosen_link
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.cli.tape import add_tape, tape_path
from sgprobe.crypto.keys import RSP_CURVES
from sgprobe.host.directory import COAPS, HTTPS
from sgprobe.host.scenarios import SCENARIOS
from sgprobe.host.world import Plan, World
from sgprobe.links.impairment import Impairment, Perfect

_SERVERS = ("eim", "smdp", "smds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe world`."""
    lines = "; ".join(f"{name}: {one.line}" for name, one in SCENARIOS.items())
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"], help=lines)
    parser.add_argument("--curve", choices=[str(one) for one in RSP_CURVES], help="default: p256")
    add_spec(parser, "default SGP.32@1.2")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coaps", action="store_true", help="ESipa over CoAP and DTLS")
    add_coap(parser)
    add_link(parser)
    add_tape(parser)
    parser.add_argument("--quiet", action="store_true", help="do not print the dialogue")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe world`."""
    spec = chosen_spec(arguments.spec)
    if spec is not None and spec.name != "SGP.32":
        raise UserError(f"--spec {spec}: a version of SGP.32 is wanted", "such as SGP.32@1.2")
    names = list(SCENARIOS) if arguments.scenario == "all" else [arguments.scenario]
    curves = [str(one) for one in RSP_CURVES] if arguments.scenario == "all" else ["p256"]
    versions = ["1.0.1", "1.3"] if arguments.scenario == "all" else ["1.2"]
    curves = [arguments.curve] if arguments.curve else curves
    versions = [spec.version] if spec is not None else versions
    binding = COAPS if arguments.coaps else HTTPS
    coap = chosen_coap(arguments)
    if arguments.tape not in (None, "none") and arguments.scenario == "all":
        raise UserError("--tape keeps one capture", "name one scenario with it")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for curve in curves:
                for version in versions:
                    kept = None
                    if arguments.scenario != "all":
                        kept = tape_path(arguments.tape, f"world-{name}")
                    tape = kept or Path(folder) / "world.pcapng"
                    plan = Plan(curve, version, arguments.seed, tape,
                                indirect=SCENARIOS[name].indirect, binding=binding,
                                injects=SCENARIOS[name].injects, coap=coap)  # fmt: skip
                    link = chosen_link(arguments, plan.seed) or Perfect()
                    failed += asyncio.run(_play(name, plan, link))
                    quiet = arguments.quiet or arguments.scenario == "all"
                    failed += _dialogue(tape, quiet)
                    if kept is not None:
                        print(f"  capture {kept}")
    runs = len(names) * len(curves) * len(versions)
    if runs > 1:
        print(f"{runs} runs, {failed} checks failed")
    return 1 if failed else 0


async def _play(name: str, plan: Plan, link: Impairment) -> int:
    """Play one scenario; return how many checks failed."""
    print(f"{name}, {plan.curve}, SGP.32@{plan.version}", flush=True)
    failed = 0
    async with World(plan) as world:
        for role in _SERVERS:
            world.impair(role, link)
        async for text, good in SCENARIOS[name].play(world):
            print(f"  {'ok  ' if good else 'FAIL'} {text}")
            failed += not good
    return failed


def _dialogue(tape: Path, quiet: bool) -> int:
    """Print what the capture says; return how many of its messages are malformed."""
    trace = read_trace(str(tape))
    if not quiet:
        renderer = make("summary", sys.stdout, Style())
        for message in trace.messages:
            renderer.message(message)
        renderer.finish(trace)
    malformed = [message for message in trace.messages if message.malformed]
    for message in malformed:
        text = "; ".join(problem.text for problem in message.problems)
        print(f"  FAIL message {message.n} {message.type}: {text}")
    print(f"  {len(trace.messages)} messages, {len(malformed)} malformed")
    return len(malformed)
