"""Compiles one text at a field: a reference, a matcher, or a literal of the field's type."""

from __future__ import annotations

from typing import Protocol

from dissectors.asn1 import model as asn1
from sgprobe.cases import literals
from sgprobe.cases.errors import Problems, shown
from sgprobe.cases.literals import LiteralError
from sgprobe.cases.matchers import FORMS, MatcherError, Parsed, fits, is_matcher, parse
from sgprobe.cases.model import Axis
from sgprobe.cases.paths import PathError, split
from sgprobe.cases.reading import REFERENCE
from sgprobe.cases.references import Is, Reference, Scope
from sgprobe.cases.templates import ByPoint, Literal, Matcher, Ref, Template
from sgprobe.yamlnode import Mapping, Node, Scalar

_NEEDS = {
    "number": (Is.NUMBER, Is.ANY),
    "key": (Is.KEY, Is.ANY),
    "certificate": (Is.CERTIFICATE, Is.ANY),
    "actor": (Is.ACTOR, Is.ANY),
}
_HOLDS: dict[Is, tuple[type, ...]] = {
    Is.OCTETS: (asn1.Octets, asn1.Leaf, asn1.Open, asn1.Text, asn1.Bits),
    Is.TEXT: (asn1.Text,),
    Is.NUMBER: (asn1.Integer,),
    Is.CERTIFICATE: (asn1.Leaf, asn1.Octets),
    Is.LIST: (asn1.ListOf,),
}
# what a product announces of itself, and its ICS declares
ANNOUNCED = ("IpaCapabilities", "EUICCInfo2", "EimConfigurationData")
# what stands for a field without a type: of HTTP, of a state, of a trace
UNTYPED = asn1.Type((), asn1.Open(), "any value")


class Surroundings(Protocol):
    """What a text is compiled with."""

    schema: asn1.Schema
    scope: Scope
    problems: Problems
    axes: dict[str, Axis]
    packages: dict[str, str]
    sending: bool

    def inside(self, node: Node, type_: asn1.Type) -> Template | None:
        """Compile a value of a type that stands elsewhere, such as in a point of an axis."""


def compile_scalar(
    node: Scalar, type_: asn1.Type, context: Surroundings, *, literal: bool = False
) -> Template | None:
    """Return what a text at a field says; None where it is wrong, which is told."""
    text = node.text
    if not literal and text.startswith("$"):
        return _reference(node, type_, context)
    if not literal and text.startswith("<"):
        if not is_matcher(text):
            hint = f'write {{literal: "{text[:40]}"}} for the text itself'
            context.problems.add(node.source, f"{shown(text)} is no matcher", hint)
            return None
        return _matcher(node, type_, context)
    return _literal(node, text, type_, context)


def _literal(node: Scalar, text: str, type_: asn1.Type, context: Surroundings) -> Literal | None:
    if type_ is UNTYPED:
        return Literal(text, text, node.source)
    shape = context.schema.shape(type_)
    if not text and isinstance(shape, asn1.Sequence) and not shape.fields:
        return Literal({}, text, node.source)
    try:
        value = literals.read(text, type_, context.schema)
    except LiteralError as error:
        context.problems.add(node.source, str(error), error.hint)
        return None
    listed = shape.names if isinstance(shape, asn1.Integer | asn1.Bits) else ()
    names = {name: number for number, name in listed}
    return Literal(value, text, node.source, names)


def find_reference(node: Scalar, text: str, context: Surroundings) -> Reference | None:
    """Return what `$name` stands for; an unknown name is told."""
    if not REFERENCE.fullmatch(text):
        context.problems.add(
            node.source,
            f"{shown(text)} is no reference",
            f'write {{literal: "{text[:40]}"}} for the text itself',
        )
        return None
    found = context.scope.find(text[1:])
    if found is None:
        context.problems.add(
            node.source, f"unknown name {shown(text)}", context.scope.hint(text[1:])
        )
    return found


