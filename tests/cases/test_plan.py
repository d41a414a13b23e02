from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.cases import plan
from sgprobe.cases.errors import CaseError
from sgprobe.cases.load import load_case, load_text
from sgprobe.cases.planned import PlannedCall, PlannedMessage, walk
from sgprobe.cases.suite import Suite
from sgprobe.data import data_dir

SUITES = data_dir("suites")
PATHS = {path.name.split(".")[0]: path for path in SUITES.rglob("*.case.yaml")}


def plans(name: str, suite: Suite) -> tuple[plan.p.Plan, ...]:
    return plan.plans(load_case(PATHS[name]), suite)


def test_ids_of_variants(suite: Suite) -> None:
    found = [one.id for one in plans("ESIPA-EIM-GEP-006", suite) if str(one.spec) == "SGP.32@1.2"]
    assert found == [
        "ESIPA-EIM-GEP-006[https-nist-p256]",
        "ESIPA-EIM-GEP-006[https-brainpool-p256r1]",
        "ESIPA-EIM-GEP-006[coap-nist-p256]",
        "ESIPA-EIM-GEP-006[coap-brainpool-p256r1]",
    ]


def test_versions_between_since_and_until(suite: Suite) -> None:
    specs = {str(one.spec) for one in plans("ESIPA-EIM-GEP-006", suite)}
    assert specs == {"SGP.32@1.1", "SGP.32@1.2", "SGP.32@1.3"}


def test_the_iut_on_the_left_is_an_expectation(suite: Suite) -> None:
    one = plans("ESIPA-EIM-GEP-006", suite)[0]
    told = [
        (step.sender, step.expect)
        for step in one.compiled.steps
        if isinstance(step, PlannedMessage)
    ]
    assert told == [("ipa", False), ("eim", True)] * 3


def test_a_binding_asks_its_own_question(suite: Suite) -> None:
    asked = {one.variant.suffix: one.applies for one in plans("ESIPA-EIM-GEP-006", suite)}
    names = [name for name, _ in plan.ics.names(asked["[coap-nist-p256]"])]
    assert names == ["EIM_RETRIEVE", "EIM_COAPS"]


def test_a_call_brings_its_outputs(suite: Suite) -> None:
    given = plans("ES9P-DP-ACL-013", suite)[0].compiled.given
    assert isinstance(given[0], PlannedCall)
    captured = [
        name
        for step in walk(given)
        if isinstance(step, PlannedMessage)
        for name, _ in step.captures
    ]
    assert captured == ["transactionId"]


def test_except_removes_and_roles_are_an_axis(suite: Suite) -> None:
    text = PATHS["ESIPA-EIM-GEP-006"].read_text(encoding="utf-8")
    text = text.replace(
        "  curve: [nist-p256, brainpool-p256r1]\n",
        "  curve: [nist-p256, brainpool-p256r1]\n  except:\n"
        "    - {binding: coap, curve: brainpool-p256r1}\n",
    )
    found = plan.expand(load_text(text, "x"))
    assert [one.suffix for one in found] == [
        "[https-nist-p256]",
        "[https-brainpool-p256r1]",
        "[coap-nist-p256]",
    ]
    both = """
case: ES9C-CLI-IAU-001
title: T
iut: [ipa, eim]
spec: [SGP.22 v2.5 §5.6.1]
covers: [SGP22-ES9P-001]
steps:
  - iut -> smdp: initiateAuthentication
    within: 10 s
"""
    made = plan.plans(load_text(both, "x"), suite)
    assert [one.id for one in made] == ["ES9C-CLI-IAU-001[iut=ipa]", "ES9C-CLI-IAU-001[iut=eim]"]
    first = made[1].compiled.steps[0]
    assert isinstance(first, PlannedMessage)
    assert (first.sender, first.expect) == ("eim", True)


