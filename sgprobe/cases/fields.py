"""Checks the fields of a message against its ASN.1 and compiles them into a template."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1 import model as asn1
from sgprobe.cases.errors import Problems, did_you_mean, listed, shown
from sgprobe.cases.literals import members
from sgprobe.cases.model import Axis
from sgprobe.cases.paths import PathError, Piece, split
from sgprobe.cases.references import Scope
from sgprobe.cases.templates import AtIndexes, Elements, Member, Members, Template
from sgprobe.cases.values import compile_scalar
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source


@dataclass(slots=True)
class Context:
    """What fields are checked with: types, names that are known, and where problems go."""

    schema: asn1.Schema
    scope: Scope
    problems: Problems
    axes: dict[str, Axis] = field(default_factory=dict)
    # name of a package: the type that it has
    packages: dict[str, str] = field(default_factory=dict)
    sending: bool = False
    # members that may be absent from what is sent, such as those of a default message
    partial: bool = False

    def inside(self, node: Node, type_: asn1.Type) -> Template | None:
        """Compile a value of a type that stands elsewhere, such as in a point of an axis."""
        if isinstance(node, Scalar):
            return compile_scalar(node, type_, self)
        return compile_fields(node, type_, self)


class _Place:
    """One element that was named, perhaps by several keys: its type and what is known below."""

    __slots__ = ("below", "item", "source", "template", "type")

    def __init__(self, type_: asn1.Type, source: Source) -> None:
        self.type = type_
        self.source = source
        self.below: dict[str | int, _Place] = {}
        self.template: Template | None = None
        self.item = False


def compile_fields(
    node: Mapping | Scalar | Items, type_: asn1.Type, context: Context, exact: bool = False
) -> Template | None:
    """Return the template of `fields`; None where something is wrong, which is told."""
    root = _Place(type_, node.source)
    before = len(context.problems)
    _put(root, node, context)
    if len(context.problems) > before:
        return None
    return _finish(root, context, exact, "")


def _put(place: _Place, node: Node, context: Context) -> None:
    """Put what a node says into a place."""
    shape = context.schema.shape(place.type)
    if isinstance(node, Scalar):
        _set(place, compile_scalar(node, place.type, context), node.source, context)
        return
    if isinstance(node, Items):
        if not isinstance(shape, asn1.ListOf):
            context.problems.add(node.source, f"{place.type.label} is no list", _how(shape))
            return
        elements: list[Template] = []
        for item in node:
            inside = _Place(shape.element, item.source)
            _put(inside, item, context)
            compiled = _finish(inside, context, False, "")
            if compiled is not None:
                elements.append(compiled)
        if len(elements) == len(node.items):
            made = Elements(tuple(elements), node.source, shape.is_set)
            _set(place, made, node.source, context)
        return
    literal = node.get("literal")
    if (
        literal is not None
        and len(node.entries) == 1
        and isinstance(literal, Scalar)
        and not any(one.name == "literal" for one in members(shape))
    ):
        template = compile_scalar(literal, place.type, context, literal=True)
        _set(place, template, literal.source, context)
        return
    if isinstance(shape, asn1.ListOf):
        if not node.entries or not all(key.text.startswith("[") for key, _ in node.entries):
            context.problems.add(
                node.source,
                f"{place.type.label} is a list, not a mapping",
                "begin each element with a hyphen",
            )
            return
    elif not isinstance(shape, asn1.Sequence | asn1.Choice):
        context.problems.add(node.source, f"{place.type.label} has no members", _how(shape))
        return
    for key, value in node.entries:
        _entry(place, key, value, context)
    if not node.entries and place.template is None and not place.below:
        place.item = True


def _how(shape: asn1.Shape) -> str:
    if isinstance(shape, asn1.ListOf):
        return "such as `[a, b]`"
    return (
        f"name its members: {listed(one.name for one in members(shape))}"
        if members(shape)
        else "write its value as text"
    )


def _entry(place: _Place, key: Scalar, value: Node, context: Context) -> None:
    try:
        pieces = split(key)
    except PathError as error:
        context.problems.add(error.source, str(error), "such as `a.b[0].c`")
        return
    here: _Place | None = place
    for piece in pieces:
        here = _step(here, piece, context) if here is not None else None
    if here is not None:
        _put(here, value, context)


def _step(place: _Place, piece: Piece, context: Context) -> _Place | None:
    type_ = step(place.type, piece, context.schema, context.problems)
    if type_ is None:
        return None
    if place.template is not None:
        context.problems.add(
            piece.source,
            f"{shown(str(piece.name))} and the whole of it both "
            f"have a value (line {place.source.line})",
            "keep one of the two",
        )
        return None
    known = place.below.get(piece.name)
    if known is None:
        shape = context.schema.shape(place.type)
        if isinstance(shape, asn1.Choice) and place.below:
            first = next(iter(place.below))
            context.problems.add(
                piece.source,
                f"{shown(str(piece.name))} and {shown(str(first))} are alternatives of one CHOICE",
                "a message has one of them",
            )
            return None
        known = place.below[piece.name] = _Place(type_, piece.source)
    return known


def step(
    type_: asn1.Type, piece: Piece, schema: asn1.Schema, problems: Problems
) -> asn1.Type | None:
    """Return the type that a piece of a path leads to; None, and told, where there is none."""
    shape = schema.shape(type_)
    if isinstance(shape, asn1.ListOf):
        if isinstance(piece.name, int):
            return shape.element
        problems.add(
            piece.source,
            f"{type_.label} is a list: {shown(piece.name)} is no index",
            f"such as `[0].{piece.name}`",
        )
        return None
    parts = members(shape)
    if isinstance(piece.name, int):
        problems.add(piece.source, f"{type_.label} is no list: [{piece.name}] leads nowhere")
        return None
    for one in parts:
        if one.name == piece.name:
            return one.type
    if not isinstance(shape, asn1.Sequence | asn1.Choice):
        problems.add(
            piece.source, f"{type_.label} has no members: {shown(piece.name)} leads nowhere"
        )
        return None
    what = (
        "an alternative of this CHOICE"
        if isinstance(shape, asn1.Choice)
        else ("a member of this object" if type_.label == "object" else "a member of this SEQUENCE")
    )
    names = [one.name for one in parts]
    text = f"{shown(piece.name)} is not {what} ({listed(names, 12) or 'it has none'})"
    problems.add(piece.source, text, did_you_mean(piece.name, names))
    return None


def _set(place: _Place, template: Template | None, source: Source, context: Context) -> None:
    if template is None:
        return
    if place.template is not None or place.below:
        context.problems.add(source, "this has a value already", "keep one of the two")
        return
    place.template = template


def _finish(place: _Place, context: Context, exact: bool, path: str) -> Template | None:
    if place.template is not None:
        return place.template
    shape = context.schema.shape(place.type)
    if isinstance(shape, asn1.ListOf):
        return _indexes(place, context)
    if not place.below and not place.item:
        return None
    made = []
    for name, inside in place.below.items():
        template = _finish(inside, context, exact, f"{path}.{name}")
        if template is not None:
            made.append(Member(str(name), template, inside.source))
    if context.sending and not context.partial:
        _whole(place, shape, context)
    return Members(tuple(made), place.source, exact, isinstance(shape, asn1.Choice))


def _indexes(place: _Place, context: Context) -> Template | None:
    at = []
    for name, inside in sorted(place.below.items(), key=lambda one: str(one[0])):
        template = _finish(inside, context, False, "")
        if template is not None:
            at.append((int(name), template))
    at.sort(key=lambda one: one[0])
    if context.sending and not context.partial:
        if [index for index, _ in at] != list(range(len(at))):
            context.problems.add(
                place.source, "what we send needs every element of the list, from [0] on"
            )
        return Elements(tuple(template for _, template in at), place.source)
    return AtIndexes(tuple(at), place.source)


def _whole(place: _Place, shape: asn1.Shape, context: Context) -> None:
    """Tell what a SEQUENCE that we send lacks."""
    if isinstance(shape, asn1.Choice) and not place.below:
        names = listed(one.name for one in shape.arms)
        context.problems.add(place.source, f"what we send needs an alternative ({names})")
    if not isinstance(shape, asn1.Sequence):
        return
    missing = [
        one.name
        for one in shape.fields
        if not one.optional and one.default is None and one.name not in place.below
    ]
    if missing:
        text = f"what we send lacks {listed(missing)}, which {place.type.label} must have"
        context.problems.add(
            place.source,
            text,
            f"a member that is left out on purpose is `mutate: {{{missing[0]}: remove}}`",
        )
