"""What a simulated device says to the eUICC by itself, with simulated servers behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import Spec, parse_spec
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import Message
from sgprobe.engine.heard import History
from sgprobe.engine.message.elements import body_of
from sgprobe.engine.message.fill import PLACEHOLDER
from sgprobe.exchange import Request, Response
from sgprobe.peers.drive import drive
from sgprobe.peers.effects import Effect, Now, Post, Procedure
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.es9client import Es9Client, ServerFault, ServerRefusal
from sgprobe.peers.ipa.config import Config as IpaConfig

Card = Callable[[bytes], Awaitable[bytes]]
T = TypeVar("T")
# of a command that has members that must be there
_DEFAULTS: dict[str, Value] = {
    "GetEuiccDataRequest": {"tagList": "5a"},
    "NotificationSentRequest": {"seqNumber": 1},
    "SetNicknameRequest": None,
    "ProfileRollbackRequest": {"refreshFlag": True},
}


@dataclass(slots=True)
class CardSays:
    """Makes the default of each ES10 command, with simulated servers behind the device."""

    spec: Spec
    history: History
    card: Card
    smdp: Callable[[Request], Response]
    address: str
    eim_id: str
    eid: str
    counter: Callable[[], int]
    matching_id: Callable[[], str]
    session: es9.Initiated | None = field(default=None)

    async def value(self, message: Message) -> Value:
        """Return the default of a command; raises Unresolved where nothing leads to it."""
        name = message.type_name or ""
        match name:
            case "AuthenticateServerRequest":
                return await self._authenticate_server()
            case "PrepareDownloadRequest":
                return self._prepare_download()
            case "BoundProfilePackage":
                return self._bound_package()
            case "CancelSessionRequest":
                return {"transactionId": self._transaction(), "reason": "endUserRejection"}
            case "EuiccPackageRequest":
                return self._package()
        if name in _DEFAULTS and _DEFAULTS[name] is not None:
            return _DEFAULTS[name]
        return {}

    def _package(self) -> Value:
        return {
            "euiccPackageSigned": {
                "eimId": self.eim_id,
                "eidValue": self.eid,
                "counterValue": self.counter() + 1,
                "euiccPackage": {"psmoList": [{"listProfileInfo": {}}]},
            },
            "eimSignature": PLACEHOLDER,
        }

    # --- a download, with the simulated SM-DP+ ---

    async def _authenticate_server(self) -> Value:
        rsp = self._rsp()
        answer = await self.card(tlv("BF2E"))
        challenge = rsp.decode("GetEuiccChallengeResponse", answer).value["euiccChallenge"]
        info1 = await self.card(tlv("BF20"))
        client = Es9Client(self.address, self.address)
        begun: es9.Initiated = self._run(
            client.initiate_authentication(bytes.fromhex(challenge), info1)
        )
        self.session = begun
        common: dict[str, Value] = {"deviceInfo": IpaConfig().device_info}
        if self.matching_id():
            common["matchingId"] = self.matching_id()
        context = rsp.encode("CtxParams1", {"ctxParamsForCommonAuthentication": common})
        parts = (begun.server_signed1, begun.server_signature1, begun.ci_key_id)
        command = tlv("BF38", *parts, begun.certificate, context)
        return rsp.decode("AuthenticateServerRequest", command).value

    def _prepare_download(self) -> Value:
        asked = self.history.last("AuthenticateServer", request=False)
        if asked is None or self.session is None:
            raise Unresolved("no session was opened: AuthenticateServerRequest comes first")
        client = Es9Client(self.address, self.address)
        answer = self._run(client.authenticate_client(self.session, body_of(asked).octets))
        if not isinstance(answer, es9.Authenticated):
            raise Unresolved("the SM-DP+ has no profile for this session")
        command = tlv("BF21", answer.smdp_signed2, answer.smdp_signature2, answer.certificate)
        return self._rsp().decode("PrepareDownloadRequest", command).value

    def _bound_package(self) -> Value:
        answered = self.history.last("GetBoundProfilePackage", request=False)
        package = body_of(answered).named("boundProfilePackage") if answered is not None else None
        if package is not None:
            return self._rsp().decode("BoundProfilePackage", package).value
        asked = self.history.last("PrepareDownload", request=False)
        if asked is None or self.session is None:
            raise Unresolved("nothing was prepared: PrepareDownloadRequest comes first")
        client = Es9Client(self.address, self.address)
        bound = self._run(
            client.get_bound_profile_package(self.session.transaction_id, body_of(asked).octets)
        )
        return self._rsp().decode("BoundProfilePackage", bound.package).value

    def _transaction(self) -> str:
        return self.session.transaction_id.hex() if self.session is not None else "00" * 16

    def _run(self, procedure: Procedure[T]) -> T:
        """Run a procedure of a client against the simulated SM-DP+, in memory."""
        try:
            return drive(procedure, self._perform)
        except (ServerRefusal, ServerFault) as error:
            raise Unresolved(f"the simulated SM-DP+: {error}") from None

    def _perform(self, effect: Effect) -> Response | float:
        match effect:
            case Post(_, request):
                return self.smdp(request)
            case Now():
                return 0.0
        raise Unresolved(f"the SM-DP+'s client wants {type(effect).__name__}")

    def _rsp(self) -> codec.Codec:
        spec = self.spec
        return codec.load(parse_spec(spec.imports) if spec.imports else spec)
