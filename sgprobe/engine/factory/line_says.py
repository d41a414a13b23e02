"""What a line hands over in a file: its reports, heard like messages to the SM-DPf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.finding import Finding
from sgprobe.cases.messages import Message, find
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.engine.heard import Heard
from sgprobe.engine.impostor import Impostor
from sgprobe.peers.effects import CardFailure

REPORT = "ProfileLoadingReport"


@dataclass(frozen=True, slots=True)
class _Read:
    """A report as it was read."""

    type: str
    value: Value
    problems: tuple[Finding, ...] = ()
    is_json: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class LineSays:
    """Hears reports; `say` takes a message of the product, the impostor commits planted faults."""

    say: Callable[..., Heard]
    impostor: Impostor

    def report(self, octets: bytes) -> bytes | None:
        """Take a report, or what a planted fault makes of it; None where none comes."""
        message = _message()
        value = codec.load(SPEC).decode(REPORT, octets).value
        try:
            said = self.impostor.card(message.function, octets, value, asks=True)
        except CardFailure:
            # the fault is silence
            return None
        read = codec.load(SPEC).decode(REPORT, said)
        found = _Read(REPORT, read.value, tuple(read.findings))
        self.say("fpa", "smdpf", message.function, request=True, found=found, octets=said,
                 transport="file")  # fmt: skip
        return said


def _message() -> Message:
    message = find("fpa", "smdpf", REPORT)
    assert message is not None
    return message
