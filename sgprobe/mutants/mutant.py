"""Mutants of suites/mutants: what is planted, in which reference, and who is to catch it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1.versions import Spec
from sgprobe.cases.compile_parts import compile_mutations
from sgprobe.cases.errors import Problems
from sgprobe.cases.fields import Context, compile_fields
from sgprobe.cases.messages import Message, arrows, find, schema
from sgprobe.cases.model import ROLES, faces
from sgprobe.cases.observables import SETTINGS
from sgprobe.cases.references import Scope
from sgprobe.cases.suite import Suite, near
from sgprobe.durations import parse_duration
from sgprobe.engine.end import OVERLOOKS
from sgprobe.engine.message.disguise import Says
from sgprobe.engine.settings import COAP_FAULTS
from sgprobe.fileerror import FileError
from sgprobe.links.tls import TLS12
from sgprobe.problems import did_you_mean, listed, shown
from sgprobe.yamlnode import Mapping, Node, Scalar
from sgprobe.yamltable import entries, mapping_of, only, text, texts

FOLDER = "mutants"
_KEYS = ("text", "role", "off", "says", "tls", "serves", "coap", "caught-by")
_TLS = ("verify", "ciphers", "groups", "signatures", "highest", "overlooks", "trust", "sni",
        "resumes")  # fmt: skip
_SAYS = ("mutate", "fields", "status", "after", "nth", "http")
_ABSENT = "<absent>"
WORDS = ("silence", "repeat")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: rules that are switched off, messages that are changed on their way out."""

    name: str
    text: str
    role: str
    off: frozenset[str]
    caught_by: tuple[str, ...]
    file: str
    line: int
    says: tuple[tuple[Scalar, Node], ...] = field(default=())
    # how the product speaks TLS as a client: fields of the link's settings
    client: dict[str, Any] = field(default_factory=dict)
    # as a server: the settings that cases have for simulated roles
    serves: dict[str, str] = field(default_factory=dict)
    # and CoAP: the settings that cases have for simulated roles, and COAP_FAULTS
    coap: dict[str, str] = field(default_factory=dict)


def load_mutants(suite: Suite) -> dict[str, Mutant]:
    """Return all mutants of a suites folder; raises FileError."""
    problems = Problems()
    found: dict[str, Mutant] = {}
    for path in sorted((suite.root / FOLDER).glob("*.yaml")):
        node = mapping_of(path, problems, near)
        for key, value in entries(node, "mutants", problems):
            if key.text in found:
                problems.add(key.source, f"{shown(key.text)} stands in another file already")
            found[key.text] = _mutant(key, value, problems)
    if problems.errors:
        raise FileError(problems.errors)
    return found


def _mutant(key: Scalar, node: Mapping, problems: Problems) -> Mutant:
    only(node, _KEYS, problems)
    says = node.get("says")
    listed_says = tuple(says.entries) if isinstance(says, Mapping) else ()
    off = frozenset(one.text for one in texts(node, "off", problems))
    client = _client(node.get("tls"), problems)
    serves = _settings(node.get("serves"), tuple(SETTINGS["tls"]), problems)
    coap = _settings(node.get("coap"), (*SETTINGS["coap"], *COAP_FAULTS), problems)
    role, known = text(node, "role", problems), set(ROLES)
    if role and role not in known:
        problems.add(node.source, f"{shown(role)} is no role", did_you_mean(role, known))
    if not off and not listed_says and not client and not serves and not coap:
        problems.add(node.source, f"{key.text} plants nothing", "give `off: [RULE]` or `says:`")
    return Mutant(
        key.text,
        text(node, "text", problems),
        role,
        off,
        tuple(one.text for one in texts(node, "caught-by", problems)),
        node.source.file,
        key.source.line,
        listed_says,
        client,
        serves,
        coap,
    )


def _settings(node: Node | None, known: tuple[str, ...], problems: Problems) -> dict[str, str]:
    """Return the settings of a faulty endpoint."""
    if not isinstance(node, Mapping):
        return {}
    only(node, known, problems)
    told = {name: text(node, name, problems, need=False) for name in known}
    return {name: value for name, value in told.items() if value}


