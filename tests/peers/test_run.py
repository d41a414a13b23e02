"""The driver in memory: effects and their outcomes, failures thrown where they belong."""

from __future__ import annotations

import pytest

from sgprobe.peers.effects import (
    Card,
    CardFailure,
    LinkFailure,
    Now,
    Post,
    Refresh,
    Request,
    Response,
    Say,
    Wait,
)
from sgprobe.peers.run import Clock, Driver, timed

REQUEST = Request("/", "", b"")


class Slot:
    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.refreshed: list[float] = []

    def command(self, command: bytes, now: float) -> bytes:
        self.commands.append(command)
        if command == b"bad":
            raise CardFailure(0x6A80)
        return command[::-1]

    def refresh(self, now: float) -> None:
        self.refreshed.append(now)


class Role:
    def answer(self, request: Request, now: float) -> Response:
        return Response(200, body=f"{now}".encode())


def test_effects_and_their_outcomes():
    slot = Slot()
    driver = Driver({"https://a": timed(Role())}, slot, Clock(5.0))

    def procedure():
        before = yield Now()
        yield Wait(2.5)
        answer = yield Post("https://a", REQUEST)
        told = yield Card(b"ab")
        yield Refresh()
        nothing = yield Say("a word", {"more": 1})
        return before, answer.body, told, nothing

    assert driver.run(procedure()) == (5.0, b"7.5", b"ba", None)
    assert slot.refreshed == [7.5]
    assert driver.said == [Say("a word", {"more": 1})]


def test_failures_are_thrown_into_the_procedure():
    driver = Driver({}, Slot())

    def procedure():
        found = []
        for effect in (Post("https://nobody", REQUEST), Card(b"bad"), Card(b"ok")):
            try:
                found.append((yield effect))
            except (LinkFailure, CardFailure) as failure:
                found.append(type(failure))
        return found

    assert driver.run(procedure()) == [LinkFailure, CardFailure, b"ko"]


def test_what_nobody_catches_comes_out():
    def procedure():
        yield Card(b"x")

    with pytest.raises(CardFailure):
        Driver().run(procedure())


def test_a_handler_is_a_procedure_and_may_ask_others():
    driver = Driver({}, clock=Clock(1.0))

    def first(request):
        answer = yield Post("https://second", request)
        return Response(200, body=answer.body + b"!")

    def second(request):
        yield Wait(1)
        now = yield Now()
        return Response(200, body=f"{now}".encode())

    def lost(request):
        yield Now()
        raise LinkFailure("on the way")

    driver.handlers.update({"https://first": first, "https://second": second, "https://lost": lost})

    def procedure(address):
        answer = yield Post(address, REQUEST)
        return answer.body

    assert driver.run(procedure("https://first")) == b"2.0!"
    with pytest.raises(LinkFailure):
        driver.run(procedure("https://lost"))
