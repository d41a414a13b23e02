"""One Allure result for each item of a run, whoever ran it: `sgprobe run`, pytest, long ago."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attr
from allure_commons.model2 import (
    GlobalError,
    Globals,
    Label,
    Link,
    Parameter,
    StatusDetails,
    TestResult,
)

from sgprobe.events import CaseText, Verdict
from sgprobe.report.allure.about import write_about
from sgprobe.report.allure.steps import STATUS, Attachments, steps_of
from sgprobe.report.failure import deviation, failure_of
from sgprobe.report.markdown import md
from sgprobe.report.messages import role_name
from sgprobe.report.run import Detail, Item, Run
from sgprobe.report.text import plain, plain_lines, short

# categories.json tells the kinds apart by these beginnings
PREFIX = {
    Verdict.PASS: "",
    Verdict.FAIL: "Non-conformance: ",
    Verdict.INCONCLUSIVE: "Inconclusive: ",
    Verdict.ERROR: "Tool error: ",
    Verdict.NOT_APPLICABLE: "Not applicable: ",
}
KNOWN, WARNING = "Known deviation: ", "Warning: "
_OURS = re.compile(r".*(-result\.json|-container\.json|-globals\.json|-attachment\.\w+)")
_URL = re.compile(r"https?://[^\s<>\"']+")
_SPACE = uuid.UUID("6f1c2b0e-6d0b-5c8e-9f55-2f6a7c3c0d11")


def write_allure(
    run: Run, folder: Path, *, clean: bool = False, links: Mapping[str, str] | None = None
) -> int:
    """Write a run as Allure results; returns how many.

    `clean` removes the results that are there already. `links` has patterns by type (clause,
    requirement, official), with `{}` for the name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if clean:
        for path in folder.iterdir():
            if path.is_file() and _OURS.fullmatch(path.name):
                path.unlink()
    attachments = Attachments(folder)
    for item in run.items:
        case = run.cases.get(item.started.case)
        _write(_result(item, case, run, attachments, links or {}), folder)
    if run.problems:
        at = _ms(run.head.at)
        errors = [GlobalError(message=problem, timestamp=at) for problem in run.problems]
        _write(Globals(errors=errors), folder)
    write_about(run, folder)
    return len(run.items)


def _write(part: Any, folder: Path) -> None:
    """Write what Allure's model knows by the name that the model gives it.

    The logger of allure_commons does the same with a slower encoder, twice as many calls to the
    file system, and a name that is another each time.
    """
    data = attr.asdict(part, filter=lambda _, value: value or value is False)
    name = part.file_pattern.format(prefix=getattr(part, "uuid", None) or uuid.uuid4())
    (folder / name).write_text(json.dumps(data), encoding="ascii")


def _ms(at: float) -> int:
    return round(at * 1000)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _result(
    item: Item,
    case: CaseText | None,
    run: Run,
    attachments: Attachments,
    patterns: Mapping[str, str],
) -> TestResult:
    started, detail = item.started, item.detail()
    # the same case for two versions or roles is two things with two histories
    same = f"{item.id} {started.spec} {started.iut}"
    stop = item.ended.at if item.ended else _last(detail)
    result = TestResult(
        uuid=str(uuid.uuid5(_SPACE, f"{run.head.run} {same}")),
        historyId=_md5(f"{same} {run.product()}"),
        testCaseId=_md5(started.case),
        # Allure's lists show no parameters: variants would look alike
        name=f"{plain(item.id)} {plain(short(started.title, 300))}",
        fullName=plain(f"{started.file}:{item.id}"),
        titlePath=[plain(part) for part in (started.suite, started.iut, started.function) if part],
        status=STATUS[item.verdict],
        stage="finished",
        description=_description(item),
        start=_ms(started.at),
        stop=_ms(max(stop, started.at)),
    )
    result.parameters = _parameters(item)
    result.labels = [Label(name, plain(value)) for name, value in _labels(item) if value]
    result.links = _links(item, patterns)
    message = plain_lines(short(item.reason, 4000))
    if item.verdict is Verdict.PASS:
        # a known deviation was expected to fail, and did
        known = item.ended is not None and item.ended.deviation is not None
        message = [plain(text) for text in item.warnings]
        if message:
            prefix = KNOWN if known else WARNING
            result.statusDetails = StatusDetails(
                known=known or None, message=prefix + "\n".join(message)
            )
    else:
        trace = ""
        if item.verdict is not Verdict.NOT_APPLICABLE:
            trace = short(failure_of(detail, cut=item.cut), 40_000)
        text = PREFIX[item.verdict] + "\n".join(message)
        result.statusDetails = StatusDetails(message=text, trace=trace or None)
    result.steps = steps_of(detail, attachments)
    result.attachments = attachments.of_item(item, detail, case)
    return result


