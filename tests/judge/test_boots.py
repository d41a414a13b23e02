"""What is seen of boots: packages to the card, servers, leaks of a shield, order of canaries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dissectors.link.stream import Endpoint, Flow
from sgprobe.crypto.pki import TestPki
from sgprobe.host.station import CardDevice, Slot
from sgprobe.judge.boots import Boot as Seen
from sgprobe.judge.boots import is_rsp_server, read_boot, read_shielded, traffic
from sgprobe.judge.item import Refused
from sgprobe.judge.plan import Plan, read_plan
from sgprobe.judge.sight import Sight, Talk, see
from sgprobe.judge.whole import completeness
from sgprobe.peers.fpa import es10f
from vectors.ifpp.boot import Boot
from vectors.ifpp.make import EVIDENCE
from vectors.ifpp.names import OPERATIONAL
from vectors.ifpp.story import Story

VECTORS = EVIDENCE.parents[1]


def plan() -> Plan:
    return read_plan(EVIDENCE / "GENUINE_IFPP-complete")


def read(story: Story) -> Seen:
    files = {part: story.folder / name for part, name in story.items["E10"].items()}
    return read_boot(files, plan())


def test_a_package_to_the_card_is_traffic_and_an_install(tmp_path: Path) -> None:
    story = Story(tmp_path / "story")
    story.bind()

    def load(boot: Boot) -> None:
        def process() -> Any:
            yield es10f.Contact()
            yield from es10f.load_context(story.context)
            yield from es10f.push(es10f.segments(story.bound))
            yield from es10f.delete_keys(bytes(16))
            yield from es10f.close_phase(bytes(16))

        device = CardDevice(story.card, boot.clock)
        Slot(device, clock=boot.clock, tape=boot.tape).run(process())

    story.boot(load, Boot.enable, Boot.attach, Boot.purpose)
    seen = read(story)
    assert seen.installed == {OPERATIONAL}
    assert [one.split("(")[1] for one in seen.traffic] == [
        "FF41) to the card",
        "BF36) to the card",
    ]
    assert seen.lacks == ()
    assert (seen.iccid, seen.iccids) == (OPERATIONAL, (OPERATIONAL,))


def test_only_what_comes_before_the_first_function_counts(tmp_path: Path) -> None:
    story = Story(tmp_path / "story")
    story.bind()
    story.load()
    story.boot(Boot.attach, Boot.purpose, Boot.download, Boot.swap)
    seen = read(story)
    assert seen.reached is not None
    assert (seen.traffic, seen.strangers, seen.imsis) == ((), (), ("001010000000001",))


def test_the_cell_may_know_of_another_imsi(tmp_path: Path) -> None:
    story = Story(tmp_path / "story")
    story.bind()
    story.load()
    story.boot(Boot.attach, Boot.purpose)
    cell = story.folder / "cell.jsonl"
    first = json.loads(cell.read_text().splitlines()[0])
    hidden = {**first, "imsi": "262011234567890", "time": first["time"] - 1}
    cell.write_text(json.dumps(hidden) + "\n" + cell.read_text())
    assert set(read(story).imsis) == {"001010000000001", "262011234567890"}
    late = {**hidden, "time": first["time"] + 1000}
    cell.write_text(json.dumps(first) + "\n" + json.dumps(late) + "\n")
    assert read(story).imsis == ("001010000000001",)
    cell.unlink()
    del story.items["E10"]["cell"]
    assert read(story).lacks == ("the log of the cell simulator",)


def test_a_shield_that_leaks_is_none(tmp_path: Path) -> None:
    story = Story(tmp_path / "story")
    story.bind()
    story.load()
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    files = {part: story.folder / name for part, name in story.items["E9"].items()}
    assert read_shielded(files).ok
    leaking = {**files, "trace": story.folder / "boot.pcapng"}
    with pytest.raises(Refused, match="not tight"):
        read_shielded(leaking)


def test_servers_of_rsp_are_known_by_their_certificate() -> None:
    for one in TestPki.load():
        assert is_rsp_server((one["dptls"].certificate.der,))
        assert not is_rsp_server((one["eim-tls"].certificate.der,))
    assert not is_rsp_server(())
    assert not is_rsp_server((b"no certificate",))


def test_tls_to_a_server_of_rsp_is_traffic() -> None:
    """A session that nobody can open tells by its certificate whom it was for."""
    sight = see(VECTORS / "captures" / "tls12-aes128-gcm.pcap")
    session = replace(sight.sessions[0], certificates=((), ()))
    leaf = next(iter(TestPki.load()))["dptls"].certificate.der
    for shown, count in (((), 0), ((leaf,), 1)):
        sight.sessions = [replace(session, certificates=((), shown))]
        assert len(traffic(sight, session.time)) == count
        assert traffic(sight, session.time - 1) == []


def test_the_first_canary_comes_before_the_device(tmp_path: Path) -> None:
    counters = tmp_path / "counters.json"
    counters.write_text('{"packets": {"eth0": 3}}')
    flow = Flow(1, "udp", Endpoint("10.0.0.2", 1), Endpoint("10.0.0.3", 2))
    for begun, lacks in ((5.0, 0), (0.5, 1)):
        sight = Sight(canaries=[(1.0, 1), (10.0, 2)], frames=3, first=0.0, last=11.0)
        sight.talks.append(Talk(flow, begun))
        assert len(completeness(sight, counters)) == lacks
