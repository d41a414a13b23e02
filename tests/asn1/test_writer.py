"""What an encoder says of a value that does not fit: the member, and what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from dissectors.asn1 import codec
from dissectors.asn1.codec import EncodeError

LOADED = codec.load("SGP.32@1.3")
EID = "89049032123451234512345678901235"
META = {"iccid": "98" * 10, "serviceProviderName": "", "profileName": ""}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("GetEimPackageRequest", {}, "eidValue: mandatory, but not given"),
        ("GetEimPackageRequest", [], "value: expected an object, got a list"),
        ("GetEimPackageRequest", {"eidValue": "89"}, "eidValue: 1 octets, SIZE is 16"),
        ("GetEimPackageRequest", {"eidValue": 89}, "eidValue: 89: expected hex"),
        ("GetEimPackageRequest", {"eidValue": "zz"}, "eidValue: 'zz': expected hex"),
        ("GetEimPackageRequest", {"eidValue": EID, "eid": 1},
         "eid: no such member; known are eidValue, notifyStateChange, stateChangeCause, rPLMN"),
        ("GetEimPackageRequest", {"eidValue": EID, "notifyStateChange": True},
         "notifyStateChange: expected null, got true or false"),
        ("GetEimPackageRequest", {"eidValue": EID, "?8f": "8f"}, "'8f': not one element of tag"),
        ("GetEimPackageRequest", {"eidValue": EID, "?8f": "8e00"}, "?8f: '8e00': not one element"),
        ("GetEimPackageRequest", {"eidValue": EID, "?x": "8e00"}, "?x: '8e00': expected a"),
        ("GetEimPackageResponse", {}, "value: expected an object with one of: euiccPackageReq"),
        ("GetEimPackageResponse", {"a": 1}, "value: no alternative 'a'; known are euiccPackage"),
        ("GetEimPackageResponse", {"eimPackageError": "x"},
         "eimPackageError: 'x': expected a number or one of: noEimPackageAvailable, eidNotFound"),
        ("SequenceNumber", 1.5, "value: 1.5: expected a number"),
        ("SequenceNumber", True, "value: True: expected a number"),
        ("EimAcknowledgements", {"a": 1}, "value: expected a list, got an object"),
        ("EimAcknowledgements", [1, "x"], "[1]: 'x': expected a number"),
        ("ProfileRollbackRequest", {"refreshFlag": 1}, "refreshFlag: expected true or false"),
        ("EuiccMemoryResetRequest", {"resetOptions": "e0"}, "the last named bit is zero"),
        ("EuiccMemoryResetRequest", {"resetOptions": {"value": "e0", "length": 9}},
         "resetOptions: {'value': 'e0', 'length': 9}: value and length do not agree"),
        ("EuiccMemoryResetRequest", {"resetOptions": {"value": "ff", "length": 3}},
         "bits after the length are not zero"),
        ("EuiccMemoryResetRequest", {"resetOptions": 5}, 'expected {"value": hex, "length": bits}'),
        ("SetDefaultDpAddressRequest", {"defaultDpAddress": 5}, "defaultDpAddress: expected text"),
        ("SetDefaultDpAddressRequest", {"defaultDpAddress": "\ud800"},
         "defaultDpAddress: '\\ud800': not a UTF8String"),
        ("StoreMetadataRequest", {**META, "profileName": "x" * 65}, "profileName: 65 chara"),
        ("ConfigureISDPRequest", {"dpProprietaryData": {"dpOid": "2"}}, "2 is no object ident"),
        ("ConfigureISDPRequest", {"dpProprietaryData": {"dpOid": "1.40"}}, "1.40 is no object"),
        ("ConfigureISDPRequest", {"dpProprietaryData": {"dpOid": "1.x"}}, "dpOid: '1.x': "),
        ("GetCertsResponse", {"certs": {"eumCertificate": "zz", "euiccCertificate": ""}},
         "certs.eumCertificate: 'zz': expected the DER of a Certificate as hex"),
        ("GetCertsResponse", {"certs": {"eumCertificate": "3001", "euiccCertificate": ""}},
         "certs.eumCertificate: '3001': "),
        ("VendorSpecificExtension", [{"vendorOid": "1.2", "vendorSpecificData": "0500ff"}],
         "[0].vendorSpecificData: '0500ff': not one TLV"),
        ("Time", {"utcTime": "2501010000Z"}, "utcTime: '2501010000Z': expected a UTCTime in Z"),
        ("AttributeTypeAndValue", {"type": "2.5.4.3"}, "value: mandatory, but not given"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_where_it_is_wrong(kind: str, value: Any, said: str) -> None:
    with pytest.raises(EncodeError) as caught:
        LOADED.encode(kind, value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_number_that_python_would_not_print() -> None:
    with pytest.raises(EncodeError, match="an integer of 40001 bits: a number of more than 256"):
        LOADED.encode("SequenceNumber", 1 << 40_000)


def test_the_path_of_a_member_deep_inside() -> None:
    value = {"euiccPackageRequest": {"euiccPackageSigned": {
        "eimId": "a", "eidValue": EID, "counterValue": 1,
        "euiccPackage": {"psmoList": [{"getRAT": {}}, {"enable": {"iccid": "98"}}]}},
        "eimSignature": "00" * 64}}  # fmt: skip
    with pytest.raises(EncodeError) as caught:
        LOADED.encode("GetEimPackageResponse", value)
    assert caught.value.path == (
        "euiccPackageRequest.euiccPackageSigned.euiccPackage.psmoList[1].enable.iccid"
    )
    assert caught.value.text == "1 octets, SIZE is 10"


def test_a_default_is_left_out_whatever_its_form() -> None:
    plain = LOADED.encode("StoreMetadataRequest", META)
    for form in ("operational", 2):
        assert LOADED.encode("StoreMetadataRequest", {**META, "profileClass": form}) == plain
    assert LOADED.encode("StoreMetadataRequest", {**META, "profileClass": 1}).endswith(b"\x95\1\1")
    assert LOADED.encode("ProfileInfo", {"fallbackAttribute": False}) == b"\xe3\x00"


def test_members_may_come_in_any_order() -> None:
    value = {"stateChangeCause": 1, "notifyStateChange": None, "eidValue": EID}
    octets = LOADED.encode("GetEimPackageRequest", value)
    assert octets == bytes.fromhex(f"bf4f175a10{EID}8000810101")
    strange = {"?8f": "8f00", **value}
    assert LOADED.encode("GetEimPackageRequest", strange) == bytes.fromhex(
        f"bf4f198f005a10{EID}8000810101"
    )


def test_a_set_is_written_in_its_order() -> None:
    names = [{"type": "2.5.4.3", "value": one} for one in ("0c0142", "0c0141", "0c0143")]
    octets = LOADED.encode("RelativeDistinguishedName", names)
    read = LOADED.decode("RelativeDistinguishedName", octets)
    assert read.findings == ()
    assert [one["value"] for one in read.value] == ["0c0141", "0c0142", "0c0143"]


def test_a_changed_decoded_value_is_encoded_anew() -> None:
    octets = bytes.fromhex("bf4f8103020101")
    decoded = LOADED.decode("GetEimPackageResponse", octets)
    assert LOADED.encode("GetEimPackageResponse", decoded) == octets
    decoded.value["eimPackageError"] = "eidNotFound"
    assert LOADED.encode("GetEimPackageResponse", decoded).hex() == "bf4f03020102"


def test_what_a_reader_kept_can_be_written_again() -> None:
    for octets in ("bf4f03850101", "bf4f049f850100"):
        decoded = LOADED.decode("GetEimPackageResponse", bytes.fromhex(octets))
        assert [*decoded.value] == ["?"]
        assert LOADED.encode("GetEimPackageResponse", decoded.value).hex() == octets


def test_an_unknown_type_is_told_with_the_near_ones() -> None:
    with pytest.raises(KeyError, match="did you mean GetEimPackageRequest"):
        LOADED.encode("getEimPackageRequest", {})
    with pytest.raises(KeyError, match=r"SGP\.32@1\.3 has it"):
        codec.load("SGP.22@2.7").encode("GetEimPackageRequest", {})
