"""The reference page of the language, made of the tables."""

from __future__ import annotations

from sgprobe.cases import keys as k
from sgprobe.cases.matchers import FORMS
from sgprobe.cases.observables import BINDING, SETTINGS, STATE_COLUMNS, TRACE, UNITS
from sgprobe.cases.references import BUILT_IN
from sgprobe.cases.variants import KNOWN_AXES
from sgprobe.keytable import table_lines

_INTRO = """\
# The case language

Made by `python -m sgprobe.cases.reference_page`; a test compares it with the tables.

A case is one YAML file, `<ID>.case.yaml`, that reads like the sequence it produces. Every scalar is
text until the ASN.1 type of its field says how to read it: hex for OCTET STRING, a number or a name
for INTEGER, dotted numbers for OBJECT IDENTIFIER. There are no tags, no templates and no
expressions in values. What a case names has to match; what it does not name is free; lists match
in length and order. `sgprobe check` finds what is wrong without a network.
"""
_ARROWS = """\
An arrow carries a message: `- ipa -> eim: GetEimPackageRequest`. A name with a capital is an ASN.1
type, one with a small letter a JSON function. If the role under test is on the left, the message is
expected; otherwise the bench sends it. `iut` in an arrow stands for the role of the variant.
A message that the bench sends without `fields` is the default of its role.
An answer without a body has the name of its function, `eim -> ipa: handleNotification`, in either
binding. Of a product that speaks CoAP, `http: {status: …}` is the status that its code stands for.
"""
_FIELDS = """\
`fields` nests, or names a path: `a.b[0].c`; both may be mixed. Alternatives of a CHOICE are
elements of the path. A text that begins with `<` or `$` is written `{literal: "<x"}`.
"""


def page() -> str:
    """Return the page in Markdown."""
    out = [_INTRO, "## A case", "", *table_lines(k.CASE)]
    out += [
        "",
        "## A steps file",
        "",
        "`<name>.steps.yaml` below `suites/steps`; a case calls it with `do`.",
        "",
        *table_lines(k.STEPS_FILE),
    ]
    out += ["", "## Messages", "", _ARROWS, *table_lines(k.MESSAGE), "", _FIELDS]
    out += ["## Every step", "", *table_lines(k.COMMON)]
    out += ["", "## Other steps", ""]
    for verb, table in k.VERBS.items():
        out += [f"### {verb}", "", *table_lines(table), ""]
    out += ["## Matchers", "", "| matcher | meaning | may be sent |", "|---|---|---|"]
    out += [
        f"| `{form.written}` | {form.help} | {'yes' if form.produces else ''} |" for form in FORMS
    ]
    out += [
        "",
        "## References",
        "",
        "`$name` is a reference where it is the whole text. Besides these: the axes of "
        "`variants`, what was captured, outputs of `do`, `$ixit.…` of the product file, and "
        "`$packages.…` of suites/packages.yaml.",
        "",
        "| name | value | what it is |",
        "|---|---|---|",
    ]
    out += [f"| `${one.name}` | {one.kind.value} | {one.help} |" for one in BUILT_IN.values()]
    out += ["", "## Damage", "", "| word | takes |", "|---|---|"]
    out += [f"| `{word}` | {takes or 'nothing'} |" for word, takes in k.DAMAGE.items()]
    out += [
        "",
        "## Background behaviour",
        "",
        "`peers` names a simulated role; `on MESSAGE` lists successive answers, of which the "
        "last repeats. An answer is `silence`, `reset`, or:",
        "",
        *table_lines(k.REPLY),
        "",
        "`refuses: yes` turns the role's default off.",
    ]
    for name, settings in SETTINGS.items():
        out += ["", f"Settings of `{name}`:", "", *_names(settings)]
    out += ["", "## Fields of the binding", ""]
    for name, fields in BINDING.items():
        out += [f"### {name}", "", *_names(fields), ""]
    out += [
        "## Links",
        "",
        f"`is:` is one of {', '.join(f'`{word}`' for word in k.LINK_WORDS)}, or impairments: "
        f"{', '.join(f'`{word}`' for word in k.LINK_IMPAIRMENTS)}. Datagrams are counted "
        "from 1; what has more octets than `largest` is lost.",
        "",
        "## Actions of `trigger`",
        "",
        *_names(k.TRIGGERS),
    ]
    out += ["", "## States", "", "| state | what it is | columns |", "|---|---|---|"]
    out += [
        f"| `{name}` | {text} | {', '.join(STATE_COLUMNS[name])} |"
        for name, text in k.STATES.items()
    ]
    out += [
        "",
        "## Trace assertions",
        "",
        f"Each has exactly one of {', '.join(f'`{one}`' for one in k.QUANTIFIERS)}.",
        "",
        *table_lines(k.TRACE),
        "",
        *_names(TRACE),
        "",
        "A rule looks at one kind of thing: the first of these of which it uses a name, in `where` "
        "or behind its quantifier. With none of them it looks at messages.",
        "",
        "| looks at | where it names |",
        "|---|---|",
        *(f"| {what} | {', '.join(map(_family, names))} |" for _, what, names in UNITS),
        "",
        "Messages and datagrams also have the fields of the session that protects them, messages "
        "those of what carried them: of CoAP those of the first datagram. Where a message holds a "
        "name several times, each value counts: `every` asks for all of them, all other words for "
        "one. `<seen before>` looks at the earlier things that the same "
        "rule selected. A rule that finds nothing to look at checks nothing: `every` where nothing "
        "was selected, `never` and `count: 0` where the capture has nothing of the kind.",
    ]
    out += ["", "## Axes with a meaning", "", "| axis | point | asks |", "|---|---|---|"]
    out += [
        f"| `{axis}` | `{point}` | {', '.join(f'{a} of the {r}' for r, a in asks.items())} |"
        for axis, points in KNOWN_AXES.items()
        for point, asks in points.items()
    ]
    out += [
        "",
        "## Conditions",
        "",
        "`applies-if` joins names of ICS questions with `and`, `or`, `not` and parentheses; "
        "`NAME == value` and `NAME in [a, b]` compare. An answer that is missing makes a case "
        "inconclusive, unless the others decide.",
    ]
    return "\n".join(out) + "\n"


def _family(name: str) -> str:
    return f"`{name}…`" if name[-1] == "." else f"`{name}`"


def _names(table: dict[str, str]) -> list[str]:
    rows = [f"| {_family(name)} | {text} |" for name, text in table.items()]
    return ["| name | meaning |", "|---|---|", *rows]


if __name__ == "__main__":
    print(page(), end="")
