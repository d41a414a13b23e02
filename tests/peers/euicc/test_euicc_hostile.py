"""Hostile input: any octets get the error that the spec names, and the eUICC goes on as before."""

from __future__ import annotations

import time

import pytest
from euicc_bench import A, B, C, Operator, call, make, notifying, wire
from euicc_server import SMALL, THIRTY, Server, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import CARD, FUNCTIONS
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.dialect import VERSIONS, dialect
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.interpreter import Aborted, Interpreter
from sgprobe.peers.euicc.records import Eim, Profile
from sgprobe.peers.euicc.rules import RULES
from sgprobe.peers.profiles.library import package
from sgprobe.peers.rules import Rules

GET_EID = bytes.fromhex("BF3E035C015A")


def commands(euicc: Euicc) -> list[bytes]:
    """One good command of every kind."""
    eim = Operator(euicc)
    server = Server(euicc)
    yes = {"refreshFlag": True}
    by = {"profileIdentifier": {"iccid": wire(B)}, **yes}
    codec = euicc.chip.dialect.codec
    simple = {
        "GetEuiccInfo1": {},
        "GetEuiccInfo2": {},
        "EuiccConfiguredAddresses": {},
        "SetDefaultDpAddress": {"defaultDpAddress": "x"},
        "GetEuiccData": {"tagList": "5a"},
        "GetRat": {},
        "GetCerts": {"euiccCiPKId": "00" * 20},
        "IpaeActivation": {"ipaeOption": {"value": "80", "length": 1}},
        "GetConnectivityParameters": {},
        "ListNotification": {"profileManagementOperation": {"value": "80", "length": 1}},
        "RetrieveNotificationsList": {"searchCriteria": {"seqNumber": 1}},
        "NotificationSent": {"seqNumber": 1},
        "ProfileInfoList": {"searchCriteria": {"iccid": wire(B)}, "tagList": "5a9f70"},
        "EnableProfile": by,
        "DisableProfile": by,
        "DeleteProfile": {"iccid": wire(B)},
        "SetNickname": {"iccid": wire(B), "profileNickname": "x"},
        "EuiccMemoryReset": {"resetOptions": {"value": "80", "length": 1}},
        "AddInitialEim": {"eimConfigurationDataList": [eim.config(associationToken=-1)]},
        "GetEimConfigurationData": {"searchCriteria": {"eimId": "x"}},
        "ImmediateEnable": yes,
        "ConfigureImmediateProfileEnabling": {"immediateEnableFlag": None},
        "ProfileRollback": yes,
        "ExecuteFallbackMechanism": yes,
        "ReturnFromFallback": yes,
        "EnableEmergencyProfile": yes,
        "DisableEmergencyProfile": yes,
        "CancelSession": {"transactionId": "00", "reason": "timeout"},
        "GetEuiccChallenge": {},
    }
    made = [codec.encode(f"{name}Request", value) for name, value in simple.items()]
    made.append(eim.package([{"enable": {"iccid": wire(B)}}, {"listProfileInfo": {}}]))
    made.append(
        eim.package([{"addEim": Operator(euicc, "z").config()}, {"listEim": {}}], "ecoList")
    )
    made.append(server.authenticate_request("00" * 16))
    server.signature1 = tlv("5F37", bytes(64))
    made.append(server.prepare_request())
    server.otpk = b"\x04" + bytes(64)
    return made


def ready(version: str = "1.3", **more) -> Euicc:
    profiles = (
        Preloaded(A, "A", enabled=True, metadata=notifying()),
        Preloaded(B, "B", metadata={"fallbackAllowed": True, **notifying()}),
        Preloaded(C, "E", metadata={"ecallIndication": True}),
    )
    return make(version, profiles=profiles, local_management=True, ipae=True, **more)


def send(euicc: Euicc, command: bytes) -> bytes | int:
    try:
        return euicc.command(command, 0.0)
    except CardFailure as failure:
        return failure.sw


