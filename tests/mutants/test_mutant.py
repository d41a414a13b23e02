"""Mutants as written: what is wrong with one is told with its place, what is right is compiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.data import data_dir
from sgprobe.engine.message.disguise import Says
from sgprobe.fileerror import FileError, render
from sgprobe.links.tls import TLS12
from sgprobe.mutants.mutant import Mutant, compile_says, load_mutants
from sgprobe.mutants.rules import all_rules, rules_without, unseen_rules

SPEC = parse_spec("SGP.32@1.2")
GOOD = """\
ONE:
  text: A fault.
  role: eim
  off: [EIM.EID-KNOWN]
  caught-by: [ESIPA-EIM-GEP-002]
"""


def loaded(folder: Path, text: str, name: str = "a") -> dict[str, Mutant]:
    (folder / "mutants").mkdir(exist_ok=True)
    (folder / "mutants" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_mutants(suite(folder))


def suite(folder: Path) -> Suite:
    return replace(load_suite(data_dir("suites")), root=folder)


def says(folder: Path, told: str) -> tuple[Says, ...]:
    text = GOOD.replace("  off: [EIM.EID-KNOWN]\n", f"  says:\n    {told}\n")
    return compile_says(loaded(folder, text)["ONE"], suite(folder), SPEC)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(FileError) as found:
        loaded(folder, text)
    return render(found.value.problems[0])


def says_problem(folder: Path, told: str) -> str:
    with pytest.raises(FileError) as found:
        says(folder, told)
    return render(found.value.problems[0])


def test_a_mutant_is_read(tmp_path: Path) -> None:
    one = loaded(tmp_path, GOOD)["ONE"]
    assert (one.role, one.off, one.caught_by) == (
        "eim", frozenset({"EIM.EID-KNOWN"}), ("ESIPA-EIM-GEP-002",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("  off: [EIM.EID-KNOWN]\n", ""), "plants nothing"),
        (GOOD.replace("caught-by", "caugth-by"), "caugth-by"),
        ("ONE: 5\n", "ONE"),
        ("- ONE\n", "mutants"),
        (GOOD.replace("  role: eim\n", ""), "role"),
        (GOOD.replace("role: eim", "role: eimm"), "eimm"),
    ],
    ids=["nothing planted", "unknown key", "no object", "a list", "no role", "unknown role"],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, text: str, words: str) -> None:
    told = problem(tmp_path, text)
    assert words in told
    assert "a.yaml:" in told


def test_a_name_stands_once(tmp_path: Path) -> None:
    loaded(tmp_path, GOOD)
    with pytest.raises(FileError, match="stands in another file already"):
        loaded(tmp_path, GOOD, "b")


# --- what is said ---


def test_fields_damage_and_times(tmp_path: Path) -> None:
    [one] = says(tmp_path, "GetEimPackageResponse: {fields: {eimPackageError: eidNotFound}, "
                 "after: 60 s, nth: 2}")  # fmt: skip
    assert (one.after, one.nth, one.message.name) == (60.0, 2, "GetEimPackageResponse")
    assert one.template is not None
    [one] = says(tmp_path, "GetEimPackageResponse: {mutate: {eimPackageError: {flip-bit: 1}}}")
    assert one.mutations[0].path == ("eimPackageError",)
    [one] = says(tmp_path, "GetEimPackageResponse: {status: 500}")
    assert one.status == 500
    [one] = says(tmp_path, "GetEimPackageResponse: silence")
    assert one.word == "silence"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("GetEimPackageRespons: silence", "is not a message of eim"),
        ("GetEimPackageResponse: silent", "is none of"),
        ("GetEimPackageResponse: [1]", "stands by name"),
        ("GetEimPackageResponse: {fields: {eimPackageErr: 1}}", "eimPackageErr"),
        ("GetEimPackageResponse: {statuss: 1}", "statuss"),
        ("GetEimPackageResponse: {status: often}", "often"),
        ("GetEimPackageResponse: {nth: second}", "second"),
        ("GetEimPackageResponse: {after: soon}", "soon"),
    ],
)
def test_what_is_wrong_in_what_is_said(tmp_path: Path, told: str, words: str) -> None:
    assert words in says_problem(tmp_path, told)


def test_headers_in_place_of_its_own(tmp_path: Path) -> None:
    told = "GetEimPackageResponse: {http: {header.content-type: text/plain, header.x: <absent>}}"
    (one,) = says(tmp_path, told)
    assert one.http == {"header.content-type": "text/plain", "header.x": None}
    wrong = "GetEimPackageResponse: {http: {status: 200}}"
    assert "`http` has headers, such as" in says_problem(tmp_path, wrong)


def test_a_client_that_speaks_tls_badly(tmp_path: Path) -> None:
    text = GOOD.replace("off: [EIM.EID-KNOWN]", "tls: {verify: no, highest: 1.2, ciphers: X}")
    assert loaded(tmp_path, text)["ONE"].client == {
        "verify": False, "ciphers": "X", "highest": TLS12,
    }  # fmt: skip


def test_all_of_the_suite_fit_the_versions_they_are_tried_in() -> None:
    whole = load_suite(data_dir("suites"))
    known = load_mutants(whole)
    assert len(known) > 300
    assert not {name for one in known.values() for name in one.off} - set(all_rules())
    assert all(one.caught_by for one in known.values())


def test_rules_that_no_mutant_switches_off(tmp_path: Path) -> None:
    left = rules_without(loaded(tmp_path, GOOD).values())
    assert "EIM.EID-KNOWN" not in left
    assert len(left) == len(all_rules()) - 1 - len(unseen_rules())


def test_a_rule_that_no_case_can_see_has_a_reason_and_no_mutant() -> None:
    unseen = unseen_rules()
    assert all(len(why) > 20 for why in unseen.values())
    known = load_mutants(load_suite(data_dir("suites")))
    assert not {name for one in known.values() for name in one.off} & unseen.keys()
