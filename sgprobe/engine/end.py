"""What a case runs on: the references on loopback, with an ear at every message of the product."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.functions import Function
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.large_chain import large_chain
from sgprobe.crypto.ocsp import issue_response
from sgprobe.engine.endless import Endless
from sgprobe.engine.given import said_yes
from sgprobe.engine.settings import Settings
from sgprobe.exchange import Request, Response
from sgprobe.host.serve import Handler, identity
from sgprobe.host.server_trust import pinned, trusting
from sgprobe.host.world import EIM, IPA, World
from sgprobe.host.world import Plan as WorldPlan
from sgprobe.links.handshake_fault import Spoil, key_reuser, mender, spoiler
from sgprobe.links.tape import Address
from sgprobe.links.tls import TLS12, Identity, TlsSettings
from sgprobe.peers.euicc.euicc import Euicc

# role, request, what the role would answer -> what is answered
Serve = Callable[[str, Request, Callable[[], Awaitable[Response]]], Awaitable[Response]]
# command, what the eUICC answers to it -> what is answered
Command = Callable[[bytes, Callable[[bytes], bytes]], bytes]
# a request of the product -> what it asks instead
Change = Callable[[Request], Awaitable[Request]]
HTTPS = "https"
# a planted fault of a client: the fault of a handshake that it does not see
OVERLOOKS = "overlooks"
# a fault of a server that is one only when handshakes are compared
REUSED_KEY = "key"
# no fault: it asks the client of its first connection for another handshake
ANEW = "renegotiation"
# what it may overlook beside that: what the server staples, that it asks for a certificate
STAPLE, ASKED = "staple", "certificate-request"
# and that its clock was set
CLOCK = "clock"
# and whom the configuration of the eIM says to trust
PIN = "pin"
# a planted fault of a server: that a client names the CI that it believes
HINT = "ca-hint"
# what a client overlooks that is no fault of a handshake
NO_FAULT = (None, STAPLE, ASKED, CLOCK, PIN)
# for clients that offer what no server may take
_TLS11 = 0x0302
_VERSIONS = {"1.1": _TLS11, "1.2": TLS12}
# a certificate of the eIM that is not for TLS
_SIGNING = "signing"
# and a chain of four certificates and 12 kB, with nothing wrong in it
_LARGE = "large-chain"
_CREDENTIALS = {"eim": "eim-tls", "smdp": "dptls", "smds": "dstls"}


class TappedEuicc:
    """A simulated eUICC whose every command is heard, and whose answers may be changed."""

    def __init__(self, euicc: Euicc, heard: Command) -> None:
        self._euicc = euicc
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._euicc, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_euicc", "_heard"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._euicc, name, value)

    def command(self, command: bytes, now: float) -> bytes:
        """Carry out one ES10 command."""
        return self._heard(command, lambda changed: self._euicc.command(changed, now))


class HeardWorld(World):
    """The world of references; the case hears what servers and the card are asked."""

    def __init__(
        self,
        plan: WorldPlan,
        serve: Serve,
        peers: dict[str, Settings],
        client: dict[str, Any] | None = None,
        product: str = IPA,
    ) -> None:
        self._serve = serve
        self._product = product
        # a planted fault: how the product speaks TLS as a client
        self._client = client or {}
        self._peers = peers
        # how the device speaks to the eIM where no configuration says whom to trust
        self._usual: TlsSettings | None = None
        # how many seconds the clock of the device is ahead
        self.device_ahead = 0.0
        self._endless = Endless(str(peers.get("euicc", {}).get("card", {}).get("endless")) == "yes")
        super().__init__(plan)

    async def transmit(self, apdu: bytes) -> bytes:
        return self._endless.answer(apdu, await super().transmit(apdu))

    def _tls(self, role: str) -> dict[str, Any]:
        return self._peers.get(role, {}).get("tls", {})

    def _settings(self, role: str, own: Identity) -> TlsSettings:
        settings, told = super()._settings(role, own), self._tls(role)
        settings = offering(settings, told)
        if told.get(OVERLOOKS) == HINT:
            settings = replace(settings, by_hint=())
        if "staple" in told:
            settings = replace(settings, staple=self._staple(role, str(told["staple"])))
        if said_yes(told, "resumes"):
            settings = replace(settings, resumes=True)
        if said_yes(told, "ask-client"):
            # any certificate will do: what it is, the case looks at
            settings = replace(settings, verify=True, check_peer=lambda chain: "")
        return settings

    def _as_client(self, client: str, role: str, trust: TlsSettings) -> TlsSettings:
        """Return how a client speaks TLS to a role, faults of the product included.

        It knows the CI's list of revoked certificates and looks at what is stapled; the device
        shows the certificate of its eUICC to a server that asks for one.
        """
        planted = self._client if (client == EIM) == (self._product == EIM) else {}
        told = {name: value for name, value in planted.items() if name != OVERLOOKS}
        missed = planted.get(OVERLOOKS)
        if client == IPA:
            trust = offering(trust, self._tls(IPA))
        if role in _CREDENTIALS:
            # OCSP answers are made by the wall
            judged = trusting(self.set, (_CREDENTIALS[role],), time)
            trust = replace(
                trust,
                crls=self._crls(role),
                check_staple=None if missed == STAPLE else judged.check_staple,
                check_leaf=judged.check_leaf,
                at=self.clock.now,
            )
            if client == IPA:
                shown = None if missed == ASKED else self._shown()
                trust = replace(trust, identity=shown, at=self._device_clock(missed))
        made = replace(trust, **told) if told else trust
        if (client, role) == (IPA, EIM) and missed != PIN:
            self._usual = made
        return made

    def _crls(self, role: str) -> tuple[bytes, ...]:
        """Return the lists of revoked certificates that a client has for a server."""
        known = self.set.source.crl("ci")
        if self._tls(role).get("certificate") != _LARGE:
            return (known,)
        return known, large_chain(self.set, _CREDENTIALS[role]).crl

    def believe(self, config: Value) -> None:
        """Have the device trust the server that the configuration of the eIM names, if any."""
        if self._usual is None or "trustedPublicKeyDataTls" not in config:
            return
        name = self.eim_setup.eim_id
        self.directory.speak(name, pinned(self._usual, config))

    def _device_clock(self, missed: object) -> Callable[[], float]:
        """Return what tells the device the time; a planted fault looks at it once."""
        if missed != CLOCK:
            return self.device_time
        first: list[float] = []

        def stuck() -> float:
            if not first:
                first.append(self.device_time())
            return first[0]

        return stuck

    def device_time(self) -> float:
        """Return the time by the clock of the device, which a case may have set wrong."""
        return self.clock.now() + self.device_ahead

    def _staple(self, role: str, state: str) -> bytes:
        """Return an OCSP answer about the certificate of a role."""
        begin = datetime.now(UTC) - timedelta(hours=1)
        about, ci = self.set[_CREDENTIALS[role]].certificate, self.set["ci"]
        try:
            return issue_response(about, self.set.ci, ci.key, begin, begin + timedelta(days=1),
                                  state=state)  # fmt: skip
        except KeyError:
            raise Unresolved(f"{state} is no state of a certificate in OCSP") from None

    def outside(self, role: str, name: str, address: Address, settings: TlsSettings) -> None:
        """Say where a product is; a simulated client speaks TLS to it as the case says."""
        settings = offering(settings, self._tls("ipa"))
        if role == "eim":
            settings = replace(settings, identity=self._shown())
        super().outside(role, name, address, settings)

    def _shown(self) -> Identity:
        """Return what a device shows to a server that asks for a certificate."""
        stranger = self._tls("ipa").get("client") == "stranger"
        return identity(self.set["euicc2" if stranger else self.plan.euicc])

    def _spoil(self, role: str) -> Spoil | None:
        fault = self._tls(role).get("fault")
        if fault in (None, ANEW):
            return None
        if fault == REUSED_KEY:
            return key_reuser()
        try:
            return spoiler(str(fault))
        except ValueError:
            raise Unresolved(f"{fault} is no fault of a handshake") from None

    def _anew(self, role: str) -> int:
        return int(self._tls(role).get("fault") == ANEW)

    def _mend(self, role: str) -> Spoil | None:
        fault = self._tls(role).get(OVERLOOKS)
        try:
            return mender(str(fault)) if fault not in (None, HINT) else None
        except ValueError:
            raise Unresolved(f"{fault} is no fault of a handshake") from None

    def _faulty(self, role: str, own: Identity) -> Identity:
        """Return the identity of a role, with the fault that a case names."""
        fault = self._tls(role).get("certificate")
        if fault is None:
            return own
        if fault == _SIGNING and role == EIM:
            return identity(self.set["eim-sign"])
        if fault == _LARGE:
            made = large_chain(self.set, _CREDENTIALS[role])
            return Identity(made.chain, made.key)
        try:
            return identity(self.set.get(_CREDENTIALS[role], str(fault)))
        except (KeyError, ValueError) as error:
            raise Unresolved(f"bench lacks the certificate: {error}") from None

    async def _listen(
        self,
        role: str,
        name: str,
        own: Identity,
        trust: TlsSettings,
        handler: Handler,
        binding: str = HTTPS,
    ) -> None:
        async def heard(request: Request, caller: object) -> Response:
            return await self._serve(role, request, lambda: handler(request, caller))

        await super()._listen(role, name, self._faulty(role, own), trust, heard, binding)


def offering(settings: TlsSettings, told: dict[str, Any]) -> TlsSettings:
    """Return how a simulated role speaks TLS: what a case names in place of the usual."""
    highest = _VERSIONS.get(str(told.get("highest")), settings.highest)
    lowest = _VERSIONS.get(str(told.get("lowest")), settings.lowest)
    return replace(
        settings,
        ciphers=str(told.get("ciphers", settings.ciphers)),
        groups=str(told.get("groups", settings.groups)),
        highest=highest,
        lowest=min(lowest, highest),
    )


class DisguisedDirectory:
    """An address book whose clients ask something else than they were given."""

    def __init__(self, directory: Any, change: Change | None, mend: Spoil | None = None) -> None:
        self._directory = directory
        self._change = change
        self._mend = mend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._directory, name)

    def client(self, address: str) -> Any:
        """Return a client that asks through the planted fault."""
        client = self._directory.client(address)
        if self._mend is not None:
            client.mend = self._mend
        return client if self._change is None else _DisguisedClient(client, self._change)


class _DisguisedClient:
    def __init__(self, client: Any, change: Change) -> None:
        self._client = client
        self._change = change

    async def ask(self, request: Request) -> Response:
        """Ask what is left of the request."""
        answer: Response = await self._client.ask(await self._change(request))
        return answer


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came to a request of ours."""

    sender: str
    receiver: str
    function: Function
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A simulated role could not say what the case wants it to: no fault of the product."""

    error: Exception


@dataclass(slots=True)
class Inbox:
    """What the product has said, in order; a step waits for what it expects."""

    heard: list[Any] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, one: Any) -> None:
        """Add what came."""
        self.heard.append(one)
        self._news.set()

    async def more(self, than: int) -> None:
        """Wait until there is more than so much."""
        while len(self.heard) <= than:
            self._news.clear()
            await self._news.wait()
