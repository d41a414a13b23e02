"""Signatures of a running case: made over what is sent, judged over what came, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm

from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from sgprobe.cases.match import Judgement, Unresolved
from sgprobe.crypto import keys
from sgprobe.crypto.keys import PrivateKey, PublicKey
from sgprobe.crypto.signing import RECIPES, SIGNATURE_OCTETS, association_token
from sgprobe.engine.heard import Heard
from sgprobe.engine.message.elements import Body, beside, body_of

_TOKEN = "associationToken"
_TBS, _SEQUENCE = "tbs", b"\x30"


@dataclass(frozen=True, slots=True)
class Covered:
    """The elements that a signature covers, by name, as whole TLVs in their order."""

    parts: tuple[tuple[str, bytes], ...]

    @property
    def octets(self) -> bytes:
        """Return what is hashed."""
        return b"".join(element for _, element in self.parts)

    def without(self, name: str) -> bytes:
        """Return what is hashed where one element is forgotten."""
        return b"".join(element for known, element in self.parts if known != name)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a signature may cover besides its own message: what was said, and an eIM's token."""

    said: tuple[Heard, ...]
    token: Callable[[str], int | None]


def covered(body: Body, path: str, around: Surroundings, over: Iterable[str] = ()) -> Covered:
    """Return what the signature at a path covers; raises Unresolved where that is not known."""
    name = path.rpartition(".")[2]
    names = list(over)
    if not names:
        recipe = RECIPES.get(name)
        if recipe is None:
            raise Unresolved(f"which octets {name} covers is not known; write `over a, b`")
        names = [part.name for part in recipe.parts]
    found = []
    for one in names:
        element = _element(body, path, one, around)
        if element is None:
            raise Unresolved(f"{name} covers {one}, which is not there")
        found.append((one, element))
    return Covered(tuple(found))


def _element(body: Body, path: str, name: str, around: Surroundings) -> bytes | None:
    element = body.at(beside(path, name))
    if element is not None:
        # IFPP §3: covered as its own type, whatever tag says where it stands
        return _SEQUENCE + element[len(read_tlv(element).tag) :] if name == _TBS else element
    if name == _TOKEN:
        return association_token(around.token(_eim_id(body)))
    # the parts of other messages: the newest of that name
    for heard in reversed(around.said):
        element = body_of(heard).named(name)
        if element is not None:
            return element
    return None


def _eim_id(body: Body) -> str:
    """Return the eIM that a message names: its token counts."""
    element = body.named("eimId")
    if element is None:
        return ""
    one = read_tlv(element)
    return element[one.body : one.end].decode("utf-8", "replace")


def sign(
    body: Body, path: str, key: PrivateKey, around: Surroundings, over: Iterable[str] = ()
) -> bytes:
    """Return the octets of the signature at a path."""
    return keys.sign(key, covered(body, path, around, over).octets)


def judge(
    body: Body,
    path: str,
    key: PublicKey,
    around: Surroundings,
    *,
    over: Iterable[str] = (),
    name: str = "",
    others: Mapping[str, PublicKey] | None = None,
) -> Judgement:
    """Say whether the signature at a path verifies; if not, why, where that is cheap to find."""
    element = body.at(path)
    if element is None:
        return Judgement(False, "absent")
    try:
        return _judge(body, path, element, key, around, over, name, others or {})
    except TlvError as error:
        # it, or what it covers
        return Judgement(False, _short(element), f"no DER: {error}")


def _judge(
    body: Body,
    path: str,
    element: bytes,
    key: PublicKey,
    around: Surroundings,
    over: Iterable[str],
    name: str,
    others: Mapping[str, PublicKey],
) -> Judgement:
    one = read_tlv(element)
    signature = element[one.body : one.end]
    data = covered(body, path, around, over)
    shown = f"{tlv(one.tag, b'')[:-1].hex().upper()} {_short(signature)}"
    raw, form = _raw(signature)
    if raw is None:
        return Judgement(False, shown, f"{len(signature)} octets; r‖s has {SIGNATURE_OCTETS}")
    if _verifies(key, raw, data.octets):
        if not form:
            return Judgement(True)
        return Judgement(False, shown, form)
    return Judgement(False, f"{shown} does not verify", _why(raw, data, key, name, others))


def _raw(signature: bytes) -> tuple[bytes | None, str]:
    """Return r‖s, and what is wrong with the form."""
    if len(signature) == SIGNATURE_OCTETS:
        return signature, ""
    try:
        return keys.raw_from_der(signature), "a DER signature, where r‖s is due"
    except ValueError:
        return None, ""


def _verifies(key: PublicKey, raw: bytes, data: bytes) -> bool:
    try:
        return keys.verify(key, raw, data)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _why(
    raw: bytes, data: Covered, key: PublicKey, name: str, others: Mapping[str, PublicKey]
) -> str:
    """Try the mistakes that products make."""
    for known, _ in data.parts:
        if len(data.parts) > 1 and _verifies(key, raw, data.without(known)):
            element = next(element for one, element in data.parts if one == known)
            return f"it verifies without {known} ({_short(element)}): that is left out"
    for other, public in others.items():
        if other != name and _verifies(public, raw, data.octets):
            return f"it verifies under ${other}: the wrong key"
    if len(data.parts) > 1:
        backwards = b"".join(element for _, element in reversed(data.parts))
        if _verifies(key, raw, backwards):
            return "it verifies with the parts in the other order"
    for known, element in data.parts:
        one = read_tlv(element)
        if _verifies(key, raw, element[one.body : one.end]):
            return f"it verifies over the content of {known}, without tag and length"
    half = SIGNATURE_OCTETS // 2
    if _verifies(key, raw[half:] + raw[:half], data.octets):
        return "it verifies as s‖r: the halves are swapped"
    return ""


def _short(octets: bytes) -> str:
    text = octets.hex().upper()
    return text if len(text) <= 16 else f"{text[:8]}…{text[-4:]}"
