"""Each rule of the factory phase does something: switched off by name, something is let pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from factory_bench import (
    CHALLENGE,
    SET,
    SMALL,
    Device,
    chip,
    content,
    flipped,
    iccid_of,
    need,
    signed_again,
)

from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.peers.euicc.config import Config, Limits
from sgprobe.peers.euicc.factory_records import FactoryKey
from sgprobe.peers.euicc.factory_rules import FACTORY_RULES
from sgprobe.peers.eum.personalisation import Kind

Seen = Callable[[str | None], Any]
SCENES: dict[str, Seen] = {}
TWO = Kind(keys=(Suite.C1,) * 2)


def scene(*names: str) -> Callable[[Callable[[Device], Any]], Callable[[Device], Any]]:
    """What can be seen of rules, with a chip of two keys."""

    def take(watch: Callable[[Device], Any]) -> Callable[[Device], Any]:
        for name in names:
            SCENES[name] = lambda off: watch(Device(chip(1, TWO), off=[off] if off else []))
        return watch

    return take


def special(name: str, kind: Kind) -> Callable[[Callable[[Device], Any]], None]:
    """The same with a chip of another kind."""

    def take(watch: Callable[[Device], Any]) -> None:
        SCENES[name] = lambda off: watch(Device(chip(2, kind), off=[off] if off else []))

    return take


@scene("GATE")
def _(device: Device) -> Any:
    return device.sw("BF2D00")


@scene("CLOSED")
def _(device: Device) -> Any:
    device.delete()
    device.close()
    return device.sw("FF4003800100"), device.delete()


@scene("CLOSE-KEYS")
def _(device: Device) -> Any:
    return device.close()


@scene("VERSION")
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), bindingVersion=1))


@scene("EID")
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), eid="00" * 16))


@scene("SUITE")
def _(device: Device) -> Any:
    # the key is looked at after the suite
    return device.context(signed_again(device.bind(), suite="h1", keyRef="00" * 8))


@special("KEY-SUITE", Kind(suites=(Suite.C1, Suite.H1)))
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), suite="h1"))


@scene("KEY-KNOWN")
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), keyRef="00" * 8))


@scene("KEY-CONSUMED", "CONSUME", "ERASE")
def _(device: Device) -> Any:
    bound = device.bind()
    device.load(bound)
    device.euicc.reset()
    return device.context(device.bind(2).context), device.states(), bool(private(device))


def private(device: Device) -> list[str]:
    found = device.euicc.draft().all(FactoryKey)
    return [one.ref for one in found if one.state == "consumed" and one.pair is not None]


@scene("KEY-RESERVED", "RESERVE")
def _(device: Device) -> Any:
    device.context(device.bind().context)
    return device.states(), device.context(device.bind(2).context)


@scene("SERVER-CI")
def _(device: Device) -> Any:
    return device.context(device.bind(dpf=binder(SET, fault="unknown-ci")).context)


@scene("SERVER-CERTIFICATE")
def _(device: Device) -> Any:
    return device.context(device.bind(dpf=binder(SET, fault="wrong-signature")).context)


@scene("SERVER-ROLE")
def _(device: Device) -> Any:
    return device.context(device.bind(dpf=binder(SET, "dpauth")).context)


@special("SERVER-REVOKED", Kind(crls=(SET.crl().der,)))
def _(device: Device) -> Any:
    return device.context(device.bind(dpf=binder(SET, fault="revoked")).context)


@scene("SERVER-OID")
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), smdpfOid="2.999.11"))


@special("SERVER-ALLOWED", Kind(allowed=()))
def _(device: Device) -> Any:
    return device.context(device.bind().context)


@scene("SIGNATURE")
def _(device: Device) -> Any:
    thief = replace(binder(SET), key=SET["dp2pb"].key)
    return device.context(device.bind(dpf=thief).context)


@special("QUANTUM-SIGNATURE", Kind(keys=(Suite.H1S,)))
def _(device: Device) -> Any:
    dpf = binder(SET, with_quantum=True)
    other = binder(SET, "dp2pb", with_quantum=True).quantum
    return device.context(device.bind(dpf=replace(dpf, quantum=other)).context)


@special("KEM-LENGTH", Kind(keys=(Suite.H1,)))
def _(device: Device) -> Any:
    return device.context(signed_again(device.bind(), kemCiphertext="00"))


@scene("ICCID-FREE")
def _(device: Device) -> Any:
    device.load(device.bind())
    return device.context(device.bind(key=1).context)


@special("MEMORY", Kind(config=Config(limits=Limits(memory=4000))))
def _(device: Device) -> Any:
    large = content(1, replace(SMALL, name="20k", size=20_000))
    return device.context(device.bind(content=large).context)


@special("RESULT-ROOM", Kind(results=0))
def _(device: Device) -> Any:
    return device.context(device.bind().context)


@scene("CHANNEL-DIGEST")
def _(device: Device) -> Any:
    first = device.bind()
    again = device.bind(transaction=first.transaction)
    device.context(first.context)
    return device.push(again.package)


@scene("PACKAGE-DIGEST")
def _(device: Device) -> Any:
    bound = device.bind()
    device.context(signed_again(bound, bppDigest="00" * 32))
    return device.push(bound.package)


@scene("PACKAGE-ICCID")
def _(device: Device) -> Any:
    bound = device.bind()
    device.context(signed_again(bound, iccid=iccid_of(2)))
    return device.push(bound.package)


@scene("KEEP")
def _(device: Device) -> Any:
    bound = device.bind()
    device.context(bound.context)
    device.push(bound.package, 3)
    device.euicc.reset()
    return device.load(bound)


@scene("RESULT-KEPT")
def _(device: Device) -> Any:
    device.load(device.bind())
    return device.results()


@scene("SEALED")
def _(device: Device) -> Any:
    device.load(device.bind())
    return len(device.ask("GetIfppResults", {"selector": {"all": None}})["results"])


@scene("DELETE")
def _(device: Device) -> Any:
    return device.delete()["unusedOtk"], device.context(device.bind().context)


@scene("COUNTER")
def _(device: Device) -> Any:
    device.delete()
    return device.state()["stateCounter"]


@scene("CHALLENGE")
def _(device: Device) -> Any:
    return device.state(CHALLENGE) == "another challenge"


@pytest.mark.parametrize("rule", FACTORY_RULES, ids=lambda one: one.name)
def test_a_rule_that_is_off_is_seen(rule) -> None:
    name = rule.name.removeprefix("EUICC.IFPP-")
    if name in ("KEM-LENGTH", "QUANTUM-SIGNATURE"):
        need(Suite.H1S)
    kept = SCENES[name](None)
    assert SCENES[name](None) == kept
    assert SCENES[name](rule.name) != kept


def test_every_scene_is_of_a_rule() -> None:
    assert {f"EUICC.IFPP-{name}" for name in SCENES} == {rule.name for rule in FACTORY_RULES}


@pytest.mark.parametrize("rule", FACTORY_RULES, ids=lambda one: one.name)
def test_a_good_load_does_not_depend_on_any_rule(rule) -> None:
    device = Device(chip(1, TWO), off=[rule.name])
    assert device.load(device.bind()) == "ok"
    assert device.iccids() == [iccid_of(1)] if rule.name != "EUICC.IFPP-CHALLENGE" else True


def test_a_flip_is_seen_with_any_one_rule_off() -> None:
    """The checks stand behind one another: no single fault lets a changed package in."""
    for rule in FACTORY_RULES:
        device = Device(chip(1, TWO), off=[rule.name])
        bound = device.bind()
        assert device.context(bound.context) is False
        assert device.push(flipped(bound.package)) != "ok"
