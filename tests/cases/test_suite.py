from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sgprobe.cases.check import check_paths
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.data import data_dir


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "suites"
    shutil.copytree(data_dir("suites"), root)
    return root


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_suites_data_is_right(suite: Suite) -> None:
    assert suite.problems == []
    assert suite.requirements["SGP32-ESEP-001"].firm
    assert suite.questions["EIM_RETRIEVE"].official == "O_S_PKG_RETRIEVAL"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("packages.yaml", "rollbackFlag", "rolbackFlag", "'rolbackFlag' is not a member"),
        ("packages.yaml", "$iccid.b", "$iccid.z", "unknown name '$iccid.z'"),
        (
            "packages.yaml",
            "type: EuiccPackageRequest",
            "type: EuiccPackage",
            "is no type of a package",
        ),
        ("index.yaml", "SGP.32 v1.1", "SGP.32 v1.9", "'SGP.32 v1.9' is no version"),
        ("index.yaml", "language: 1", "language: 9", "reads language 1"),
        ("requirements/sgp32.yaml", "clause:", "claus:", "'claus' is not a key here"),
        ("requirements/own.yaml", "level: own", "level: won", "'won' is not one of shall"),
        ("requirements/sgp32.yaml", "fact: likely", "fact: likley", "'likley' is not one of"),
        ("requirements/sgp32.yaml", "roles: [eim]", "roles: [eym]", "'eym' is not one of ipa"),
        ("ics/ipa.yaml", "kind: time", "kind: tim", "'tim' is no kind"),
        ("ics/ipa.yaml", "IPA_ROLLBACK:", "IPA_ROLLBAC:", "'IPA_ROLLBACK' is not a question"),
        (
            "steps/es9plus/initiate-authentication.steps.yaml",
            "smdpAddress:",
            "smdpAddres:",
            "'smdpAddres' is not a member of this object",
        ),
        (
            "steps/es9plus/initiate-authentication.steps.yaml",
            "    capture: {transactionId: transactionId}\\n",
            "",
            "never captured",
        ),
    ],
)
def test_what_is_wrong_with_a_suite_is_told(
    copy: Path, file: str, old: str, new: str, told: str
) -> None:
    change(copy / file, old.replace("\\n", "\n"), new)
    found = check_paths([copy]).errors
    assert any(told in problem.text for problem in found), [one.head() for one in found]
    # one mistake is one error, however many cases use it
    assert len({one.source for one in found}) == len(found)


def test_steps_that_call_themselves_are_told(copy: Path) -> None:
    (copy / "steps/loop.steps.yaml").write_text(
        "title: T\nsteps:\n  - do: loop\n", encoding="utf-8"
    )
    found = check_paths([copy / "steps/loop.steps.yaml"]).errors
    assert ["calls itself" in one.text for one in found] == [True]


def test_a_steps_file_is_looked_for_below_the_suite_only(copy: Path) -> None:
    loaded = load_suite(copy)
    assert loaded.steps("../../etc/passwd") is None
    assert loaded.steps("\0") is None
    assert loaded.steps("/etc/passwd") is None
