"""What both boots show: the one in a shield (E9), and the one in a cell (E10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissectors.trace.message import REQUEST, Message
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.profiles import ID_ROLE
from sgprobe.judge.chip import State, iccid_of, parse_state
from sgprobe.judge.item import Refused, file_of, members_of, octets_of, text_of
from sgprobe.judge.plan import Plan
from sgprobe.judge.rules import KEPT
from sgprobe.judge.sight import Sight, Talk
from sgprobe.judge.usim import Step, What, steps
from sgprobe.judge.whole import completeness, is_known, seen
from sgprobe.peers.rules import Rules

_RSP_INTERFACES = frozenset({"ES9+", "ES9+'", "ES11", "ESipa", "ES8+"})
# ES10b.AuthenticateServer, PrepareDownload, LoadBoundProfilePackage, ES10f.IfppLoadContext
_RSP_COMMANDS = {
    b"\xbf\x38": "BF38", b"\xbf\x21": "BF21", b"\xbf\x36": "BF36", b"\xff\x41": "FF41",
}  # fmt: skip
# a state costs three signatures to check
_MOST_STATES = 16
# id-rspRole dp-tls, dp-auth, dp-pb, ds-tls, ds-auth
_RSP_ROLES = tuple(f"{ID_ROLE}.{number}" for number in range(3, 8))


@dataclass(frozen=True, slots=True)
class Shielded:
    """E9: whether the enabled USIM answers the operator's vector with no network around."""

    iccid: str
    imsi: str
    ok: bool
    # no USIM answers at all; a wrong answer is something else
    dead: bool
    why: str


def read_shielded(files: Mapping[str, Path], rules: Rules = KEPT) -> Shielded:
    """Return what came of the shielded boot."""
    vector = members_of(octets_of(file_of(files, "vector")), "the vector")
    try:
        rand, autn, res = (bytes.fromhex(text_of(vector, one)) for one in ("rand", "autn", "res"))
    except ValueError:
        raise Refused("the vector is no hex") from None
    if len(rand) != 16 or len(autn) != 16 or not 4 <= len(res) <= 16:
        raise Refused("the vector has not the lengths of 3GPP TS 33.102")
    sight = seen(file_of(files, "trace"))
    if sight.talks:
        raise Refused("the shield was not tight: the trace has network traffic")
    asked = b"\x10" + rand + b"\x10" + autn
    told = list(steps(sight.cards))
    iccid = next((one.value for one in reversed(told) if one.what is What.ICCID), "")
    imsi = next((one.value for one in reversed(told) if one.what is What.IMSI), "")
    tried = [one for one in told if one.challenge == asked]
    if not tried:
        # a card without an enabled profile has no USIM to ask
        dead = bool(sight.cards) and not any(one.what is What.ANSWER for one in told)
        return Shielded(iccid, imsi, False, dead, "the vector was never given to a USIM")
    last = tried[-1]
    if last.what is What.NO_ANSWER:
        return Shielded(iccid, imsi, False, True, f"AUTHENTICATE was answered {last.value}")
    if last.response != res and rules.on("JUDGE.RES"):
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
    # ICCIDs that were installed during the capture
    installed: frozenset[str]
    # what the eUICC has signed on the way, in the order of its counter
    states: tuple[State, ...] = ()


def read_boot(files: Mapping[str, Path], plan: Plan, anchors: Sequence[Anchor] = ()) -> Boot:
    """Return what the open first boot shows."""
    rules = plan.rules
    sight = seen(file_of(files, "capture"), plan.canary)
    reached = _reached(sight, plan)
    end = float("inf") if reached is None else reached
    # what counts as before the first function
    until = end if rules.on("JUDGE.AFTER") else float("inf")
    before = [one for one in steps(sight.cards) if one.time <= end]
    lacks = completeness(sight, files.get("counters"), rules)
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
        tuple(dict.fromkeys([
            *(traffic(sight, until) if rules.on("JUDGE.TRAFFIC") else ()),
            *(_changes(before) if rules.on("JUDGE.CARD-CHANGE") else ()),
        ])),
        _strangers(sight, plan, end),
        lacks,
        _installed(sight),
        _states(sight, plan, anchors),
    )  # fmt: skip


def _reached(sight: Sight, plan: Plan) -> float | None:
    times = [one.answered for one in sight.talks if _is_purpose(one, plan)]
    return min((one for one in times if one is not None), default=None)


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


def traffic(sight: Sight, end: float) -> list[str]:
    """Return the RSP traffic of a capture up to a moment."""
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
        if session.time <= end and is_rsp_server(session.certificates[1]):
            name = session.server_name or str(session.flow.server)
            found.append(f"TLS to {name}, whose certificate is that of an RSP server")
    return found


def is_rsp_server(chain: tuple[bytes, ...]) -> bool:
    """Say whether the certificate of a TLS server has the role of an SM-DP+ or SM-DS."""
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
    names = {one.flow.number: one.server_name for one in sight.sessions}
    found: dict[str, None] = {}
    for one in sight.talks:
        if one.begun <= end and not (_is_purpose(one, plan) or is_known(one.flow, plan)):
            name = names.get(one.flow.number)
            asked = f" (TLS to {name})" if name else ""
            found[f"over {one.flow.transport} to {one.peer}{asked}"] = None
    return tuple(found)


def _is_purpose(talk: Talk, plan: Plan) -> bool:
    purpose = plan.purpose
    return purpose is not None and (talk.flow.transport, talk.peer.host, talk.peer.port) == (
        purpose.transport,
        purpose.address,
        purpose.port,
    )


def _installed(sight: Sight) -> frozenset[str]:
    results = (one for one in sight.messages if one.type == "ProfileInstallationResult")
    return frozenset(filter(None, map(_successful, results)))


def _states(sight: Sight, plan: Plan, anchors: Sequence[Anchor]) -> tuple[State, ...]:
    """Return the signed states of the device that the card was asked for; others say nothing."""
    found: dict[int, State] = {}
    for one in sight.messages:
        if one.type != "GetSignedIfppStateResponse" or len(found) >= _MOST_STATES:
            continue
        try:
            state = parse_state(one.octets, anchors)
        except Refused:
            continue
        if state.eid == plan.eid:
            found[state.counter] = state
    return tuple(found[counter] for counter in sorted(found))


def _successful(message: Message) -> str:
    value: Any = message.value
    try:
        data = value["profileInstallationResultData"]
        if "successResult" in data["finalResult"]:
            return iccid_of(data["notificationMetadata"].get("iccid", ""))
    except (TypeError, KeyError, AttributeError):
        pass
    return ""
