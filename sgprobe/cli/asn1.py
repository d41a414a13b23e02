"""Read the ASN.1 of every version.

sgprobe asn1 show TYPE --spec SGP.32@1.2     the definition, with wire tags
sgprobe asn1 show                            the names of all types
sgprobe asn1 diff SGP.32@1.1 SGP.32@1.2      what changed on the wire, type by type
"""

from __future__ import annotations

import argparse

from dissectors.asn1 import describe
from dissectors.asn1.versions import Spec
from sgprobe.cli.command import UserError
from sgprobe.cli.specs import add_spec, chosen_spec, newest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe asn1`."""
    commands = parser.add_subparsers(dest="command", metavar="show|diff", required=True)
    show = commands.add_parser("show", help="print a type")
    show.add_argument("type", nargs="?", metavar="TYPE", help="its name; without it, all names")
    add_spec(show, "the version; default: the newest SGP.32")
    diff = commands.add_parser("diff", help="compare two versions")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    diff.add_argument("type", nargs="?", metavar="TYPE", help="this type alone")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe asn1`."""
    if arguments.command == "show":
        spec = chosen_spec(arguments.spec) or newest("SGP.32")
        return _show(spec, arguments.type)
    old, new = chosen_spec(arguments.old), chosen_spec(arguments.new)
    if old is None or new is None:
        raise UserError("two versions are needed", "sgprobe asn1 diff SGP.32@1.1 SGP.32@1.2")
    try:
        lines = list(describe.difference(old, new, arguments.type))
    except KeyError as error:
        raise UserError(str(error.args[0]), "`sgprobe asn1 show` lists the types") from None
    print("\n".join(lines) if lines else f"no difference between {old} and {new}")
    return 0


def _show(spec: Spec, name: str | None) -> int:
    try:
        lines = describe.names(spec) if name is None else describe.definition(spec, name)
    except KeyError as error:
        raise UserError(str(error.args[0]), "`sgprobe asn1 show` lists the types") from None
    print("\n".join(lines))
    return 0
