"""Judge whether devices were provisioned in the factory, or only say so.

sgprobe ifpp judge EVIDENCE-DIR               class, three answers, what is missing
sgprobe ifpp judge EVIDENCE-DIR --json        the same as one JSON object, with the key `class`

Exit code: 0 judged, whatever the class; 4 evidence that cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sgprobe.cli.command import USAGE, UserError
from sgprobe.fileerror import FileError, render, safe

if TYPE_CHECKING:
    from sgprobe.crypto.chain import Anchor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe ifpp`."""
    commands = parser.add_subparsers(dest="command", metavar="judge", required=True)
    judge = commands.add_parser("judge", help="answer the three questions from evidence")
    judge.add_argument("folder", type=Path, metavar="EVIDENCE-DIR",
                       help="a folder with evidence.yaml and what it names")  # fmt: skip
    judge.add_argument("--trust", type=Path, action="append", default=[], metavar="FILE",
                       help="certificate of a CI, PEM or DER; default: the test CI")  # fmt: skip
    judge.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe ifpp`."""
    from sgprobe.crypto.pki import TestPki
    from sgprobe.judge.plan import NAME
    from sgprobe.judge.text import render as as_text
    from sgprobe.judge.verdict import judge

    folder: Path = arguments.folder
    if not (folder / NAME).is_file():
        what = f"has no {NAME}" if folder.is_dir() else "is no evidence directory"
        raise UserError(
            f"{safe(str(folder))} {what}",
            f"it is a folder with {NAME}; vectors/ifpp/evidence has examples",
        )
    anchors: list[Anchor] = [_anchor(path) for path in arguments.trust]
    try:
        verdict = judge(folder, anchors or [one.anchor for one in TestPki.load()])
    except FileError as error:
        for problem in error.problems:
            print(render(problem), file=sys.stderr)
        return USAGE
    print(json.dumps(verdict.as_json(), indent=2) if arguments.json else as_text(verdict))
    return 0


def _anchor(path: Path) -> Anchor:
    from sgprobe.crypto.chain import Anchor
    from sgprobe.product.keyfiles import KeyFileError, read_key_file
    from sgprobe.yamlnode import Source

    try:
        found = read_key_file(path, Source(str(path)))
    except KeyFileError as error:
        raise UserError(f"{safe(str(path))} {error}", "name the certificate of a CI") from None
    return Anchor.of(found.certificates[0]) if found.certificates else Anchor.of_key(found.spki)
