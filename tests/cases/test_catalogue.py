"""The catalogue, the cases and not-yet.yaml are in step; what is wrong with them is told."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import yaml

from sgprobe.cases.catalogue import Purpose, Purposes, Weight, load_purposes
from sgprobe.cases.catalogue_page import main, page
from sgprobe.cases.notyet import NOT_YET, Progress, not_yet, progress
from sgprobe.cases.runsets import load_runsets
from sgprobe.cases.suite import load_suite
from sgprobe.data import data_dir
from sgprobe.fileerror import Problem, render
from sgprobe.yamlnode import Source

SUITES = data_dir("suites")
OURS = load_purposes(SUITES)
NOWHERE = Source("x.yaml")
GEP, CASE = "catalogue/a1-package-retrieval.yaml", "esipa/eim/ESIPA-EIM-GEP-006.case.yaml"
REMAKE = "python -m sgprobe.cases.catalogue_page --write"


@pytest.fixture(scope="module")
def found() -> Progress:
    return progress(SUITES, OURS, load_suite(SUITES))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a suites folder of our catalogue with one case."""
    root = tmp_path_factory.mktemp("small")
    for name in ("catalogue", "requirements", "ics"):
        shutil.copytree(SUITES / name, root / name, ignore=shutil.ignore_patterns("*.case.yaml"))
    for name in ("index.yaml", "official.yaml", CASE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SUITES / name, root / name)
    (root / NOT_YET).write_text(not_yet(OURS, [("ESIPA-EIM-GEP-006", "eim")], {}), encoding="utf-8")
    return root


