"""CoAP transfers to eSIM messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, finding
from dissectors.link.coap import options as opt
from dissectors.link.coap.block import parse_block
from dissectors.link.coap.options import Options
from dissectors.link.coap.transfers import CoapTransfer, DatagramRecord
from dissectors.link.stream import Flow
from dissectors.spec.functions import Function
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE, Message, Recognised
from dissectors.trace.not_read import not_read
from dissectors.trace.recognise import Body, Media, recognise

_POST = 2
_WAITING = 256
# 42 is application/octet-stream, the usual stand-in; 50 is application/json
_OCTETS, _JSON = 42, 50

OnProblem = Callable[[Finding, tuple[int, ...]], None]
OnRecord = Callable[[Flow, DatagramRecord], None]


class CoapCarrier:
    """Turns the CoAP transfers of one flow into eSIM messages; a `CoapSink`."""

    __slots__ = (
        "_asked",
        "_ends",
        "_flow",
        "_on_message",
        "_on_problem",
        "_on_record",
        "_spec",
        "_transport",
    )

    def __init__(
        self,
        flow: Flow,
        secure: bool,
        on_message: Callable[[Message], None],
        on_problem: OnProblem,
        on_record: OnRecord | None,
        spec: Spec | None,
    ) -> None:
        self._flow = flow
        self._ends = (str(flow.client), str(flow.server))
        self._transport = "coaps" if secure else "coap"
        self._on_message = on_message
        self._on_problem = on_problem
        self._on_record = on_record
        self._spec = spec
        self._asked: dict[int, Function] = {}

    def record(self, record: DatagramRecord) -> None:
        """Take what one datagram is."""
        if self._on_record is not None:
            self._on_record(self._flow, record)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding that belongs to no message."""
        self._on_problem(finding, frames)

    def transfer(self, transfer: CoapTransfer) -> None:
        """Take one application message."""
        if transfer.code >= 0x20:
            self._response(transfer)
            return
        media = _media(_content_format(transfer.options))
        body = Body(REQUEST, _path(transfer.options), transfer.body, media)
        found = recognise(body, self._spec)
        if found is None:
            return
        if not transfer.body and _goes_on(transfer):
            text = "it asks for a later block of an answer"
            found = found._replace(problems=(finding(codes.BEGUN, text),))
        if len(self._asked) >= _WAITING:
            self._asked.pop(next(iter(self._asked)))
        self._asked[transfer.number] = found.function
        self._emit(transfer, found, None)

    def _response(self, transfer: CoapTransfer) -> None:
        request, path, asked = transfer.request, "", None
        if request is not None:
            asked = self._asked.pop(request.number, None)
            if asked is None:
                return  # the answer to something that is not ours
            path = _path(request.options)
        media = _media(_content_format(transfer.options))
        body = Body(RESPONSE, path, transfer.body, media, asked)
        # the payload of an error is a diagnostic text (RFC 7252 §5.5.2)
        found = recognise(body, self._spec) if transfer.code >> 5 == 2 else None
        if asked is not None and found is None:
            told = not_read(transfer.body, transfer.code_text)
            found = Recognised(asked, RESPONSE, None, (), None, told)
        if found is not None:
            self._emit(transfer, found, transfer.code_text)

    def _emit(self, transfer: CoapTransfer, found: Recognised, status: str | None) -> None:
        function, kind, name, specs, value, problems, is_json = found
        side = transfer.side
        sender, receiver = function.sender, function.receiver
        if kind == RESPONSE:
            sender, receiver = receiver, sender
        told = _departures(transfer, is_json)
        if told or transfer.findings:
            problems = (*transfer.findings, *told, *problems)
        self._on_message(
            Message(
                transfer.frames,
                transfer.time,
                self._ends[side],
                self._ends[1 - side],
                self._transport,
                function.interface,
                function.name,
                kind,
                name,
                specs,
                status,
                value,
                transfer.body,
                problems,
                0,
                self._flow.number,
                sender,
                receiver,
                transfer,
            )
        )


@lru_cache(256)
def _path(options: Options) -> str:
    return opt.uri_path(options)


@lru_cache(256)
def _content_format(options: Options) -> int | None:
    return opt.first_uint(options, opt.CONTENT_FORMAT)


def _goes_on(transfer: CoapTransfer) -> bool:
    """Say whether a request asks for a later block: what it asked is in an earlier one."""
    value = opt.first(transfer.options, opt.BLOCK2)
    block = parse_block(value) if value is not None else None
    return block is not None and block.num > 0


def _media(content_format: int | None) -> Media:
    return Media.JSON if content_format == _JSON else Media.OTHER


def _departures(transfer: CoapTransfer, is_json: bool) -> list[Finding]:
    problems = []
    number = _content_format(transfer.options)
    code = transfer.code
    success = code < 0x20 or code >> 5 == 2
    wanted = _JSON if is_json else _OCTETS
    if transfer.body and success and number != wanted:
        text = f"Content-Format {number} for {wanted}" if number is not None else "none given"
        problems.append(finding(codes.CONTENT_FORMAT, text))
    if code < 0x20 and code != _POST:
        problems.append(finding(codes.METHOD, f"{transfer.code_text} for 0.02 POST"))
    # 2.04 and 2.05 are both in use; the facts do not settle which is right
    if code >= 0x20 and code not in (0x44, 0x45):
        problems.append(finding(codes.STATUS, f"code {transfer.code_text} for 2.04 or 2.05"))
    return problems
