"""The factory phase: what it keeps shut, how it ends, and what the signed state tells."""

import pytest
from euicc_server import Server
from factory_bench import CHALLENGE, SET, SMALL, Device, chip, content, iccid_of

from dissectors.link.apdu_bpp import split_bpp
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.personalisation import Kind

LOCAL = Config(local_management=True)
# SGP.22: notifications, profiles, authentication, addresses, CRL; SGP.32: packages, eIMs
SHUT = ("BF2800", "BF2B00", "BF3003800101", "BF2D00", "BF2E00", "BF3C00", "BF5500", "BF5800",
        "BF5100", "BF5700", "BF3800", "BF2100", "BF4100", "BF3500", "BF3100", "BF3200", "BF3300",
        "BF3400", "BF2900", "BF4300", "BF5600", "BF6400", "BF5900", "BF5A00")  # fmt: skip
READ = ("BF3E035C015A", "BF2000", "BF2200")


@pytest.fixture
def device() -> Device:
    return Device(chip(1, Kind(config=LOCAL, keys=(Suite.C1,) * 2)))


def enable(device: Device, iccid: str, command: str = "BF31") -> bytes:
    inside = f"A00C5A0A{iccid}8101FF"
    return device.euicc.command(bytes.fromhex(f"{command}{len(inside) // 2:02X}{inside}"), 0.0)


@pytest.mark.parametrize("command", SHUT)
def test_lpa_and_ipa_wait_until_no_key_is_left(device: Device, command: str) -> None:
    assert device.sw(command) == 0x6985
    device.delete()
    assert device.sw(command) != 0x6985 or command in ("BF4100",)


def test_a_reserved_key_keeps_them_waiting_too(device: Device) -> None:
    bound = device.bind()
    assert device.context(bound.context) is False
    device.delete()
    assert device.states() == ["reserved", "deleted"]
    assert device.sw("BF2D00") == 0x6985
    assert device.push(bound.package) == "ok"
    assert device.sw("BF2D00") == 0x9000


def test_the_chip_can_be_read_at_any_time(device: Device) -> None:
    for command in READ:
        assert device.sw(command) == 0x9000


def test_deletion_erases_unused_keys_and_is_done_twice_without_harm(device: Device) -> None:
    bound = device.bind(key=1)
    first = device.delete()
    assert (first["unusedOtk"], first["deletedOtk"], first["challenge"]) == (0, 2, CHALLENGE)
    assert device.delete() == first
    assert device.context(bound.context) == "otkConsumed"
    assert device.states() == ["deleted", "deleted"]


def test_deletion_by_name(device: Device) -> None:
    first, second = (one.ref.hex() for one in device.chip.one_time_keys)
    assert device.delete(["00" * 8]) == "unknownKeyRef"
    assert device.delete([second])["unusedOtk"] == 1
    assert device.states() == ["unused", "deleted"]
    # a reserved key goes where it is named
    bound = device.bind()
    assert device.context(bound.context) is False
    assert device.push(bound.package, 2) is None
    assert device.delete([first])["deletedOtk"] == 2
    # a segment of a package that is not under way is a command that nobody knows
    assert device.sw(split_bpp(bound.package)[1]) == 0x6A88
    assert device.load(bound) == "otkConsumed"
    assert device.results()[0][1] == "installFailedDueToInterruption"


def test_deletion_leaves_consumed_keys_alone(device: Device) -> None:
    assert device.load(device.bind()) == "ok"
    state = device.delete([device.chip.one_time_keys[0].ref.hex()])
    assert (state["unusedOtk"], state["consumedOtk"], state["deletedOtk"]) == (1, 1, 0)


def test_the_phase_is_not_closed_while_a_key_is_left(device: Device) -> None:
    assert device.close() == "wrongSequence"
    bound = device.bind()
    device.context(bound.context)
    device.delete()
    assert device.close() == "wrongSequence"


def closed(device: Device) -> Device:
    assert device.load(device.bind()) == "ok"
    device.delete()
    assert device.close()["factoryPhase"] == "closed"
    return device


def test_after_the_end_there_is_only_the_signed_state(device: Device) -> None:
    bound = device.bind(2, key=1)
    closed(device)
    assert device.context(bound.context) == "factoryPhaseClosed"
    assert device.delete() == "factoryPhaseClosed"
    assert device.close() == "factoryPhaseClosed"
    # these two have no place for an error
    assert device.sw("FF4003800100") == 0x6985
    assert device.sw("FF4204A0028000") == 0x6985
    assert device.state()["factoryPhase"] == "closed"
    assert device.sw(split_bpp(bound.package)[0]) == 0x6985


