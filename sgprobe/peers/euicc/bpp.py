"""A Bound Profile Package opened segment by segment. SGP.22 §2.5.3, §2.5.4, §5.5, §5.7.6."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import Enum, auto

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, length_octets, read_tlv, split
from sgprobe.crypto.bsp import Bsp, read_replace_session_keys
from sgprobe.crypto.errors import CryptoError, SegmentError
from sgprobe.crypto.kdf import KEY_OCTETS, KEY_TYPE_AES
from sgprobe.crypto.signing import SMDP_SIGN
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc import factory_loading, installation, installing, memory, metadata
from sgprobe.peers.euicc.dialect import faults
from sgprobe.peers.euicc.elements import NO_MEMORY
from sgprobe.peers.euicc.interpreter import Aborted, Interpreter, response
from sgprobe.peers.euicc.metadata import Refused
from sgprobe.peers.euicc.records import Installation
from sgprobe.peers.euicc.session import Agreed, Server
from sgprobe.peers.euicc.status import CONDITIONS
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import inner

BPP, CHANNEL = b"\xbf\x36", b"\xbf\x23"
_CONFIGURE, _METADATA, _KEYS, _ELEMENTS = b"\xa0", b"\xa1", b"\xa2", b"\xa3"
PARTS = frozenset((_CONFIGURE, _METADATA, _KEYS, _ELEMENTS, b"\x86", b"\x87", b"\x88"))

# SGP.22, ErrorReason
INCORRECT_INPUT, BAD_SIGNATURE, BAD_TRANSACTION, BAD_CRT, BAD_OPERATION = range(1, 6)
BAD_STRUCTURE, BAD_SECURITY = 7, 8
NO_ROOM, PE_PROCESSING = 10, 12
_INSTALL_OPERATION = 1


class Stage(Enum):
    """What the loader waits for."""

    CONFIGURE = auto()
    METADATA = auto()
    METADATA_SEGMENTS = auto()
    KEYS_OR_ELEMENTS = auto()
    ELEMENTS = auto()


# what BppCommandId says of an error in each stage
_COMMANDS = {
    Stage.CONFIGURE: "configureISDP",
    Stage.METADATA: "storeMetadata",
    Stage.METADATA_SEGMENTS: "storeMetadata",
    Stage.KEYS_OR_ELEMENTS: "replaceSessionKeys",
    Stage.ELEMENTS: "loadProfileElements",
}


class Loader:
    """One package while it is loaded: keys, place, and what has been put together so far."""

    __slots__ = ("about", "bsp", "digest", "dp", "interpreter", "left", "metadata", "room", "size",
                 "stage", "whole")  # fmt: skip

    def __init__(self, bsp: Bsp, about: Installation, first: bytes, whole: int) -> None:
        self.bsp = bsp
        self.about = about
        # of what has come so far
        self.digest = hashlib.sha256(first)
        self.size = len(first)
        # octets of the whole package that are still to come, and of the part that has begun
        self.whole = whole
        self.left = 0
        self.room = 0
        self.stage = Stage.CONFIGURE
        self.dp: Value = None
        self.metadata: Value = None
        self.interpreter: Interpreter | None = None


def load(turn: Turn, octets: bytes) -> bytes:
    """ES10b.LoadBoundProfilePackage, one chain of it: nothing, or a Profile Installation Result."""
    loader = turn.session.loader
    if octets[:2] == BPP:
        return _begin(turn, octets)
    if loader is None:
        raise CardFailure(CONDITIONS)
    try:
        return _segment(turn, loader, octets)
    except Refused as refusal:
        return _fail(turn, loader, refusal.reason)
    except SegmentError as error:
        secured = error.reason in ("mac", "padding")
        return _fail(turn, loader, BAD_SECURITY if secured else BAD_STRUCTURE)
    except TlvError:
        return _fail(turn, loader, BAD_STRUCTURE)
    except Aborted as aborted:
        sima = response([aborted.status], aborted=True)
        reason = NO_ROOM if aborted.status.code == NO_MEMORY else PE_PROCESSING
        return _fail(turn, loader, reason, sima)


def _fail(turn: Turn, loader: Loader, reason: int, sima: bytes | None = None) -> bytes:
    about = replace(loader.about, command=_COMMANDS[loader.stage])
    turn.session.forget_server()
    return installation.failure(turn, about, reason, sima)


def _begin(turn: Turn, octets: bytes) -> bytes:
    """Take the header of the package with InitialiseSecureChannel. SGP.22 §5.5.1."""
    server, agreed, load = turn.session.server, turn.session.agreed, turn.session.factory
    if server is None or agreed is None:
        raise CardFailure(CONDITIONS)
    about = Installation(
        server.transaction.hex(),
        server.address,
        agreed.certificate.oid or server.oid,
        server.identity.ci.hex(),
        "initialiseSecureChannel",
        key_ref=load.ref if load is not None else None,
    )
    if turn.session.loader is not None and turn.chip.rules.on("EUICC.BPP-STRUCTURE"):
        return _fail(turn, turn.session.loader, BAD_STRUCTURE)
    try:
        whole, channel = _heads(octets)
        factory_loading.check_channel(turn, channel)
        bsp = _secure_channel(turn, server, agreed, channel)
    except Refused as refusal:
        turn.session.forget_server()
        return installation.failure(turn, about, refusal.reason)
    turn.session.loader = Loader(bsp, about, octets, whole - len(channel))
    # from here on a power cut is told: SGP.22 §2.5.6, installFailedDueToInterruption
    turn.draft.put(about)
    return b""


def _heads(octets: bytes) -> tuple[int, bytes]:
    """Return how long the package says it is, and BF23, which is all that comes with it."""
    try:
        # the rest of the package comes later: only the length of BF36 is there
        length, body = _announced(octets, 2)
        channel = read_tlv(octets, body)
    except TlvError:
        raise Refused(INCORRECT_INPUT) from None
    if channel.tag != CHANNEL or channel.end != len(octets):
        raise Refused(INCORRECT_INPUT)
    return length, octets[body:]


def _announced(octets: bytes, at: int) -> tuple[int, int]:
    """Return the length that stands at `at`, and where the contents begin."""
    if at >= len(octets):
        raise TlvError("no length", at)
    length = octets[at]
    body = at + 1
    if length > 0x7F:
        body += length & 0x7F
        length = int.from_bytes(octets[at + 1 : body], "big")
        if body > len(octets) or octets[at:body] != length_octets(length):
            raise TlvError("length is not minimal or cut short", at)
    return length, body


def _secure_channel(turn: Turn, server: Server, agreed: Agreed, raw: bytes) -> Bsp:
    decoded = turn.chip.dialect.decode("InitialiseSecureChannelRequest", raw)
    if faults(decoded):
        raise Refused(INCORRECT_INPUT)
    value = decoded.value
    operation = value["remoteOpId"] != "installBoundProfilePackage"
    if turn.broken("EUICC.BPP-OPERATION", operation):
        raise Refused(BAD_OPERATION)
    other = value["transactionId"] != server.transaction.hex()
    if turn.broken("EUICC.BPP-TRANSACTION", other):
        raise Refused(BAD_TRANSACTION)
    template = value["controlRefTemplate"]
    wanted = (f"{KEY_TYPE_AES:02x}", f"{KEY_OCTETS:02x}")
    if turn.broken("EUICC.BPP-CRT", (template["keyType"], template["keyLen"]) != wanted):
        raise Refused(BAD_CRT)
    parts = inner(raw)
    key = agreed.certificate.public_key
    own = b"\x5f\x49" + length_octets(len(agreed.point)) + agreed.point
    good = key is not None and SMDP_SIGN.verify(key, parts[4], *parts[:4], own)
    if turn.broken("EUICC.BPP-SIGNATURE", not good):
        raise Refused(BAD_SIGNATURE)
    try:
        point = bytes.fromhex(value["smdpOtpk"])
        host_id = bytes.fromhex(template["hostId"])
        keys = agreed.session_keys(point, host_id, turn.chip.ecasd.eid)
    except CryptoError:
        raise Refused(INCORRECT_INPUT) from None
    return Bsp(keys)


def _segment(turn: Turn, loader: Loader, octets: bytes) -> bytes:
    strict = turn.chip.rules.on("EUICC.BPP-STRUCTURE")
    loader.whole -= len(octets)
    loader.size += len(octets)
    loader.digest.update(octets)
    if strict and loader.whole < 0:
        raise Refused(BAD_STRUCTURE)
    tag = octets[:1]
    match loader.stage:
        case Stage.CONFIGURE if tag == _CONFIGURE:
            _configure(turn, loader, octets)
        case Stage.METADATA if tag == _METADATA:
            loader.left = _part(loader, octets)
            loader.stage = Stage.METADATA_SEGMENTS
            loader.metadata = b""
        case Stage.METADATA_SEGMENTS if tag == b"\x88":
            _metadata(turn, loader, octets)
        case Stage.KEYS_OR_ELEMENTS if tag == _KEYS:
            plain = _open_all(turn, loader, octets)
            loader.bsp.replace_keys(read_replace_session_keys(plain))
        case Stage.KEYS_OR_ELEMENTS if tag == _ELEMENTS:
            _elements(turn, loader, octets)
        case Stage.ELEMENTS if tag == b"\x86":
            return _profile(turn, loader, octets)
        case _:
            raise Refused(BAD_STRUCTURE)
    return b""


def _part(loader: Loader, octets: bytes) -> int:
    """Return how much a part announces, whose header comes alone."""
    length, body = _announced(octets, 1)
    if body != len(octets) or not 0 < length <= loader.whole:
        raise Refused(BAD_STRUCTURE)
    return length


def _open(turn: Turn, loader: Loader, segment: bytes, mac_only: bool = False) -> bytes:
    rules = turn.chip.rules
    opens = loader.bsp.open_mac_only if mac_only else loader.bsp.open
    return opens(
        segment,
        check_mac=rules.on("EUICC.BPP-MAC"),
        check_size=rules.on("EUICC.BPP-SEGMENT-SIZE"),
    )


def _open_all(turn: Turn, loader: Loader, octets: bytes) -> bytes:
    """Open the 87 segments of a part that comes whole."""
    outer = read_tlv(octets)
    if outer.end != len(octets):
        raise Refused(BAD_STRUCTURE)
    plain = []
    for one in split(octets, outer.body, outer.end):
        if one.tag != b"\x87":
            raise Refused(BAD_STRUCTURE)
        plain.append(_open(turn, loader, octets[one.start : one.end]))
    return b"".join(plain)


def _configure(turn: Turn, loader: Loader, octets: bytes) -> None:
    """ES8+.ConfigureISDP. SGP.22 §5.5.2."""
    plain = _open_all(turn, loader, octets)
    decoded = turn.chip.dialect.decode("ConfigureISDPRequest", plain)
    if faults(decoded):
        raise Refused(INCORRECT_INPUT)
    if turn.broken("EUICC.MEMORY", memory.free(turn) < turn.chip.config.limits.isdp):
        raise Refused(NO_ROOM)
    loader.dp = decoded.value.get("dpProprietaryData")
    loader.stage = Stage.METADATA


def _metadata(turn: Turn, loader: Loader, octets: bytes) -> None:
    """ES8+.StoreMetadata, one segment of it. SGP.22 §5.5.3."""
    loader.left -= len(octets)
    if loader.left < 0:
        raise Refused(BAD_STRUCTURE)
    loader.metadata += _open(turn, loader, octets, mac_only=True)
    if loader.left:
        return
    loader.metadata = metadata.check(turn, loader.metadata)
    loader.about = replace(loader.about, iccid=loader.metadata["iccid"])
    factory_loading.check_metadata(turn, loader)
    loader.stage = Stage.KEYS_OR_ELEMENTS


def _elements(turn: Turn, loader: Loader, octets: bytes) -> None:
    """Begin ES8+.LoadProfileElements; what cannot fit is refused at once. SGP.22 §5.5.5."""
    loader.left = _part(loader, octets)
    loader.stage = Stage.ELEMENTS
    room = memory.free(turn) - turn.chip.config.limits.isdp
    if turn.broken("EUICC.MEMORY", loader.left > room):
        raise Refused(NO_ROOM)
    loader.interpreter = Interpreter(turn.chip.rules, room)


def _profile(turn: Turn, loader: Loader, octets: bytes) -> bytes:
    loader.left -= len(octets)
    interpreter = loader.interpreter
    if loader.left < 0 or interpreter is None:
        raise Refused(BAD_STRUCTURE)
    interpreter.feed(_open(turn, loader, octets))
    if loader.left:
        return b""
    factory_loading.check_whole(turn, loader)
    return installing.install(turn, loader, interpreter)
