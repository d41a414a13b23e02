"""Compiles steps for one version and one role under test: roles, names, types, references."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1 import model as asn1
from dissectors.asn1.versions import Spec
from sgprobe.cases import model as m
from sgprobe.cases import planned as p
from sgprobe.cases.compile_parts import (
    compile_link,
    compile_mutations,
    compile_state,
    compile_time,
    free_members,
    path_of,
)
from sgprobe.cases.errors import CaseError, Problems, did_you_mean, listed, shown
from sgprobe.cases.fields import Context, compile_fields
from sgprobe.cases.keys import TRIGGERS
from sgprobe.cases.messages import Message, arrows, find, messages, schema
from sgprobe.cases.observables import BINDING, CONNECT
from sgprobe.cases.references import Is, Reference, Scope
from sgprobe.cases.suite import Suite
from sgprobe.cases.templates import Template
from sgprobe.cases.values import find_reference
from sgprobe.yamlnode import Scalar

_EMPTY = asn1.Schema("", {})
_CALLS = 8
_KINDS: dict[type, Is] = {
    asn1.Octets: Is.OCTETS,
    asn1.Leaf: Is.OCTETS,
    asn1.Open: Is.OCTETS,
    asn1.Bits: Is.OCTETS,
    asn1.Integer: Is.NUMBER,
    asn1.Text: Is.TEXT,
    asn1.ListOf: Is.LIST,
}


@dataclass(slots=True)
class Run:
    """What a case is compiled for, and what later steps may use."""

    suite: Suite
    spec: Spec
    role: str
    problems: Problems
    scope: Scope
    axes: dict[str, m.Axis]
    packages: dict[str, str]
    named: dict[str, tuple[m.MessageStep, bool]] = field(default_factory=dict)
    captured: dict[str, Scalar] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    # the messages that were looked at, for versions that build them alike
    seen: set[Message] = field(default_factory=set)

    def context(self, *, sending: bool = False, of: Message | None = None) -> Context:
        """Return what fields are checked with."""
        types = schema(self.spec, of) if of is not None else _EMPTY
        return Context(types, self.scope, self.problems, self.axes, self.packages, sending)

    def resolve(self, role: str) -> str:
        """Return a role's name; `iut` stands for the role under test."""
        return self.role if role == m.IUT else role


def compile_steps(steps: tuple[m.Step, ...], run: Run) -> tuple[p.Planned, ...]:
    """Return the plan of steps; wrong ones are left out, and told."""
    made = (_step(step, run) for step in steps)
    return tuple(step for step in made if step is not None)


def _step(step: m.Step, run: Run) -> p.Planned | None:
    context = run.context()
    match step:
        case m.MessageStep():
            return _with_each(step, run)
        case m.TriggerStep(action, given):
            if action.text not in TRIGGERS:
                run.problems.add(
                    action.source,
                    f"{shown(action.text)} is no action ({listed(TRIGGERS, 20)})",
                    did_you_mean(action.text, TRIGGERS),
                )
            made = free_members(given, context, None, "") if given is not None else None
            return p.PlannedTrigger(step, made)
        case m.StateStep(part, value):
            each = _each(step.for_each, run)
            template = compile_state(part, value, context)
            if each:
                run.scope.remove("each")
            return p.PlannedState(step, template) if template is not None else None
        case m.LinkStep(role, state):
            impairment = compile_link(state, context)
            if impairment is None:
                return None
            return p.PlannedLink(step, run.resolve(role.text), impairment)
        case m.TimeStep(amount):
            time = compile_time(amount, context)
            return p.PlannedTime(step, time) if time is not None else None
        case m.QuietStep(role, amount, toward):
            time = compile_time(amount, context)
            if time is None:
                return None
            other = run.resolve(toward.text) if toward is not None else ""
            return p.PlannedQuiet(step, run.resolve(role.text), time, other)
        case m.ConnectStep(role, told):
            made = free_members(told, context, CONNECT, "connect") if told is not None else None
            return p.PlannedConnect(step, run.resolve(role.text), made)
        case m.GroupStep(_, branches):
            return p.PlannedGroup(step, tuple(compile_steps(one, run) for one in branches))
        case m.DoStep():
            return _call(step, run)


def _each(node: Scalar | None, run: Run) -> bool:
    if node is None:
        return False
    found = find_reference(node, node.text, run.context())
    if found is None:
        return False
    if found.kind not in (Is.LIST, Is.ANY):
        run.problems.add(node.source, f"{node.text} is {found.kind.value}, not a list")
        return False
    run.scope.add(Reference("each", Is.ANY, "for-each"))
    return True


