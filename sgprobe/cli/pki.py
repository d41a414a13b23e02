"""Make the test PKI: certificates, keys and CRLs of every party, and their faulty variants.

sgprobe pki make --out lab                    valid from today, all faults
sgprobe pki make --curve p256 --fault expired revoked
sgprobe pki make --stored --out vectors/pki   the set that travels with sgprobe, byte for byte
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from sgprobe.cli.command import UserError
from sgprobe.crypto import keys
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.forge import Forge
from sgprobe.crypto.keys import RSP_CURVES, Curve
from sgprobe.crypto.shelf import INDEX, STORED_SEED, STORED_START, write_shelf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe pki`."""
    commands = parser.add_subparsers(dest="command", metavar="make", required=True)
    make = commands.add_parser("make", help="write the files of a test PKI")
    make.add_argument("--out", type=Path, default=Path("pki"), metavar="DIR", help="default: pki")
    make.add_argument(
        "--seed",
        default=STORED_SEED,
        help="names the keys: the same seed gives the same; default: that of the stored set",
    )
    make.add_argument(
        "--curve",
        nargs="+",
        choices=[str(curve) for curve in RSP_CURVES],
        default=[str(curve) for curve in RSP_CURVES],
        help="default: both",
    )
    make.add_argument(
        "--fault",
        nargs="*",
        metavar="NAME",
        help="write these faulty variants; default: all; with no name: none",
    )
    make.add_argument(
        "--stored",
        action="store_true",
        help="the dates and lifetimes of the stored set instead of today's",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe pki make`."""
    faults = list(FAULTS) if arguments.fault is None else arguments.fault
    unknown = [name for name in faults if name not in FAULTS]
    if unknown:
        raise UserError(f"no fault {unknown[0]!r}", f"the faults are {', '.join(FAULTS)}")
    if arguments.stored:
        start = STORED_START
    else:
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    forges = [
        Forge(arguments.seed, Curve(name), start, lasting=arguments.stored)
        for name in dict.fromkeys(arguments.curve)
    ]
    try:
        count = write_shelf(arguments.out, forges, faults)
    except OSError as error:
        raise UserError(
            f"cannot write to {arguments.out}: {error}", "choose another --out"
        ) from None
    print(f"{count} files in {arguments.out}, listed in {arguments.out / INDEX}")
    for forge in forges:
        print(f"  CI on {forge.curve}: key id {keys.ski(forge.key('ci')).hex().upper()}")
    return 0
