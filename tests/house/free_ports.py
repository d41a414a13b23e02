"""Ports for programs that cannot be told to take any."""

from __future__ import annotations

import itertools
import random
import re
import socket

# below what systems give to who asks for any port: nobody gets one between our look and its use
_FIRST, _LAST = 20_000, 31_000
# two runs of the tests on one machine do not begin at one place
_NEXT = itertools.count(random.SystemRandom().randrange(_LAST - _FIRST))
# the ports that documents and examples name
_NAMED = re.compile(r"\b184\d\d\b")


def free_port(count: int = 1) -> int:
    """Return the first of so many ports in a row that are free for TCP and UDP."""
    for _ in range(1000):
        row = [_FIRST + next(_NEXT) % (_LAST - _FIRST) for _ in range(count)]
        if row[-1] - row[0] == count - 1 and all(map(_is_free, row)):
            return row[0]
    raise AssertionError(f"no {count} free ports between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one:
            try:
                one.bind(("", port))
            except OSError:
                return False
    return True


class FreePorts:
    """Puts free ports in the place of those that documents and examples name, the same for each."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def put(self, text: str) -> str:
        """Return the text with free ports."""
        return _NAMED.sub(lambda found: self.of(found[0]), text)

    def of(self, named: str) -> str:
        """Return the port that stands for a named one."""
        if named not in self._given:
            self._given[named] = str(free_port())
        return self._given[named]
