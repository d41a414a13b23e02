"""Planted faults: which message is changed, how often, and what becomes of it."""

from __future__ import annotations

import pytest
from compose_helpers import SPEC, composer, fields, message, mutations

from sgprobe.engine.message.damage import DamageError
from sgprobe.engine.message.disguise import Disguise, Says

ANSWER = message("eim", "ipa", "GetEimPackageResponse", SPEC)
POLL = message("ipa", "eim", "GetEimPackageRequest")
BODY = bytes.fromhex("bf4f03020101")
VALUE = {"eimPackageError": "noEimPackageAvailable"}


def disguise(*says: Says) -> Disguise:
    return Disguise(says, composer())


def find(one: Disguise, *, request: bool = False, json: bool = False) -> Says | None:
    return one.find(ANSWER.function, request=request, json=json)


def test_only_what_is_named_is_changed() -> None:
    one = disguise(Says(ANSWER, word="silence"))
    assert find(one) is not None
    assert find(one, request=True) is None
    assert find(one, json=True) is None
    assert disguise(Says(POLL, word="silence")).find(
        ANSWER.function, request=False, json=False) is None  # fmt: skip
    assert find(disguise()) is None


def test_the_nth_time_alone() -> None:
    one = disguise(Says(ANSWER, word="silence", nth=2))
    assert [find(one) is not None for _ in range(4)] == [False, True, False, False]


def test_fields_go_over_what_it_says() -> None:
    says = Says(ANSWER, fields("eimPackageError: eidNotFound", ANSWER), after=5.0)
    changed = disguise(says).change(says, BODY, VALUE)
    assert (changed.body.hex(), changed.status, changed.after) == ("bf4f03020102", None, 5.0)


def test_fields_with_a_status() -> None:
    """Both are as the fault says: a body, and another status."""
    says = Says(ANSWER, fields("eimPackageError: eidNotFound", ANSWER), status=201)
    changed = disguise(says).change(says, b"", None)
    assert (changed.body.hex(), changed.status) == ("bf4f03020102", 201)


def test_a_status_alone_has_no_body() -> None:
    says = Says(ANSWER, status=500)
    changed = disguise(says).change(says, BODY, VALUE)
    assert (changed.body, changed.status) == (b"", 500)


def test_damage() -> None:
    says = Says(ANSWER, mutations=mutations("eimPackageError: {replace: 05}", ANSWER))
    assert disguise(says).change(says, BODY, VALUE).body.hex() == "bf4f03020105"
    with pytest.raises(DamageError):
        disguise(says).change(says, b"", VALUE)


def test_silence_and_the_answer_before() -> None:
    silent = Says(ANSWER, word="silence")
    assert disguise(silent).change(silent, BODY, VALUE).word == "silence"
    again = Says(ANSWER, word="repeat")
    one = disguise(again)
    assert one.change(again, BODY, VALUE).body == BODY
    assert one.change(again, b"other", VALUE).body == BODY
