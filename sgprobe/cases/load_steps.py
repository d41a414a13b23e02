"""Reads steps: which verb or arrow a step is, and what stands beside it."""

from __future__ import annotations

import re

from sgprobe.cases import model as m
from sgprobe.cases.errors import Problems, did_you_mean, listed, shown
from sgprobe.cases.keys import COMMON, MESSAGE, REPLY, REPLY_WORDS, VERBS
from sgprobe.cases.observables import SETTINGS
from sgprobe.cases.reading import Reader
from sgprobe.yamlnode import Items, Mapping, Node, Scalar, Source, kind

_ARROW = re.compile(r"\s*(\S+)\s*(->|→)\s*(\S+)\s*")
_ON = "on "
_MESSAGE_TABLE = MESSAGE + COMMON
_VERB_TABLES = {verb: table + COMMON for verb, table in VERBS.items()}


def load_steps(nodes: tuple[Node, ...], problems: Problems) -> tuple[m.Step, ...]:
    """Return the steps of a list; wrong ones are left out, and told."""
    steps = (_step(node, problems) for node in nodes)
    return tuple(step for step in steps if step is not None)


def _step(node: Node, problems: Problems) -> m.Step | None:
    if not isinstance(node, Mapping) or not node.entries:
        problems.add(
            node.source,
            f"a step is a mapping, not {kind(node)}",
            "such as `- ipa -> eim: GetEimPackageRequest`",
        )
        return None
    for key, value in node.entries:
        if "->" in key.text or "→" in key.text:
            return _message(node, key, value, problems)
    for key, _ in node.entries:
        if key.text in VERBS:
            return _verb(node, key.text, problems)
    first = node.entries[0][0]
    problems.add(
        first.source,
        f"{shown(first.text)} is no step (an arrow, {', '.join(VERBS)})",
        did_you_mean(first.text, VERBS),
    )
    return None


def _role(text: str, node: Scalar, problems: Problems) -> bool:
    if text in m.ENDS or text == m.IUT:
        return True
    problems.add(
        node.source,
        f"{shown(text)} is not a role ({', '.join(m.ENDS)})",
        did_you_mean(text, (*m.ENDS, m.IUT)),
    )
    return False


def _common(reader: Reader) -> m.Common:
    return m.Common(
        reader.text("because"), reader.scalar("name"), reader.scalar("otherwise") is not None
    )


def _message(node: Mapping, key: Scalar, value: Node, problems: Problems) -> m.Step | None:
    reader = Reader(node, _MESSAGE_TABLE, problems, "a message", skip=key.text)
    found = _ARROW.fullmatch(key.text)
    if found is None:
        problems.add(key.source, f"{shown(key.text)} is no arrow", "such as `ipa -> eim`")
        return None
    sender, receiver = found[1], found[3]
    known = [_role(role, key, problems) for role in (sender, receiver)]
    if not isinstance(value, Scalar) or not value.text:
        problems.add(
            value.source,
            f"an arrow carries a message's name, not {kind(value)}",
            "such as `ipa -> eim: GetEimPackageRequest`",
        )
        return None
    if not all(known):
        return None
    fields, exactly = reader.value("fields"), reader.value("exactly")
    if fields is not None and exactly is not None:
        problems.add(exactly.source, "both 'fields' and 'exactly'", "keep one of the two")
    chosen = exactly if exactly is not None else fields
    mutate = reader.value("mutate")
    assert not isinstance(chosen, Items)
    assert not isinstance(mutate, Items)
    return m.MessageStep(
        m.Arrow(sender, receiver, value, key.source),
        None if isinstance(chosen, Scalar) and not chosen.text else chosen,
        exactly is not None,
        reader.scalar("within"),
        reader.scalar("next") is not None,
        reader.mapping("capture"),
        mutate,
        reader.mapping("http"),
        reader.mapping("coap"),
        reader.mapping("apdu"),
        reader.scalar("same-as"),
        reader.scalar("for-each"),
        _common(reader),
        key.source,
    )


