"""What captures and traces are evidence of: the load (E5), the line (E8), both boots (E9, E10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from dissectors.trace.message import REQUEST, Message
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.profiles import ID_ROLE
from sgprobe.judge.chip import iccid_of
from sgprobe.judge.item import Refused, file_of, members_of, octets_of, text_of
from sgprobe.judge.plan import Plan
from sgprobe.judge.sight import Sight, SightError, see
from sgprobe.judge.usim import Step, What, steps

LONGEST_GAP = 15.0
_RSP_INTERFACES = frozenset({"ES9+", "ES9+'", "ES11", "ESipa", "ES8+"})
# ES10b.AuthenticateServer, PrepareDownload, LoadBoundProfilePackage, ES10f.IfppLoadContext
_RSP_COMMANDS = {
    b"\xbf\x38": "BF38", b"\xbf\x21": "BF21", b"\xbf\x36": "BF36", b"\xff\x41": "FF41",
}  # fmt: skip
# id-rspRole dp-tls, dp-auth, dp-pb, ds-tls, ds-auth
_RSP_ROLES = tuple(f"{ID_ROLE}.{number}" for number in range(3, 8))


def _seen(path: Path, canary: int = 0) -> Sight:
    try:
        return see(path, canary)
    except SightError as error:
        raise Refused(str(error)) from None


# --- E5 ---


@dataclass(frozen=True, slots=True)
class Context:
    """A load context as it went to the card."""

    eid: str
    iccid: str
    transaction: str
    bpp_digest: str
    time: float


@dataclass(frozen=True, slots=True)
class Load:
    """E5: what the station says of its loads, and what its trace shows."""

    # packageId, EID, ICCID and the result, as the log has them
    logged: tuple[tuple[str, str, str, bytes], ...]
    contexts: tuple[Context, ...]
    results: frozenset[bytes] = field(repr=False)
    # challenges that the station has used
    challenges: frozenset[str]
    traced: bool
    last: float

    def context(self, transaction: str) -> Context | None:
        """Return the context of a transaction."""
        return next((one for one in self.contexts if one.transaction == transaction), None)

    def loaded(self, iccid: str) -> bool:
        """Say whether the trace shows the load of a profile."""
        return any(one.iccid == iccid for one in self.contexts)


def read_load(files: Mapping[str, Path]) -> Load:
    """Return the station's log and trace; either may be absent."""
    logged = _log(octets_of(files["log"])) if "log" in files else ()
    if "trace" not in files:
        file_of(files, "log")
        return Load(logged, (), frozenset(), frozenset(), False, 0.0)
    sight = _seen(files["trace"])
    contexts, results, challenges = [], set(), set()
    for one in sight.messages:
        value = one.value if isinstance(one.value, dict) else {}
        if one.type == "IfppLoadContextRequest" and isinstance(value.get("tbs"), dict):
            tbs = value["tbs"]
            contexts.append(
                Context(
                    str(tbs.get("eid")), iccid_of(tbs.get("iccid", "")),
                    str(tbs.get("transactionId")), str(tbs.get("bppDigest")), one.time,
                )
            )  # fmt: skip
        elif one.type == "ProfileInstallationResult":
            results.add(one.octets)
        if one.kind == REQUEST and isinstance(value.get("challenge"), str):
            challenges.add(value["challenge"].lower())
    last = max((one.time for one in sight.messages), default=0.0)
    return Load(
        tuple(logged), tuple(contexts), frozenset(results), frozenset(challenges), True, last
    )


def _log(octets: bytes) -> tuple[tuple[str, str, str, bytes], ...]:
    found = []
    for number, line in enumerate(octets.splitlines(), 1):
        record = members_of(line, f"line {number} of the log")
        loads = record.get("loads")
        for one in loads if isinstance(loads, list) else []:
            if not isinstance(one, dict):
                raise Refused(f"line {number} of the log: a load is no object")
            outcome = one.get("outcome")
            text = outcome.get("euiccResult", "") if isinstance(outcome, dict) else ""
            try:
                result = bytes.fromhex(text)
            except (TypeError, ValueError):
                raise Refused(f"line {number} of the log: the result is no hex") from None
            found.append(
                (text_of(one, "packageId"), text_of(record, "eid"), text_of(one, "iccid"), result)
            )
    return tuple(found)


# --- completeness of captures ---


