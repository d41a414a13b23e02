"""The SM-DP+ and SM-DS roles with the eUICC role: whole downloads, end to end."""

from __future__ import annotations

import pytest

from sgprobe.peers.es9.party import smds_party
from sgprobe.peers.es9client import Es9Client
from sgprobe.peers.es12client import Es12Client
from sgprobe.peers.euicc.build import build
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.smds.server import Setup as SmdsSetup
from sgprobe.peers.smds.server import SmDs
from sgprobe.peers.store import MemoryStore
from tests.peers.rsp_drive import World, pki, refused, run, seeded
from tests.peers.rsp_lpa import SGP22, Lpa


def lpa(world: World, curve: str = "p256", version: str = "1.2", **how) -> Lpa:
    euicc = build(pki(), Config(version=version), curves=[curve], **how)
    return Lpa(euicc, world.server, world.client)


def outcome(result: bytes) -> dict:
    decoded = SGP22.decode("ProfileInstallationResult", result)
    return decoded.value["profileInstallationResultData"]["finalResult"]


@pytest.mark.parametrize("protection", ["ppk", "session"])
@pytest.mark.parametrize("version", ["1.0.1", "1.3"])
@pytest.mark.parametrize("binding", ["json", "asn1"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_every_size_is_installed(curve, binding, version, protection):
    world = World(curve, binding=binding)
    device = lpa(world, curve, version)
    for kind in ("small", "30k", "100k", "icon", "ppr2", "test"):
        order = world.server.order(kind, protection=protection)
        result = outcome(device.download(order.matching_id))
        assert "successResult" in result, (kind, result)
        assert world.state(order) == "downloaded"
        assert device.deliver() == 1
        assert world.state(order) == "installed"
    (first, *_) = world.server.notifications(device.euicc.eid)
    assert (first["kind"], first["result"]) == ("install", "success")


@pytest.mark.parametrize("version", ["2.2", "2.5", "2.7"])
def test_every_version_of_the_server(version):
    world = World(version=version)
    device = lpa(world)
    order = world.server.order("small", eid=device.euicc.eid, matching_id="")
    assert "successResult" in outcome(device.download())
    device.deliver()
    assert world.state(order) == "installed"


def test_a_confirmation_code_goes_through_the_card():
    world = World()
    device = lpa(world)
    order = world.server.order("small", code="12345678")
    authenticated = device.authenticate(order.matching_id)
    assert SGP22.decode("SmdpSigned2", authenticated.smdp_signed2).value["ccRequiredFlag"]
    assert "successResult" in outcome(device.load(device.fetch(authenticated, "12345678")))


def test_wrong_codes_end_the_order_and_the_card_goes_on():
    world = World(limits=Limits(code_tries=1))
    device = lpa(world)
    order = world.server.order("small", code="12345678")
    authenticated = device.authenticate(order.matching_id)
    with pytest.raises(Exception, match=r"8\.2\.7/6\.4"):
        device.fetch(authenticated, "11111111")
    assert world.state(order) == "error"
    other = world.server.order("small")
    assert "successResult" in outcome(device.download(other.matching_id))


def test_a_retry_uses_the_one_time_key_again():
    world = World()
    device = lpa(world)
    order = world.server.order("30k", protection="session")
    first = device.fetch(device.authenticate(order.matching_id))
    authenticated = device.authenticate(order.matching_id)
    assert "bppEuiccOtpk" in SGP22.decode("SmdpSigned2", authenticated.smdp_signed2).value
    second = device.fetch(authenticated)
    # the same key: what is protected is the same to the last octet
    assert second[-30_000:] == first[-30_000:]
    assert "successResult" in outcome(device.load(second))
    device.deliver()
    assert world.state(order) == "installed"


def test_a_retry_after_a_reset_gets_a_new_binding():
    world = World()
    device = lpa(world)
    order = world.server.order("small", protection="session")
    device.fetch(device.authenticate(order.matching_id))
    device.euicc.reset()
    assert "successResult" in outcome(device.download(order.matching_id))


def test_a_changed_package_is_refused_by_the_card_and_told_to_the_server():
    world = World()
    device = lpa(world)
    order = world.server.order("small")
    package = bytearray(device.fetch(device.authenticate(order.matching_id)))
    package[-20] ^= 1
    result = outcome(device.load(bytes(package)))
    assert result["errorResult"]["errorReason"] == "scp03tSecurityError"
    device.deliver()
    state = world.server.state(order.iccid)
    assert (state.state, state.reason) == ("error", "scp03tSecurityError")


@pytest.mark.parametrize(("reason", "state"), [(0, "error"), (1, "released"), (5, "error")])
def test_the_card_cancels(reason, state):
    world = World()
    device = lpa(world)
    order = world.server.order("small")
    device.authenticate(order.matching_id)
    device.cancel(reason)
    assert world.state(order) == state


def test_the_same_iccid_twice_ends_in_error():
    world = World()
    device = lpa(world)
    order = world.server.order("small")
    device.download(order.matching_id)
    other = World(store=MemoryStore())
    again = other.server.order("small", iccid=order.iccid)
    device.server, device.client = other.server, other.client
    result = outcome(device.download(again.matching_id))
    reason = "installFailedDueToIccidAlreadyExistsOnEuicc"
    assert result["errorResult"]["errorReason"] == reason


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("binding", ["json", "asn1"])
def test_an_event_leads_to_a_download(binding, curve):
    world = World(curve, binding=binding)
    device = lpa(world, curve)
    party = smds_party(pki())
    smds = SmDs(SmdsSetup(party), MemoryStore(), seeded(3))
    order = world.server.order("small", eid=device.euicc.eid, smds=party.address)

    def announce() -> int:
        return run(world.server.announce(lambda address: Es12Client(address, "2.999.10")), smds)

    assert (announce(), announce()) == (1, 0)
    finder = Lpa(device.euicc, smds, Es9Client("https://ds", party.address, binding=binding))
    (event,) = finder.authenticate().events
    assert event.address == world.address
    assert "successResult" in outcome(device.download(event.event_id))
    assert device.deliver() == 1
    # the SM-DP+ takes the event away when the profile is installed
    assert announce() == 1
    assert world.state(order) == "installed"
    assert finder.authenticate().events == ()


def test_a_card_of_the_other_curve_alone_is_refused():
    world = World()
    setup = world.server.setup
    from dataclasses import replace

    from sgprobe.peers.smdp.server import SmDp

    only = [one for one in setup.party.branches if one.ci.ski == pki()["p256"].ci_id]
    party = replace(setup.party, branches=tuple(only))
    server = SmDp(replace(setup, party=party), MemoryStore(), seeded())
    euicc = build(pki(), Config(), curves=["brainpool"])
    device = Lpa(euicc, server, world.client)
    call = device.client.initiate_authentication(bytes(16), device.card("BF2000"))
    assert refused(call, server) == "8.8.4/3.7"