@pytest.fixture
def copy(tmp_path: Path, small: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "suites"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def out_of_step(root: Path) -> list[Problem]:
    # the files of one test change under one name
    load_purposes.cache_clear()
    load_suite.cache_clear()
    purposes = load_purposes(root)
    found = progress(root, purposes, load_suite(root))
    return [*purposes.problems, *found.problems]


def test_every_row_has_a_case_or_a_state(found: Progress) -> None:
    problems = [*OURS.problems, *found.problems]
    assert not problems, "\n".join([*(render(one) for one in problems), REMAKE])


def test_the_files_that_are_made_are_up_to_date(found: Progress) -> None:
    told = f"{REMAKE} remakes it"
    stored = (SUITES / NOT_YET).read_text(encoding="utf-8")
    assert stored == not_yet(OURS, found.done(), found.states), told
    path = SUITES.parent / "docs/reference/catalogue.md"
    assert path.read_text(encoding="utf-8") == page(OURS, found, load_runsets(SUITES)), told


def test_no_row_was_lost() -> None:
    """Ids are given once and stay; the numbers are those of the sections' design."""
    field = (126, 77, 77, 26, 111, 13, 70, 46, 36, 15, 12, 23, 10, 17, 12, 48, 4, 6)
    factory = (16, 24, 17, 23, 40, 22, 14, 8, 18, 10)
    sections = dict(zip("ABCDEFGHIJKLMNOPST", field))
    sections |= dict(zip((f"IFPP-{one}" for one in "ABCDEFGHIJ"), factory))
    counted = dict.fromkeys((*sections, "U"), 0)
    for row in OURS.rows.values():
        counted[row.section] += 1
    assert counted.pop("U") >= 42  # rows of our own, beyond the design
    assert counted == sections
    assert sum(sections.values()) == 723 + 6 + 192
    layers = [row.layer for row in OURS.rows.values() if row.layer]
    assert [layers.count(one) for one in "SUB"] == [117, 27, 48]


def test_each_case_fits_one_screen() -> None:
    long = {path.stem: count for path in SUITES.rglob("*.case.yaml")
            if (count := len(path.read_text(encoding="utf-8").splitlines())) > 60}  # fmt: skip
    assert long == {}


def test_what_is_not_certain_only_warns() -> None:
    rows = OURS.rows
    assert rows["ESIPA-EIM-GEP-006"].weight is Weight.FAILS
    # our own expectation, without a clause
    assert rows["ESIPA-EIM-GEP-011"].weight is Weight.WARNS_UNLESS_STRICT
    # a SHOULD of RFC 9110
    assert rows["ESIPA-IPA-HTT-004"].weight is Weight.WARNS_UNLESS_STRICT
    assert rows["ESIPA-EIM-GEP-003"].weight is Weight.WARNS
    assert rows["RBK-IPA-CON-004"].weight is Weight.WARNS  # own and uncertain
    assert {row.weight for row in rows.values() if row.section == "T"} == {Weight.WARNS}


def test_requirements_that_are_not_certain_have_rows_that_only_warn() -> None:
    suite = load_suite(SUITES)
    firm: dict[str, set[bool]] = {}
    for row in OURS.rows.values():
        for name in row.covers:
            firm.setdefault(name, set()).add(row.certain)
    wrong = [one.id for one in suite.requirements.values() if not one.firm and True in firm[one.id]]
    assert wrong == []


def test_names_that_are_not_certain_are_not_printed_as_official() -> None:
    names = OURS.official_names
    assert names("PKI-CLI-CRT-001", "eim") == ("TC_eIM_HTTPS_Nominal #01",)
    assert names("PKI-CLI-CRT-001", "ipa") == ("TC_IPAe_HTTPS_Nominal",)
    assert names("ES9C-CLI-IAU-001", "eim") == ()  # a section whose case has no known name
    assert names("ES9C-CLI-IAU-001", "ipa") == ()  # recalled
    assert names("ES10-EUI-AUS-003", "euicc") == ()  # derived
    assert names("ESIPA-EIM-EPK-006", "eim") == ()  # an option, no case
    mirror = {row.id for row in OURS.rows.values() if "official-mirror" in row.sets}
    assert mirror == {row.id for row in OURS.rows.values() if row.official}


def test_the_catalogue_loads_fast() -> None:
    """It takes a few times as long as libyaml takes to read it; the library in Python takes 12."""
    if not hasattr(yaml, "CBaseLoader"):
        pytest.skip("PyYAML was built without libyaml")
    files = [SUITES / "official.yaml", *(SUITES / "catalogue").glob("*.yaml")]
    texts = [one.read_text(encoding="utf-8") for one in files]
    taken, read = [], []
    for _ in range(5):
        load_purposes.cache_clear()
        start = time.process_time()
        load_purposes(SUITES)
        middle = time.process_time()
        for text in texts:
            assert all(yaml.parse(text, Loader=yaml.CBaseLoader))
        taken.append(middle - start)
        read.append(time.process_time() - middle)
    assert min(taken) < 8 * min(read)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (GEP, "kind: positive", "kind: postive", "'postive' is not one of positive"),
        (GEP, "    kind: positive\n", "", "needs 'kind'"),
        (GEP, "iut: eim", "iut: eym", "'eym' is not one of ipa"),
        (GEP, "iut: eim\n", "", "needs 'iut', here or at the top"),
        (GEP, "  ESIPA-EIM-GEP-002:", "  esipa.2:", "'esipa.2' is no id"),
        (GEP, "SGP.32 v1.2 §5.14.5", "SGP.32 §5.14.5", "is no clause"),
        (GEP, "    clause: [SGP.32 v1.2 §5.14.5, SGP.32 v1.2 §3.1.1.1]\n", "", "needs 'clause'"),
        (GEP, "ics: EIM_RETRIEVE", "ics: EIM_RETRIEVE and", "the expression ends"),
        (GEP, "ics: EIM_RETRIEVE", "ics: EIM_RETREIVE", "is not a question of suites/ics"),
        (GEP, "covers: [SGP32-ESIPA-002]", "covers: [SGP32-ESIPA-992]", "is no requirement"),
        (GEP, "covers: [SGP32-ESIPA-002]", "covers: [SGP32-IPA-001]", "is not asked of eim"),
        (GEP, "    covers: [SGP32-ESIPA-002]\n", "", "needs 'covers'"),
        (GEP, "level: own", "level: should", "'should', its requirements are not"),
        (GEP, "    certainty: uncertain\n", "", "needs 'certainty: uncertain' and 'open'"),
        (GEP, "stimulus:", "stimulos:", "'stimulos' is not a key here"),
        ("catalogue/a3-results.yaml", "ESIPA-EIM-PER-001:", "ESIPA-EIM-GEP-001:", "already"),
        ("official.yaml", "  mark: certain", "  mark: sure", "'sure' is not one of certain"),
        ("official.yaml", "  role: smdp\n", "", "needs the 'role' of a case, or a 'topic'"),
        ("official.yaml", "O_S_TRID:", "O_S_TRIT:", "does not stand in official.yaml"),
        (NOT_YET, "GEP-001: later", "GEP-001: soon", "'soon' is not one of later"),
        (
            NOT_YET,
            "ESIPA-EIM-GEP-007",
            "ESIPA-EIM-GEP-006: later\nESIPA-EIM-GEP-007",
            "and stands in",
        ),
        (NOT_YET, "ESIPA-EIM-GEP-001: later\n", "", "has no case for eim and no state"),
        (NOT_YET, "ESIPA-EIM-GEP-001: l", "ESIPA-EIM-GEP-000: l", "is no row of the catalogue"),
        (NOT_YET, "GEP-001: l", "GEP-001[ipa]: l", "'ESIPA-EIM-GEP-001[ipa]' is no row"),
        (NOT_YET, "ES9C-CLI-IAU-001:", "ES9C-CLI-IAU-001[ipa]:", "no case for eim and no state"),
        (CASE, "case: ESIPA-EIM-GEP-006", "case: ESIPA-EIM-GEP-007", "name the file"),
        (CASE, "§5.14.5 Get", "§5.14.9 Get", "names no clause of its row"),
        (CASE, "SGP32-ESIPA-001, ", "", "covers no requirement of its row"),
        ("requirements/own.yaml", "OWN-EIM-001:", "OWN-EIM-099:", "no row covers the requirement"),
    ],
)
def test_what_is_out_of_step_is_told(copy: Path, file: str, old: str, new: str, told: str) -> None:
    change(copy / file, old, new)
    problems = out_of_step(copy)
    texts = [render(one) for one in problems]
    assert any(told in text for text in texts), texts
    assert all("^" in text for text in texts), texts


