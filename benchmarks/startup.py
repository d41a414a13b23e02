"""How long whole processes take: `sgprobe decode` of one message, `sgprobe --help`.

    python benchmarks/startup.py [--runs 15] [--maximum 250,80]

Caches are warm: each command runs once before it is measured. The bare interpreter stands beside
them, for what no program of ours can be faster than.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

SGPROBE = str(Path(sys.executable).with_name("sgprobe"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "sgprobe --help": [SGPROBE, "--help"],
    "sgprobe decode BF4F03020101": [SGPROBE, "decode", "BF4F03020101"],
    "sgprobe decode, one version": [SGPROBE, "decode", "BF4F03020101", "--spec", "SGP.32@1.3"],
    "sgprobe encode": [SGPROBE, "encode", "--type", "GetEimPackageResponse",
                       '{"eimPackageError": "eidNotFound"}'],
    "sgprobe asn1 show": [SGPROBE, "asn1", "show", "EUICCInfo2"],
}  # fmt: skip


def milliseconds(command: list[str]) -> float:
    """Return how long one run of a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def main() -> int:
    """Measure, print, and compare with the maximum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--maximum", default="inf,inf", help="milliseconds of decode and of --help")
    options = parser.parse_args()
    for command in COMMANDS.values():
        milliseconds(command)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.runs):
        for name, command in COMMANDS.items():
            taken[name].append(milliseconds(command))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    print(f"{'ms, whole process':32}{'median':>8}{'least':>8}")
    for name, times in taken.items():
        print(f"{name:32}{middle[name]:>8.0f}{min(times):>8.0f}")
    decode, shown = (float(part) for part in options.maximum.split(","))
    names = list(COMMANDS)
    return 0 if middle[names[2]] <= decode and middle[names[1]] <= shown else 1


if __name__ == "__main__":
    sys.exit(main())
