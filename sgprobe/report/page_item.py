"""One item in report.html: why it did not pass, YAML beside diagram and difference, messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from sgprobe.events import CaseText, MessageSeen, Verdict
from sgprobe.layers import spoken_of
from sgprobe.report import diagram
from sgprobe.report.difference import Row, named, rows
from sgprobe.report.excerpt import excerpt
from sgprobe.report.failure import measures, step_title
from sgprobe.report.messages import (
    hex_lines,
    name_of,
    octets_of,
    problem_lines,
    role_name,
    tree_lines,
)
from sgprobe.report.page import esc, esc_lines, facts, table
from sgprobe.report.run import SYMBOLS, WORDS, Detail, Item, Step
from sgprobe.report.text import duration, headline, many, plain, short

_HEX, _TREE = 1024, 400
_MOST_MESSAGES, _MOST_STEPS = 200, 300
_DEFS = re.compile(r"<defs>.*?</defs>\n?", re.S)
_HALO = ' paint-order="stroke" stroke="#ffffff" stroke-width="3"'


def article(item: Item, number: int, case: CaseText | None, *, opened: bool) -> str:
    """Return an item as a fold; what passed is told in fewer words."""
    started, verdict = item.started, item.verdict
    name, bracket, variant = plain(item.id).partition("[")
    kind = verdict.value
    clauses = "|".join(started.clauses)
    head = (
        f'<article class="item {kind}" id="i{number}" data-v="{kind}" data-r="{esc(started.iut)}" '
        f'data-c="{esc(clauses)}">\n<details{" open" if opened else ""}><summary>'
        f'<span class="{kind}"><span aria-hidden="true">{SYMBOLS[verdict]}</span> '
        f"{WORDS[verdict]}</span> <h3>{esc(name)}"
        + (f" <code>{esc(bracket + variant)}</code>" if bracket else "")
        + "</h3>"
    )
    if item.ended is not None and item.ended.deviation:
        head += ' <span class="badge">known deviation</span>'
    elif item.warnings:
        head += f' <span class="badge">{many(len(item.warnings), "warning")}</span>'
    if verdict is not Verdict.NOT_APPLICABLE:
        head += f' <span class="faint">{item.seconds:.2f} s</span>'
    head += f'<span class="says">{esc(started.title, 300)}</span>'
    if verdict is not Verdict.PASS:
        reason = headline(item.reason) or "no reason was given"
        head += f'<span class="says reason {kind}">{esc(reason, 400)}</span>'
    elif item.warnings:
        head += f'<span class="says inconclusive">{esc(item.warnings[0], 400)}</span>'
    detail = item.detail()
    bad = verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    body = _about(item, detail, number, case, linked=bad)
    if bad:
        body += _sides(detail, case)
    if detail.steps:
        body += _steps(detail, number, whole=bad)
    log = "\n".join(f"{n.scenario:9.3f}  {n.kind}  {n.text}" for n in detail.notes) if bad else ""
    if log:
        opening = " open" if verdict is Verdict.ERROR else ""
        text = f"<pre>{esc_lines(log)}</pre>"
        body += f'<details class="message"{opening}><summary>Log</summary>{text}</details>'
    if bad and detail.messages:
        body += _messages(detail, number)
    elif not bad:
        body += _sequence(detail)
    return f'{head}</summary><div class="body">\n{body}</div></details></article>\n'


def _about(item: Item, detail: Detail, number: int, case: CaseText | None, *, linked: bool) -> str:
    started, ended = item.started, item.ended
    pairs = []
    for one in started.requirements:
        text = " · ".join(esc(str(one.get(key) or "")) for key in ("clause", "id", "text"))
        pairs.append(("requires", text + (" (should)" if one.get("level") == "should" else "")))
    if not pairs and started.clauses:
        pairs.append(("requires", " · ".join(map(esc, started.clauses))))
    if started.official:
        sure = "" if started.certainty == "certain" else f" ({esc(started.certainty)})"
        pairs.append(("official", ", ".join(map(esc, started.official)) + sure))
    if started.layer:
        pairs.append(("speaks of", esc(spoken_of(started.layer))))
    for step in detail.bad_steps()[:6]:
        text = f"step {esc(step.number)} of {esc(step.started.section)}: "
        text += esc(step_title(step.started))
        if step.ended is not None and step.ended.reason:
            text += f" — {esc(step.ended.reason, 1000)}"
        pairs.append(("failed at", text))
        if step.ended is not None and step.ended.because:
            pairs.append(("because", esc(step.ended.because)))
    line = next((s.started.line for s in detail.bad_steps() if s.started.line), started.line)
    place = f"{esc(started.file)}:{line}"
    pairs.append(("case", f'<a href="#case-{esc(started.case)}">{place}</a>' if case else place))
    if ended is not None:
        if ended.capture:
            link = quote(ended.capture) if _is_relative(ended.capture) else ""
            capture = esc(ended.capture)
            capture = f'<a href="{link}">{capture}</a>' if link else capture
            told = detail.judged() or detail.messages
            where = _frame_links(told, number) if linked else _frames_text(told[:12])
            pairs.append(("capture", capture + (f", {where}" if where else "")))
        pairs += [("warning", esc(text)) for text in ended.warnings]
        pairs += [("figure", esc(text)) for text in ended.figures]
        if ended.deviation:
            until, why = ended.deviation.get("until", ""), ended.deviation.get("reason", "")
            pairs.append(("known deviation", f"until {esc(until)}: {esc(why)}"))
        if ended.still_answers is False:
            pairs.append(("afterwards", "the product stopped answering"))
        if detail.scenario_seconds >= 1:
            pairs.append(("scenario clock", f"{duration(detail.scenario_seconds)} passed"))
        if ended.rerun and item.verdict is not Verdict.NOT_APPLICABLE:
            pairs.append(("run it again", f"<code>{esc(ended.rerun)}</code>"))
    elif not ended:
        pairs.append(("cut off", esc(item.cut)))
    return facts(pairs)


def _is_relative(path: str) -> bool:
    return not path.startswith(("/", "\\")) and ":" not in path and ".." not in path.split("/")


def _frame_links(messages: list[MessageSeen], number: int) -> str:
    links = []
    for message in messages[:12]:
        if message.frames:
            first, last = message.frames[0], message.frames[-1]
            text = f"frame {first}" if first == last else f"frames {first}–{last}"
            links.append(f'<a href="#i{number}-m{message.n}">{text}</a>')
    return ", ".join(links)


# --- YAML beside diagram and difference ---


def _sides(detail: Detail, case: CaseText | None) -> str:
    left = _excerpt(detail, case)
    right = "".join(_difference(step) for step in detail.bad_steps()[:6])
    right += _sequence(detail)
    if not left and not right:
        return ""
    return f'<div class="sides"><div>{left}</div><div>{right}</div></div>\n'


def _sequence(detail: Detail) -> str:
    # heads of arrows and the halo of words stand in the page once, not in each picture
    drawn = _DEFS.sub("", diagram.svg(detail)).replace(_HALO, "")
    return f'<h4>Sequence</h4><div class="seq">{drawn}</div>' if drawn else ""


def _excerpt(detail: Detail, case: CaseText | None) -> str:
    found = excerpt(detail, case)
    if found is None or case is None:
        return ""
    shown = yaml_lines(found.lines, found.first, found.last, found.marked)
    return f'<h4>{esc(case.file)}</h4><pre class="yaml">{shown}</pre>'


def yaml_lines(
    lines: Sequence[str], first: int, last: int, marked: frozenset[int] = frozenset()
) -> str:
    """Return lines of a file with their numbers."""
    out = []
    for number in range(first, last + 1):
        kind = ' class="at"' if number in marked else ""
        out.append(f'<span{kind} data-n="{number}">{esc(lines[number - 1]) or " "}</span>')
    return "".join(out)


def _difference(step: Step) -> str:
    ended = step.ended
    found = rows(ended.difference) if ended else []
    if ended is None or not any(row.leaf for row in found):
        return ""
    bad, all_ = named(ended.difference)
    body = "".join(_row(row) for row in found)
    free = f", {ended.unnamed} more present" if ended.unnamed else ""
    return f"<h4>{bad} of {all_} named fields differ{free}</h4>" + table(
        ("field", "expected", "came"), body, "diff"
    )


def _row(row: Row) -> str:
    path = esc(row.name).replace(".", ".<wbr>")
    name = f'<td><span style="padding-left:{row.depth * 0.9:.1f}em">{path}</span></td>'
    if not row.leaf:
        good = f'<span class="due">✔ {row.folded} fields</span>' if row.good else ""
        return f'<tr>{name}<td colspan="2">{good}</td></tr>'
    if row.good:
        return f'<tr>{name}<td colspan="2"><span class="due">✔</span> {esc(row.actual)}</td></tr>'
    sign = "?" if row.unsure else "✘"
    why = f'<span class="why">{sign} {esc(row.hint)}</span>' if row.hint else ""
    return (
        f'<tr class="bad">{name}<td class="due">{esc(row.expected)}</td>'
        f'<td class="came">{esc(row.actual) or "nothing"}{why}</td></tr>'
    )


# --- steps and messages ---


def _steps(detail: Detail, number: int, *, whole: bool) -> str:
    cells = []
    for step in list(detail.walk())[:_MOST_STEPS]:
        verdict = step.verdict
        kind = verdict.value if verdict else "error"
        mark = f"{SYMBOLS[verdict]} {WORDS[verdict]}" if verdict else "! it did not end"
        reason = step.ended.reason if step.ended else ""
        shown = step.messages[:8]
        links = _frame_links(shown, number) if whole else _frames_text(shown)
        cells.append(
            f"<tr><td>{esc(step.number)}</td><td>{esc(step.started.section)}</td>"
            f'<td>{esc(step_title(step.started))}</td><td class="{kind}">{mark}</td>'
            f'<td class="n">{step.started.scenario:.2f} s</td><td>{links}</td>'
            f"<td>{esc(reason, 300)}</td></tr>"
        )
    head = ("step", "part", "what", "verdict", "#clock", "frames", "reason")
    return "<h4>Steps</h4>" + table(head, "".join(cells), "steps") + "\n"


def _frames_text(messages: list[MessageSeen]) -> str:
    texts = [
        f"{m.frames[0]}" if len(m.frames) == 1 else f"{m.frames[0]}–{m.frames[-1]}"
        for m in messages
        if m.frames
    ]
    return f"frames {', '.join(texts)}" if texts else ""


def _messages(detail: Detail, number: int) -> str:
    judged = {message.n for message in detail.judged()}
    parts = [
        _message(message, detail, number, opened=message.n in judged)
        for message in detail.messages[:_MOST_MESSAGES]
    ]
    if len(detail.messages) > _MOST_MESSAGES:
        parts.append(f"<p>and {len(detail.messages) - _MOST_MESSAGES} more in events.ndjson</p>")
    return "<h4>Messages</h4>" + "".join(parts)


def _message(seen: MessageSeen, detail: Detail, number: int, *, opened: bool) -> str:
    status = "" if seen.status is None else f" {seen.status}"
    ends = f"{role_name(seen.sender)} → {role_name(seen.receiver)}"
    problems = "".join(f'<li class="fail">{esc(line)}</li>' for line in problem_lines(seen))
    problems = f'<ul class="plain">{problems}</ul>' if problems else ""
    tree = "\n".join(
        esc(short(line, 600)) for line in tree_lines(seen, detail.started.spec)[:_TREE]
    )
    octets = "\n".join(hex_lines(octets_of(seen), _HEX))
    hexed = f"<details><summary>hex</summary><pre>{octets}</pre></details>" if octets else ""
    return (
        f'<details class="message" id="i{number}-m{seen.n}"{" open" if opened else ""}><summary>'
        f"{seen.n} · {esc(ends)} · <strong>{esc(name_of(seen))}</strong> "
        f'<span class="faint">{esc(seen.transport + status)} · {esc(measures(seen, detail))}</span>'
        f"</summary>{problems}<pre>{tree}</pre>{hexed}</details>"
    )