def _verb(node: Mapping, verb: str, problems: Problems) -> m.Step | None:
    reader = Reader(node, _VERB_TABLES[verb], problems, f"'{verb}'")
    key = node.key(verb)
    assert key is not None
    source, common = key.source, _common(reader)
    head = reader.scalar(verb)
    if verb in ("any-order", "either"):
        if reader.value(verb) is None:
            return None
        return m.GroupStep(
            verb == "either", _branches(reader.items(verb), verb, problems), common, source
        )
    if head is None:
        return None
    match verb:
        case "trigger":
            return m.TriggerStep(head, reader.mapping("with"), common, source)
        case "do":
            return m.DoStep(head, reader.mapping("with"), common, source, reader.scalar("times"))
        case "advance" | "wait":
            return m.TimeStep(head, verb == "advance", common, source)
        case "quiet":
            amount = reader.scalar("for")
            known = _role(head.text, head, problems)
            toward = reader.scalar("toward")
            if toward is not None and not _role(toward.text, toward, problems):
                return None
            return m.QuietStep(head, amount, toward, common, source) if known and amount else None
        case "connect":
            known = _role(head.text, head, problems)
            return m.ConnectStep(head, reader.mapping("with"), common, source) if known else None
        case "link":
            state = reader.value("is")
            known = _role(head.text, head, problems)
            return m.LinkStep(head, state, common, source) if known and state else None
    state = reader.value("is")
    if state is None:
        return None
    return m.StateStep(head, state, verb == "assert", reader.scalar("for-each"), common, source)


def _branches(
    nodes: tuple[Node, ...], verb: str, problems: Problems
) -> tuple[tuple[m.Step, ...], ...]:
    branches = []
    for node in nodes:
        inside = node.items if isinstance(node, Items) and verb == "either" else (node,)
        branches.append(load_steps(inside, problems))
    return tuple(branch for branch in branches if branch)


def load_peers(node: Mapping, problems: Problems) -> tuple[m.Peer, ...]:
    """Return the background behaviour of simulated roles."""
    peers = []
    for role, value in node.entries:
        if not _role(role.text, role, problems):
            continue
        if not isinstance(value, Mapping):
            problems.add(
                value.source,
                f"the behaviour of a role is a mapping, not {kind(value)}",
                "such as `{on GetEimPackageRequest: [silence]}`",
            )
            continue
        peers.append(_peer(role, value, problems))
    return tuple(peers)


def _peer(role: Scalar, node: Mapping, problems: Problems) -> m.Peer:
    rules, settings, refuses = [], [], False
    for key, value in node.entries:
        if key.text.startswith(_ON):
            start = key.source.column + len(_ON)
            place = Source(
                key.source.file, key.source.line, start, key.source.end_line, key.source.end_column
            )
            name = Scalar(key.text[len(_ON) :].strip(), place)
            nodes = value.items if isinstance(value, Items) else (value,)
            answers = tuple(a for one in nodes if (a := _answer(one, problems)) is not None)
            if not nodes:
                problems.add(value.source, "no answer at all", "`silence` answers nothing")
            rules.append(m.Rule(name, answers))
        elif key.text == "refuses":
            refuses = True
            if not isinstance(value, Scalar) or value.text not in ("yes", "true"):
                problems.add(value.source, "'refuses' is yes", "leave it out for the default")
        elif key.text in SETTINGS and isinstance(value, Mapping):
            settings.append((key, value))
        else:
            problems.add(
                key.source,
                f"{shown(key.text)} is no behaviour ('on MESSAGE', refuses, {', '.join(SETTINGS)})",
                did_you_mean(key.text, (*SETTINGS, "refuses"))
                or "such as `on GetEimPackageRequest: [silence]`",
            )
    return m.Peer(role, tuple(rules), refuses, tuple(settings))


def _answer(node: Node, problems: Problems) -> m.Answer | None:
    if isinstance(node, Scalar):
        if node.text in REPLY_WORDS:
            return m.Answer(node.text, None, None, None, None, None, node.source)
        problems.add(
            node.source,
            f"{shown(node.text)} is no answer ({listed(REPLY_WORDS)}, or "
            "a mapping with 'reply' or 'status')",
            did_you_mean(node.text, REPLY_WORDS),
        )
        return None
    if not isinstance(node, Mapping):
        problems.add(node.source, f"an answer is a word or a mapping, not {kind(node)}")
        return None
    reader = Reader(node, REPLY, problems, "an answer")
    reply, status = reader.scalar("reply"), reader.scalar("status")
    if (reply is None) == (status is None):
        problems.add(node.source, "an answer has one of 'reply' and 'status'")
        return None
    fields, mutate = reader.value("fields"), reader.value("mutate")
    assert not isinstance(fields, Items)
    assert not isinstance(mutate, Items)
    cut = reader.scalar("cut")
    return m.Answer(
        "reply" if reply is not None else "status",
        reply,
        None if isinstance(fields, Scalar) and not fields.text else fields,
        mutate,
        int(status.text) if status is not None else None,
        reader.scalar("after"),
        node.source,
        int(cut.text) if cut is not None else None,
    )
