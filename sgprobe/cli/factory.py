"""Play the sixteen steps of in-factory provisioning (SGP.41 §5.1) with files, in five commands.

sgprobe factory order --new --count 20 --type 12k     1: the MSP orders profiles
sgprobe factory bind --devices 20                     2-6: eUICC data, requests, binding
sgprobe factory deliver                               7: the packages come to the factory
sgprobe factory load --stations 4                     8-12: every device, with no network
sgprobe factory report                                13-16: reports, verdicts, the MSP hears
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sgprobe.cli.bar import Bar
from sgprobe.cli.command import UserError
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.host.cards import be_there, find_reader
from sgprobe.host.factory import Lab, LabError
from sgprobe.host.loading import Source, load_all
from sgprobe.host.offline import Online, go_offline
from sgprobe.host.station import ReaderDevice
from sgprobe.links.card import ReaderGone
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.delivery.check import Checked, Refused, check_delivery
from sgprobe.peers.delivery.files import FilesError, open_delivery, write_tar
from sgprobe.peers.delivery.writer import file_names
from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.fpa.journal import JournalError
from sgprobe.peers.fpa.line import MAX_STATIONS
from sgprobe.peers.rules import RuleError
from sgprobe.peers.smdpf.eligibility import check_rules
from sgprobe.peers.smdpf.orders import MAX_COUNT, TYPES

SUITES = {suite.label: suite for suite in Suite}
_SHOWN = 5
_MOST_SPARE = 32
_AGAIN = "fetch the delivery again: `factory deliver`, or as it came to you"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe factory`."""
    commands = parser.add_subparsers(
        dest="command", metavar="order|bind|deliver|load|report", required=True
    )
    order = commands.add_parser("order", help="1: the MSP orders profiles at the SM-DPf")
    order.add_argument("--count", type=_number(1, MAX_COUNT), default=20, metavar="N",
                       help="default: 20")  # fmt: skip
    order.add_argument("--type", default="12k", choices=sorted(TYPES), help="default: 12k")
    order.add_argument("--network", type=_network, default="00101", metavar="MCCMNC",
                       help="default: 00101")  # fmt: skip
    order.add_argument("--eligible", metavar="JSON", help="what an eUICC must show, such as "
                       '\'{"minFreeNvm": 100000}\'')  # fmt: skip
    order.add_argument("--new", action="store_true", help="throw an earlier laboratory away")
    order.add_argument("--seed", default="sgprobe", help="of subscriptions and chips")

    bind = commands.add_parser("bind", help="2-6: personalise eUICCs, request and bind packages")
    bind.add_argument("--devices", type=_number(1, MAX_COUNT), default=20, metavar="N",
                      help="default: 20")  # fmt: skip
    bind.add_argument("--order", metavar="ID", help="default: the last one")
    bind.add_argument("--suite", default="c1", choices=list(SUITES), help="default: c1")
    bind.add_argument("--spare", type=_number(0, _MOST_SPARE), default=1, metavar="N",
                      help="one-time keys beside the one that is used (default 1)")  # fmt: skip
    bind.add_argument("--route", default="a", choices=["a", "b"],
                      help="of eUICC data: a, to the SM-DPf; b, by the device maker")  # fmt: skip
    bind.add_argument("--enable", action="store_true", help="the line enables what it has loaded")
    bind.add_argument("--supersedes", metavar="ID", help="void this earlier delivery")

    deliver = commands.add_parser("deliver", help="7: fetch and check a delivery")
    deliver.add_argument("--delivery", metavar="ID", help="default: the last one")
    deliver.add_argument("--tar", type=Path, metavar="FILE", help="also as one tar")

    load = commands.add_parser("load", help="8-12: load every device, offline")
    load.add_argument("--delivery", type=Path, metavar="DIR|TAR",
                      help="default: the last one that was fetched")  # fmt: skip
    load.add_argument("--stations", type=_number(1, MAX_STATIONS), default=1, metavar="N",
                      help=f"1 to {MAX_STATIONS} at once (default 1)")  # fmt: skip
    load.add_argument("--reader", metavar="READER",
                      help="load the card in a reader instead: pcsc[:NAME], at:PATH")  # fmt: skip
    load.add_argument("--trace", action="store_true", help="keep the APDUs of each station")

    report = commands.add_parser("report", help="13-16: report what was loaded; the MSP hears")
    report.add_argument("--final", action="store_true", help="no more reports will come")

    for command in (order, bind, deliver, load, report):
        command.add_argument("--lab", type=Path, default=Path("factory"), metavar="DIR",
                             help="the laboratory (default: factory)")  # fmt: skip
        command.add_argument("--json", action="store_true", help="print one JSON object")
    for command in (order, bind, deliver, report):
        command.add_argument("--smdpf", type=_address, metavar="URL",
                             help="another SM-DPf; default: the laboratory's own")  # fmt: skip
        command.add_argument("--trust", type=Path, action="append", default=[], metavar="FILE",
                             help="CA of the SM-DPf; default: the test CI")  # fmt: skip
    for command, prefix in ((bind, "SMDPF"), (report, "SMDPF"), (load, "FPA")):
        command.add_argument("--rule-off", action="append", default=[], metavar="NAME",
                             help=f"do not keep this rule, such as {prefix}.…")  # fmt: skip


