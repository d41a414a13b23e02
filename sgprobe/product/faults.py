"""Why an action of an operator came to nothing."""

from __future__ import annotations


class Missing(Exception):
    """The bench lacks something to make the product act; `add` says what to add, and where."""

    def __init__(self, text: str, add: str = "") -> None:
        super().__init__(text)
        self.add = add


class Failed(Exception):
    """The product, or the adapter before it, did not do what it was asked for."""
