"""The enabled profile as a modem uses it: files, PINs, subscription, and their changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, split
from sgprobe.peers.euicc.filesystem import Contents, File, Kind, Pin, Puk
from sgprobe.peers.euicc.interpreter import contents_of
from sgprobe.peers.euicc.records import Package, Usage
from sgprobe.peers.euicc.status import (
    BLOCKED,
    INVALIDATED,
    OK,
    REFERENCE_NOT_FOUND,
    SECURITY,
    TRIES_LEFT,
)

if TYPE_CHECKING:
    from sgprobe.peers.euicc.euicc import Euicc

READ, UPDATE = 0x01, 0x02
_DIRECTORIES = 4


class Modem:
    """One card session with the enabled profile; PINs stay verified until the next reset."""

    def __init__(self, euicc: Euicc) -> None:
        self.euicc = euicc
        self.iccid: str | None = None
        self.contents = Contents()
        self.verified: set[tuple[str, int]] = set()
        self._usage = Usage("")

    def refresh(self) -> bool:
        """Load the profile that is enabled now; say whether it is another one than before."""
        profile = self.euicc.enabled_profile
        iccid = profile.iccid if profile is not None else None
        if iccid == self.iccid:
            return False
        self.iccid = iccid
        self.verified = set()
        self.contents = Contents()
        if iccid is None:
            return True
        draft = self.euicc.draft()
        package = draft.find(Package, iccid)
        if package is not None:
            self.contents = contents_of(bytes.fromhex(package.elements), self.euicc.chip.rules)
        else:
            file = File("2fe2", Kind.TRANSPARENT, content=bytearray.fromhex(iccid))
            self.contents.root.add(file)
        self._usage = draft.find(Usage, iccid) or Usage(iccid)
        self._overlay()
        return True

    def _overlay(self) -> None:
        """Put what was changed over what was loaded."""
        root = self.contents.root
        for path, octets in self._usage.files.items():
            file = root.find(path)
            if file is not None:
                file.content[:] = bytes.fromhex(octets)
        for place, (value, enabled, left) in self._usage.pins.items():
            path, reference = place.split(":")
            directory = root.find(path)
            if directory is not None and int(reference) in directory.pins:
                pin = directory.pins[int(reference)]
                pin.value, pin.enabled, pin.left = bytes.fromhex(value), enabled, left
        for place, left in self._usage.puks.items():
            path, reference = place.split(":")
            directory = root.find(path)
            if directory is not None and int(reference) in directory.puks:
                directory.puks[int(reference)].left = left

    def _keep(self, **members: Value) -> None:
        self._usage = replace(self._usage, **members)
        self.euicc.keep(self._usage)

    def write(self, file: File, at: int, octets: bytes) -> None:
        """Change the content of a file for good."""
        changed = bytes(file.content[:at]) + octets + bytes(file.content[at + len(octets) :])
        self._keep(files={**self._usage.files, file.path: changed.hex()})
        file.content[:] = changed

    # what the subscription has accepted so far

    @property
    def sqn(self) -> tuple[int, ...]:
        """The sequence numbers of the subscription."""
        aka = self.contents.aka
        if self._usage.sqn is not None:
            return tuple(self._usage.sqn)
        return aka.sqn if aka is not None else ()

    def keep_sqn(self, numbers: tuple[int, ...]) -> None:
        """Move the sequence numbers on."""
        self._keep(sqn=list(numbers))

    # PINs

    def holder(self, directory: File, reference: int) -> File | None:
        """Return the directory whose PIN a reference means, from here upwards."""
        return next((one for one in directory.up() if reference in one.pins), None)

    def satisfied(self, directory: File, reference: int) -> bool:
        """Say whether a PIN was verified or is switched off."""
        where = self.holder(directory, reference)
        if where is None:
            return False
        return not where.pins[reference].enabled or (where.path, reference) in self.verified

    def verify(self, directory: File, reference: int, value: bytes | None) -> int:
        """Compare a PIN; without a value, say how many tries are left."""
        where = self.holder(directory, reference)
        if where is None:
            return REFERENCE_NOT_FOUND
        pin = where.pins[reference]
        if value is None:
            known = (where.path, reference) in self.verified
            return OK if known else TRIES_LEFT | pin.left if pin.left else BLOCKED
        if not pin.enabled:
            return INVALIDATED
        return self._try(where, reference, pin, value)

    def _try(self, where: File, reference: int, pin: Pin, value: bytes) -> int:
        bounded = self.euicc.chip.rules.on("EUICC.PIN-TRIES")
        if pin.left == 0 and bounded:
            return BLOCKED
        right = value == pin.value
        left = pin.most if right else max(0, pin.left - 1) if bounded else pin.left
        self._change(where, reference, pin, left=left)
        if not right:
            self.verified.discard((where.path, reference))
            return TRIES_LEFT | left if left else BLOCKED
        self.verified.add((where.path, reference))
        return OK

    def change(self, directory: File, reference: int, old: bytes, new: bytes) -> int:
        """Replace a PIN by another."""
        where = self.holder(directory, reference)
        if where is None:
            return REFERENCE_NOT_FOUND
        pin = where.pins[reference]
        if not pin.enabled:
            return INVALIDATED
        sw = self._try(where, reference, pin, old)
        if sw == OK:
            self._change(where, reference, pin, value=new)
        return sw

    def switch(self, directory: File, reference: int, value: bytes, enabled: bool) -> int:
        """Switch a PIN on or off."""
        where = self.holder(directory, reference)
        if where is None:
            return REFERENCE_NOT_FOUND
        pin = where.pins[reference]
        if pin.enabled == enabled:
            return INVALIDATED
        sw = self._try(where, reference, pin, value)
        if sw == OK:
            self._change(where, reference, pin, enabled=enabled)
        return sw

    def unblock(self, directory: File, reference: int, puk: bytes | None, new: bytes) -> int:
        """Set a new PIN with the PUK; without it, say how many tries are left."""
        where = self.holder(directory, reference)
        pin = where.pins[reference] if where is not None else None
        found = _puk(directory, pin)
        if where is None or pin is None or found is None:
            return REFERENCE_NOT_FOUND
        at, number, code = found
        if puk is None:
            return TRIES_LEFT | code.left if code.left else BLOCKED
        if code.left == 0 and self.euicc.chip.rules.on("EUICC.PIN-TRIES"):
            return BLOCKED
        code.left = code.most if puk == code.value else max(0, code.left - 1)
        self._keep(puks={**self._usage.puks, f"{at.path}:{number}": code.left})
        if puk != code.value:
            return TRIES_LEFT | code.left if code.left else BLOCKED
        self._change(where, reference, pin, value=new, left=pin.most, enabled=True)
        self.verified.add((where.path, reference))
        return OK

    def _change(
        self,
        where: File,
        reference: int,
        pin: Pin,
        *,
        value: bytes | None = None,
        left: int | None = None,
        enabled: bool | None = None,
    ) -> None:
        new = (
            pin.value if value is None else value,
            pin.enabled if enabled is None else enabled,
            pin.left if left is None else left,
        )
        if new == (pin.value, pin.enabled, pin.left):
            return
        told = [new[0].hex(), new[1], new[2]]
        self._keep(pins={**self._usage.pins, f"{where.path}:{reference}": told})
        pin.value, pin.enabled, pin.left = new

    # access rules

    def may(self, file: File, mode: int) -> int:
        """Return the status word with which an access is refused, or 9000."""
        if not self.euicc.chip.rules.on("EUICC.PIN"):
            return OK
        rule = self._rule(file)
        if rule is None:
            # nothing is said: what can be read harms nobody
            return OK if mode == READ else SECURITY
        allowed = False
        applies = False
        try:
            for one in split(rule):
                contents = rule[one.body : one.end]
                if one.tag == b"\x80":
                    applies = bool(contents and contents[0] & mode)
                elif applies and self._holds(file, one.tag, contents, _DIRECTORIES):
                    allowed = True
        except TlvError:
            # the padding of the record
            pass
        return OK if allowed else SECURITY

    def _rule(self, file: File) -> bytes | None:
        """Return the record of EF.ARR that a file refers to. ETSI TS 102 221 §9.2.7."""
        if file.rule is None:
            return None
        name, number = file.rule
        directories = file.up() if file.is_directory else (file.parent or file).up()
        for directory in directories:
            arr = directory.children.get(name)
            if arr is not None and arr.record and 0 < number <= arr.records:
                return bytes(arr.content[(number - 1) * arr.record : number * arr.record])
        return None

    def _holds(self, file: File, tag: bytes, contents: bytes, depth: int) -> bool:
        """Say whether a security condition is met. ISO 7816-4 §5.4.3.2."""
        if tag == b"\x90":
            return True
        if tag == b"\xa4":
            reference = _key_reference(contents)
            return reference is not None and self.satisfied(file.parent or file, reference)
        if tag in (b"\xa0", b"\xaf") and depth:
            parts = [
                self._holds(file, one.tag, contents[one.body : one.end], depth - 1)
                for one in split(contents)
            ]
            return any(parts) if tag == b"\xa0" else all(parts)
        return False


def _key_reference(contents: bytes) -> int | None:
    for one in split(contents):
        if one.tag == b"\x83" and one.end - one.body == 1:
            return contents[one.body]
    return None


def _puk(directory: File, pin: Pin | None) -> tuple[File, int, Puk] | None:
    if pin is None or pin.puk is None:
        return None
    for one in directory.up():
        if pin.puk in one.puks:
            return one, pin.puk, one.puks[pin.puk]
    return None
