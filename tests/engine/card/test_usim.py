"""The network side of a USIM: the reference USIM takes its challenges, once."""

from __future__ import annotations

from dataclasses import replace

from sgprobe.crypto.milenage import Milenage
from sgprobe.engine.card.usim import Network
from sgprobe.peers.euicc.aka import authenticate
from sgprobe.peers.euicc.filesystem import Aka
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, subscription

PERSON = subscription("s", make_iccid(7), PROFILE_TYPES["small"])
NETWORK = Network(PERSON)
NEW = (0,) * 32


def ask(command: bytes, known: tuple[int, ...] = NEW):
    rand, autn = command[6:22], command[23:39]
    aka = Aka(1, PERSON.k, PERSON.opc, 0, 1 << 28, 1 << 28, NEW)
    return authenticate(aka, known, rand, autn, check_mac=True, check_sqn=True)


def test_a_command_has_the_form_of_ts_31_102() -> None:
    command = NETWORK.authenticate()
    assert command[:6].hex() == "008800812210"
    assert (command[22], len(command)) == (16, 40)


def test_a_new_usim_takes_the_challenge_once() -> None:
    first = ask(NETWORK.authenticate())
    assert first.vector is not None
    assert first.sqn is not None
    told = first.vector
    assert NETWORK.response() == (b"\xdb\x08" + told.res + b"\x10" + told.ck + b"\x10" + told.ik)
    assert ask(NETWORK.authenticate(), first.sqn).auts is not None


def test_a_forged_challenge_and_one_of_another_network_prove_nothing() -> None:
    stranger = Network(replace(PERSON, k=bytes(16)))
    for command in (NETWORK.authenticate(forged=True), stranger.authenticate()):
        outcome = ask(command)
        assert outcome.vector is None
        assert outcome.auts is None


def test_autn_hides_the_sequence_number() -> None:
    hidden = NETWORK.autn()[:6]
    key = Milenage(PERSON.k, PERSON.opc).f5(NETWORK.rand)
    assert bytes(a ^ b for a, b in zip(hidden, key, strict=True)) == (32).to_bytes(6, "big")
