"""Compiles what stands around messages: damage, impairments, times, states, values by name."""

from __future__ import annotations

from collections.abc import Mapping as Names

from dissectors.asn1 import model as asn1
from sgprobe.cases import model as m
from sgprobe.cases.errors import did_you_mean, listed, shown
from sgprobe.cases.fields import Context, step
from sgprobe.cases.keys import DAMAGE, LINK_IMPAIRMENTS, LINK_WORDS
from sgprobe.cases.observables import STATE_COLUMNS, known
from sgprobe.cases.paths import PathError, split
from sgprobe.cases.planned import Damage, Impairment, Mutation, Path, Time
from sgprobe.cases.references import Is
from sgprobe.cases.templates import Elements, Literal, Member, Members, Template
from sgprobe.cases.values import UNTYPED, compile_scalar, find_reference
from sgprobe.durations import parse_duration
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, kind

_MAX_NUMBER = 10**9


def compile_time(node: Scalar | None, context: Context) -> Time | None:
    """Return a time; a reference has to stand for one."""
    if node is None:
        return None
    if not node.text.startswith("$"):
        return Time(parse_duration(node.text))
    found = find_reference(node, node.text, context)
    if found is None:
        return None
    if found.kind not in (Is.DURATION, Is.ANY):
        context.problems.add(node.source, f"{node.text} is {found.kind.value}, not a time")
        return None
    return Time(None, found.name)


def free_value(node: Node, context: Context) -> Template | None:
    """Return the template of a value that no ASN.1 type describes."""
    if isinstance(node, Scalar):
        return compile_scalar(node, UNTYPED, context)
    if isinstance(node, Items):
        made = [free_value(item, context) for item in node]
        kept = tuple(one for one in made if one is not None)
        return Elements(kept, node.source) if len(kept) == len(made) else None
    return free_members(node, context, None, "")


def free_members(
    node: Mapping, context: Context, table: Names[str, object] | None, what: str
) -> Members | None:
    """Return values by name; with a table, its names alone are known."""
    made = []
    for key, value in node.entries:
        if table is not None and not known(key.text, dict(table)):
            names = [name if name[-1] != "." else f"{name}…" for name in table]
            context.problems.add(
                key.source,
                f"{shown(key.text)} is not a field of {what} "
                f"({listed(names, 40 if len(names) < 12 else 12)})",
                did_you_mean(key.text, table),
            )
            continue
        template = free_value(value, context)
        if template is not None:
            made.append(Member(key.text, template, key.source))
    return Members(tuple(made), node.source)


def path_of(text: Scalar, type_: asn1.Type, context: Context) -> tuple[Path, asn1.Type] | None:
    """Return a path and the type at its end; None, and told, where it leads nowhere."""
    try:
        pieces = split(text)
    except PathError as error:
        context.problems.add(error.source, str(error), "such as `a.b[0].c`")
        return None
    here: asn1.Type | None = type_
    for piece in pieces:
        here = step(here, piece, context.schema, context.problems) if here is not None else None
    return (tuple(piece.name for piece in pieces), here) if here is not None else None


def compile_mutations(
    node: Mapping | Scalar | None, type_: asn1.Type, context: Context
) -> tuple[Mutation, ...]:
    """Return the damage of a message."""
    if node is None:
        return ()
    if isinstance(node, Scalar) or all(key.text in DAMAGE for key, _ in node.entries):
        one = _mutation((), node, context)
        return (one,) if one is not None else ()
    made = []
    for key, value in node.entries:
        found = path_of(key, type_, context)
        one = _mutation(found[0], value, context) if found is not None else None
        if one is not None:
            made.append(one)
    return tuple(made)


def _mutation(path: Path, node: Node, context: Context) -> Mutation | None:
    if isinstance(node, Scalar) and node.text.startswith("$"):
        if find_reference(node, node.text, context) is None:
            return None
        axis = context.axes.get(node.text[1:])
        if axis is None:
            context.problems.add(
                node.source,
                f"{node.text} is no axis of damage",
                "such as `variants: {damage: {one bit: {flip-bit: 77}}}`",
            )
            return None
        good = [compile_damage(point.value, context) for point in axis.points]
        return Mutation(path, None, axis.name.text) if all(good) else None
    damage = compile_damage(node, context)
    return Mutation(path, damage) if damage is not None else None


def compile_damage(node: Node, context: Context) -> Damage | None:
    """Return one damage: a word, or a word with what it takes."""
    word: Scalar | None = None
    argument: Node | None = None
    if isinstance(node, Scalar):
        word = node
    elif isinstance(node, Mapping) and len(node.entries) == 1:
        word, argument = node.entries[0]
    if word is None:
        context.problems.add(
            node.source,
            f"a damage is one of {', '.join(DAMAGE)}, not {kind(node)}",
            "such as `{flip-bit: 77}`",
        )
        return None
    takes = DAMAGE.get(word.text)
    if takes is None:
        context.problems.add(
            word.source,
            f"{shown(word.text)} is no damage ({', '.join(DAMAGE)})",
            did_you_mean(word.text, DAMAGE),
        )
        return None
    text = argument.text if isinstance(argument, Scalar) else ""
    place = argument.source if argument is not None else word.source
    if argument is not None and not isinstance(argument, Scalar):
        context.problems.add(
            place, f"'{word.text}' takes {takes or 'nothing'}, not {kind(argument)}"
        )
        return None
    wrong = _wrong_argument(takes, text, argument, context)
    if wrong:
        context.problems.add(
            place, f"'{word.text}' takes {takes.partition(',')[0] or 'nothing'}{wrong}"
        )
        return None
    return Damage(word.text, text)


