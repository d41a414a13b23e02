"""What an eIM hands out of itself, as rows of a state."""

from __future__ import annotations

import pytest

from dissectors.asn1 import codec
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.exported import rows
from sgprobe.engine.outcome import Declined
from sgprobe.peers.eim.config import association, setup

PKI = TestPki.load()


def exported(**how) -> str:
    value = {"eimConfigurationDataList": [association(setup(PKI, **how), token=True)]}
    return codec.load("SGP.32@1.2").encode("AddInitialEimRequest", value).hex()


def test_a_configuration_is_a_row_with_its_protocols_and_what_differs() -> None:
    seen = []

    def differs(type_: str, value) -> list[str]:
        seen.append((type_, value["eimId"]))
        return ["one", "two"]

    (row,) = rows(exported(protocols=(0, 3)), "1.2", differs)
    assert row == {"eimId": "eim.example.com", "protocols": ["retrieve-https", "inject-coaps"],
                   "differs": "one; two"}  # fmt: skip
    assert seen == [("EimConfigurationData", "eim.example.com")]
    (row,) = rows(exported(), "1.2", lambda type_, value: [])
    assert (row["protocols"], row["differs"]) == (["retrieve-https"], "nothing")


def test_an_eim_with_the_fault_names_https_alone() -> None:
    told = exported(protocols=(0, 1, 2, 3), off=("EIM.PROTOCOLS-TOLD",))
    assert rows(told, "1.2", lambda type_, value: [])[0]["protocols"] == ["retrieve-https"]


@pytest.mark.parametrize("told", ["", "zz", "BF5700", "3000", None, "00" * 50, "BF5703A00180"])
def test_what_is_no_configuration_is_declined(told) -> None:
    with pytest.raises(Declined):
        rows(told, "1.2", lambda type_, value: [])
