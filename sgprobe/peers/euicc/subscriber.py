"""The AUTHENTICATE command, in the GSM and the 3G context. 3GPP TS 31.102 §7.1."""

from __future__ import annotations

from dissectors.link.apdu import CommandApdu
from sgprobe.peers.euicc.aka import authenticate as respond
from sgprobe.peers.euicc.aka import vector
from sgprobe.peers.euicc.filesystem import File
from sgprobe.peers.euicc.modem import Modem
from sgprobe.peers.euicc.status import AUTHENTICATION_MAC, BAD_DATA, CONDITIONS, OK, SECURITY

_PIN1 = 0x01


def authenticate(modem: Modem, application: File | None, command: CommandApdu) -> tuple[bytes, int]:
    """AUTHENTICATE in the GSM and the 3G context. 3GPP TS 31.102 §7.1."""
    aka = modem.contents.aka
    if aka is None or application is None:
        return b"", CONDITIONS
    rules = modem.euicc.chip.rules
    if rules.on("EUICC.PIN") and not modem.satisfied(application, _PIN1):
        return b"", SECURITY
    parts = _lengths(command.data)
    if command.p2 == 0x80 and [len(one) for one in parts] == [16]:
        made = vector(aka, parts[0])
        return b"\x04" + made.sres + b"\x08" + made.kc, OK
    if command.p2 != 0x81 or [len(one) for one in parts] != [16, 16]:
        return b"", BAD_DATA
    outcome = respond(
        aka,
        modem.sqn,
        parts[0],
        parts[1],
        check_mac=rules.on("EUICC.AUTN-MAC"),
        check_sqn=rules.on("EUICC.AUTN-SQN"),
    )
    if outcome.auts is not None:
        return b"\xdc\x0e" + outcome.auts, OK
    if outcome.vector is None or outcome.sqn is None:
        return b"", AUTHENTICATION_MAC
    modem.keep_sqn(outcome.sqn)
    told = (outcome.vector.res, outcome.vector.ck, outcome.vector.ik)
    return b"\xdb" + b"".join(bytes([len(one)]) + one for one in told), OK


def _lengths(data: bytes) -> list[bytes]:
    """Return the strings of a run of length and value."""
    parts = []
    at = 0
    while at < len(data):
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return parts if at == len(data) else []
