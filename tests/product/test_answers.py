from __future__ import annotations

import pytest

from sgprobe import ics
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError
from sgprobe.problems import Problems
from sgprobe.product.answers import check_answers, read_answers, unanswered
from sgprobe.product.references import answers_for, load_references
from sgprobe.questions import read_catalogue
from sgprobe.yamlfile import read

# every name that the test purposes of the catalogue ask for
ASKED = [
    "EIM_HTTPS", "EIM_COAPS", "EIM_RETRIEVE", "EIM_INJECT", "EIM_JSON", "EIM_TRID",
    "EIM_INDIRECT", "EIM_DIRECT", "EIM_SMDS", "EIM_COMPACT", "EIM_ECO", "EIM_FALLBACK",
    "EIM_IMMEDIATE", "EIM_ROLLBACK", "IPA_HTTPS", "IPA_COAPS", "IPA_RETRIEVE", "IPA_INJECT",
    "IPA_DIRECT", "IPA_INDIRECT", "IPA_SMDS", "IPA_COMPACT", "IPA_ROLLBACK", "IPA_FALLBACK",
    "IPA_ECALL", "IPA_IMMEDIATE", "IPAE", "IPAD", "DP_CC", "DP_PPK", "DP_SK", "DP_BRP", "DP_ASN1",
    "DP_SMDS", "DP_OTPK", "EU_IOT", "EU_LPA", "EU_BRP", "EU_CRL", "EU_OTPK", "EU_FALLBACK",
    "EU_ECALL", "EU_IMMEDIATE", "EU_EIMRESET", "EU_MULTIEIM", "EU_PPR",
]  # fmt: skip


def told(text: str, role: str, catalogue) -> list[str]:
    problems = Problems()
    answers = read_answers(read(text, "x"), role, catalogue, problems)
    check_answers(answers, role, catalogue, problems)
    return [one.text for one in problems.all]


def test_every_name_is_a_question_with_text_status_and_role(catalogue) -> None:
    for name in ASKED:
        question = catalogue.questions[name]
        assert question.text.endswith("?")
        assert question.status in "MOC"
        assert question.role == {"E": "eim", "I": "ipa", "D": "smdp"}.get(
            name[0] if name[:2] != "EU" else "", "euicc"
        )


def test_official_names_are_those_that_are_certain(catalogue) -> None:
    assert catalogue.aliases == {
        "O_S_ESIPA_HTTPS": "EIM_HTTPS",
        "O_S_PKG_RETRIEVAL": "EIM_RETRIEVE",
        "O_S_TRID": "EIM_TRID",
        "O_P_SESSION_KEYS": "DP_SK",
        "O_E_NIST": "EU_NIST",
        "O_E_BRP": "EU_BRP",
        "O_E_REUSE_OTPK": "EU_OTPK",
    }


def test_a_condition_makes_a_must(catalogue) -> None:
    assert told("{EIM_HTTPS: no, EIM_COAPS: no}", "eim", catalogue) == [
        "EIM_HTTPS is a must, as not EIM_COAPS; the answer is no",
        "EIM_COAPS is a must, as not EIM_HTTPS; the answer is no",
    ]
    assert told("{EIM_HTTPS: no, EIM_COAPS: yes}", "eim", catalogue) == []
    # not answered is not no
    assert told("{EIM_HTTPS: no}", "eim", catalogue) == []
    # a product that comes in both forms has it in one
    assert told("{EIM_HTTPS: no, EIM_COAPS: both}", "eim", catalogue) == []


def test_true_and_false_are_yes_and_no(catalogue) -> None:
    problems = Problems()
    text = "{EIM_HTTPS: true, EIM_COAPS: False, EIM_ID_TYPE: fqdn}"
    answers = read_answers(read(text, "x"), "eim", catalogue, problems)
    assert [one.values for one in answers.values()] == [("yes",), ("no",), ("fqdn",)]


