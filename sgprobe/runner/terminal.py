"""What `sgprobe run` prints: the console of the reports, fed by pytest's hooks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from sgprobe import events as e
from sgprobe.report.console import Console


class Terminal:
    """A pytest plugin that listens to cases and prints them our way."""

    def __init__(self, plugin: Any, *, verbose: bool, dry: bool) -> None:
        self._plugin = plugin
        self._console = Console(sys.stdout, verbose=verbose)
        self._dry = dry
        self._begun = time.monotonic()
        self._started = False
        self._broken: list[str] = []

    def pytest_configure(self, config: Any) -> None:
        """Put ourselves where the outcome of each case is told."""
        config.stash[self._plugin.MORE] = [self]

    def pytest_collection_finish(self, session: Any) -> None:
        """Print what would run, where that was asked for."""
        if self._dry:
            for item in self._plugin.items_of(session):
                ready = item.ready
                why = f"   {ready.verdict}: {ready.reason}" if ready.verdict is not None else ""
                print(f"{ready.id}   {ready.plan.case.title}{why}")
            return
        items = list(self._plugin.items_of(session))
        run = self._plugin.the_run(session.config) if items else None
        if run is not None:
            self._begin(run, tuple(item.name for item in items))

    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Begin where workers run the cases: all have collected the same."""
        names = tuple(one.rpartition("::")[2] for one in ids if "::" in one)
        if names and not self._started:
            self._begin(self._plugin.the_run(node.config), names)

    def _begin(self, run: Any, ids: tuple[str, ...]) -> None:
        if not self._started:
            self._started = True
            self._console.on(run._started(ids, ["sgprobe"]))

    def heard(self, nodeid: str, verdict: e.Verdict, lines: Iterable[str], broken: bool) -> None:
        """Take the outcome of one item."""
        for line in lines:
            event = e.from_line(line)
            if event is not None:
                self._console.on(event)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Print what is wrong with files, and what pytest itself tells."""
        for name, value in getattr(report, "user_properties", ()):
            if name == self._plugin.FILE_ERROR and report.when == "call":
                print(value, file=sys.stderr)
        if report.outcome == "failed" and self._plugin.verdict_of(report) is None:
            print(report.longreprtext, file=sys.stderr)

    def pytest_collectreport(self, report: Any) -> None:
        """Print what could not be collected."""
        if report.outcome == "failed":
            print(report.longreprtext, file=sys.stderr)

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Print the last line of what went wrong inside."""
        print(f"sgprobe: {str(excrepr).strip().splitlines()[-1]}", file=sys.stderr)

    def finish(self) -> None:
        """Print the counts."""
        if self._started:
            self._console.finish(time.monotonic() - self._begun)
