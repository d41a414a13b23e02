"""What cases refer to: versions of a suite, requirements, ICS questions, packages, steps files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from dissectors.asn1.versions import SPECS, Spec, parse_spec
from sgprobe.cases import model as m
from sgprobe.cases.errors import CaseError, Problems, did_you_mean, listed, shown
from sgprobe.cases.load import STEPS_ENDING, load_steps_file
from sgprobe.cases.references import BUILT_IN, Is, Reference
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem
from sgprobe.questions import Catalogue, Question, read_catalogue
from sgprobe.yamlnode import Items, Mapping, Scalar
from sgprobe.yamltable import entries, mapping_of, only, text, word, words

INDEX = "index.yaml"
LANGUAGE = "1"
# what a requirement is: of a specification, or expected by ourselves; and how certain it is
LEVELS = ("shall", "should", "own")
FACTS = ("certain", "likely", "uncertain")
_IXIT_KINDS = {"time": Is.DURATION, "number": Is.NUMBER, "text": Is.TEXT, "octets": Is.OCTETS}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of a specification, in our words; `firm` ones may fail a product."""

    id: str
    clause: str
    text: str
    roles: tuple[str, ...] = ()
    level: str = "shall"
    firm: bool = True

    @property
    def should(self) -> bool:
        """Return whether a failure warns unless a run is strict."""
        return self.level != "shall"


