"""`--link` puts a network's latency on the way to servers."""

from __future__ import annotations

import argparse
from pathlib import Path

from dissectors.trace.read import read_trace
from sgprobe.cli import run
from sgprobe.cli.link import add_link, chosen_link
from sgprobe.links.impairment import PROFILES


def seconds(folder: Path, *options: str) -> float:
    tape = folder / "world.pcapng"
    assert run(["world", "poll", "--quiet", "--tape", str(tape), *options]) == 0
    times = [one.time for one in read_trace(str(tape)).messages]
    return float(max(times) - min(times))


def test_a_slow_network_takes_its_time(tmp_path: Path) -> None:
    assert seconds(tmp_path) < PROFILES["nbiot"].latency
    # two polls: two requests and two answers at least
    assert seconds(tmp_path, "--link", "nbiot") > 4 * PROFILES["nbiot"].latency


def test_no_link_is_none() -> None:
    parser = argparse.ArgumentParser()
    add_link(parser)
    assert chosen_link(parser.parse_args([])) is None
    assert all(chosen_link(parser.parse_args(["--link", name])) for name in PROFILES)
