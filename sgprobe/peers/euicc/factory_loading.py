"""A package in the factory: what it must match of its context, and what its result does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import notifications
from sgprobe.peers.euicc.factory_records import (
    CONSUMED,
    LEFT,
    FactoryKey,
    FactoryProfile,
    FactoryResult,
)
from sgprobe.peers.euicc.metadata import Refused
from sgprobe.peers.euicc.records import Installation
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import places

if TYPE_CHECKING:
    from sgprobe.peers.euicc.bpp import Loader

# SGP.22, ErrorReason
_BAD_SIGNATURE, _NO_ROOM, _INTERRUPTED, _MISMATCH = 2, 10, 11, 13
# what ends without a word on the package: it may come again
_TEMPORARY = frozenset({_NO_ROOM, _INTERRUPTED})


def check_channel(turn: Turn, channel: bytes) -> None:
    """Refuse a BF23 that is not the one of the context. RB-23."""
    load = turn.session.factory
    other = load is not None and hashlib.sha256(channel).digest() != load.channel
    if turn.broken("EUICC.IFPP-CHANNEL-DIGEST", other):
        raise Refused(_BAD_SIGNATURE)


def check_metadata(turn: Turn, loader: Loader) -> None:
    """Refuse metadata of another profile; learn who is to hear of the installation. RB-32."""
    load = turn.session.factory
    if load is None:
        return
    if turn.broken("EUICC.IFPP-PACKAGE-ICCID", loader.metadata["iccid"] != load.iccid):
        raise Refused(_MISMATCH)
    for one in loader.metadata.get("notificationConfigurationInfo") or ():
        if notifications.INSTALL in places(one["profileManagementOperation"]):
            loader.about = replace(loader.about, address=one["notificationAddress"])
            return


def check_whole(turn: Turn, loader: Loader) -> None:
    """Refuse a package that is not the one of the context, before it is installed. RB-31."""
    load = turn.session.factory
    other = load is not None and (loader.digest.digest(), loader.size) != (
        load.package,
        load.length,
    )
    if turn.broken("EUICC.IFPP-PACKAGE-DIGEST", other):
        raise Refused(_BAD_SIGNATURE)


def ended(turn: Turn, about: Installation, final: Value, seq: int, signed: bytes) -> None:
    """Keep the result and use the key up, both or none. RB-24, RB-25."""
    if about.key_ref is None:
        return
    rules = turn.chip.rules
    if rules.on("EUICC.IFPP-RESULT-KEPT"):
        turn.draft.put(FactoryResult(about.transaction, about.key_ref, seq, signed.hex()))
    success = "successResult" in final
    if success and about.iccid is not None:
        digest = hashlib.sha256(signed).hexdigest()
        turn.draft.put(FactoryProfile(about.iccid, digest))
    key = turn.draft.find(FactoryKey, about.key_ref)
    if key is None or key.state not in LEFT or not _used_up(turn, final):
        return
    if rules.on("EUICC.IFPP-CONSUME"):
        key = replace(key, state=CONSUMED)
    if rules.on("EUICC.IFPP-ERASE"):
        key = replace(key, seed=None)
    turn.draft.put(key)


def _used_up(turn: Turn, final: Value) -> bool:
    """Say whether a result ends the life of its key.

    A package that is refused at its first command has not used the key: what came was not what the
    context names, and that package may still come.
    """
    error = final.get("errorResult")
    if error is None:
        return True
    if error["errorReason"] in _TEMPORARY:
        return not turn.chip.rules.on("EUICC.IFPP-KEEP")
    return bool(error["bppCommandId"] != "initialiseSecureChannel")
