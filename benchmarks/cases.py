"""Cases: loading and checking a thousand, and what the engine adds to a step.

Usage: python benchmarks/cases.py [COUNT]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from sgprobe.cases.check import check_paths
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.played import Options
from sgprobe.events import Event, StepEnded, StepStarted
from sgprobe.mutants.hunt import case_paths

FIVE = ("ESIPA-EIM-GEP-006", "RBK-IPA-CON-001", "ES9P-DP-ACL-013", "RPL-EUI-CNT-001",
        "COAP-IPA-BLK-001")  # fmt: skip
STEPS_CASE = "RPL-EUI-CNT-001"


def copies(folder: Path, count: int) -> None:
    """Write the five cases again and again under ids of their own."""
    (folder / "index.yaml").write_text((data_dir("suites") / "index.yaml").read_text())
    for name in ("packages.yaml", "requirements", "ics", "steps"):
        (folder / name).symlink_to(data_dir("suites") / name)
    for number in range(count):
        ident = FIVE[number % len(FIVE)]
        source = case_paths()[ident]
        place = folder / source.relative_to(data_dir("suites")).parent
        place.mkdir(parents=True, exist_ok=True)
        made = f"{ident}-{number:04d}"
        text = source.read_text(encoding="utf-8").replace(f"case: {ident}", f"case: {made}")
        (place / f"{made}.case.yaml").write_text(text, encoding="utf-8")


def check(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copies(root, count)
        begun = time.perf_counter()
        checked = check_paths([root], ())
        seconds = time.perf_counter() - begun
        wrong = [one for one in checked.errors if "name of the file" not in one.text]
        print(f"check      {len(checked.cases)} cases in {seconds:.2f} s, {len(wrong)} errors")
        begun = time.perf_counter()
        bench = Bench(Choice())
        items = [one for path in sorted(root.rglob("*.case.yaml")) for one in bench.ready(path)]
        print(f"collect    {len(items)} items in {time.perf_counter() - begun:.2f} s")


def steps() -> None:
    """Time what the engine adds to the steps of a case that goes no way but memory."""
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Choice(options=Options(out=Path(folder))))
        for _ in range(20):
            for ready in bench.ready(case_paths()[STEPS_CASE]):
                begun: dict[str, float] = {}

                def emit(event: Event, begun: dict[str, float] = begun) -> None:
                    if isinstance(event, StepStarted):
                        begun[event.step] = time.perf_counter()
                    elif isinstance(event, StepEnded):
                        spent.append(time.perf_counter() - begun[event.step])

                bench.run(ready, emit)
    middle = statistics.median(spent) * 1000
    print(f"step       {middle:.2f} ms in the middle, {max(spent) * 1000:.1f} ms at most, "
          f"{len(spent)} steps, the card's own work included")  # fmt: skip


if __name__ == "__main__":
    check(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    steps()
