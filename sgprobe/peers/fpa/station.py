"""One station: contact, load, write down, finish the device. It knows no network and no clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dissectors.spec.identity import iccid_octets
from sgprobe.peers.delivery.entry import Contents, EntryError, read_package
from sgprobe.peers.delivery.files import FilesError
from sgprobe.peers.effects import CardFailure, LinkFailure, Now
from sgprobe.peers.fpa import es10f
from sgprobe.peers.fpa.claims import Claims
from sgprobe.peers.fpa.effects import Contact, StationProcedure
from sgprobe.peers.fpa.es10f import Broken, Info, Unreadable
from sgprobe.peers.fpa.journal import Journal
from sgprobe.peers.fpa.outcome import (
    NO_EID,
    NO_ICCID,
    NO_PACKAGE,
    Code,
    Device,
    Load,
    Outcome,
)
from sgprobe.peers.fpa.stock import Candidate, Stock
from sgprobe.peers.rules import Rules

CHALLENGE_OCTETS = 16
# a label may say anything
_EID = re.compile(r"\d{32}", re.ASCII)
# what an interrupted load is tried again on one contact
_TRIES = 3
_AGAIN = frozenset({Code.TRANSPORT_ERROR})
_CONSUMED = "otkConsumed"
_BLOCK = 255


@dataclass(frozen=True, slots=True)
class _Push:
    """How one push of a package ended, and how far it came."""

    outcome: Outcome
    segments: int = 0


class Station:
    """Loads one device after the other; everything it has done stands in its journal."""

    def __init__(
        self,
        name: str,
        stock: Stock,
        claims: Claims,
        journal: Journal,
        rules: Rules,
        random: Callable[[int], bytes],
        line: str = "",
    ) -> None:
        self.name = name
        # what claims are made under: lines that share claims may have stations of one name
        self._holder = f"{line}{name}"
        self.journal = journal
        self._stock = stock
        self._claims = claims
        self._rules = rules
        self._random = random
        journal.recover()
        last = journal.last
        if last is not None and last.outcome.success:
            # power may have gone between the journal and the claim
            claims.done(last.attempt.package, self._holder)
        claims.release_all(self._holder)

    def process(
        self, scanned: str | None = None, override: str | None = None
    ) -> StationProcedure[Device]:
        """Load and finish the device in the reader; `scanned` is the EID on its label.

        `override` is an operator's word: what is for this EID goes to the device, whatever it is.
        """
        now: float = yield Now()
        try:
            yield Contact()
            info = yield from self._who()
        except LinkFailure:
            return self._alone(Code.NO_ANSWER_TO_RESET, scanned or "", now, "no answer")
        except (CardFailure, Unreadable) as error:
            sw = error.sw if isinstance(error, CardFailure) else None
            return self._alone(Code.NO_ANSWER_TO_RESET, scanned or "", now, str(error), sw)
        if scanned not in (None, info.eid) and self._rules.on("FPA.EID"):
            return self._alone(Code.EID_MISMATCH, info.eid, now, f"the label says {scanned}")
        wanted = scanned if scanned and not self._rules.on("FPA.EID") else info.eid
        try:
            candidates = list(self._stock.find(override or wanted))
        except FilesError as error:
            # a delivery that was changed after its import. RB-41
            return self._alone(Code.MANIFEST_INVALID, info.eid, now, str(error))
        if not candidates and not self._rules.on("FPA.NO-OTHER"):
            # the fault of a line that takes the next package there is
            found = next((one for one in self._stock.deliveries), None)
            entry = next(found.book.entries(), None) if found else None
            candidates = list(self._stock.find(entry.eid)) if entry else []
        if not candidates:
            return self._alone(Code.PACKAGE_MISSING, info.eid, now, "no package for this EID")
        loads = []
        if not self._rules.on("FPA.ORDER"):
            candidates.reverse()
        for candidate in candidates:
            made = yield from self._candidate(candidate, info)
            loads += made
        return (yield from self._finish(info, candidates, tuple(loads)))

    def _who(self) -> StationProcedure[Info]:
        """Ask the chip who it is; one whose factory phase is closed tells it in its state."""
        try:
            return (yield from es10f.info())
        except CardFailure:
            state = yield from es10f.signed_state(self._random(CHALLENGE_OCTETS))
            if isinstance(state, str):
                raise Unreadable(f"no IFPP: {state}") from None
            return Info(state.eid, state.phase, {})

    def _alone(self, code: Code, eid: str, now: float, text: str, sw: int | None = None) -> Device:
        """Write down an attempt that has no package. RB-50."""
        deliveries = self._stock.deliveries
        outcome = Outcome(code=code, text=text, status_word=sw)
        load = Load(NO_PACKAGE, eid, "", 1, outcome)
        if deliveries and self._rules.on("FPA.ITEM"):
            name = deliveries[-1].id
            known = eid if _EID.fullmatch(eid) else NO_EID
            self.journal.begin(name, NO_PACKAGE, known, NO_ICCID, 1, now)
            self.journal.end(outcome, 0)
        return Device(eid, (load,), reason=code.name.lower().replace("_", " "))

    # --- one package ---

    def _candidate(self, candidate: Candidate, info: Info) -> StationProcedure[list[Load]]:
        """Load one package, again where contact was lost; return the attempts."""
        entry = candidate.entry
        loads: list[Load] = []
        for _ in range(_TRIES):
            now: float = yield Now()
            claim = self._claims.claim(entry.package_id, self._holder)
            if not claim.granted and self._rules.on("FPA.CLAIM"):
                if claim.done and (claim.holder == self._holder or info.phase == "closed"):
                    # loaded before, and the device only comes again
                    return loads
                text = f"{'loaded' if claim.done else 'claimed'} by {claim.holder}"
                outcome = Outcome(code=Code.DUPLICATE_PACKAGE, text=text)
                return [*loads, self._noted(candidate, claim.attempt, outcome, now)]
            attempt = max(1, claim.attempt)
            refused = self._refused(candidate, now)
            if refused is not None:
                self._claims.release(entry.package_id, self._holder)
                return [*loads, self._noted(candidate, attempt, refused, now)]
            load = yield from self._attempt(candidate, attempt, now)
            loads.append(load)
            if load.outcome.success or not self._rules.on("FPA.RELEASED"):
                self._claims.done(entry.package_id, self._holder)
            else:
                self._claims.release(entry.package_id, self._holder)
            if load.outcome.code not in _AGAIN:
                return loads
            try:
                yield Contact()
            except (LinkFailure, CardFailure):
                return loads
        return loads

    def _refused(self, candidate: Candidate, now: float) -> Outcome | None:
        """Say why a package must not be sent, before anything is."""
        stocked, entry = candidate.stocked, candidate.entry
        if entry.package_id in stocked.duplicates and self._rules.on("FPA.DUPLICATE"):
            return Outcome(code=Code.DUPLICATE_PACKAGE, text="it is there twice")
        moment = datetime.fromtimestamp(now, UTC)
        if moment > stocked.manifest.not_after and self._rules.on("FPA.EXPIRED"):
            return Outcome(code=Code.EXPIRED, text=f"{stocked.manifest.not_after:%Y-%m-%d}")
        try:
            package = stocked.book.package(candidate.place)
        except FilesError as error:
            return Outcome(code=Code.PACKAGE_MISSING, text=str(error))
        if not entry.matches(package) and self._rules.on("FPA.ENTRY-DIGEST"):
            return Outcome(code=Code.PACKAGE_DIGEST_MISMATCH, text="SHA-256 of the package")
        return None

    def _noted(self, candidate: Candidate, attempt: int, outcome: Outcome, now: float) -> Load:
        entry = candidate.entry
        if self._rules.on("FPA.ITEM"):
            self._begin(candidate, attempt, now)
            self.journal.end(outcome, 0)
        return Load(entry.package_id, entry.eid, entry.iccid, attempt, outcome)

    def _begin(self, candidate: Candidate, attempt: int, now: float) -> None:
        entry = candidate.entry
        iccid = iccid_octets(entry.iccid).hex()
        self.journal.begin(candidate.stocked.id, entry.package_id, entry.eid, iccid, attempt, now)

    def _attempt(self, candidate: Candidate, attempt: int, now: float) -> StationProcedure[Load]:
        entry = candidate.entry
        early = self._rules.on("FPA.BEGUN")
        if early:
            self._begin(candidate, attempt, now)
        pushed = yield from self._push(candidate, attempt)
        end: float = yield Now()
        # a clock that is set back makes no negative time. RB-11
        spent = max(0, round((end - now) * 1000))
        if not early:
            self._begin(candidate, attempt, now)
        self.journal.end(pushed.outcome, spent)
        return Load(
            entry.package_id, entry.eid, entry.iccid, attempt, pushed.outcome, pushed.segments,
            spent,
        )  # fmt: skip

    def _push(self, candidate: Candidate, attempt: int) -> StationProcedure[_Push]:
        """Send context and package; every way that this ends is an outcome."""
        try:
            package = read_package(candidate.stocked.book.package(candidate.place))
            parts = self._segments(package.bound)
        except (EntryError, Unreadable) as error:
            return _Push(Outcome(code=Code.PACKAGE_DIGEST_MISMATCH, text=str(error)))
        try:
            error_code = yield from es10f.load_context(package.context)
        except LinkFailure as failure:
            return _Push(Outcome(code=Code.TRANSPORT_ERROR, text=str(failure)))
        except CardFailure as failure:
            return _Push(Outcome(code=Code.LOAD_CONTEXT_REFUSED, status_word=failure.sw))
        except Unreadable as failure:
            return _Push(Outcome(code=Code.RESULT_UNREADABLE, text=str(failure)))
        if error_code:
            # the package of an earlier attempt may have been installed, and its result lost
            kept = b""
            if error_code == _CONSUMED and attempt > 1:
                kept = yield from self._kept(package)
            if kept:
                return _Push(Outcome(result=kept))
            return _Push(Outcome(code=Code.LOAD_CONTEXT_REFUSED, euicc_error=error_code))
        try:
            result, sent = yield from es10f.push(parts)
        except Broken as broken:
            return (yield from self._broken(package, broken))
        except Unreadable as failure:
            return _Push(Outcome(code=Code.RESULT_UNREADABLE, text=str(failure)), len(parts))
        return _Push(Outcome(result=result), sent)

    def _segments(self, bound: bytes) -> list[bytes]:
        if self._rules.on("FPA.SEGMENTS"):
            return es10f.segments(bound)
        # the fault of a line that knows nothing of packages
        return [bound[at : at + _BLOCK] for at in range(0, len(bound), _BLOCK)]

    def _broken(self, package: Contents, broken: Broken) -> StationProcedure[_Push]:
        """Say why a push stopped; the result may be in the eUICC already."""
        cause = broken.cause
        if isinstance(cause, CardFailure):
            outcome = Outcome(code=Code.BPP_ABORTED, status_word=cause.sw, segment=broken.segment)
            return _Push(outcome, broken.segment)
        outcome = Outcome(code=Code.TRANSPORT_ERROR, segment=broken.segment, text=str(cause))
        try:
            yield Contact()
        except (LinkFailure, CardFailure):
            return _Push(outcome, broken.segment)
        kept = yield from self._kept(package)
        return _Push(Outcome(result=kept) if kept else outcome, broken.segment + bool(kept))

    def _kept(self, package: Contents) -> StationProcedure[bytes]:
        """Fetch the success that the eUICC has kept of a package, or nothing. FLOW-12."""
        if not self._rules.on("FPA.RESULT-FETCHED"):
            return b""
        try:
            kept = yield from es10f.results(package.transaction_id)
        except (LinkFailure, CardFailure, Unreadable):
            return b""
        return next((one for one in kept if Outcome(result=one).success), b"")

    # --- the end of the line ---

    def _finish(
        self, info: Info, candidates: list[Candidate], loads: tuple[Load, ...]
    ) -> StationProcedure[Device]:
        """Delete what is left of one-time keys, close the phase, enable. DMF03, GENS13."""
        device = Device(info.eid, loads)
        missing = [one for one in candidates if not self._is_loaded(one)]
        if missing:
            codes = [one.outcome.code for one in loads if one.outcome.code is not None]
            why = codes[-1].name.lower().replace("_", " ") if codes else "an error of the eUICC"
            return replace(device, reason=why)
        policy = candidates[-1].stocked.manifest.policy
        keep = not all(one.stocked.manifest.policy.delete_leftover_keys for one in candidates)
        if keep or not self._rules.on("FPA.KEYS-DELETED"):
            return replace(device, good=True, reason="one-time keys kept")
        try:
            state = yield from self._close(info)
        except (LinkFailure, CardFailure, Unreadable) as error:
            state = str(error)
        if isinstance(state, str):
            return replace(device, reason=f"end of line: {state}", good=not self._rules.on(
                "FPA.LEFTOVERS"
            ))  # fmt: skip
        device = replace(device, good=True, state=state.raw)
        if policy.enable_after_load:
            iccid = iccid_octets(candidates[-1].entry.iccid).hex()
            try:
                code = yield from es10f.enable(iccid)
            except (LinkFailure, CardFailure, Unreadable) as error:
                return replace(device, good=False, reason=f"not enabled: {error}")
            if code:
                return replace(device, good=False, reason="not enabled")
        return device

    def _is_loaded(self, candidate: Candidate) -> bool:
        claim = self._claims.find(candidate.entry.package_id)
        return claim is not None and claim.done

    def _close(self, info: Info) -> StationProcedure[es10f.State | str]:
        """Leave no key and close the phase; return the signed state that says so, or why not."""
        challenge = self._random(CHALLENGE_OCTETS)
        if info.phase == "closed":
            state = yield from es10f.signed_state(challenge)
        else:
            deleted = yield from es10f.delete_keys(challenge)
            if isinstance(deleted, str) or deleted.unused:
                return deleted if isinstance(deleted, str) else "one-time keys are left"
            challenge = self._random(CHALLENGE_OCTETS)
            state = yield from es10f.close_phase(challenge)
        if isinstance(state, str):
            return state
        if (state.challenge, state.eid) != (challenge.hex(), info.eid):
            return "the signed state answers another challenge"
        if state.unused or state.phase != "closed":
            return "one-time keys are left"
        return state