def whole(euicc: Euicc) -> None:
    """The eUICC still works, and holds nothing that cannot be."""
    profiles = euicc.draft().all(Profile)
    assert sum(one.enabled for one in profiles) <= 1
    assert all(1 <= len(one.id) <= 128 for one in euicc.draft().all(Eim))
    assert send(euicc, GET_EID) != 0
    call(euicc, "ProfileInfoList")
    call(euicc, "GetEimConfigurationData")
    call(euicc, "ListNotification")
    euicc.reset()


GOOD = commands(ready())


@st.composite
def spoilt(draw) -> bytes:
    command = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(command) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                command[at] = draw(st.integers(0, 255))
            case 1:
                command[at] ^= 1 << draw(st.integers(0, 7))
            case 2:
                del command[at : at + draw(st.integers(1, 8))]
            case 3:
                command[at:at] = draw(st.binary(min_size=1, max_size=8))
            case 4:
                command = command[: at + 1]
        if not command:
            return b""
    return bytes(command)


FUZZED = ready()


@settings(max_examples=800, deadline=None)
@given(spoilt())
def test_spoilt_commands(command):
    answer = send(FUZZED, command)
    assert isinstance(answer, int) or answer[:1]
    whole(FUZZED)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([good[:2] for good in GOOD]), st.binary(max_size=60))
def test_any_contents_under_a_known_tag(tag, contents):
    send(FUZZED, tlv(tag, contents))
    whole(FUZZED)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_any_octets(command):
    send(FUZZED, command)
    whole(FUZZED)


def test_every_function_of_the_tables_is_there():
    for version in VERSIONS:
        euicc = ready(version)
        spoken = dialect(version)
        for function in FUNCTIONS:
            if function.interface not in CARD or not function.request:
                continue
            source = spoken.rsp if "SGP.32" not in function.specs else spoken.codec
            if function.request not in source or "LpaeActivation" in function.name:
                continue
            (tag,) = source.schema.first_tags(source.type(function.request))
            answer = send(euicc, tlv(tag))
            # known: refused for its contents or the state at most
            assert answer != 0x6A88, (version, function.name)


def test_numbers_without_end():
    euicc = ready()
    huge = b"\x7f" + bytes(30_000)
    eim = Operator(euicc)
    spki = bytes.fromhex(eim.config()["eimPublicKeyData"]["eimPublicKey"])
    key = tlv("A5", tlv("A0", spki[2:]))
    for number in (tlv("82", huge), tlv("83", huge), tlv("84", huge)):
        element = tlv("30", tlv("80", b"a"), number, key)
        answer = send(euicc, tlv("BF57", tlv("A0", element)))
        assert isinstance(answer, bytes)
        assert answer[3:4] == b"\x81"
    assert send(euicc, tlv("BF30", tlv("80", huge))) == bytes.fromhex("BF300380017F")
    assert send(euicc, tlv("BF2B", tlv("A0", tlv("80", huge)))) == bytes.fromhex("BF2B0381017F")
    whole(euicc)


# packages


def prepared() -> Server:
    server = Server(ready())
    server.authenticate()
    server.prepare()
    return server


@settings(max_examples=150, deadline=None)
@given(
    which=st.integers(0, 12), at=st.integers(0, 400), value=st.integers(0, 255), cut=st.booleans()
)
def test_spoilt_segments_install_nothing_else(which, at, value, cut):
    server = LOADED
    server.authenticate()
    server.prepare()
    for number, piece in enumerate(pieces(server.bpp(FREE))):
        sent = bytearray(piece)
        if number == which:
            place = at % len(sent)
            if cut:
                sent = sent[:place]
            else:
                sent[place] = value
        answer = send(server.euicc, bytes(sent))
        if isinstance(answer, int) or answer:
            break
    installed = server.euicc.draft().find(Profile, wire(FREE))
    if isinstance(answer, bytes):
        final = server.result(answer)
        assert ("successResult" in final) == (installed is not None)
    else:
        assert installed is None
    if installed is not None:
        call(server.euicc, "DeleteProfile", {"iccid": wire(FREE)})
    whole(server.euicc)


