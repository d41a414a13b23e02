"""The factory around a simulated eUICC: which package is loaded next, and for which key."""

from __future__ import annotations

import pytest

from dissectors.asn1 import codec
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.ifpp import open_package
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.factory.floor import FactoryFloor
from sgprobe.peers.euicc.build import build

IFPP = codec.load("IFPP@0")


def floor() -> FactoryFloor:
    pki = TestPki.load()
    return FactoryFloor(build(pki), pki["p256"], "smdpf.example.com", "1")


def key_of(context: bytes) -> str:
    return str(IFPP.decode("IfppLoadContextRequest", context).value["tbs"]["keyRef"])


def test_each_new_context_is_for_the_next_key() -> None:
    made = floor()
    found = [key_of(made.context()) for _ in range(4)]
    assert found == [made.names()[f"otk.{place}"]() for place in (1, 2, 3, 4)]
    with pytest.raises(Unresolved, match="no number 5"):
        made.context()


def test_a_package_that_was_asked_for_is_loaded_next() -> None:
    made = floor()
    made.bind({"key": "3", "eid": "89044045118427484800000000011724"})
    context, package = made.context(), made.package()
    assert key_of(context) == made.keys[2].ref.hex()
    eid = IFPP.decode("IfppLoadContextRequest", context).value["tbs"]["eid"]
    opened = open_package(made.keys[2], bytes.fromhex(eid), context, package)
    assert bytes.fromhex(made.names()["smdpf.iccid"]()) in opened.metadata
    # the next context is that of another package
    assert key_of(made.context()) == made.keys[0].ref.hex()


def test_the_package_is_always_the_one_that_was_bound_last() -> None:
    made = floor()
    made.context()
    first = made.package()
    assert made.package() == first
    made.bind({"key": "1"})
    assert made.package() != first


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"key": "0"}, "no number 0"),
        ({"type": "huge"}, "no type huge"),
        ({"by": "nobody"}, "no nobody"),
        ({"colour": "red"}, "knows no colour"),
    ],
)
def test_what_cannot_be_bound_is_told(given: dict[str, str], text: str) -> None:
    with pytest.raises(Unresolved, match=text):
        floor().bind(given)


def test_nothing_is_known_of_a_package_before_one_is_bound() -> None:
    with pytest.raises(Unresolved, match=r"smdpf\.bind comes first"):
        floor().names()["smdpf.iccid"]()


def test_one_seed_makes_the_same_keys_and_packages() -> None:
    one, other = floor(), floor()
    assert [key.ref for key in one.keys] == [key.ref for key in other.keys]
    assert one.context() == other.context()
