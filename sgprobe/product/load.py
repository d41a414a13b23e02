"""Reads a product file; everything that is wrong with it is told at once, with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from dissectors.asn1.versions import parse_spec
from sgprobe.durations import parse_duration
from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.product import keys as k
from sgprobe.product import reading
from sgprobe.product.answers import check_answers, read_answers
from sgprobe.product.keyfiles import KeyFile, KeyFileError, read_key_file
from sgprobe.product.load_operator import load_operator
from sgprobe.product.model import (
    Deviation,
    Endpoint,
    Place,
    ProductError,
    ProductFile,
    Text,
)
from sgprobe.questions import Catalogue
from sgprobe.yamlfile import read, read_file
from sgprobe.yamlnode import Mapping, Node, Scalar, Source

WHAT = "a product file"


class _Problems(Problems):
    __slots__ = ()
    error = ProductError


def load_product(
    path: Path, catalogue: Catalogue, today: date, *, complete: bool = True
) -> ProductFile:
    """Return the product of a file; raises FileError with all that is wrong.

    With `complete`, answers that break a rule of the ICS are wrong, too; those that are missing
    never are, for a case says so itself.
    """
    node = read_file(path)
    return _load(node, path, catalogue, today, complete)


def load_text(text: str, path: Path, catalogue: Catalogue, today: date) -> ProductFile:
    """Return the product of a text that stands for the file `path`."""
    return _load(read(text, str(path)), path, catalogue, today, True)


def _load(node: Node, path: Path, catalogue: Catalogue, today: date, complete: bool) -> ProductFile:
    problems = _Problems()
    if not isinstance(node, Mapping):
        problems.add(node.source, f"{WHAT} holds keys", "`sgprobe ics new --role eim` writes one")
        problems.raise_errors()
        raise AssertionError("unreachable")
    good = reading.read_table(node, k.PRODUCT, problems, WHAT)
    role = reading.text_of(good, "role")
    folder = path.parent
    parts = _Parts(folder, role, problems)
    answers = read_answers(good.get("answers"), role, catalogue, problems)
    if complete:
        check_answers(answers, role, catalogue, problems)
    ixit = parts.ixit(reading.mapping_of(good, "ixit"), catalogue)
    deviations = parts.deviations(good.get("deviations"), today)
    operator = load_operator(reading.mapping_of(good, "operator"), folder, str(path), problems)
    endpoints = parts.endpoints(reading.mapping_of(good, "endpoints"))
    listen = parts.listen(reading.mapping_of(good, "listen"))
    names = parts.texts(reading.mapping_of(good, "names"), k.NAMES, "'names'")
    identity = parts.texts(reading.mapping_of(good, "identity"), k.IDENTITY, "'identity'")
    keys = parts.keys(reading.mapping_of(good, "keys"))
    limits = parts.limits(reading.mapping_of(good, "limits"))
    evidence = parts.evidence(reading.mapping_of(good, "evidence"))
    problems.raise_errors()
    return ProductFile(
        path,
        role,
        reading.text_of(good, "product"),
        reading.text_of(good, "version"),
        parse_spec(reading.text_of(good, "spec")),
        endpoints,
        listen,
        names,
        identity,
        keys,
        answers,
        ixit,
        limits,
        deviations,
        operator,
        node.source,
        problems.all,
        evidence,
    )


class _Parts:
    """Reads the parts of one file."""

    def __init__(self, folder: Path, role: str, problems: Problems) -> None:
        self._folder = folder
        self._role = role
        self._problems = problems

    def _scalars(
        self, node: Mapping | None, table: tuple[k.Key, ...], what: str
    ) -> dict[str, Scalar]:
        if node is None:
            return {}
        good = reading.read_table(node, table, self._problems, what)
        return {name: one for name, one in good.items() if isinstance(one, Scalar)}

    def texts(self, node: Mapping | None, table: tuple[k.Key, ...], what: str) -> dict[str, Text]:
        """Return texts by name."""
        found = self._scalars(node, table, what)
        return {name: Text(one.text, one.source) for name, one in found.items()}

    def endpoints(self, node: Mapping | None) -> dict[str, Endpoint]:
        """Return the product's interfaces, which are those of its role."""
        found: dict[str, Endpoint] = {}
        title, allowed = k.ROLES.get(self._role, ("", tuple(k.SCHEMES)))
        for name, one in self._scalars(node, k.ENDPOINTS, "'endpoints'").items():
            if self._role in k.ROLES and name not in allowed:
                text = f"an {title} has no endpoint '{name}' ({listed(allowed)})"
                self._problems.add(one.source, text)
                continue
            if name == "card":
                found[name] = Endpoint(name, one.text, "card", one.text, 0, "", one.source)
                continue
            read_ = reading.read_url(one.text)
            assert read_ is not None
            parts, port = read_
            if parts.scheme not in k.SCHEMES[name]:
                wanted = " or ".join(f"{one}://" for one in k.SCHEMES[name])
                self._problems.add(one.source, f"'{name}' is a URL that begins with {wanted}")
                continue
            found[name] = Endpoint(
                name, one.text, parts.scheme, parts.hostname or "", port, parts.path, one.source
            )
        return found

    def listen(self, node: Mapping | None) -> dict[str, Place]:
        """Return where simulated roles listen."""
        found: dict[str, Place] = {}
        for name, one in self._scalars(node, k.LISTEN, "'listen'").items():
            if name.partition("-")[0] == self._role:
                text = f"the product is the {name}: nobody simulates it"
                self._problems.add(one.source, text, "its own place is in 'endpoints'")
                continue
            place = reading.read_place(one.text)
            assert place is not None
            found[name] = Place(name, *place, one.source)
        return found

    def keys(self, node: Mapping | None) -> dict[str, tuple[KeyFile, ...]]:
        """Return the certificates and keys of files."""
        found: dict[str, tuple[KeyFile, ...]] = {}
        good = reading.read_table(node, k.KEYS, self._problems, "'keys'") if node else {}
        for name, value in good.items():
            files = []
            for one in reading.nodes_of(value):
                if not isinstance(one, Scalar) or not one.text:
                    self._problems.add(one.source, f"'{name}' names files")
                    continue
                path = reading.file_path(self._folder, one.text)
                try:
                    files.append(read_key_file(path, one.source))
                except KeyFileError as error:
                    hint = f"paths are relative to {shown(str(self._folder))}"
                    self._problems.add(one.source, f"{shown(one.text)} {error}", hint)
            found[name] = tuple(files)
        return found

    def evidence(self, node: Mapping | None) -> dict[str, Path]:
        """Return folders of evidence by their scene."""
        found: dict[str, Path] = {}
        for name, one in self.texts(node, k.EVIDENCE, "'evidence'").items():
            path = reading.file_path(self._folder, one.text)
            if path.is_dir():
                found[name] = path
            else:
                hint = f"paths are relative to {shown(str(self._folder))}"
                self._problems.add(one.source, f"{shown(one.text)} is no folder", hint)
        return found

    def ixit(self, node: Mapping | None, catalogue: Catalogue) -> dict[str, Text]:
        """Return the values of settings, defaults left out."""
        known = {one.name: one for one in catalogue.settings_of(self._role)}
        if not self._role:
            known = dict(catalogue.settings)
        found: dict[str, Text] = {}
        for key, value in node.entries if node is not None else ():
            setting = known.get(key.text)
            if setting is None:
                other = catalogue.settings.get(key.text)
                text = f"{shown(key.text)} is not a setting"
                if other is not None:
                    text += f" of this role: it is one of {other.role}"
                hint = did_you_mean(key.text, known) or f"known are {listed(known, 12)}"
                self._problems.add(key.source, text, hint)
            elif not isinstance(value, Scalar):
                self._problems.add(value.source, f"{shown(key.text)} is a text")
            elif wrong := setting.wrong(value.text):
                self._problems.add(value.source, f"{key.text}: {wrong}", setting.text)
            else:
                found[key.text] = Text(value.text, value.source)
        return found

    def limits(self, node: Mapping | None) -> dict[str, float]:
        """Return time limits in seconds."""
        found = dict(k.LIMIT_DEFAULTS)
        for name, one in self._scalars(node, k.LIMITS, "'limits'").items():
            found[name] = parse_duration(one.text) or 0.0
        return found

    def deviations(self, node: Node | None, today: date) -> tuple[Deviation, ...]:
        """Return known deviations; those whose day is over are told."""
        found: list[Deviation] = []
        seen: dict[str, Source] = {}
        for one in reading.nodes_of(node):
            if not isinstance(one, Mapping):
                self._problems.add(one.source, "a deviation has case, until and reason")
                continue
            good = reading.read_table(one, k.DEVIATION, self._problems, "a deviation")
            until = reading.read_date(reading.text_of(good, "until"))
            case = reading.text_of(good, "case")
            if until is None or not case or "reason" not in good:
                continue
            if case in seen:
                text = f"{shown(case)} stands in line {seen[case].line} already"
                self._problems.add(one.source, text, "keep one of the two")
                continue
            seen[case] = one.source
            if until < today:
                text = f"the deviation of {case} ended on {until}: a failure counts again"
                self._problems.add(one.source, text, "mend it, or move `until`", warning=True)
            found.append(Deviation(case, until, reading.text_of(good, "reason"), one.source))
        return tuple(found)
