"""ES10f as the FPA speaks it: commands as procedures over one contact. IFPP §3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import TlvError
from dissectors.link.apdu import ApduError
from dissectors.link.apdu_bpp import split_bpp
from sgprobe.peers.effects import Card, CardFailure, LinkFailure
from sgprobe.peers.fpa.effects import Contact, StationProcedure

SPEC = "IFPP@0"
RESULT = b"\xbf\x37"


class Unreadable(Exception):
    """The eUICC answered something that is no answer to the command."""


class Broken(Exception):
    """A package was not taken whole: after which segment, and why."""

    def __init__(self, segment: int, cause: CardFailure | LinkFailure) -> None:
        super().__init__(str(cause))
        self.segment = segment
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Info:
    """What GetIfppInfo tells: who the chip is, its phase, and its one-time keys."""

    eid: str
    phase: str
    keys: dict[str, str]

    @property
    def left(self) -> int:
        """How many keys can still load a profile."""
        return sum(state in ("unused", "reserved") for state in self.keys.values())


def _call(name: str, value: Any) -> StationProcedure[Any]:
    loaded = codec.load(SPEC)
    answer: bytes = yield Card(loaded.encode(f"{name}Request", value))
    return _read(f"{name}Response", answer)


def _read(name: str, answer: bytes) -> Any:
    decoded = codec.load(SPEC).decode(name, answer)
    if not decoded.ok or decoded.value is None:
        raise Unreadable(f"no {name}: {answer[:8].hex().upper()}")
    return decoded.value


def info() -> StationProcedure[Info]:
    """GetIfppInfo (FF40)."""
    value = yield from _call("GetIfppInfo", {"bindingVersion": 0})
    keys = {one["keyRef"]: str(one["state"]) for one in value["otkInventory"]}
    return Info(value["eid"], str(value["factoryPhase"]), keys)


def load_context(context: bytes) -> StationProcedure[str]:
    """IfppLoadContext (FF41), as it stands in the package; return the error, or ""."""
    answer: bytes = yield Card(context)
    value = _read("IfppLoadContextResponse", answer)
    return "" if "ok" in value else str(value["error"]["code"])


def segments(bound: bytes) -> list[bytes]:
    """Return what is pushed, one STORE DATA chain each. SGP.22 §2.5.5."""
    try:
        return split_bpp(bound)
    except (ApduError, TlvError) as error:
        raise Unreadable(str(error)) from None


def push(parts: list[bytes]) -> StationProcedure[tuple[bytes, int]]:
    """LoadBoundProfilePackage; return the result (BF37) and how many segments were sent."""
    for number, part in enumerate(parts):
        try:
            answer: bytes = yield Card(part)
        except (CardFailure, LinkFailure) as failure:
            raise Broken(number, failure) from None
        if answer:
            if answer[:2] != RESULT:
                raise Unreadable(f"no result: {answer[:8].hex().upper()}")
            return answer, number + 1
    raise Unreadable("the eUICC has taken the whole package and says nothing")


def results(transaction: str) -> StationProcedure[list[bytes]]:
    """GetIfppResults (FF42) of one package."""
    value = yield from _call("GetIfppResults", {"selector": {"transactionId": transaction}})
    return [bytes.fromhex(one) for one in value["results"]]


@dataclass(frozen=True, slots=True)
class State:
    """A signed state: the whole response, and what it says."""

    raw: bytes
    challenge: str
    eid: str
    phase: str
    unused: int
    profiles: tuple[str, ...]


def _state(name: str, value: Any) -> StationProcedure[State | str]:
    answer: bytes = yield Card(codec.load(SPEC).encode(f"{name}Request", value))
    told = _read(f"{name}Response", answer)
    if "ok" not in told:
        return str(told["error"])
    tbs = told["ok"]["tbs"]
    profiles = tuple(one["iccid"] for one in tbs["profiles"])
    return State(
        answer, tbs["challenge"], tbs["eid"], str(tbs["factoryPhase"]), tbs["unusedOtk"], profiles
    )


def delete_keys(challenge: bytes) -> StationProcedure[State | str]:
    """DeleteOneTimeKeys (FF43), all unused ones; return the signed state, or the error."""
    value = {"selector": {"allUnused": None}, "challenge": challenge.hex()}
    return (yield from _state("DeleteOneTimeKeys", value))


def close_phase(challenge: bytes) -> StationProcedure[State | str]:
    """CloseFactoryPhase (FF44); return the signed state, or the error."""
    return (yield from _state("CloseFactoryPhase", {"challenge": challenge.hex()}))


def signed_state(challenge: bytes) -> StationProcedure[State | str]:
    """GetSignedIfppState (FF45); return the signed state, or the error."""
    return (yield from _state("GetSignedIfppState", {"challenge": challenge.hex()}))


def witness(challenge: bytes) -> StationProcedure[State | str]:
    """Contact the device and ask for its signed state, as a witness does at the ship point."""
    yield Contact()
    return (yield from signed_state(challenge))


def enable(iccid: str) -> StationProcedure[int]:
    """ES10c.EnableProfile (BF31) without refresh; return its result code."""
    rsp = codec.load("SGP.22@2.5")
    value = {"profileIdentifier": {"iccid": iccid}, "refreshFlag": False}
    answer: bytes = yield Card(rsp.encode("EnableProfileRequest", value))
    decoded = rsp.decode("EnableProfileResponse", answer)
    if not decoded.ok:
        raise Unreadable("no EnableProfileResponse")
    code = decoded.value["enableResult"]
    return 0 if code in (0, "ok") else 127
