"""Act as an IPA with a simulated eUICC or a card: poll an eIM, listen to it, download a profile.

sgprobe ipa poll --eim https://127.0.0.1:8443 --trust ci.pem --tape run.pcapng
sgprobe ipa poll --eim coaps://127.0.0.1:5684 --link nbiot    over a slow and lossy network
sgprobe ipa poll --eim https://127.0.0.1:8443 --card pcsc    the eUICC in a reader
sgprobe ipa listen --eim coaps://127.0.0.1:5684        the eIM injects packages, until Ctrl-C
sgprobe ipa download '1$testsmdpplus1.example.com$ABC' --at testsmdpplus1.example.com=127.0.0.1:8444
sgprobe ipa poll --eim https://eim.lab:8443 --eim-key eim.pem --db card.sqlite
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from dissectors.asn1 import codec
from sgprobe.cli.coap import add_coap, chosen_coap
from sgprobe.cli.command import UserError, file_fault, port
from sgprobe.cli.link import add_link, chosen_link
from sgprobe.cli.serve import known_place
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.cli.tape import add_tape, tape_path
from sgprobe.crypto.keys import RSP_CURVES
from sgprobe.host.cards import READERS, find_reader, profile_line
from sgprobe.host.device import Device, DeviceError, EimPlace, Plan, read_public_key
from sgprobe.host.directory import COAPS, HTTPS, Coap
from sgprobe.host.stand import TEST_EUICCS
from sgprobe.peers.ipa.download import Loaded, Stopped
from sgprobe.peers.rules import RuleError

_ERRANDS = 0.2  # seconds between two looks at what was left for later


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe ipa`."""
    commands = parser.add_subparsers(dest="command", metavar="poll|listen|download", required=True)
    poll = commands.add_parser("poll", help="fetch and handle packages until there are none")
    listen = commands.add_parser("listen", help="take the packages that an eIM injects")
    listen.add_argument("--host", default="127.0.0.1", help="default: loopback")
    listen.add_argument("--port", type=port, default=0, help="default: a free one")
    download = commands.add_parser("download", help="download a profile over ES9+")
    download.add_argument("code", metavar="CODE", help="activation code, with or without LPA:")
    download.add_argument("--confirmation-code", metavar="CC")
    for command, needed in ((poll, True), (listen, True), (download, False)):
        command.add_argument("--eim", metavar="URL", required=needed,
                             help="the eIM, at https:// or coaps://")  # fmt: skip
        add_coap(command)
        add_link(command)
        command.add_argument("--eim-id", metavar="ID", help="default: its name")
        command.add_argument("--eim-name", metavar="FQDN", default="eim.example.com",
                             help="its name (default eim.example.com)")  # fmt: skip
        command.add_argument("--eim-key", type=Path, metavar="FILE",
                             help="its key or certificate; default: test PKI")  # fmt: skip
        command.add_argument("--trust", type=Path, action="append", default=[], metavar="FILE",
                             help="CA of servers; default: the test CI")  # fmt: skip
        command.add_argument("--at", action="append", default=[], metavar="NAME=HOST:PORT",
                             help="where a server is")  # fmt: skip
        command.add_argument("--euicc", default="euicc", choices=TEST_EUICCS,
                             help="which eUICC of the test PKI")  # fmt: skip
        command.add_argument("--card", metavar="READER",
                             help=f"a card in place of it: {READERS}")  # fmt: skip
        command.add_argument("--show-euicc", action="store_true",
                             help="mutual TLS with the eUICC's certificate")  # fmt: skip
        command.add_argument("--token", action="store_true", help="ask for an association token")
        command.add_argument("--as-it-is", action="store_true",
                             help="tell the eUICC of no eIM")  # fmt: skip
        command.add_argument("--indirect", action="store_true",
                             help="download through the eIM alone")  # fmt: skip
        command.add_argument("--rule-off", action="append", default=[], metavar="NAME",
                             help="do not keep this rule, such as EUICC.COUNTER")  # fmt: skip
        command.add_argument("--curve", default="p256", choices=[str(one) for one in RSP_CURVES])
        add_spec(command, "default SGP.32@1.2")
        command.add_argument("--db", type=Path, metavar="FILE", help="keep the eUICC in SQLite")
        add_tape(command)
        command.add_argument("--keylog", type=Path, metavar="FILE", help="append TLS keys")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe ipa`."""
    spec = chosen_spec(arguments.spec)
    if spec is not None and spec.name != "SGP.32":
        raise UserError(f"--spec {spec}: a version of SGP.32 is wanted", "such as SGP.32@1.2")
    for name in arguments.rule_off:
        if not name.startswith(("EUICC.", "IPA.")):
            raise UserError(f"--rule-off {name}: the rules here are EUICC.… and IPA.…")
        if arguments.card and name.startswith("EUICC."):
            raise UserError(f"--rule-off {name}: the eUICC of --card keeps its own rules")
    try:
        reader = find_reader(arguments.card) if arguments.card else None
    except ValueError as error:
        raise UserError(f"--card: {error}", f"readers are {READERS}") from None
    try:
        device = Device(
            Plan(
                arguments.curve,
                spec.version if spec is not None else "1.2",
                arguments.euicc,
                _eim(arguments),
                tuple(arguments.trust),
                dict(known_place(text) for text in arguments.at),
                arguments.db,
                tape_path(arguments.tape, "ipa"),
                arguments.keylog,
                arguments.token,
                indirect=arguments.indirect,
                listens=arguments.command == "listen",
                off=frozenset(arguments.rule_off),
                show_euicc=arguments.show_euicc,
                coap=Coap(chosen_coap(arguments)),
                associate=not arguments.as_it_is,
                reader=reader,
                impairment=chosen_link(arguments),
            )
        )
    except RuleError as error:
        raise UserError(f"--rule-off: {error}") from None
    except DeviceError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise file_fault(error) from None
    act = {"poll": _poll, "listen": _listen, "download": _download}[arguments.command]
    try:
        return asyncio.run(_act(device, act, arguments))
    except DeviceError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise file_fault(error) from None


def _eim(arguments: argparse.Namespace) -> EimPlace | None:
    if arguments.eim is None:
        return None
    if urlsplit(arguments.eim).scheme not in (HTTPS, COAPS):
        raise UserError(f"--eim {arguments.eim}: expected https://HOST:PORT or coaps://HOST:PORT")
    key = read_public_key(arguments.eim_key) if arguments.eim_key else None
    name = arguments.eim_name
    return EimPlace(arguments.eim, name, arguments.eim_id or name, key)


Act = Callable[[Device, argparse.Namespace], Awaitable[bool]]


async def _act(device: Device, act: Act, arguments: argparse.Namespace) -> int:
    async with device:
        print(f"EID {await device.eid()}")
        good = await act(device, arguments)
        for one in await device.profiles():
            print(f"profile {profile_line(one)}")
        if device.plan.tape is not None:
            print(f"capture {device.plan.tape}")
    return 0 if good else 1


async def _poll(device: Device, arguments: argparse.Namespace) -> bool:
    good = True
    for report in await device.conductor.run(device.ipa.poll()):
        handled = ", ".join(report.handled) or "nothing to do"
        print(f"eIM {report.eim}: {handled}{': ' + report.trouble if report.trouble else ''}")
        good = good and report.ok
    return good


async def _listen(device: Device, arguments: argparse.Namespace) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    scheme = urlsplit(arguments.eim).scheme
    try:
        url = await device.listen(scheme, arguments.host, arguments.port)
    except OSError as error:
        text = f"cannot listen: {error.strerror or error}"
        raise UserError(text, "try another --port") from None
    print(f"listens on {url}\nCtrl-C ends.", flush=True)
    while not stop.is_set():
        # what was taken for later is executed, and its result goes to the eIM
        await device.errands()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _ERRANDS)
    return True


async def _download(device: Device, arguments: argparse.Namespace) -> bool:
    code = arguments.code.removeprefix("LPA:")
    outcome = await device.conductor.run(device.ipa.download(code, arguments.confirmation_code))
    if isinstance(outcome, Loaded):
        result = codec.load("SGP.22@2.5").decode("ProfileInstallationResult", outcome.result).value
        final = result["profileInstallationResultData"]["finalResult"]
        print(f"download: {json.dumps(final)}")
        return "successResult" in final
    said = f" ({outcome.response})" if isinstance(outcome, Stopped) and outcome.response else ""
    print(f"download: {outcome.reason if isinstance(outcome, Stopped) else 'no profile'}{said}")
    return False
