"""Steps and attachments of an Allure result."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from allure_commons.model2 import (
    ATTACHMENT_PATTERN,
    Attachment,
    Parameter,
    Status,
    StatusDetails,
    TestStepResult,
)

from sgprobe.events import CaseText, MessageSeen, Verdict
from sgprobe.report import diagram
from sgprobe.report.difference import named, rows
from sgprobe.report.excerpt import excerpt
from sgprobe.report.failure import difference_lines, failure_of, measures, step_title
from sgprobe.report.messages import depth, hex_lines, name_of, octets_of, problem_lines, tree_lines
from sgprobe.report.run import Detail, Item, Step, verdict_of
from sgprobe.report.text import plain, plain_lines, short

STATUS = {
    Verdict.PASS: Status.PASSED,
    Verdict.FAIL: Status.FAILED,
    Verdict.INCONCLUSIVE: Status.BROKEN,
    Verdict.ERROR: Status.BROKEN,
    Verdict.NOT_APPLICABLE: Status.SKIPPED,
}
_TEXT, _JSON, _YAML = "text/plain", "application/json", "application/yaml"
_SVG, _PCAPNG = "image/svg+xml", "application/vnd.tcpdump.pcap"
_DEEPEST = 60


class Attachments:
    """Writes attachments; what is the same for several items is written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[bytes, str] = {}

    def add(self, name: str, body: str, kind: str, ending: str) -> Attachment:
        """Write one attachment."""
        octets = body.encode("utf-8", "backslashreplace")
        digest = hashlib.sha256(ending.encode() + octets).digest()
        source = self._known.get(digest)
        if source is None:
            source = ATTACHMENT_PATTERN.format(prefix=uuid.uuid4(), ext=ending)
            self._known[digest] = source
            (self._folder / source).write_bytes(octets)
        return Attachment(name=name, source=source, type=kind)

    def of_item(self, item: Item, detail: Detail, case: CaseText | None) -> list[Attachment]:
        """Return what belongs to the item as a whole."""
        found = []
        if case is not None:
            excerpt = _excerpt(detail, case)
            if excerpt:
                found.append(self.add("case excerpt", excerpt, _TEXT, "txt"))
            text = _lines(plain_lines(case.text.rstrip("\n")))
            found.append(self.add(plain(case.file.rpartition("/")[2]), text, _YAML, "yaml"))
        drawn = diagram.svg(detail)
        if drawn:
            found.append(self.add("sequence.svg", drawn, _SVG, "svg"))
        if is_bad(item.verdict):
            found.append(self.add("console", failure_of(detail, cut=item.cut), _TEXT, "txt"))
        elif detail.messages:
            # one file for all messages: a suite that passes is thousands of them
            found.append(self.add("messages", _messages(detail), _TEXT, "txt"))
        capture = _capture(item)
        if capture is not None:
            source = ATTACHMENT_PATTERN.format(prefix=uuid.uuid4(), ext="pcapng")
            # no second name for the same file: the next run writes over its captures
            shutil.copyfile(capture, self._folder / source)
            found.append(Attachment(name="trace.pcapng", source=source, type=_PCAPNG))
        log = [
            f"{note.scenario:10.3f}  {plain(note.kind)}  {line}"
            for note in detail.notes
            for line in plain_lines(short(note.text, 4000))
        ]
        if log:
            found.append(self.add("log", "\n".join(log) + "\n", _TEXT, "txt"))
        return found


def is_bad(verdict: Verdict) -> bool:
    """Say whether somebody will want every message of an item."""
    return verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)


def _messages(detail: Detail) -> str:
    """Return all messages: each as tree, as JSON on one line, and as hex."""
    out: list[str] = []
    for seen in detail.messages:
        out += [f"{seen.n}  {_said(seen, detail)}", *problem_lines(seen)]
        out += tree_lines(seen, detail.started.spec)
        if seen.value is not None and depth(seen.value) <= _DEEPEST:
            out.append(_json(seen.value, None))
        out += [*hex_lines(octets_of(seen)), ""]
    return _lines(out)


def _json(value: Any, indent: int | None = 1) -> str:
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def _said(seen: MessageSeen, detail: Detail) -> str:
    verb = "receive" if seen.product else "send"
    status = "" if seen.status is None else f" {plain(str(seen.status))}"
    return f"{verb} {name_of(seen)} ({plain(seen.transport)}{status}, {measures(seen, detail)})"


