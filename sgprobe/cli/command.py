"""Runs one verb: its options, its errors, its exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NoReturn

from sgprobe.cli.verbs import Verb
from sgprobe.fileerror import safe

USAGE = 4
# the hint where results of a run are looked for and not found
NO_RUN = "`sgprobe run --out DIR` writes one; that of the last run is reports/results/latest"
_MOST_PORT = 0xFFFF


class UserError(Exception):
    """Input or usage is at fault: one clear message, and what to do next."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def file_fault(error: OSError) -> UserError:
    """Return the fault of a file that cannot be read or written, or of a store that is damaged."""
    place = f"{safe(str(error.filename))}: " if error.filename is not None else ""
    return UserError(f"{place}{error.strerror or error}", "mend that file, or name another one")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message, f"`{self.prog} --help` lists the options")


def port(text: str) -> int:
    """Read the number of a port; 0 is a free one."""
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= _MOST_PORT):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no port: 0 to {_MOST_PORT}")
    return int(text)


def run_verb(name: str, verb: Verb, arguments: list[str]) -> int:
    """Import the verb's module, parse its options and run it."""
    module = importlib.import_module(verb.module)
    parser = _Parser(
        prog=f"sgprobe {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    try:
        code: int = module.run(parser.parse_args(arguments))
    except UserError as error:
        print(f"sgprobe {name}: {error}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print(f"sgprobe {name}: interrupted", file=sys.stderr)
        return 2
    return code
