"""One run of many items: its results folder, its stream of events, its exit code."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import sgprobe
from dissectors.asn1.versions import SPECS, Spec, parse_spec
from sgprobe import events as e
from sgprobe.cases.runsets import ORDINARY_SCALE, load_runsets
from sgprobe.cases.suite import near, suite_root
from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice, Ready
from sgprobe.engine.played import LIMIT, Options, Result
from sgprobe.events import Event, Verdict
from sgprobe.fileerror import FileError, Problem
from sgprobe.mutants.rules import all_rules
from sgprobe.problems import did_you_mean, shown
from sgprobe.product.model import ProductFile
from sgprobe.report.failure import failure_text
from sgprobe.report.run import COUNTS
from sgprobe.runner.options import BenchOptions
from sgprobe.yamlnode import Source

# exit codes, in their order of precedence
INTERRUPTED, TOOL, USAGE, FAILED, INCONCLUSIVE, NOTHING, GOOD = 2, 3, 4, 1, 6, 5, 0


class Session:
    """The run of one process: all of it, or a worker's share."""

    def __init__(self, options: BenchOptions, worker: str = "") -> None:
        self.options = options
        self.worker = worker
        self.run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
        self.begun = time.time()
        self._stream: TextIO | None = None
        self._texts: set[str] = set()

    @cached_property
    def bench(self) -> Bench:
        """Return the bench; raises FileError where an option is wrong."""
        product = self._product()
        return Bench(Choice(product, self._specs(), self.options.strict, self._options(product)))

    def _product(self) -> ProductFile | None:
        if not self.options.iut:
            return None
        from datetime import UTC, datetime

        from sgprobe.cases.suite import load_suite
        from sgprobe.product.load import load_product

        catalogue = load_suite(data_dir("suites")).catalogue
        return load_product(Path(self.options.iut), catalogue, datetime.now(UTC).date())

    def _specs(self) -> tuple[Spec, ...]:
        if "all" in self.options.specs:
            return tuple(SPECS)
        found = []
        for text in self.options.specs:
            try:
                found.append(parse_spec(text))
            except ValueError as error:
                raise FileError([Problem(_here("--spec"), str(error))]) from None
        return tuple(found)

    def _options(self, product: ProductFile | None) -> Options:
        from sgprobe.cases.suite import load_suite

        catalogue = load_suite(data_dir("suites")).catalogue
        if product is not None:
            ixit: dict[str, Any] = {**product.settings(catalogue)}
        else:
            ixit = {one.name: one.default for one in catalogue.settings.values() if one.default}
        off = frozenset(self.options.off)
        known = all_rules()
        for name in sorted(off - set(known)):
            hint = did_you_mean(name, known)
            raise FileError([Problem(_here("--off"), f"no role has a rule {shown(name)}", hint)])
        scale = ORDINARY_SCALE
        if self.options.plan:
            scale = load_runsets().named(self.options.plan).scale
        # throughput in full takes as many times longer
        limit = LIMIT * max(1, float(scale / ORDINARY_SCALE))
        return Options(
            self.options.seed, self.options.out, off, ixit, product, limit=limit, scale=scale
        )

    # --- items ---

    def ready(self, path: Path) -> list[Ready]:
        """Return the items of a case file that the plan asks for; raises FileError."""
        found = self.bench.ready(path)
        if self.options.plan:
            wanted = load_runsets(suite_root(path)).named(self.options.plan).ids
            found = [one for one in found if one.plan.case.id in wanted]
        return found

    def begin(self, ids: Iterable[str], command: list[str], environment: Mapping[str, str]) -> None:
        """Open the stream of events."""
        if self._stream is not None:
            return
        out = self.options.out
        (out / "captures").mkdir(parents=True, exist_ok=True)
        self._clear(out)
        name = e.SHARD.format(worker=self.worker) if self.worker else e.STREAM
        self._stream = (out / name).open("w", encoding="utf-8")
        self._emit(self._started(tuple(ids), command))

    def _clear(self, out: Path) -> None:
        """Take away the stream of a run before this one; its captures are overwritten or stay."""
        for path in out.glob("events*.ndjson"):
            own = self.worker and path.name != e.STREAM
            if not own or path.name == e.SHARD.format(worker=self.worker):
                path.unlink(missing_ok=True)

    def _started(self, ids: tuple[str, ...], command: list[str]) -> e.RunStarted:
        product = self.bench.choice.product
        told: dict[str, Any] = {}
        if product is not None:
            told = {
                "role": product.role,
                "name": product.product,
                "version": product.version,
                "file": str(product.path),
                "endpoints": {name: one.url for name, one in product.endpoints.items()},
            }
        return e.RunStarted(
            self.run_id,
            self.begun,
            sgprobe.__version__,
            self.options.seed,
            tuple(command[1:]),
            platform.python_version(),
            platform.platform(),
            self.worker,
            told,
            tuple(str(spec) for spec in self.bench.choice.specs),
            {} if product is None else {name: one.text for name, one in product.answers.items()},
            dict(self.bench.choice.options.ixit),
            self._hashes(product),
            self.options.plan,
            self.options.strict,
            ids,
        )

    def _hashes(self, product: ProductFile | None) -> dict[str, str]:
        """Return digests of what decides a run: the suite, and the product file with its ICS."""
        suite = hashlib.sha256()
        root = data_dir("suites")
        for path in sorted(root.rglob("*.yaml")):
            suite.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
        told = {"suite": suite.hexdigest()}
        if product is not None:
            told["product"] = hashlib.sha256(product.path.read_bytes()).hexdigest()
        return told

    def run(self, ready: Ready) -> tuple[Result, tuple[str, ...], str]:
        """Run one item; return its result, its events for a console, and its failure text."""
        seen: list[Event] = []

        def emit(event: Event) -> None:
            if isinstance(event, e.CaseText):
                if event.case in self._texts:
                    return
                self._texts.add(event.case)
            seen.append(event)
            if not isinstance(event, e.ItemEnded):
                self._emit(event)

        result = self.bench.run(ready, emit)
        told = [one for one in seen if isinstance(one, e.ItemStarted | e.ItemEnded)]
        text = ""
        if result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR):
            text = failure_text(seen)
        self._emit(told[-1])
        shown = told if not text else [one for one in seen if not isinstance(one, e.CaseText)]
        return result, tuple(e.to_line(one) for one in shown), text

    def broken(self, path: Path, name: str, text: str) -> tuple[str, ...]:
        """Tell of a case file that cannot be run; return the events."""
        now = time.time()
        file, reason = near(path), text.split("\n")[0]
        title = "the case file can be run"
        told: tuple[Event, ...] = (
            e.ItemStarted(name, path.name, now, title, "", "", file, 1),
            e.Note(name, now, now, "log", text),
            e.ItemEnded(name, str(Verdict.ERROR), now, 0.0, reason),
        )
        for event in told:
            self._emit(event)
        return tuple(e.to_line(one) for one in told)

    def _emit(self, event: Event) -> None:
        if self._stream is not None:
            self._stream.write(e.to_line(event) + "\n")
            self._stream.flush()

    @property
    def streaming(self) -> bool:
        """Say whether this process writes events."""
        return self._stream is not None

    def end(self, code: int, counts: dict[str, int]) -> None:
        """Write the last line of the stream."""
        now = time.time()
        self._emit(e.RunEnded(now, now - self.begun, code, counts))
        self.close()

    def close(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _here(what: str) -> Source:
    return Source(what, 1, 1, 1, 1)


def exit_code(verdicts: Iterable[Verdict], broken: int, *, inconclusive_ok: bool = False) -> int:
    """Return the exit code of some verdicts; `broken` of the errors are files that are wrong."""
    found = Counter(verdicts)
    if found[Verdict.ERROR] > broken:
        return TOOL
    if broken:
        return USAGE
    if found[Verdict.FAIL]:
        return FAILED
    if found[Verdict.INCONCLUSIVE] and not inconclusive_ok:
        return INCONCLUSIVE
    ran = found[Verdict.PASS] + found[Verdict.INCONCLUSIVE]
    return GOOD if ran else NOTHING


def counts_of(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return the counts of a run by the words of the reports."""
    found = Counter(verdicts)
    return {word: found[verdict] for verdict, word in COUNTS.items()}


def finish(run: Session | None, options: BenchOptions, verdicts: list[Verdict], code: int) -> None:
    """End the stream, gather the shards of workers, and write the reports."""
    counts = counts_of(verdicts)
    shards = sorted(options.out.glob("events-*.ndjson"))
    if run is not None and run.streaming:
        run.end(code, counts)
    elif shards:
        gather(shards, options.out / e.STREAM, code, counts)
    if not options.reports and "GITHUB_ACTIONS" not in os.environ:
        return
    from sgprobe.report.write import write_reports
    from sgprobe.runner.coverage import coverage

    write_reports(options.out, options.reports, sys.stderr, printed=sys.stdout, catalogue=coverage)


def gather(shards: list[Path], stream: Path, code: int, counts: dict[str, int]) -> None:
    """Make one stream of the shards of a parallel run."""
    begun = time.time()
    with stream.open("w", encoding="utf-8") as out:
        for number, shard in enumerate(shards):
            with shard.open(encoding="utf-8") as lines:
                for line in lines:
                    first = e.from_line(line) if line.startswith('{"event":"run.started"') else None
                    if isinstance(first, e.RunStarted):
                        begun = min(begun, first.at)
                        if number:
                            continue
                    out.write(line)
        now = time.time()
        out.write(e.to_line(e.RunEnded(now, now - begun, code, counts)) + "\n")
    for shard in shards:
        shard.unlink()
