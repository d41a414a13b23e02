"""One device on its own: an IPA with an eUICC in its slot, for `sgprobe ipa`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dissectors.asn1.model import Value
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.host.certificate import self_signed
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import COAPS, HTTPS, PORTS, Coap, Directory, Place
from sgprobe.host.serve import identity, thoughtful, url
from sgprobe.host.server_trust import OF_IPA, pinned, trusting
from sgprobe.links.card import CardLink, CardStatus, ReaderGone
from sgprobe.links.card_slot import Reader
from sgprobe.links.clock import Clock, WallClock
from sgprobe.links.coap_link import CoapLink
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.impairment import Impairment
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.effects import CardFailure, Procedure, Say
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.associations import Association
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
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.store import MemoryStore, SqliteStore, Store

_NAME = "ipa.example.com"
# somebody waits at the command line: a device in the field has more patience
_PATIENCE = Patience(tries=3, first_pause=1.5)
_RETRIEVES = {HTTPS: RETRIEVE_HTTPS, COAPS: RETRIEVE_COAPS}
_LISTENS = {HTTPS: INJECT_HTTPS, COAPS: INJECT_COAPS}
T = TypeVar("T")


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
    """What device to make; with a `reader` the eUICC is the card in it, and none is simulated."""

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
    # the IPA takes packages that an eIM injects
    listens: bool = False
    # the IPA has no other way of downloading than through the eIM
    indirect: bool = False
    off: frozenset[str] = frozenset()
    show_euicc: bool = False
    coap: Coap = field(default_factory=Coap)
    reader: Reader | None = None
    # of the links to the servers that are named here
    impairment: Impairment | None = None
    # an eUICC that knows no eIM is told of this one first
    associate: bool = True
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
        # a CA of the user certifies as it likes, the test CI as SGP.22 says
        told = TlsSettings(trust=trust) if trust else trusting(self.set, OF_IPA, self.clock.now)
        self._settings = settings = replace(told, identity=own)
        # by host: whom the configuration of its eIM says to trust
        self._pins: dict[str, Value] = {}
        self.directory = Directory(settings, tape=self.tape, key_line=self._key_line,
                                   coap=plan.coap)  # fmt: skip
        for name, address in plan.known.items():
            self.directory.add(name, Place(address, settings, plan.impairment))
        if plan.eim is not None:
            scheme, address = _address(plan.eim.url)
            self.directory.add(plan.eim.name, Place(address, settings, plan.impairment), scheme)
        card_store, ipa_store = self._stores()
        self._card = Card(self._euicc(card_store)) if plan.reader is None else None
        features = frozenset({INDIRECT} if plan.indirect else {DIRECT, INDIRECT})
        off = frozenset(name for name in plan.off if not name.startswith("EUICC."))
        scheme = HTTPS if plan.eim is None else _address(plan.eim.url)[0]
        # an eIM injects where it is told that somebody listens. SGP.32 §4.1
        ways = {_RETRIEVES[scheme], *([_LISTENS[scheme]] if plan.listens else [])}
        self.ipa = Ipa(
            IpaConfig(version=plan.version, features=features, off=off, protocols=frozenset(ways),
                      patience=_PATIENCE),
            ipa_store,
            os.urandom,
            self.directory.certificate,
            self._learned,
        )  # fmt: skip
        self._listeners: list[HttpsServer | CoapLink] = []
        self.link = CardLink(self._transmit, reset=plan.reader.reset if plan.reader else None,
                             tape=self.tape)  # fmt: skip
        self.conductor = Conductor(self.directory, self.clock, self.link, plan.say)

    def _learned(self, eim: Association) -> None:
        """Trust the server of an eIM as its configuration says. SGP.32 §2.11.1.1.1"""
        if self._pins.get(eim.host) != eim.tls:
            self._pins[eim.host] = eim.tls
            config = {} if eim.tls is None else {"trustedPublicKeyDataTls": eim.tls}
            self.directory.speak(eim.host, pinned(self._settings, config))

    def _euicc(self, store: Store) -> Euicc:
        first = Curve(self.plan.curve)
        return build(
            self.pki,
            EuiccConfig(version=self.plan.version),
            name=self.plan.euicc,
            curves=(first, Curve.BRAINPOOL if first is Curve.P256 else Curve.P256),
            store=store,
            off=(name for name in self.plan.off if name.startswith("EUICC.")),
            profiles=(Preloaded("8949000000000000005", "A", enabled=True),
                      Preloaded("8949000000000000013", "B")),
        )  # fmt: skip

    def _stores(self) -> tuple[Store, Store]:
        if self.plan.database is None:
            return MemoryStore(), MemoryStore()
        base = self.plan.database
        return SqliteStore(base), SqliteStore(base.with_name(base.name + ".ipa"))

    def _key_line(self, line: bytes) -> None:
        if self._keylog is not None:
            self._keylog.write(line + b"\n")

    async def _transmit(self, apdu: bytes) -> bytes:
        if self.plan.reader is not None:
            return await self.plan.reader.transmit(apdu)
        assert self._card is not None
        return self._card.apdu(apdu, self.clock.now())

    # --- the eUICC ---

    async def bench(self, procedure: Procedure[T]) -> T:
        """Have something of the eUICC that is no part of the play; raises DeviceError.

        What is asked of a simulated eUICC does not stand in the capture.
        """
        link = self.link if self.plan.reader is not None else CardLink(self._transmit)
        try:
            answer = await Conductor(self.directory, self.clock, link).run(procedure)
            if link is not self.link:
                await link.close()
        except (CardStatus, CardFailure, CardFault) as error:
            raise DeviceError(f"the card: {error}") from None
        return answer

    async def eid(self) -> str:
        """Return the EID."""
        return await self.bench(self.ipa.means.es10.eid())

    async def profiles(self) -> list[Value]:
        """Return the profiles."""
        return await self.bench(self.ipa.means.es10.profiles())

    async def _associate(self, eim: EimPlace) -> None:
        """Let the eUICC know the eIM, as AddInitialEim does in a factory, if it knows none yet."""
        scheme, _ = _address(eim.url)
        for one in await self.bench(self.ipa.associations()):
            if one.eim_id == eim.eim_id:
                if one.address(self.ipa.config.protocols) is None:
                    text = f"the eUICC does not know {eim.eim_id} at {scheme}://"
                    raise DeviceError(f"{text}: take another --db")
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
        answer = await self.bench(self.ipa.add_initial_eim([config]))
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
        try:
            if self.plan.eim is not None and self.plan.associate:
                await self._associate(self.plan.eim)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        for server in self._listeners:
            await server.stop()
        await self.directory.close()
        if self.plan.reader is not None:
            # a card that is gone has nothing left to close
            with contextlib.suppress(ReaderGone):
                await self.link.close()
            await self.plan.reader.close()
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
