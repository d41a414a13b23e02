"""Checks the packages of a suite against the ASN.1 of every version that it has."""

from __future__ import annotations

from dissectors.asn1 import codec
from dissectors.asn1.versions import Spec
from sgprobe.cases.errors import Problems, did_you_mean, listed, shown
from sgprobe.cases.fields import Context, compile_fields
from sgprobe.cases.plan import merge
from sgprobe.cases.references import Scope
from sgprobe.cases.suite import Suite
from sgprobe.cases.templates import Template
from sgprobe.fileerror import Problem

# the type of the reference: the part of it that the file gives; the bench makes the rest
GIVEN = {
    "EuiccPackageRequest": "EuiccPackage",
    "IpaEuiccDataRequest": "IpaEuiccDataRequest",
    "ProfileDownloadTriggerRequest": "ProfileDownloadTriggerRequest",
}


def compile_package(suite: Suite, name: str, spec: Spec, problems: Problems) -> Template | None:
    """Return the given part of a package as a template, for one version."""
    type_, fields = suite.packages[name]
    given = GIVEN.get(type_)
    if given is None:
        problems.add(
            fields.source,
            f"{shown(type_)} is no type of a package ({listed(GIVEN)})",
            did_you_mean(type_, GIVEN),
        )
        return None
    schema = codec.load(spec).schema
    scope = Scope(suite.references())
    context = Context(schema, scope, problems, sending=True)
    return compile_fields(fields, schema.types[given], context)


def check_packages(suite: Suite) -> list[Problem]:
    """Return what is wrong with the packages of a suite."""
    specs = {spec for several in suite.specs.values() for spec in several if spec.name == "SGP.32"}
    found = {}
    for spec in sorted(specs, key=str):
        problems = Problems()
        for name in suite.packages:
            compile_package(suite, name, spec, problems)
        found[spec] = problems.all
    return merge(found)