def _capture(item: Item) -> Path | None:
    """Return the capture of an item, if it lies in the results folder."""
    if item.ended is None or not item.ended.capture or not item.folder:
        return None
    folder = Path(item.folder).resolve()
    path = (folder / item.ended.capture).resolve()
    return path if path.is_file() and path.is_relative_to(folder) else None


def _excerpt(detail: Detail, case: CaseText) -> str:
    """Return the lines of the case around what failed, with a sign before those at fault."""
    found = excerpt(detail, case)
    if found is None:
        return ""
    return _lines([
        f"{'>' if number in found.marked else ' '}{number:5} | {plain(found.lines[number - 1])}"
        for number in range(found.first, found.last + 1)
    ])  # fmt: skip


def steps_of(detail: Detail, attachments: Attachments) -> list[TestStepResult]:
    """Return the steps of an item, one inside the other."""
    bad = detail.ended is None or is_bad(verdict_of(detail.ended.verdict))
    return [_step(step, detail, attachments if bad else None) for step in detail.steps]


def _step(step: Step, detail: Detail, attachments: Attachments | None) -> TestStepResult:
    started, ended = step.started, step.ended
    verdict = step.verdict
    section = "" if started.section == "steps" else f"{plain(started.section)} "
    result = TestStepResult(
        name=f"{section}{plain(step.number)}  {step_title(started)}",
        status=STATUS[verdict] if verdict else Status.BROKEN,
        start=round(started.at * 1000),
        stop=round((ended.at if ended else started.at) * 1000),
        parameters=[Parameter(name="scenario clock", value=f"{started.scenario:.3f} s")],
    )
    if ended is None:
        result.statusDetails = StatusDetails(message="it did not end")
    elif ended.reason:
        text = ended.reason + (f"\n{ended.because}" if ended.because else "")
        result.statusDetails = StatusDetails(message="\n".join(plain_lines(short(text, 4000))))
    result.steps = [_step(one, detail, attachments) for one in step.inside]
    result.steps += [_message(one, detail, attachments) for one in step.messages]
    for note in step.notes:
        result.steps.append(_plain_step(f"{plain(note.kind)}: {plain(short(note.text, 300))}",
                                        Status.PASSED, note.at))  # fmt: skip
    if ended is not None and (ended.difference or ended.checks):
        result.steps.append(_match(step, attachments))
    return result


def _plain_step(name: str, status: Any, at: float) -> TestStepResult:
    return TestStepResult(name=name, status=status, start=round(at * 1000), stop=round(at * 1000))


def _message(seen: MessageSeen, detail: Detail, attachments: Attachments | None) -> TestStepResult:
    """Return one message, received from the product or sent to it."""
    result = _plain_step(_said(seen, detail), Status.PASSED, seen.at)
    if attachments is None:
        return result
    tree = [*problem_lines(seen), *tree_lines(seen, detail.started.spec)]
    kind = plain(seen.kind or "message")
    found = [attachments.add(f"{kind} as tree", _lines(tree), _TEXT, "txt")]
    if seen.value is not None and depth(seen.value) <= _DEEPEST:
        found.append(attachments.add(f"{kind} as JSON", _json(seen.value), _JSON, "json"))
    if seen.bytes:
        octets = _lines(hex_lines(octets_of(seen)))
        found.append(attachments.add(f"{kind} as hex", octets, _TEXT, "txt"))
    result.attachments = found
    return result


def _match(step: Step, attachments: Attachments | None) -> TestStepResult:
    ended = step.ended
    assert ended is not None
    bad, all_ = named(ended.difference) if ended.difference else (0, ended.checks)
    good = step.verdict is Verdict.PASS
    status = STATUS[step.verdict] if step.verdict else Status.BROKEN
    name = (
        f"match: all {all_} checks hold" if good else f"match: {bad} of {all_} checks do not hold"
    )
    result = _plain_step(name, status, ended.at)
    if attachments is not None and any(row.leaf for row in rows(ended.difference)):
        text = _lines(difference_lines(step))
        result.attachments.append(attachments.add("difference", text, _TEXT, "txt"))
    return result


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
