"""The stock of a line: deliveries that come again, were thrown away, or have a damaged record."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpa_made import Factory, Plugged, factory, line, personalised
from smdpf_made import NOW

from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.delivery.files import FilesError
from sgprobe.peers.fpa.journal import Journal, JournalError


def with_cut_shard(tmp_path: Path) -> tuple[Factory, Path, bytes]:
    """Return a line that has taken a delivery without its only shard, and what was cut off."""
    made = factory(tmp_path)
    folder = made.deliver([personalised(1)], imported=False)
    packages = folder / "shards/0000.bin"
    whole = packages.read_bytes()
    packages.write_bytes(whole[:100])
    assert not made.line.import_delivery(folder, NOW).ok
    return made, packages, whole


def test_a_delivery_that_was_mended_is_taken_whole(tmp_path: Path) -> None:
    made, packages, whole = with_cut_shard(tmp_path)
    device = Plugged(personalised(1))
    assert not made.load(device).good
    # still cut: it may come again as often as it likes
    assert not made.line.import_delivery(packages.parents[1], NOW).ok
    packages.write_bytes(whole)
    assert made.line.import_delivery(packages.parents[1], NOW).ok
    assert made.load(device).good
    with pytest.raises(Refused, match="in stock already"):
        made.line.import_delivery(packages.parents[1], NOW)


def test_another_delivery_of_the_same_name_is_none_that_was_mended(tmp_path: Path) -> None:
    made, _, _ = with_cut_shard(tmp_path)
    other = factory(tmp_path / "other").deliver([personalised(2)], imported=False)
    with pytest.raises(Refused, match="in stock already"):
        made.line.import_delivery(other, NOW)


def test_a_delivery_that_was_thrown_away_stops_nobody(tmp_path: Path) -> None:
    made = factory(tmp_path)
    first = made.deliver([personalised(1)])
    made.line.close()
    kept = tmp_path / "kept"
    first.rename(kept)
    again = line(tmp_path)
    assert not again.stock.deliveries
    # and one that was moved comes back under its name
    assert again.import_delivery(kept, NOW).ok
    assert [one.path for one in again.stock.deliveries] == [kept]
    again.close()


def test_a_delivery_that_was_changed_is_named_whole(tmp_path: Path) -> None:
    made = factory(tmp_path)
    folder = made.deliver([personalised(1)])
    made.line.close()
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(Refused, match=str(folder / "manifest")):
        line(tmp_path)


@pytest.mark.parametrize("text", ["[{}]", "{", "[1]", "null", "[" * 100_000])
def test_a_damaged_record_of_imports(tmp_path: Path, text: str) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    made.line.close()
    (made.line.folder / "stock/imports.json").write_text(text)
    with pytest.raises(FilesError, match="imports.json"):
        line(tmp_path)


@pytest.mark.parametrize(
    "text", ['{"begin": {"odd": 1}}', '{"ms": 1}', "[]", "1", '{"ms": "x", "end": {}}',
             '{"ms": 1, "end": {"odd": 1}}', '{"ms": 1, "end": {"result": 5}}']
)  # fmt: skip
def test_a_line_of_a_journal_that_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s01.journal"
    path.write_text(f"{text}\n")
    with pytest.raises(JournalError, match="s01.journal:1"):
        Journal(path)
