"""Profile Loading Reports (FF4A): chains of stations, verdicts on items, gaps. IFPP §7."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.codec import EncodeError
from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.peers.es9.asn1_binding import NotAsn1, Octets
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.outbox import tell
from sgprobe.peers.smdpf.ranges import Ranges, added, gaps, overlaps
from sgprobe.peers.smdpf.records import WAITING, Entry, State, Work
from sgprobe.peers.smdpf.results import TEMPORARY, Result, Results, Unproved
from sgprobe.peers.smdpf.status import refuse, told

MAX_REPORT = 8 << 20
MAX_ITEMS = 10_000
_FIRST_DIGEST = "00" * 32
# what the verdict on an item can be; a report to the MSP has three lists. RB-57
INSTALLED, FAILED, OPEN, REFUSED, CONFLICT, REMOVED = (
    "proven-installed", "proven-failed", "not-proven", "refused", "conflict", "removed",
)  # fmt: skip
_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Reports:
    """Takes reports, field notifications and evidence of removals."""

    rules: Rules
    results: Results
    # seconds from a final report with gaps until what is open becomes UNKNOWN
    delay: float
    entries: Callable[[Work, str], Iterable[Entry]]

    def take(self, work: Work, raw: bytes, now: float) -> dict[str, Any]:
        """Take one report; the same report again has the same answer. RB-53."""
        if len(raw) > MAX_REPORT:
            raise refuse("report-format", f"more than {MAX_REPORT} octets")
        digest = hashlib.sha256(raw).hexdigest()
        answered: dict[str, Any] | None = work.get(f"answer/{digest}")
        if answered is not None and self.rules.on("SMDPF.REPORT-REPEAT"):
            return answered
        try:
            octets = Octets(codec.load(SPEC), "ProfileLoadingReport", raw)
        except NotAsn1 as error:
            raise refuse("report-format", str(error)[:200]) from None
        header, items = octets.value["header"], octets.value["items"]
        _check_form(header, items)
        delivery = work.delivery(header["deliveryId"])
        if delivery is None and self.rules.on("SMDPF.REPORT-DELIVERY"):
            raise refuse("report-unknown", header["deliveryId"][:64])
        line = self._line(work, header)
        digests = _item_digests(raw)
        self._check_sequence(work, header, digests, line)
        self._check_chain(header, digest, line)
        line["reports"][str(header["firstSequence"])] = [
            header["lastSequence"], digest, header["previousDigest"],
        ]  # fmt: skip
        if items:
            line["ranges"] = added(line["ranges"], header["firstSequence"], header["lastSequence"])
        if header["final"]:
            line["final"], line["last"] = now, header["lastSequence"]
        verdicts = [self._item(work, header, one) for one in items]
        work.put(self._name(header), line)
        numbers = f"{self._name(header)}/{header['firstSequence']}"
        work.put(numbers, [header["lastSequence"], digests])
        answer = {
            "reportId": header["reportId"],
            "items": verdicts,
            "missing": _missing(line),
            "complete": bool(line["final"]) and not _missing(line),
        }
        work.put(f"answer/{digest}", answer)
        return answer

    def _name(self, header: dict[str, Any]) -> str:
        return f"line/{header['deliveryId']}/{header['stationId']}"

    def _line(self, work: Work, header: dict[str, Any]) -> dict[str, Any]:
        line = work.get(self._name(header))
        if line is None:
            stations = work.get(f"stations/{header['deliveryId']}") or []
            work.put(f"stations/{header['deliveryId']}", [*stations, header["stationId"]])
            line = {"ranges": [], "reports": {}, "final": 0, "last": 0, "flags": []}
        return dict(line)

    def _check_sequence(
        self, work: Work, header: dict[str, Any], digests: list[str], line: dict[str, Any]
    ) -> None:
        """Refuse other content under a number that has come. RB-53."""
        first, last = header["firstSequence"], header["lastSequence"]
        if not overlaps(line["ranges"], first, last) or not self.rules.on("SMDPF.REPORT-SEQUENCE"):
            return
        for start, (end, _, _) in line["reports"].items():
            if int(start) > last or end < first:
                continue
            _, known = work.get(f"{self._name(header)}/{start}")
            for number in range(max(first, int(start)), min(last, end) + 1):
                if known[number - int(start)] != digests[number - first]:
                    self._flag(work, header, line, f"sequence {number} came with other content")
                    raise refuse("report-other", f"sequence {number}")

    def _check_chain(self, header: dict[str, Any], digest: str, line: dict[str, Any]) -> None:
        """Refuse a report that names another predecessor than the one that came. RB-09."""
        if not self.rules.on("SMDPF.REPORT-CHAIN"):
            return
        first, last = header["firstSequence"], header["lastSequence"]
        previous = header["previousDigest"]
        if first == 1 and previous != _FIRST_DIGEST:
            raise refuse("report-chain", "the first report names a report before it")
        for end, known, _ in line["reports"].values():
            if end == first - 1 and known != previous:
                raise refuse("report-chain", "previousDigest is not that of the report before")
        if first > 1 and previous == _FIRST_DIGEST:
            raise refuse("report-chain", "a later report names no report before it")
        follower = line["reports"].get(str(last + 1))
        if follower is not None and follower[2] != digest:
            # the later one was believed already: who is right is for people to find out
            text = f"the report from {last + 1} on does not follow the one before it"
            line["flags"] = [*line["flags"], text][-_SHOWN:]

    def _flag(self, work: Work, header: dict[str, Any], line: dict[str, Any], text: str) -> None:
        flags = [*line["flags"], text][-_SHOWN:]
        work.put_anyway(self._name(header), {**line, "flags": flags})

    # --- items ---

    def _item(self, work: Work, header: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"sequence": item["sequence"], "packageId": item["packageId"]}
        kind, value = next(iter(item["outcome"].items()))
        try:
            entry = self._entry(work, header, item, kind)
            if kind == "euiccResult":
                result = self.results.judge(work, bytes.fromhex(value), entry)
                other = entry is not None and result.entry.iccid != entry.iccid
                if other and self.rules.on("SMDPF.ITEM-NAMES"):
                    raise Unproved("SMDPF.ITEM-NAMES", "the result is of another package")
                return {**shown, **self.apply(work, result)}
            if kind == "deleted" and entry is not None:
                return {**shown, **self.remove(work, entry, bytes.fromhex(value))}
        except Unproved as error:
            believed = work.by_package(item["packageId"])
            if believed is not None and not self.rules.on("SMDPF.RESULT-PROOF"):
                return {**shown, **self.apply(work, Result(believed, True, "", digest_of(value)))}
            self._refuse(work, item, error)
            return {**shown, "verdict": REFUSED, "rule": error.rule, "message": str(error)}
        if entry is None:
            # a device without a package, or without a voice: nothing of ours has changed
            return {**shown, "verdict": OPEN}
        return {**shown, **self._line_error(work, entry, value)}

    def _entry(
        self, work: Work, header: dict[str, Any], item: dict[str, Any], kind: str
    ) -> Entry | None:
        entry = work.by_package(item["packageId"])
        if entry is None:
            if kind == "fpaError":
                return None
            raise Unproved("SMDPF.ITEM-NAMES", "no package has this packageId")
        same = (item["eid"], _digits(item["iccid"]), header["deliveryId"])
        bound = (entry.eid, entry.iccid, entry.delivery)
        if same != bound and kind != "fpaError" and self.rules.on("SMDPF.ITEM-NAMES"):
            raise Unproved("SMDPF.ITEM-NAMES", "EID, ICCID or delivery are not those bound")
        return entry

    def _refuse(self, work: Work, item: dict[str, Any], error: Unproved) -> None:
        entry = work.by_package(item["packageId"])
        order = work.order(entry.order) if entry is not None else None
        if entry is not None and order is not None and work.state(entry) in WAITING:
            tell(work, order, "open", entry, reason=error.rule)

    def _line_error(self, work: Work, entry: Entry, error: dict[str, Any]) -> dict[str, Any]:
        """Note what the line says went wrong; its word alone decides nothing. RB-52."""
        code = str(error["code"])
        remark = f"line: {code}"
        if remark not in entry.remarks:
            entry = work.note(entry, remarks=(*entry.remarks, remark)[-20:])
        order = work.order(entry.order)
        if order is not None and work.state(entry) in WAITING:
            tell(work, order, "open", entry, reason=code)
        return {"verdict": OPEN, "state": str(work.state(entry)), "reason": code}

    def apply(self, work: Work, result: Result) -> dict[str, Any]:
        """Bring an entry where a result that is believed leads it. RB-51, RB-55, RB-56."""
        entry, state = result.entry, work.state(result.entry)
        order = work.order(entry.order)
        assert order is not None
        if entry.result == result.digest and self.rules.on("SMDPF.RESULT-SAME"):
            # by the report and by the field, or twice
            return _verdict(state, entry)
        if state is State.WITHDRAWN and result.success and self.rules.on(
            "SMDPF.WITHDRAWN-CONFLICT"
        ):  # fmt: skip
            work.note(entry, result=result.digest, remarks=(*entry.remarks, "conflict"))
            tell(work, order, "conflict", entry, reason="success after withdrawal")
            return {"verdict": CONFLICT, "state": str(state), "reason": "withdrawn"}
        if state in (State.INSTALLED, State.REMOVED):
            if result.success and self.rules.on("SMDPF.RESULT-ONCE"):
                # one key, one profile: a second success is a copy of the chip. GENS08
                tell(work, order, "conflict", entry, reason="a second success of one package")
                return {"verdict": CONFLICT, "state": str(state), "reason": "second-success"}
            return _verdict(state, entry)
        supplement = state is State.UNKNOWN
        if result.success:
            entry = work.move(entry, State.INSTALLED, reason="", result=result.digest)
            tell(work, order, "installed", entry, supplement=supplement, result=result.digest)
        else:
            entry = work.move(entry, State.FAILED, reason=result.reason, result=result.digest)
            tell(work, order, "failed", entry, supplement=supplement, reason=result.reason,
                 again=result.reason in TEMPORARY)  # fmt: skip
        return _verdict(entry.state, entry)

    def remove(self, work: Work, entry: Entry, evidence: bytes) -> dict[str, Any]:
        """Take the removal of a profile from a device in stock. USE-A4."""
        if work.state(entry) is not State.INSTALLED:
            raise Unproved("USE-A4", f"the profile is {work.state(entry)}")
        counter = self.results.removed(work, evidence, entry)
        data = work.euicc(entry.eid)
        if data is not None:
            work.save_euicc(replace(data, counter=counter))
        order = work.order(entry.order)
        assert order is not None
        entry = work.move(entry, State.REMOVED, reason="removed")
        tell(work, order, "removed", entry)
        return {"verdict": REMOVED, "state": str(entry.state)}

    def removals(self, work: Work, members: list[tuple[str, bytes]]) -> dict[str, Any]:
        """Take evidence of removals outside of reports; what is not proved changes nothing."""
        verdicts = []
        for iccid, evidence in members:
            entry = work.entry(iccid)
            try:
                if entry is None:
                    raise refuse("iccid-unknown", iccid)
                verdicts.append({"iccid": iccid, **self.remove(work, entry, evidence)})
            except Unproved as error:
                assert entry is not None
                verdicts.append({"iccid": iccid, "verdict": OPEN, "rule": error.rule,
                                 "state": str(work.state(entry))})  # fmt: skip
            except Refusal as refusal:
                verdicts.append({"iccid": iccid, "verdict": REFUSED, **told(refusal)})
        return {"removals": verdicts}

    # --- gaps ---

    def gaps(self, work: Work, delivery: str) -> dict[str, Any]:
        """Return what is missing: numbers of stations, and packages without an outcome. RB-54."""
        if work.delivery(delivery) is None:
            raise refuse("delivery-unknown", delivery[:64])
        stations = []
        for name in work.get(f"stations/{delivery}") or ():
            line = work.get(f"line/{delivery}/{name}")
            stations.append(
                {
                    "stationId": name,
                    "received": line["ranges"],
                    "missing": _missing(line),
                    "final": bool(line["final"]),
                    "flags": line["flags"],
                }
            )
        shown: list[str] = []
        count = 0
        for one in self.entries(work, delivery):
            if work.state(one) in (State.BOUND, State.DELIVERED, State.UNKNOWN):
                count += 1
                if len(shown) < _SHOWN:
                    shown.append(one.package)
        return {
            "deliveryId": delivery,
            "stations": stations,
            "withoutOutcome": shown,
            "withoutOutcomeCount": count,
        }

    def give_up(self, work: Work, delivery: str, now: float) -> int:
        """Make UNKNOWN what a final report with gaps has left open, after the delay. RB-54."""
        if not self.rules.on("SMDPF.REPORT-GAPS"):
            return 0
        lines = [
            work.get(f"line/{delivery}/{name}") for name in work.get(f"stations/{delivery}") or ()
        ]
        due = [
            one for one in lines
            if one["final"] and _missing(one) and now >= one["final"] + self.delay
        ]  # fmt: skip
        if not due:
            return 0
        count = 0
        for entry in self.entries(work, delivery):
            if work.state(entry) in (State.BOUND, State.DELIVERED):
                entry = work.move(entry, State.UNKNOWN, reason="its report is missing")
                order = work.order(entry.order)
                if order is not None:
                    tell(work, order, "unknown", entry)
                count += 1
        return count


def _missing(line: dict[str, Any]) -> Ranges:
    """Return the numbers that no report of a station had; its last report tells where it ends."""
    return gaps(line["ranges"], line["last"])


def _verdict(state: State, entry: Entry) -> dict[str, Any]:
    verdicts = {State.INSTALLED: INSTALLED, State.FAILED: FAILED, State.REMOVED: REMOVED}
    shown = {"verdict": verdicts.get(state, OPEN), "state": str(state)}
    return {**shown, "reason": entry.reason} if entry.reason else shown


def _check_form(header: dict[str, Any], items: list[dict[str, Any]]) -> None:
    first, last = header["firstSequence"], header["lastSequence"]
    if first < 1 or last - first + 1 != len(items) or len(items) > MAX_ITEMS:
        raise refuse("report-format", "firstSequence and lastSequence do not fit the items")
    if not items and not header["final"]:
        raise refuse("report-format", "only the last report may have no items")
    for name in ("deliveryId", "stationId"):
        text = header[name]
        if not 0 < len(text) <= 64 or "/" in text or not text.isprintable():
            raise refuse("report-format", name)
    if [one["sequence"] for one in items] != list(range(first, last + 1)):
        raise refuse("report-format", "the sequence numbers are not consecutive")


def _item_digests(raw: bytes) -> list[str]:
    """Return a digest of each item, as it was sent."""
    try:
        outer = read_tlv(raw)
        _, items = list(split(raw, outer.body, outer.end))[:2]
        parts = split(raw, items.body, items.end)
        return [hashlib.sha256(raw[one.start : one.end]).hexdigest()[:32] for one in parts]
    except (TlvError, ValueError) as error:
        raise refuse("report-format", str(error)) from None


def _digits(octets: str) -> str:
    try:
        return iccid_text(bytes.fromhex(octets))
    except IdentityError:
        return ""


def digest_of(octets: str) -> str:
    """Return the digest of octets in hex."""
    return hashlib.sha256(bytes.fromhex(octets)).hexdigest()


def from_json(value: Any) -> bytes:
    """Return the FF4A of a report's JSON twin: its digests are over the DER."""
    if not isinstance(value, dict):
        raise refuse("report-format", "no JSON object")
    try:
        return codec.load(SPEC).encode("ProfileLoadingReport", value)
    except (EncodeError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise refuse("report-format", str(error)[:200]) from None
