"""The pytest plugin of the bench; the root conftest.py and `sgprobe run` load it by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sgprobe
from sgprobe.events import Verdict
from sgprobe.runner.options import BenchOptions, add_options

CASE_ENDING = ".case.yaml"
# pytest's words for the verdicts: category, letter, word
_WORDS = {
    Verdict.PASS: ("passed", ".", "PASSED"),
    Verdict.NOT_APPLICABLE: ("not applicable", "-", "N/A"),
    Verdict.INCONCLUSIVE: ("inconclusive", "?", "INCONCLUSIVE"),
    Verdict.FAIL: ("failed", "F", "FAILED"),
    Verdict.ERROR: ("error", "E", "ERROR"),
}
VERDICT, LINES, FILE_ERROR = "sgprobe.verdict", "sgprobe.events", "sgprobe.file-error"


class CaseFailed(Exception):
    """The product broke an expectation; the text is the whole story."""


class CaseInconclusive(Exception):
    """Nobody could judge."""


class BenchFailed(Exception):
    """The bench is at fault, or a case file."""


_RAISED = {
    Verdict.FAIL: CaseFailed,
    Verdict.INCONCLUSIVE: CaseInconclusive,
    Verdict.ERROR: BenchFailed,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the bench."""
    add_options(parser.getgroup("sgprobe", "conformance cases").addoption, in_pytest=True)


def pytest_report_header() -> str:
    """Say which bench runs, so that a pasted log names its version."""
    return f"sgprobe {sgprobe.__version__}"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin the run: one object holds what it is made of."""
    # imported late: a session without cases must not pay for it
    config.stash[_RUN] = None
    config.stash[_GUARD] = None
    if getattr(config.option, "allure_report_dir", None):
        # allure-pytest has taken its place; of a case it would write a second result
        from sgprobe.report.allure import guard

        config.stash[_GUARD] = found = guard.install()
        if found is not None:
            config.add_cleanup(found.remove)


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep allure-pytest from writing results of cases: the reports write them."""
    guard = item.config.stash[_GUARD]
    if guard is not None:
        guard.quiet = isinstance(item, CaseItem | BrokenFile)
    return (yield)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect case files."""
    if file_path.name.endswith(CASE_ENDING):
        return CaseFile.from_parent(parent, path=file_path)
    return None


def the_run(config: pytest.Config) -> Any:
    """Return the run of this session, begun with its first case."""
    found = config.stash[_RUN]
    if found is None:
        from sgprobe.runner.session import Session

        options = BenchOptions.of(config.option.__dict__.get)
        worker = getattr(config, "workerinput", {}).get("workerid", "")
        found = Session(options, worker)
        config.stash[_RUN] = found
    return found


_RUN: pytest.StashKey[Any] = pytest.StashKey()
_GUARD: pytest.StashKey[Any] = pytest.StashKey()


class CaseFile(pytest.File):
    """One case file: an item for each variant, or one that says what is wrong with it."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return the items."""
        from sgprobe.fileerror import FileError, render

        run = the_run(self.config)
        try:
            found = run.ready(self.path)
        except FileError as error:
            text = "\n".join(render(one) for one in error.problems)
            yield BrokenFile.from_parent(self, name=self.path.name, text=text)
            return
        for ready in found:
            yield CaseItem.from_parent(self, name=ready.id, ready=ready)