def _with_each(step: m.MessageStep, run: Run) -> p.PlannedMessage | None:
    each = _each(step.for_each, run)
    made = _message(step, run)
    if each:
        run.scope.remove("each")
    return made


def lookup(sender: str, receiver: str, name: Scalar, run: Run) -> Message | None:
    """Return the message of an arrow; None, and told, where the arrow carries no such message."""
    found = find(sender, receiver, name.text, run.spec)
    if found is not None:
        run.seen.add(found)
        return found
    known = messages(sender, receiver)
    if not known:
        ways = [f"{a} -> {b}" for a, b in arrows() if a == sender or b == receiver]
        hint = did_you_mean(f"{sender} -> {receiver}", ways)
        if find(receiver, sender, name.text) is not None:
            hint = f"{name.text} goes from {receiver} to {sender}"
        run.problems.add(name.source, f"nothing goes from {sender} to {receiver}", hint)
        return None
    text = f"{shown(name.text)} is not a message from {sender} to {receiver}"
    if find(receiver, sender, name.text) is not None:
        hint = f"it goes from {receiver} to {sender}"
    else:
        hint = did_you_mean(name.text, known) or f"known are {listed(known, 6)}"
    run.problems.add(name.source, text, hint)
    return None


def typed(message: Message, name: Scalar, run: Run) -> asn1.Type | None:
    """Return the type of a message; None, and told, where the version has no such message."""
    found = message.type(run.spec)
    if found is None:
        run.problems.add(
            name.source,
            f"{run.spec} has no message {shown(name.text)}",
            "`since:` and `until:` say which versions a case claims",
        )
    return found


def _message(step: m.MessageStep, run: Run) -> p.PlannedMessage | None:
    sender, receiver = run.resolve(step.arrow.sender), run.resolve(step.arrow.receiver)
    name = step.arrow.message
    message = lookup(sender, receiver, name, run)
    type_ = typed(message, name, run) if message is not None else None
    if message is None or type_ is None:
        _forgive_captures(step, run)
        return None
    expect = sender in m.faces(run.role)
    context = run.context(sending=not expect, of=message)
    template: Template | None = None
    if step.fields is not None:
        # what a step leaves out of what we send is the default of the role
        context.partial = not expect
        template = compile_fields(step.fields, type_, context, step.exact)
    _same_as(step, expect, run)
    _direction(step, expect, run)
    made = p.PlannedMessage(
        step,
        sender,
        receiver,
        message,
        type_,
        expect,
        template,
        compile_mutations(step.mutate, type_, context),
        _captures(step, type_, context, run),
        _binding(step, message, run),
        compile_time(step.within, context),
    )
    label = step.common.name
    if label is not None:
        known = run.named.get(label.text)
        if known is not None and known[0] is not step:
            run.problems.add(
                label.source,
                f"{shown(label.text)} names the message of line {known[0].source.line} already",
            )
        run.named[label.text] = (step, expect)
    return made


def _direction(step: m.MessageStep, expect: bool, run: Run) -> None:
    """Tell what makes no sense on the side that the message is on."""
    if expect:
        if step.mutate is not None:
            run.problems.add(
                step.mutate.source,
                "the IUT sends this message: we cannot damage it",
                "damage what we send",
            )
        return
    for name, node in (("within", step.within), ("exactly", step.fields if step.exact else None)):
        if node is not None:
            run.problems.add(
                node.source, f"we send this message: '{name}' is for what we expect", "leave it out"
            )


def _same_as(step: m.MessageStep, expect: bool, run: Run) -> None:
    node = step.same_as
    if node is None:
        return
    known = run.named.get(node.text)
    if known is None:
        run.problems.add(
            node.source,
            f"no message before this is named {shown(node.text)}",
            did_you_mean(node.text, run.named) or "`name:` gives a message a name",
        )
        return
    if expect or known[1]:
        run.problems.add(node.source, "'same-as' repeats a message that we sent")
    elif known[0].arrow.message.text != step.arrow.message.text:
        run.problems.add(node.source, f"{shown(node.text)} is a {known[0].arrow.message.text}")
    if step.fields is not None:
        run.problems.add(
            step.fields.source,
            "'same-as' repeats byte for byte: no fields",
            "leave one of the two out",
        )


