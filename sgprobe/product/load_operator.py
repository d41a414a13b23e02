"""Reads `operator` of a product file: how the product is made to act."""

from __future__ import annotations

import re
from pathlib import Path

from sgprobe.problems import Problems, did_you_mean, listed, shown
from sgprobe.product import keys as k
from sgprobe.product import reading
from sgprobe.product.actions import VERBS
from sgprobe.product.secrets import Hidden, looks_secret
from sgprobe.product.templates import NAME, check_template
from sgprobe.product.ways import (
    EVERY,
    Command,
    Fixed,
    HttpCall,
    Prompt,
    Python,
    Rest,
    Take,
    Way,
    Ways,
)
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_WHERE = re.compile(
    r"~?(status|header\.[A-Za-z0-9-]{1,100}(\.-?[0-9]{1,3})?|body(\.[^.\s]{1,200}){0,40})"
)
_FUNCTION = re.compile(r"(?P<module>[^:]+):(?P<function>[A-Za-z_][A-Za-z0-9_]*)")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def load_operator(node: Mapping | None, folder: Path, file: str, problems: Problems) -> Ways:
    """Return the ways of an operator; none where the file has none."""
    if node is None:
        return Ways(folder, file)
    good = reading.read_table(node, k.OPERATOR, problems, "'operator'")
    loader = _Loader(folder, problems, reading.text_of(good, "url"))
    headers = loader.headers(reading.mapping_of(good, "headers"))
    ways: dict[tuple[str, str], Way] = {}
    for verb in VERBS:
        value = reading.mapping_of(good, verb)
        if value is not None:
            loader.verb(verb, value, ways)
    return Ways(folder, file, loader.url, headers, ways)


