"""How fast the codec decodes, beside asn1tools: messages per second on a shuffled mix of all kinds.

    python benchmarks/asn1_codec.py [--rounds 7] [--minimum 4.0,1.5]

The mix is every valid golden message of SGP.32 v1.3 and SGP.22 v2.7. asn1tools gets the schema
patched so that it can decode them, once with certificates as full structures and once opaque (as
sequences whose members it passes over, which keeps nothing of them). All decoders take turns inside
a round; the figure is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "asn1"))

from asn1tools_oracle import asn1tools_types
from golden_messages import messages

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec

SPECS = ("SGP.22@2.7", "SGP.32@1.3")
Job = tuple[Callable[[bytes], object], bytes]


def mix() -> list[tuple[str, str, bytes]]:
    """Return spec, type and bytes of every valid message, shuffled."""
    found = []
    for one in messages():
        for spec in SPECS:
            if one.result == "valid" and spec in one.specs:
                found.append((spec, one.type, one.data))
    random.Random(32).shuffle(found)
    return found


def seconds(jobs: list[Job], passes: int) -> float:
    """Return how long all jobs take, `passes` times."""
    begin = time.process_time()
    for _ in range(passes):
        for decode, data in jobs:
            decode(data)
    return time.process_time() - begin


def main() -> int:
    """Measure, print, and compare with the minimum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--passes", type=int, default=4, help="passes over the mix in a round")
    parser.add_argument("--minimum", default="0,0", help="ratios of fast and full to reach")
    options = parser.parse_args()
    rows = mix()
    loaded = {name: codec.load(name) for name in SPECS}
    whole = {name: asn1tools_types(parse_spec(name)) for name in SPECS}
    opaque = {name: asn1tools_types(parse_spec(name), opaque=True) for name in SPECS}

    decoders = {
        "asn1tools, full certificates": [(whole[s][t].decode, data) for s, t, data in rows],
        "asn1tools, opaque certificates": [(opaque[s][t].decode, data) for s, t, data in rows],
        "sgprobe fast": [(partial(loaded[s].decode, t), data) for s, t, data in rows],
        "sgprobe full": [(partial(loaded[s].tree, t), data) for s, t, data in rows],
    }
    octets = sum(len(data) for _, _, data in rows)
    print(f"{len(rows)} messages, {octets / len(rows):.0f} octets on average")
    taken: dict[str, list[float]] = {name: [] for name in decoders}
    for jobs in decoders.values():
        seconds(jobs, 1)
    for _ in range(options.rounds):
        for name, jobs in decoders.items():
            gc.collect()
            taken[name].append(seconds(jobs, options.passes))
    count = len(rows) * options.passes
    full, bare = (taken[name] for name in list(decoders)[:2])
    print(f"{'':32}{'µs/message':>11}{'messages/s':>12}{'x full':>8}{'x opaque':>10}")
    ratios = {}
    for name, times in taken.items():
        middle = statistics.median(times)
        to_full = statistics.median(a / b for a, b in zip(full, times, strict=True))
        to_bare = statistics.median(a / b for a, b in zip(bare, times, strict=True))
        ratios[name] = to_full
        print(f"{name:32}{middle / count * 1e6:>11.1f}{count / middle:>12.0f}"
              f"{to_full:>8.2f}{to_bare:>10.2f}")  # fmt: skip
    fast, tree = (float(part) for part in options.minimum.split(","))
    enough = ratios["sgprobe fast"] >= fast and ratios["sgprobe full"] >= tree
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
