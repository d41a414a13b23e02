"""Evidence on paper: order, answer and custody, preload statement, loading report and verdict."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from sgprobe.crypto import keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CryptoError
from sgprobe.judge.item import Refused, file_of, members_of, octets_of, text_of
from sgprobe.judge.rules import KEPT
from sgprobe.peers.rules import Rules

SPEC = "IFPP@0"
ALGORITHM = "ecdsa-sha256-plain"
_FACTORY = "device-factory"
_MOST_CERTIFICATES = 8


def _base64(members: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(members.get(name, ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refused(f"'{name}' is no base64") from None


def _signed_by_operator(
    members: dict[str, Any], name: str, key: bytes
) -> tuple[bytes, dict[str, Any]]:
    """Return what the operator has signed, as octets and as members."""
    body = _base64(members, name)
    if members.get("alg") != ALGORITHM:
        raise Refused(f"alg is not {ALGORITHM}")
    try:
        genuine = keys.verify(keys.public_from_spki(key), _base64(members, "signature"), body)
    except CryptoError as error:
        raise Refused(f"the operator's key cannot be used: {error}") from None
    if not genuine:
        raise Refused("it is not signed with the operator's key")
    return body, members_of(body, f"'{name}'")


@dataclass(frozen=True, slots=True)
class Order:
    """E1: what the operator has ordered; the ranges are the SM-DPf's answer to it."""

    id: str
    network: str
    ranges: tuple[tuple[str, str], ...]

    def covers(self, iccid: str) -> bool:
        """Say whether an ICCID is one of the order's; the last digit is a check digit."""
        return any(
            len(iccid) == len(first) and first[:-1] <= iccid[:-1] <= last[:-1]
            for first, last in self.ranges
        )


def read_order(files: Mapping[str, Path], key: bytes) -> Order:
    """Return the order, if the operator has signed it."""
    members = members_of(octets_of(file_of(files, "order")), "the order")
    body, asked = _signed_by_operator(members, "order", key)
    digest = members.get("digest")
    if digest is not None and digest != hashlib.sha256(body).hexdigest():
        raise Refused("the digest is not that of the order")
    given = members.get("iccidRanges")
    ranges = []
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict):
            ranges.append((text_of(one, "first"), text_of(one, "last")))
    name = asked.get("orderId") or members.get("orderId")
    if not isinstance(name, str) or not name:
        raise Refused("the order has no orderId")
    if members.get("orderId", name) != name:
        raise Refused("the answer is about another order than the signed one")
    return Order(name, str(asked.get("mccMnc", "")), tuple(ranges))


@dataclass(frozen=True, slots=True)
class Answer:
    """E11: what the operator says of an order."""

    order: str
    active: frozenset[str]
    # ICCID, EID and digest of the result, as the SM-DPf has told them
    installed: tuple[tuple[str, str, str], ...]


def read_answer(files: Mapping[str, Path], key: bytes) -> Answer:
    """Return the operator's answer, if it has signed it."""
    members = members_of(octets_of(file_of(files, "answer")), "the answer")
    _, told = _signed_by_operator(members, "answer", key)
    installed = [
        (str(one.get("iccid", "")), str(one.get("eid", "")), str(one.get("result", "")))
        for one in _objects(told.get("provenInstalled"))
    ]
    active = told.get("active")
    named = frozenset(map(str, active)) if isinstance(active, list) else frozenset()
    return Answer(text_of(told, "orderId"), named, tuple(installed))


def _objects(value: object) -> Iterable[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Custody:
    """E13: where the device was when it was sealed."""

    eid: str
    place: str
    factory: str
    sealed: datetime

    @property
    def at_factory(self) -> bool:
        """Say whether that was the factory of the device."""
        return self.place == _FACTORY


def read_custody(files: Mapping[str, Path]) -> Custody:
    """Return the custody record."""
    members = members_of(octets_of(file_of(files, "custody")), "the custody record")
    sealed = text_of(members, "sealed")
    try:
        moment = datetime.fromisoformat(sealed)
    except ValueError:
        raise Refused("'sealed' is no time") from None
    if moment.tzinfo is None:
        raise Refused("'sealed' is a time without its zone")
    text_of(members, "serial")
    return Custody(
        text_of(members, "eid"), text_of(members, "place"), text_of(members, "factory"), moment
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """E14: what the EUM says it has put in."""

    eid: str
    iccid: str


def read_statement(
    files: Mapping[str, Path], anchors: Sequence[Anchor], rules: Rules = KEPT
) -> Statement:
    """Return the preload statement, if a certified EUM has signed it."""
    members = members_of(octets_of(file_of(files, "statement")), "the statement")
    body = _base64(members, "statement")
    shown = members.get("certificates")
    if not isinstance(shown, list) or not 0 < len(shown) <= _MOST_CERTIFICATES:
        raise Refused("'certificates' is missing")
    try:
        path = [read_certificate(_base64({"c": one}, "c")) for one in shown]
        report = verify(path, anchors, Need("eum"))
        if not report.ok:
            raise Refused(f"the certificate of the EUM fails {report.failures[0].rule}")
        key = path[0].public_key
        genuine = key is not None and keys.verify(key, _base64(members, "signature"), body)
    except CryptoError as error:
        raise Refused(str(error)) from None
    if not genuine and rules.on("JUDGE.STATEMENT-SIGNED"):
        raise Refused("it is not signed by the EUM")
    told = members_of(body, "'statement'")
    return Statement(text_of(told, "eid"), text_of(told, "iccid"))


@dataclass(frozen=True, slots=True)
class Reported:
    """One item of a loading report that has a result of the eUICC, and the SM-DPf's verdict."""

    package: str
    eid: str
    iccid: str
    result: bytes
    verdict: str


def read_report(files: Mapping[str, Path]) -> tuple[Reported, ...]:
    """Return the items of a loading report with what the SM-DPf says of each. IFPP §7."""
    raw = octets_of(file_of(files, "report"))
    decoded = codec.load(SPEC).decode("ProfileLoadingReport", raw)
    if decoded.value is None or not decoded.ok:
        raise Refused("the loading report cannot be read")
    members = members_of(octets_of(file_of(files, "verdict")), "the verdict")
    if members.get("reportId") != decoded.value["header"]["reportId"]:
        raise Refused("the verdict is about another report")
    verdicts = {
        (one.get("sequence"), one.get("packageId")): str(one.get("verdict", ""))
        for one in _objects(members.get("items"))
        if isinstance(one.get("sequence"), int) and isinstance(one.get("packageId"), str)
    }
    return tuple(
        Reported(
            one["packageId"],
            one["eid"],
            one["iccid"],
            bytes.fromhex(one["outcome"].get("euiccResult", "")),
            verdicts.get((one["sequence"], one["packageId"]), ""),
        )
        for one in decoded.value["items"]
    )