def _forgive_captures(step: m.MessageStep, run: Run) -> None:
    """Know the names of a message that is wrong, so that one mistake is told once."""
    for key, _ in step.capture.entries if step.capture is not None else ():
        run.scope.add(Reference(key.text, Is.ANY, "a capture"))
        run.scope.used.add(key.text)


def _captures(
    step: m.MessageStep, type_: asn1.Type, context: Context, run: Run
) -> tuple[tuple[str, p.Path], ...]:
    made = []
    for key, value in step.capture.entries if step.capture is not None else ():
        if not isinstance(value, Scalar):
            run.problems.add(value.source, f"{shown(key.text)} needs a path", "such as `a.b[0].c`")
            continue
        if key.text in run.captured and run.captured[key.text] is not key:
            run.problems.add(
                key.source,
                f"{shown(key.text)} is captured in line "
                f"{run.captured[key.text].source.line} already",
            )
        elif run.scope.find(key.text) is not None and key.text not in run.captured:
            run.problems.add(
                key.source, f"${key.text} has a meaning already", "choose another name"
            )
        found = path_of(value, type_, context)
        kind = Is.ANY
        if found is not None:
            made.append((key.text, found[0]))
            kind = _KINDS.get(type(context.schema.shape(found[1])), Is.ANY)
        run.captured[key.text] = key
        run.scope.add(Reference(key.text, kind, "a capture"))
        run.scope.used.discard(key.text)
    return tuple(made)


def _binding(step: m.MessageStep, message: Message, run: Run) -> tuple[tuple[str, Template], ...]:
    made: list[tuple[str, Template]] = []
    card = "euicc" in (message.function.sender, message.function.receiver)
    for name, node in (("http", step.http), ("coap", step.coap), ("apdu", step.apdu)):
        if node is None:
            continue
        if card != (name == "apdu"):
            run.problems.add(
                node.source,
                f"{step.arrow.message.text} is not carried by {name}",
                f"use `{'apdu' if card else 'http'}:`",
            )
            continue
        template = free_members(node, run.context(), BINDING[name], name)
        if template is not None:
            made.append((name, template))
    return tuple(made)


def _call(step: m.DoStep, run: Run) -> p.PlannedCall | None:
    given = step.given
    made = free_members(given, run.context(), None, "") if given is not None else None
    if (
        step.times is not None
        and find_reference(step.times, step.times.text, run.context()) is None
    ):
        return None
    # what differs between roles under test stands in a file for each
    name = step.call.text.replace(m.BY_ROLE, run.role)
    try:
        file = run.suite.steps(name)
    except CaseError as error:
        run.problems.extend(error.problems)
        return None
    if file is None:
        names = run.suite.steps_names()
        run.problems.add(
            step.call.source,
            f"there is no steps file {shown(name)}",
            did_you_mean(name, names) or f"known are {listed(names)}",
        )
        return None
    if name in run.calls or len(run.calls) >= _CALLS:
        run.problems.add(
            step.call.source,
            f"{shown(step.call.text)} calls itself",
            " -> ".join((*run.calls, step.call.text)),
        )
        return None
    inputs = [one.text for one in file.inputs]
    names = list(given.names()) if given is not None else []
    for key, _ in given.entries if given is not None else ():
        if key.text not in inputs:
            run.problems.add(
                key.source,
                f"{shown(key.text)} is not an input of {file.name} "
                f"({listed(inputs) or 'it has none'})",
                did_you_mean(key.text, inputs),
            )
    missing = [one for one in inputs if one not in names]
    if missing:
        run.problems.add(
            step.call.source,
            f"{file.name} needs {listed(missing)}",
            f"such as `with: {{{missing[0]}: …}}`",
        )
    inner = Run(
        run.suite,
        run.spec,
        run.role,
        run.problems,
        Scope(run.suite.references()),
        {},
        run.packages,
        calls=(*run.calls, step.call.text),
        seen=run.seen,
    )
    for one in file.inputs:
        inner.scope.add(Reference(one.text, Is.ANY, "an input"))
    steps = compile_steps(file.steps, inner)
    for one in file.outputs:
        captured = inner.scope.find(one.text)
        if captured is None or one.text in inputs:
            run.problems.add(
                one.source,
                f"{shown(one.text)} is declared as output and never captured",
                "`capture:` keeps it",
            )
        run.scope.add(Reference(one.text, captured.kind if captured else Is.ANY, file.name))
    return p.PlannedCall(step, file, made, steps)
