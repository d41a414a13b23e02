"""The cache on disk: made once, named by its sources, and never trusted when it is damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dissectors.asn1 import cache
from dissectors.asn1.versions import parse_spec

SPEC = parse_spec("SGP.22@2.7")
DECODE = """
import sys
from dissectors.asn1 import codec
print(codec.load("SGP.22@2.7").decode("GetEuiccDataRequest", bytes.fromhex("bf3e035c015a")).value)
print(sorted(name for name in sys.modules if name in ("asn1tools", "scapy", "cryptography")))
"""


def _run(folder: Path, **environment: str) -> tuple[str, list[str]]:
    """Decode a message in a process of its own; return its value and the heavy modules it took."""
    there = {"SGPROBE_CACHE": str(folder), **environment}
    result = subprocess.run([sys.executable, "-c", DECODE], env={**os.environ, **there},
                            capture_output=True, text=True, check=True)  # fmt: skip
    value, modules = result.stdout.splitlines()
    return value, eval(modules)


def test_a_cold_start_fills_the_cache_and_a_warm_one_parses_nothing(tmp_path: Path) -> None:
    assert _run(tmp_path) == ("{'tagList': '5a'}", ["asn1tools"])
    (folder,) = tmp_path.iterdir()
    assert {one.name for one in folder.iterdir()} == {"SGP.22@2.7.fast", "SGP.22@2.7.schema"}
    assert _run(tmp_path) == ("{'tagList': '5a'}", [])


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, None])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    _run(tmp_path)
    (path,) = tmp_path.glob("*/SGP.22@2.7.fast")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert _run(tmp_path) == ("{'tagList': '5a'}", [])
    assert path.read_bytes() == whole
    assert len([*path.parent.iterdir()]) == 2


def test_no_cache_is_slower_and_not_wrong(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    assert _run(file)[0] == "{'tagList': '5a'}"
    assert file.read_text() == "in the way"


def test_the_folder_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SGPROBE_CACHE", str(tmp_path / "a"))
    assert cache.cache_folder() == tmp_path / "a"
    monkeypatch.delenv("SGPROBE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache.cache_folder() == tmp_path / "b" / "sgprobe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "sgprobe"


def test_generated_code_is_the_same_each_time() -> None:
    from dissectors.asn1.generate_decoder import DecoderWriter
    from dissectors.asn1.generate_encoder import EncoderWriter
    from dissectors.asn1.resolve import build_schema

    first, second = build_schema(SPEC), build_schema(SPEC)
    assert first == second
    assert EncoderWriter(first).text() == EncoderWriter(second).text()
    for full in (False, True):
        assert DecoderWriter(first, full).text() == DecoderWriter(second, full).text()


def test_every_source_of_generated_code_is_in_the_fingerprint() -> None:
    room = Path(cache.__file__).parent
    named = {f"{name}.py" for name in cache._SOURCES}
    assert named <= {path.name for path in room.glob("*.py")}
    # what a generator or the resolver imports changes what they make
    for name in ("generate_decoder", "generate_encoder", "resolve"):
        for line in (room / f"{name}.py").read_text(encoding="utf-8").splitlines():
            if line.startswith("from dissectors.asn1."):
                assert f"{line.split('.')[2].split()[0]}.py" in named, line