LOADED = prepared()
FREE = "89990010000000000046"
ELEMENTS = package("seed", C, SMALL)


@settings(max_examples=500, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4),
    sizes=st.integers(1, 1007),
)
def test_spoilt_elements(edits, sizes):
    elements = bytearray(ELEMENTS)
    for at, value in edits:
        elements[at % len(elements)] = value
    assert interpreted([elements[at : at + sizes] for at in range(0, len(elements), sizes)])


def interpreted(parts: list[bytes]) -> bool:
    """Say whether a package ends in one of the two ways that it may."""
    interpreter = Interpreter(RULES_ON, 100_000)
    try:
        for part in parts:
            interpreter.feed(bytes(part))
        return interpreter.finish()[:1] == b"\x30"
    except Aborted as aborted:
        return 0 < aborted.status.code <= 31


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_elements_of_any_octets(octets):
    header = ELEMENTS[: 2 + ELEMENTS[1]]
    assert interpreted([header + octets])


RULES_ON = Rules(RULES)


def test_elements_that_eat_memory_are_stopped():
    def status(*elements: bytes) -> int:
        interpreter = Interpreter(RULES_ON, 100_000)
        header = ELEMENTS[: 2 + ELEMENTS[1]]
        with pytest.raises(Aborted) as aborted:
            interpreter.feed(header + b"".join(elements))
        return aborted.value.status.code

    head = tlv("A0", tlv("81", b"\x01"))
    big = tlv("82", bytes.fromhex("4121")) + tlv("83", bytes.fromhex("6F01"))
    mf = tlv("B0", head, tlv("81", bytes.fromhex("67810F0102"[:0] + "678F0F0102")), tlv("A2"))
    huge = tlv("62", big, tlv("80", bytes.fromhex("7FFFFF")))
    generic = tlv("A1", tlv("A0", tlv("81", b"\x02")), tlv("A1", tlv("30", tlv("80"), huge)))
    assert status(mf, generic) == 4
    # a length that no memory could hold, announced in few octets
    assert status(bytes.fromhex("A183FFFFFF")) == 4
    # thousands of empty elements
    started = time.process_time()
    small = b"".join(tlv("B6") for _ in range(10_000))
    assert status(small) > 0
    assert time.process_time() - started < 2


def test_an_element_in_many_small_pieces_costs_no_more():
    elements = package("seed", C, THIRTY)
    started = time.process_time()
    interpreter = Interpreter(RULES_ON, 100_000)
    for at in range(len(elements)):
        interpreter.feed(elements[at : at + 1])
    assert interpreter.finish() == bytes.fromhex("3007a0053003800100")
    assert time.process_time() - started < 2


# planted faults


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_an_euicc_without_one_rule_still_answers(rule):
    euicc = ready(off=[rule])
    eim = Operator(euicc)
    for command in (*GOOD, *commands(euicc)):
        send(euicc, command)
    eim.associate()
    eim.counter = 50
    for listed in (
        [{"enable": {"iccid": wire(FREE)}}],
        [{"enable": {"iccid": wire(B), "rollbackFlag": None}}, {"enable": {"iccid": wire(A)}}],
        [{"disable": {"iccid": wire(FREE)}}, {"disable": {"iccid": wire(B)}}],
        [{"delete": {"iccid": wire(FREE)}}, {"setFallbackAttribute": {"iccid": wire(B)}}],
        [{"unsetFallbackAttribute": {}}],
    ):
        send(euicc, eim.package(listed))
    server = Server(euicc)
    server.authenticate()
    server.prepare()
    for piece in pieces(server.bpp(FREE)):
        if send(euicc, piece):
            break
    assert send(euicc, GET_EID)
