"""The --spec option, the same for every verb."""

from __future__ import annotations

import argparse

from dissectors.asn1.versions import SPECS, Spec, parse_spec
from sgprobe.cli.command import UserError


def add_spec(parser: argparse.ArgumentParser, text: str) -> None:
    """Add --spec to a parser."""
    parser.add_argument("--spec", metavar="SPEC", help=f"{text}, such as SGP.32@1.2")


def chosen_spec(text: str | None) -> Spec | None:
    """Return the version that --spec names, or None where it is not given."""
    if text is None:
        return None
    try:
        return parse_spec(text)
    except ValueError as error:
        raise UserError(f"--spec: {error}") from None


def newest(name: str) -> Spec:
    """Return the newest version of a specification."""
    return [spec for spec in SPECS if spec.name == name][-1]