def test_nothing_opens_it_again(device: Device) -> None:
    bound = device.bind(2, key=1)
    closed(device)
    device.euicc.reset()
    for reset in ("BF3404820205E0", "BF640482020120", "BF3F028000"):
        device.sw(reset)
        assert device.context(bound.context) == "factoryPhaseClosed"
        assert device.state()["factoryPhase"] == "closed"
        assert device.state()["unusedOtk"] == 0
    assert device.iccids() == []


def test_a_profile_is_enabled_when_the_keys_are_gone(device: Device) -> None:
    assert device.load(device.bind()) == "ok"
    assert device.sw(f"BF3111A00C5A0A{iccid_of(1)}8101FF") == 0x6985
    device.delete()
    before = device.state()["stateCounter"]
    enable(device, iccid_of(1))
    device.euicc.refresh_done(True, 0.0)
    device.euicc.reset()
    assert device.state()["profiles"][0]["enabled"] is True
    assert device.state()["stateCounter"] == before + 1
    assert device.sw("BF2D00") == 0x9000


class Chip:
    """The certificates as a server of the test bench looks them up, with this chip in them."""

    curve, ci_id = SET.curve, SET.ci_id

    def __init__(self, device: Device) -> None:
        self.euicc = device.chip.ecasd.identities[0]

    def __getitem__(self, name: str):
        return self.euicc if name == "euicc" else SET[name]


def test_a_download_in_the_field_is_told_apart(device: Device) -> None:
    closed(device)
    server = Server(device.euicc)
    server.set = Chip(device)
    assert server.install("89990010000000000038")["successResult"]
    state = device.state()
    by = {one["iccid"]: one["loadedBy"] for one in state["profiles"]}
    assert sorted(by.values()) == ["fpa", "lpaOrIpa"]
    assert by[iccid_of(1)] == "fpa"


def test_a_profile_that_comes_again_is_not_the_factory_s(device: Device) -> None:
    closed(device)
    before = device.state()["stateCounter"]
    enable(device, iccid_of(1), "BF33")
    assert device.sw(f"BF330C5A0A{iccid_of(1)}") == 0x9000
    assert device.iccids() == []
    assert device.state()["stateCounter"] == before + 1


def test_the_counter_grows_with_every_change_and_with_nothing_else(device: Device) -> None:
    seen = [device.state()["stateCounter"]]

    def step(changes: int) -> None:
        device.euicc.reset()
        seen.append(device.state()["stateCounter"])
        assert seen[-1] - seen[-2] == changes

    bound = device.bind()
    step(0)
    device.context(bound.context)
    step(1)
    assert device.load(bound) == "ok"
    # installed, key consumed
    step(2)
    device.load(bound)
    step(0)
    device.delete()
    step(1)
    device.delete()
    step(0)
    device.close()
    step(1)


def test_a_signed_state_answers_one_challenge(device: Device) -> None:
    first, second = "01" * 16, "02" * 16
    answers = {one: device.ask("GetSignedIfppState", {"challenge": one}) for one in (first, second)}
    assert device.judged(answers[first], first)["challenge"] == first
    assert device.judged(answers[first], second) == "another challenge"
    assert device.judged(answers[second], first) == "another challenge"


def test_requests_that_cannot_be_read(device: Device) -> None:
    for tag in ("43", "44", "45"):
        answer = device.euicc.command(bytes.fromhex(f"FF{tag}00"), 0.0)
        assert answer == bytes.fromhex(f"FF{tag}03810110")
    for command in ("FF4000", "FF4200", "FF42028000"):
        assert device.sw(command) == 0x6A80
    for tag in ("46", "47", "48", "49", "4A", "3F"):
        assert device.sw(f"FF{tag}00") == 0x6A88


def test_no_secret_is_readable_in_the_factory(device: Device) -> None:
    bound = device.bind(content=content(1, SMALL))
    assert device.load(bound) == "ok"
    elements = content(1, SMALL).elements
    assert isinstance(elements, bytes)
    out = b"".join(
        device.euicc.command(bytes.fromhex(one), 0.0)
        for one in ("FF4003800100", "FF4204A0028000", "FF45128010" + "00" * 16)
    )
    seeds = [one.seed for one in device.chip.one_time_keys]
    assert not any(seed in out for seed in seeds)
    assert not any(elements[at : at + 16] in out for at in range(0, len(elements) - 16, 16))