def completeness(sight: Sight, counters: Path | None) -> tuple[str, ...]:
    """Say what is missing before a capture can show that something was absent."""
    lacks = [f"the capture is not whole: {note}" for note in sight.notes[:3]]
    if sight.overfull or sight.gaps:
        lacks.append("the capture has holes" if sight.gaps else "the capture is too large")
    lacks += _canaries(sight)
    if counters is None:
        lacks.append("counters of the interfaces")
    else:
        members = members_of(octets_of(counters), "the counters")
        given = members.get("packets")
        counted = sum(given.values()) if isinstance(given, dict) and _counts(given) else -1
        if counted != sight.frames:
            lacks.append(f"counters that fit: {counted} packets counted, {sight.frames} captured")
    return tuple(lacks)


def _counts(value: dict[str, Any]) -> bool:
    return all(type(one) is int for one in value.values())


def _canaries(sight: Sight) -> list[str]:
    if not sight.canaries:
        return ["canary packets: without them an empty capture shows nothing"]
    times = [sight.first, *(time for time, _ in sight.canaries), sight.last]
    lacks = []
    longest = max(after - before for before, after in pairwise(times))
    if longest > LONGEST_GAP:
        lacks.append(f"a canary every 10 s: {longest:.0f} s are without")
    numbers = [number for _, number in sight.canaries]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        lacks.append("canaries one after the other: numbers are missing")
    begun = [one.command_time for one in sight.cards[:1]] + [one.begun for one in sight.talks[:1]]
    if begun and sight.canaries[0][0] > min(begun):
        lacks.append("a canary before the device does anything")
    return lacks


# --- E8 ---


@dataclass(frozen=True, slots=True)
class LineCapture:
    """E8: whether the line talked to anybody while it loaded."""

    strangers: tuple[str, ...]
    lacks: tuple[str, ...]


def read_line_capture(files: Mapping[str, Path], plan: Plan) -> LineCapture:
    """Return what the network of the line shows."""
    sight = _seen(file_of(files, "capture"), plan.canary)
    strangers = {str(one.peer) for one in sight.talks if not _is_known(one.flow, plan)}
    return LineCapture(tuple(sorted(strangers)), completeness(sight, files.get("counters")))


def _is_known(flow: Any, plan: Plan) -> bool:
    return flow.client.host in plan.known or flow.server.host in plan.known


# --- E9 ---


@dataclass(frozen=True, slots=True)
class Shielded:
    """E9: whether the enabled USIM answers the operator's vector with no network around."""

    iccid: str
    imsi: str
    ok: bool
    # no USIM answers at all; a wrong answer is something else
    dead: bool
    why: str


def read_shielded(files: Mapping[str, Path]) -> Shielded:
    """Return what came of the shielded boot."""
    vector = members_of(octets_of(file_of(files, "vector")), "the vector")
    try:
        rand, autn, res = (bytes.fromhex(text_of(vector, one)) for one in ("rand", "autn", "res"))
    except ValueError:
        raise Refused("the vector is no hex") from None
    if len(rand) != 16 or len(autn) != 16 or not 4 <= len(res) <= 16:
        raise Refused("the vector has not the lengths of 3GPP TS 33.102")
    sight = _seen(file_of(files, "trace"))
    if sight.talks:
        raise Refused("the shield was not tight: the trace has network traffic")
    asked = b"\x10" + rand + b"\x10" + autn
    seen = list(steps(sight.cards))
    iccid = next((one.value for one in reversed(seen) if one.what is What.ICCID), "")
    imsi = next((one.value for one in reversed(seen) if one.what is What.IMSI), "")
    tried = [one for one in seen if one.challenge == asked]
    if not tried:
        # a card without an enabled profile has no USIM to ask
        dead = bool(sight.cards) and not any(one.what is What.ANSWER for one in seen)
        return Shielded(iccid, imsi, False, dead, "the vector was never given to a USIM")
    last = tried[-1]
    if last.what is What.NO_ANSWER:
        return Shielded(iccid, imsi, False, True, f"AUTHENTICATE was answered {last.value}")
    if last.response != res:
        return Shielded(iccid, imsi, False, False, "RES is not the operator's")
    return Shielded(last.iccid, last.imsi, True, False, "RES is right")


# --- E10 ---


@dataclass(frozen=True, slots=True)
class Boot:
    """E10: what happened from power-on to the first function."""

    # when the first function succeeded; None: never
    reached: float | None
    iccid: str
    # ICCIDs and IMSIs that authenticated before
    iccids: tuple[str, ...]
    imsis: tuple[str, ...]
    traffic: tuple[str, ...]
    # flows before the first function that nobody can account for
    strangers: tuple[str, ...]
    lacks: tuple[str, ...]
    # ICCIDs that were installed during the capture, or downloads of what is not told
    installed: frozenset[str]
    downloads: int


