"""What the line leaves: its log and APDU trace (E5), and a capture of its network (E8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dissectors.trace.message import REQUEST
from sgprobe.judge.chip import iccid_of
from sgprobe.judge.item import Refused, file_of, members_of, octets_of, text_of
from sgprobe.judge.plan import Plan
from sgprobe.judge.whole import completeness, is_known, seen


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
    # challenges that the station has used
    challenges: frozenset[str]
    last: float

    def context(self, transaction: str) -> Context | None:
        """Return the context of a transaction."""
        return next((one for one in self.contexts if one.transaction == transaction), None)

    def loaded(self, iccid: str, eid: str) -> bool:
        """Say whether the trace shows the load of a profile to an eUICC."""
        return any((one.iccid, one.eid) == (iccid, eid) for one in self.contexts)


def read_load(files: Mapping[str, Path]) -> Load:
    """Return the station's log and trace; either may be absent."""
    logged = _log(octets_of(files["log"])) if "log" in files else ()
    if "trace" not in files:
        file_of(files, "log")
        return Load(logged, (), frozenset(), 0.0)
    sight = seen(files["trace"])
    contexts, challenges = [], set()
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
        if one.kind == REQUEST and isinstance(value.get("challenge"), str):
            challenges.add(value["challenge"].lower())
    last = max((one.time for one in sight.messages), default=0.0)
    return Load(tuple(logged), tuple(contexts), frozenset(challenges), last)


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


@dataclass(frozen=True, slots=True)
class LineCapture:
    """E8: whether the line talked to anybody while it loaded."""

    strangers: tuple[str, ...]
    lacks: tuple[str, ...]


def read_line_capture(files: Mapping[str, Path], plan: Plan) -> LineCapture:
    """Return what the network of the line shows."""
    sight = seen(file_of(files, "capture"), plan.canary)
    strangers = {str(one.peer) for one in sight.talks if not is_known(one.flow, plan)}
    return LineCapture(
        tuple(sorted(strangers)), completeness(sight, files.get("counters"), plan.rules)
    )
