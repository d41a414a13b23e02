"""Variants: axes, named points, what is left out, and the ids of what remains."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from sgprobe.cases import model as m
from sgprobe.cases.errors import Problems, did_you_mean, listed, shown
from sgprobe.cases.reading import NAME
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, kind

MAX_VARIANTS = 500

# what axes of these names may hold, and the question that a point asks of each role under test
KNOWN_AXES: dict[str, dict[str, dict[str, str]]] = {
    "binding": {
        "https": {"eim": "EIM_HTTPS", "ipa": "IPA_HTTPS"},
        "coap": {"eim": "EIM_COAPS", "ipa": "IPA_COAPS"},
    },
    "curve": {
        "nist-p256": {},
        "brainpool-p256r1": {
            "eim": "EIM_BRP",
            "ipa": "IPA_BRP",
            "smdp": "DP_BRP",
            "smds": "DS_BRP",
            "euicc": "EU_BRP",
        },
    },
    "channel": {"basic": {}, "logical": {}},
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One run of a case: the role under test and a point of each axis."""

    role: str
    points: tuple[tuple[str, m.Point], ...] = ()
    several_roles: bool = False

    @property
    def suffix(self) -> str:
        """Return what stands in brackets behind the id, or nothing."""
        pieces = [f"iut={self.role}"] if self.several_roles else []
        pieces += [point.slug for _, point in self.points]
        return f"[{'-'.join(pieces)}]" if pieces else ""

    def point(self, axis: str) -> m.Point | None:
        """Return the point of an axis."""
        return next((point for name, point in self.points if name == axis), None)

    def conditions(self) -> tuple[str, ...]:
        """Return the ICS names that this variant needs to be answered with yes."""
        needed = (
            KNOWN_AXES.get(name, {}).get(point.label, {}).get(self.role)
            for name, point in self.points
        )
        return tuple(name for name in needed if name)


def slug(text: str) -> str:
    """Return a text as a piece of an id: letters, digits, hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:60]


def load_axes(node: Mapping, problems: Problems) -> tuple[tuple[m.Axis, ...], tuple[Mapping, ...]]:
    """Return the axes of `variants`, and what `except` removes."""
    axes: list[m.Axis] = []
    excluded: tuple[Node, ...] = ()
    for key, value in node.entries:
        if key.text == "except":
            excluded = value.items if isinstance(value, Items) else (value,)
        elif not NAME.fullmatch(key.text) or key.text == m.IUT:
            hint = "the roles stand at the key 'iut'" if key.text == m.IUT else ""
            problems.add(key.source, f"{shown(key.text)} is no name of an axis", hint)
        else:
            axes.append(m.Axis(key, _points(key, value, problems)))
    by_name = {axis.name.text: axis for axis in axes}
    kept = tuple(one for one in excluded if _is_exclusion(one, by_name, problems))
    if not problems.errors:
        count = 1
        for axis in axes:
            count *= len(axis.points)
        if count > MAX_VARIANTS:
            problems.add(node.source, f"{count} variants; {MAX_VARIANTS} are the most")
    return tuple(axes), tuple(one for one in kept if isinstance(one, Mapping))


def _points(key: Scalar, value: Node, problems: Problems) -> tuple[m.Point, ...]:
    points: list[m.Point] = []
    if isinstance(value, Items):
        for item in value:
            if isinstance(item, Scalar) and item.text:
                points.append(m.Point(item.text, slug(item.text), item))
            else:
                problems.add(
                    item.source,
                    f"a point of a list is text, not {kind(item)}",
                    "give it a name: `one bit flipped: {flip-bit: 77}`",
                )
    elif isinstance(value, Mapping):
        points = [m.Point(name.text, slug(name.text), node) for name, node in value.entries]
    else:
        problems.add(
            value.source,
            "an axis is a list of values, or named points",
            f"such as `{key.text}: [{value.text or 'a'}]`",
        )
        return ()
    if not points:
        problems.add(value.source, f"the axis '{key.text}' has no point")
    known = KNOWN_AXES.get(key.text)
    seen: dict[str, str] = {}
    for point in points:
        if known is not None and point.label not in known:
            problems.add(
                point.value.source,
                f"{shown(point.label)} is not a point of '{key.text}' ({listed(known)})",
                did_you_mean(point.label, known),
            )
        if not point.slug:
            problems.add(point.value.source, f"{shown(point.label)} gives no id")
        elif point.slug in seen:
            text = f"{shown(point.label)} and {shown(seen[point.slug])} give the same id"
            problems.add(point.value.source, text)
        seen[point.slug] = point.label
    return tuple(points)


def _is_exclusion(node: Node, axes: dict[str, m.Axis], problems: Problems) -> bool:
    if not isinstance(node, Mapping) or not node.entries:
        problems.add(
            node.source,
            f"'except' holds points by axis, not {kind(node)}",
            "such as `except: [{binding: coap, curve: nist-p256}]`",
        )
        return False
    good = True
    for key, value in node.entries:
        axis = axes.get(key.text)
        if axis is None:
            problems.add(
                key.source,
                f"{shown(key.text)} is not an axis ({listed(axes)})",
                did_you_mean(key.text, axes),
            )
            good = False
            continue
        labels = [point.label for point in axis.points]
        if not isinstance(value, Scalar) or value.text not in labels:
            text = value.text if isinstance(value, Scalar) else kind(value)
            problems.add(
                value.source,
                f"{shown(text)} is not a point of '{key.text}' ({listed(labels)})",
                did_you_mean(text, labels),
            )
            good = False
    return good


def expand(case: m.Case) -> tuple[Variant, ...]:
    """Return the variants of a case, in the order of its axes."""
    several = len(case.roles) > 1
    names = [axis.name.text for axis in case.axes]
    variants = []
    for role in case.roles:
        for chosen in itertools.product(*(axis.points for axis in case.axes)):
            labels = {name: point.label for name, point in zip(names, chosen, strict=True)}
            if any(_covers(one, labels) for one in case.excluded):
                continue
            variants.append(Variant(role, tuple(zip(names, chosen, strict=True)), several))
    return tuple(variants)


def _covers(excluded: Mapping, labels: dict[str, str]) -> bool:
    return all(
        isinstance(value, Scalar) and labels.get(key.text) == value.text
        for key, value in excluded.entries
    )