def _number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a number within bounds."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
            raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number from {least} to {most}")
        return int(text)

    return read


def _network(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) in (5, 6)):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no MCC and MNC: 5 or 6 digits")
    return text


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        known = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no https://HOST:PORT")
    return text.rstrip("/")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe factory`."""
    steps: dict[str, Callable[[Lab, argparse.Namespace], int]] = {
        "order": _order, "bind": _bind, "deliver": _deliver, "load": _load, "report": _report,
    }  # fmt: skip
    lab = None
    try:
        lab = _lab(arguments)
        return steps[arguments.command](lab, arguments)
    except (FilesError, Refused) as error:
        raise UserError(str(error), _AGAIN if arguments.command == "load" else "") from None
    except (LabError, RuleError, JournalError, ReaderGone) as error:
        raise UserError(str(error)) from None
    except ServerRefusal as error:
        raise UserError(f"the SM-DPf refuses: {error}") from None
    except (ServerFault, LinkFailure, Unreachable) as error:
        hint = f"is an SM-DPf at {arguments.smdpf}?" if getattr(arguments, "smdpf", None) else ""
        raise UserError(f"the SM-DPf cannot be used: {error}", hint) from None
    except Online as error:
        raise UserError(f"the line is offline: {error}") from None
    except OSError as error:
        raise UserError(f"{error.filename or arguments.lab}: {error.strerror or error}") from None
    finally:
        if lab is not None:
            lab.close()


def _lab(arguments: argparse.Namespace) -> Lab:
    url: str | None = getattr(arguments, "smdpf", None)
    trust = tuple(getattr(arguments, "trust", ()))
    if arguments.command == "order":
        return Lab.make(arguments.lab, new=arguments.new, seed=arguments.seed, url=url, trust=trust)
    # the rules of `load` are the line's
    off = getattr(arguments, "rule_off", ()) if arguments.command != "load" else ()
    return Lab(arguments.lab, url, trust, frozenset(off))


def _order(lab: Lab, arguments: argparse.Namespace) -> int:
    members = {"mccMnc": arguments.network}
    if arguments.eligible:
        try:
            members["eligibility"] = json.loads(arguments.eligible)
        except ValueError as error:
            raise UserError(f"--eligible: no JSON: {error}") from None
        if lab.url is None:
            _known_rules(members["eligibility"])
    answer = lab.order(arguments.type, arguments.count, **members)
    if arguments.json:
        print(json.dumps(answer))
        return 0
    (numbers,) = answer["iccidRanges"]
    print(f"order {answer['orderId']}: {arguments.count} profiles {arguments.type}, "
          f"ICCID {numbers['first']} to {numbers['last']}")  # fmt: skip
    return 0


def _known_rules(eligibility: Any) -> None:
    try:
        check_rules(eligibility)
    except Refusal as error:
        raise UserError(f"--eligible: {error.detail}", 'such as {"minFreeNvm": 100000}') from None


def _bind(lab: Lab, arguments: argparse.Namespace) -> int:
    suite = SUITES[arguments.suite]
    missing = unavailable(suite)
    if missing:
        raise UserError(f"--suite {arguments.suite}: {missing}")
    # a device is personalised once: what is wrong with the request is told before
    order = lab.known("orders", arguments.order or lab.last_order())
    if arguments.supersedes:
        lab.known("deliveries", arguments.supersedes)
    bar = Bar("personalising")
    chips = lab.personalise(arguments.devices, suite, arguments.spare, bar)
    bar.clear()
    data = lab.give_data(chips, arguments.route)
    members = {"policy": {"enableAfterLoad": arguments.enable}}
    if arguments.supersedes:
        members["supersedes"] = arguments.supersedes
    bar = Bar("binding")
    job = lab.bind(order, chips, suite, bar, **members)
    bar.clear()
    told = {"accepted": len(data["accepted"]), "refused": data["refused"],
            "deliveryId": job["deliveryId"], "bound": job["bound"],
            "refusals": job["refusals"]}  # fmt: skip
    if arguments.json:
        print(json.dumps(told))
        return 0
    print(f"eUICC data: {told['accepted']} accepted, {len(data['refused'])} refused")
    print(f"delivery {told['deliveryId']}: {told['bound']} packages bound in suite "
          f"{arguments.suite}, {len(job['refusals'])} refused")  # fmt: skip
    for one in job["refusals"][:_SHOWN]:
        print(f"  {one['eid']}: {one['subjectCode']}/{one['reasonCode']} {one['message']}")
    return 1 if job["refusals"] else 0


def _deliver(lab: Lab, arguments: argparse.Namespace) -> int:
    bar = Bar("fetching")
    folder, manifest = lab.deliver(arguments.delivery, None, bar)
    bar.clear()
    files = open_delivery(folder)
    bar = Bar("checking", manifest.entry_count)
    found = check_delivery(files, [lab.certificates.anchor], packages=True, told=bar)
    bar.clear()
    if arguments.tar:
        write_tar(files, file_names(manifest.shards), arguments.tar)
    if arguments.json:
        print(json.dumps({"delivery": str(folder), "entries": found.entries,
                          "faults": [str(one) for one in found.faults]}))  # fmt: skip
        return 0 if found.ok else 1
    print(f"{folder}: {found.entries} packages in {len(manifest.shards)} shards, "
          f"signed by {found.signer.oid}")  # fmt: skip
    return _faults(found)


def _faults(found: Checked) -> int:
    for one in found.faults[:_SHOWN]:
        print(f"  {one}")
    more = len(found.faults) + found.dropped - _SHOWN
    if more > 0:
        print(f"  and {more} more")
    return 0 if found.ok else 1


def _load(lab: Lab, arguments: argparse.Namespace) -> int:
    path = arguments.delivery or _fetched(lab)
    # before anything of the line begins
    closed = go_offline()
    line = lab.line(frozenset(arguments.rule_off))
    line.recover()
    now = lab.clock.now()
    if path.resolve() not in [one.path for one in line.stock.deliveries if one.whole]:
        bar = Bar("importing")
        found = line.import_delivery(path, now, bar)
        bar.clear()
        if not found.ok:
            print(f"{path}: only {found.entries} of {found.manifest.entry_count} packages are good")
            _faults(found)
            print(f"  next: {_AGAIN}")
    sources = _sources(lab, arguments)
    bar = Bar("loading", len(sources))
    tally = load_all(line, sources, arguments.stations, traces=arguments.trace, told=bar)
    bar.clear()
    line.close()
    told = {"offline": closed, "devices": len(sources), "good": tally.good, "held": tally.held,
            "attempts": tally.loads, "reasons": tally.reasons or {}}  # fmt: skip
    if arguments.json:
        print(json.dumps(told))
    else:
        print(f"offline: sockets are refused by {closed}")
        print(f"{len(sources)} devices at {arguments.stations} stations: {tally.good} good, "
              f"{tally.held} held back, {tally.loads} attempts")  # fmt: skip
        for reason, count in sorted((tally.reasons or {}).items()):
            print(f"  {count} held back: {reason}")
    return 1 if tally.held else 0


def _fetched(lab: Lab) -> Path:
    """Return the delivery that was fetched last; LabError where the last one was not."""
    name = lab.delivery(None)
    path = lab.folder / "delivery" / name
    if not path.exists():
        raise LabError(f"delivery {name} is not at the factory; `factory deliver` fetches it")
    return path


def _sources(lab: Lab, arguments: argparse.Namespace) -> list[Source]:
    if arguments.reader:
        if arguments.reader.startswith("tcp"):
            raise UserError("--reader tcp needs the network; the line has none")
        try:
            reader = find_reader(arguments.reader)
        except ValueError as error:
            raise UserError(f"--reader: {error}", "pcsc, pcsc:NAME or at:PATH") from None
        be_there(arguments.reader)
        # a loop of its own: its local sockets are all that the line may have
        loop = asyncio.new_event_loop()
        return [lambda: ReaderDevice(reader, loop.run_until_complete)]

    def source(device: dict[str, int]) -> Source:
        return lambda: lab.device(lab.personalised(device))

    return [source(device) for device in lab.notes["devices"]]


def _report(lab: Lab, arguments: argparse.Namespace) -> int:
    line = lab.line()
    counts: dict[str, int] = {}
    sent = 0
    bar = Bar("reporting")
    for _ in line.reports(lab.clock.now(), final=arguments.final):
        pass
    for report in line.unsent():
        answer = lab.report(report.octets())
        report.mark_sent(answer)
        sent += 1
        bar(sent)
        for item in answer["items"]:
            counts[item["verdict"]] = counts.get(item["verdict"], 0) + 1
    bar.clear()
    line.close()
    order = lab.last_order()
    states = lab.order_states(order)
    missing = {one: lab.gaps(one)["withoutOutcomeCount"] for one in lab.notes["deliveries"]}
    heard = lab.tell_msp()
    told = {"reports": sent, "verdicts": counts, "order": order, "states": states,
            "withoutOutcome": missing, "msp": heard}  # fmt: skip
    if arguments.json:
        print(json.dumps(told))
        return 0
    print(f"{sent} reports sent: {_counts(counts)}")
    print(f"order {order}: {_counts(states)}")
    for name, count in missing.items():
        if count:
            print(f"delivery {name}: {count} packages without an outcome")
    if heard is not None:
        print(f"the MSP has heard: {_counts({name: len(one) for name, one in heard.items()})}")
    return 0


def _counts(counts: dict[str, int]) -> str:
    told = [f"{number} {name}" for name, number in counts.items() if number]
    return ", ".join(told) or "nothing"
