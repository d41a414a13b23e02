"""What a run prints: a live line on a terminal, plain lines elsewhere, failures at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TextIO

from sgprobe import events as e
from sgprobe.events import Verdict
from sgprobe.fileerror import width
from sgprobe.layers import LAYERS, spoken_of
from sgprobe.report.causes import causes
from sgprobe.report.failure import COLOURS, Paint, failure_text, step_title
from sgprobe.report.run import COUNTS, SYMBOLS, counted, verdict_of
from sgprobe.report.text import duration, headline, many, plain, short

_EVERY = 10.0  # seconds between two plain lines of progress
_ID, _TITLE = 58, 60
_MOST_CAUSES = 20
_ASCII = str.maketrans({
    "✔": "+", "✘": "x", "–": "-", "›": ">", "·": "|", "…": "...", "→": "->", "§": "par. ",
    "“": '"', "”": '"',
})  # fmt: skip


def wants_colour(stream: TextIO, choice: str = "auto", env: Mapping[str, str] = os.environ) -> bool:
    """Say whether to colour: `--color`, then NO_COLOR and FORCE_COLOR, then the terminal."""
    if choice != "auto":
        return choice == "always"
    if env.get("NO_COLOR"):
        return False
    return bool(env.get("FORCE_COLOR")) or is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Say whether a person may be looking."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it was closed
        return False


class Console:
    """Listens to the events of a run and prints them; made once, by the process that reports.

    `verbose` prints a line for every item where no terminal is.
    """

    def __init__(
        self, stream: TextIO, *, tty: bool | None = None, colour: bool | None = None,
        verbose: bool = False, columns: int | None = None,
    ) -> None:  # fmt: skip
        self._stream = stream
        self._tty = is_terminal(stream) if tty is None else tty
        self._paint = Paint(wants_colour(stream) if colour is None else colour)
        self._all = self._tty or verbose
        self._columns = columns
        self._fancy = _can_write(stream, "✔✘–›·…→")
        self._open: dict[str, list[e.Event]] = {}
        self._zero: dict[str, float] = {}
        self._warned = 0
        self._layers: dict[str, dict[Verdict, int]] = {}
        self._counts = dict.fromkeys(COUNTS, 0)
        self._failures: list[str] = []
        self._bad: list[tuple[Verdict, str, str, str]] = []
        self._group = ("", "")
        self._total = 0
        self._column = 2
        self._said = 0.0
        self._live = ""
        self._finished = False

    def on(self, event: e.Event) -> None:
        """Take the next event."""
        match event:
            case e.RunStarted():
                self._begin(event)
            case e.ItemStarted():
                self._open[event.item] = [event]
                self._show(event.item, "", 0.0, event.at)
            case e.ItemEnded():
                self._end(event)
            case e.StepStarted() | e.StepEnded() | e.MessageSeen() | e.Note():
                known = self._open.get(event.item)
                if known is not None:
                    known.append(event)
                    if isinstance(event, e.StepStarted):
                        self._step(event)
            case e.RunEnded():
                self.finish(event.seconds)
            case e.CaseText():
                pass

    def finish(self, seconds: float | None = None) -> None:
        """Print the failures and the counts; once, also where the run was interrupted."""
        if self._finished:
            return
        self._finished = True
        self._clear()
        for ident in self._open:
            self._line(f"! {plain(ident)}  was cut off")
        for text in self._failures:
            self._line("")
            self._line(text.rstrip("\n"))
        self._line("")
        for text in self._causes():
            self._line(text)
        for text in self._spoken_of():
            self._line(text)
        self._line(self._tally(seconds))
        self._stream.flush()

    # --- parts ---

    def _begin(self, event: e.RunStarted) -> None:
        if event.worker and self._total:
            return
        self._total = len(event.items)
        self._column = min(2 + max(map(width, event.items), default=0), _ID)
        self._said = event.at
        specs = ", ".join(plain(spec).replace("@", " v") for spec in event.specs)
        name = str(event.product.get("name") or "")
        version = str(event.product.get("version") or "")
        role = str(event.product.get("role") or "")
        if name:
            iut = f'IUT {plain(role)} "{plain(f"{name} {version}".strip())}"'
            endpoints = event.product.get("endpoints")
            if isinstance(endpoints, dict) and endpoints:
                iut += f" at {plain(str(next(iter(endpoints.values()))))}"
        else:
            iut = "IUT the built-in references"
        parts = [f"sgprobe {plain(event.sgprobe)}", specs, iut, many(self._total, "item")]
        self._line(" · ".join(part for part in parts if part))

    def _end(self, event: e.ItemEnded) -> None:
        events = self._open.pop(event.item, [])
        verdict = verdict_of(event.verdict)
        self._counts[verdict] += 1
        self._warned += bool(event.warnings) and verdict is Verdict.PASS
        self._zero.pop(event.item, None)
        started = events[0] if events else None
        title = reference = ""
        if isinstance(started, e.ItemStarted):
            title = plain(started.title)
            reference = started.parameters.get("reference", "")
            if started.layer in LAYERS:
                self._layers.setdefault(started.layer, dict.fromkeys(COUNTS, 0))[verdict] += 1
            if self._all:
                self._heading(plain(started.interface), plain(started.function))
        quiet = verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)
        if self._all or not quiet:
            self._line(self._item(event, verdict, title, reference), event.at)
        for text in event.figures:
            # what was measured is a result, whether anybody asked for every line or not
            self._line(f"      {plain(event.item)}  {plain(text)}")
        if not quiet:
            self._failures.append(failure_text([*events, event], self._paint))
            case = started.case if isinstance(started, e.ItemStarted) else event.item
            self._bad.append((verdict, event.reason, case, event.item))
        self._progress(event.at)

    def _heading(self, interface: str, function: str) -> None:
        if (interface, function) != self._group and (interface or function):
            self._group = (interface, function)
            text = " › ".join(part for part in (interface, function) if part)
            self._line(self._paint("1", text))

    def _item(self, event: e.ItemEnded, verdict: Verdict, title: str, reference: str) -> str:
        case, bracket, variant = plain(event.item).partition("[")
        ident = f"{case} {bracket}{variant}" if bracket else case
        ident += " " * max(1, self._column - width(ident))
        text = title
        if verdict is not Verdict.PASS and event.reason:
            text = plain(headline(event.reason))
        text = short(text, _TITLE)
        known = ""
        if event.deviation:
            known = "  known deviation"
        elif event.warnings:
            known = f"  {many(len(event.warnings), 'warning')}"
        if reference:
            known = f"  reference {plain(reference)}{known}"
        time = f"{event.seconds:.2f} s" if verdict is not Verdict.NOT_APPLICABLE else ""
        pad = " " * max(2, _TITLE + 2 - width(text))
        symbol = self._paint(COLOURS[verdict], SYMBOLS[verdict])
        return f"  {symbol} {ident} {text}{pad if time else ''}{time}{known}"

    def _causes(self) -> list[str]:
        """Return the causes, where one stands behind several failures."""
        found = causes(self._bad)
        if len(found) == len(self._bad):
            return []
        lines = []
        for one in found[:_MOST_CAUSES]:
            names = list(one.cases)
            cases = ", ".join(map(plain, names[:2])) + (", …" if len(names) > 2 else "")
            symbol = self._paint(COLOURS[one.verdict], SYMBOLS[one.verdict])
            said = plain(short(one.reason, 2 * _TITLE))
            lines.append(f"  {symbol} {many(len(one.items), 'item'):>9}  {said}  ({cases})")
        rest = len(found) - _MOST_CAUSES
        return [*lines, *([f"    and {rest} more causes"] if rest > 0 else []), ""]

    def _spoken_of(self) -> list[str]:
        """Return the verdicts about in-factory provisioning by what they speak of."""
        if not self._layers:
            return []
        known = sorted(self._layers.items(), key=lambda one: list(LAYERS).index(one[0]))
        return [*(f"  {spoken_of(name)}: {self._counted(found)}" for name, found in known), ""]

    def _counted(self, counts: dict[Verdict, int]) -> str:
        return " · ".join(
            self._paint(COLOURS[verdict], counted(verdict, counts[verdict]))
            for verdict in COUNTS
            if verdict is not Verdict.NOT_APPLICABLE
            and (counts[verdict] or verdict is Verdict.PASS)
        )

    def _tally(self, seconds: float | None) -> str:
        counts = self._counts
        applicable = sum(counts.values()) - counts[Verdict.NOT_APPLICABLE]
        text = f"{applicable} applicable: {self._counted(counts)}"
        if self._warned:
            text += f" · {self._warned} passed with warnings"
        if counts[Verdict.NOT_APPLICABLE]:
            text += f"      {counts[Verdict.NOT_APPLICABLE]} not applicable"
        return text + (f"      {duration(seconds)}" if seconds is not None else "")

    # --- the live line ---

    def _step(self, event: e.StepStarted) -> None:
        zero = self._zero.setdefault(event.item, event.scenario)
        number = event.step.removeprefix(f"{event.section}.")
        text = f"{plain(event.section)} {plain(number)}  {step_title(event)}"
        self._show(event.item, text, event.scenario - zero, event.at)

    def _done(self) -> int:
        return sum(self._counts.values())

    def _show(self, item: str, step: str, scenario: float, at: float) -> None:
        if not self._tty:
            self._progress(at)
            return
        columns = self._columns or shutil.get_terminal_size().columns
        clock = f"  clock {duration(scenario)}" if scenario else ""
        text = f"{self._done()}/{self._total}  {plain(item)}  {step}{clock}"
        if width(text) >= columns:
            text = short(text, max(8, columns - 2))
        self._live = text
        self._write(f"\r\x1b[K{self._paint('2', text)}")
        self._stream.flush()

    def _progress(self, at: float) -> None:
        """Say every ten seconds that the run goes on, where no terminal shows it."""
        if self._tty or at - self._said < _EVERY:
            return
        self._said = at
        bad = self._done() - self._counts[Verdict.PASS] - self._counts[Verdict.NOT_APPLICABLE]
        now = next(iter(self._open), "")
        self._line(f"  {self._done()}/{self._total} done, {bad} not passed"
                   + (f", at {plain(now)}" if now else ""))  # fmt: skip
        self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._write("\r\x1b[K")
            self._live = ""

    def _line(self, text: str, at: float | None = None) -> None:
        self._clear()
        self._write(text + "\n")
        if at is not None:
            self._said = at

    def _write(self, text: str) -> None:
        if not self._fancy:
            encoding = self._stream.encoding or "ascii"
            text = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(text)


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