def test_a_case_without_a_row_is_told(copy: Path) -> None:
    case = copy / CASE
    other = case.with_name("ESIPA-EIM-GEP-066.case.yaml")
    text = case.read_text(encoding="utf-8").replace("GEP-006", "GEP-066")
    other.write_text(text, encoding="utf-8")
    assert ["is no row" in one.text for one in out_of_step(copy)] == [True]


def test_a_second_case_of_a_row_and_a_role_of_another_are_told(copy: Path) -> None:
    (copy / "esipa/other").mkdir()
    shutil.copy(copy / CASE, copy / "esipa/other")
    assert ["has a case for eim already" in one.text for one in out_of_step(copy)] == [True]
    change(copy / GEP, "iut: eim", "iut: smdp")
    told = " ".join(one.text for one in out_of_step(copy))
    assert "the row ESIPA-EIM-GEP-006 is for smdp, the case for eim" in told


def test_states_are_kept_and_roles_stand_apart() -> None:
    rows = {
        one: Purpose(one, "A", ("ipa", "eim"), "T", "E", "positive", ("R",), NOWHERE)
        for one in ("A-1", "A-2", "A-3")
    }
    done = [("A-1", "ipa"), ("A-2", "ipa"), ("A-2", "eim")]
    states = {("A-3", "ipa"): "needs-fact", ("A-3", "eim"): "needs-fact"}
    made = not_yet(Purposes(rows), done, states).splitlines()
    assert [one for one in made if one[0] != "#"] == ["A-1[eim]: later", "A-3: needs-fact"]


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert f"{len(OURS.rows)} rows, " in capsys.readouterr().out
