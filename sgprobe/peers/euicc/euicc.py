"""The eUICC as its commands see it: a command TLV in, one commit, a response TLV out."""

from __future__ import annotations

from sgprobe.peers.euicc import factory_state, installation, notifications
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.dialect import dialect
from sgprobe.peers.euicc.dispatch import dispatch
from sgprobe.peers.euicc.ecasd import Ecasd
from sgprobe.peers.euicc.records import Kept, Profile, Settings
from sgprobe.peers.euicc.session import Session, Undo
from sgprobe.peers.euicc.state import Draft, State
from sgprobe.peers.euicc.trust import Trust
from sgprobe.peers.euicc.turn import Chip, Entropy, Turn
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store


class Euicc:
    """One eUICC. Its memory is the store's records under `euicc/<EID>`; the rest ends at a reset.

    `cat_busy` says that a toolkit session is going on in the device.
    """

    def __init__(
        self, config: Config, store: Store, ecasd: Ecasd, rules: Rules, random: Entropy
    ) -> None:
        trust = Trust(ecasd.anchors)
        self.chip = Chip(config, rules, ecasd, dialect(config.version), random, trust)
        self._state = State(store, f"euicc/{ecasd.eid.hex()}")
        self.session = Session()
        self.cat_busy = False
        self.reset()

    @property
    def eid(self) -> str:
        """The EID, 32 digits."""
        return self.chip.ecasd.eid.hex()

    @property
    def refresh_pending(self) -> bool:
        """Whether the eUICC waits for the device to fetch its REFRESH."""
        return self.session.refresh_pending

    @property
    def enabled_profile(self) -> Profile | None:
        """The profile that a modem sees."""
        return next((one for one in self.draft().all(Profile) if one.enabled), None)

    def draft(self) -> Draft:
        """Return a view of the memory, for reading."""
        return self._state.draft()

    def adopt(self, draft: Draft) -> None:
        """Take over what was changed from outside, as a laboratory does, and begin again."""
        self._state.commit(draft)
        self.reset()

    def reset(self) -> None:
        """Begin again as after power on: sessions are lost, what was committed is there."""
        self._forget()
        turn = self._turn(0.0)
        installation.interrupted(turn)
        self._finish(turn)

    def _forget(self) -> None:
        self._state.reload()
        self.session = Session()

    def command(self, command: bytes, now: float) -> bytes:
        """Carry out one ES10 command; its changes are durable before it answers.

        CardFailure has the status word where the eUICC answers no TLV.
        """
        turn = self._turn(now)
        answer = dispatch(turn, command)
        self._finish(turn)
        return answer

    def refresh_done(self, success: bool, now: float) -> None:
        """Take the device's word on a REFRESH; a refused one takes the switch back."""
        undo = self.session.undo
        self.session.refresh_pending = False
        self.session.undo = None
        if success or undo is None:
            return
        turn = self._turn(now)
        _take_back(turn.draft, undo)
        notifications.forget(turn, frozenset(undo.notifications))
        self._finish(turn)

    def keep(self, record: Kept) -> None:
        """Make one record durable: what a modem changes in the enabled profile."""
        turn = self._turn(0.0)
        turn.draft.put(record)
        self._finish(turn)

    def _turn(self, now: float) -> Turn:
        return Turn(self.chip, self.session, self._state.draft(), now, self.cat_busy)

    def _finish(self, turn: Turn) -> None:
        notifications.flush(turn)
        factory_state.settle(turn)
        try:
            self._state.commit(turn.draft)
        except BaseException:
            # nothing is known to be durable: go on from what is
            self._forget()
            raise
        if turn.refresh:
            self.session.refresh_pending = True
            self.session.undo = Undo(
                tuple(turn.before.values()),
                turn.settings_before or Settings(),
                tuple(turn.notes),
            )


def _take_back(draft: Draft, undo: Undo) -> None:
    for former in undo.profiles:
        if draft.find(Profile, former.iccid) is not None:
            draft.put(former)
    draft.set(
        rollback=undo.settings.rollback,
        fallback_return=undo.settings.fallback_return,
        emergency_return=undo.settings.emergency_return,
        test_return=undo.settings.test_return,
    )
