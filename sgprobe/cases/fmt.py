"""Writes a file in its one form: keys in the order of the tables, two spaces, comments kept."""

from __future__ import annotations

import re

from sgprobe.cases.keys import CASE, COMMON, MESSAGE, STEPS_FILE, TRACE, VERBS
from sgprobe.yamlfile import read
from sgprobe.yamlnode import Items, Mapping, Node, Scalar

_TOP = tuple(key.name for key in CASE)
_STEPS_TOP = tuple(key.name for key in STEPS_FILE)
_STEP = tuple(
    dict.fromkeys(
        [key.name for key in (*COMMON[1:2], *MESSAGE[9:], *MESSAGE[2:4], *COMMON[:1])]
        + [key.name for table in VERBS.values() for key in table]
        + [
            key.name
            for key in (*MESSAGE[6:9], *MESSAGE[:2], *MESSAGE[5:6], *MESSAGE[4:5], *COMMON[2:])
        ]
    )
)
_TRACE_KEYS = tuple(key.name for key in TRACE)
_ONE_LINE_LISTS = {"spec", "covers", "iut"}
# the parts of a file that stand apart from one another
_BLOCKS = {"variants", "given", "peers", "steps", "trace", "cleanup", "inputs", "outputs"}
_WIDTH = 100
# a text that YAML, read as text alone, gives back as it is
_PLAIN = re.compile(r"[A-Za-z0-9_$<§/.+(][^\n\t]*")
_FLOW_PLAIN = re.compile(r"[A-Za-z0-9_$<§/.+(][^\n\t,\[\]{}]*")


class Comments:
    """The comments of a file, by the line that they stand in or before."""

    __slots__ = ("_after", "_before", "head", "tail")

    def __init__(self, text: str, scalars: set[int]) -> None:
        self._before: dict[int, list[str]] = {}
        self._after: dict[int, str] = {}
        self.head: list[str] = []
        self.tail: list[str] = []
        pending: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if stripped.startswith("#") and number not in scalars:
                pending.append(stripped)
            elif stripped and stripped != "---":
                if pending:
                    self._before[number] = pending
                    pending = []
                found = None if number in scalars else _trailing(line)
                if found:
                    self._after[number] = found
        self.tail = pending

    def before(self, line: int) -> list[str]:
        """Return, once, the comments above a line."""
        return self._before.pop(line, [])

    def after(self, line: int) -> str:
        """Return, once, the comment at the end of a line."""
        found = self._after.pop(line, "")
        return f"  {found}" if found else ""

    def rest(self) -> list[str]:
        """Return the comments that found no place."""
        lines = [*self._before.items(), *((n, [text]) for n, text in self._after.items())]
        return [text for _, several in sorted(lines) for text in several] + self.tail


def _trailing(line: str) -> str:
    """Return the comment at the end of a line: a # after a space, outside quotes."""
    quote = ""
    at = 0
    while at < len(line):
        c = line[at]
        if quote:
            if c == "\\" and quote == '"':
                at += 1
            elif c == quote:
                quote = ""
        elif c in "\"'" and (at == 0 or line[at - 1] in " \t[{,"):
            quote = c
        elif c == "#" and at and line[at - 1] in " \t":
            return line[at:].strip()
        at += 1
    return ""


def format_text(text: str, name: str = "text") -> str:
    """Return a file in its one form; raises FileError where it is no YAML."""
    root = read(text, name)
    comments = Comments(text, _inner_lines(root))
    lines: list[str] = []
    if isinstance(root, Mapping) and root.entries:
        top = _STEPS_TOP if root.key("case") is None else _TOP
        last_block = False
        for key, value in _ordered(root, top):
            above = comments.before(key.source.line)
            apart = key.text in _BLOCKS or last_block
            if apart and lines:
                lines.append("")
            lines += above
            last_block = key.text in _BLOCKS
            lines += _entry(key, value, 0, comments, key.text)
    else:
        lines += _node(root, 0, comments, "") or [_flow(root) or ""]
    return "\n".join([*lines, *comments.rest()]) + "\n"


def _inner_lines(node: Node) -> set[int]:
    """Return the lines where a text of several lines goes on: a # there is no comment."""
    found: set[int] = set()
    pending: list[Node] = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, Scalar):
            if one.source.end_line > one.source.line:
                # a block scalar ends at the start of the line after it
                last = one.source.end_line if one.source.end_column > 1 else one.source.end_line - 1
                found.update(range(one.source.line + 1, last + 1))
        elif isinstance(one, Items):
            pending += one.items
        else:
            for key, value in one.entries:
                pending += (key, value)
    return found


def _ordered(node: Mapping, order: tuple[str, ...]) -> list[tuple[Scalar, Node]]:
    rank = {name: index for index, name in enumerate(order)}
    known = {key.text for key, _ in node.entries}
    if not known & rank.keys():
        return list(node.entries)
    return sorted(node.entries, key=lambda one: rank.get(one[0].text, len(rank)))