class _Loader:
    def __init__(self, folder: Path, problems: Problems, url: str) -> None:
        self.folder = folder
        self.problems = problems
        self.url = url

    def verb(self, verb: str, node: Mapping, into: dict[tuple[str, str], Way]) -> None:
        words = {key.name for key in k.WAY}
        if any(name in words for name in node.names()):
            way = self.way(node, f"'{verb}'")
            if way is not None:
                into[verb, EVERY] = way
            return
        actions = VERBS[verb].actions
        for key, value in node.entries:
            # a trigger may be one that cases have and nobody foresaw
            if verb != "trigger" and key.text not in actions:
                self.problems.add(
                    key.source,
                    f"{shown(key.text)} is not an action of '{verb}' ({listed(actions, 20)}), "
                    f"nor a way ({listed(k.WAYS)})",
                    did_you_mean(key.text, [*actions, *k.WAYS]),
                )
            elif not isinstance(value, Mapping):
                hint = f"such as `{verb}: {VERBS[verb].example}`"
                self.problems.add(value.source, f"{shown(key.text)} is {_IS_WAY}", hint)
            else:
                way = self.way(value, f"'{verb}.{key.text}'")
                if way is not None:
                    into[verb, key.text] = way

    def way(self, node: Mapping, what: str) -> Way | None:
        good = reading.read_table(node, k.WAY, self.problems, what)
        chosen = [name for name in k.WAYS if node.key(name) is not None]
        if len(chosen) != 1:
            text = f"{what} has {len(chosen) or 'no'} ways; it is one of {listed(k.WAYS)}"
            self.problems.add(reading.start_of(node), text, "keep one of them")
            return None
        (name,) = chosen
        value = good.get(name)
        if value is None:
            return None
        if node.key("ask") is not None and name != "prompt":
            self.problems.add(node.source, f"{what}: 'ask' goes with 'prompt'")
        source = value.source
        match name:
            case "rest":
                calls = [self.call(one, what) for one in reading.nodes_of(value)]
                if not calls:
                    self.problems.add(source, f"{what} makes no call")
                return Rest(tuple(one for one in calls if one is not None), source)
            case "command":
                return self.command(value, what)
            case "python":
                return self.function(reading.text_of(good, "python"), source)
            case "prompt":
                ask = reading.mapping_of(good, "ask")
                return Prompt(reading.text_of(good, "prompt"), self.texts(ask), source)
        return Fixed(dict(self.texts(value if isinstance(value, Mapping) else None)), source)

    def call(self, node: Node, what: str) -> HttpCall | None:
        if not isinstance(node, Mapping):
            self.problems.add(node.source, f"{what} holds calls: mappings with a method")
            return None
        good = reading.read_table(node, k.CALL, self.problems, f"a call of {what}")
        methods = [name for name in k.METHODS if node.key(name) is not None]
        if len(methods) != 1:
            text = f"a call of {what} has {len(methods) or 'no'} methods"
            self.problems.add(reading.start_of(node), text, "such as `post: /orders`")
            return None
        (method,) = methods
        target = reading.text_of(good, method)
        value = good.get(method)
        if value is not None and not self.reachable(target):
            self.problems.add(
                value.source,
                f"{shown(target)} is neither a URL nor a path of one",
                "give `url` of 'operator', or a whole URL here",
            )
        body = good.get("body")
        if body is not None:
            check_template(body, self.problems)
        path = reading.nodes_of(good.get("path"))
        for one in path:
            check_template(one, self.problems)
        return HttpCall(
            method.upper(),
            target,
            tuple(one.text for one in path if isinstance(one, Scalar)),
            self.texts(reading.mapping_of(good, "query"), references=True),
            self.headers(reading.mapping_of(good, "headers")),
            body,
            self.statuses(good.get("expect")),
            self.take(reading.mapping_of(good, "take")),
            node.source,
        )

    def reachable(self, target: str) -> bool:
        if target.startswith("$"):
            return NAME.fullmatch(target) is not None
        if target.startswith("/"):
            return bool(self.url)
        found = reading.read_url(target)
        return found is not None and found[0].scheme in ("http", "https")

    def texts(
        self, node: Mapping | None, *, references: bool = False
    ) -> tuple[tuple[str, str], ...]:
        found = []
        for key, value in node.entries if node is not None else ():
            if isinstance(value, Scalar):
                if references:
                    check_template(value, self.problems)
                found.append((key.text, value.text))
            else:
                self.problems.add(value.source, f"{shown(key.text)} is a text")
        return tuple(found)

    def headers(self, node: Mapping | None) -> tuple[tuple[str, Hidden], ...]:
        found = []
        for key, value in node.entries if node is not None else ():
            if not _HEADER.fullmatch(key.text):
                self.problems.add(key.source, f"{shown(key.text)} is no name of a header")
                continue
            hidden = self.hidden(key, value)
            if hidden is not None:
                found.append((key.text, hidden))
        return tuple(found)

    def hidden(self, key: Scalar, value: Node) -> Hidden | None:
        if isinstance(value, Scalar) and value.text and value.text.isprintable():
            if looks_secret(key.text):
                self.problems.add(
                    value.source,
                    f"{shown(key.text)} is a secret: it does not stand in the file",
                    f"`{key.text}: {{env: NAME}}` or `{key.text}: {{file: PATH}}`",
                )
                return None
            return Hidden(value.text)
        if isinstance(value, Mapping) and len(value.entries) == 1:
            ((source, place),) = value.entries
            if isinstance(place, Scalar) and place.text:
                if source.text == "env":
                    return Hidden(variable=place.text)
                if source.text == "file":
                    return Hidden(file=reading.file_path(self.folder, place.text))
        self.problems.add(
            value.source, f"{shown(key.text)} is text, {{env: NAME}} or {{file: PATH}}"
        )
        return None

    def statuses(self, node: Node | None) -> tuple[int, ...]:
        found = []
        for one in reading.nodes_of(node):
            text = one.text if isinstance(one, Scalar) else ""
            if text.isascii() and text.isdigit() and 100 <= int(text[:4]) <= 599:
                found.append(int(text))
            else:
                self.problems.add(one.source, "a status is a number from 100 to 599")
        return tuple(found)

    def take(self, node: Mapping | None) -> tuple[Take, ...]:
        found = []
        for key, value in node.entries if node is not None else ():
            words: dict[str, str] = {}
            where = value
            if isinstance(value, Mapping):
                inner = value.get("from")
                table = value.get("words")
                unknown = [one for one in value.names() if one not in ("from", "words")]
                if inner is None or unknown or not isinstance(table, Mapping | None):
                    hint = "such as `{from: body.status, words: {finished: done}}`"
                    self.problems.add(
                        value.source, f"{shown(key.text)} has `from` and `words`", hint
                    )
                    continue
                where, words = inner, dict(self.texts(table))
            if not isinstance(where, Scalar) or not _WHERE.fullmatch(where.text):
                self.problems.add(
                    where.source,
                    f"{shown(key.text)} is taken from `status`, `header.NAME`, `body` or "
                    "`body.a.0.b`",
                )
                continue
            optional = where.text.startswith("~")
            found.append(Take(key.text, where.text.removeprefix("~"), words, optional))
        return tuple(found)

    def command(self, value: Node, what: str) -> Way | None:
        items = value.items if isinstance(value, Items) else ()
        arguments = tuple(one.text for one in items if isinstance(one, Scalar))
        if not arguments or not arguments[0] or any("\0" in one for one in arguments):
            self.problems.add(value.source, f"{what}: a command begins with a program")
            return None
        for one in items:
            check_template(one, self.problems)
        if "/" in arguments[0]:
            path = reading.file_path(self.folder, arguments[0])
            if not path.is_file():
                self.problems.add(items[0].source, f"there is no file {shown(arguments[0])}")
                return None
        return Command(arguments, value.source)

    def function(self, text: str, source: Source) -> Way | None:
        found = _FUNCTION.fullmatch(text)
        if found is None:
            self.problems.add(source, f"{shown(text)} is not MODULE:FUNCTION or PATH.py:FUNCTION")
            return None
        module = found["module"]
        if module.endswith(".py"):
            if not reading.file_path(self.folder, module).is_file():
                self.problems.add(source, f"there is no file {shown(module)}")
                return None
        elif not _MODULE.fullmatch(module):
            self.problems.add(source, f"{shown(module)} is no name of a module")
            return None
        return Python(module, found["function"], source)


_IS_WAY = f"a way: one of {', '.join(k.WAYS)}"
