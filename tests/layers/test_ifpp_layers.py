"""Packets of in-factory provisioning: the card's commands, objects, and JSON with DER inside."""

import base64
import json

from layer_rows import octets, valid_of

from dissectors.layers import apdu, es2f, es10f, esbpp, esed1
from dissectors.layers.json_message import JsonMessage
from dissectors.layers.workbench import names

BATCH = valid_of("EuiccDataBatch")[0]
REPORT = valid_of("ProfileLoadingReport")[0]
STATE = valid_of("GetSignedIfppStateResponse")[0]
HEADER = {"functionRequesterIdentifier": "DM", "functionCallIdentifier": "1"}


def text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_a_command_of_es10f_in_store_data() -> None:
    packet = apdu.StoreData() / es10f.GetIfppInfoRequest(bindingVersion="v0")
    assert bytes(packet).hex() == "80e2910006ff4003800100"
    again = apdu.Apdu(bytes(packet))
    assert type(again.payload) is es10f.GetIfppInfoRequest
    answer = apdu.ApduResponse(bytes.fromhex("ff4105a1038101079000"))
    assert type(answer.payload) is es10f.IfppLoadContextResponse
    assert answer.payload.value() == {"error": {"code": "otkConsumed"}}


def test_objects_are_packets() -> None:
    for row, made in ((BATCH, esed1.EuiccDataBatch), (REPORT, esbpp.ProfileLoadingReport)):
        packet = made(octets(row))
        assert packet.problems == ()
        assert packet.value() == row["value"]
        assert bytes(made(**row["value"])) == octets(row)


def test_der_in_json_is_opened_and_closed_again() -> None:
    for made, name, row in (
        (esed1.Esed1DeliverEuiccDataRequestJson, "batch", BATCH),
        (esbpp.EsbppReportLoadingRequestJson, "report", REPORT),
    ):
        raw = text({"header": HEADER, name: b64(octets(row))})
        packet = made(raw)
        assert packet.problems == ()
        assert packet.value()[name] == row["value"]
        assert bytes(packet) == raw
        assert bytes(made(header=HEADER, **{name: row["value"]})) == raw


def test_der_in_lists_is_opened_too() -> None:
    one = {"iccid": "1", "evidence": b64(octets(STATE))}
    closed = {"iccid": "2", "evidence": b64(bytes.fromhex("ff4403810110"))}
    raw = text({"header": HEADER, "removals": [one, closed]})
    packet = esbpp.EsbppReportRemovalsRequestJson(raw)
    told = packet.value()["removals"]
    assert told[0]["evidence"] == STATE["value"]
    assert told[1]["evidence"] == "ff4403810110"
    assert bytes(packet) == raw
    requests = esbpp.EsbppRequestPackagesRequestJson(text({"euiccData": [b64(octets(BATCH))]}))
    assert requests.value()["euiccData"] == [BATCH["value"]]


def test_plain_json_stays_as_it_is() -> None:
    raw = text({"header": HEADER, "orderId": "O-1", "entries": [{"eid": "8904"}]})
    packet = es2f.Es2fOrderProfilesRequestJson(raw)
    assert bytes(packet) == raw
    assert packet.problems == ()


def test_the_workbench_has_them() -> None:
    found = names()
    for name in ("GetIfppInfoRequest", "PreboundPackage", "EuiccDataBatch"):
        assert name in found
    assert issubclass(found["EsbppShowGapsResponseJson"], JsonMessage)
