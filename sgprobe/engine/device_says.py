"""What a simulated device says by itself: requests to eIM, SM-DP+ and SM-DS, made by its eUICC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.asn1.versions import Spec, parse_spec
from dissectors.spec.functions import ES11, ESIPA
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import Message
from sgprobe.crypto.confirmation import code_hash, hash_cc
from sgprobe.crypto.keys import PrivateKey, sign
from sgprobe.engine.heard import Heard, History
from sgprobe.engine.message import compact_says
from sgprobe.engine.message.elements import body_of
from sgprobe.peers.ipa.config import Config as IpaConfig

# one ES10 command to the eUICC, simulated or under test
Card = Callable[[bytes], Awaitable[bytes]]
_IAU, _ACL, _GBP, _CAN, _HNT = (
    "InitiateAuthentication",
    "AuthenticateClient",
    "GetBoundProfilePackage",
    "CancelSession",
    "HandleNotification",
)
# ES10 commands by tag
_LISTED = "RetrieveNotificationsListResponse"
_NO_SESSION = "00" * 16
# SGP.22 §6.5.1.3: who asks, the simulated SM-DP+
_SMDP_OID = "2.999.10"
_GET_INFO2 = tlv("BF22")
_ZERO_SIGNATURE = tlv("5F37", bytes(64))


@dataclass(slots=True)
class DeviceSays:
    """Makes the default of each request from what was said before, with the eUICC in the slot."""

    spec: Spec
    history: History
    card: Card
    eid: str
    addresses: dict[str, str]
    # signs for a eUICC that has nothing to sign
    euicc_key: PrivateKey = field(repr=False)
    matching_id: Callable[[], str] = lambda: ""
    # what the user types
    confirmation_code: Callable[[], str] = lambda: ""
    # what the device answers to requests for data, and to triggers
    collect: Callable[[bytes], Awaitable[bytes]] | None = None
    # what an SM-DP+ calls its event
    event_id: str = ""
    # what the eUICC said of the last package
    executed: Value = None

    async def value(
        self, message: Message, receiver: str, wanted: frozenset[str] = frozenset()
    ) -> Value:
        """Return the default of a request; raises Unresolved where nothing leads to it.

        `wanted` are members that the step names: they choose between alternatives.
        """
        name = message.function.name
        esipa = message.function.interface == ESIPA
        match name:
            case "RegisterEvent" | "DeleteEvent":
                return self._event(name)
            case "GetEimPackage":
                return {"eidValue": self.eid}
            case "ProvideEimPackageResult":
                return await self._provided(wanted)
            case "InitiateAuthentication":
                return await self._initiate(receiver, esipa=esipa)
            case "AuthenticateClient":
                every = message.function.interface == ES11
                return await self._authenticate(wanted, esipa=esipa, every=every)
            case "GetBoundProfilePackage":
                return await self._prepare(wanted, esipa=esipa)
            case "CancelSession":
                return await self._cancel(esipa=esipa)
            case "HandleNotification" if "provideEimPackageResult" in wanted:
                return {"provideEimPackageResult": await self._provided(wanted)}
            case "HandleNotification":
                return {"pendingNotification": await self._notification(wanted)}
        raise Unresolved(f"{message.name} has no default; give all of it in `fields`")

    # --- events at an SM-DS ---

    def _event(self, function: str) -> Value:
        """Return what an SM-DP+ tells of an event that leads the eUICC to it."""
        event = {"eid": self.eid, "eventId": self.event_id}
        header = {
            "functionRequesterIdentifier": _SMDP_OID,
            "functionCallIdentifier": f"{function}-{event['eventId']}"[:256],
        }
        if function == "RegisterEvent":
            led = {"rspServerAddress": self.addresses["smdp"], "forwardingIndicator": False}
            return {"header": header, **event, **led}
        return {"header": header, **event}

    # --- packages of the eIM ---

    async def _provided(self, wanted: frozenset[str]) -> Value:
        result = await self._result(wanted)
        if "ePRAndNotifications" in wanted and "euiccPackageResult" in result:
            listed = await self._notifications()
            result = {"ePRAndNotifications": {**result, "notificationList": listed}}
        return {"eidValue": self.eid, "eimPackageResult": result}

    async def _result(self, wanted: frozenset[str]) -> Value:
        asked = self.history.last("GetEimPackage", request=False)
        if asked is None:
            raise Unresolved("no package of the eIM was received")
        refusal = self._refusal(asked.value, wanted)
        if refusal is not None:
            return refusal
        body = body_of(asked)
        package = body.named("euiccPackageRequest")
        if package is not None:
            answer = await self.card(package)
            self.executed = self._read("EuiccPackageResult", answer)
            return {"euiccPackageResult": self.executed}
        data = body.named("ipaEuiccDataRequest")
        if data is not None and self.collect is not None:
            answer = await self.collect(data)
            return {"ipaEuiccDataResponse": self._read("IpaEuiccDataResponse", answer)}
        trigger = body.named("profileDownloadTriggerRequest")
        if trigger is not None:
            return {"profileDownloadTriggerResult": await self._triggered(trigger, wanted)}
        raise Unresolved("the eIM's last answer holds no package")

    def _refusal(self, asked: Value, wanted: frozenset[str]) -> Value:
        """Return the refusal that a step names, of the package received; None for a result."""
        package = next(iter(asked.values()))
        signed = package.get("euiccPackageSigned", package) if isinstance(package, dict) else {}
        own = {name: signed[name] for name in ("eimTransactionId",) if name in signed}
        if "eimPackageResultResponseError" in wanted:
            told = {**own, "eimPackageResultErrorCode": "undefinedError"}
            return {"eimPackageResultResponseError": told}
        if "ipaEuiccDataResponseError" in wanted:
            told = {**own, "ipaEuiccDataErrorCode": "undefinedError"}
            return {"ipaEuiccDataResponse": {"ipaEuiccDataResponseError": told}}
        if "euiccPackageErrorUnsigned" in wanted:
            told = {"eimId": signed["eimId"], **own}
            return {"euiccPackageResult": {"euiccPackageErrorUnsigned": told}}
        if "euiccPackageErrorSigned" in wanted:
            head = {name: signed[name] for name in ("eimId", "counterValue")} | own
            data = {**head, "euiccPackageErrorCode": "undefinedError"}
            # what is said of it is signed when it is sent
            told = {"euiccPackageErrorDataSigned": data, "euiccSignEPE": "00" * 64}
            return {"euiccPackageResult": {"euiccPackageErrorSigned": told}}
        return None

    async def _triggered(self, trigger: bytes, wanted: frozenset[str]) -> Value:
        """Tell the installation that a step names, else that there was none: undefined error."""
        asked = self._read("ProfileDownloadTriggerRequest", trigger)
        data: Value = {"profileDownloadError": {"profileDownloadErrorReason": "undefinedError"}}
        if "profileInstallationResult" in wanted:
            data = await self._notification(frozenset({"profileInstallationResult"}))
        told: dict[str, Value] = {"profileDownloadTriggerResultData": data}
        if "eimTransactionId" in asked:
            told["eimTransactionId"] = asked["eimTransactionId"]
        return told

    # --- the eUICC's part of a download ---

    async def _initiate(self, receiver: str, *, esipa: bool) -> Value:
        challenge = self._read("GetEuiccChallengeResponse", await self.card(tlv("BF2E")))
        info1 = self._read("EUICCInfo1", await self.card(tlv("BF20")))
        told: dict[str, Value] = {"euiccChallenge": challenge["euiccChallenge"]}
        told["euiccInfo1"] = info1
        if not esipa:
            told["smdsAddress" if receiver == "smds" else "smdpAddress"] = self.addresses[receiver]
            if receiver == "smds":
                # SGP.22 §5.8.1: the JSON member keeps the name of ES9+ in use
                told["smdpAddress"] = told.pop("smdsAddress")
            return told
        trigger = self._trigger()
        if trigger is not None:
            value = self._read("ProfileDownloadTriggerRequest", trigger)
            if "eimTransactionId" in value:
                told["eimTransactionId"] = value["eimTransactionId"]
        else:
            told["smdpAddress"] = self.addresses["smdp"]
        return told

    def _trigger(self) -> bytes | None:
        """Return the trigger that the eIM gave last: of a package, or of the event of an SM-DS."""
        told = [self.history.last(name, request=False) for name in ("GetEimPackage", _ACL)]
        names = ("profileDownloadTriggerRequest", "profileDownloadTrigger")
        found = [(one.n, body_of(one).named(name)) for one, name in zip(told, names, strict=True)
                 if one is not None]  # fmt: skip
        return max((one for one in found if one[1] is not None), default=(0, None))[1]

    async def _authenticate(
        self, wanted: frozenset[str], *, esipa: bool, every: bool = False
    ) -> Value:
        begun = self.history.last(_IAU, request=False)
        if begun is None:
            raise Unresolved("no session was opened: initiateAuthentication comes first")
        body = body_of(begun)
        parts = [body.named(name) for name in ("serverSigned1", "serverSignature1")]
        ci = body.named("euiccCiPKIdToBeUsed") or body.named("euiccCiPKIdentifierToBeUsed")
        parts += [ci, body.named("serverCertificate")]
        if any(one is None for one in parts):
            raise Unresolved("the server's answer to initiateAuthentication cannot be passed on")
        given = body.named("ctxParams1")
        # a choice in a tag of its own: the card is given what stands inside
        context = self._context(every=every) if given is None else given[read_tlv(given).body :]
        command = tlv("BF38", *(one for one in parts if one is not None), context)
        answer = await self.card(command)
        if compact_says.AUTHENTICATION in wanted and parts[0] is not None:
            info2 = await self.card(_GET_INFO2)
            answer = compact_says.authentication(answer, parts[0], info2)
        response = self._told("AuthenticateServerResponse", answer, esipa=esipa)
        return {
            "transactionId": self._transaction(begun),
            "authenticateServerResponse": response,
        }

    def _context(self, *, every: bool) -> bytes:
        common: dict[str, Value] = {"deviceInfo": IpaConfig().device_info}
        if every:
            # SGP.22 §5.8.2: all events of the EID, not the one of an order
            common["matchingId"] = ""
        elif self.matching_id():
            common["matchingId"] = self.matching_id()
        return self._rsp().encode("CtxParams1", {"ctxParamsForCommonAuthentication": common})

    async def _prepare(self, wanted: frozenset[str], *, esipa: bool) -> Value:
        answered = self.history.last(_ACL, request=False)
        begun = self.history.last(_IAU, request=False)
        if begun is None:
            raise Unresolved("no session was opened: initiateAuthentication comes first")
        transaction = self._transaction(begun)
        body = body_of(answered) if answered is not None else None
        names = ("smdpSigned2", "smdpSignature2", "hashCc", "smdpCertificate")
        parts = [body.named(name) if body is not None else None for name in names]
        if any(one is None for one in (parts[0], parts[1], parts[3])):
            return {"transactionId": transaction,
                    "prepareDownloadResponse": self._unprepared(transaction)}  # fmt: skip
        if parts[2] is None and self.confirmation_code():
            stored = code_hash(self.confirmation_code())
            parts[2] = tlv("04", hash_cc(stored, bytes.fromhex(transaction)))
        command = tlv("BF21", *(one for one in parts if one is not None))
        answer = compact_says.preparation(await self.card(command), wanted)
        return {
            "transactionId": transaction,
            "prepareDownloadResponse": self._told("PrepareDownloadResponse", answer, esipa=esipa),
        }

    def _unprepared(self, transaction: str) -> Value:
        """Sign a preparation that no SM-DP+ has asked for: the eUICC would refuse to."""
        signed = {"transactionId": transaction, "euiccOtpk": "04" + "11" * 64}
        rsp = self._rsp()
        over = rsp.encode("EUICCSigned2", signed) + _ZERO_SIGNATURE
        return {
            "downloadResponseOk": {
                "euiccSigned2": signed,
                "euiccSignature2": sign(self.euicc_key, over).hex(),
            }
        }

    async def _cancel(self, *, esipa: bool) -> Value:
        begun = self.history.last(_IAU, request=False)
        transaction = self._transaction(begun) if begun is not None else _NO_SESSION
        command = tlv("BF41", tlv("80", bytes.fromhex(transaction)), tlv("81", b"\x00"))
        answer = await self.card(command)
        return {
            "transactionId": transaction,
            "cancelSessionResponse": self._told("CancelSessionResponse", answer, esipa=esipa),
        }

    async def _notification(self, wanted: frozenset[str]) -> Value:
        listed = await self._notifications()
        return compact_says.notification(listed, self.eid, self.spec, wanted)

    async def _notifications(self) -> list[Value]:
        answer = await self.card(tlv("BF2B"))
        value = self._read(_LISTED, answer)
        listed = value.get("notificationList") or value.get("notificationsAndEuiccPackageResults")
        if isinstance(listed, dict):
            listed = listed.get("notificationList")
        return list(listed or ())

    # --- helpers ---

    def _transaction(self, begun: Heard) -> str:
        value = begun.value
        for known in (value, *(one for one in _inner(value))):
            if isinstance(known, dict) and isinstance(known.get("transactionId"), str):
                return str(known["transactionId"]).lower()
        signed = body_of(begun).named("serverSigned1")
        if signed is not None:
            return str(self._rsp().decode("ServerSigned1", signed).value["transactionId"])
        raise Unresolved("the server named no transactionId")

    def _rsp(self) -> codec.Codec:
        spec = self.spec
        return codec.load(parse_spec(spec.imports) if spec.imports else spec)

    def _told(self, type_name: str, octets: bytes, *, esipa: bool) -> Value:
        """Read what the eUICC says to a server: an SM-DP+ knows no members of SGP.32."""
        return (
            self._read(type_name, octets) if esipa else self._rsp().decode(type_name, octets).value
        )

    def _read(self, type_name: str, octets: bytes) -> Value:
        loaded = codec.load(self.spec)
        if type_name not in loaded:
            loaded = codec.load("SGP.32@1.2") if type_name == _LISTED else self._rsp()
        return loaded.decode(type_name, octets).value


def _inner(value: Value) -> list[Value]:
    return list(value.values()) if isinstance(value, dict) else []


__all__ = ["ES11", "DeviceSays"]
