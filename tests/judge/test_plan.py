"""evidence.yaml: what is wrong with it is said with its place, and nothing outside is read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgprobe.cli import run
from sgprobe.crypto.pki import TestPki
from sgprobe.fileerror import FileError
from sgprobe.judge.plan import ITEMS, read_plan
from sgprobe.judge.verdict import judge
from vectors.ifpp.make import EVIDENCE

COMPLETE = EVIDENCE / "GENUINE_IFPP-complete"
ANCHORS = [one.anchor for one in TestPki.load()]


def test_all_is_read() -> None:
    plan = read_plan(COMPLETE)
    assert plan.eid == "89049032000000000000000000000163"
    assert (plan.network, plan.canary, plan.reader) == ("00101", 4747, "station")
    assert plan.purpose is not None
    assert (plan.purpose.transport, plan.purpose.port) == ("udp", 9999)
    assert set(plan.items) == set(ITEMS) - {"E14"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("device: '89049032000000000000000000000163'", "device: '8904'", "is no EID"),
        ("163'", "164'", "check digits"),
        ("evidence: 0", "evidence: 1", "format 0"),
        ("  network: '00101'", "  network: abc", "is no network"),
        ("  challenge: '", "  challenge: 'x", "is no hex"),
        ("transport: udp", "transport: sctp", "is not one of tcp, udp"),
        ("  port: 9999", "  port: 99999", "is no port"),
        ("items:", "itmes:", "did you mean 'items'?"),
        ("order: order.json", "order: ../../order.json", "outside"),
        ("order: order.json", "order: /etc/passwd", "outside"),
        ("  E1:", "  E99:", "is not a key here"),
    ],
)
def test_what_is_wrong_has_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    folder = Path(shutil.copytree(COMPLETE, tmp_path / "evidence"))
    path = folder / "evidence.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert run(["ifpp", "judge", str(folder)]) == 4
    told = capsys.readouterr().err
    assert words in told
    assert "^" in told
    assert "evidence.yaml:" in told


@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [
        ("E1", "order.json", "PRELOADED_UNCOORDINATED"),
        ("E4", "delivery/manifest.json", "PRELOADED_UNCOORDINATED"),
        ("E7", "state.ff45", "INCONCLUSIVE"),
        ("E10", "boot.pcapng", "INCONCLUSIVE"),
    ],
)
def test_a_file_that_is_not_there_is_missing_evidence(
    tmp_path: Path, key: str, name: str, kind: str
) -> None:
    folder = Path(shutil.copytree(COMPLETE, tmp_path / "evidence"))
    (folder / name).unlink()
    for how in ("not there", "no file"):
        verdict = judge(folder, ANCHORS)
        assert verdict.kind == kind
        refused = {one.key: one.refused for one in verdict.evidence.items if one.refused}
        assert list(refused) == [key]
        assert how in refused[key]
        assert any(key in one for one in verdict.missing)
        # nobody waits for a pipe
        if how == "not there":
            os.mkfifo(folder / name)


def test_a_link_to_outside_is_not_followed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(COMPLETE, tmp_path / "evidence"))
    (tmp_path / "order.json").write_text("{}")
    (folder / "order.json").unlink()
    (folder / "order.json").symlink_to(tmp_path / "order.json")
    with pytest.raises(FileError, match="outside"):
        read_plan(folder)


def test_no_evidence_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ifpp", "judge", str(tmp_path / "none")]) == 4
    assert run(["ifpp", "judge", str(tmp_path)]) == 4
    assert "evidence.yaml" in capsys.readouterr().err


def test_trust(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ci.pem").write_text("no certificate")
    assert run(["ifpp", "judge", str(COMPLETE), "--trust", str(tmp_path / "ci.pem")]) == 4
    ci = next(iter(TestPki.load())).ci
    (tmp_path / "ci.der").write_bytes(ci.der)
    assert run(["ifpp", "judge", str(COMPLETE), "--trust", str(tmp_path / "ci.der")]) == 0
    assert capsys.readouterr().out.startswith("GENUINE_IFPP, PROVEN\n")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_octets_give_a_verdict(tmp_path: Path, data: st.DataObject) -> None:
    """A damaged file is refused, or judged; it is never a crash."""
    folder = tmp_path / "evidence"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(COMPLETE, folder)
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.*"))
    name = data.draw(st.sampled_from(names))
    octets = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets)))
        octets[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    (folder / name).write_bytes(octets)
    try:
        verdict = judge(folder, ANCHORS)
    except FileError:
        assert name == "evidence.yaml"
        return
    assert verdict.as_json()["class"]


@settings(max_examples=25, deadline=None)
@given(key=st.sampled_from(["order", "operator", "custody", "vector", "verdict", "cell",
                            "boot-counters", "station"]),
       value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                          lambda inner: st.lists(inner, max_size=3)
                          | st.dictionaries(st.sampled_from(
                              ["items", "order", "answer", "signature", "iccidRanges", "loads",
                               "packets", "sealed", "reportId", "time", "imsi", "rand", "eid",
                               "alg", "outcome", "packageId", "iccid"]), inner, max_size=6),
                          max_leaves=12))  # fmt: skip
def test_any_json_gives_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    import json

    folder = tmp_path_factory.mktemp("json") / "evidence"
    shutil.copytree(COMPLETE, folder)
    path = next(folder.glob(f"{key}.json*"))
    path.write_text(json.dumps(value) + "\n")
    assert judge(folder, ANCHORS).as_json()["class"]
