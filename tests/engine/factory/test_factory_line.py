"""The bench around a line under test: deliveries with and without faults, devices, reports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp import open_package
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.factory.line import FactoryLine
from sgprobe.engine.factory.line_delivery import FAULTS, DeliveryDesk
from sgprobe.engine.factory.line_device import Floor, trouble_of
from sgprobe.host.world import Plan, World
from sgprobe.links.card import ReaderGone
from sgprobe.links.clock import ScenarioClock
from sgprobe.peers.delivery.check import Refused, check_delivery
from sgprobe.peers.delivery.files import FilesError, open_delivery

# what the checker of deliveries says of each fault: refused as a whole, or the codes
SAID: dict[str, str | set[str]] = {
    "signature": "signature",
    "signer": "signature",
    "index": {"digest", "offsets", "size", "totals"},
    "packages": {"digest"},
    "count-high": {"totals"},
    "count-low": {"totals"},
    "shard-missing": {"missing"},
    "shard-foreign": {"foreign"},
    "shard-large": {"shard-size"},
    "line-long": {"line"},
    "path": "format",
    "link": {"missing", "foreign"},
}


@pytest.fixture
def line() -> Iterator[FactoryLine]:
    world = World(Plan())
    made = FactoryLine(world, "1", frozenset(), lambda command, default: default(command))
    yield made
    asyncio.run(made.close())


def rows(line: FactoryLine, part: str, *columns: str) -> list[Any]:
    found = asyncio.run(line.read(part))
    return [tuple(row[name] for name in columns) for row in found]


def do(line: FactoryLine, action: str, **given: Any) -> None:
    asyncio.run(line.trigger(action, {name.replace("_", "-"): one for name, one in given.items()}))


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_what_its_name_says(tmp_path: Path, fault: str) -> None:
    own, clock = TestPki.load()["p256"], ScenarioClock()
    floor = Floor(own, "1", frozenset(), clock, lambda command, default: default(command))
    desk = DeliveryDesk(own, floor, tmp_path / "in" / "factory", "1", clock.now)

    def check(given: dict[str, Any]) -> str | set[str]:
        path = desk.deliver({"devices": "2", "per-shard": "1", **given}).path
        try:
            found = check_delivery(open_delivery(path), (own.anchor,), packages=True)
        except (Refused, FilesError) as refused:
            return refused.fault.code if isinstance(refused, Refused) else "files"
        return {one.code for one in found.faults}

    assert check({}) == set()
    wanted, said = SAID[fault], check({"fault": fault})
    if isinstance(wanted, str):
        assert said == wanted
    else:
        assert said
        assert set(said) <= wanted
    assert not desk.escaped
    (tmp_path / "in" / "outside.idx").write_bytes(b"")
    assert desk.escaped


def test_what_a_delivery_does_not_know_is_named(line: FactoryLine) -> None:
    for given, text in (({"color": "red"}, "knows no color"), ({"fault": "x"}, "no fault x"),
                        ({"by": "nobody"}, "no nobody"), ({"type": "x"}, "no type x")):  # fmt: skip
        with pytest.raises(Unresolved, match=text):
            do(line, "smdpf.deliver", **given)
    for given in ({"devices": "many"}, {"per_shard": "-1"}, {"expires_in": "soon"}):
        with pytest.raises(Unresolved, match="no number|no time"):
            do(line, "smdpf.deliver", **given)
    with pytest.raises(Unresolved, match="lost-at is last, no number"):
        do(line, "fpa.load", device="1", lost_at="last")
    with pytest.raises(Unresolved, match="no number of seconds"):
        asyncio.run(line.bring("fpa.clock", [{"ahead": "a year"}]))
    with pytest.raises(Unresolved, match="knows no colour"):
        do(line, "fpa.load", colour="red")
    with pytest.raises(Unresolved, match="no range"):
        do(line, "fpa.load", devices="all")


def test_devices_are_loaded_and_reported(line: FactoryLine) -> None:
    do(line, "smdpf.deliver", devices="3")
    do(line, "fpa.import")
    do(line, "fpa.load", device="3", dead="yes")
    do(line, "fpa.load", devices="others")
    do(line, "fpa.report")
    assert rows(line, "fpa.devices", "verdict", "profiles", "keys", "told") == [
        ("good", "1", "0", "as bound"), ("good", "1", "0", "as bound"),
        ("held", "0", "4", "otherwise"),
    ]  # fmt: skip
    assert rows(line, "fpa.outcomes", "outcome", "items") == [
        ("noAnswerToReset", "1"), ("success", "2")
    ]  # fmt: skip
    assert rows(line, "fpa.stations", "items", "loaded", "sequence", "chain") == [
        ("3", "2", "whole", "whole")
    ]  # fmt: skip
    assert rows(line, "fpa.deliveries", "state", "escaped") == [("accepted", "no")]
    names = line.called()
    assert rows(line, "fpa.packages", "place", "package", "successes", "last", "result") == [
        ("1", "00" * 16, "0", "noAnswerToReset", ""),
        ("2", names["package.1"](), "1", "success", names["device.1.result"]()),
        ("3", names["package.2"](), "1", "success", names["device.2.result"]()),
    ]
    with pytest.raises(Unresolved, match="has given no result"):
        names["device.3.result"]()


def test_a_report_that_is_lost_leaves_a_gap(line: FactoryLine) -> None:
    do(line, "smdpf.deliver", devices="3")
    do(line, "fpa.import")
    for number in ("1", "2", "3"):
        do(line, "fpa.load", device=number)
        line.tell = (lambda octets: None) if number == "2" else (lambda octets: octets)
        do(line, "fpa.report")
    assert rows(line, "fpa.stations", "items", "sequence", "chain") == [("2", "broken", "broken")]


def test_what_reports_say_of_a_package_that_was_tried_twice(line: FactoryLine) -> None:
    do(line, "smdpf.deliver")
    do(line, "fpa.import")
    do(line, "fpa.load", device="2", override=line.floor[1].eid)
    do(line, "fpa.load", device="1", gone_at="3")
    do(line, "fpa.report")
    do(line, "fpa.load", device="1")
    do(line, "fpa.report")
    columns = ("first", "refused", "segment", "last", "successes")
    assert rows(line, "fpa.packages", *columns) == [
        ("loadContextRefused", "eidMismatch", "", "success", "1")
    ]  # fmt: skip
    assert rows(line, "fpa.stations", "items", "chain") == [("3", "whole")]


@pytest.mark.parametrize(
    ("given", "profiles", "verdict"),
    [
        ({"lost_at": "2"}, "1", "good"),
        ({"gone_at": "2"}, "0", "held"),
        ({"result_lost": "yes"}, "1", "good"),
        ({"killed": "yes"}, "1", "held"),
        ({"refuses": "insufficientMemory"}, "0", "held"),
    ],
)
def test_what_befalls_a_device(
    line: FactoryLine, given: dict[str, str], profiles: str, verdict: str
) -> None:
    do(line, "smdpf.deliver")
    do(line, "fpa.import")
    do(line, "fpa.load", device="1", **given)
    assert rows(line, "fpa.devices", "profiles", "verdict") == [(profiles, verdict)]
    # it befalls one contact only
    do(line, "fpa.restart")
    do(line, "fpa.load", device="1")
    assert rows(line, "fpa.devices", "profiles", "verdict") == [("1", "good")]


def test_a_dead_device_answers_nobody(line: FactoryLine) -> None:
    device = line.floor[1]
    device.befall(trouble_of({"dead": "yes"}))
    for call in (device.reset, lambda: device.apdu(bytes(5))):
        with pytest.raises(ReaderGone):
            call()
    device.befall(trouble_of({}))
    assert device.reset()
    do(line, "smdpf.deliver")
    do(line, "fpa.import")
    with pytest.raises(Unresolved, match="refuses as nothing"):
        do(line, "fpa.load", device="1", refuses="nothing")


def test_a_full_store_stops_the_line(line: FactoryLine) -> None:
    do(line, "smdpf.deliver")
    do(line, "fpa.import")
    asyncio.run(line.bring("fpa.store", [{"room": "none"}]))
    with pytest.raises(Unresolved, match="the line stops"):
        do(line, "fpa.load", device="1")
    assert rows(line, "fpa.devices", "contexts") == [("0",)]


def test_secrets_are_found_where_the_line_keeps_them(line: FactoryLine) -> None:
    do(line, "smdpf.deliver")
    do(line, "fpa.import")
    do(line, "fpa.load", device="1")
    (row,) = asyncio.run(line.read("fpa.secrets"))
    # a private key, four one-time keys with their seeds, and K, OPc and IMSI
    assert row == {"searched": "12", "found": "none"}
    store = Path(line._temporary.name) / "line"
    (store / "trace.txt").write_text(line.desk.packages[0].secrets[0].hex().upper())
    (store / "own.pem").write_text("-----BEGIN EC PRIVATE KEY-----")
    (row,) = asyncio.run(line.read("fpa.secrets"))
    assert row["found"] == "a private key, K of package 1"


def test_what_is_looked_for_is_in_the_package() -> None:
    own, clock = TestPki.load()["p256"], ScenarioClock()
    floor = Floor(own, "1", frozenset(), clock, lambda command, default: default(command))
    with TemporaryDirectory() as folder:
        desk = DeliveryDesk(own, floor, Path(folder), "1", clock.now)
        (packed,) = desk.deliver({}).packages
    bound = packed.bound
    opened = open_package(floor[1].key(1), bound.eid, bound.context, bound.package)
    for secret in packed.secrets:
        assert secret in opened.elements
        assert secret not in bound.package
