"""Evidence that is dropped, tampered with or of another device changes the class, or is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.judge.verdict import Verdict, judge
from sgprobe.peers.profiles.library import make_iccid
from vectors.ifpp.boot import Boot
from vectors.ifpp.make import EVIDENCE
from vectors.ifpp.story import Story

ANCHORS = [one.anchor for one in TestPki.load()]
GENUINE, LOOSE, OPEN, INVALID = (
    "GENUINE_IFPP", "PRELOADED_UNCOORDINATED", "INCONCLUSIVE", "INVALID_EVIDENCE",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EVIDENCE / "GENUINE_IFPP-complete", tmp_path / "evidence"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same story of another device, from another order."""
    story = Story(tmp_path_factory.mktemp("other") / "evidence", number=2)
    iccid = make_iccid(2)
    story.order(name="O2")
    story.eum_data()
    story.bind(iccid)
    story.line_capture()
    story.load()
    story.seal()
    story.report()
    story.operator(iccid)
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    story.close()
    assert said(story.folder).kind == INVALID, "the delivery is one for order O1"
    return story.folder


def said(folder: Path) -> Verdict:
    return judge(folder, ANCHORS)


def without(folder: Path, key: str) -> None:
    """Take an item out of evidence.yaml."""
    path = folder / "evidence.yaml"
    kept, inside = [], False
    for line in path.read_text().splitlines():
        if line.startswith("  E"):
            inside = line == f"  {key}:"
        if not (inside and line.startswith(("  E", "    "))):
            kept.append(line)
    path.write_text("\n".join(kept) + "\n")


DROPPED = {
    "E1": LOOSE, "E2": LOOSE, "E3": OPEN, "E4": LOOSE, "E5": LOOSE, "E6": OPEN, "E7": OPEN,
    "E8": GENUINE, "E9": OPEN, "E10": OPEN, "E11": LOOSE, "E12": LOOSE, "E13": OPEN,
}  # fmt: skip


@pytest.mark.parametrize("key", DROPPED)
def test_dropped(folder: Path, key: str) -> None:
    without(folder, key)
    verdict = said(folder)
    assert verdict.kind == DROPPED[key]
    if verdict.kind != GENUINE:
        assert any(key in one for one in verdict.missing)
    assert [one.key for one in verdict.evidence.items if one.state == "absent"] == sorted(
        [key, "E14"], key=lambda one: int(one[1:])
    )


def test_dropped_statement(tmp_path: Path) -> None:
    name = "BORN_CONNECTED_EUM_PRELOAD-statement"
    folder = Path(shutil.copytree(EVIDENCE / name, tmp_path / "evidence"))
    without(folder, "E14")
    assert said(folder).kind == OPEN


def flip(path: Path, at: float = 0.5) -> None:
    octets = bytearray(path.read_bytes())
    octets[int(len(octets) * at)] ^= 1
    path.write_bytes(octets)


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