class BrokenFile(pytest.Item):
    """A case file that cannot be run."""

    def __init__(self, *, text: str, **more: Any) -> None:
        super().__init__(**more)
        self.text = text

    def runtest(self) -> None:
        """Tell what is wrong with it."""
        lines = the_run(self.config).broken(self.path, self.name, self.text)
        self.user_properties.append((VERDICT, str(Verdict.ERROR)))
        self.user_properties.append((FILE_ERROR, self.text))
        self.user_properties.append((LINES, lines))
        raise BenchFailed(self.text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> str:
        """Return the text alone: no traceback helps an author."""
        return self.text

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where it is."""
        return self.path, 0, self.name


class CaseItem(pytest.Item):
    """One variant of one case."""

    def __init__(self, *, ready: Any, **more: Any) -> None:
        super().__init__(**more)
        self.ready = ready
        self.failure = ""

    def runtest(self) -> None:
        """Run it; the verdict travels as a property of the report."""
        run = the_run(self.config)
        result, lines, text = run.run(self.ready)
        self.user_properties.append((VERDICT, str(result.verdict)))
        self.user_properties.append((LINES, lines))
        self.failure = text
        if result.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(result.reason)
        raised = _RAISED.get(result.verdict)
        if raised is not None:
            raise raised(result.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *more: Any) -> str:
        """Return what the failure text says; anything else is a fault of the bench."""
        if isinstance(excinfo.value, CaseFailed | CaseInconclusive | BenchFailed):
            return self.failure or str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where it is: names print as they are written."""
        return self.path, self.ready.plan.case.source.line - 1, self.name


# --- verdicts in pytest's words ---


def verdict_of(report: Any) -> Verdict | None:
    """Return the verdict that a report carries; None for tests that are no cases."""
    for name, value in getattr(report, "user_properties", ()):
        if name == VERDICT:
            return Verdict(value)
    return None


def pytest_report_teststatus(report: Any) -> tuple[str, str, Any] | None:
    """Count cases by verdict."""
    verdict = verdict_of(report)
    if verdict is None or report.when != "call":
        return None
    category, letter, word = _WORDS[verdict]
    colour = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.ERROR: "red"}
    return category, letter, (word, {colour.get(verdict, "yellow"): True})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: Any) -> None:
    """Remember what came of each case, in the process that reports."""
    verdict = verdict_of(report)
    if verdict is None or report.when != "call":
        return
    lines = next((value for name, value in report.user_properties if name == LINES), ())
    broken = any(name == FILE_ERROR for name, _ in report.user_properties)
    for listener in _LISTENERS:
        listener.heard(report.nodeid, verdict, lines, broken)


class Listener:
    """Counts verdicts for the exit code, and hands events on to a console."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.broken = 0

    def heard(self, nodeid: str, verdict: Verdict, lines: Iterable[str], broken: bool) -> None:
        """Take the outcome of one item."""
        self.verdicts.append(verdict)
        self.broken += broken


_LISTENERS: list[Any] = []


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None]:
    """Listen to this session alone: there may be one inside another, in tests."""
    kept = list(_LISTENERS)
    own = Listener()
    session.config.stash[_HEARD] = own
    more: list[Any] = session.config.stash.get(MORE, [])
    _LISTENERS[:] = [*more, own]
    session.config.stash[_KEPT] = kept
    return (yield)


_HEARD: pytest.StashKey[Listener] = pytest.StashKey()
_KEPT: pytest.StashKey[list[Any]] = pytest.StashKey()
# further listeners, such as a console, that a caller has put there
MORE: pytest.StashKey[list[Any]] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the stream, write the reports, and give the exit code of the verdicts."""
    config = session.config
    run = config.stash[_RUN]
    is_worker = hasattr(config, "workerinput")
    own: Listener | None = config.stash.get(_HEARD, None)
    verdicts = own.verdicts if own is not None else []
    broken = own.broken if own is not None else 0
    if own is not None:
        kept: list[Any] = config.stash[_KEPT]
        _LISTENERS[:] = kept
    if run is None and not verdicts:
        return
    if is_worker:
        run.close()
        return
    from sgprobe.runner.session import exit_code, finish

    options = BenchOptions.of(config.option.__dict__.get)
    if exitstatus not in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR) and verdicts:
        others = session.testsfailed - sum(
            one in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE) for one in verdicts
        )
        code = exit_code(verdicts, broken, inconclusive_ok=options.inconclusive_ok)
        session.exitstatus = code if others <= 0 else max(code, int(pytest.ExitCode.TESTS_FAILED))
    finish(run, options, verdicts, int(session.exitstatus))
    alluredir = getattr(config.option, "allure_report_dir", None)
    if alluredir and verdicts:
        from sgprobe.report.write import write_alluredir

        write_alluredir(options.out, Path(alluredir), config.option.allure_link_pattern)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the stream once it is known what will run."""
    ids = [item.name for item in session.items if isinstance(item, CaseItem | BrokenFile)]
    good = any(isinstance(item, CaseItem) for item in session.items)
    if good and not session.config.option.collectonly:
        is_controller = getattr(session.config.option, "dist", "no") != "no"
        if not is_controller or hasattr(session.config, "workerinput"):
            the_run(session.config).begin(ids, sys.argv[:], dict(os.environ))


def items_of(session: pytest.Session) -> Iterator[CaseItem]:
    """Return the cases of a session."""
    return (item for item in session.items if isinstance(item, CaseItem))