def _client(node: Node | None, problems: Problems) -> dict[str, Any]:
    """Return the TLS settings of a faulty client."""
    if not isinstance(node, Mapping):
        return {}
    only(node, _TLS, problems)
    told = {name: text(node, name, problems, need=False) for name in _TLS}
    made: dict[str, Any] = {}
    if told["verify"] == "no":
        made["verify"] = False
    for name in ("ciphers", "groups", "signatures"):
        if told[name]:
            made[name] = told[name]
    if told["overlooks"]:
        made[OVERLOOKS] = told["overlooks"]
    if told["trust"] == "none":
        made["trust"] = ()
    if told["sni"] == "no":
        made["sni"] = False
    if told["resumes"] == "yes":
        made["resumes"] = True
    if told["highest"] == "1.2":
        made["highest"] = TLS12
    return made


def compile_says(mutant: Mutant, suite: Suite, spec: Spec) -> tuple[Says, ...]:
    """Return what a mutant changes in one version; raises FileError."""
    problems = Problems()
    made = [one for name, node in mutant.says
            for one in _says(mutant.role, name, node, suite, spec, problems)]  # fmt: skip
    if problems.errors:
        raise FileError(problems.errors)
    return tuple(made)


def _messages(role: str, name: str, spec: Spec) -> list[Message]:
    """Return the messages of a name that a role sends, whoever gets them."""
    pairs = [(sender, receiver) for sender, receiver in arrows() if sender in faces(role)]
    found = [find(sender, receiver, name, spec) for sender, receiver in pairs]
    return list(dict.fromkeys(one for one in found if one is not None))


def _says(
    role: str, name: Scalar, node: Node, suite: Suite, spec: Spec, problems: Problems
) -> list[Says]:
    made, unfit = [], Problems()
    known = _messages(role, name.text, spec)
    if not known:
        names = {one for sender, receiver in arrows() if sender == role
                 for one in _names(sender, receiver)}  # fmt: skip
        problems.add(
            name.source,
            f"{shown(name.text)} is not a message of {role}",
            did_you_mean(name.text, names),
        )
    for message in known:
        type_ = message.type(spec)
        if type_ is None:
            continue
        if isinstance(node, Scalar):
            if node.text not in WORDS:
                problems.add(node.source, f"{shown(node.text)} is none of {listed(WORDS)}")
            made.append(Says(message, word=node.text))
            continue
        if not isinstance(node, Mapping):
            problems.add(node.source, "what is said stands by name, such as `{status: 500}`")
            continue
        only(node, _SAYS, problems)
        own = Problems()
        context = Context(schema(spec, message), Scope(suite.references()), own, {},
                          suite.package_types(), True, True)  # fmt: skip
        fields, damage = node.get("fields"), node.get("mutate")
        template = compile_fields(fields, type_, context) if fields is not None else None
        mutate = damage if isinstance(damage, Mapping | Scalar) else None
        mutations = compile_mutations(mutate, type_, context)
        if own.errors:
            # another message may have the name: a JSON function asks and answers
            unfit = own
            continue
        status, nth = (_number(node, one, problems) for one in ("status", "nth"))
        made.append(Says(message, template, mutations, status, "", _late(node, problems), nth or 0,
                         _headers(node.get("http"), problems)))  # fmt: skip
    if not made:
        problems.extend(unfit.errors)
    return made


def _headers(node: Node | None, problems: Problems) -> dict[str, str | None]:
    """Return the headers that an answer has in place of its own."""
    found: dict[str, str | None] = {}
    for key, value in node.entries if isinstance(node, Mapping) else ():
        if not key.text.startswith("header.") or not isinstance(value, Scalar):
            problems.add(key.source, "`http` has headers, such as `header.content-type: text/html`")
            continue
        found[key.text] = None if value.text == _ABSENT else value.text
    return found


def _number(node: Mapping, name: str, problems: Problems) -> int | None:
    told = text(node, name, problems, need=False)
    if told and not re.fullmatch("[0-9]{1,4}", told):
        problems.add(node.source, f"`{name}` is a number, not {shown(told)}")
        return None
    return int(told) if told else None


def _late(node: Mapping, problems: Problems) -> float:
    told = text(node, "after", problems, need=False)
    seconds = parse_duration(told) if told else 0.0
    if seconds is None:
        problems.add(node.source, f"`after` is a time such as 60 s, not {shown(told)}")
    return seconds or 0.0


def _names(sender: str, receiver: str) -> list[str]:
    from sgprobe.cases.messages import messages

    return list(messages(sender, receiver))
