"""The card around the eUICC: APDUs on logical channels. ETSI TS 102 221, SGP.22 §5.7.1, §5.7.2."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.tlv import TlvError, split, tlv
from dissectors.link.apdu import (
    CHANNELS,
    ECASD_AID,
    ISDR_AID,
    ApduError,
    CommandApdu,
    Ins,
)
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.chaining import Chain
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.modem import Modem
from sgprobe.peers.euicc.status import (
    CHANNEL_CLOSED,
    CLASS_NOT_SUPPORTED,
    CONDITIONS,
    INSTRUCTION_NOT_SUPPORTED,
    MORE_DATA,
    NO_CHANNEL,
    OK,
    PROACTIVE,
    WRONG_LE,
    WRONG_LENGTH,
    WRONG_PARAMETERS,
)
from sgprobe.peers.euicc.telecom import Telecom
from sgprobe.peers.euicc.values import bit_string

# ETSI TS 102 223 §8.6: REFRESH, UICC Reset, from the UICC to the terminal
REFRESH = bytes.fromhex("D009810301010482028182")
# general results from 20 on mean that the terminal did not do it. ETSI TS 102 223 §8.12
_REFUSED_FROM = 0x20

# extended lengths are not used on ES10
_MOST_DATA, _MOST_LE = 255, 256


def _atr() -> bytes:
    # ISO 7816-3 §8: TB3 82 says that the card is an eUICC, ETSI TS 102 221 §6.3.3
    octets = bytes.fromhex("9F96803FC782" + "8031E073FE211357") + b"SGPROBE"
    check = 0
    for octet in octets:
        check ^= octet
    return b"\x3b" + octets + bytes([check])


@dataclass(slots=True)
class Channel:
    """A logical channel: what is selected on it, and what is under way."""

    telecom: Telecom
    # ISD-R or ECASD, while one of them is selected
    application: bytes = b""
    chain: Chain = field(default_factory=Chain)
    waiting: bytes = b""


class Card:
    """One card with one eUICC; it answers APDUs and wants to be reset after a REFRESH."""

    atr = _atr()

    def __init__(self, euicc: Euicc) -> None:
        self.euicc = euicc
        self._channels: dict[int, Channel] = {}
        self._restart()

    @property
    def refresh_pending(self) -> bool:
        """Whether a proactive REFRESH waits to be fetched, or for its answer."""
        return self.euicc.refresh_pending

    def reset(self) -> bytes:
        """Power off and on: sessions, channels and chains are gone. Return the ATR."""
        self.euicc.reset()
        self._restart()
        return self.atr

    def _restart(self) -> None:
        self.euicc.cat_busy = False
        self._modem = Modem(self.euicc)
        self._channels = {0: Channel(Telecom(self._modem))}

    def apdu(self, apdu: bytes, now: float) -> bytes:
        """Answer one command APDU with data and status word."""
        try:
            command = CommandApdu.parse(apdu)
        except ApduError:
            return WRONG_LENGTH.to_bytes(2, "big")
        if len(command.data) > _MOST_DATA or (command.le or 0) > _MOST_LE:
            return WRONG_LENGTH.to_bytes(2, "big")
        if command.secured or command.cla & 0x10:
            return CLASS_NOT_SUPPORTED.to_bytes(2, "big")
        channel = self._channels.get(command.channel)
        if channel is None:
            return CHANNEL_CLOSED.to_bytes(2, "big")
        if command.ins != Ins.GET_RESPONSE:
            channel.waiting = b""
        if command.ins != Ins.STORE_DATA and self.euicc.chip.rules.on("EUICC.CHAIN-BROKEN"):
            channel.chain.drop()
        data, sw = self._dispatch(channel, command, now)
        if sw == OK and self.refresh_pending and command.ins != Ins.FETCH:
            # ETSI TS 102 221 §7.4.2.1: how long the command to fetch is
            sw = PROACTIVE | len(REFRESH)
        return data + sw.to_bytes(2, "big")

    def _dispatch(self, channel: Channel, command: CommandApdu, now: float) -> tuple[bytes, int]:
        match command.ins:
            case Ins.SELECT:
                return self._select(channel, command)
            case Ins.MANAGE_CHANNEL:
                return self._manage_channel(command)
            case Ins.GET_RESPONSE:
                return _respond(channel, command.le)
            case Ins.STORE_DATA:
                return self._store_data(channel, command, now)
            case Ins.TERMINAL_CAPABILITY | Ins.TERMINAL_PROFILE:
                return b"", OK
            case Ins.FETCH:
                return self._fetch(command)
            case Ins.TERMINAL_RESPONSE:
                return self._terminal_response(command, now)
            # GET DATA of the EID, as SGP.02 has it
            case 0xCA if channel.application == ECASD_AID and (command.p1, command.p2) == (0, 0x5A):
                return _offer(channel, tlv("5A", self.euicc.chip.ecasd.eid))
        if channel.application:
            return b"", INSTRUCTION_NOT_SUPPORTED
        data, sw = channel.telecom.command(command)
        # with data both ways the answer waits for GET RESPONSE. ISO 7816-3 §12.2.2
        return _offer(channel, data) if data and command.data else (data, sw)

    def _select(self, channel: Channel, command: CommandApdu) -> tuple[bytes, int]:
        name = command.data
        if command.p1 != 0x04 or name not in (ISDR_AID, ECASD_AID):
            data, sw = channel.telecom.select(command)
            if sw == OK:
                channel.application = b""
            return _offer(channel, data) if data else (b"", sw)
        channel.application = name
        channel.chain.drop()
        if command.p2 & 0x0C == 0x0C:
            # ISO 7816-4 §7.1.1: no response data
            return b"", OK
        return _offer(channel, self._fci(name))

    def _fci(self, name: bytes) -> bytes:
        parts = [tlv("84", name), tlv("A5", tlv("9F65", b"\xff"))]
        if name == ISDR_AID:
            chip = self.euicc.chip
            template = {"svn": chip.config.svn}
            parts.append(chip.dialect.rsp.encode("ISDRProprietaryApplicationTemplate", template))
            places = {0} if chip.config.ipae else set()
            if self.euicc.enabled_profile is not None:
                places.add(1)
            bits = {"euiccConfiguration": bit_string(places)}
            parts.append(chip.dialect.codec.encode("ISDRProprietaryApplicationTemplateIoT", bits))
        return tlv("6F", *parts)

    def _manage_channel(self, command: CommandApdu) -> tuple[bytes, int]:
        if command.p1 == 0x80 and 0 < command.p2 < CHANNELS:
            if self._channels.pop(command.p2, None) is None:
                return b"", CHANNEL_CLOSED
            return b"", OK
        if command.p1 != 0 or command.p2 >= CHANNELS:
            return b"", WRONG_PARAMETERS
        free = [number for number in range(1, CHANNELS) if number not in self._channels]
        if command.p2:
            free = [command.p2] if command.p2 in free else []
        if not free:
            return b"", NO_CHANNEL
        self._channels[free[0]] = Channel(Telecom(self._modem))
        # the number is told only where it was not chosen. ISO 7816-4 §7.1.2
        return (b"" if command.p2 else bytes([free[0]])), OK

    def _store_data(self, channel: Channel, command: CommandApdu, now: float) -> tuple[bytes, int]:
        rules = self.euicc.chip.rules
        if channel.application != ISDR_AID and rules.on("EUICC.ISDR-SELECTED"):
            return b"", INSTRUCTION_NOT_SUPPORTED
        if not command.cla & 0x80:
            return b"", CLASS_NOT_SUPPORTED
        try:
            whole = channel.chain.block(
                command.p1, command.p2, command.data, rules.on("EUICC.CHAIN-ORDER")
            )
            if whole is None:
                return b"", OK
            return _offer(channel, self.euicc.command(whole, now))
        except CardFailure as failure:
            return b"", failure.sw

    def _fetch(self, command: CommandApdu) -> tuple[bytes, int]:
        if not self.refresh_pending:
            return b"", CONDITIONS
        if command.le not in (None, _MOST_LE, len(REFRESH)):
            return b"", WRONG_LE | len(REFRESH)
        # ETSI TS 102 221 §7.4.2: from here to the terminal's answer
        self.euicc.cat_busy = True
        return REFRESH, OK

    def _terminal_response(self, command: CommandApdu, now: float) -> tuple[bytes, int]:
        if not self.refresh_pending:
            return b"", CONDITIONS
        result = _general_result(command.data)
        if result is None:
            return b"", CONDITIONS
        self.euicc.cat_busy = False
        self.euicc.refresh_done(result < _REFUSED_FROM, now)
        if result < _REFUSED_FROM:
            self.reset()
        return b"", OK


def _general_result(data: bytes) -> int | None:
    """Return the general result of a TERMINAL RESPONSE. ETSI TS 102 223 §8.12."""
    try:
        for one in split(data):
            if one.tag in (b"\x03", b"\x83") and one.end > one.body:
                return data[one.body]
    except TlvError:
        return None
    return None


def _offer(channel: Channel, data: bytes) -> tuple[bytes, int]:
    """Keep response data for GET RESPONSE."""
    channel.waiting = data
    return (b"", MORE_DATA | min(len(data), 256) & 0xFF) if data else (b"", OK)


def _respond(channel: Channel, le: int | None) -> tuple[bytes, int]:
    there = len(channel.waiting)
    if not there:
        return b"", CONDITIONS
    wanted = le or _MOST_LE
    if there < wanted < _MOST_LE:
        return b"", WRONG_LE | there
    data, channel.waiting = channel.waiting[:wanted], channel.waiting[wanted:]
    left = len(channel.waiting)
    return data, MORE_DATA | min(left, 256) & 0xFF if left else OK
