"""One device on its own: an IPA with a simulated eUICC in its slot, for `sgprobe ipa`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import Directory, Place
from sgprobe.host.serve import identity
from sgprobe.links.card import CardLink
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.effects import Say
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.ipa.config import DIRECT, INDIRECT
from sgprobe.peers.ipa.config import Config as IpaConfig
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.store import MemoryStore, SqliteStore, Store


class DeviceError(ValueError):
    """The device cannot be set up as asked; the text says why."""


@dataclass(frozen=True, slots=True)
class EimPlace:
    """An eIM: its URL, the name and id that the eUICC knows it by, and its public key."""

    url: str
    name: str
    eim_id: str
    public_key: bytes | None = None  # SPKI in DER; None is the eIM of the test PKI


@dataclass(frozen=True, slots=True)
class Plan:
    """What device to make."""

    curve: str = "p256"
    version: str = "1.2"
    euicc: str = "euicc"
    eim: EimPlace | None = None
    trust: tuple[Path, ...] = ()
    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    database: Path | None = None
    tape: Path | None = None
    keylog: Path | None = None
    token: bool = False
    # the IPA has no other way of downloading than through the eIM
    indirect: bool = False
    off: frozenset[str] = frozenset()
    show_euicc: bool = False
    say: Callable[[Say], None] = field(default=lambda said: None)


class Device:
    """An IPA, its eUICC, and the way to the network; an async context."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock: Clock = WallClock()
        self.pki = TestPki.load()
        self.set = self.pki[plan.curve]
        self.tape = Tape.at(plan.tape) if plan.tape is not None else None
        self._keylog = plan.keylog.open("ab", buffering=0) if plan.keylog is not None else None
        trust = tuple(der for path in plan.trust for der in read_certificates(path))
        # the IPA borrows the card's key for TLS only where it is asked to: no spec asks for it
        own = identity(self.set[plan.euicc]) if plan.show_euicc else None
        settings = TlsSettings(identity=own, trust=trust or (self.set.ci.der,))
        self.directory = Directory(settings, tape=self.tape, key_line=self._key_line)
        for name, address in plan.known.items():
            self.directory.add(name, Place(address, settings))
        if plan.eim is not None:
            self.directory.add(plan.eim.name, Place(_address(plan.eim.url), settings))
        card_store, ipa_store = self._stores()
        first = Curve(plan.curve)
        self.euicc = build(
            self.pki,
            EuiccConfig(version=plan.version),
            name=plan.euicc,
            curves=(first, Curve.BRAINPOOL if first is Curve.P256 else Curve.P256),
            store=card_store,
            off=(name for name in plan.off if name.startswith("EUICC.")),
            profiles=(Preloaded("8949000000000000005", "A", enabled=True),
                      Preloaded("8949000000000000013", "B")),
        )  # fmt: skip
        self.card = Card(self.euicc)
        features = frozenset({INDIRECT} if plan.indirect else {DIRECT, INDIRECT})
        off = frozenset(name for name in plan.off if not name.startswith("EUICC."))
        self.ipa = Ipa(IpaConfig(version=plan.version, features=features, off=off), ipa_store,
                       os.urandom, self.directory.certificate)  # fmt: skip
        self.conductor = Conductor(self.directory, self.clock,
                                   CardLink(self._transmit, tape=self.tape), plan.say)  # fmt: skip
        if plan.eim is not None:
            self._associate(plan.eim)

    def _stores(self) -> tuple[Store, Store]:
        if self.plan.database is None:
            return MemoryStore(), MemoryStore()
        base = self.plan.database
        return SqliteStore(base), SqliteStore(base.with_name(base.name + ".ipa"))

    def _key_line(self, line: bytes) -> None:
        if self._keylog is not None:
            self._keylog.write(line + b"\n")

    async def _transmit(self, apdu: bytes) -> bytes:
        return self.card.apdu(apdu, self.clock.now())

    def _es10(self, request: str, response: str, value: Value) -> Value:
        iot = codec.load(f"SGP.32@{self.plan.version}")
        command = iot.encode(request, value)
        return iot.decode(response, self.euicc.command(command, self.clock.now())).value

    def _associate(self, eim: EimPlace) -> None:
        """Let the eUICC know the eIM, as AddInitialEim does in a factory, if it knows none yet."""
        told = self._es10("GetEimConfigurationDataRequest", "GetEimConfigurationDataResponse", {})
        if any(one["eimId"] == eim.eim_id for one in told["eimConfigurationDataList"]):
            return
        public = eim.public_key
        if public is None:
            key = self.set["eim-sign"].key.public_key()
            public = key.public_bytes(serialization.Encoding.DER,
                                      serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
        config: Value = {
            "eimId": eim.eim_id,
            "eimFqdn": eim.name,
            "eimIdType": "eimIdTypeFqdn",
            "counterValue": 0,
            "eimPublicKeyData": {"eimPublicKey": public.hex()},
        }
        if self.plan.token:
            config["associationToken"] = -1
        answer = self._es10("AddInitialEimRequest", "AddInitialEimResponse",
                            {"eimConfigurationDataList": [config]})  # fmt: skip
        if "addInitialEimOk" not in answer:
            raise DeviceError(f"the eUICC refuses the eIM: {answer['addInitialEimError']}")

    async def __aenter__(self) -> Device:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.directory.close()
        if self.tape is not None:
            self.tape.close()
        if self._keylog is not None:
            self._keylog.close()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise DeviceError(f"{url}: expected https://HOST:PORT")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def read_certificates(path: Path) -> list[bytes]:
    """Return the certificates of a PEM or DER file in DER."""
    data = path.read_bytes()
    try:
        if b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise DeviceError(f"{path} holds no certificate: {error}") from None
    return [one.public_bytes(serialization.Encoding.DER) for one in found]


def read_public_key(path: Path) -> bytes:
    """Return the public key of a PEM or DER file (a key or a certificate) as SPKI in DER."""
    data = path.read_bytes()
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        if b"BEGIN PUBLIC KEY" in data:
            return serialization.load_pem_public_key(data).public_bytes(*form)
        certificate = x509.load_der_x509_certificate(read_certificates(path)[0])
        return certificate.public_key().public_bytes(*form)
    except ValueError as error:
        raise DeviceError(f"{path} holds no public key: {error}") from None