def _reference(node: Scalar, type_: asn1.Type, context: Surroundings) -> Template | None:
    known = find_reference(node, node.text, context)
    if known is None:
        return None
    axis = context.axes.get(known.name.partition(".")[0])
    if axis is not None:
        return _by_point(node, axis, type_, context)
    wrong = "" if type_ is UNTYPED else _misfit(known, type_, context)
    if wrong:
        words = {Is.ACTOR: "built", Is.KEY: "signature"}
        word = words.get(known.kind)
        hint = f"write <{word} by ${known.name}>" if word else ""
        context.problems.add(node.source, wrong, hint)
        return None
    return Ref(known.name, node.source)


def _misfit(known: Reference, type_: asn1.Type, context: Surroundings) -> str:
    if known.kind is Is.ANY:
        return ""
    shape = context.schema.shape(type_)
    if known.kind is Is.PACKAGE:
        wanted = context.packages.get(known.name, "")
        own = context.schema.types.get(wanted)
        if own is not None and context.schema.shape(own) == shape:
            return ""
        return f"${known.name} is {wanted}, the field is {type_.label}"
    if isinstance(shape, _HOLDS.get(known.kind, ())):
        return ""
    return f"${known.name} is {known.kind.value}, the field is {type_.label}"


def _by_point(node: Scalar, axis: Axis, type_: asn1.Type, context: Surroundings) -> Template | None:
    """Compile what each point of an axis says here: `$axis`, or a part of it, `$axis.part`."""
    name, _, below = node.text[1:].partition(".")
    made: dict[str, Template] = {}
    for point in axis.points:
        value = _part(point.value, below)
        if value is None:
            if type_ is UNTYPED:
                return Ref(node.text[1:], node.source)
            context.problems.add(
                node.source,
                f"the point {shown(point.label)} of ${name} has no {shown(below)}",
                "every point needs the parts that are named",
            )
            return None
        if type_ is UNTYPED and not isinstance(value, Scalar):
            return Ref(node.text[1:], node.source)
        compiled = context.inside(value, type_)
        if compiled is None:
            return None
        made[point.label] = compiled
    return ByPoint(name, made, node.source)


def _part(node: Node, below: str) -> Node | None:
    for piece in below.split(".") if below else ():
        found = node.get(piece) if isinstance(node, Mapping) else None
        if found is None:
            return None
        node = found
    return node


def _matcher(node: Scalar, type_: asn1.Type, context: Surroundings) -> Template | None:
    try:
        parsed = parse(node.text)
    except MatcherError as error:
        context.problems.add(node.source, str(error), error.hint)
        return None
    shape = context.schema.shape(type_)
    if type_ is not UNTYPED and not fits(parsed, shape):
        context.problems.add(
            node.source, f"{node.text} does not fit {type_.label}", _fitting(type_, context)
        )
        return None
    if context.sending:
        wrong = ""
        if not parsed.may_produce:
            wrong = f"{node.text} cannot produce a value, and we send this message"
        elif parsed.form.word == "present" and not isinstance(shape, asn1.Null):
            wrong = f"{node.text} gives no value to {type_.label}"
        elif parsed.form.word == "absent-or":
            wrong = f"{node.text} leaves open what we send"
        if wrong:
            hint = "give a value; these produce: " + ", ".join(
                dict.fromkeys(form.written for form in FORMS if form.produces)
            )
            context.problems.add(node.source, wrong, hint)
            return None
    return _bind(parsed, node, type_, context)


def _fitting(type_: asn1.Type, context: Surroundings) -> str:
    shape = context.schema.shape(type_)
    written = [form.written for form in FORMS if form.shapes and isinstance(shape, form.shapes)]
    return f"these fit: {', '.join(written[:6])}" if written else ""


