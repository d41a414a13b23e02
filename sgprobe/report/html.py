"""report.html: what a certifier files and an engineer opens; one file, failures first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import TextIO

from sgprobe.events import Verdict
from sgprobe.layers import spoken_of
from sgprobe.report.causes import Cause, causes
from sgprobe.report.compare import Comparison
from sgprobe.report.junit import iso
from sgprobe.report.messages import role_name
from sgprobe.report.page import esc, facts, page, rows, table, template
from sgprobe.report.page_item import article, yaml_lines
from sgprobe.report.run import COUNTS, GRAVITY, SYMBOLS, WORDS, Item, Run, counted
from sgprobe.report.text import duration, many, plain

# so many causes have their first item open when the page is opened
_OPEN = 12
_MOST_CAUSES, _MOST_LINKS = 100, 8
_TITLES = {
    Verdict.FAIL: "Failed: the product broke an expectation",
    Verdict.ERROR: "Errors: the bench or a case is at fault",
    Verdict.INCONCLUSIVE: "Inconclusive: what was to be seen could not be brought about",
    Verdict.PASS: "Passed",
    Verdict.NOT_APPLICABLE: "Not applicable",
}


def write_html(run: Run, out: TextIO, comparison: Comparison | None = None) -> None:
    """Write a run as one page."""
    before, after = page(f"{run.product()}: sgprobe report", "\0", template("report.js"))
    out.write(before)
    numbers = {item.id: number for number, item in enumerate(run.by_gravity(), 1)}
    out.write(_head(run))
    out.write(_tiles(run))
    found = _causes(run)
    out.write(_index(run, numbers, found))
    grave = [one for one in found if one.verdict in (Verdict.FAIL, Verdict.ERROR)]
    opened = {one.items[0][1] for one in grave[:_OPEN]}
    if comparison is not None:
        out.write(_compared(comparison, numbers))
    out.write('<main id="main" tabindex="-1">\n')
    out.write(_filter(run))
    for verdict in GRAVITY:
        items = [item for item in run.items if item.verdict is verdict]
        if not items:
            continue
        # what passed is folded away: a reader looks at it on purpose
        quiet = verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)
        tag, title = ("details", "summary") if quiet else ("section", "div")
        out.write(f'<{tag} class="verdict"><{title}><h2>{_TITLES[verdict]} ({len(items)})</h2>'
                  f"</{title}>\n")  # fmt: skip
        if verdict is Verdict.NOT_APPLICABLE:
            out.write(_reasons(items))
        # what warns is to be seen before what only passed
        for item in sorted(items, key=lambda one: not one.warnings) if quiet else items:
            case = run.cases.get(item.started.case)
            out.write(article(item, numbers[item.id], case, opened=item.id in opened))
        out.write(f"</{tag}>\n")
    out.write(_not_run(run))
    out.write("</main>\n")
    out.write(_by(run, "role", lambda item: (role_name(item.started.iut),)))
    out.write(_by(run, "what they speak of", _spoken_of))
    out.write(_by(run, "clause", lambda item: item.started.clauses))
    out.write(_cases(run))
    out.write(_reproduce(run))
    out.write(after)


def _head(run: Run) -> str:
    counts = run.counts()
    applicable = len(run.items) - counts["not_applicable"]
    specs = ", ".join(spec.replace("@", " v") for spec in run.head.specs)
    if counts["failed"]:
        said = f"{counts['failed']} of {applicable} applicable items failed"
    elif not applicable:
        said = "nothing was judged"
    elif counts["passed"] == applicable and run.complete:
        said = f"all {applicable} applicable items passed"
    else:
        said = f"nothing failed; {counts['passed']} of {applicable} applicable items passed"
    parts = [f"sgprobe {run.head.sgprobe}", specs, iso(run.head.at), duration(run.seconds)]
    out = f"<header><h1>{esc(run.product())}: {said}</h1>\n"
    out += f'<p class="faint">{esc(" · ".join(part for part in parts if part))}</p>\n'
    out += "".join(f'<p class="banner" role="note">{esc(text)}</p>\n' for text in run.problems)
    return out + "</header>\n"


def _tiles(run: Run) -> str:
    counts = run.counts()
    out = '<ul class="tiles" aria-label="Items by verdict">'
    for verdict in GRAVITY:
        name = COUNTS[verdict]
        out += (
            f'<li class="{verdict.value}"><b>{counts[name]}</b>'
            f'<span><span aria-hidden="true">{SYMBOLS[verdict]}</span> {WORDS[verdict]}</span></li>'
        )
    return out + "</ul>\n"


def _causes(run: Run) -> list[Cause]:
    return causes(
        (item.verdict, item.reason or "; ".join(item.warnings), item.started.case, item.id)
        for item in run.items
        if item.warnings or item.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    )


def _index(run: Run, numbers: dict[str, int], found: list[Cause]) -> str:
    """List what did not pass, a line for each cause: a planted fault stands on the first screen."""
    by_id = {item.id: item for item in run.items}
    cells = []
    for cause in found[:_MOST_CAUSES]:
        links = [
            f'<a href="#i{numbers[items[0]]}">{esc(case)}</a>'
            + (f" ({len(items)})" if len(items) > 1 else "")
            for case, items in cause.cases.items()
        ]
        more = f" and {len(links) - _MOST_LINKS} more cases" if len(links) > _MOST_LINKS else ""
        first = by_id[cause.items[0][1]]
        known = " with warnings" if cause.verdict is Verdict.PASS else ""
        if first.ended is not None and first.ended.deviation:
            known = ", known deviation"
        cells.append((
            f'<span class="{cause.verdict.value}">{SYMBOLS[cause.verdict]} '
            f"{WORDS[cause.verdict]}{known}</span>",
            many(len(cause.items), "item"),
            f"<strong>{esc(cause.reason, 300)}</strong><br>"
            f'<span class="faint">{esc(first.started.title, 200)}</span>',
            ", ".join(links[:_MOST_LINKS]) + more,
        ))  # fmt: skip
    if not cells:
        return ""
    rest = len(found) - _MOST_CAUSES
    more = f"<p>and {rest} more</p>" if rest > 0 else ""
    head = ("verdict", "how many", "what came, and what a conforming product does", "cases")
    return f"<h2>What to look at</h2>\n{table(head, rows(cells), 'index')}{more}\n"


def _compared(comparison: Comparison, numbers: dict[str, int]) -> str:
    out = "<h2>Against the baseline</h2>\n"
    if not comparison.changes:
        return out + f"<p>No verdict changed in {many(comparison.same, 'item')}.</p>\n"
    for title, changes in comparison.groups():
        out += f"<details open><summary>{title}: {len(changes)}</summary><ul>"
        for one in changes[:500]:
            before = WORDS[one.before] if one.before is not None else "not there"
            after = WORDS[one.after] if one.after is not None else "not there"
            name = esc(one.item)
            if one.item in numbers:
                name = f'<a href="#i{numbers[one.item]}">{name}</a>'
            out += f"<li>{name}: {before} → {after}</li>"
        out += "</ul></details>\n"
    return out


def _filter(run: Run) -> str:
    roles = sorted({item.started.iut for item in run.items})
    clauses = sorted({clause for item in run.items for clause in item.started.clauses})
    boxes = "".join(
        f'<label><input type="checkbox" name="verdict" value="{verdict.value}" checked> '
        f"{WORDS[verdict]}</label>"
        for verdict in GRAVITY
    )
    return (
        '<form id="filter" hidden aria-label="Filter the items">'
        f"<fieldset><legend>Verdict</legend>{boxes}</fieldset>"
        f"<label><span>Role under test</span>{_select('role', roles)}</label>"
        f"<label><span>Clause</span>{_select('clause', clauses)}</label>"
        '<label><span>Words</span><input type="search" name="text" autocomplete="off"></label>'
        '<button type="reset">Show all</button>'
        '<output id="shown" aria-live="polite"></output></form>\n'
    )


def _select(name: str, values: list[str]) -> str:
    options = "".join(f'<option value="{esc(value)}">{esc(value)}</option>' for value in values)
    return f'<select name="{name}"><option value="">all</option>{options}</select>'


def _reasons(items: list[Item]) -> str:
    found = Counter(item.reason.split("\n")[0] or "no reason was given" for item in items)
    cells = [(str(count), esc(reason)) for reason, count in found.most_common(200)]
    return table(("#items", "why"), rows(cells)) + "\n"


def _not_run(run: Run) -> str:
    if not run.not_run:
        return ""
    names = "".join(f"<li>{esc(ident)}</li>" for ident in run.not_run[:2000])
    return (
        f"<details class='verdict'><summary><h2>Did not run ({len(run.not_run)})</h2></summary>"
        f"<ul>{names}</ul></details>\n"
    )


def _by(run: Run, name: str, keys: Callable[[Item], tuple[str, ...]]) -> str:
    found: dict[str, Counter[Verdict]] = {}
    for item in run.items:
        for key in keys(item):
            found.setdefault(plain(key), Counter())[item.verdict] += 1
    if not found:
        return ""
    body = "".join(
        f"<tr><th scope='row'>{esc(key)}</th>"
        + "".join(
            f'<td class="n {verdict.value}">{count[verdict] or "<span class=faint>·</span>"}</td>'
            for verdict in GRAVITY
        )
        + "</tr>"
        for key, count in sorted(found.items())
    )
    head = (name, *(f"#{WORDS[verdict]}" for verdict in GRAVITY))
    return (
        f"<details{' open' if len(found) <= 12 else ''}><summary><h2>Verdicts by {name}</h2>"
        f"</summary>{table(head, body)}</details>\n"
    )


def _spoken_of(item: Item) -> tuple[str, ...]:
    return (spoken_of(item.started.layer),) if item.started.layer else ()


def _cases(run: Run) -> str:
    used = {item.started.case for item in run.items}
    cases = [case for ident, case in run.cases.items() if ident in used]
    if not cases:
        return ""
    out = f"<details><summary><h2>Cases as they were run ({len(cases)})</h2></summary>\n"
    for case in cases:
        lines = case.text.rstrip("\n").split("\n")[:2000]
        shown = yaml_lines(lines, 1, len(lines))
        out += (
            f'<details id="case-{esc(case.case)}"><summary>{esc(case.case)} '
            f'<span class="faint">{esc(case.file)}</span></summary>'
            f'<pre class="yaml">{shown}</pre></details>\n'
        )
    return out + "</details>\n"


def _reproduce(run: Run) -> str:
    head = run.head
    pairs = [
        ("command", f"<code>{esc(' '.join(head.command))}</code>"),
        ("seed", str(head.seed)),
        ("run", esc(head.run)),
        ("bench", esc(f"sgprobe {head.sgprobe}, Python {head.python}, {head.platform}")),
        ("specifications", esc(", ".join(head.specs) or "those of each case")),
        ("SHOULDs", "count" if head.strict else "are warnings"),
        ("plan", f"<code>{esc(head.plan)}</code>" if head.plan else "none"),
    ]
    pairs += [
        (f"SHA-256 of {name}", f"<code>{esc(value)}</code>") for name, value in head.hashes.items()
    ]
    pairs.append(("time", duration(run.seconds)))
    out = f"<h2>To run it again</h2>\n{facts(pairs)}\n"
    for title, values in (("Product", head.product), ("ICS", head.ics), ("IXIT", head.ixit)):
        if values:
            cells = [(esc(str(name)), esc(_value(value))) for name, value in values.items()]
            out += f"<h3>{title}</h3>\n{table(('name', 'value'), rows(cells))}\n"
    counts = ", ".join(counted(v, run.counts()[COUNTS[v]]) for v in GRAVITY)
    return out + f'<p class="faint">{esc(counts)}</p>\n'


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
