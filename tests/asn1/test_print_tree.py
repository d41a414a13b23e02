"""What the tree shows of a message beside its values: digits, versions, certificates, TLVs."""

from __future__ import annotations

import pytest
from golden_messages import messages

from dissectors.asn1 import codec
from dissectors.asn1.print_tree import Line, shorten, tree_lines
from dissectors.asn1.tlv import tlv

LOADED = codec.load("SGP.32@1.3")


def lines(kind: str, data: bytes | str) -> list[Line]:
    octets = bytes.fromhex(data) if isinstance(data, str) else data
    return list(tree_lines(LOADED, LOADED.tree(kind, octets)))


def texts(kind: str, data: bytes | str) -> dict[str, str]:
    return {one.path: one.text for one in lines(kind, data)}


def golden(kind: str, flag: str = "") -> bytes:
    return next(one.data for one in messages() if one.type == kind
                and one.result == "valid" and flag in str(one.value))  # fmt: skip


def test_identities_are_shown_as_digits() -> None:
    request = texts("GetEimPackageRequest", golden("GetEimPackageRequest", "rPLMN"))
    eid = "89049032123451234512345678901235"
    assert request["eidValue"] == f"{eid} (EID {eid})"
    assert request["rPLMN"] == "62f220 (MCC 262 MNC 02)"
    assert request["notifyStateChange"] == "present"
    wrong = texts("GetEimPackageRequest", f"bf4f125a10{eid[:-2]}99")
    assert wrong["eidValue"].endswith("its check digits are wrong)")
    sent = texts("SetNicknameRequest", golden("SetNicknameRequest"))
    assert sent["iccid"] == "989400000000000000f5 (ICCID 8949000000000000005)"


def test_an_imei_is_shown_as_digits() -> None:
    device = texts("DeviceInfo", "3012800435290611a100820853922601000000f8".replace("f8", "f8"))
    assert device["imei"] == "53922601000000f8 (352962100000008)"
    assert device["tac"] == "35290611 (53926011)"


def test_versions_numbers_and_bits_have_their_names() -> None:
    info = texts("EUICCInfo2", golden("EUICCInfo2", "treProperties"))
    assert info["svn"] == "020500 (2.5.0)"
    assert info["extCardResource/free non-volatile"] == "393216"
    assert info["treProperties"] == "isIntegrated"
    assert "additionalProfile" in info["rspCapability"]
    stranger = texts("EuiccMemoryResetRequest", "bf6404820200ff")
    assert stranger["resetOptions"].endswith("resetImmediateEnableConfig, bit 7")
    assert texts("GetEimPackageResponse", "bf4f03020105")["eimPackageError"] == "5"
    assert texts("GetEimPackageResponse", "bf4f03020101")["eimPackageError"] == (
        "noEimPackageAvailable(1)"
    )


def test_a_certificate_is_opened_whatever_tag_it_has() -> None:
    data = golden("GetCertsResponse", "eumCertificate")
    shown = lines("GetCertsResponse", data)
    opened = {one.path: one for one in shown}
    eum = opened["certs.eumCertificate/subject"]
    assert eum.text == "C=DE, O=sgprobe Test EUM, OU=TESTCERT, CN=sgprobe Test EUM"
    assert data[eum.start] == 0xA5
    assert opened["certs.euiccCertificate/EID"].text == "89049032123451234512345678901235"
    assert opened["certs.euiccCertificate/role"].text == "eUICC"
    assert len(opened["certs.euiccCertificate/key id"].text) == 40
    value = LOADED.decode("GetCertsResponse", data).value["certs"]["eumCertificate"]
    alone = texts("Certificate", value)
    assert alone["/subject"] == eum.text
    assert alone["tbsCertificate.subject.rdnSequence[0][0].value"] == "13024445 ('DE')"


def test_what_a_profile_answered_is_opened_by_its_type() -> None:
    result = texts(
        "ProfileInstallationResult", golden("ProfileInstallationResult", "successResult")
    )
    path = "profileInstallationResultData.finalResult.successResult.simaResponse"
    assert result[path] == "3007a0053003800100 (ok)"
    assert result[f"{path}/peStatus[0].status"] == "ok"
    wrong = texts(
        "CompactSuccessResult",
        "300a4f0200100404308001ff".replace("8001ff", "02800 1".replace(" ", "")),
    )
    assert wrong["simaResponse"] == "30028001"


def test_tag_lists_and_connectivity_are_opened() -> None:
    request = texts("IpaEuiccDataRequest", "bf52085c06bf20bf228381")
    assert request["tagList"].endswith("(tags BF20 BF22 83 81)")
    answer = texts(
        "GetConnectivityParametersResponse", golden("GetConnectivityParametersResponse", "3501")
    )
    path = "connectivityParameters.httpParams"
    assert answer[f"{path}/network access name"] == "internet"
    assert answer[f"{path}/bearer description"] == "03"


def test_a_hostile_leaf_is_shown_in_part() -> None:
    many = tlv("bf22", tlv("84", bytes.fromhex("810100") * 5000))
    below = [one for one in lines("EUICCInfo2", many) if one.path.startswith("extCardResource/")]
    assert len(below) == 201
    assert below[-1].text == "4800 more"
    listed = texts("IpaEuiccDataRequest", tlv("bf52", tlv("5c", b"\x5a" * 5000)))
    assert len(listed["tagList"]) < 600
    assert "(5000 octets)" in listed["tagList"]


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        ("bf6505800361 1b62", "a\\x1bb"),
        ("bf65048002c3a4", "ä"),
        ("bf65048002c285", "\\x85"),
        ("bf65058003e280ae", "\\u202e"),
        ("bf65028000", "(empty)"),
    ],
)
def test_text_cannot_move_the_cursor(octets: str, shown: str) -> None:
    assert texts("SetDefaultDpAddressRequest", octets.replace(" ", ""))["defaultDpAddress"] == shown


def test_a_name_in_a_certificate_cannot_move_the_cursor_either() -> None:
    value = LOADED.decode("GetCertsResponse", golden("GetCertsResponse", "eumCertificate")).value
    certificate = bytes.fromhex(value["certs"]["eumCertificate"]).replace(
        b"TESTCERT", b"\x1b[2JCERT"
    )
    shown = texts("Certificate", certificate)
    assert shown["/subject"] == "C=DE, O=sgprobe Test EUM, OU=\\x1b[2JCERT, CN=sgprobe Test EUM"


def test_unknown_elements_and_lists_say_what_they_are() -> None:
    shown = texts("GetEimPackageRequest", f"bf4f155a10{'89' * 16}8f017f")
    assert shown["?8f"] == "8f017f"
    assert texts("EimAcknowledgements", "bf5300")[""] == "empty"
    assert texts("EimAcknowledgements", "bf5306800101800102")[""] == "2 elements"
    assert texts("EimAcknowledgements", "bf5306800101800102")["[1]"] == "2"


def test_every_line_stands_in_its_bytes() -> None:
    for one in messages():
        if one.newest == LOADED.spec:
            for line in lines(one.type, one.data):
                assert 0 <= line.start <= line.end <= len(one.data)


def test_long_hex_is_shortened_in_the_middle() -> None:
    assert shorten("ab" * 56) == "ab" * 56
    assert shorten("ab" * 57) == "ab" * 40 + "…" + "ab" * 8 + " (57 octets)"