EID, OTHER_EID = "89049032000000000000000000000163", "89049032000000000000000000000260"
TAMPERED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "E1-signature": (lambda f: flip(f / "order.json", 0.1), LOOSE, "E1"),
    "E1-ranges": (
        lambda f: replaced(f / "order.json", make_iccid(1), make_iccid(5)), INVALID, "",
    ),
    "E2-proof": (lambda f: flip(f / "chips.ff47", 0.97), LOOSE, "E2"),
    "E3-context": (lambda f: flip(f / "package.ff48", 0.1), OPEN, "E3"),
    "E3-package": (lambda f: flip(f / "package.ff48", 0.9), OPEN, "E3"),
    "E4-manifest": (lambda f: flip(f / "delivery/manifest.json"), LOOSE, "E4"),
    "E4-index": (lambda f: flip(f / "delivery/shards/0000.idx"), LOOSE, "E4"),
    "E5-log": (lambda f: replaced(f / "station.jsonl", EID, OTHER_EID), INVALID, ""),
    "E6": (lambda f: flip(f / "result.bf37", 0.9), OPEN, "E6"),
    "E7": (lambda f: flip(f / "state.ff45", 0.1), OPEN, "E7"),
    "E9-res": (
        lambda f: (f / "vector.json").write_text(
            json.dumps({**json.loads((f / "vector.json").read_text()), "res": "00" * 8})
        )
        and None, OPEN, "",
    ),
    "E10-counters": (
        lambda f: replaced(f / "boot-counters.json", '"cell0": ', '"cell0": 1'), OPEN, "",
    ),
    "E11": (lambda f: flip(f / "operator.json", 0.3), LOOSE, "E11"),
    "E12-verdict": (
        lambda f: replaced(f / "verdict.json", "proven-installed", "not-proven"), LOOSE, "",
    ),
    "E13-eid": (lambda f: replaced(f / "custody.json", EID, OTHER_EID), OPEN, "E13"),
    "E13-place": (lambda f: replaced(f / "custody.json", "device-factory", "EUM"), OPEN, ""),
    "E13-factory": (lambda f: replaced(f / "custody.json", "factory-1", "factory-2"), INVALID, ""),
    "operator": (
        lambda f: replaced(f / "evidence.yaml", "network: '00101'", "network: '26201'"),
        INVALID, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered(folder: Path, name: str) -> None:
    change, kind, refused = TAMPERED[name]
    change(folder)
    verdict = said(folder)
    assert verdict.kind == kind
    found = [one.key for one in verdict.evidence.items if one.state == "refused"]
    assert found == ([refused] if refused else [])


FILES = {
    "E1": ["order.json"], "E2": ["chips.ff47"], "E3": ["package.ff48"], "E4": ["delivery"],
    "E5": ["station.jsonl", "station.pcapng"], "E6": ["result.bf37"], "E7": ["state.ff45"],
    "E9": ["shielded.pcapng", "vector.json"],
    "E10": ["boot.pcapng", "boot-counters.json", "cell.jsonl"], "E11": ["operator.json"],
    "E12": ["report.ff4a", "verdict.json"], "E13": ["custody.json"],
}  # fmt: skip
SWAPPED = {
    "E1": INVALID, "E2": LOOSE, "E3": INVALID, "E4": LOOSE, "E5": LOOSE, "E6": OPEN, "E7": OPEN,
    "E9": OPEN, "E10": OPEN, "E11": LOOSE, "E12": LOOSE, "E13": OPEN,
}  # fmt: skip


@pytest.mark.parametrize("key", SWAPPED)
def test_of_another_device(folder: Path, other: Path, key: str) -> None:
    for name in FILES[key]:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
            shutil.copytree(other / name, folder / name)
        else:
            shutil.copy(other / name, folder / name)
    verdict = said(folder)
    assert verdict.kind == SWAPPED[key]
    refused = [one.key for one in verdict.evidence.items if one.state == "refused"]
    assert refused == ([key] if key in ("E6", "E7", "E13") else [])


def test_a_stranger_in_the_boot(tmp_path: Path) -> None:
    """Who speaks to somebody unknown before the first function may fetch anything there."""

    def stranger(boot: Boot) -> None:
        boot.datagram(("10.0.0.2", 50_002), ("203.0.113.7", 4433), b"\xff\xff closed")

    folder = Path(shutil.copytree(EVIDENCE / "GENUINE_IFPP-complete", tmp_path / "evidence"))
    story = Story(tmp_path / "story")
    story.bind()
    story.load()
    story.shielded()
    story.boot(Boot.attach, stranger, Boot.purpose)
    for name in FILES["E10"]:
        shutil.copy(tmp_path / "story" / name, folder / name)
    verdict = said(folder)
    assert verdict.kind == OPEN
    assert "203.0.113.7:4433" in " ".join(verdict.missing)


def test_another_authority_is_not_believed(folder: Path) -> None:
    verdict = judge(folder, ANCHORS[1:])
    assert verdict.kind == OPEN
    refused = {one.key for one in verdict.evidence.items if one.state == "refused"}
    assert refused == {"E2", "E3", "E4", "E6", "E7"}


def test_clocks_decide_nothing() -> None:
    verdict = said(EVIDENCE / "GENUINE_IFPP-shifted-clock")
    assert any("clock" in one for one in verdict.remarks)
    assert verdict.grade == "PROVEN"
    assert said(EVIDENCE / "GENUINE_IFPP-complete").remarks == ()
    assert said(EVIDENCE / "GENUINE_IFPP-independent-reader").grade == "STRONG"
