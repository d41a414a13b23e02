"""Named sets of cases (suites/plans.yaml): what `--plan NAME` runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from sgprobe.cases import model as m
from sgprobe.cases.catalogue import KINDS, Purpose, Purposes, load_purposes
from sgprobe.cases.suite import LEVELS, near
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, Problem
from sgprobe.layers import LAYERS
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.yamlnode import Items, Mapping, Scalar, Source
from sgprobe.yamltable import entries, known_word, mapping_of, only, text, texts, words

PLANS = "plans.yaml"
# the share of counts and durations that an ordinary run of the throughput cases has
ORDINARY_SCALE = Fraction(1, 1000)
_SCALE = re.compile(r"1(?:/[1-9][0-9]{0,8})?")
_SELECTOR_KEYS = ("sections", "sets", "kinds", "levels", "layers", "iut", "ids")


@dataclass(frozen=True, slots=True)
class RunSet:
    """One plan: the ids of its rows, whether they have cases yet or not."""

    name: str
    title: str
    ids: frozenset[str]
    scale: Fraction = ORDINARY_SCALE


@dataclass(slots=True)
class RunSets:
    """All plans; what is wrong with the file is in `problems`."""

    sets: dict[str, RunSet] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def named(self, name: str) -> RunSet:
        """Return a plan; raises FileError where there is none of this name."""
        found = self.sets.get(name)
        if found is None:
            told = f"{shown(name)} is no plan ({listed(self.sets, 20)})"
            raise FileError([Problem(Source(PLANS), told, did_you_mean(name, self.sets))])
        return found


@lru_cache(maxsize=8)
def load_runsets(root: Path | None = None) -> RunSets:
    """Return the plans of a suites folder, ours if none is named."""
    folder = root or data_dir("suites")
    problems, found = Problems(), RunSets()
    purposes = load_purposes(folder)
    for key, value in entries(mapping_of(folder / PLANS, problems, near), "plans", problems):
        only(value, ("title", "scale", "plans", "any"), problems)
        ids = set(_chosen(value, purposes, problems))
        for other in texts(value, "plans", problems):
            # only plans above: no plan names itself, by whatever way
            known_word(other, found.sets, problems)
            ids |= found.sets[other.text].ids if other.text in found.sets else set()
        if not ids:
            problems.add(key.source, f"the plan {shown(key.text)} chooses nothing")
        title, scale = text(value, "title", problems), _scale(value, problems)
        found.sets[key.text] = RunSet(key.text, title, frozenset(ids), scale)
    found.problems = list(problems.all)
    return found


def _scale(node: Mapping, problems: Problems) -> Fraction:
    value = node.get("scale")
    if value is None:
        return ORDINARY_SCALE
    if isinstance(value, Scalar) and _SCALE.fullmatch(value.text):
        return Fraction(value.text)
    problems.add(value.source, "'scale' is 1, or a part of it: 1/1000")
    return ORDINARY_SCALE


def _chosen(node: Mapping, purposes: Purposes, problems: Problems) -> Iterable[str]:
    value = node.get("any")
    if value is None:
        return
    if not isinstance(value, Items):
        problems.add(value.source, "'any' is a list of selectors")
        return
    for one in value:
        if not isinstance(one, Mapping) or not one.entries:
            problems.add(one.source, "a selector is a mapping", "such as `sections: [G, K]`")
            continue
        before = len(problems)
        tests = _tests(one, purposes, problems)
        chosen = [row.id for row in purposes.rows.values() if all(test(row) for test in tests)]
        if not chosen and len(problems) == before:
            problems.add(one.source, "no row of the catalogue is so")
        yield from chosen


def _tests(
    node: Mapping, purposes: Purposes, problems: Problems
) -> list[Callable[[Purpose], bool]]:
    only(node, _SELECTOR_KEYS, problems)
    sections = words(node, "sections", purposes.sections, problems)
    kinds = words(node, "kinds", KINDS, problems)
    levels = words(node, "levels", LEVELS, problems)
    layers = words(node, "layers", LAYERS, problems)
    roles = words(node, "iut", m.ROLES, problems)
    known = dict.fromkeys(name for row in purposes.rows.values() for name in row.sets)
    sets = words(node, "sets", known, problems)
    ids = tuple(one.text for one in texts(node, "ids", problems))
    tests: list[tuple[object, Callable[[Purpose], bool]]] = [
        (sections, lambda row: row.section in sections),
        (kinds, lambda row: row.kind in kinds),
        (levels, lambda row: row.level in levels),
        (layers, lambda row: row.layer in layers),
        (roles, lambda row: not set(roles).isdisjoint(row.roles)),
        (sets, lambda row: not set(sets).isdisjoint(row.sets)),
        (ids, lambda row: row.id.startswith(ids)),
    ]
    return [test for asked, test in tests if asked]
