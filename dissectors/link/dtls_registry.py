"""Where DTLS sessions are found by connection ID, on whichever flow a record comes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from dissectors.link.stream import Endpoint

if TYPE_CHECKING:
    from dissectors.link.dtls_session import DtlsSession

MAX_REGISTERED = 8192


class CidRegistry:
    """Sessions of one capture by the receiver of a record and its connection ID (RFC 9146 §3)."""

    __slots__ = ("_lengths", "_sessions")

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[Endpoint, bytes], tuple[DtlsSession, int]] = OrderedDict()
        self._lengths: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, receiver: Endpoint, cid: bytes, session: DtlsSession, role: int) -> None:
        """Register the ID on the records that `role` of a session sends to `receiver`."""
        key = (receiver, cid)
        if key not in self._sessions:
            self._lengths[len(cid)] += 1
        self._sessions[key] = (session, role)
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_REGISTERED:
            (_, oldest), _ = self._sessions.popitem(last=False)
            self._lengths[len(oldest)] -= 1
            if not self._lengths[len(oldest)]:
                del self._lengths[len(oldest)]

    def find(self, receiver: Endpoint, record: bytes, at: int) -> list[tuple[DtlsSession, int]]:
        """Return the sessions, with the sender's role, whose ID stands at `at` of a record.

        An ID has no length of its own on the wire: every length in use is tried, longest first.
        """
        found = []
        for length in sorted(self._lengths, reverse=True):
            entry = self._sessions.get((receiver, record[at : at + length]))
            if entry is not None:
                found.append(entry)
        return found
