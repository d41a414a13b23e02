"""Print the manual page, made from the options of every verb.

sgprobe man | man -l -
sgprobe man > /usr/local/share/man/man1/sgprobe.1
"""

from __future__ import annotations

import argparse

import sgprobe
from sgprobe.cli.options_of import Command, commands

EXIT_CODES = (
    (0, "every applicable case passed; all decoded; nothing wrong"),
    (1, "at least one case failed; some messages are malformed"),
    (2, "interrupted"),
    (3, "an error of the tool"),
    (4, "usage, a wrong file, or a product that is not there"),
    (5, "nothing ran"),
    (6, "no failure, but at least one inconclusive case"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe man`."""


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe man`."""
    print(page(), end="")
    return 0


def page() -> str:
    """Return the manual page in roff."""
    lines = [
        f'.TH SGPROBE 1 "" "sgprobe {sgprobe.__version__}" "User Commands"',
        ".SH NAME",
        "sgprobe \\- conformance bench and packet dissector for IoT eSIM",
        ".SH SYNOPSIS",
        ".B sgprobe",
        "VERB [options]",
        ".SH DESCRIPTION",
        "Runs conformance cases for SGP.32, SGP.22 and SGP.41 against a product or against the "
        "built-in references, decodes captures and messages, and simulates every party.",
        ".SH VERBS",
    ]
    for command in commands():
        lines += _verb(command)
    lines.append(".SH EXIT STATUS")
    for code, text in EXIT_CODES:
        lines += [".TP", f".B {code}", _roff(text)]
    return "\n".join(lines) + "\n"


def _verb(command: Command) -> list[str]:
    first, _, rest = command.text.partition("\n\n")
    lines = [f".SS sgprobe {command.name}", _roff(" ".join(first.split()))]
    if rest:
        lines += [".PP", ".nf", *map(_roff, rest.splitlines()), ".fi"]
    for option in command.options:
        takes = f" {option.takes}" if option.takes else ""
        names = ", ".join(f"{name}{takes}" for name in option.names)
        lines += [".TP", f".B {_roff(names)}", _roff(option.help or " ")]
    return lines


def _roff(text: str) -> str:
    made = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("§", "clause ")
    return f"\\&{made}" if made.startswith((".", "'")) else made
