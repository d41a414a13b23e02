"""Counts what an SM-DPf has bound under load: each package opened, nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_keys import SPEC, Suite
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.engine.factory.chips import Chip
from sgprobe.engine.outcome import StepFailed
from sgprobe.peers.delivery.check import Refused, check_delivery
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.delivery.entry import Entry, EntryError, read_line, read_package
from sgprobe.peers.delivery.files import FilesError, Folder

Asked = dict[tuple[str, str], Chip]
_RSP = "SGP.22@2.5"
_AID, _DONE = "a0000005591010ffffffff8900001000", "3007800100810200"
# of what no two entries may have the same
_NAMES = ("iccid", "package_id", "transaction_id")


@dataclass(slots=True)
class Tally:
    """What came of a load."""

    good: int = 0
    refused: int = 0
    lost: int = 0
    # bound packages that nobody has asked for, or of another suite
    foreign: int = 0
    twice: int = 0
    reports: int = 0
    batches: int = 0
    gaps: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, asked: int) -> dict[str, Value]:
        """Return the figures as cases compare them."""
        names = ("good", "refused", "lost", "foreign", "twice", "reports", "batches", "gaps")
        counted = {name: str(getattr(self, name)) for name in names}
        return {"asked": str(asked), **counted, "right": "no" if self.wrong else "yes"}


@dataclass(slots=True)
class Inspection:
    """Looks at one delivery after the other; of all it keeps eight octets for each name."""

    anchor: Anchor
    suite: Suite
    tally: Tally
    # of the SM-DPf, as its last manifest has it
    oid: str = ""
    _marks: Marks = field(default_factory=Marks)

    def look(self, folder: Path, asked: Asked) -> list[tuple[Entry, Chip]]:
        """Check one delivery whole, and count its entries against what was asked for."""
        try:
            return self._look(folder, asked)
        except (Refused, EntryError, FilesError, OSError) as error:
            raise StepFailed(f"a delivery cannot be used: {error}") from None

    def _look(self, folder: Path, asked: Asked) -> list[tuple[Entry, Chip]]:
        checked = check_delivery(Folder(folder), [self.anchor], packages=True)
        self.tally.wrong += [str(one) for one in checked.faults]
        self.oid = checked.manifest.smdpf_oid
        found: list[tuple[Entry, Chip]] = []
        for shard in checked.manifest.shards:
            octets = (folder / shard.bin).read_bytes()
            for line in (folder / shard.idx).read_bytes().splitlines(keepends=True):
                entry = read_line(line)
                for what in _NAMES:
                    self._marks.add(mark(what, getattr(entry, what)))
                chip = asked.get((entry.eid, entry.key_ref))
                if chip is None or entry.suite != int(self.suite):
                    self.tally.foreign += 1
                    continue
                package = read_package(octets[entry.offset : entry.offset + entry.length])
                self._open(chip, package.context, package.bound)
                found.append((entry, chip))
        self.tally.good += len(found)
        self.tally.lost += len(asked) - len({entry.key_ref for entry, _ in found})
        return found

    def _open(self, chip: Chip, context: bytes, bound: bytes) -> None:
        """Open a package with the key that it was asked for, and mark what has to be fresh."""
        eid = bytes.fromhex(chip.eid)
        try:
            ifpp.open_package(chip.made.one_time_keys[0], eid, context, bound)
            for what, octets in _fresh(context, bound):
                self._marks.add(mark(what, octets))
        except (CryptoError, TlvError) as error:
            self.tally.wrong.append(f"{chip.eid}: {error}")

    def end(self) -> None:
        """Count what came twice in all deliveries."""
        self.tally.twice = len(self._marks.repeated())


def _fresh(context: bytes, bound: bytes) -> Iterator[tuple[str, str]]:
    """Yield what no other binding may have, of a package that opens: otPK.DP, and a ciphertext."""
    tbs: Any = codec.load(SPEC).decode("IfppLoadContextRequest", context).value["tbs"]
    if "kemCiphertext" in tbs:
        yield "ciphertext", tbs["kemCiphertext"]
    outer = read_tlv(bound)
    channel = read_tlv(bound, outer.body, outer.end)
    octets = bound[channel.start : channel.end]
    value: Any = codec.load(_RSP).decode("InitialiseSecureChannelRequest", octets).value
    yield "otPK.DP", value["smdpOtpk"]


def good_result(entry: Entry, chip: Chip, oid: str, address: str) -> bytes:
    """Return what an eUICC would sign of a good load (BF37); nothing is loaded here."""
    value: Value = {
        "transactionId": entry.transaction_id,
        "notificationMetadata": {
            "seqNumber": 1,
            "profileManagementOperation": {"value": "80", "length": 1},
            "notificationAddress": address,
            "iccid": iccid_octets(entry.iccid).hex(),
        },
        "smdpOid": oid,
        "finalResult": {"successResult": {"aid": _AID, "simaResponse": _DONE}},
    }
    data = codec.load(_RSP).encode("ProfileInstallationResultData", value)
    key = chip.made.ecasd.identities[0].key
    return tlv("BF37", data, EUICC_SIGN_PIR.sign(key, data))
