"""The enabled profile as a modem sees it: files, PINs, access rules, AUTHENTICATE."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from euicc_bench import A, B, Operator, make, wire
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto.milenage import Milenage
from sgprobe.peers.euicc.aka import authenticate
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.card import REFRESH, Card
from sgprobe.peers.euicc.filesystem import Aka
from sgprobe.peers.euicc.interpreter import contents_of
from sgprobe.peers.euicc.rules import RULES
from sgprobe.peers.profiles.library import ProfileType, package, subscription
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import MemoryStore

SMALL = ProfileType("small", 0)
PIN = "3030303046464646".replace("46464646", "ffffffff")
USIM = "A0000000871002"


def card(**more) -> Card:
    profiles = (
        Preloaded(A, "A", enabled=True, elements=package("seed", A, SMALL)),
        Preloaded(B, "B", elements=package("seed", B, SMALL)),
    )
    made = Card(make(profiles=profiles, **more))
    # the packages come with PIN1 switched off
    select_usim(made)
    assert send(made, f"0028000108{PIN}")[1] == "9000"
    made.reset()
    return made


def send(target: Card, apdu: str) -> tuple[str, str]:
    answer = target.apdu(bytes.fromhex(apdu.replace(" ", "")), 0.0)
    if answer[-2] == 0x61:
        answer = target.apdu(bytes([0, 0xC0, 0, 0, answer[-1]]), 0.0)
    return answer[:-2].hex(), answer[-2:].hex()


def kept(store: MemoryStore) -> list[str]:
    return list(store.keys())


def select(target: Card, fid: str) -> str:
    return send(target, f"00A40004 {len(fid) // 2:02X} {fid}")[1]


def select_usim(target: Card) -> None:
    assert send(target, f"00A40404 07 {USIM}")[1] == "9000"


def verify(target: Card, reference: int = 1, pin: str = PIN) -> str:
    return send(target, f"002000{reference:02X} 08 {pin}")[1]


def test_files_by_path_identifier_and_short_identifier():
    target = card()
    assert select(target, "2FE2") == "9000"
    assert send(target, "00B0000000") == (wire(A), "9000")
    fcp, sw = send(target, "00A40004 02 3F00")
    assert sw == "9000"
    assert fcp.startswith("62")
    assert "83023f00" in fcp
    select_usim(target)
    assert send(target, "00A40804 04 7FFF6F07")[1] == "9000"
    assert send(target, "00B0000009")[1] == "6982"
    assert verify(target) == "9000"
    imsi, sw = send(target, "00B0000009")
    assert sw == "9000"
    octets = [imsi[at : at + 2] for at in range(0, 18, 2)]
    # 3GPP TS 31.102 §4.2.2: length, then parity and digits swapped
    assert octets[0] == "08"
    digits = "".join(one[1] + one[0] for one in octets[1:])[1:]
    assert digits == subscription("seed", A, SMALL).imsi
    # EF.AD by its short identifier, 3GPP TS 31.102 §4.2.18
    assert send(target, "00B0830004") == ("00000002", "9000")
    assert select(target, "6F99") == "6a82"


def test_records_and_the_directory_of_applications():
    target = card()
    assert select(target, "2F00") == "9000"
    entry, sw = send(target, "00B2010420")
    assert sw == "9000"
    assert USIM.lower() in entry
    assert send(target, "00B2020420")[1] == "6a83"
    assert send(target, "00B2000220")[0] == entry
    assert send(target, "00B0000000")[1] == "6981"


def test_pins_are_counted_blocked_and_unblocked():
    target = card()
    select_usim(target)
    wrong = "31313131ffffffff"
    assert send(target, "0020000100")[1] == "63c3"
    assert [verify(target, 1, wrong) for _ in range(4)] == ["63c2", "63c1", "6983", "6983"]
    assert verify(target) == "6983"
    target.reset()
    assert send(target, "0020000100")[1] == "6983"
    puk = subscription("seed", A, SMALL).puk.encode().hex()
    new = "32323232ffffffff"
    assert send(target, "002C000110" + "00" * 8 + new)[1] == "63c9"
    assert send(target, "002C000110" + puk + new)[1] == "9000"
    target.reset()
    assert verify(target) == "63c2"
    assert verify(target, 1, new) == "9000"
    assert send(target, "0024000110" + new + PIN)[1] == "9000"
    assert verify(target) == "9000"
    assert verify(target, 7) == "6a88"


def test_a_pin_that_is_off_protects_nothing():
    target = card()
    select_usim(target)
    assert send(target, f"0026000108{PIN}")[1] == "9000"
    target.reset()
    select_usim(target)
    assert select(target, "6F07") == "9000"
    assert send(target, "00B0000009")[1] == "9000"
    assert send(target, f"0028000108{PIN}")[1] == "9000"


def test_updates_need_their_rule_and_stay():
    target = card()
    select_usim(target)
    assert verify(target) == "9000"
    assert select(target, "6F07") == "9000"
    assert send(target, "00D6000001AA")[1] == "6982"
    adm = subscription("seed", A, SMALL).adm.encode().hex()
    assert verify(target, 10, adm) == "9000"
    assert send(target, "00D6000001AA")[1] == "9000"
    assert send(target, "00D6000902AAAA")[1] == "6700"
    target.reset()
    select_usim(target)
    verify(target)
    select(target, "6F07")
    assert send(target, "00B0000001") == ("aa", "9000")


def challenge(number: int, *, amf: bytes = b"\x80\x00", spoil: int = 0) -> str:
    known = subscription("seed", A, SMALL)
    network = Milenage(known.k, known.opc)
    rand = bytes(range(16))
    sqn = number.to_bytes(6, "big")
    hidden = bytes(a ^ b for a, b in zip(sqn, network.f5(rand)))
    mac = bytearray(network.f1(rand, sqn, amf))
    mac[0] ^= spoil
    return "10" + rand.hex() + "10" + (hidden + amf + bytes(mac)).hex()


def test_authenticate_with_milenage():
    target = card()
    select_usim(target)
    assert send(target, "0088008122" + challenge(32))[1] == "6982"
    verify(target)
    known = subscription("seed", A, SMALL)
    network = Milenage(known.k, known.opc)
    rand = bytes(range(16))
    told = (network.f2(rand), network.f3(rand), network.f4(rand))
    expected = "db" + "".join(f"{len(one):02x}{one.hex()}" for one in told)
    assert send(target, "0088008122" + challenge(32)) == (expected, "9000")
    assert send(target, "0088008122" + challenge(64, spoil=1))[1] == "9862"
    # the same number again: resynchronisation, TS 33.102 §6.3.3
    auts, sw = send(target, "0088008122" + challenge(32))
    assert sw == "9000"
    own = (32).to_bytes(6, "big")
    hidden = bytes(a ^ b for a, b in zip(own, network.f5_star(rand)))
    assert auts == "dc0e" + (hidden + network.f1_star(rand, own, bytes(2))).hex()
    target.reset()
    select_usim(target)
    verify(target)
    assert send(target, "0088008122" + challenge(32))[0].startswith("dc0e")
    assert send(target, "0088008122" + challenge(33))[0].startswith("db")
    # too far ahead
    assert send(target, "0088008122" + challenge(1 << 40))[0].startswith("dc0e")
    sres = bytes(a ^ b for a, b in zip(told[0][:4], told[0][4:]))
    gsm = send(target, "0088008011" + "10" + rand.hex())
    assert gsm[0].startswith("04" + sres.hex() + "08")
    assert send(target, "00880081021000")[1] == "6a80"


def test_the_test_algorithm():
    aka = Aka(3, bytes(range(16)), b"", 2, 1 << 28, 1 << 28, (0,) * 32)
    rand = b"\x55" * 16
    mixed = bytes(a ^ b for a, b in zip(aka.key, rand))
    sqn, amf = (32).to_bytes(6, "big"), bytes(2)
    hidden = bytes(a ^ b for a, b in zip(sqn, mixed[3:9]))
    mac = bytes(a ^ b for a, b in zip(mixed, sqn + amf))
    outcome = authenticate(aka, aka.sqn, rand, hidden + amf + mac, True, True)
    assert outcome.vector is not None
    # 3GPP TS 34.108 §8.1.2
    assert outcome.vector.ck == mixed[1:] + mixed[:1]
    assert outcome.vector.ik == mixed[2:] + mixed[:2]


def test_a_switch_shows_at_once_and_pins_are_forgotten():
    target = card()
    eim = Operator(target.euicc)
    eim.associate()
    select_usim(target)
    verify(target)
    eim.run({"enable": {"iccid": wire(B)}})
    assert send(target, "00A40004 02 2FE2")[1] == f"91{len(REFRESH):02x}"
    target.reset()
    assert select(target, "2FE2") == "9000"
    assert send(target, "00B0000000") == (wire(B), "9000")


def test_without_an_enabled_profile():
    target = Card(make(profiles=()))
    assert select(target, "3F00") == "9000"
    assert select(target, "2FE2") == "6a82"
    assert send(target, f"00A40404 07 {USIM}")[1] == "6a82"
    assert send(target, "0088008122" + challenge(32))[1] == "6985"


def test_changes_end_with_the_profile():
    store = MemoryStore()
    target = card(store=store, local_management=True)
    select_usim(target)
    assert send(target, f"0026000108{PIN}")[1] == "9000"
    assert any("/usage/" in key for key in kept(store))
    euicc = target.euicc
    euicc.command(bytes.fromhex("BF3211A00C5A0A" + wire(A) + "810100"), 0.0)
    euicc.command(bytes.fromhex("BF330C5A0A" + wire(A)), 0.0)
    assert not any("/usage/" in key or wire(A) in key for key in kept(store))


@pytest.mark.parametrize("rule", ["EUICC.PIN", "EUICC.AUTN-MAC", "EUICC.AUTN-SQN"])
def test_planted_faults(rule):
    target = card(off=[rule])
    select_usim(target)
    if rule != "EUICC.PIN":
        verify(target)
    spoil = rule == "EUICC.AUTN-MAC"
    for _ in range(1 + (rule == "EUICC.AUTN-SQN")):
        assert send(target, "0088008122" + challenge(32, spoil=spoil))[0].startswith("db")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [0xA4, 0xB0, 0xB2, 0xD6, 0xDC, 0x20, 0x24, 0x26, 0x2C, 0x88, 0xF2, 0xC0]
            ),
            st.integers(0, 255),
            st.integers(0, 255),
            st.binary(max_size=40),
        ),
        max_size=30,
    )
)
def test_any_command_gets_a_status_word(commands):
    target = FUZZED
    target.reset()
    for ins, p1, p2, data in commands:
        head = bytes([0, ins, p1, p2])
        apdu = head + (bytes([len(data)]) + data if data else b"\x00")
        answer = target.apdu(apdu, 0.0)
        assert len(answer) >= 2
        assert answer[-2] & 0xF0 in (0x60, 0x90)


FUZZED = card()


TS48 = os.environ.get("SGPROBE_TS48", "")


@pytest.mark.oracle("TS.48 profiles")
@pytest.mark.skipif(not TS48, reason="SGPROBE_TS48 names no folder of TS.48 test profiles")
def test_profiles_that_strangers_made():
    files = sorted(Path(TS48).glob("*.der"))
    read = [contents_of(file.read_bytes(), Rules(RULES)) for file in files]
    # those that ask for SUCI are refused
    made = [contents for contents in read if contents.applications]
    assert made
    for contents in made:
        assert contents.aka is not None
        assert contents.root.find("7fd06f07") is not None