@dataclass(slots=True)
class Suite:
    """The suites folder, read once; what is wrong with it is in `problems`."""

    root: Path
    specs: dict[str, tuple[Spec, ...]] = field(default_factory=dict)
    requirements: dict[str, Requirement] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=Catalogue)
    packages: dict[str, tuple[str, Mapping]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _steps: dict[str, m.StepsFile | CaseError | None] = field(default_factory=dict)

    @property
    def questions(self) -> dict[str, Question]:
        """Return the ICS questions by name."""
        return self.catalogue.questions

    @property
    def ixit(self) -> dict[str, Is]:
        """Return the kinds of the settings by name."""
        return {name: _IXIT_KINDS[one.kind] for name, one in self.catalogue.settings.items()}

    def steps(self, name: str) -> m.StepsFile | None:
        """Return the steps file that `do` calls; None where there is none; raises CaseError."""
        if name not in self._steps:
            self._steps[name] = self._load_steps(name)
        found = self._steps[name]
        if isinstance(found, CaseError):
            raise found
        return found

    def _load_steps(self, name: str) -> m.StepsFile | CaseError | None:
        folder = self.root / "steps"
        path = folder / f"{name}{STEPS_ENDING}"
        if ".." in name or "\0" in name or name.startswith("/") or not path.is_file():
            return None
        try:
            return load_steps_file(path, name, near(path))
        except CaseError as error:
            return error

    def steps_names(self) -> list[str]:
        """Return the names of all steps files."""
        folder = self.root / "steps"
        return sorted(
            str(path.relative_to(folder)).removesuffix(STEPS_ENDING)
            for path in folder.rglob("*" + STEPS_ENDING)
        )

    def references(self) -> dict[str, Reference]:
        """Return the names that every case knows."""
        known = dict(BUILT_IN)
        for name, kind in self.ixit.items():
            known[f"ixit.{name}"] = Reference(f"ixit.{name}", kind, "the product file")
        for name in self.packages:
            known[f"packages.{name}"] = Reference(f"packages.{name}", Is.PACKAGE, "packages.yaml")
        return known

    def package_types(self) -> dict[str, str]:
        """Return the ASN.1 type of each package, by the name of its reference."""
        return {f"packages.{name}": type_ for name, (type_, _) in self.packages.items()}

    def versions(self, case: m.Case) -> tuple[Spec, ...]:
        """Return the versions that a case claims; raises CaseError where it names unknown ones."""
        problems = Problems()
        named = self._named(case, problems)
        since = _version(case.since, problems)
        until = _version(case.until, problems)
        chosen = tuple(
            spec
            for spec in named
            if (since is None or spec.name != since.name or _order(spec) >= _order(since))
            and (until is None or spec.name != until.name or _order(spec) <= _order(until))
        )
        if not chosen and not problems.errors:
            limit = case.since or case.until
            place = limit.source if limit else case.source
            problems.add(
                place,
                "the case claims no version at all",
                f"its suite has {listed(map(str, named))}",
            )
        problems.raise_errors()
        return chosen

    def _named(self, case: m.Case, problems: Problems) -> tuple[Spec, ...]:
        cited: dict[Spec, None] = {}
        for one in case.clauses:
            if one.spec in ("SGP.22", "SGP.32", "IFPP") and one.version:
                written = Scalar(f"{one.spec} v{one.version}", one.source)
                spec = _version(written, problems)
                if spec is not None:
                    cited[spec] = None
        try:
            folder = Path(case.source.file).resolve().relative_to(self.root.resolve()).parts[0]
        except (ValueError, OSError, IndexError):
            folder = ""
        named = self.specs.get(folder)
        if named is not None:
            return named
        first = next(iter(cited), None)
        if first is None:
            if not problems.errors:
                place = case.clauses[0].source if case.clauses else case.source
                problems.add(
                    place, "no clause of SGP.22, SGP.32 or IFPP says which version is meant"
                )
            return ()
        return tuple(spec for spec in cited if spec.name == first.name)


def _order(spec: Spec) -> int:
    return SPECS.index(spec)


def _version(text: Scalar | None, problems: Problems) -> Spec | None:
    if text is None:
        return None
    try:
        return parse_spec(text.text.replace(" v", "@"))
    except ValueError:
        names = [str(spec).replace("@", " v") for spec in SPECS]
        problems.add(
            text.source,
            f"{shown(text.text)} is no version that is known ({listed(names, 10)})",
            did_you_mean(text.text, names),
        )
        return None


def near(path: Path) -> str:
    """Return a path as seen from here, where it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def suite_root(path: Path) -> Path:
    """Return the suites folder that a file belongs to: the nearest with an index, else ours."""
    return _root_of(path.absolute().parent)


@lru_cache(maxsize=256)
def _root_of(folder: Path) -> Path:
    resolved = folder.resolve()
    for one in (resolved, *resolved.parents):
        if (one / INDEX).is_file():
            return one
    return data_dir("suites")


@lru_cache(maxsize=8)
def load_suite(root: Path) -> Suite:
    """Return a suites folder; what is wrong with its files is in `problems`."""
    suite = Suite(root)
    problems = Problems()
    index = mapping_of(root / INDEX, problems, near)
    if index is not None:
        _index(suite, index, problems)
    for path in sorted((root / "requirements").glob("*.yaml")):
        _requirements(suite, path, problems)
    suite.catalogue = read_catalogue(root / "ics", problems, near)
    packages = root / "packages.yaml"
    if packages.is_file():
        _packages(suite, packages, problems)
    suite.problems = list(problems.all)
    return suite


def _index(suite: Suite, node: Mapping, problems: Problems) -> None:
    only(node, ("language", "suites"), problems)
    if text(node, "language", problems) != LANGUAGE:
        problems.add(node.source, f"this sgprobe reads language {LANGUAGE}")
    for key, value in entries(node.get("suites"), "suites", problems):
        only(value, ("title", "specs"), problems)
        text(value, "title", problems)
        specs = value.get("specs")
        items = specs.items if isinstance(specs, Items) else ()
        found = [_version(item, problems) for item in items if isinstance(item, Scalar)]
        suite.specs[key.text] = tuple(spec for spec in found if spec is not None)


def _requirements(suite: Suite, path: Path, problems: Problems) -> None:
    node = mapping_of(path, problems, near)
    for key, value in entries(node, "requirements", problems):
        only(value, ("clause", "roles", "text", "level", "fact"), problems)
        if key.text in suite.requirements:
            problems.add(key.source, f"{shown(key.text)} stands in another file already")
        suite.requirements[key.text] = Requirement(
            key.text,
            text(value, "clause", problems),
            text(value, "text", problems),
            words(value, "roles", m.ROLES, problems),
            word(value, "level", LEVELS, problems) or LEVELS[0],
            word(value, "fact", FACTS, problems) in ("", FACTS[0]),
        )


def _packages(suite: Suite, path: Path, problems: Problems) -> None:
    node = mapping_of(path, problems, near)
    for key, value in entries(node, "packages", problems):
        only(value, ("text", "type", "fields"), problems)
        text(value, "text", problems)
        fields = value.get("fields")
        if isinstance(fields, Mapping):
            suite.packages[key.text] = (text(value, "type", problems), fields)
        else:
            problems.add(value.source, f"{shown(key.text)} needs 'fields'")
