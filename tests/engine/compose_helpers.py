"""Composers and templates for tests: names with keys of the test PKI, fields written as YAML."""

from __future__ import annotations

from functools import cache

from dissectors.asn1.versions import Spec, parse_spec
from sgprobe.cases.compile_parts import compile_mutations
from sgprobe.cases.errors import Problems
from sgprobe.cases.fields import Context, compile_fields
from sgprobe.cases.messages import Message, find, schema
from sgprobe.cases.planned import Mutation
from sgprobe.cases.references import Scope
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.cases.templates import Template
from sgprobe.cases.variants import Variant
from sgprobe.crypto.keys import derive_key
from sgprobe.data import data_dir
from sgprobe.engine.heard import History
from sgprobe.engine.message.compose import Composer
from sgprobe.engine.names import Names
from sgprobe.yamlfile import read

SPEC = parse_spec("SGP.32@1.2")
EID = "89049032123451234512345678901235"
KEY, OTHER = derive_key("test", "one", "p256"), derive_key("test", "two", "p256")


@cache
def suite() -> Suite:
    return load_suite(data_dir("suites"))


def names(**facts: object) -> Names:
    """Return names that know an EID, an ICCID and some keys."""
    made = Names(Variant("eim"), History(), "1 case")
    made.facts |= {"eid": EID, "eim.id": "eim.test", "iccid.a": "98103254769810321432", **facts}
    made.keys |= {"keys.eim": KEY, "keys.euicc": KEY, "keys.stranger": OTHER}
    return made


def composer(**facts: object) -> Composer:
    return Composer(SPEC, names(**facts))


def message(sender: str, receiver: str, name: str, spec: Spec = SPEC) -> Message:
    found = find(sender, receiver, name, spec)
    assert found is not None
    return found


def _context(known: Message, spec: Spec) -> tuple[Context, Problems]:
    problems = Problems()
    context = Context(schema(spec, known), Scope(suite().references()), problems, {},
                      suite().package_types(), True, True)  # fmt: skip
    return context, problems


def fields(text: str, known: Message, spec: Spec = SPEC) -> Template:
    """Return the template of fields as a case has them."""
    context, problems = _context(known, spec)
    type_ = known.type(spec)
    assert type_ is not None
    template = compile_fields(read(text, "fields.yaml"), type_, context)
    assert not problems.errors, problems.errors
    assert template is not None
    return template


def mutations(text: str, known: Message, spec: Spec = SPEC) -> tuple[Mutation, ...]:
    """Return damage as a case has it."""
    context, problems = _context(known, spec)
    type_ = known.type(spec)
    assert type_ is not None
    made = compile_mutations(read(text, "mutate.yaml"), type_, context)
    assert not problems.errors, problems.errors
    return made
