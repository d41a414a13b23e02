"""The command line: `sgprobe VERB ...`; a verb's module is imported only when it is called."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from sgprobe.cli.verbs import VERBS, help_text


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        if len(arguments) > 1 and arguments[1] in VERBS:
            return run([arguments[1], "--help"])
        print(help_text())
        return 0
    if arguments[0] in ("-V", "--version", "version"):
        from sgprobe import __version__

        print(f"sgprobe {__version__}")
        return 0
    verb = VERBS.get(arguments[0])
    if verb is None:
        return _unknown(arguments[0])
    from sgprobe.cli.command import run_verb

    try:
        return run_verb(arguments[0], verb, arguments[1:])
    except BrokenPipeError:
        # the reader (head, less) has gone: nobody is left to tell, and Python's own flush
        # at exit must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _unknown(word: str) -> int:
    import difflib

    near = difflib.get_close_matches(word, VERBS, 1)
    hint = f"did you mean `sgprobe {near[0]}`?" if near else "`sgprobe --help` lists the verbs"
    print(f"sgprobe: no verb {word!r}; {hint}", file=sys.stderr)
    return 4