def test_what_differs_between_roles_stands_in_a_file_for_each(suite: Suite) -> None:
    made = plan.plans(load_text(PATHS["ES9C-CLI-IAU-002"].read_text(encoding="utf-8"), "x"), suite)
    called = {one.compiled.role: [step.file.name for step in one.compiled.steps
                                  if isinstance(step, PlannedCall)] for one in made}  # fmt: skip
    assert called == {
        "ipa": ["es9c/begun-ipa", "es9c/refused-ipa"],
        "eim": ["es9c/begun-eim", "es9c/refused-eim"],
    }


KEYS = [
    "case",
    "title",
    "iut",
    "spec",
    "covers",
    "steps",
    "given",
    "trace",
    "peers",
    "variants",
    "applies-if",
    "ipa -> eim",
    "eim -> ipa",
    "fields",
    "capture",
    "mutate",
    "within",
    "eim",
    "on GetEimPackageRequest",
    "reply",
    "trigger",
    "is",
    "link",
    "assert",
    "for",
    "quiet",
    "connect",
    "either",
    "any-order",
    "do",
    "with",
    "every",
    "where",
    "except",
    "eidValue",
    "[0]",
    "a.b",
    "same-as",
    "for-each",
    "literal",
    "drop",
    "http",
    "exactly",
    "next",
    "name",
]
TEXTS = [
    "",
    "A-1",
    "eim",
    "ipa",
    "SGP.32 v1.2 §1",
    "GetEimPackageRequest",
    "GetEimPackageResponse",
    "<any>",
    "<absent or",
    "<contains a b>",
    "<not not any>",
    "$eid",
    "$x.y",
    "$",
    "<",
    "2 s",
    "SGP32-ESIPA-001",
    "EIM_HTTPS",
    "yes",
    "es9plus/initiate-authentication",
    "../../x",
    "euicc.profiles",
    "unreachable",
    "silence",
    "00",
    "<2 s..1 s>",
    "[",
    "\u202e",
]
_NODE = st.recursive(
    st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KEYS), _NODE, max_size=8))
def test_any_mapping_gives_problems_and_no_traceback(suite: Suite, data: dict[str, object]) -> None:
    _try(data, suite)


_STEP = st.dictionaries(st.sampled_from(KEYS[11:]), _NODE, min_size=1, max_size=4)


@settings(max_examples=300)
@given(
    steps=st.lists(_STEP, min_size=1, max_size=3),
    extra=st.dictionaries(
        st.sampled_from(["given", "trace", "peers", "variants", "applies-if"]), _NODE, max_size=2
    ),
)
def test_any_step_in_a_whole_case(
    suite: Suite, steps: list[object], extra: dict[str, object]
) -> None:
    whole = {
        "case": "A-1",
        "title": "T",
        "iut": "eim",
        "spec": ["SGP.32 v1.2 §5.14.5"],
        "covers": ["SGP32-ESIPA-001"],
        "steps": steps,
        **extra,
    }
    _try(whole, suite)


def _told(error: CaseError) -> None:
    assert error.problems


def _try(data: object, suite: Suite) -> None:
    try:
        case = load_text(json.dumps(data), "x.case.yaml")
    except CaseError as error:
        _told(error)
        return
    found = plan.check(case, suite)
    if not [problem for problem in found if not problem.warning]:
        plan.plans(case, suite)


def test_of_several_roles_under_test_the_others_are_simulated(suite: Suite) -> None:
    made = plan.plans(load_text(PATHS["PKI-CLI-CRT-002"].read_text(encoding="utf-8"), "x"), suite)
    simulated = {one.compiled.role: [peer.role for peer in one.compiled.peers] for one in made}
    assert simulated == {"ipa": ["eim", "smdp"], "eim": ["smdp"]}


def test_a_role_that_is_always_under_test_is_no_peer(suite: Suite) -> None:
    text = PATHS["PKI-CLI-CRT-002"].read_text(encoding="utf-8")
    with pytest.raises(CaseError, match="is under test: it is not simulated"):
        plan.plans(load_text(text.replace("[ipa, eim]", "eim"), "x"), suite)
