"""Makes the pictures of the README: a download as a sequence diagram, and a failure as text.

    python docs/pictures/make.py

Both come from a run: the diagram from the capture of `sgprobe world direct`, the failure from a
case that runs against a reference with a rule switched off.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SGPROBE = (sys.executable, "-m", "sgprobe")
CASE = "ESIPA-EIM-EPK-003[https-nist-p256]"
RULE = "EIM.SIGNATURE-TOKEN"


def sequence() -> str:
    """Return the HTTPS messages of a download as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/direct.pcapng"
        _run("world", "direct", "--tape", capture, "--quiet")
        return _run("decode", capture, "--filter", "transport == https", "--as", "svg")


def failure() -> str:
    """Return what a run prints of a case that fails, without what differs from run to run."""
    with tempfile.TemporaryDirectory() as folder:
        text = _run("run", CASE, "--off", RULE, "--out", folder, "--report", "none", fails=True)
    found = text[text.index(f"\n✘ {CASE.replace('[', ' [')}") :].strip()
    return f"$ sgprobe run '{CASE}' --off {RULE}\n{found[: found.index('  rerun')]}".rstrip() + "\n"


def steady(text: str) -> str:
    """Return a text with times, frames and signatures, which differ from run to run, put out."""
    return re.sub(r"frame \d+|\d+ ms|5F37 \w+…\w+|\d+\.\d+ s", "…", text)


def _run(*arguments: str, fails: bool = False) -> str:
    done = subprocess.run(
        [*SGPROBE, *arguments], capture_output=True, text=True, cwd=HERE.parents[1]
    )
    if done.returncode != int(fails):
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    (HERE / "download.svg").write_text(sequence(), encoding="utf-8")
    (HERE / "failure.txt").write_text(failure(), encoding="utf-8")
