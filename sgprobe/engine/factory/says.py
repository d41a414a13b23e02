"""What a simulated FPA says to the eUICC by itself: contexts, packages, ends of production."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.versions import parse_spec
from sgprobe.cases.messages import Message
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.engine.card.says import CardSays
from sgprobe.engine.factory.floor import FactoryFloor

_CHALLENGE = 16


class FactorySays:
    """Makes the default of each ES10f command; of other commands the device's own default holds."""

    def __init__(
        self, floor: FactoryFloor, device: CardSays, octets: Callable[[int], bytes]
    ) -> None:
        self._floor = floor
        self._device = device
        self._octets = octets
        self._ifpp = codec.load(SPEC)
        self._rsp = codec.load(parse_spec("SGP.22@2.5"))

    async def value(self, message: Message) -> Value:
        """Return the default of a command."""
        if message.function.sender != "fpa":
            return await self._device.value(message)
        name = message.type_name or ""
        match name:
            case "IfppLoadContextRequest":
                return self._ifpp.decode(name, self._floor.context()).value
            case "BoundProfilePackage":
                return self._rsp.decode(name, self._floor.package()).value
            case "GetIfppInfoRequest":
                return {"bindingVersion": "v0"}
            case "GetIfppResultsRequest":
                return {"selector": {"all": None}}
            case "DeleteOneTimeKeysRequest":
                return {"selector": {"allUnused": None}, "challenge": self._challenge()}
        return {"challenge": self._challenge()}

    def _challenge(self) -> str:
        return self._octets(_CHALLENGE).hex()
