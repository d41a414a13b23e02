"""Message bodies for captures: golden messages by id, their JSON forms, long ones."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
EID = "89049032123451234512345678901235"

# what an IPA and an eIM say in one version: request and answer, by the ids of golden messages
POLLS: dict[str, list[tuple[str, str]]] = {
    "1.0.1": [
        ("esipa-packages/005", "esipa-packages/007"),
        ("esipa-packages/036", "esipa-packages/056"),
        ("esipa-packages/001", "esipa-packages/022"),
        ("esipa-packages/039", "esipa-packages/049"),
        ("esipa-download/064", ""),
        ("esipa-packages/001", "esipa-packages/028"),
    ],
    "1.1": [
        ("esipa-packages/003", "esipa-packages/008"),
        ("esipa-packages/033", "esipa-packages/051"),
        ("esipa-packages/001", "esipa-packages/020"),
        ("esipa-packages/037", "esipa-packages/049"),
        ("esipa-download/061", ""),
        ("esipa-packages/001", "esipa-packages/029"),
    ],
    "1.2": [
        ("esipa-packages/004", "esipa-packages/016"),
        ("esipa-packages/035", "esipa-packages/050"),
        ("esipa-packages/001", "esipa-packages/023"),
        ("esipa-packages/042", "esipa-packages/052"),
        ("esipa-download/063", ""),
        ("esipa-packages/001", "esipa-packages/028"),
    ],
    "1.3": [
        ("esipa-packages/002", "esipa-packages/017"),
        ("esipa-packages/033", "esipa-packages/049"),
        ("esipa-packages/001", "esipa-packages/012"),
        ("esipa-packages/038", "esipa-packages/049"),
        ("esipa-download/062", ""),
        ("esipa-packages/001", "esipa-packages/028"),
    ],
}
# a short exchange, for captures that show something else
SHORT = [("esipa-packages/001", "esipa-packages/006"), ("esipa-packages/033", "esipa-packages/049")]
DOWNLOAD = [
    ("esipa-download/002", "esipa-download/006"),
    ("esipa-download/016", "esipa-download/024"),
    ("esipa-download/035", "esipa-download/039"),
    ("esipa-download/054", ""),
    ("esipa-download/048", "esipa-download/052"),
]
INJECTION = [
    ("esipa-packages/057", "esipa-packages/061"),
    ("esipa-packages/059", "esipa-packages/065"),
    ("esipa-packages/060", "esipa-packages/069"),
]


@cache
def golden() -> dict[str, dict[str, Any]]:
    """Return all golden messages by id."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted((VECTORS / "messages").glob("*.json")):
        for row in json.loads(path.read_text()).get("messages", ()):
            rows[row["id"]] = row
    return rows


def body(name: str) -> bytes:
    """Return the bytes of a golden message; no name, no bytes."""
    return bytes.fromhex(golden()[name]["hex"]) if name else b""


def tlv(tag: str, *content: bytes) -> bytes:
    """Return one DER element."""
    octets = b"".join(content)
    size = len(octets)
    length = bytes([size]) if size < 128 else b""
    if not length:
        raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(raw)]) + raw
    return bytes.fromhex(tag) + length + octets


def elements(octets: bytes) -> list[tuple[str, bytes, bytes]]:
    """Return tag, content and whole of the elements that stand side by side."""
    out, at = [], 0
    while at < len(octets):
        start = at
        at += 1
        if octets[start] & 31 == 31:
            while octets[at] & 128:
                at += 1
            at += 1
        tag = octets[start:at].hex().upper()
        size = octets[at]
        at += 1
        if size & 128:
            count = size & 127
            size = int.from_bytes(octets[at : at + count], "big")
            at += count
        out.append((tag, octets[at : at + size], octets[start : at + size]))
        at += size
    return out


def parts(octets: bytes, *path: int) -> list[tuple[str, bytes, bytes]]:
    """Return the elements at a path of indices, such as those inside the first one."""
    found = elements(octets)
    for index in path:
        found = elements(found[index][1])
    return found


def wrapped(name: str) -> bytes:
    """Return a message in the wrapper of the ES9+ ASN.1 binding."""
    return tlv("A2", body(name))