def _last(detail: Detail) -> float:
    return max([detail.started.at, *(one.at for one in detail.messages)])


def _parameters(item: Item) -> list[Parameter]:
    """Return the axes of the variant, and the version."""
    given = {**item.started.parameters, "specification": item.started.spec}
    return [Parameter(name=plain(name), value=plain(value)) for name, value in given.items()]


def _labels(item: Item) -> list[tuple[str, str]]:
    started = item.started
    ids = [str(one.get("id", "")) for one in started.requirements]
    levels = {str(one.get("level", "shall")) for one in started.requirements}
    clauses = list(started.clauses)
    labels = [
        ("epic", started.interface or started.suite or "sgprobe"),
        ("feature", started.function or "the whole"),
        ("story", short(started.title, 300)),
        ("parentSuite", role_name(started.iut)),
        ("suite", clauses[0] if clauses else started.suite),
        ("subSuite", started.case),
        ("severity", "minor" if levels == {"should"} else "critical"),
        ("verdict", item.verdict.value),
        ("iut", started.iut),
        ("certainty", started.certainty),
        ("framework", "sgprobe"),
        ("language", "yaml"),
        ("tag", item.verdict.value),
    ]
    labels += [("requirement", one) for one in ids]
    labels += [("spec", one) for one in (started.spec, *clauses)]
    labels += [("official", one) for one in started.official]
    own = {"binding": started.parameters.get("binding", ""), "layer": started.layer}
    labels += [(name, value) for name, value in own.items() if value]
    return labels


def _links(item: Item, patterns: Mapping[str, str]) -> list[Link]:
    started = item.started
    named = {
        "clause": list(started.clauses),
        "requirement": [str(one.get("id", "")) for one in started.requirements],
        "official": list(started.official),
    }
    found = []
    for kind, names in named.items():
        if kind in patterns:
            found += [Link(kind, patterns[kind].replace("{}", plain(n)), plain(n)) for n in names]
    known = item.ended.deviation if item.ended else None
    for url in _URL.findall(known.get("reason", "") if known else ""):
        found.append(Link("issue", plain(url), "known deviation"))
    return found


def _description(item: Item) -> str:
    started = item.started
    lines = [f"{md(started.title)}.", ""]
    for one in started.requirements:
        should = " (should)" if one.get("level") == "should" else ""
        parts = [md(str(one.get(key) or "")) for key in ("clause", "id", "text")]
        lines.append("- " + " · ".join(part for part in parts if part) + should)
    if not started.requirements:
        lines += [f"- {md(clause)}" for clause in started.clauses]
    if item.ended is not None:
        lines += [f"- warning: {md(text)}" for text in item.ended.warnings]
        if item.ended.deviation:
            lines.append(f"- {md(deviation(item.ended.deviation))}")
        if item.ended.still_answers is False:
            lines.append("- the product stopped answering")
        if item.ended.rerun:
            lines += ["", f"Again: {md(item.ended.rerun)}"]
    return "\n".join(lines)
