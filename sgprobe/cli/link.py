"""The option for the network that a link is to be like."""

from __future__ import annotations

import argparse

from sgprobe.links.impairment import PROFILES, BadLink, both_ways


def add_link(parser: argparse.ArgumentParser) -> None:
    """Add the option to a parser."""
    parser.add_argument("--link", choices=sorted(PROFILES),
                        help="be on such a network: its latency, rate, loss, MTU")  # fmt: skip


def chosen_link(arguments: argparse.Namespace, seed: int = 1) -> BadLink | None:
    """Return the link that was chosen, None for one that does nothing."""
    return both_ways(PROFILES[arguments.link], seed) if arguments.link else None
