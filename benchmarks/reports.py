"""Time and memory of every report of a run of many items, each in a process of its own.

python benchmarks/reports.py [ITEMS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "report")]


def render(folder: Path, out: Path, form: str) -> dict[str, float]:
    """Render one form and say what it cost."""
    from sgprobe.report.folder import read_run
    from sgprobe.report.write import render

    begun = time.process_time()
    paths = render(read_run(folder), out, [form]) if form != "read" else []
    if form == "read":
        read_run(folder)
    seconds = time.process_time() - begun
    size = sum(
        one.stat().st_size
        for path in paths
        for one in ([path] if path.is_file() else path.iterdir())
    )
    # not ru_maxrss: that of a child begins with what its parent had
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return {"seconds": seconds, "megabytes": peak, "written": size / 1e6}


def main() -> None:
    if len(sys.argv) == 5:
        folder, out, form = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
        print(json.dumps(render(folder, out, form)))
        return
    import synthetic

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as scratch:
        folder = synthetic.write(Path(scratch) / "run", count=count, octets=600)
        stream = (folder / "events.ndjson").stat().st_size / 1e6
        print(f"{count} items, {stream:.0f} MB of events\n")
        print("| report | s | MB resident | MB written |\n|---|---:|---:|---:|")
        total = 0.0
        for form in ("read", "html", "junit", "json", "csv", "summary", "matrix", "allure"):
            out = Path(scratch) / "out"
            done = subprocess.run(
                [sys.executable, __file__, "one", str(folder), str(out), form],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found = json.loads(done.stdout)
            total += found["seconds"]
            print(f"| {form} | {found['seconds']:.1f} | {found['megabytes']:.0f} | "
                  f"{found['written']:.1f} |")  # fmt: skip
        print(f"| together | {total:.1f} | | |")


if __name__ == "__main__":
    main()