def read_boot(files: Mapping[str, Path], plan: Plan) -> Boot:
    """Return what the open first boot shows."""
    sight = _seen(file_of(files, "capture"), plan.canary)
    reached = _reached(sight, plan)
    end = float("inf") if reached is None else reached
    before = [one for one in steps(sight.cards) if one.time <= end]
    lacks = completeness(sight, files.get("counters"))
    imsis = [one.imsi for one in before if one.what is What.ANSWER and one.imsi]
    cell = _cell(files.get("cell"), end)
    if cell is None:
        lacks += ("the log of the cell simulator",)
    else:
        imsis += cell
    iccids = [one.iccid for one in before if one.what is What.ANSWER and one.iccid]
    iccid = next((one.value for one in reversed(before) if one.what is What.ICCID), "")
    return Boot(
        reached,
        iccid,
        tuple(dict.fromkeys(iccids)),
        tuple(dict.fromkeys(imsis)),
        tuple(dict.fromkeys([*_traffic(sight, end), *_changes(before)])),
        _strangers(sight, plan, end),
        lacks,
        *_installed(sight),
    )


def _reached(sight: Sight, plan: Plan) -> float | None:
    purpose = plan.purpose
    if purpose is None:
        return None
    times = [
        one.answered
        for one in sight.talks
        if one.answered is not None
        and one.flow.transport == purpose.transport
        and (one.peer.host, one.peer.port) == (purpose.address, purpose.port)
    ]
    return min(times, default=None)


def _cell(path: Path | None, end: float) -> list[str] | None:
    """Return the IMSIs that the cell saw, None where there is no log of it."""
    if path is None:
        return None
    found: list[str] = []
    lines = octets_of(path).splitlines()
    for number, line in enumerate(lines, 1):
        record = members_of(line, f"line {number} of the cell log")
        time, imsi = record.get("time"), record.get("imsi")
        if isinstance(time, int | float) and time <= end and isinstance(imsi, str):
            found.append(imsi)
    return found if lines else None


def _traffic(sight: Sight, end: float) -> list[str]:
    found = []
    for one in sight.messages:
        if one.time > end or one.kind != REQUEST:
            continue
        if one.transport == "apdu":
            tag = _RSP_COMMANDS.get(one.octets[:2])
            if tag:
                found.append(f"{one.function} ({tag}) to the card")
        elif one.interface in _RSP_INTERFACES:
            found.append(f"{one.interface} {one.function} to {one.dst}")
    for session in sight.sessions:
        if session.time <= end and _is_rsp_server(session.certificates[1]):
            name = session.server_name or str(session.flow.server)
            found.append(f"TLS to {name}, whose certificate is that of an RSP server")
    return found


def _is_rsp_server(chain: tuple[bytes, ...]) -> bool:
    try:
        leaf = read_certificate(chain[0]) if chain else None
    except CertificateError:
        return False
    return leaf is not None and any(one in _RSP_ROLES for one in leaf.policies)


def _changes(before: list[Step]) -> list[str]:
    """Return what came over the air to the card and changed who it is."""
    found = []
    heard = False
    imsis: dict[str, str] = {}
    for one in before:
        if one.what is What.OTA:
            heard = True
            found.append("SMS with OTA data to the card")
        elif one.what is What.SWAP:
            found.append("the IMSI was written")
        elif one.what is What.REFRESH and heard:
            found.append("REFRESH after OTA data")
        elif one.what is What.IMSI and imsis.setdefault(one.iccid, one.value) != one.value:
            found.append("another IMSI under the same ICCID")
    return found


def _strangers(sight: Sight, plan: Plan, end: float) -> tuple[str, ...]:
    told = {one.flow for one in sight.messages}
    purpose = plan.purpose
    found: dict[str, None] = {}
    for one in sight.talks:
        ours = purpose is not None and (one.peer.host, one.peer.port) == (
            purpose.address,
            purpose.port,
        )
        if one.begun <= end and not (ours or _is_known(one.flow, plan) or one.flow.number in told):
            found[f"{one.flow.transport} to {one.peer}"] = None
    return tuple(found)


def _installed(sight: Sight) -> tuple[frozenset[str], int]:
    found, downloads = set(), 0
    for one in sight.messages:
        if one.transport != "apdu":
            continue
        downloads += one.kind == REQUEST and one.octets[:2] in (b"\xbf\x36", b"\xbf\x21")
        if one.type == "ProfileInstallationResult":
            iccid = _successful(one)
            if iccid:
                found.add(iccid)
    return frozenset(found), downloads


def _successful(message: Message) -> str:
    value: Any = message.value
    try:
        data = value["profileInstallationResultData"]
        if "successResult" in data["finalResult"]:
            return iccid_of(data["notificationMetadata"].get("iccid", ""))
    except (TypeError, KeyError, AttributeError):
        pass
    return ""
