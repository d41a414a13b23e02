"""How types and differences print."""

from __future__ import annotations

import re

import pytest

from dissectors.asn1 import codec, describe
from dissectors.asn1.versions import SPECS, Spec, parse_spec

V101, V11, V12, V13 = (parse_spec(f"SGP.32@{one}") for one in ("1.0.1", "1.1", "1.2", "1.3"))


def test_a_choice_with_its_tags() -> None:
    assert describe.definition(V13, "GetEimPackageResponse") == [
        "-- SGP.32@1.3, tag BF4F",
        "GetEimPackageResponse ::= CHOICE {",
        f"{'    euiccPackageRequest EuiccPackageRequest,':<72} -- BF51",
        f"{'    ipaEuiccDataRequest IpaEuiccDataRequest,':<72} -- BF52",
        f"{'    profileDownloadTriggerRequest ProfileDownloadTriggerRequest,':<72} -- BF54",
        f"{'    eimPackageError INTEGER {':<72} -- 02",
        "        noEimPackageAvailable(1),",
        "        eidNotFound(2),",
        "        invalidEid(3),",
        "        missingEid(4),",
        "        undefinedError(127)",
        "    }",
        "}",
        "-- uses EuiccPackageRequest, IpaEuiccDataRequest, ProfileDownloadTriggerRequest",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("PendingNotificationList", "-- SGP.32@1.3, tag 30 of BF37 / 30 / A0 / A1"),
        ("AddInitialEimResponse", "addInitialEimOk SEQUENCE OF CHOICE { -- A0 of 84 / 05"),
        ("InitiateAuthenticationOkEsipa", "ctxParams1 CtxParams1 OPTIONAL -- A2 explicit"),
        ("EuiccSigned1", "ctxParams1 CtxParams1 -- A0"),
        ("StoreMetadataRequest", "profileClass ProfileClass DEFAULT operational, -- 95"),
        ("CompactProfileInstallationResultData", "iccidPresent BOOLEAN DEFAULT TRUE, -- 01"),
        ("EuiccPackageSigned", "eimId UTF8String (SIZE (1..128)), -- 80"),
        ("PEStatus", "identification INTEGER (0..32767) OPTIONAL, -- 81"),
        ("ProvideEimPackageResult",
         "eimPackageResult EimPackageResult -- BF51 / 30 / BF52 / BF54 / A0"),
        ("GetCertsResponse", "eumCertificate Certificate, -- A5"),
        ("Iccid", "Iccid ::= OCTET STRING (SIZE (10))"),
    ],
)  # fmt: skip
def test_one_line_of_a_type(name: str, line: str) -> None:
    lines = [" ".join(one.split()) for one in describe.definition(V13, name)]
    assert line in lines


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_type_prints_and_every_comment_ends_its_line(spec: Spec) -> None:
    names = codec.load(spec).names()
    assert len(describe.names(spec)) == len(names)
    for name in names:
        for line in describe.definition(spec, name):
            assert line.count("--") <= 1, line
            assert not re.search(r"--.*[,{]$", line), line


def test_differences_of_one_type() -> None:
    assert list(describe.difference(V12, V13, "EuiccPackageErrorUnsigned")) == [
        "  EuiccPackageErrorUnsigned",
        "    + euiccPackageUnsignedErrorCode EuiccPackageUnsignedErrorCode OPTIONAL -- 8F",
    ]
    assert list(describe.difference(V12, V13, "SequenceNumber")) == []
    assert list(describe.difference(V12, V13, "EimPackageErrorWithCid")) == [
        "+ EimPackageErrorWithCid"
    ]
    assert list(describe.difference(V13, V12, "EimPackageErrorWithCid")) == [
        "- EimPackageErrorWithCid"
    ]
    tags = list(describe.difference(V101, V11, "EuiccMemoryResetRequest"))
    assert tags[1] == "    - tag BF34"
    assert "    - resetOptions: bit resetEimConfigData(3)" in tags
    assert "    + resetOptions: bit resetEimConfigData(5)" in tags


def test_differences_of_two_versions() -> None:
    assert list(describe.difference(V11, V12)) == []
    lines = list(describe.difference(V101, V11))
    assert "+ StateChangeCause" in lines
    assert "  ProvideEimPackageResult" in lines


def test_a_type_that_neither_version_has() -> None:
    with pytest.raises(KeyError, match="no type 'Nope'"):
        list(describe.difference(V12, V13, "Nope"))
    with pytest.raises(KeyError, match="did you mean"):
        describe.definition(V13, "SequenceNumbr")
