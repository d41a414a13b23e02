"""Write case and steps files in their one form.

sgprobe fmt suites/                files are changed in place
sgprobe fmt --check suites/        says which would change; exit code 4
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sgprobe.cases.check import files_of
from sgprobe.cases.fmt import format_text
from sgprobe.cli.command import USAGE, UserError
from sgprobe.fileerror import FileError, render, safe
from sgprobe.yamlfile import read_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe fmt`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--check", action="store_true", help="change nothing, say what would")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe fmt`."""
    wrong = changed = 0
    paths = [Path(text) for text in arguments.paths]
    for path in paths:
        if not path.exists():
            raise UserError(
                f"{safe(str(path))}: no such file or folder",
                "`sgprobe fmt suites/` writes those that come along",
            )
    for path in files_of(paths):
        try:
            read_file(path)
            text = path.read_bytes().decode("utf-8")
            formatted = format_text(text, str(path))
        except FileError as error:
            for problem in error.problems:
                print(render(problem), file=sys.stderr)
            wrong += 1
            continue
        if formatted != text:
            changed += 1
            print(f"{'would change' if arguments.check else 'changed'} {safe(str(path))}")
            if not arguments.check:
                _replace(path, formatted)
    return USAGE if wrong or (arguments.check and changed) else 0


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UserError(f"{safe(str(path))}: {error.strerror}") from None