def _wrong_argument(takes: str, text: str, node: Node | None, context: Context) -> str:
    if takes == "":
        return f", not {shown(text)}" if text not in ("", "yes") else ""
    if node is None:
        return ", which is missing"
    if takes.startswith("number"):
        digits = text.removeprefix("-") if takes != "number" else text
        good = digits.isascii() and digits.isdigit() and len(digits) < 10
        return "" if good else f", not {shown(text)}"
    if takes in ("text", "members"):
        return ""
    if takes == "hex":
        try:
            bytes.fromhex(text)
        except ValueError:
            return f", not {shown(text)}"
        return ""
    assert isinstance(node, Scalar)
    found = find_reference(node, text, context) if text.startswith("$") else None
    if found is None:
        return "" if text.startswith("$") else f", not {shown(text)}"
    return "" if found.kind in (Is.KEY, Is.ANY) else f"; {text} is {found.kind.value}"


def compile_link(node: Node, context: Context) -> Impairment | None:
    """Return the state of a link, or its impairments."""
    if isinstance(node, Scalar):
        if node.text in LINK_WORDS:
            return Impairment(up=node.text == "up")
        if node.text.startswith("$"):
            if find_reference(node, node.text, context) is None:
                return None
            axis = context.axes.get(node.text[1:])
            if axis is not None:
                good = [compile_link(point.value, context) for point in axis.points]
                return Impairment(axis=axis.name.text) if all(good) else None
        context.problems.add(
            node.source,
            f"{shown(node.text)} is no state of a link ({', '.join(LINK_WORDS)}, or impairments)",
            did_you_mean(node.text, LINK_WORDS),
        )
        return None
    if not isinstance(node, Mapping) or not node.entries:
        context.problems.add(
            node.source,
            f"a link is a word or impairments, not {kind(node)}",
            "such as `{drop: [2]}`",
        )
        return None
    before = len(context.problems)
    numbers: dict[str, tuple[int, ...]] = {}
    delay: tuple[tuple[int, float], ...] = ()
    toward = ""
    for key, value in node.entries:
        if key.text in ("drop", "duplicate", "largest"):
            numbers[key.text] = _datagrams(value, context)
        elif key.text == "delay":
            delay = _delays(value, context)
        elif key.text == "toward":
            toward = value.text if isinstance(value, Scalar) else ""
            if toward not in m.ROLES:
                context.problems.add(
                    value.source, f"{shown(toward)} is not a role", did_you_mean(toward, m.ROLES)
                )
        else:
            context.problems.add(
                key.source,
                f"{shown(key.text)} is no impairment ({', '.join(LINK_IMPAIRMENTS)})",
                did_you_mean(key.text, LINK_IMPAIRMENTS),
            )
    if len(context.problems) > before:
        return None
    drop, duplicate, largest = (numbers.get(name, ()) for name in ("drop", "duplicate", "largest"))
    return Impairment(True, drop, duplicate, delay, toward, largest=max(largest, default=0))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 10 and text != "0"


def _datagrams(node: Node, context: Context) -> tuple[int, ...]:
    items = node.items if isinstance(node, Items) else (node,)
    found = []
    for item in items:
        if isinstance(item, Scalar) and _is_number(item.text):
            found.append(int(item.text))
        else:
            context.problems.add(item.source, "datagrams are counted from 1", "such as `[2, 3]`")
    return tuple(found)


def _delays(node: Node, context: Context) -> tuple[tuple[int, float], ...]:
    found = []
    for key, value in node.entries if isinstance(node, Mapping) else ():
        seconds = parse_duration(value.text) if isinstance(value, Scalar) else None
        if seconds is None or not _is_number(key.text):
            context.problems.add(key.source, "a delay is a time by datagram", "such as `{4: 3 s}`")
        else:
            found.append((int(key.text), seconds))
    if not isinstance(node, Mapping):
        context.problems.add(node.source, "a delay is a time by datagram", "such as `{4: 3 s}`")
    return tuple(found)


def compile_state(part: Scalar, value: Node, context: Context) -> Template | None:
    """Return the rows of a state; names of columns and their words are checked."""
    columns = STATE_COLUMNS.get(part.text)
    if columns is None:
        context.problems.add(
            part.source,
            f"{shown(part.text)} is no state ({', '.join(STATE_COLUMNS)})",
            did_you_mean(part.text, STATE_COLUMNS),
        )
        return None
    for row in value.items if isinstance(value, Items) else (value,):
        if isinstance(row, Mapping):
            _row(row, part.text, columns, context)
        elif not (isinstance(row, Scalar) and row.text[:1] in ("<", "$")):
            context.problems.add(
                row.source,
                f"{part.text} has rows, not {kind(row)}",
                f"such as `{{{next(iter(columns))}: …}}`",
            )
    return free_value(value, context)


def _row(row: Mapping, part: str, columns: dict[str, tuple[str, ...]], context: Context) -> None:
    for key, cell in row.entries:
        words = columns.get(key.text)
        if words is None:
            context.problems.add(
                key.source,
                f"{shown(key.text)} is not a column of {part} ({listed(columns)})",
                did_you_mean(key.text, columns),
            )
        elif (
            isinstance(cell, Scalar)
            and words
            and cell.text[:1] not in ("<", "$")
            and cell.text not in words
        ):
            context.problems.add(
                cell.source,
                f"{shown(cell.text)} is not a value of {key.text} ({listed(words)})",
                did_you_mean(cell.text, words),
            )


def literal_text(template: Template) -> str | None:
    """Return the text of a literal."""
    return template.text if isinstance(template, Literal) else None
