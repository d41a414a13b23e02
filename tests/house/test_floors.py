"""The rule of docs/architecture.md: who may import whom, and the doors of third parties."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# room: what it may import of our own, itself aside
FLOORS: dict[str, set[str]] = {
    "dissectors": set(),
    "dissectors.asn1": {"dissectors", "dissectors.spec"},
    "dissectors.spec": {"dissectors", "dissectors.asn1"},
    "dissectors.link": {"dissectors", "dissectors.asn1", "dissectors.spec"},
    "dissectors.trace": {"dissectors", "dissectors.asn1", "dissectors.spec", "dissectors.link"},
    "dissectors.layers": {"dissectors", "dissectors.asn1", "dissectors.spec", "dissectors.link",
                          "dissectors.trace"},
    "sgprobe": set(),
    "sgprobe.crypto": {"dissectors*", "sgprobe"},
    "sgprobe.peers": {"dissectors*", "sgprobe", "sgprobe.crypto"},
    "sgprobe.links": {"dissectors*", "sgprobe"},
    "sgprobe.cases": {"dissectors*", "sgprobe", "sgprobe.crypto"},
    "sgprobe.product": {"dissectors*", "sgprobe", "sgprobe.crypto"},
    "sgprobe.factory": {"dissectors*", "sgprobe", "sgprobe.crypto", "sgprobe.peers"},
    "sgprobe.host": {"dissectors*", "sgprobe", "sgprobe.crypto", "sgprobe.peers", "sgprobe.links",
                     "sgprobe.cases", "sgprobe.product", "sgprobe.factory"},
    "sgprobe.engine": {"dissectors*", "sgprobe", "sgprobe.crypto", "sgprobe.peers",
                       "sgprobe.links", "sgprobe.cases", "sgprobe.product", "sgprobe.host",
                       "sgprobe.factory", "sgprobe.judge"},
    "sgprobe.report": {"sgprobe", "dissectors", "dissectors.trace"},
    "sgprobe.mutants": {"dissectors*", "sgprobe", "sgprobe.crypto", "sgprobe.peers",
                        "sgprobe.links", "sgprobe.cases", "sgprobe.product", "sgprobe.host",
                        "sgprobe.engine", "sgprobe.judge"},
    "sgprobe.judge": {"dissectors*", "sgprobe", "sgprobe.crypto", "sgprobe.peers"},
    "sgprobe.runner": {"*"},
    "sgprobe.plugin": {"*"},
    "sgprobe.cli": {"*"},
}  # fmt: skip
# third parties with one door each
DOORS = {
    "scapy": {"dissectors.layers"},
    "asn1tools": {"dissectors.asn1"},
    "yaml": {"sgprobe.yamlfile"},
    "pytest": {"sgprobe.plugin", "sgprobe.runner"},
    "allure_commons": {"sgprobe.report.allure"},
    "OpenSSL": {"sgprobe.links"},
    "h11": {"sgprobe.links"},
    "h2": {"sgprobe.links"},
    "hpack": {"dissectors.link"},
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("dissectors", "sgprobe"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def room_of(module: str) -> str:
    if module == "sgprobe.__main__":
        return "sgprobe.cli"  # `python -m sgprobe` is the command line
    parts = module.split(".")
    for length in range(min(len(parts), 2), 0, -1):
        room = ".".join(parts[:length])
        if room in FLOORS:
            return room
    raise AssertionError(f"{module} is in no room")


def imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def breach(module: str, imported: str) -> str | None:
    """Return what is wrong with `module` importing `imported`, or None."""
    top = imported.split(".")[0]
    if top in ("dissectors", "sgprobe"):
        here, there = room_of(module), room_of(imported)
        allowed = FLOORS[here]
        if here == there or "*" in allowed or there in allowed:
            return None
        if "dissectors*" in allowed and top == "dissectors":
            return None
        return f"{here} may not import {there}"
    doors = DOORS.get(top)
    if doors and not any(module == door or module.startswith(door + ".") for door in doors):
        return f"{top} may be imported in {', '.join(sorted(doors))} only"
    return None


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: str(value)[-60:])
def test_module_keeps_to_its_floor(module: str, path: Path) -> None:
    wrong = [f"{name}: {why}" for name in imports(path) if (why := breach(module, name))]
    assert not wrong, f"{module}: {wrong}"


def test_a_breach_is_seen() -> None:
    assert breach("dissectors.asn1.codec", "sgprobe.peers.rules.Rules")
    assert breach("sgprobe.peers.eim.role", "sgprobe.links.https.Server")
    assert breach("dissectors.trace.capture", "scapy.packet.Packet")
    assert breach("sgprobe.host.world", "sgprobe.peers.rules.Rules") is None


def test_start_imports_no_heavy_module() -> None:
    """`sgprobe decode` of a message with warm caches imports neither scapy nor asn1tools."""
    import subprocess
    import sys

    code = (
        "import sys\nfrom sgprobe.cli import run\n"
        "assert run(['decode', 'BF4F03020101']) == 0\n"
        "heavy = {'scapy', 'asn1tools', 'cryptography', 'pytest', 'yaml', 'OpenSSL'}\n"
        "print('HEAVY', sorted(heavy & {name.split('.')[0] for name in sys.modules}))\n"
    )
    for _ in range(2):  # the first may fill the cache
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
