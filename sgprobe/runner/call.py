"""Calls pytest on cases, with our console in place of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sgprobe import plugin
from sgprobe.runner.options import BenchOptions, arguments_of
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
    terminal = Terminal(plugin, verbose=arguments.verbose, dry=arguments.dry_run)
    code = int(pytest.main([*command, *chosen], plugins=[terminal]))
    terminal.finish()
    return code
