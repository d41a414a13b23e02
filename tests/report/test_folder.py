"""Results folders: whole, cut off anywhere, in shards, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe import events as e
from sgprobe.events import Verdict
from sgprobe.report.folder import NoResults, read_run
from sgprobe.report.run import CUT_OFF, LOST


def test_a_whole_run(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path))
    assert run.complete
    assert run.problems == ()
    assert run.counts() == {
        "passed": 48, "failed": 4, "inconclusive": 4, "error": 4, "not_applicable": 4,
    }  # fmt: skip
    assert [item.id for item in run.items] == [synthetic.name(n) for n in range(64)]
    detail = run.items[12].detail()
    assert [step.started.step for step in detail.walk()] == [
        "given.1", "steps.1", "steps.2", "trace.1",
    ]  # fmt: skip
    assert [step.number for step in detail.bad_steps()] == ["2"]
    assert [message.n for message in detail.judged()] == [2]
    assert detail.ended is not None
    assert detail.ended.verdict == "fail"


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(NoResults, match=r"no events\.ndjson"):
        read_run(tmp_path)


def test_killed_inside_an_item(tmp_path: Path) -> None:
    whole = synthetic.write(tmp_path / "whole") / e.STREAM
    lines = whole.read_bytes().splitlines(keepends=True)
    ends = [i for i, line in enumerate(lines) if b'"step.started"' in line]
    cut = sum(map(len, lines[: ends[40] + 1])) + 30
    run = read_run(synthetic.write(tmp_path / "cut", cut=cut))
    assert not run.complete
    last = run.items[-1]
    assert (last.verdict, last.reason) == (Verdict.ERROR, CUT_OFF)
    assert last.ended is None
    assert len(run.items) + len(run.not_run) == 64
    assert any("could not be read" in problem for problem in run.problems)
    assert any("items did not run" in problem for problem in run.problems)
    assert last.detail().steps


def test_every_cut_is_readable(tmp_path: Path) -> None:
    data = (synthetic.write(tmp_path / "whole", count=18) / e.STREAM).read_bytes()
    for cut in range(0, len(data) - 1, 611):
        (tmp_path / e.STREAM).write_bytes(data[:cut])
        run = read_run(tmp_path)
        assert not run.complete
        assert run.problems
        assert sum(run.counts().values()) == len(run.items)
        for item in run.items:
            item.detail()


def test_shards_of_a_parallel_run(tmp_path: Path) -> None:
    synthetic.write(tmp_path, numbers=[])
    for worker in range(2):
        synthetic.write(
            tmp_path, file=e.SHARD.format(worker=f"gw{worker}"), worker=f"gw{worker}",
            numbers=[n for n in range(64) if n % 2 == worker],
        )  # fmt: skip
    run = read_run(tmp_path)
    assert run.complete
    assert run.counts()["passed"] == 48
    assert [item.id for item in run.items] == [synthetic.name(n) for n in range(64)]
    assert run.head.worker == ""
    assert len(run.cases) == 16
    assert run.items[13].detail().steps


def test_shards_without_the_main_stream(tmp_path: Path) -> None:
    for worker in range(2):
        synthetic.write(
            tmp_path, file=e.SHARD.format(worker=f"gw{worker}"), worker=f"gw{worker}",
            numbers=[n for n in range(64) if n % 2 == worker],
        )  # fmt: skip
    assert read_run(tmp_path).complete
    shard = tmp_path / e.SHARD.format(worker="gw1")
    shard.write_bytes(shard.read_bytes()[:-200])
    assert not read_run(tmp_path).complete


def test_a_lost_worker(tmp_path: Path) -> None:
    synthetic.write(tmp_path, numbers=[])
    shard = synthetic.write(tmp_path / "x", numbers=[12], worker="gw0") / e.STREAM
    lines = shard.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"item.ended"' not in line and '"run.ended"' not in line]
    (tmp_path / e.SHARD.format(worker="gw0")).write_text("".join(kept))
    run = read_run(tmp_path)
    assert run.end is not None
    assert not run.complete
    assert [(item.verdict, item.reason) for item in run.items] == [(Verdict.ERROR, LOST)]


@pytest.mark.parametrize("lost", ["one", "two"])
def test_an_item_of_two_streams_counts_where_it_ended(tmp_path: Path, lost: str) -> None:
    for name in ("one", "two"):
        lines = [e.to_line(one) for one in synthetic.item_events(12, "pass")]
        kept = lines[:-1] if name == lost else lines
        (tmp_path / name).mkdir()
        (tmp_path / name / e.STREAM).write_text("\n".join(kept) + "\n")
    run = read_run(tmp_path / "one", tmp_path / "two")
    assert [item.verdict for item in run.items] == [Verdict.PASS]


def test_interleaved_items_keep_their_own_events(tmp_path: Path) -> None:
    one = [e.to_line(event) for event in synthetic.item_events(12, "fail")]
    two = [e.to_line(event) for event in synthetic.item_events(13, "pass")]
    mixed = [line for pair in zip(one, two, strict=False) for line in pair]
    mixed += one[len(two) :] + two[len(one) :]
    (tmp_path / e.STREAM).write_text("\n".join(mixed) + "\n")
    run = read_run(tmp_path)
    for item, verdict in zip(run.items, ("fail", "pass"), strict=True):
        detail = item.detail()
        assert {message.item for message in detail.messages} == {item.id}
        assert detail.ended is not None
        assert detail.ended.verdict == verdict
        assert len(list(detail.walk())) == 4


def test_an_item_that_was_run_again_counts_by_its_last_run(tmp_path: Path) -> None:
    first = [e.to_line(event) for event in synthetic.item_events(12, "fail")]
    again = [
        e.to_line(event) for event in synthetic.item_events(12, "pass", at=synthetic.START + 9)
    ]
    (tmp_path / e.STREAM).write_text("\n".join(first + again) + "\n")
    run = read_run(tmp_path)
    assert [item.verdict for item in run.items] == [Verdict.PASS]
    assert len(run.items[0].detail().messages) == 2


def test_hostile_ids_stay_apart(tmp_path: Path) -> None:
    lines = []
    for word in synthetic.HOSTILE:
        lines.append(e.to_line(e.ItemStarted(word, "C", 0.0, "t", "eim", "SGP.32@1.2", "f", 1)))
        lines.append(e.to_line(e.Note(word, 0.0, 0.0, "log", word)))
        lines.append(e.to_line(e.ItemEnded(word, "pass", 0.0, 0.0)))
    (tmp_path / e.STREAM).write_text("\n".join(lines) + "\n")
    run = read_run(tmp_path)
    assert [item.id for item in run.items] == list(synthetic.HOSTILE)
    assert all(len(item.detail().notes) == 1 for item in run.items)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda kid: st.lists(kid, max_size=3) | st.dictionaries(st.text(max_size=5), kid, max_size=3),
    max_leaves=6,
)
_LINES = [e.to_line(event) for event in synthetic.item_events(12, "fail")]


@settings(max_examples=150)
@given(st.data())
def test_damaged_streams_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = [json.loads(line) for line in _LINES]
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(st.sampled_from(lines))
        line[data.draw(st.sampled_from(sorted(line)))] = data.draw(_JSON)
    folder = tmp_path_factory.mktemp("damaged")
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / e.STREAM).write_text(text + data.draw(st.text(max_size=20)), errors="replace")
    run = read_run(folder)
    assert run.problems
    for item in run.items:
        item.detail()
