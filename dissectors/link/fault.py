"""The fault of one frame: what the layers below the flows cannot read."""

from __future__ import annotations

from dissectors.finding import Code


class FrameFault(Exception):
    """A frame that cannot be read further; it becomes a finding, the next frame is read."""

    def __init__(self, code: Code, text: str, offset: int = 0) -> None:
        """Name the kind, what is wrong, and the byte of the frame (or header) where."""
        super().__init__(text)
        self.code = code
        self.offset = offset
