"""Card messages to eSIM messages: a command TLV is a request, its answer a response."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.codec import Decoded
from dissectors.asn1.detect import DetectError, detect
from dissectors.asn1.fits import decode_fitting
from dissectors.asn1.versions import SPECS, Spec
from dissectors.finding import Finding, finding
from dissectors.link.apdu_message import CardKind, CardMessage
from dissectors.spec.functions import CARD, ES10B, ES10F, FUNCTIONS, Function
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE, Message, Recognised
from dissectors.trace.recognise import first_tag

Read = tuple[Decoded, tuple[str, ...]]

# 91xx: done, and a proactive command waits
_DONE = (0x9000, 0x9100)
# IFPP §3: ES10f has this function of ES10b
_PACKAGE = next(f for f in FUNCTIONS if (f.interface, f.request) == (ES10F, "BoundProfilePackage"))
_NO_COMMAND = Function(ES10B, "unknown", None, None, "ipa", "euicc", "")


# a function with the specifications that have its command under one tag
Candidate = tuple[Function, tuple[str, ...]]


@lru_cache(maxsize=1)
def _by_tag() -> dict[bytes, tuple[Candidate, ...]]:
    """Return the functions of ES10 by the first tag of their command, in any version.

    Where two specifications have a command of one name under one tag, it is one candidate.
    """
    found: dict[bytes, dict[str, Candidate]] = {}
    for function in FUNCTIONS:
        if function.interface not in CARD or function.request is None:
            continue
        for spec in SPECS:
            schema = codec.load(spec).schema
            if spec.name in function.specs and function.request in schema.types:
                tag = schema.types[function.request].tags[0]
                first, names = found.setdefault(tag, {}).get(function.request, (function, ()))
                names = names if spec.name in names else (*names, spec.name)
                found[tag][function.request] = first, names
    return {tag: tuple(candidates.values()) for tag, candidates in found.items()}


def _choose(
    candidates: tuple[Candidate, ...], command: bytes, spec: Spec | None
) -> tuple[Function, tuple[str, ...], Read]:
    """Return the function that a command fits best, with its decoding.

    Of those that it fits alike, one of the specification that is spoken comes first: LpaeActivation
    of SGP.22 and IpaeActivation of SGP.32 have the same octets.
    """
    tried: list[tuple[tuple[int, bool, int], Candidate, Read]] = []
    for candidate in candidates:
        function, names = candidate
        assert function.request is not None
        other = spec is not None and spec.name not in names
        found = _read(function.request, command, names, spec)
        tried.append(((len(found[0].findings), other, len(tried)), candidate, found))
    _, (function, names), found = min(tried, key=lambda one: one[0])
    return function, names, found


def _read(type_name: str, octets: bytes, names: tuple[str, ...], spec: Spec | None) -> Read:
    """Decode in the version that is spoken; what that does not have, in those that have it."""
    try:
        return decode_fitting(type_name, octets, names, spec)
    except KeyError:
        return decode_fitting(type_name, octets, names)


def recognise_command(command: bytes, spec: Spec | None = None) -> Recognised | None:
    """Find what a whole command TLV is; None where its tag is no command's."""
    candidates = _by_tag().get(first_tag(command), ())
    if not candidates:
        return None
    function, _, (decoded, specs) = _choose(candidates, command, spec)
    return Recognised(function, REQUEST, decoded.type, specs, decoded.value, decoded.findings)


def recognise_answer(
    function: Function, answer: bytes, spec: Spec | None = None
) -> Recognised | None:
    """Read the answer to a command; None where the card answered a status word alone."""
    if not answer or function.response is None:
        return None
    decoded, specs = _read(function.response, answer, function.specs, spec)
    return Recognised(function, RESPONSE, decoded.type, specs, decoded.value, decoded.findings)


class CardCarrier:
    """Turns what one card is asked and answers into eSIM messages."""

    def __init__(
        self,
        flow: int,
        ends: tuple[str, str],
        on_message: Callable[[Message], None],
        spec: Spec | None,
    ) -> None:
        self._flow = flow
        self._ends = ends
        self._on_message = on_message
        self._spec = spec
        # whether the last session was opened by a load context, as in a factory
        self._factory = False

    def message(self, card: CardMessage) -> None:
        """Take one command with its answer."""
        if card.kind not in (CardKind.STORE_DATA, CardKind.LOAD_BPP):
            return
        tag = first_tag(card.command)
        candidates = _by_tag().get(tag, ())
        if not candidates:
            self._unknown(card)
            return
        function, names, request = _choose(candidates, card.command, self._spec)
        if function.request == "IfppLoadContextRequest":
            self._factory = True
        elif function.request == "AuthenticateServerRequest":
            self._factory = False
        elif self._factory and function.request == _PACKAGE.request:
            function = _PACKAGE
        self._emit(card, function, REQUEST, request, card.command, card.problems)
        response: Read | None = None
        problems: tuple[Finding, ...] = ()
        if card.response:
            assert function.response is not None
            response = decode_fitting(function.response, card.response, names, self._spec)
        elif card.sw & 0xFF00 not in _DONE:
            problems = (finding(codes.STATUS, f"status word {card.status} and no data"),)
        self._emit(card, function, RESPONSE, response, card.response, problems)

    def _unknown(self, card: CardMessage) -> None:
        function = _NO_COMMAND
        try:
            found = detect(card.command, None if self._spec is None else (self._spec,))
        except DetectError as error:
            problem = finding(codes.BODY, str(error))
            self._emit(card, function, REQUEST, None, card.command, (*card.problems, problem))
        else:
            problem = finding(codes.BODY, f"{found.type} is no command to a card")
            read = (found.decoded, found.specs)
            self._emit(card, function, REQUEST, read, card.command, (*card.problems, problem))
        self._emit(card, function, RESPONSE, None, card.response, ())

    def _emit(
        self,
        card: CardMessage,
        function: Function,
        kind: str,
        read: Read | None,
        octets: bytes,
        problems: tuple[Finding, ...],
    ) -> None:
        decoded, specs = read if read is not None else (None, ())
        asked = kind == REQUEST
        device, euicc = self._ends
        self._on_message(
            Message(
                card.command_frames if asked else card.response_frames,
                card.command_time if asked else card.time,
                device if asked else euicc,
                euicc if asked else device,
                "apdu",
                function.interface,
                function.name,
                kind,
                decoded.type if decoded is not None else None,
                specs,
                None if asked else card.status,
                decoded.value if decoded is not None else None,
                octets,
                (*problems, *(decoded.findings if decoded is not None else ())),
                flow=self._flow,
                sender=function.sender if asked else function.receiver,
                receiver=function.receiver if asked else function.sender,
                carrier=card,
            )
        )
