"""Files, PINs and links that profile elements create. TCA Profile Package §8.3, §8.4, §9."""

from __future__ import annotations

from sgprobe.peers.euicc import elements as pe
from sgprobe.peers.euicc.elements import BAD_FORMAT, BAD_PARAMETER, BAD_VALUES, ElementError
from sgprobe.peers.euicc.filesystem import Contents, File, Kind
from sgprobe.peers.euicc.templates import DIRECTORIES, SUBDIRECTORIES, TEMPLATES


class Creation:
    """Builds the contents of a profile; `room` is how many octets it may take."""

    def __init__(self, room: int) -> None:
        self.contents = Contents()
        self.taken = 0
        self._room = room
        # where the next PINs and files belong
        self._directory = self.contents.root
        self._application: File | None = None

    def take(self, octets: int) -> None:
        """Take memory, or say that there is no more."""
        self.taken += octets
        if self.taken > self._room:
            raise ElementError(pe.NO_MEMORY, "more than the memory holds")

    def template(self, name: str, body: bytes) -> None:
        """Create the files of a template, with what the element says of them."""
        template = TEMPLATES[name]
        given = dict(pe.members(body))
        where = "2f06" if name == "mf" else "6f06"
        created: dict[str, File] = {}
        for place, member in enumerate(template.names, 2):
            default = template.directory if place == 2 else template.files.get(member)
            octets = given.get(_tag(place))
            if octets is None and member not in template.contents:
                continue
            arr = "2f06" if place == 2 else where
            file = self._create(octets or b"", default, arr, template.contents.get(member))
            if file is None:
                continue
            if place == 2:
                self._enter(name, file)
            else:
                self._directory.add(file)
            created[member] = file
        if template.names[0] not in created:
            raise ElementError(BAD_FORMAT, f"{name} has no directory")

    def _enter(self, name: str, file: File) -> None:
        """Make a new directory the place of what follows."""
        root = self.contents.root
        if name == "mf":
            root.rule = file.rule
            self._directory = root
            return
        root.add(file)
        file.kind = Kind.APPLICATION
        if not file.name:
            raise ElementError(BAD_VALUES, "an ADF without dfName")
        self._directory = self._application = file

    def other_template(self, name: str, body: bytes) -> None:
        """Create what an element of a template that is not modelled names by identifier."""
        base = self._application or self.contents.root
        if name in DIRECTORIES:
            fid, below = DIRECTORIES[name]
            parent = self._application if below else self.contents.root
            if parent is None:
                raise ElementError(BAD_PARAMETER, f"{name} without an application")
            base = File(fid, Kind.DIRECTORY)
            parent.add(base)
        self._directory = base
        directories = SUBDIRECTORIES.get(name, {})
        for tag, octets in pe.members(body):
            place = tag[0] & 0x1F if len(tag) == 1 else tag[1]
            if place < 2:
                continue
            self.take(len(octets))
            if place in directories:
                self._directory = File(directories[place], Kind.DIRECTORY)
                base.add(self._directory)
            else:
                self._named(octets)
        self._directory = base

    def _named(self, octets: bytes) -> None:
        fcp = next((pe.read_fcp(value) for tag, value in pe.members(octets) if tag == b"\xa1"), {})
        if "fileID" in fcp and "fileDescriptor" in fcp:
            file = self._create(octets, None, "6f06", None)
            if file is not None and not file.is_directory:
                self._directory.add(file)

    def _create(
        self, octets: bytes, default: pe.Default | None, arr: str, initial: bytes | None
    ) -> File | None:
        """Return the file of a `File` value: FCP, then content at offsets."""
        commands = list(pe.members(octets))
        if any(tag == b"\x80" for tag, _ in commands):
            return None
        fcp: dict[str, bytes] = {}
        for tag, value in commands:
            if tag == b"\xa1":
                fcp |= pe.read_fcp(value)
        target = self._link(fcp)
        file = pe.make_file(fcp, default, arr, target)
        if target is not None:
            return file
        self.take(len(file.content))
        if initial is not None and len(initial) == len(file.content):
            file.content[:] = initial
        # where neither element nor a known template gives a size, the content does
        grows = default is None and "efFileSize" not in fcp
        at = 0
        for tag, value in commands:
            if tag == b"\x82":
                at += pe.number(value)
            elif tag == b"\x83":
                if grows:
                    self.take(at + len(value))
                    file.content.extend(b"\xff" * (at + len(value) - len(file.content)))
                at = pe.fill(file, at, value)
        return file

    def _link(self, fcp: dict[str, bytes]) -> File | None:
        """Return the file that a link leads to; an empty path is no link."""
        path = fcp.get("linkPath")
        if not path:
            return None
        found = self.contents.root.find(path.hex())
        if found is None:
            raise ElementError(BAD_PARAMETER, f"no file {path.hex()} to link to")
        return found

    def generic_files(self, parts: pe.Members) -> None:
        """Carry out the commands of genericFileManagement."""
        for _, commands in pe.members(parts.get(b"\xa1", b"")):
            parent, file, at = self.contents.root, None, 0
            for tag, value in pe.members(commands):
                if tag == b"\x80":
                    found = self.contents.root.find(value.hex())
                    if found is None:
                        raise ElementError(BAD_PARAMETER, f"no file {value.hex()}")
                    parent, file, at = found, None if found.is_directory else found, 0
                elif tag == b"\x62":
                    arr = "2f06" if parent is self.contents.root else "6f06"
                    fcp = pe.read_fcp(value)
                    target = self._link(fcp)
                    file, at = pe.make_file(fcp, None, arr, target), 0
                    self.take(0 if target is not None else len(file.content))
                    if not parent.is_directory:
                        raise ElementError(BAD_PARAMETER, "a file inside a file")
                    parent.add(file)
                elif tag == b"\x82":
                    at += pe.number(value)
                elif tag == b"\x81" and file is not None:
                    at = pe.fill(file, at, value)

    def puks(self, parts: pe.Members) -> None:
        """Set the unblocking codes of the current directory."""
        self._directory.puks.update(pe.read_puks(parts.get(b"\xa1", b"")))

    def pins(self, parts: pe.Members) -> None:
        """Set the PINs of the current directory, or share those of another."""
        choice = pe.table(parts.get(b"\xa1", b""))
        if b"\xa0" in choice:
            self._directory.pins.update(pe.read_pins(choice[b"\xa0"]))
        elif b"\x81" in choice:
            shared = self.contents.root.find(choice[b"\x81"].hex())
            if shared is None:
                raise ElementError(pe.PIN_MISSING, "the PINs to share are not there")
            self._directory.pins.update(shared.pins)
        else:
            raise ElementError(BAD_FORMAT, "pinCodes is empty")


def _tag(place: int) -> bytes:
    return bytes([0xA0 | place]) if place < 31 else bytes([0xBF, place])
