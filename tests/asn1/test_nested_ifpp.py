"""Objects of other modules that stand whole in an object of IFPP are opened in the tree."""

import pytest
from golden_messages import messages

from dissectors.asn1 import codec
from dissectors.asn1.print_tree import tree_lines

IFPP = codec.load("IFPP@0")
GOLDEN = messages()


def golden(type_name: str) -> bytes:
    return next(one.data for one in GOLDEN if one.type == type_name and one.result == "valid")


def shown(type_name: str, value: object) -> list[tuple[int, str, str]]:
    tree = IFPP.tree(type_name, IFPP.encode(type_name, value))
    return [(one.depth, one.name, one.text) for one in tree_lines(IFPP, tree)]


def package(**members: str) -> list[tuple[int, str, str]]:
    value = next(one.value for one in GOLDEN if one.type == "PreboundPackage")
    return shown("PreboundPackage", {**value, **members})


@pytest.mark.parametrize(
    ("type_name", "path", "text"),
    [
        ("IfppLoadContextRequest", "tbs.suite", "c1"),
        ("BoundProfilePackage", "initialiseSecureChannelRequest.controlRefTemplate.keyType", "88"),
        ("ProfileInstallationResult", "profileInstallationResultData.smdpOid", "2.999.10"),
        ("EUICCInfo2", "ppVersion", "010000"),
    ],
)
def test_a_raw_object_is_opened_by_its_first_tag(type_name: str, path: str, text: str) -> None:
    lines = package(loadContext=golden(type_name).hex())
    (head,) = [line for line in lines if line[1] == "loadContext"]
    assert head[2].endswith(f"({type_name})")
    assert (2, path, text) in lines


def test_certificates_are_told_by_what_they_say() -> None:
    value = next(one.value for one in GOLDEN if one.type == "EuiccIfppData")
    lines = shown("EuiccIfppData", value)
    assert (2, "EID", "89049032123451234512345678901235") in lines
    assert (2, "role", "eUICC") in lines


def test_digits_are_read() -> None:
    texts = {name: text for _, name, text in package()}
    assert texts["eid"].endswith("(EID 89049032123451234512345678901235)")
    assert texts["iccid"].endswith("(ICCID 8999001000000000012)")


@pytest.mark.parametrize("octets", ["", "ff", "ff41", "ff4105a000", "bf3700", "0400", "00" * 40])
def test_what_is_no_such_object_stays_as_it_is(octets: str) -> None:
    lines = package(loadContext=octets)
    assert [line[1] for line in lines if line[0] == 1] == [
        "packageId", "eid", "keyRef", "iccid", "transactionId", "loadContext",
        "boundProfilePackage",
    ]  # fmt: skip


def test_a_long_leaf_is_cut() -> None:
    rows = [one for one in GOLDEN if one.type == "IfppLoadContextRequest"]
    whole = next(one.data for one in rows if "pqSignature" in one.value)
    lines = package(loadContext=whole.hex())
    assert any(text.endswith("(2420 octets)") for _, _, text in lines)
    assert max(len(text) for _, _, text in lines) < 400
