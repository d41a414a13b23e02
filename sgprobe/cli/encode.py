"""Turn a JSON value (JER) into DER, printed as hex.

sgprobe encode --type GetEimPackageResponse '{"eimPackageError": "noEimPackageAvailable"}'
sgprobe encode --type EuiccPackageRequest value.json --out request.der
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from dissectors.asn1 import codec
from dissectors.asn1.writer import EncodeError
from sgprobe.cli.command import UserError
from sgprobe.cli.specs import add_spec, chosen_spec, newest

_NAME_LIMIT = 255


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe encode`."""
    parser.add_argument("value", metavar="ARG", help="JSON, a file with JSON, or - for stdin")
    parser.add_argument("--type", required=True, metavar="T", help="the ASN.1 type")
    add_spec(parser, "the version; default: the newest that has the type")
    parser.add_argument("--out", metavar="FILE", help="write DER to a file instead of hex")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe encode`."""
    spec = chosen_spec(arguments.spec)
    if spec is None:
        loaded = codec.newest_with(arguments.type) or codec.load(newest("SGP.32"))
    else:
        loaded = codec.load(spec)
    value = _value(arguments.value)
    try:
        octets = loaded.encode(arguments.type, value)
    except EncodeError as error:
        hint = f"`sgprobe asn1 show {arguments.type} --spec {loaded.spec}` prints the type"
        raise UserError(f"{arguments.type}: {error}", hint) from None
    except KeyError as error:
        raise UserError(str(error.args[0]), "`sgprobe asn1 show` lists the types") from None
    if arguments.out:
        try:
            Path(arguments.out).write_bytes(octets)
        except OSError as error:
            raise UserError(f"{arguments.out}: {error.strerror}", "name a file to write") from None
    else:
        print(octets.hex().upper())
    return 0


def _value(argument: str) -> object:
    text = argument
    if argument == "-":
        text = sys.stdin.read()
    elif not argument.lstrip().startswith(("{", "[", '"')):
        try:
            if Path(argument).is_file():
                text = Path(argument).read_text(encoding="utf-8")
        except ValueError:
            raise UserError(f"{argument} is no text", "a file holds JSON in UTF-8") from None
        except OSError as error:
            # a long number is no file name
            if len(argument) < _NAME_LIMIT:
                raise UserError(f"{argument}: {error.strerror}") from None
    try:
        return json.loads(text)
    except RecursionError:
        raise UserError("the JSON is nested too deep", "no type is") from None
    except ValueError as error:
        hint = "a file name must name an existing file"
        if text is argument and re.fullmatch(r"[\w./\\-]+", argument) and argument != "-":
            shown = argument if len(argument) <= 60 else argument[:57] + "..."
            raise UserError(f"{shown!r} is no existing file, and no JSON", hint) from None
        raise UserError(f"not JSON: {error}", hint) from None
