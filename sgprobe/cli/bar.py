"""A progress bar on a terminal; nothing where standard error is none."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_PAUSE = 0.1  # seconds between two looks of it


class Bar:
    """One line: how much of how much is done, and at what rate."""

    def __init__(self, text: str, whole: int = 0) -> None:
        self._text = text
        self._whole = whole
        self._shown = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._next = self._begun

    def __call__(self, done: int, whole: int = 0) -> None:
        """Show how far it is."""
        now = time.monotonic()
        whole = whole or self._whole
        if not self._shown or (now < self._next and done < whole):
            return
        self._next = now + _PAUSE
        full = _WIDTH * min(done, whole) // whole if whole else 0
        rate = done / max(now - self._begun, 0.001)
        line = f"{self._text} [{'#' * full}{'.' * (_WIDTH - full)}] {done}/{whole}, {rate:.0f}/s"
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
