"""A Bound Profile Package on its way to the card: cut into segments and joined. SGP.22 §2.5.5."""

from __future__ import annotations

from dataclasses import replace

from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.finding import Finding, finding
from dissectors.link import apdu_codes as codes
from dissectors.link.apdu import ApduError
from dissectors.link.apdu_chain import announced_length, first_tag
from dissectors.link.apdu_message import CardKind, CardMessage

HEADERS = frozenset({"BF36", "A1", "A3"})  # segments that are no whole TLV
_LONGEST = 16 * 1024 * 1024
_PROBLEMS = 64

# the segments by their first tag, and those that may follow each. SGP.22 §2.5.5, §5.7.6
_NEXT: dict[str, frozenset[str]] = {
    "BF36": frozenset({"A0"}),
    "A0": frozenset({"A1"}),
    "A1": frozenset({"88"}),
    "88": frozenset({"88", "A2", "A3"}),
    "A2": frozenset({"A3"}),
    "A3": frozenset({"86"}),
    "86": frozenset({"86"}),
}
SEGMENTS = frozenset(_NEXT) - {"BF36"}


def split_bpp(package: bytes) -> list[bytes]:
    """Cut a package into what each STORE DATA chain carries."""
    try:
        whole = read_tlv(package)
        parts = list(split(package, whole.body, whole.end))
        if whole.tag != b"\xbf\x36" or whole.end != len(package) or len(parts) < 2:
            raise ApduError("not one BF36 with its parts inside")
        # the package's own header goes with the first part
        segments = [package[: parts[0].end]]
        for part in parts[1:]:
            if part.tag in (b"\xa1", b"\xa3"):
                segments.append(package[part.start : part.body])
                inner = split(package, part.body, part.end)
                segments += [package[one.start : one.end] for one in inner]
            else:
                segments.append(package[part.start : part.end])
    except TlvError as error:
        raise ApduError(f"the package cannot be cut into segments: {error}") from None
    return segments


class BppJoiner:
    """Joins the chains of one channel that carry a package; other messages pass through."""

    __slots__ = ("_parts", "_problems", "_size", "_tag", "_total")

    def __init__(self) -> None:
        self._parts: list[CardMessage] = []
        self._problems: list[Finding] = []
        self._size = 0
        self._total: int | None = None  # bytes of the package, None when its start is missing
        self._tag = ""

    @property
    def joining(self) -> bool:
        """Tell whether a package is under way."""
        return bool(self._parts)

    def take(self, message: CardMessage) -> list[CardMessage]:
        """Take one STORE DATA chain; return what is whole by now."""
        tag = first_tag(message.command)
        if tag not in _NEXT or (tag == "BF36" and self._parts):
            before = self.flush()
            return [*before, *self.take(message)] if tag in _NEXT else [*before, message]
        if not self._parts:
            self._begin(tag, message.command)
        elif tag not in _NEXT[self._tag]:
            text = f"{tag} after {self._tag}"
            self._problems.append(finding(codes.BPP_ORDER, text, f"segment[{len(self._parts)}]"))
        self._parts.append(message)
        self._size += len(message.command)
        self._tag = tag
        refused = not (message.sw == 0x9000 or message.sw >> 8 == 0x91)
        # the card may end the load with its result after any segment
        if message.response or refused or (self._total is not None and self._size >= self._total):
            return self._join()
        if self._size > _LONGEST:
            self._problems.append(finding(codes.LIMIT, f"more than {_LONGEST} bytes of segments"))
            return self._join()
        return []

    def flush(self) -> list[CardMessage]:
        """Return the package that is under way, as far as it came."""
        if not self._parts:
            return []
        missing = "" if self._total is None else f", {self._total - self._size} bytes are missing"
        text = f"the load ends after {self._tag} without a result{missing}"
        self._problems.append(finding(codes.BPP_CUT, text))
        return self._join()

    def _begin(self, tag: str, command: bytes) -> None:
        self._size, self._problems = 0, []
        self._total = announced_length(command) if tag == "BF36" else None
        if self._total is None:
            text = f"the first segment seen begins with {tag}"
            self._problems.append(finding(codes.BPP_START, text))

    def _join(self) -> list[CardMessage]:
        parts, self._parts = tuple(self._parts), []
        first, last = parts[0], parts[-1]
        problems = list(self._problems)
        if self._total is not None and self._size > self._total:
            text = f"{self._size} bytes of segments for a package of {self._total}"
            problems.append(finding(codes.BPP_ORDER, text))
        for number, part in enumerate(parts):
            problems += [
                replace(one, path=f"segment[{number}]" + (f".{one.path}" if one.path else ""))
                for one in part.problems
            ]
        frames = tuple(frame for part in parts for frame in part.command_frames)
        return [
            CardMessage(
                last.channel,
                CardKind.LOAD_BPP,
                last.header,
                b"".join(part.command for part in parts),
                last.response,
                last.sw,
                tuple(dict.fromkeys(frames)),
                last.response_frames,
                first.command_time,
                last.time,
                last.isdr,
                tuple(problems[:_PROBLEMS]),
                parts,
            )
        ]
