"""The end of a download: contents compared with metadata, the profile put in. SGP.22 §5.5.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissectors.asn1.model import Value
from dissectors.spec.identity import IdentityError, iccid_text
from sgprobe.peers.euicc import installation, notifications, profiles
from sgprobe.peers.euicc.filesystem import Contents
from sgprobe.peers.euicc.interpreter import Interpreter
from sgprobe.peers.euicc.metadata import Refused
from sgprobe.peers.euicc.records import OneTimeKey, Package, Profile
from sgprobe.peers.euicc.session import Fresh
from sgprobe.peers.euicc.turn import Turn

if TYPE_CHECKING:
    from sgprobe.peers.euicc.bpp import Loader

_DATA_MISMATCH, _BAD_TEST_KEY = 13, 14
# 3GPP TS 34.108 §8.1.2: the key that everybody knows
_TEST_KEY = bytes(range(16))
_TEST_ALGORITHM = 3


def install(turn: Turn, loader: Loader, interpreter: Interpreter) -> bytes:
    """Put the profile in, disabled; return the Profile Installation Result."""
    answer = interpreter.finish()
    contents = interpreter.contents
    value = loader.metadata
    if turn.broken("EUICC.METADATA-ICCID", not _same_iccid(contents, value)):
        raise Refused(_DATA_MISMATCH)
    if turn.broken("EUICC.METADATA-OWNER", not _same_owner(contents, value)):
        raise Refused(_DATA_MISMATCH)
    if turn.broken("EUICC.TEST-NAA-KEY", not _test_key(contents, value)):
        raise Refused(_BAD_TEST_KEY)
    package = interpreter.package
    # what the eUICC does not store is for the server and the device alone
    kept = {key: one for key, one in value.items() if key != "serviceSpecificDataNotStoredInEuicc"}
    profile = Profile(
        iccid=value["iccid"],
        aid=profiles.free_aid(turn.draft),
        metadata=kept,
        size=interpreter.size,
        ci=loader.about.ci,
        dp=loader.dp,
        connectivity=contents.connectivity.hex() if contents.connectivity is not None else None,
    )
    turn.draft.put(profile)
    turn.draft.put(Package(profile.iccid, package.hex()))
    for one in turn.draft.all(OneTimeKey):
        if turn.session.agreed is not None and one.point == turn.session.agreed.point.hex():
            turn.draft.remove(one)
    installation.abandoned(turn)
    success = {"aid": profile.aid, "simaResponse": answer.hex()}
    result = installation.result(turn, loader.about, {"successResult": success})
    notifications.installed(turn, profile, loader.about.address)
    turn.session.forget_server()
    turn.session.fresh = Fresh(profile.iccid, loader.about.smdp, loader.about.address)
    return result


def _same_iccid(contents: Contents, value: Value) -> bool:
    try:
        announced = iccid_text(bytes.fromhex(value["iccid"]))
    except IdentityError:
        return False
    file = contents.root.children.get("2fe2")
    inside = file is None or file.content.hex() == value["iccid"]
    return inside and contents.iccid == announced


def _same_owner(contents: Contents, value: Value) -> bool:
    """Say whether the owner's network is that of the IMSI, where both are there."""
    owner = (value.get("profileOwner") or {}).get("mccMnc")
    files = [one.children.get("6f07") for one in contents.applications]
    imsi = next((bytes(one.content) for one in files if one is not None), b"")
    if owner is None or not imsi or imsi[0] == 0xFF:
        return True
    # 3GPP TS 31.102 §4.2.2: parity nibble, then the digits swapped; TS 24.008 §10.5.1.3
    digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in imsi[1:])[1:]
    mcc = owner[1] + owner[0] + owner[3]
    mnc = owner[5] + owner[4] + owner[2]
    return digits.startswith(mcc + mnc.lower().rstrip("f"))


def _test_key(contents: Contents, value: Value) -> bool:
    """Say whether a test profile keeps to the test algorithm or the test key. SGP.22 §5.5.5."""
    if value.get("profileClass") != "test" or contents.aka is None:
        return True
    return contents.aka.algorithm == _TEST_ALGORITHM or contents.aka.key == _TEST_KEY
