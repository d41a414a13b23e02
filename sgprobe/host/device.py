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
from sgprobe.host.certificate import self_signed
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import COAPS, HTTPS, PORTS, Coap, Directory, Place
from sgprobe.host.serve import identity, thoughtful, url
from sgprobe.links.card import CardLink
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.coap_link import CoapLink
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.effects import Say
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.associations import association
from sgprobe.peers.ipa.config import (
    DIRECT,
    INDIRECT,
    INJECT_COAPS,
    INJECT_HTTPS,
    RETRIEVE_COAPS,
    RETRIEVE_HTTPS,
    Patience,
)
from sgprobe.peers.ipa.config import Config as IpaConfig
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.store import MemoryStore, SqliteStore, Store

_NAME = "ipa.example.com"
# somebody waits at the command line: a device in the field has more patience
_PATIENCE = Patience(tries=3, first_pause=1.0)


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
    coap: Coap = field(default_factory=Coap)
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
        self.directory = Directory(settings, tape=self.tape, key_line=self._key_line,
                                   coap=plan.coap)  # fmt: skip
        for name, address in plan.known.items():
            self.directory.add(name, Place(address, settings))
        if plan.eim is not None:
            scheme, address = _address(plan.eim.url)
            self.directory.add(plan.eim.name, Place(address, settings), scheme)
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
        ways = frozenset({RETRIEVE_HTTPS, INJECT_HTTPS, RETRIEVE_COAPS, INJECT_COAPS})
        self.ipa = Ipa(
            IpaConfig(version=plan.version, features=features, off=off, protocols=ways,
                      patience=_PATIENCE),
            ipa_store,
            os.urandom,
            self.directory.certificate,
        )  # fmt: skip
        self._listeners: list[HttpsServer | CoapLink] = []
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
        scheme, _ = _address(eim.url)
        told = self._es10("GetEimConfigurationDataRequest", "GetEimConfigurationDataResponse", {})
        for one in told["eimConfigurationDataList"]:
            if one["eimId"] == eim.eim_id:
                known = association(one).address(self.ipa.config.protocols) or ""
                if known.partition(":")[0] != scheme:
                    text = f"the eUICC knows {eim.eim_id} at {known}: take another --db"
                    raise DeviceError(text)
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
        if scheme == COAPS:
            config["eimSupportedProtocol"] = bit_string({RETRIEVE_COAPS, INJECT_COAPS})
        if self.plan.token:
            config["associationToken"] = -1
        answer = self._es10("AddInitialEimRequest", "AddInitialEimResponse",
                            {"eimConfigurationDataList": [config]})  # fmt: skip
        if "addInitialEimOk" not in answer:
            raise DeviceError(f"the eUICC refuses the eIM: {answer['addInitialEimError']}")

    async def listen(self, scheme: str, host: str, port: int) -> str:
        """Listen for an eIM that injects packages; return the URL."""
        own = TlsSettings(identity=self_signed(_NAME, self.plan.curve, self.clock.now()),
                          verify=False)  # fmt: skip
        handler = thoughtful(self.ipa, self.conductor)
        server: HttpsServer | CoapLink
        if scheme == COAPS:
            coap = self.plan.coap
            server = CoapLink(own, handler=handler, host=host, port=port, mtu=coap.mtu,
                              tape=self.tape, binding=coap.binding, knobs=coap.knobs,
                              key_line=self._key_line)  # fmt: skip
        else:
            server = HttpsServer(handler, own, host=host, port=port, tape=self.tape,
                                 key_line=self._key_line)  # fmt: skip
        await server.start()
        self._listeners.append(server)
        return url(scheme, server.address)

    async def errands(self) -> int:
        """Execute what was injected for later; return how many packages."""
        return await self.conductor.run(self.ipa.errands())

    async def __aenter__(self) -> Device:
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._listeners:
            await server.stop()
        await self.directory.close()
        if self.tape is not None:
            self.tape.close()
        if self._keylog is not None:
            self._keylog.close()


def _address(url: str) -> tuple[str, tuple[str, int]]:
    """Return the scheme of an eIM's URL, and where it is."""
    parts = urlsplit(url)
    if parts.scheme not in (HTTPS, COAPS) or not parts.hostname:
        raise DeviceError(f"{url}: expected https://HOST:PORT or coaps://HOST:PORT")
    return parts.scheme, (parts.hostname, parts.port or PORTS[parts.scheme])


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
