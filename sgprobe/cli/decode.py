"""Show what bytes say: one message now, as hex, base64, or a file with DER.

sgprobe decode BF4F03020101
sgprobe decode message.der --spec SGP.32@1.2 --as json
sgprobe decode - --type EuiccPackageRequest < hex.txt
"""

from __future__ import annotations

import argparse

from sgprobe.cli.input import read_argument
from sgprobe.cli.message import show_message
from sgprobe.cli.specs import add_spec, chosen_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe decode`."""
    parser.add_argument("input", metavar="ARG", help="a file, hex, base64, or - for stdin")
    parser.add_argument("--as", dest="form", default="tree", choices=("tree", "json"),
                        help="how to print (default: tree)")  # fmt: skip
    parser.add_argument("--type", metavar="TYPE", help="read as this ASN.1 type")
    add_spec(parser, "read as this version; default: every version that fits is named")
    parser.add_argument("-b", "--bytes", action="store_true",
                        help="tree: also tag and offset of every element")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe decode`."""
    spec = chosen_spec(arguments.spec)
    octets = read_argument(arguments.input)
    return show_message(octets, spec, arguments.type, arguments.form, arguments.bytes)