def _bind(parsed: Parsed, node: Scalar, type_: asn1.Type, context: Surroundings) -> Matcher | None:
    form = parsed.form
    names: tuple[str, ...] = ()
    parts: tuple[Template, ...] = ()
    inner: Template | None = None
    if parsed.inner is not None:
        shape = context.schema.shape(type_)
        under = type_
        if form.word == "each" and isinstance(shape, asn1.ListOf):
            under = shape.element
        inner = _bind(parsed.inner, node, under, context)
        if inner is None:
            return None
    if form.references and parsed.value.startswith("$"):
        known = find_reference(node, parsed.value, context)
        if known is None:
            return None
        needed = _NEEDS.get(form.references)
        if needed is not None and known.kind not in needed:
            context.problems.add(
                node.source,
                f"${known.name} is {known.kind.value}, {form.written} needs {needed[0].value}",
                f"${known.name} comes from {known.source}",
            )
            return None
        parts = (Ref(known.name, node.source),)
    elif form.word in ("greater", "list"):
        number = int(parsed.value)
        parts = (Literal(number, parsed.value, node.source),)
    elif form.word in ("one-of", "starts"):
        made = [
            _argument(text, node, type_, context, form.word == "starts")
            for text in parsed.texts or (parsed.value,)
        ]
        if any(one is None for one in made):
            return None
        parts = tuple(one for one in made if one is not None)
    elif form.word == "contains" or (form.word == "each" and parsed.texts):
        inner = _item(parsed.texts, node, type_, context)
        if inner is None:
            return None
    elif form.word in ("matches", "lower"):
        names = (parsed.value,)
    if form.word == "signature":
        names = parsed.texts
    elif form.word == "declared":
        announced = _announced(type_, context)
        if announced is None:
            context.problems.add(node.source, f"{node.text} does not fit {type_.label}",
                                 f"these announce something: {', '.join(ANNOUNCED)}")  # fmt: skip
            return None
        names = (announced,)
    return Matcher(form.word, node.text, node.source, parsed.low, parsed.high, names, parts, inner)


def _announced(type_: asn1.Type, context: Surroundings) -> str | None:
    """Return the name of a type that announces something; a whole message tells only its shape."""
    shape, types = context.schema.shape(type_), context.schema.types
    known = (name for name in ANNOUNCED if name in types)
    return next((name for name in known if context.schema.shape(types[name]) == shape), None)


def _argument(
    text: str, node: Scalar, type_: asn1.Type, context: Surroundings, bare: bool = False
) -> Template | None:
    """Return a value inside a matcher, read by the type of the field."""
    scalar = Scalar(text, node.source)
    if text.startswith("$"):
        return _reference(scalar, type_, context)
    if bare and type_ is not UNTYPED:
        shape = context.schema.shape(type_)
        plain = asn1.Type(
            (), asn1.Text("UTF8String") if isinstance(shape, asn1.Text) else asn1.Octets(), "octets"
        )
        return _literal(scalar, text, plain, context)
    return _literal(scalar, text, type_, context)


def _item(
    texts: tuple[str, ...], node: Scalar, type_: asn1.Type, context: Surroundings
) -> Template | None:
    """Return the template of an element: `$seq`, `42`, or `path value`."""
    from sgprobe.cases.fields import step
    from sgprobe.cases.templates import Member, Members

    shape = context.schema.shape(type_)
    whole = " ".join(texts)
    if type_ is UNTYPED or not isinstance(shape, asn1.ListOf):
        return _argument(whole, node, type_, context, bare=True)
    if len(texts) == 1:
        if whole.startswith("$"):
            return _reference(Scalar(whole, node.source), shape.element, context)
        return _literal(Scalar(whole, node.source), whole, shape.element, context)
    try:
        pieces = split(Scalar(texts[0], node.source))
    except PathError as error:
        context.problems.add(node.source, str(error), "such as <contains rollbackResult ok>")
        return None
    here: asn1.Type | None = shape.element
    for piece in pieces:
        here = step(here, piece, context.schema, context.problems) if here is not None else None
    if here is None:
        return None
    value = _argument(texts[1], node, here, context)
    for piece in reversed(pieces):
        if value is None:
            return None
        value = Members((Member(str(piece.name), value, node.source),), node.source)
    return value
