"""A card whose first answer never ends, until nobody asks for more of it."""

from __future__ import annotations

from sgprobe.engine.endless import Endless

LAST, EARLIER = bytes.fromhex("81E2910003BF2E00"), bytes.fromhex("81E2110003BF2E00")
MORE, SELECT = bytes.fromhex("81C00000FF"), bytes.fromhex("01A4040000")
ANSWER, FAILED = bytes.fromhex("BF2E009000"), bytes.fromhex("6A88")


def test_the_first_answer_goes_on_as_long_as_it_is_asked_for() -> None:
    card = Endless(True)
    assert card.answer(SELECT, ANSWER) == ANSWER
    assert card.answer(EARLIER, bytes.fromhex("9000")) == bytes.fromhex("9000")
    assert card.answer(LAST, FAILED) == FAILED
    assert card.answer(LAST, ANSWER) == bytes.fromhex("BF2E0061FF")
    for _ in range(3000):
        assert card.answer(MORE, FAILED)[-2:] == b"\x61\xff"
    assert card.answer(LAST, ANSWER) == ANSWER
    assert card.answer(MORE, FAILED) == FAILED


def test_any_octets_are_answered() -> None:
    for command in (b"", b"\x00", b"\x00\xe2"):
        assert Endless(True).answer(command, ANSWER) == ANSWER
    assert Endless(False).answer(LAST, ANSWER) == ANSWER