def long_package(segments: int) -> bytes:
    """Return a GetBoundProfilePackageResponseEsipa with so many segments of the profile."""
    transaction, package = parts(body("esipa-download/039"), 0, 0)
    pieces = elements(package[1])
    profile = b"".join(tlv("86", bytes([number]) * 1008) for number in range(segments))
    bound = tlv("BF36", *(whole for _, _, whole in pieces[:-1]), tlv("A3", profile))
    return tlv("BF3A", tlv("A0", transaction[2], bound))


# --- JSON ---


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def as_json(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def done(**members: Any) -> bytes:
    """Return an answer of a JSON binding that succeeded."""
    return as_json(
        {"header": {"functionExecutionStatus": {"status": "Executed-Success"}}} | members
    )


def failed(subject: str, reason: str, message: str = "") -> bytes:
    """Return an answer of a JSON binding that failed."""
    status = {"subjectCode": subject, "reasonCode": reason, "message": message}
    header = {"functionExecutionStatus": {"status": "Failed", "statusCodeData": status}}
    return as_json({"header": header})


def json_download(esipa: bool) -> list[tuple[str, bytes, bytes]]:
    """Return function, request and answer of a download, in the JSON of ESipa or of ES9+."""
    initiate = parts(body("es9plus/001"), 0)  # challenge, address, BF20
    challenge, info = initiate[0][1], next(w for t, _, w in initiate if t == "BF20")
    server = parts(body("es9plus/002"), 0, 0)  # transaction, signed, signature, key id, certificate
    key_id = "euiccCiPKIdentifierToBeUsed" if esipa else "euiccCiPKIdToBeUsed"
    transaction = server[0][1].hex().upper()
    client = parts(body("es9plus/004"), 0)
    metadata = parts(body("es9plus/006"), 0, 0)
    prepared = parts(body("es9plus/021"), 0)
    package = parts(body("es9plus/022"), 0, 0)
    notification = parts(body("es9plus/031"), 0, 0)
    cancelled = parts(body("es9plus/033"), 0)
    asked = {"euiccChallenge": b64(challenge), "euiccInfo1": b64(info)}
    if not esipa:
        asked["smdpAddress"] = "smdpplus.example.com"
    return [
        (
            "initiateAuthentication",
            as_json(asked),
            done(
                transactionId=transaction,
                serverSigned1=b64(server[1][2]),
                serverSignature1=b64(server[2][2]),
                **{key_id: b64(server[3][2])},
                serverCertificate=b64(server[4][2]),
            ),
        ),
        (
            "authenticateClient",
            as_json(
                {"transactionId": transaction, "authenticateServerResponse": b64(client[1][2])}
            ),
            done(
                transactionId=transaction,
                profileMetadata=b64(metadata[1][2]),
                smdpSigned2=b64(metadata[2][2]),
                smdpSignature2=b64(metadata[3][2]),
                smdpCertificate=b64(metadata[4][2]),
            ),
        ),
        (
            "getBoundProfilePackage",
            as_json({"transactionId": transaction, "prepareDownloadResponse": b64(prepared[1][2])}),
            done(transactionId=transaction, boundProfilePackage=b64(package[1][2])),
        ),
        ("handleNotification", as_json({"pendingNotification": b64(notification[0][2])}), b""),
        (
            "cancelSession",
            as_json(
                {
                    "transactionId": transaction,
                    "cancelSessionResponse": b64(tlv("BF41", cancelled[1][1])),
                }
            ),
            done(),
        ),
    ]


def json_packages() -> list[tuple[str, bytes, bytes]]:
    """Return function, request and answer of the JSON of ESipa that polls and reports."""
    package = parts(body("esipa-packages/006"), 0)[0][2]
    result = parts(body("esipa-packages/033"), 0)[1][2]
    acknowledged = parts(body("esipa-packages/049"), 0)[0][2]
    trigger = parts(body("esipa-packages/023"), 0)[0][2]
    return [
        ("getEimPackage", as_json({"eidValue": EID}), done(euiccPackageRequest=b64(package))),
        (
            "provideEimPackageResult",
            as_json({"eidValue": EID, "eimPackageResult": b64(result)}),
            done(eimAcknowledgements=b64(acknowledged)),
        ),
        (
            "getEimPackage",
            as_json({"eidValue": EID, "notifyStateChange": True, "stateChangeCause": 1}),
            done(profileDownloadTriggerRequest=b64(trigger)),
        ),
        ("getEimPackage", as_json({"eidValue": EID}), done(eimPackageError=1)),
        ("getEimPackage", as_json({"eidValue": EID}), failed("8.1.1", "3.9", "EID unknown")),
    ]
