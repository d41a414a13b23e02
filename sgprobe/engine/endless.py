"""A card whose answer never ends: each piece of it says that there is more. ISO 7816-4 §5.6."""

from __future__ import annotations

from dataclasses import dataclass

_STORE_DATA, _GET_RESPONSE = 0xE2, 0xC0
_MORE = b"\x61\xff"
# what there is more of
_PIECE = bytes(255)
# status words of an answer that is whole, or goes on
_FINE = (0x90, 0x61, 0x91)


@dataclass(slots=True)
class Endless:
    """Makes the first answer to a command of ES10 endless; what comes after it is as it was."""

    wanted: bool
    _begun: bool = False

    def answer(self, command: bytes, answer: bytes) -> bytes:
        """Return what the card says to one APDU in place of its own answer."""
        if not self.wanted:
            return answer
        asked = command[1] if len(command) > 1 else 0
        if self._begun:
            # only an end of the questions ends the answer
            self.wanted = asked == _GET_RESPONSE
            return _PIECE + _MORE if self.wanted else answer
        # the last block of a command has P1 with its highest bit set. SGP.22 §5.7.2
        last = asked == _STORE_DATA and len(command) > 2 and bool(command[2] & 0x80)
        if not last or answer[-2] not in _FINE:
            return answer
        self._begun = True
        return answer[:-2] + _MORE
