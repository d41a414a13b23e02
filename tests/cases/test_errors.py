"""Every class of error: its place, its caret, its hint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sgprobe.data import data_dir

SUITES = data_dir("suites")
GEP = (SUITES / "esipa/eim/ESIPA-EIM-GEP-006.case.yaml").read_text(encoding="utf-8")
RPL = (SUITES / "es10/euicc/RPL-EUI-CNT-001.case.yaml").read_text(encoding="utf-8")
ACL = (SUITES / "es9plus/smdp/ES9P-DP-ACL-013.case.yaml").read_text(encoding="utf-8")
RBK = (SUITES / "esipa/ipa/RBK-IPA-CON-001.case.yaml").read_text(encoding="utf-8")
BLK = (SUITES / "coap/ipa/COAP-IPA-BLK-001.case.yaml").read_text(encoding="utf-8")
Told = Callable[..., str]


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_the_five_cases_are_right(told: Told) -> None:
    for text in (GEP, RPL, ACL, RBK, BLK):
        assert told(text) == ""


def test_wrong_member(told: Told) -> None:
    text = changed(GEP, "counterValue: <integer", "counterValeu: <integer")
    assert told(text, "ESIPA-EIM-GEP-006.case.yaml") == (
        "ESIPA-EIM-GEP-006.case.yaml:31:11: 'counterValeu' is not a member of this SEQUENCE "
        "(eimId, eidValue, counterValue, eimTransactionId, euiccPackage)\n"
        "   31 |           counterValeu: <integer greater than $eim.last-counter>\n"
        "      |           ^^^^^^^^^^^^\n"
        "  hint: did you mean 'counterValue'?"
    )


def test_wrong_named_number(told: Told) -> None:
    text = changed(RPL, "replayError}", "replayErr}")
    assert told(text, "RPL-EUI-CNT-001.case.yaml") == (
        "RPL-EUI-CNT-001.case.yaml:53:78: 'replayErr' is not a value of EuiccPackageErrorCode "
        "(invalidEid, replayError, counterValueOutOfRange, …)\n"
        "   53 |         euiccPackageErrorDataSigned: {eimId: $eim.id, "
        "euiccPackageErrorCode: replayErr}\n"
        "      |                                                      "
        "                        ^^^^^^^^^\n"
        "  hint: did you mean 'replayError'?"
    )


def test_connect(told: Told) -> None:
    text = (SUITES / "tls/server/PKI-SRV-TLS-005.case.yaml").read_text(encoding="utf-8")
    assert told(text) == ""
    wrong = told(changed(text, "with: {highest", "with: {hihgest"))
    assert "'hihgest' is not" in wrong
    assert "did you mean 'highest'?" in wrong
    assert "'ium' is not a role" in told(changed(text, "connect: iut", "connect: ium"))
    assert "'to' is not a key" in told(changed(text, "    with: {", "    to: {"))


def test_unknown_matcher(told: Told) -> None:
    text = changed(GEP, "<absent or 1..16 bytes>", "<abscent>")
    assert told(text, "ESIPA-EIM-GEP-006.case.yaml") == (
        "ESIPA-EIM-GEP-006.case.yaml:32:29: unknown matcher <abscent>\n"
        "   32 |           eimTransactionId: <abscent>\n"
        "      |                             ^^^^^^^^^\n"
        "  hint: did you mean '<absent>'?"
    )


# change of a case; what the first line says, from its place on; what the hint says
CHANGES = [
    (
        GEP,
        "  - ipa -> eim: GetEimPackageRequest",
        "  - ipa -> eim: GetEimPackagRequest",
        "19:17: 'GetEimPackagRequest' is not a message from ipa to eim",
        "did you mean 'GetEimPackageRequest'?",
    ),
    (
        GEP,
        "  - ipa -> eim: GetEimPackageRequest",
        "  - ipa -> eim: GetEimPackageResponse",
        "'GetEimPackageResponse' is not a message from ipa to eim",
        "",
    ),
    (
        GEP,
        "  - eim -> ipa: GetEimPackageResponse",
        "  - eim -> ipaa: GetEimPackageResponse",
        "'ipaa' is not a role",
        "did you mean 'ipa'?",
    ),
    (GEP, "iut: eim", "iut: emi", "4:6: 'emi' is not a role", "did you mean 'eim'?"),
    (
        GEP,
        "title: The",
        "titel: The",
        "3:1: 'titel' is not a key of a case",
        "did you mean 'title'?",
    ),
    (
        GEP,
        "applies-if: EIM_RETRIEVE",
        "applies-if: EIM_RETRIVE",
        "8:13: 'EIM_RETRIVE' is not a question of suites/ics",
        "did you mean 'EIM_RETRIEVE'?",
    ),
    (
        GEP,
        "applies-if: EIM_RETRIEVE",
        "applies-if: EIM_RETRIEVE AND EIM_HTTPS",
        "8:26: 'AND' stands where 'and', 'or' or the end is due",
        "write `and`",
    ),
    (
        GEP,
        "applies-if: EIM_RETRIEVE",
        "applies-if: (EIM_RETRIEVE",
        "the expression ends where ')' is due",
        "",
    ),
    (
        GEP,
        "SGP32-ESIPA-001",
        "SGP32-ESIPA-099",
        "'SGP32-ESIPA-099' is not a requirement",
        "did you mean",
    ),
    (
        GEP,
        "$eim.last-counter",
        "$eim.last-count",
        "unknown name '$eim.last-count'",
        "did you mean '$eim.last-counter'?",
    ),
    (
        GEP,
        "<signature by $keys.eim>",
        "<signature by $certs.eim>",
        "$certs.eim is a certificate, <signature by $keys.eim> needs a key",
        "",
    ),
    (
        GEP,
        "<signature by $keys.eim>",
        "$keys.eim",
        "$keys.eim is a key, the field is OCTET STRING",
        "write <signature by $keys.eim>",
    ),
    (GEP, "eidValue: $eid", "eidValue: <any>", "<any> cannot produce a value", "give a value"),
    (GEP, "eidValue: $eid", "eidValue: $eim.id", "$eim.id is text, the field is Octet16", ""),
    (GEP, "eidValue: $eid", "eidValue: 0A1", "'0A1' has an odd number of hex digits", "0A1B"),
    (GEP, "eidValue: $eid", "eidValue: 0A1B", "'0A1B' has 2 octets; Octet16 has 16", "mutate"),
    (
        GEP,
        "counterValue: <integer greater than $eim.last-counter>",
        "counterValue: <16 bytes>",
        "<16 bytes> does not fit INTEGER",
        "<integer greater than $x>",
    ),
    (GEP, "<contains $seq>", "<any>", "'seq' is captured and never used", "use $seq"),
    (
        GEP,
        "within: $ixit.answer-limit",
        "within: ten",
        "'within' is a time: 500 ms, 2 s, 10 min, 72 h, not 'ten'",
        "within: 10 s",
    ),
    (
        GEP,
        "binding: [https, coap]",
        "binding: [https, coaps]",
        "'coaps' is not a point of 'binding' (https, coap)",
        "did you mean 'coap'?",
    ),
    (
        GEP,
        "since: SGP.32 v1.1",
        "since: SGP.32 v1.5",
        "6:8: 'SGP.32 v1.5' is no version",
        "did you mean 'SGP.32 v1",
    ),
    (GEP, "trigger: eim.queue-package", "trigger: eim.queue", "'eim.queue' is no action", ""),
    (
        GEP,
        "{tls.version:",
        "{tls.versoin:",
        "'tls.versoin' is not a field of a trace",
        "did you mean 'tls.version'?",
    ),
    (
        GEP,
        "- never:",
        "- nevr:",
        "'nevr' is not a key of a trace assertion",
        "did you mean 'never'?",
    ),
    (
        GEP,
        "iut: eim",
        "iut: eim\niut: ipa",
        "5:1: 'iut' stands twice: here and in line 4",
        "keep one",
    ),
    (GEP, "case: ESIPA-EIM-GEP-006\n", "", "a case needs the key 'case'", "such as"),
    (
        GEP,
        "[SGP.32 v1.2 §5.14.5 GetEimPackage,",
        "[SGP.32 §5.14.5 GetEimPackage,",
        "names no version",
        "such as `SGP.32 v1.2",
    ),
    (
        GEP,
        "eimPackageError: noEim",
        "eimPackageErr: noEim",
        "'eimPackageErr' is not an alternative of this CHOICE",
        "did you mean 'eimPackageError'?",
    ),
    (
        RPL,
        "same-as: fresh",
        "same-as: frehs",
        "no message before this is named 'frehs'",
        "did you mean 'fresh'?",
    ),
    (
        RPL,
        "state: disabled}",
        "state: disable}",
        "'disable' is not a value of state",
        "did you mean 'disabled'?",
    ),
    (
        RPL,
        "assert: euicc.profiles",
        "assert: euicc.profile",
        "'euicc.profile' is no state",
        "did you mean 'euicc.profiles'?",
    ),
    (RPL, "apdu: {sw: 9000}", "http: {status: 200}", "is not carried by http", "apdu"),
    (RPL, "apdu: {sw: 9000}", "apdu: {sv: 9000}", "'sv' is not a field of apdu", "'sw'"),
    (RPL, "- disable.iccid: $iccid.a", "- disable: $iccid.a", "$iccid.a is octets", ""),
    (
        RPL,
        "disable.iccid: $iccid.a",
        "disable.iccid: 8949000000000000005",
        "'8949000000000000005' is not hex",
        "989400000000000000F5",
    ),
    (RPL, "disable.iccid: $iccid.a", "disable.iccid.x: 00", "Iccid has no members", ""),
    (ACL, "{flip-bit: 77}", "{flip-bits: 77}", "'flip-bits' is no damage", "'flip-bit'"),
    (ACL, "{flip-bit: 77}", "{flip-bit: many}", "'flip-bit' takes number, not 'many'", ""),
    (
        ACL,
        "euiccSignature1: $damage",
        "euiccSignature2: $damage",
        "'euiccSignature2' is not a member",
        "did you mean 'euiccSignature1'?",
    ),
    (
        ACL,
        "do: es9plus/initiate-authentication",
        "do: es9plus/initiate-autentication",
        "there is no steps file",
        "did you mean 'es9plus/initiate-authentication'?",
    ),
    (
        ACL,
        "subjectCode: 8.1,",
        "subjectCod: 8.1,",
        "'subjectCod' is not a member of this object",
        "did you mean 'subjectCode'?",
    ),
    (ACL, "iut: smdp\n", "iut: smdp\nvariantz: 1\n", "'variantz' is not a key", "'variants'"),
    (
        RBK,
        "is: unreachable",
        "is: unreachble",
        "'unreachble' is no state of a link",
        "did you mean 'unreachable'?",
    ),
    (RBK, "$packages.enable-b-with-rollback", "$packages.enable-c", "unknown name", "did you mean"),
    (
        RBK,
        "on GetEimPackageRequest",
        "on GetEimPackageReqest",
        "is not a message to eim",
        "did you mean 'GetEimPackageRequest'?",
    ),
    (
        RBK,
        "- reply: GetEimPackageResponse",
        "- reply: GetEimPackageRequest",
        "is not a message from eim to ipa",
        "it goes from ipa to eim",
    ),
    (RBK, "peers:\n  eim:", "peers:\n  ipa:", "'ipa' is under test: it is not simulated", ""),
    (RBK, "$ixit.rollback-window", "$eid", "$eid is octets, not a time", ""),
    (BLK, "{drop: [2]}", "{dorp: [2]}", "'dorp' is no impairment", "did you mean 'drop'?"),
    (BLK, "{drop: [2]}", "{drop: [0]}", "datagrams are counted from 1", "such as"),
    (BLK, "{drop: [2]}", "{largest: a lot}", "datagrams are counted from 1", "such as"),
    (BLK, "<2 s..48 s>", "<48 s..2 s>", "is no span of time", "such as <2 s..3 s>"),
    (BLK, "$loss.drop", "$los.drop", "unknown name '$los.drop'", ""),
    (BLK, "from: ipa", "from: ips", "'ips' is not a role", "did you mean 'ipa'?"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "hint"), CHANGES, ids=[change[3][:50] for change in CHANGES]
)
def test_a_change_is_told(told: Told, text: str, old: str, new: str, line: str, hint: str) -> None:
    found = told(changed(text, old, new))
    assert line in found, found
    assert hint in found, found
    first = found.splitlines()[0]
    assert first.startswith("X.case.yaml:"), found
    assert "^" in found
    assert "Traceback" not in found


def test_all_problems_are_told_at_once(problems: Callable[[str], tuple[object, ...]]) -> None:
    text = GEP.replace("eidValue: $eid", "eidValu: $eid")
    assert len(problems(text)) >= 3


def test_a_version_that_lacks_a_member_is_named(told: Told) -> None:
    text = changed(GEP, "since: SGP.32 v1.1\n", "")
    text = changed(text, "[SGP.32 v1.2 §5.14.5", "[SGP.32 v1.0.1 §1, SGP.32 v1.2 §5.14.5")
    assert ", in SGP.32@1.0.1" in told(text)


def test_a_case_without_a_check_is_told(
    told: Told, problems: Callable[[str], tuple[object, ...]]
) -> None:
    head = GEP.partition("steps:")[0]
    assert "the case checks nothing" in told(head + "steps:\n  - trigger: ipa.poll\n")
    assert not problems(head + "steps:\n  - do: esipa/served\n")