def _entry(key: Scalar, value: Node, indent: int, comments: Comments, parent: str) -> list[str]:
    pad = " " * indent
    head = f"{pad}{_scalar(key, False)}:"
    after = comments.after(key.source.line)
    if isinstance(value, Scalar):
        if not after and value.source.line != key.source.line:
            after = comments.after(value.source.line)
        text = _scalar(value, False)
        return [f"{head} {text}{after}" if text else f"{head}{after}"]
    flow = _flow(value)
    if flow is not None and (_was_flow(value) or parent in _ONE_LINE_LISTS):
        whole = f"{head} {flow}"
        multi = value.source.end_line > value.source.line and isinstance(value, Items)
        if len(whole) <= _WIDTH and not (multi and _has_comment(value, comments)):
            return [whole + after]
    if isinstance(value, Items) and not value.items:
        return [f"{head} []{after}"]
    if isinstance(value, Mapping) and not value.entries:
        return [f"{head} {{}}{after}"]
    return [head + after, *_node(value, indent + 2, comments, key.text)]


def _has_comment(value: Node, comments: Comments) -> bool:
    lines = range(value.source.line, value.source.end_line + 1)
    return any(line in comments._before or line in comments._after for line in lines)


def _was_flow(value: Node) -> bool:
    """Say whether a collection was written in brackets."""
    return isinstance(value, Scalar) or value.flow


def _node(node: Node, indent: int, comments: Comments, parent: str) -> list[str]:
    pad = " " * indent
    if isinstance(node, Scalar):
        return [pad + _scalar(node, False)]
    lines: list[str] = []
    if isinstance(node, Items):
        for index, item in enumerate(node.items):
            above = [pad + text for text in comments.before(item.source.line)]
            if index and isinstance(item, Mapping) and _is_long(node, parent):
                lines.append("")
            lines += above
            lines += _item(item, indent, comments, parent)
        return lines
    order = _STEP if parent in _STEPS_PARENTS else _TRACE_KEYS if parent == "trace" else ()
    for key, value in _step_order(node, order):
        lines += [pad + text for text in comments.before(key.source.line)]
        lines += _entry(key, value, indent, comments, key.text)
    return lines


_STEPS_PARENTS = ("given", "steps", "cleanup", "any-order", "either")


def _step_order(node: Mapping, order: tuple[str, ...]) -> list[tuple[Scalar, Node]]:
    if not order:
        return list(node.entries)
    heads = [one for one in node.entries if "->" in one[0].text or one[0].text in VERBS]
    rest = [one for one in node.entries if one not in heads]
    rank = {name: index for index, name in enumerate(order)}
    return heads + sorted(rest, key=lambda one: rank.get(one[0].text, len(rank)))


def _is_long(node: Items, parent: str) -> bool:
    """Say whether the elements stand apart: steps and assertions of which one has several lines."""
    if parent not in (*_STEPS_PARENTS, "trace"):
        return False
    return any(
        isinstance(item, Mapping) and len(item.entries) > 1 and not _was_flow(item)
        for item in node.items
    ) and parent in ("steps", "trace")


def _item(item: Node, indent: int, comments: Comments, parent: str) -> list[str]:
    pad = " " * indent
    if isinstance(item, Scalar):
        return [f"{pad}- {_scalar(item, False)}{comments.after(item.source.line)}"]
    flow = _flow(item)
    if flow is not None and _was_flow(item) and len(pad) + 2 + len(flow) <= _WIDTH:
        return [f"{pad}- {flow}{comments.after(item.source.line)}"]
    inner = _node(item, indent + 2, comments, parent)
    # the first line that is no comment carries the hyphen
    at = next((i for i, line in enumerate(inner) if not line.lstrip().startswith("#")), 0)
    above = [pad + line.lstrip() for line in inner[:at]]
    return [*above, f"{pad}- {inner[at].lstrip()}", *inner[at + 1 :]]


def _flow(node: Node) -> str | None:
    """Return a node on one line in brackets, None where a text cannot stand there."""
    if isinstance(node, Scalar):
        return _scalar(node, True)
    if isinstance(node, Items):
        parts = [_flow(item) for item in node.items]
        return None if None in parts else f"[{', '.join(p for p in parts if p is not None)}]"
    entries = []
    for key, value in node.entries:
        inside = _flow(value)
        if inside is None:
            return None
        entries.append(f"{_scalar(key, True)}: {inside}")
    return f"{{{', '.join(entries)}}}"


def _scalar(scalar: Scalar, flow: bool) -> str:
    text = scalar.text
    if text == "":
        return '""' if flow or not scalar.plain else ""
    plain = (_FLOW_PLAIN if flow else _PLAIN).fullmatch(text)
    if (
        plain
        and not re.search(r":(?=\s|$)|\s#", text)
        and text == text.strip()
        and (text.isprintable() and not (flow and ":" in text and text.endswith(":")))
        and text not in ("---", "...")
    ):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c == "\n":
            out.append("\\n")
        elif c == "\t":
            out.append("\\t")
        elif c.isprintable():
            out.append(c)
        else:
            out.append(
                f"\\x{ord(c):02x}"
                if ord(c) < 256
                else f"\\u{ord(c):04x}"
                if ord(c) < 65536
                else f"\\U{ord(c):08x}"
            )
    return '"' + "".join(out) + '"'
