"""A channel to the enabled profile: files selected, read and written. ETSI TS 102 221 §11."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from dissectors.link.apdu import CommandApdu
from sgprobe.peers.euicc.filesystem import File, Kind
from sgprobe.peers.euicc.modem import READ, UPDATE, Modem
from sgprobe.peers.euicc.status import (
    FILE_NOT_FOUND,
    INCOMPATIBLE_FILE,
    INSTRUCTION_NOT_SUPPORTED,
    NO_EF,
    OK,
    RECORD_NOT_FOUND,
    WRONG_LENGTH,
    WRONG_OFFSET,
    WRONG_PARAMETERS,
)
from sgprobe.peers.euicc.subscriber import authenticate

Answer = tuple[bytes, int]

_MF, _CURRENT_ADF = "3f00", "7fff"
_PIN_OCTETS = 8
_DESCRIPTORS = {
    Kind.DIRECTORY: 0x78,
    Kind.APPLICATION: 0x78,
    Kind.TRANSPARENT: 0x41,
    Kind.LINEAR: 0x42,
    Kind.CYCLIC: 0x46,
    Kind.BER_TLV: 0x79,
}
_DATA_CODING = 0x21


class Telecom:
    """What is selected on one channel; the modem's session is shared by all channels."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._directory = modem.contents.root
        self._application: File | None = None
        self._file: File | None = None
        self._record = 0

    def _settle(self) -> None:
        """Begin again at the root when another profile has been enabled."""
        self._modem.refresh()
        if self._modem.contents.root not in tuple(self._directory.up()):
            self._directory = self._modem.contents.root
            self._application = None
            self._file = None

    def select(self, command: CommandApdu) -> Answer:
        """SELECT. ETSI TS 102 221 §11.1.1."""
        self._settle()
        found = self._find(command)
        if found is None:
            return b"", FILE_NOT_FOUND
        if found.is_directory:
            self._directory, self._file = found, None
            over = [one for one in found.up() if one.kind is Kind.APPLICATION]
            self._application = over[0] if over else self._application
        else:
            self._directory, self._file = found.parent or self._directory, found
        self._record = 0
        return (b"", OK) if command.p2 & 0x0C == 0x0C else (self._fcp(found), OK)

    def _find(self, command: CommandApdu) -> File | None:
        path = command.data.hex()
        root = self._modem.contents.root
        match command.p1:
            case 0x00:
                return self._by_identifier(path or _MF)
            case 0x03:
                return self._directory.parent or root
            case 0x04:
                named = (one for one in self._modem.contents.applications)
                return next((one for one in named if one.name.startswith(command.data)), None)
            case 0x08:
                if path.startswith(_CURRENT_ADF):
                    return self._application.find(path[4:]) if self._application else None
                return root.find(path)
            case 0x09:
                return self._directory.find(path)
        return None

    def _by_identifier(self, fid: str) -> File | None:
        """Return what two octets mean here. ETSI TS 102 221 §8.4.1."""
        if fid == _MF:
            return self._modem.contents.root
        if fid == _CURRENT_ADF:
            return self._application
        for place in (self._directory, self._directory.parent):
            if place is not None:
                if place.fid == fid:
                    return place
                child = place.children.get(fid)
                if child is not None and (place is self._directory or child.is_directory):
                    return child
        return None

    def _fcp(self, file: File) -> bytes:
        descriptor = bytes([_DESCRIPTORS[file.kind], _DATA_CODING])
        if file.has_records:
            descriptor += file.record.to_bytes(2, "big") + bytes([min(file.records, 255)])
        parts = [tlv("82", descriptor), tlv("83", bytes.fromhex(file.fid))]
        if file.name:
            parts.append(tlv("84", file.name))
        parts.append(tlv("8A", b"\x05"))
        if file.rule is not None:
            parts.append(tlv("8B", bytes.fromhex(file.rule[0]), bytes([file.rule[1]])))
        if file.is_directory:
            parts.append(tlv("C6", self._pin_status(file)))
        else:
            parts.append(tlv("80", len(file.content).to_bytes(2, "big")))
            short = b"" if file.sfi is None else bytes([file.sfi << 3])
            parts.append(tlv("88", short))
        return tlv("62", *parts)

    def _pin_status(self, directory: File) -> bytes:
        """Return the PIN status template. ETSI TS 102 221 §9.5.2."""
        mask, keys = 0, b""
        for place, reference in enumerate(directory.pin_references[:8]):
            where = self._modem.holder(directory, reference)
            if where is not None and where.pins[reference].enabled:
                mask |= 0x80 >> place
            keys += tlv("83", bytes([reference]))
        return tlv("90", bytes([mask])) + keys

    def command(self, command: CommandApdu) -> Answer:
        """Carry out a command on files, PINs or the subscription."""
        self._settle()
        match command.ins:
            case 0xF2:
                return self._status(command)
            case 0xB0:
                return self._read_binary(command)
            case 0xD6:
                return self._update_binary(command)
            case 0xB2:
                return self._read_record(command)
            case 0xDC:
                return self._update_record(command)
            case 0x20 | 0x24 | 0x26 | 0x28 | 0x2C:
                return b"", self._pin(command)
            case 0x88:
                return authenticate(self._modem, self._application, command)
        return b"", INSTRUCTION_NOT_SUPPORTED

    def _status(self, command: CommandApdu) -> Answer:
        match command.p2:
            case 0x00:
                data = self._fcp(self._directory)
            case 0x01:
                data = tlv("84", self._application.name if self._application else b"")
            case 0x0C:
                data = b""
            case _:
                return b"", WRONG_PARAMETERS
        return data[: command.le or 256], OK

    def _elementary(self, sfi: int | None) -> File | int:
        """Return the file to act on, selecting it by its short identifier."""
        if sfi is None:
            return self._file if self._file is not None else NO_EF
        for one in self._directory.children.values():
            if one.sfi == sfi and not one.is_directory:
                self._file, self._record = one, 0
                return one
        return FILE_NOT_FOUND

    def _read_binary(self, command: CommandApdu) -> Answer:
        file, at = self._binary(command)
        if isinstance(file, int):
            return b"", file
        refused = self._modem.may(file, READ)
        if refused != OK:
            return b"", refused
        return bytes(file.content[at : at + (command.le or 256)]), OK

    def _update_binary(self, command: CommandApdu) -> Answer:
        file, at = self._binary(command)
        if isinstance(file, int):
            return b"", file
        refused = self._modem.may(file, UPDATE)
        if refused != OK:
            return b"", refused
        if not len(command.data) or at + len(command.data) > len(file.content):
            return b"", WRONG_LENGTH
        self._modem.write(file, at, command.data)
        return b"", OK

    def _binary(self, command: CommandApdu) -> tuple[File | int, int]:
        short = command.p1 & 0x80
        file = self._elementary(command.p1 & 0x1F if short else None)
        at = command.p2 if short else command.p1 << 8 | command.p2
        if isinstance(file, int):
            return file, 0
        if file.kind is not Kind.TRANSPARENT:
            return INCOMPATIBLE_FILE, 0
        return (WRONG_OFFSET, 0) if at > len(file.content) else (file, at)

    def _read_record(self, command: CommandApdu) -> Answer:
        file, number = self._numbered(command)
        if isinstance(file, int):
            return b"", file
        refused = self._modem.may(file, READ)
        if refused != OK:
            return b"", refused
        at = (number - 1) * file.record
        return bytes(file.content[at : at + file.record]), OK

    def _update_record(self, command: CommandApdu) -> Answer:
        file, number = self._numbered(command)
        if isinstance(file, int):
            return b"", file
        refused = self._modem.may(file, UPDATE)
        if refused != OK:
            return b"", refused
        if len(command.data) != file.record:
            return b"", WRONG_LENGTH
        if file.kind is Kind.CYCLIC:
            # ETSI TS 102 221 §8.2.2.4: the newest record is the first
            rest = bytes(file.content[: -file.record])
            self._modem.write(file, 0, command.data + rest)
        else:
            self._modem.write(file, (number - 1) * file.record, command.data)
        return b"", OK

    def _numbered(self, command: CommandApdu) -> tuple[File | int, int]:
        """Return the file and the record of P1 and P2. ETSI TS 102 221 §11.1.5."""
        sfi = command.p2 >> 3
        file = self._elementary(sfi or None)
        if isinstance(file, int):
            return file, 0
        if not file.has_records:
            return INCOMPATIBLE_FILE, 0
        match command.p2 & 0x07:
            case 0x04:
                number = command.p1 or self._record
            case 0x02:
                number = self._record + 1
            case 0x03:
                number = (self._record or file.records + 1) - 1
            case _:
                return WRONG_PARAMETERS, 0
        if not 1 <= number <= file.records:
            return RECORD_NOT_FOUND, 0
        if command.p2 & 0x07 != 0x04:
            self._record = number
        return file, number

    def _pin(self, command: CommandApdu) -> int:
        """VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN. ETSI TS 102 221 §11.1.9 to §11.1.13."""
        modem, where, reference = self._modem, self._directory, command.p2
        data = command.data
        if len(data) not in {0x20: (0, 8), 0x24: (16,), 0x2C: (0, 16)}.get(command.ins, (8,)):
            return WRONG_LENGTH
        first, second = data[:_PIN_OCTETS], data[_PIN_OCTETS:]
        match command.ins:
            case 0x20:
                return modem.verify(where, reference, first or None)
            case 0x24:
                return modem.change(where, reference, first, second)
            case 0x2C:
                return modem.unblock(where, reference, first or None, second)
        return modem.switch(where, reference, first, command.ins == 0x28)
