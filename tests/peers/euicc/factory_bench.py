"""A factory on a table: an EUM, an SM-DPf that binds, and a device that asks its eUICC."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pytest

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from dissectors.link.apdu_bpp import split_bpp
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import ifpp, keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import Suite, unavailable
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.values import inner
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.profiles.library import ProfileType, make_iccid, package
from sgprobe.peers.smdp.metadata import store_metadata
from sgprobe.peers.store import Store

SET = TestPki.load()["p256"]
IFPP, RSP = codec.load("IFPP@0"), codec.load("SGP.22@2.7")
ADDRESS = "smdpf.example.com"
SMALL = ProfileType("small", 0)
CHALLENGE = "c1" * 16
FOUR = Kind(keys=(Suite.C1,) * 4)


def need(suite: Suite) -> None:
    """Skip the test where a suite cannot be used."""
    if why := unavailable(suite):
        pytest.skip(why)


def iccid_of(serial: int) -> str:
    return iccid_octets(make_iccid(serial)).hex()


@lru_cache(maxsize=64)
def content(serial: int = 1, kind: ProfileType = SMALL) -> ifpp.Content:
    iccid = make_iccid(serial)
    metadata = store_metadata(parse_spec("SGP.22@2.7"), iccid, kind, ADDRESS)
    return ifpp.Content(iccid_octets(iccid), metadata, package("seed", iccid, kind))


def chip(number: int = 1, kind: Kind = FOUR) -> Personalised:
    for suite in kind.keys:
        need(suite)
    return Eum(SET, entropy=random.Random(number)).personalise(number, kind)


class Device:
    """A device on the line: its chip, and the words of an FPA."""

    def __init__(
        self,
        made: Personalised | None = None,
        store: Store | None = None,
        off: Iterable[str] = (),
    ) -> None:
        self.chip = made or chip()
        self.euicc = self.chip.euicc(store, off=off, entropy=random.Random(1))

    def bind(self, serial: int = 1, key: int = 0, **more: Any) -> ifpp.Bound:
        """What an SM-DPf makes for one of the chip's keys."""
        dpf = more.pop("dpf", None) or binder(SET)
        given = more.pop("content", None) or content(serial)
        eid = more.pop("eid", None) or self.chip.eid
        public = more.pop("public", None) or self.chip.one_time_keys[key].public
        return ifpp.bind(dpf, eid_octets(eid), public, given, **more)

    def ask(self, name: str, value: Any) -> Any:
        """The value of an answer of ES10f."""
        raw = self.euicc.command(IFPP.encode(f"{name}Request", value), 0.0)
        decoded = IFPP.decode(f"{name}Response", raw)
        assert decoded.findings == ()
        return decoded.value

    def context(self, octets: bytes) -> Any:
        """`True` or `False` for resumed, else the error."""
        value = IFPP.decode("IfppLoadContextResponse", self.euicc.command(octets, 0.0)).value
        return value["ok"]["resumed"] if "ok" in value else value["error"]["code"]

    def push(self, octets: bytes, segments: int | None = None) -> Any:
        """Push a package, or its first segments: the final result, or None where there is none."""
        for piece in split_bpp(octets)[:segments]:
            answer = self.euicc.command(piece, 0.0)
            if answer:
                return self.final(answer)
        return None

    def load(self, bound: ifpp.Bound) -> Any:
        """A whole load: the final result, or the error of the context."""
        code = self.context(bound.context)
        return self.push(bound.package) if isinstance(code, bool) else code

    def final(self, raw: bytes) -> Any:
        """`ok`, or where and why a load ended; the signature is checked."""
        data, signature = inner(raw)
        key = self.chip.certificate.public_key
        assert key is not None
        assert EUICC_SIGN_PIR.verify(key, signature, data)
        value = RSP.decode("ProfileInstallationResult", raw).value
        final = value["profileInstallationResultData"]["finalResult"]
        if "successResult" in final:
            return "ok"
        return final["errorResult"]["bppCommandId"], final["errorResult"]["errorReason"]

    def states(self) -> list[str]:
        """The states of the one-time keys."""
        info = self.ask("GetIfppInfo", {"bindingVersion": "v0"})
        return [one["state"] for one in info["otkInventory"]]

    def results(self, selector: Any = None) -> list[Any]:
        """The results that are kept, by their ends."""
        value = self.ask("GetIfppResults", {"selector": selector or {"all": None}})
        return [self.final(bytes.fromhex(one)) for one in value["results"]]

    def delete(self, keys_: list[str] | None = None) -> Any:
        selector = {"allUnused": None} if keys_ is None else {"keyRefs": keys_}
        request = {"selector": selector, "challenge": CHALLENGE}
        return self.judged(self.ask("DeleteOneTimeKeys", request))

    def close(self) -> Any:
        return self.judged(self.ask("CloseFactoryPhase", {"challenge": CHALLENGE}))

    def state(self, challenge: str = CHALLENGE) -> Any:
        return self.judged(self.ask("GetSignedIfppState", {"challenge": challenge}), challenge)

    def judged(self, answer: Any, challenge: str = CHALLENGE) -> Any:
        """The signed state, if its signature, chip and challenge are right, or the error."""
        if "error" in answer:
            return answer["error"]
        state = answer["ok"]
        key = read_certificate(bytes.fromhex(state["euiccCertificate"])).public_key
        assert key is not None
        assert state["euiccCertificate"] == self.chip.certificate.der.hex()
        signed = IFPP.encode("IfppStateTbs", state["tbs"])
        assert keys.verify(key, bytes.fromhex(state["signature"]), signed)
        if state["tbs"]["challenge"] != challenge:
            return "another challenge"
        return state["tbs"]

    def sw(self, command: str | bytes) -> int:
        """The status word of a command, 9000 where it was answered."""
        octets = bytes.fromhex(command) if isinstance(command, str) else command
        try:
            self.euicc.command(octets, 0.0)
        except CardFailure as failure:
            return failure.sw
        return 0x9000

    def iccids(self) -> list[str]:
        return [one["iccid"] for one in self.state()["profiles"]]


def signed_again(bound: ifpp.Bound, dpf: ifpp.Binder | None = None, **members: Any) -> bytes:
    """The context with other members, signed by the SM-DPf."""
    tbs = IFPP.decode("IfppLoadContextRequest", bound.context).value["tbs"]
    changed = {name: one for name, one in {**tbs, **members}.items() if one is not None}
    return ifpp.load_context(dpf or binder(SET), changed)


def flipped(octets: bytes, at: int = -1) -> bytes:
    spoilt = bytearray(octets)
    spoilt[at] ^= 1
    return bytes(spoilt)
