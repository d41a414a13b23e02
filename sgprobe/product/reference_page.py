"""The reference page of product files, made of the tables and of the questions."""

from __future__ import annotations

from sgprobe.keytable import table_lines
from sgprobe.product import keys as k
from sgprobe.product.actions import OPERATIONS, VERBS
from sgprobe.questions import ANY_ROLE, KINDS, STATUSES, Catalogue, Question, shipped

_INTRO = """\
# The product file

Made by `python -m sgprobe.product.reference_page`; a test compares it with the tables.

A product file says what is under test: who it is, where it is reached, what it can do (ICS), and
how it is made to act. `sgprobe ics new --role eim` writes one to fill in, `sgprobe ics check FILE`
finds what is wrong or unanswered, `sgprobe run --iut FILE` runs with it. Paths are relative to the
file. Ready ones are in examples/products.
"""
_ANSWERS = """\
Each question of the role is answered `yes`, `no`, or `both` (the run takes one sample for each
value), or with one of its values. `{answer: no, reason: not in this release}` adds a reason, which
reports print. Official names, where they are certain, may stand in place of ours. A question
without an answer makes the cases that ask it inconclusive.
"""
_OPERATOR = """\
A verb has one way for everything, or a way for each action. A way is one of these:
"""
_TEMPLATES = """\
There are no templates: a text that is `$name` as a whole is an input, everything else stands for
itself. `$name.member` goes inside, `$~name` is left out where it is not given, `{literal: $x}` is
the text `$x`. Values of headers that are secrets come from the environment (`{env: NAME}`) or a
file (`{file: PATH}`), and go to the origin of `url` alone. A command gets
`{"verb": …, "action": …, "given": {…}}` on stdin, and SGPROBE_VERB and SGPROBE_ACTION; exit code
127 says that it cannot do this. What cannot be done makes a case inconclusive, and the report says
what to add.
"""


def page(catalogue: Catalogue) -> str:
    """Return the page in Markdown."""
    out = [_INTRO, "## Keys", "", *table_lines(k.PRODUCT)]
    for name, table in (
        ("endpoints", k.ENDPOINTS),
        ("listen", k.LISTEN),
        ("names", k.NAMES),
        ("identity", k.IDENTITY),
        ("keys", k.KEYS),
        ("limits", k.LIMITS),
        ("deviations", k.DEVIATION),
    ):
        out += ["", f"## {name}", "", *table_lines(table)]
    out += ["", "## operator", "", *table_lines(k.OPERATOR)]
    out += ["", "### Ways", "", _OPERATOR, *table_lines(k.WAY)]
    out += ["", "### HTTP calls", "", *table_lines(k.CALL), "", _TEMPLATES]
    out += ["### Verbs", ""]
    for name, verb in VERBS.items():
        out += [f"#### {name}", "", verb.help, "", *_names("action", verb.actions)]
        out += ["", *_names("input", verb.inputs)] if verb.inputs else []
        needed = {
            one + (" (required)" if one in verb.needs else ""): text
            for one, text in verb.outputs.items()
        }
        out += ["", *_names("output", needed)] if needed else []
        out.append("")
    members = {name: f"`{member}`" if member else "" for name, member in OPERATIONS.items()}
    out += ["#### Operations of an order", "", *_names("operation", members, "its text"), ""]
    out += ["## answers", "", _ANSWERS]
    out += [f"- {status}: {text}." for status, text in STATUSES.items()]
    for role, (title, _) in k.ROLES.items():
        questions = catalogue.of(role)
        if questions:
            out += ["", f"### {title}", "", *_questions(questions)]
    out += ["", "## ixit", ""]
    out += ["| setting | role | value | default | meaning |", "|---|---|---|---|---|"]
    for one in catalogue.settings.values():
        role = "every" if one.role == ANY_ROLE else one.role
        value = ", ".join(one.values) or KINDS[one.kind]
        official = f" Official: `{one.official}`." if one.official else ""
        out.append(f"| `{one.name}` | {role} | {value} | {one.default} | {one.text}{official} |")
    return "\n".join(out) + "\n"


def _names(what: str, table: object, meaning: str = "meaning") -> list[str]:
    assert isinstance(table, dict)
    rows = [f"| `{name}` | {text} |" for name, text in table.items()]
    return [f"| {what} | {meaning} |", "|---|---|", *rows]


def _questions(questions: list[Question]) -> list[str]:
    lines = [
        "| question | status | text | implies | clause | official |",
        "|---|---|---|---|---|---|",
    ]
    for one in questions:
        status = f"{one.status}: {one.when}" if one.when else one.status
        text = one.text + (f" ({', '.join(one.values)})" if one.values else "")
        official = f"`{one.official}`" if one.official else ""
        lines.append(
            f"| `{one.name}` | {status} | {text} | {one.implies} | {one.clause} | {official} |"
        )
    return lines


if __name__ == "__main__":
    print(page(shipped()), end="")