def test_a_yes_implies(catalogue) -> None:
    wanted = "EU_ECALL implies EU_IOT, which is answered otherwise"
    assert told("{EU_LPA: yes, EU_IOT: no, EU_ECALL: yes}", "euicc", catalogue) == [wanted]
    assert told("{EU_LPA: yes, EU_IOT: no, EU_ECALL: no}", "euicc", catalogue) == []
    assert told("{EU_ECALL: yes}", "euicc", catalogue) == []


def test_too_many_samples(catalogue) -> None:
    names = [one.name for one in catalogue.of("eim") if not one.values][:5]
    text = "{" + ", ".join(f"{name}: both" for name in names) + "}"
    assert "5 answers with several values; 4 are the most" in told(text, "eim", catalogue)


def test_what_is_unanswered(catalogue) -> None:
    problems = Problems()
    answers = read_answers(read("{EIM_COAPS: no}", "x"), "eim", catalogue, problems)
    left = unanswered(answers, "eim", catalogue)
    assert len(left) == len(catalogue.of("eim")) - 1
    # HTTPS is a must once CoAP is answered with no
    assert [one.question.name for one in left if one.must] == ["EIM_HTTPS"]


def test_the_references_answer_everything(catalogue) -> None:
    references = load_references(data_dir("suites") / "ics" / "reference", catalogue)
    assert set(references) >= {"eim", "ipa", "smdp", "smds", "euicc"}
    for role, answers in references.items():
        assert unanswered(answers, role, catalogue) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[]", "a reference has 'role' and 'answers'"),
        ("answers: {}", "a reference has 'role' and 'answers'"),
        ("role: [smdp]", "a reference has 'role' and 'answers'"),
        ("role: smdp\nanswers: {DP_SK: no, DP_PPK: no}", "DP_SK is a must"),
        ("role: smdp\nanswers: {DP_SK: yes}", "DP_CC has no answer"),
    ],
)
def test_a_reference_that_is_wrong(catalogue, tmp_path, text: str, wanted: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(FileError, match=wanted):
        load_references(tmp_path, catalogue)


def test_other_roles_are_the_references(catalogue) -> None:
    references = load_references(data_dir("suites") / "ics" / "reference", catalogue)
    known = answers_for("eim", {"EIM_INDIRECT": True}, references)
    both = ics.parse("EIM_INDIRECT and DP_CC")
    assert ics.evaluate(both, known).value is True
    # a question of the product's own role is nobody else's to answer
    assert ics.evaluate(ics.parse("EIM_TRID"), known).unanswered == ("EIM_TRID",)


def test_an_axis_of_roles_asks_the_product_alone(catalogue) -> None:
    references = load_references(data_dir("suites") / "ics" / "reference", catalogue)
    either = ics.parse("IPA_DIRECT or EIM_INDIRECT")
    known = answers_for("eim", {"EIM_INDIRECT": False}, references, axis=("ipa", "eim"))
    assert ics.evaluate(either, known).value is False
    known = answers_for("eim", {"EIM_INDIRECT": True}, references, axis=("ipa", "eim"))
    assert ics.evaluate(either, known).value is True


def test_what_is_wrong_with_questions_is_told(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(
        "role: eim\nquestions:\n"
        "  A: {text: A?, status: C}\n"
        "  B: {text: B?, status: O, implies: A or NOBODY}\n"
        "  D: {text: D?, status: X, when: 'A ='}\n"
        "ixit:\n  x: {text: X, kind: time, default: soon}\n  y: {text: Y, kind: odd}\n"
    )
    (tmp_path / "b.yaml").write_text("role: eim\nquestions:\n  A: {text: A?, status: O}\n")
    problems = Problems()
    read_catalogue(tmp_path, problems)
    assert [one.text for one in problems.all] == [
        "'A': the status C and a condition go together",
        "'NOBODY' is not a question",
        "'D': the status C and a condition go together",
        "'X' is no status (M, O, C)",
        "'=' has no meaning here",
        "'soon' is not a time, such as 72 h",
        "'odd' is no kind (time, number, text, octets)",
        "'A' stands in another file already",
    ]
