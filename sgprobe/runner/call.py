"""Calls pytest on cases, with our console in place of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import pytest

from sgprobe import plugin
from sgprobe.cli.command import USAGE
from sgprobe.fileerror import FileError, render
from sgprobe.runner.options import BenchOptions, arguments_of
from sgprobe.runner.session import Session
from sgprobe.runner.terminal import Terminal


def run_pytest(arguments: argparse.Namespace, chosen: list[str]) -> int:
    """Run pytest on what was chosen, with our console in place of its own."""
    command = [
        "-p", "sgprobe.plugin",
        "-c", str(Path(__file__).with_name("run.ini")),
        "--rootdir", str(Path.cwd()),
        "-o", f"cache_dir={BenchOptions.of(vars(arguments).get).out / '.cache'}",
        "-p", "no:terminal",
        *arguments_of(arguments),
    ]  # fmt: skip
    if arguments.jobs:
        command += ["-n", arguments.jobs]
    if arguments.stop:
        command.append("-x")
    if arguments.dry_run:
        command.append("--collect-only")
    options = BenchOptions.of(vars(arguments).get)
    code = _look_at_product(options)
    if code:
        return code
    terminal = Terminal(plugin, verbose=arguments.verbose, dry=arguments.dry_run)
    code = int(pytest.main([*command, *chosen], plugins=[terminal]))
    terminal.finish()
    return code


def _look_at_product(options: BenchOptions) -> int:
    """Compare the ICS with what the product announces; return the exit code if nothing can run."""
    from sgprobe.engine.announced import NotReached, findings

    try:
        product = Session(options).bench.choice.product
    except FileError as error:
        print("\n".join(render(one) for one in error.problems), file=sys.stderr)
        return USAGE
    if product is None:
        return 0
    try:
        found = asyncio.run(findings(product))
    except NotReached as error:
        print(f"{error}\n  hint: start it, or mend `endpoints` in {product.path}", file=sys.stderr)
        return USAGE
    for one in found:
        print(f"{'warning' if one.warning else 'ICS'}: {one}", file=sys.stderr)
    return 0
