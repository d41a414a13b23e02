"""Compiles the background behaviour of simulated roles, and the assertions over the capture."""

from __future__ import annotations

from dissectors.trace.paths import parse_path
from sgprobe.cases import model as m
from sgprobe.cases import planned as p
from sgprobe.cases.compile_parts import compile_mutations, compile_time, free_members
from sgprobe.cases.compile_steps import Run, lookup, typed
from sgprobe.cases.errors import did_you_mean, listed, shown
from sgprobe.cases.fields import compile_fields
from sgprobe.cases.messages import Message, arrows, messages
from sgprobe.cases.observables import SETTINGS, TRACE
from sgprobe.cases.templates import Member, Members, Template
from sgprobe.cases.values import find_reference
from sgprobe.yamlnode import Items, Mapping, Scalar


def compile_peers(
    peers: tuple[m.Peer, ...], run: Run, roles: tuple[str, ...]
) -> tuple[p.PlannedPeer, ...]:
    """Return what simulated roles answer; of several roles under test, the others are simulated."""
    made = []
    for peer in peers:
        role = run.resolve(peer.role.text)
        if role == run.role:
            if peer.role.text in roles and len(roles) > 1:
                continue
            run.problems.add(
                peer.role.source,
                f"{shown(role)} is under test: it is not simulated",
                "say in `steps` what it has to do",
            )
            continue
        rules = tuple(
            (rule.message.text, answers)
            for rule in peer.rules
            if (answers := _rule(role, rule, run)) is not None
        )
        settings = []
        for key, node in peer.settings:
            assert isinstance(node, Mapping)
            template = free_members(node, run.context(), SETTINGS[key.text], key.text)
            if template is not None:
                settings.append((key.text, template))
        made.append(p.PlannedPeer(role, peer.refuses, rules, tuple(settings)))
    return tuple(made)


def _senders(role: str, name: str) -> list[str]:
    return [
        sender
        for sender, receiver in arrows()
        if receiver == role and name in messages(sender, receiver)
    ]


def _rule(role: str, rule: m.Rule, run: Run) -> tuple[p.PlannedAnswer, ...] | None:
    name = rule.message
    senders = _senders(role, name.text)
    if not senders:
        names = {one for a, b in arrows() if b == role for one in messages(a, b)}
        run.problems.add(
            name.source,
            f"{shown(name.text)} is not a message to {role}",
            did_you_mean(name.text, names) or f"known are {listed(sorted(names), 6)}",
        )
        return None
    sender = run.role if run.role in senders else senders[0]
    return tuple(
        one for answer in rule.answers if (one := _answer(role, sender, answer, run)) is not None
    )


def _answer(role: str, sender: str, answer: m.Answer, run: Run) -> p.PlannedAnswer | None:
    message: Message | None = None
    if answer.message is not None:
        message = lookup(role, sender, answer.message, run)
        if message is None:
            return None
    context = run.context(sending=True, of=message)
    context.partial = True
    after = compile_time(answer.after, context)
    if message is None or answer.message is None:
        return p.PlannedAnswer(answer, None, None, None, (), after)
    type_ = typed(message, answer.message, run)
    if type_ is None:
        return None
    template: Template | None = None
    if answer.fields is not None:
        template = compile_fields(answer.fields, type_, context)
    mutations = compile_mutations(answer.mutate, type_, context)
    return p.PlannedAnswer(answer, message, type_, template, mutations, after)


def compile_trace(rules: tuple[m.TraceRule, ...], run: Run) -> tuple[p.PlannedTrace, ...]:
    """Return the assertions over the capture."""
    return tuple(_trace(rule, run) for rule in rules)


def _trace(rule: m.TraceRule, run: Run) -> p.PlannedTrace:
    when = ""
    if rule.when is not None:
        found = find_reference(rule.when, rule.when.text, run.context())
        when = found.name if found is not None else ""
    where = _select(rule.where, run) if rule.where is not None else None
    if isinstance(rule.test, Scalar):
        low, _, high = rule.test.text.partition("..")
        bounds = (int(low), int(high or low))
        if bounds[0] > bounds[1]:
            run.problems.add(rule.test.source, f"{shown(rule.test.text)}: the lower bound is first")
        return p.PlannedTrace(rule, when, where, (), bounds)
    nodes = rule.test.items if isinstance(rule.test, Items) else (rule.test,)
    tests = tuple(_select(node, run) for node in nodes if isinstance(node, Mapping))
    return p.PlannedTrace(rule, when, where, tests, None)


def _select(node: Mapping, run: Run) -> Members:
    template = free_members(node, run.context(), TRACE, "a trace")
    if template is None:
        return Members((), node.source)
    kept: list[Member] = []
    for member in template.members:
        text = getattr(member.template, "text", "")
        if member.name in ("from", "to") and text not in (*m.ENDS, m.IUT):
            run.problems.add(
                member.template.source,
                f"{shown(text)} is not a role ({', '.join(m.ENDS)})",
                did_you_mean(text, m.ENDS),
            )
        if member.name.startswith("value."):
            _look_at_path(member, run)
        kept.append(member)
    return Members(tuple(kept), template.source)


def _look_at_path(member: Member, run: Run) -> None:
    try:
        parse_path(member.name)
    except ValueError as error:
        run.problems.add(member.source, f"{shown(member.name)}: {error}", "such as `value.a[0].b`")
